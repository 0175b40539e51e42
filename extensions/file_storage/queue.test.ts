import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { RefusedError } from '../../component/consumer.ts'
import type { SendRequest } from '../../component/kit/queue/delivery.ts'
import { SendingQueue } from '../../component/kit/queue/sending_queue.ts'
import { queueConfigWith } from '../../component/kit/queue/testing.ts'
import { FakeHost, fakeSettings } from '../../test/fakes/settings.ts'
import { FileStorage } from './extension.ts'
import type { FileAccess } from './file_access.ts'
import { accessWith, systemError } from './testing.ts'

/** The sending queue and its storage together, as an exporter has them. */

let directory = ''
const opened: { readonly shutdown: () => Promise<void> }[] = []
const unhurried = () => ({ signal: new AbortController().signal })

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'meshscope-queue-'))
})
afterEach(async () => {
  for (const one of opened.splice(0)) await one.shutdown()
  rmSync(directory, { recursive: true, force: true })
})

interface Running {
  readonly send: (request: SendRequest) => Promise<void>
  readonly queue?: Parameters<typeof queueConfigWith>[0]
  readonly access?: FileAccess
}

async function started({ send, queue: config = {}, access }: Running) {
  const storage = new FileStorage(
    fakeSettings('extension', 'file_storage'),
    { directory, timeout: '0s', fsync: false, max_size_mib: 64, create_directory: true, directory_permissions: '0750', recreate: false },
    access,
  )
  await storage.start(new FakeHost())
  const settings = { ...fakeSettings('exporter', 'otlp_http'), shared: () => storage.shared }
  const queue = new SendingQueue(settings, {
    config: queueConfigWith({ ...config, sending_queue: { storage: 'file_storage', ...config.sending_queue } }),
    signals: ['logs'],
    send,
    random: () => 0.5,
  })
  await queue.start(new FakeHost())
  const shutdown = async (): Promise<void> => {
    await queue.shutdown(unhurried())
    await storage.shutdown()
  }
  opened.push({ shutdown })
  const count = (name: string, labels = {}): number => settings.telemetry.value(name, { exporter: 'otlp_http', ...labels })
  const ledger = () => ({
    sent: count('otelcol_exporter_sent_log_records'),
    dropped: count('meshscope_exporter_dropped_log_records'),
    refused: count('otelcol_exporter_enqueue_failed_log_records'),
    queued: count('meshscope_exporter_queued_items'),
  })
  return { queue, settings, ledger, count, shutdown }
}

const item = (text: string, items = 1) => ({ signal: 'logs' as const, bytes: Buffer.from(text), items })

/** A backend that collects what it gets, and says when so many requests are there. */
function collecting() {
  const texts: string[] = []
  const waiting: { readonly count: number; readonly resolve: () => void }[] = []
  const send = async ({ bytes }: SendRequest): Promise<void> => {
    texts.push(Buffer.from(bytes).toString())
    for (const { count, resolve } of waiting) if (texts.length >= count) resolve()
  }
  const arrived = (count: number): Promise<void> => (texts.length >= count ? Promise.resolve() : new Promise((resolve) => waiting.push({ count, resolve })))
  return { texts, send, arrived }
}

const down = async (): Promise<void> => {
  throw new RefusedError('connection refused')
}

test('what a dead backend did not take is sent by the next process, and nobody counts it as lost', async () => {
  const first = await started({ send: down })
  for (const text of ['a', 'b', 'c']) await first.queue.offer(item(text, 2))
  await first.shutdown()
  expect(first.ledger()).toEqual({ sent: 0, dropped: 0, refused: 0, queued: 6 })
  const { texts, send, arrived } = collecting()
  const second = await started({ send, queue: { sending_queue: { num_consumers: 1 } } })
  await arrived(3)
  await second.shutdown()
  expect(texts).toEqual(['a', 'b', 'c'])
  expect(second.ledger()).toEqual({ sent: 6, dropped: 0, refused: 0, queued: 0 })
})

test('a stop sends what it can', async () => {
  const { texts, send } = collecting()
  const { queue, shutdown, ledger } = await started({ send, queue: { sending_queue: { num_consumers: 1 } } })
  await Promise.all(Array.from({ length: 50 }, async (_, i) => queue.offer(item(`${i}`))))
  await shutdown()
  expect(texts).toEqual(Array.from({ length: 50 }, (_, i) => `${i}`))
  expect(ledger()).toEqual({ sent: 50, dropped: 0, refused: 0, queued: 0 })
})

