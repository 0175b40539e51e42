import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Settings } from '../../component/component.ts'
import { RefusedError } from '../../component/consumer.ts'
import { SendingQueue } from '../../component/kit/queue/sending_queue.ts'
import { queueConfigWith } from '../../component/kit/queue/testing.ts'
import { fileStorageExtension } from '../../extensions/file_storage/factory.ts'
import { systemClock } from '../../lib/clock.ts'
import { FakeHost, fakeSettings } from '../fakes/settings.ts'

/** A queue on a file system that is really full; only where this user may mount one. */

let directory = ''
let isMounted = false

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'meshscope-full-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', directory], { stdio: 'ignore' })
    isMounted = true
  } catch {
    isMounted = false
  }
})
afterEach(() => {
  if (isMounted) execFileSync('umount', [directory])
  rmSync(directory, { recursive: true, force: true })
})

const settingsOf = (kind: 'exporter' | 'extension', id: string): Settings => ({ ...fakeSettings(kind, id), clock: systemClock })

test('a full disk refuses what does not fit, keeps the rest, and takes again when something is sent', async ({ skip }) => {
  skip(!isMounted, 'this user may not mount a file system')
  const host = new FakeHost()
  const config = { directory, timeout: '0s', fsync: true, max_size_mib: 64, create_directory: false, directory_permissions: '0750', recreate: false }
  const view = { components: () => [], isReady: () => true, lastReload: () => undefined, startedAt: 0 }
  const storage = fileStorageExtension.create(settingsOf('extension', 'file_storage'), config, view, [])
  await storage.start?.(host)
  const backend = { isUp: false, received: [] as number[], all: Promise.withResolvers<void>(), expected: 0 }
  const queue = new SendingQueue(
    { ...settingsOf('exporter', 'test'), shared: () => storage.shared },
    {
      config: queueConfigWith({
        retry_on_failure: { initial_interval: '50ms', max_interval: '50ms', max_elapsed_time: '0s' },
        sending_queue: { storage: 'file_storage' },
      }),
      signals: ['logs'],
      send: async ({ bytes }) => {
        if (!backend.isUp) throw new RefusedError('down')
        backend.received.push(Number.parseInt(Buffer.from(bytes).toString('latin1', 0, 10), 10))
        if (backend.received.length === backend.expected) backend.all.resolve()
      },
    },
  )
  await queue.start(new FakeHost())
  const accepted: number[] = []
  const refused: unknown[] = []
  const offer = async (number: number): Promise<void> => {
    try {
      await queue.offer({ signal: 'logs', bytes: Buffer.from(String(number).padEnd(10_000)), items: 1 })
      accepted.push(number)
    } catch (error) {
      refused.push(error)
    }
  }
  for (let number = 0; number < 200; number++) await offer(number)
  expect(refused.length).toBeGreaterThan(0)
  expect(accepted.length + refused.length).toBe(200)
  expect(refused[0]).toMatchObject({ name: 'RefusedError', message: 'cannot be stored: no space left on the device; free some or enlarge the volume' })
  expect(host.statuses.map(({ kind }) => kind)).toEqual(['recoverable_error'])
  backend.expected = accepted.length
  backend.isUp = true
  await backend.all.promise
  // Sent is not yet removed from the disk.
  while (accepted.at(-1) !== 1000) await offer(1000)
  for (let number = 1001; number < 1010; number++) await offer(number)
  await queue.shutdown({ signal: AbortSignal.timeout(10_000) })
  await storage.shutdown?.({ signal: AbortSignal.timeout(10_000) })
  expect(accepted.slice(-10)).toEqual(Array.from({ length: 10 }, (_, i) => 1000 + i))
  expect(backend.received.toSorted((a, b) => a - b)).toEqual(accepted)
  expect(host.statuses.map(({ kind }) => kind)).toEqual(['recoverable_error', 'ok'])
  expect(readdirSync(directory, { recursive: true })).toEqual(['exporters.test~0020logs'])
})
