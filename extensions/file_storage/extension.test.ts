import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { QueueStore, QueueStoreObserver } from '../../component/kit/queue/store.ts'
import { FakeHost, fakeSettings } from '../../test/fakes/settings.ts'
import { config, type FileStorageConfig } from './config.ts'
import { FileStorage } from './extension.ts'
import { type FileAccess, fileAccess } from './file_access.ts'
import { accessWith, systemError, textOf } from './testing.ts'

let root = ''
const running: FileStorage[] = []
const observer: QueueStoreObserver = { roomFreed: () => undefined, lost: () => undefined }

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'meshscope-storage-'))
})
afterEach(async () => {
  for (const extension of running.splice(0)) await extension.shutdown()
  rmSync(root, { recursive: true, force: true })
})

function configOf(more: Partial<FileStorageConfig> = {}): FileStorageConfig {
  return {
    directory: join(root, 'storage'),
    timeout: '0s',
    fsync: false,
    max_size_mib: 64,
    create_directory: true,
    directory_permissions: '0750',
    recreate: false,
    ...more,
  }
}

async function started(more: Partial<FileStorageConfig> = {}, access?: FileAccess) {
  const settings = fakeSettings('extension', 'file_storage')
  const host = new FakeHost()
  const extension = new FileStorage(settings, configOf(more), access)
  await extension.start(host)
  running.push(extension)
  return { extension, settings, host }
}

async function stopped(extension: FileStorage): Promise<void> {
  running.splice(running.indexOf(extension), 1)
  await extension.shutdown()
}

async function texts(queue: QueueStore): Promise<string[]> {
  queue.stopTaking(false)
  const found: string[] = []
  for (;;) {
    const taken = await queue.take()
    if (taken === undefined) return found
    found.push(textOf(taken) as string)
    await queue.acknowledge([taken])
  }
}

const item = (text: string) => ({ bytes: Buffer.from(text), items: 1 })

describe('FileStorage', () => {
  test('keeps queues apart, and over a restart', async () => {
    const first = await started()
    const logs = await first.extension.shared.openQueue('exporters.otlp_grpc/a b logs', observer)
    const spans = await first.extension.shared.openQueue('exporters.otlp_grpc/a b traces', observer)
    await logs.append(item('log'))
    await spans.append(item('span'))
    await Promise.all([logs.close(), spans.close()])
    await stopped(first.extension)
    expect(readdirSync(join(root, 'storage')).sort()).toEqual(['exporters.otlp_grpc~002Fa~0020b~0020logs', 'exporters.otlp_grpc~002Fa~0020b~0020traces'])
    const second = await started()
    const again = await second.extension.shared.openQueue('exporters.otlp_grpc/a b logs', observer)
    expect(again.held).toEqual({ requests: 1, items: 1, bytes: 3 })
    expect(second.settings.log.lines.map(({ message, fields }) => [message, fields['requests']])).toEqual([['queue found on disk', 1]])
    expect(await texts(again)).toEqual(['log'])
    await again.close()
  })

  test('creates the directory with its permissions, or says that it is missing', async () => {
    const { extension } = await started({ directory: join(root, 'a', 'b'), directory_permissions: '0700' })
    expect(statSync(join(root, 'a', 'b')).mode & 0o777).toBe(0o700)
    await stopped(extension)
    await expect(started({ directory: join(root, 'missing'), create_directory: false })).rejects.toThrow(
      `cannot use the directory ${join(root, 'missing')}: the directory does not exist; create it or set create_directory: true`,
    )
  })

  test.for([
    { code: 'EROFS', hint: 'the file system is read-only; mount a volume that can be written, or change directory' },
    { code: 'EACCES', hint: 'permission denied; let the user of the daemon write there or change directory' },
  ])('says what to do about $code at the start', async ({ code, hint }) => {
    const mkdir: FileAccess['mkdir'] = async () => {
      throw systemError(code)
    }
    await expect(started({}, { ...fileAccess, mkdir })).rejects.toThrow(hint)
  })

  test('a directory that cannot be written keeps the extension from starting', async ({ skip }) => {
    skip(process.getuid?.() === 0, 'root may write everywhere')
    mkdirSync(join(root, 'storage'))
    chmodSync(join(root, 'storage'), 0o500)
    await expect(started()).rejects.toThrow(/permission denied/)
  })

  test('a path that is a file is told off', async () => {
    writeFileSync(join(root, 'file'), '')
    await expect(started({ directory: join(root, 'file', 'below') })).rejects.toThrow(/a part of the path is a file/)
  })

  test('reports a full disk once, and that it works again', async () => {
    const disk = { isFull: false }
    const access = accessWith((handle) => {
      const writev = handle.writev.bind(handle)
      const failing: typeof writev = async (...args) => {
        if (disk.isFull) throw systemError('ENOSPC')
        return writev(...args)
      }
      return { writev: failing }
    })
    const { extension, host, settings } = await started({}, access)
    const queue = await extension.shared.openQueue('q', observer)
    disk.isFull = true
    for (let i = 0; i < 2; i++) await expect(queue.append(item('no'))).rejects.toMatchObject({ name: 'RefusedError' })
    disk.isFull = false
    await queue.append(item('yes'))
    expect(host.statuses).toEqual([
      { kind: 'recoverable_error', error: `cannot write to ${join(root, 'storage')}: no space left on the device; free some or enlarge the volume` },
      { kind: 'ok' },
    ])
    expect(settings.telemetry.value('meshscope_file_storage_failed_writes')).toBe(2)
    expect(settings.telemetry.value('meshscope_file_storage_bytes')).toBe(27)
    await queue.close()
  })

  test('a negative timeout is a config problem', () => {
    expect(config.check?.(configOf({ timeout: '-1s' }))).toMatchObject([{ path: ['timeout'], problem: 'negative' }])
    expect(config.check?.(configOf())).toEqual([])
  })
})