test('a stop does not wait longer than five seconds for a backlog, and keeps the rest', async () => {
  const gates: (() => void)[] = []
  const asked: { readonly promise: Promise<void>; readonly resolve: () => void } = Promise.withResolvers<void>()
  const send = (): Promise<void> => {
    asked.resolve()
    return new Promise((resolve) => gates.push(resolve))
  }
  const { queue, settings, shutdown, ledger } = await started({ send, queue: { timeout: '0s', sending_queue: { num_consumers: 1 } } })
  for (const text of ['a', 'b', 'c']) await queue.offer(item(text))
  await asked.promise
  const stopped = shutdown()
  settings.clock.advance(5000)
  gates[0]?.()
  await stopped
  expect(ledger()).toEqual({ sent: 1, dropped: 0, refused: 0, queued: 2 })
})

test('what the disk does not take is refused, with the reason counted', async () => {
  const access = accessWith(() => ({
    writev: async () => {
      throw systemError('ENOSPC')
    },
  }))
  const { queue, count, ledger } = await started({ send: down, access })
  await expect(queue.offer(item('a', 3))).rejects.toThrow('cannot be stored: no space left on the device; free some or enlarge the volume')
  expect(count('otelcol_exporter_enqueue_failed_log_records', { reason: 'storage' })).toBe(3)
  expect(ledger()).toEqual({ sent: 0, dropped: 0, refused: 3, queued: 0 })
})

test('damaged items are counted as dropped, and room is made for others', async () => {
  const first = await started({ send: down })
  for (const text of ['first', 'second', 'third']) await first.queue.offer(item(text, 10))
  await first.shutdown()
  const [folder = ''] = readdirSync(directory).filter((file) => file !== 'lock')
  const [file = ''] = readdirSync(join(directory, folder)).filter((name) => name.endsWith('.seg'))
  const bytes = readFileSync(join(directory, folder, file))
  bytes.write('SECOND', bytes.indexOf('second'))
  writeFileSync(join(directory, folder, file), bytes)
  const { texts, send, arrived } = collecting()
  const second = await started({ send })
  await arrived(2)
  await second.shutdown()
  expect(texts.sort()).toEqual(['first', 'third'])
  expect(second.count('meshscope_exporter_dropped_log_records', { reason: 'damaged' })).toBe(10)
  expect(second.ledger()).toEqual({ sent: 20, dropped: 10, refused: 0, queued: 0 })
})

test('joins what it finds on disk to batches', async () => {
  const first = await started({ send: down })
  for (let i = 0; i < 10; i++) await first.queue.offer(item(String(i)))
  await first.shutdown()
  const { texts, send, arrived } = collecting()
  const batch = { flush_timeout: '200ms', min_size: 5, max_size: 0, sizer: 'items' } as const
  const second = await started({ send, queue: { sending_queue: { batch } } })
  await arrived(2)
  await second.shutdown()
  expect(texts).toEqual(['01234', '56789'])
  expect(second.ledger()).toMatchObject({ sent: 10, queued: 0 })
})

test('after a reload the new exporter sends what the old one had in hand', async () => {
  const tried = Promise.withResolvers<void>()
  let attempts = 0
  const send = async (): Promise<void> => {
    if (++attempts === 2) tried.resolve()
    throw new RefusedError('wrong endpoint')
  }
  const old = await started({ send, queue: { sending_queue: { num_consumers: 2 } } })
  for (const text of ['a', 'b', 'c']) await old.queue.offer(item(text))
  await tried.promise
  const { texts, send: collect, arrived } = collecting()
  const successor = await started({ send: collect })
  await arrived(1)
  await old.shutdown()
  await arrived(3)
  await successor.queue.offer(item('d'))
  await successor.shutdown()
  expect(texts.sort()).toEqual(['a', 'b', 'c', 'd'])
  expect(old.ledger()).toMatchObject({ sent: 0, dropped: 0 })
  expect(successor.ledger()).toEqual({ sent: 4, dropped: 0, refused: 0, queued: 0 })
})

test('an extension that stores nothing is told off at the start', async () => {
  const settings = { ...fakeSettings('exporter', 'otlp_http'), shared: () => ({ authenticate: () => undefined }) }
  const queue = new SendingQueue(settings, { config: queueConfigWith({ sending_queue: { storage: 'basicauth' } }), send: down })
  await expect(queue.start(new FakeHost())).rejects.toThrow('sending_queue.storage: basicauth is not a storage extension')
})
