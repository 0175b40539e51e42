/** The daemon is killed ten times under load, with its queue on disk: what it has answered with OK comes out. */
import { setTimeout as pause } from 'node:timers/promises'
import { status } from '@grpc/grpc-js'
import { expect, test } from 'vitest'
import { OtlpGrpcClient } from '../../fakes/otlp_client.ts'
import { freePort } from '../../free_port.ts'
import { temporaryFolder } from '../child.ts'
import { sumOf } from '../daemon.ts'
import { settled, until } from '../waiting.ts'
import { Backend, namedRequest, type Protocol } from './backend.ts'
import { type Relay, type RelayPorts, startRelay } from './relay.ts'

const KILLS = 10
/** Requests that are under way to the daemon at a time. */
const SENDERS = 8
const CONSUMERS = 3
const RECORDS = 20
const BATCH_REQUESTS_MAX = 5
const PADDING_BYTES = 200

/** Sends named requests without end, the next when the one before has been answered; remembers those that were answered with OK. */
class Load {
  readonly acknowledged: string[] = []
  /** How many calls have ended otherwise. */
  failed = 0
  #next = 0
  #isRunning = true
  readonly #port: number
  #client: OtlpGrpcClient
  readonly #done: Promise<void>[]

  constructor(port: number) {
    this.#port = port
    this.#client = new OtlpGrpcClient(port)
    this.#done = Array.from({ length: SENDERS }, () => this.#send())
  }

  /** Connects at once; the library would wait longer and longer after failures. */
  reconnect(): void {
    this.#client.close()
    this.#client = new OtlpGrpcClient(this.#port)
  }

  async stop(): Promise<void> {
    this.#isRunning = false
    await Promise.all(this.#done)
    this.#client.close()
  }

  async #send(): Promise<void> {
    while (this.#isRunning) {
      const name = `request ${this.#next++}`
      const { code } = await this.#client.export('logs', namedRequest(name, RECORDS, PADDING_BYTES), { deadlineMs: 5000 })
      if (code === status.OK) this.acknowledged.push(name)
      else {
        this.failed++
        await pause(100)
      }
    }
  }
}

test.for([
  { protocol: 'grpc', batch: false },
  { protocol: 'http', batch: true },
] as const)('kill -9 ten times under load by $protocol (batch: $batch): nothing that was acknowledged is lost', async ({ protocol, batch }) => {
  const folder = temporaryFolder('kill')
  const port = await freePort()
  const backend = await new Backend(protocol, port).start()
  const exporters = exporterTo(protocol, port, batch)
  const extensions = { file_storage: { directory: folder.path } }
  const start = (ports?: RelayPorts): Promise<Relay> => startRelay({ exporters, extensions, ...(ports === undefined ? {} : { ports }) })
  let relay = await start()
  const { ports } = relay
  const load = new Load(ports.otlp)
  try {
    for (let kill = 1; kill <= KILLS; kill++) {
      const before = load.acknowledged.length
      // A backlog, too, and not only what is under way, is there for every other daemon to leave behind.
      backend.answer = kill % 2 === 0 ? (_name, attempt) => (attempt < 3 ? { code: protocol === 'grpc' ? status.UNAVAILABLE : 503 } : 'taken') : () => 'taken'
      await until(`requests before kill ${kill}`, () => load.acknowledged.length >= before + 10 * kill, { timeoutMs: 60_000 })
      await relay.stop('SIGKILL')
      relay = await start(ports)
      load.reconnect()
    }
    await load.stop()
    backend.answer = () => 'taken'
    const taken = await settled(
      async () => backend.taken(),
      (names) => load.acknowledged.every((name) => names.has(name)),
      60_000,
    )
    expect(load.acknowledged.filter((name) => !taken.has(name))).toEqual([])
    await until('an empty queue', async () => sumOf(await relay.scrapeOwn(), 'meshscope_exporter_queued_items') === 0, { timeoutMs: 60_000 })
    // Each daemon may have had as many batches under way as it has consumers, of as many requests as a batch has.
    const repeats = [...backend.taken().values()].reduce((sum, times) => sum + times - 1, 0)
    expect(repeats).toBeLessThanOrEqual(KILLS * CONSUMERS * (batch ? BATCH_REQUESTS_MAX : 1))
    expect(load.acknowledged.length).toBeGreaterThan(500)
    expect(sumOf(await relay.scrapeOwn(), 'meshscope_exporter_dropped_log_records')).toBe(0)
    console.log(`${protocol}: ${load.acknowledged.length} acknowledged, ${load.failed} calls failed, ${repeats} taken twice`)
  } finally {
    await load.stop()
    await relay.stop()
    backend.stop()
    folder.remove()
  }
})

function exporterTo(protocol: Protocol, port: number, isBatching: boolean): Readonly<Record<string, object>> {
  const settings = {
    tls: { insecure: true },
    retry_on_failure: { initial_interval: '50ms', max_interval: '200ms', max_elapsed_time: '0s' },
    sending_queue: {
      num_consumers: CONSUMERS,
      storage: 'file_storage',
      ...(isBatching ? { batch: { flush_timeout: '50ms', min_size: 3 * RECORDS, max_size: BATCH_REQUESTS_MAX * RECORDS } } : {}),
    },
  }
  return protocol === 'grpc'
    ? { otlp_grpc: { endpoint: `127.0.0.1:${port}`, ...settings } }
    : { otlp_http: { endpoint: `http://127.0.0.1:${port}`, ...settings } }
}