describe('a reload', () => {
  test('hands a queue over to its successor while both are open', async () => {
    const old = await started()
    const before = await old.extension.shared.openQueue('q', observer)
    for (const text of ['a', 'b', 'c']) await before.append(item(text))
    const inHand = await before.take()
    const successor = await started({ fsync: true })
    const after = await successor.extension.shared.openQueue('q', observer)
    expect([before.isShared, after.held.requests]).toEqual([true, 3])
    before.stopTaking(true)
    expect(await before.take()).toBeUndefined()
    before.giveBack([inHand as NonNullable<typeof inHand>])
    await before.close()
    await stopped(old.extension)
    expect(after.isShared).toBe(false)
    await after.append(item('d'))
    expect(await texts(after)).toEqual(['a', 'b', 'c', 'd'])
    await after.close()
  })

  test('opens a queue anew that is just being closed', async () => {
    const { extension } = await started()
    const before = await extension.shared.openQueue('q', observer)
    await before.append(item('a'))
    const closed = before.close()
    const after = await extension.shared.openQueue('q', observer)
    await closed
    expect(await texts(after)).toEqual(['a'])
    await after.close()
  })
})

describe('the lock', () => {
  /** Another process with the lock of a directory; it says so, and keeps it until it is killed. */
  async function otherProcess(directory: string) {
    const script = `
      import { DirectoryLock } from ${JSON.stringify(join(import.meta.dirname, 'directory_lock.ts'))}
      const lock = await DirectoryLock.take(${JSON.stringify(directory)})
      process.stdout.write('owner' in lock ? 'taken by ' + lock.owner : 'locked')
      setInterval(() => {}, 1000)`
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [said] = (await once(child.stdout, 'data')) as [Buffer]
    const killed = async (): Promise<void> => {
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
    return { said: String(said), pid: child.pid, killed }
  }

  test('keeps a second process out, and is free when the first is killed', async () => {
    const directory = join(root, 'storage')
    mkdirSync(directory)
    const other = await otherProcess(directory)
    try {
      expect(other.said).toBe('locked')
      await expect(started()).rejects.toThrow(`process ${other.pid} works in it; stop that or give each a directory of its own`)
    } finally {
      await other.killed()
    }
    expect(existsSync(join(directory, 'lock'))).toBe(true)
    const { extension } = await started()
    const second = await otherProcess(directory)
    try {
      expect(second.said).toBe(`taken by ${process.pid}`)
    } finally {
      await second.killed()
    }
    await stopped(extension)
    expect(existsSync(join(directory, 'lock'))).toBe(false)
  })

  test('works in a directory with a long path', async () => {
    const directory = join(root, 'x'.repeat(200), 'y'.repeat(200))
    const { extension } = await started({ directory })
    expect(existsSync(join(directory, 'lock'))).toBe(true)
    await stopped(extension)
  })
})
