import { mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { FakeClock } from '../../test/fakes/clock.ts'
import { fullDisk } from '../../test/fakes/full_disk.ts'
import { RollingFile, type RollingFileOptions } from './rolling_file.ts'

const MEGABYTE = 1 << 20
const NO_LIMIT = { bytesMax: MEGABYTE, daysMax: 0, backupsMax: 0, isLocalTime: false }

describe('RollingFile', () => {
  let folder = ''
  let path = ''
  const files: RollingFile[] = []

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'meshscope-file-'))
    path = join(folder, 'logs.jsonl')
  })

  afterEach(async () => {
    for (const file of files.splice(0)) await file.close()
    await rm(folder, { recursive: true })
  })

  async function opened(options: Partial<RollingFileOptions> = {}): Promise<RollingFile> {
    const file = new RollingFile({ path, append: false, rotation: undefined, directoryMode: undefined, clock: new FakeClock(), ...options })
    files.push(file)
    await file.open()
    return file
  }

  const line = (text: string): Buffer => Buffer.from(`${text}\n`)

  test.for([
    { name: 'empties an existing file', append: false, rotation: undefined, found: 'new\n' },
    { name: 'continues it with append', append: true, rotation: undefined, found: 'old\nnew\n' },
    { name: 'continues it with rotation', append: false, rotation: NO_LIMIT, found: 'old\nnew\n' },
  ])('$name', async ({ append, rotation, found }) => {
    await writeFile(path, 'old\n')
    const file = await opened({ append, rotation })
    await file.append(line('new'))
    expect(await readFile(path, 'utf8')).toBe(found)
  })

  test('starts a new file when the next lines would not fit, and keeps the newest old ones', async () => {
    const clock = new FakeClock(Date.UTC(2026, 0, 31, 12))
    const file = await opened({ clock, rotation: { ...NO_LIMIT, bytesMax: 10, backupsMax: 2 } })
    for (let i = 0; i < 5; i++) {
      await file.append(line(`line ${i}`))
      clock.advance(1_000)
    }
    expect((await readdir(folder)).sort()).toEqual(['logs-2026-01-31T12-00-03.000.jsonl', 'logs-2026-01-31T12-00-04.000.jsonl', 'logs.jsonl'])
    expect(await readFile(join(folder, 'logs-2026-01-31T12-00-04.000.jsonl'), 'utf8')).toBe('line 3\n')
    expect(await readFile(path, 'utf8')).toBe('line 4\n')
  })

  test('gives every old file a name of its own, and touches no others', async () => {
    await writeFile(join(folder, 'logs-of-others.jsonl'), 'theirs\n')
    const file = await opened({ rotation: { ...NO_LIMIT, bytesMax: 1, backupsMax: 1 } })
    for (const text of ['a', 'b', 'c']) await file.append(line(text))
    expect((await readdir(folder)).sort()).toEqual(['logs-2026-01-01T00-00-00.001.jsonl', 'logs-of-others.jsonl', 'logs.jsonl'])
  })

  test('removes old files by age', async () => {
    const clock = new FakeClock()
    const file = await opened({ clock, rotation: { ...NO_LIMIT, bytesMax: 1, daysMax: 2 } })
    for (const text of ['a', 'b', 'c', 'd']) {
      await file.append(line(text))
      clock.advance(86_400_000)
    }
    expect((await readdir(folder)).sort()).toEqual([
      'logs-2026-01-02T00-00-00.000.jsonl',
      'logs-2026-01-03T00-00-00.000.jsonl',
      'logs-2026-01-04T00-00-00.000.jsonl',
      'logs.jsonl',
    ])
  })

  test('opens the path again when the file was moved away', async () => {
    const file = await opened()
    await file.append(line('before'))
    await rename(path, join(folder, 'moved'))
    await file.append(line('after'))
    expect([await readFile(join(folder, 'moved'), 'utf8'), await readFile(path, 'utf8')]).toEqual(['before\n', 'after\n'])
  })

  test('creates missing directories when told to', async () => {
    path = join(folder, 'a', 'b', 'logs.jsonl')
    await opened({ directoryMode: 0o750 })
    expect((await stat(join(folder, 'a'))).mode & 0o777).toBe(0o750)
  })

  test.for([
    { name: 'a missing directory', where: 'missing/logs.jsonl', message: 'the directory does not exist; create it or set create_directory: true' },
    { name: 'a directory', where: '.', message: 'it is a directory; name a file in it' },
  ])('says what to do about $name', async ({ where, message }) => {
    path = join(folder, where)
    await expect(opened()).rejects.toThrow(`cannot open ${path}: ${message}`)
  })

  test('leaves no broken line behind when the disk is full, and goes on when it is not', async () => {
    const disk = { isFull: false }
    const file = await opened({ access: fullDisk(disk) })
    await file.append(line('first'))
    disk.isFull = true
    await expect(file.append(line('second'))).rejects.toThrow('ENOSPC')
    expect(await readFile(path, 'utf8')).toBe('first\n')
    disk.isFull = false
    await file.append(line('third'))
    expect(await readFile(path, 'utf8')).toBe('first\nthird\n')
  })
})
