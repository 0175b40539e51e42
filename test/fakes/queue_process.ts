import { once } from 'node:events'
import { connect } from 'node:net'
import type { Settings } from '../../component/component.ts'
import { SendingQueue } from '../../component/kit/queue/sending_queue.ts'
import { queueConfigWith } from '../../component/kit/queue/testing.ts'
import { fileStorageExtension } from '../../extensions/file_storage/factory.ts'
import { systemClock } from '../../lib/clock.ts'
import { FakeHost, fakeSettings } from './settings.ts'

/**
 * A process with a sending queue on disk, for tests that kill it: `node queue_process.ts DIRECTORY PORT CONSUMERS FIRST`.
 *
 * Offers items that begin with their number, from FIRST on, and writes `stored NUMBER` for each that the queue has taken over; with
 * FIRST -1 it offers none. Sends them to a backend on 127.0.0.1 that answers each request with one byte. Ends in order
 * when its input does.
 */
const [directory = '', port = '', consumers = '', first = ''] = process.argv.slice(2)
/** Offers that wait for the disk at the same time. */
const PRODUCERS = 20

const settingsOf = (kind: 'exporter' | 'extension', id: string): Settings => ({ ...fakeSettings(kind, id), clock: systemClock })
const config = { directory, timeout: '5s', fsync: false, max_size_mib: 64, create_directory: true, directory_permissions: '0750', recreate: false }
const view = { components: () => [], isReady: () => true, lastReload: () => undefined, startedAt: 0 }
const extension = fileStorageExtension.create(settingsOf('extension', 'file_storage'), config, view, [])
await extension.start?.(new FakeHost())

const queue = new SendingQueue(
  { ...settingsOf('exporter', 'test'), shared: () => extension.shared },
  {
    config: queueConfigWith({
      retry_on_failure: { initial_interval: '50ms', max_elapsed_time: '0s' },
      sending_queue: { num_consumers: Number(consumers), queue_size: 300, block_on_overflow: true, storage: 'file_storage' },
    }),
    signals: ['logs'],
    send: async ({ bytes }) => {
      const socket = connect(Number(port), '127.0.0.1')
      const head = Buffer.alloc(4)
      head.writeUInt32LE(bytes.length)
      socket.end(Buffer.concat([head, bytes]))
      await once(socket, 'data')
      socket.destroy()
    },
  },
)
await queue.start(new FakeHost())

const life = { isStopping: false }
let next = Number(first)

async function produce(): Promise<void> {
  while (!life.isStopping) {
    const number = next++
    const text = `${number} `.padEnd(10 + ((number * 7919) % 20_000), 'x')
    await queue.offer({ signal: 'logs', bytes: Buffer.from(text), items: 1 })
    process.stdout.write(`stored ${number}\n`)
  }
}

const producing = next < 0 ? [] : Array.from({ length: PRODUCERS }, produce)
process.stdout.write('started\n')
process.stdin.resume()
await once(process.stdin, 'end')
life.isStopping = true
await queue.shutdown({ signal: AbortSignal.timeout(10_000) })
await Promise.allSettled(producing)
await extension.shutdown?.({ signal: AbortSignal.timeout(10_000) })
