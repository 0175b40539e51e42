import { createServer, type Server, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import type { Component, Host, Settings, ShutdownOptions } from '../../component/component.ts'
import { type ConfigOf, configSchema } from '../../component/config_schema.ts'
import type { Consumer, ConsumerSet } from '../../component/consumer.ts'
import { defineConnector, defineExporter, defineProcessor, defineReceiver, type MainComponent } from '../../component/factory.ts'
import type { IngestLink, IngestOrigin } from '../../component/link.ts'
import type { Registry } from '../../component/spec.ts'
import type { Telemetry } from '../../component/telemetry.ts'
import { ByteInterner } from '../../lib/intern.ts'
import { AccessLogs } from '../../model/access_logs.ts'
import { AttributeSet } from '../../model/attributes.ts'
import type { Logs } from '../../model/logs.ts'
import type { SeriesMetrics } from '../../model/metrics.ts'
import { seriesLayout } from '../../model/series/layout.ts'
import { Control, SeriesShard, type ShardBuffers } from '../../model/series/shard.ts'
import { type FakeStore, fakeCrossing, fakeMark, fakeParse, fakeRecordSink, fakeStore, fakeStoreEverywhere, recordsOf, useStorage } from './records.ts'
import { fakeNumber, fakeNumbered, fakeOther } from './sharing.ts'

/**
 * Small components to test the graph with. A line sent to `fake_lines` is a batch: JSON `{ "rows": [["host", 200], …] }`,
 * answered by `ok`, or by the error's name; `{ "do": "throw" | "exit" | "oom" | "hang" | "fatal" }` does something bad.
 */
const string = (value = '') => ({ type: 'string', default: value, description: 'For tests.' }) as const
const flag = { type: 'boolean', default: false, description: 'For tests.' } as const

const linesConfig = configSchema({
  type: 'object',
  additionalProperties: false,
  properties: { endpoint: string('127.0.0.1:0'), fail_start: flag, hang_on_stop: flag, note: string(), storage: string() },
})

class FakeLines implements Component {
  readonly #config: ConfigOf<typeof linesConfig>
  readonly #next: ConsumerSet
  readonly #telemetry: Telemetry
  readonly #batch = new AccessLogs(new ByteInterner())
  readonly #makesRecords: boolean
  readonly #worker: number
  readonly #sockets = new Set<Socket>()
  #server: Server | undefined
  #host: Host | undefined

  constructor(
    settings: Settings,
    { config, makesRecords = false, worker = -1 }: { config: ConfigOf<typeof linesConfig>; makesRecords?: boolean; worker?: number },
    next: ConsumerSet,
  ) {
    this.#telemetry = settings.telemetry
    this.#makesRecords = makesRecords
    this.#worker = worker
    const store = config.storage === '' ? undefined : (settings.shared(config.storage) as FakeStore | undefined)
    if (store !== undefined) settings.log.info({ store: store.name }, 'has a store')
    this.#config = config
    this.#next = next
  }

  async start(host: Host): Promise<void> {
    if (this.#config.fail_start) throw new Error('cannot start because the test says so')
    this.#host = host
    const { endpoint } = this.#config
    const [address = '', port] = endpoint.split(':')
    this.#server = createServer((socket) => this.#serve(socket))
    await new Promise<void>((resolve, reject) => {
      this.#server?.once('error', reject)
      this.#server?.listen({ host: address, port: Number(port) || host.chosenPort(endpoint), reusePort: host.sharesPorts }, resolve)
    })
    const bound = this.#server.address()
    if (typeof bound === 'object' && bound !== null) host.listening({ configured: endpoint, host: address, port: bound.port })
  }

  async shutdown(): Promise<void> {
    if (this.#config.hang_on_stop) await new Promise(() => {})
    for (const socket of this.#sockets) socket.destroy()
    await new Promise<void>((resolve) => (this.#server === undefined ? resolve() : this.#server.close(() => resolve())))
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
    socket.on('error', () => {})
    createInterface({ input: socket }).on('line', (line) => {
      const { rows = [], do: deed } = JSON.parse(line) as { rows?: [string, number][]; do?: string }
      if (deed !== undefined) this.#do(deed)
      void this.#answer(rows, socket)
    })
  }

  async #answer(rows: readonly (readonly [string, number])[], socket: Socket): Promise<void> {
    try {
      await this.#next.logs?.consume(this.#makesRecords ? recordsOf(rows.map(([host, code]) => `${host} ${code} 0`)) : this.#batchOf(rows))
      socket.write('ok\n')
    } catch (error) {
      socket.write(`${(error as Error).name}\n`)
    }
  }

  #batchOf(rows: readonly (readonly [string, number])[]): AccessLogs {
    const batch = this.#batch
    batch.grow(rows.length)
    batch.length = rows.length
    batch.edges = undefined
    for (const [i, [host, code]] of rows.entries()) {
      const bytes = new TextEncoder().encode(host)
      batch.authority[i] = batch.strings.intern(bytes, new DataView(bytes.buffer), 0, bytes.length)
      batch.responseCode[i] = code
      batch.entryClass[i] = 0
    }
    return batch
  }

  #do(deed: string): void {
    // The kernel chooses who gets a line; where the worker knows its number, only the one that is meant does the deed.
    if (deed === 'throw' || deed === `throw ${this.#worker}`) {
      setImmediate(() => {
        throw new Error('thrown because the test says so')
      })
    } else if (deed === 'exit') {
      // The announcement of this counter is still on its way when the thread ends.
      this.#telemetry.counter({ name: 'last_words', description: 'Counted at the end.', unit: '1', type: 'counter' }).add(3)
      process.exit(7)
    }
    if (deed === 'fatal') this.#host?.report({ kind: 'fatal_error', error: 'fatal because the test says so' })
    else if (deed === 'hang') for (;;);
    else if (deed === 'oom') {
      const hoard: number[][] = []
      for (;;) hoard.push(Array.from({ length: 10_000 }, () => hoard.length + 0.5))
    }
  }
}

export const fakeLines = defineReceiver({
  type: 'fake_lines',
  description: 'Takes batches of access logs as JSON lines.',
  stability: { logs: 'development' },
  runs: 'ingest',
  config: linesConfig,
  listens: ({ endpoint }) => [{ network: 'tcp', address: endpoint, path: ['endpoint'] }],
  uses: ({ storage }) => useStorage(storage),
  create: (settings, config, next) => new FakeLines(settings, { config }, next),
})

/** The same on the main thread, where it makes records. */
export const fakeMainLines = defineReceiver({
  ...fakeLines,
  type: 'fake_main_lines',
  runs: 'main',
  create: (settings, config, next) => new FakeLines(settings, { config, makesRecords: true }, next),
})

const stampConfig = configSchema({
  type: 'object',
  additionalProperties: false,
  properties: {
    stamp: { type: 'integer', default: 1, description: 'Written into a column.' },
    keep_code: { type: 'integer', default: 0, description: 'Other rows are left out; 0 keeps all.' },
    refuse: flag,
  },
})

/** Changes batches in place: writes a column and leaves rows out; of records it changes the last word. */
class FakeStamp implements Consumer<Logs> {
  readonly mutatesData = true
  readonly #config: ConfigOf<typeof stampConfig>
  readonly #next: Consumer<Logs>

  constructor(config: ConfigOf<typeof stampConfig>, next: Consumer<Logs>) {
    this.#config = config
    this.#next = next
  }

  consume(batch: Logs): void | Promise<void> {
    const { stamp, keep_code: keepCode, refuse } = this.#config
    if (refuse) throw new TypeError('broken because the test says so')
    if ('groups' in batch) {
      for (const { records } of batch.groups) for (const record of records) record.body = (record.body as string).replace(/\d+$/, String(stamp))
      return this.#next.consume(batch)
    }
    let kept = 0
    for (let i = 0; i < batch.length; i++) {
      if (keepCode !== 0 && batch.responseCode[i] !== keepCode) continue
      batch.authority[kept] = batch.authority[i] as number
      batch.responseCode[kept] = batch.responseCode[i] as number
      batch.entryClass[kept++] = stamp
    }
    batch.length = kept
    return this.#next.consume(batch)
  }
}

export const fakeStamp = defineProcessor({
  type: 'fake_stamp',
  description: 'Changes access logs in place.',
  stability: { logs: 'development' },
  runs: 'ingest',
  config: stampConfig,
  create: { logs: (_settings, config, next) => new FakeStamp(config, next) },
})

const family = {
  name: 'calls',
  description: 'Calls.',
  unit: '',
  type: 'sum',
  isMonotonic: true,
  temporality: 'cumulative',
  bounds: [],
} as const
const layout = seriesLayout(['host', 'code', 'stamp'], [family])

class FakeCountIngest implements Consumer<Logs> {
  readonly #shard: SeriesShard

  constructor(link: IngestLink<ShardBuffers>) {
    this.#shard = new SeriesShard(layout, { rowsMax: 1000, textBytesMax: 10_000 }, (buffers) => link.send(buffers))
  }

  consume(batch: Logs): void {
    if ('groups' in batch) return
    for (let i = 0; i < batch.length; i++) {
      const labels = [batch.strings.text(batch.authority[i] as number), String(batch.responseCode[i]), String(batch.entryClass[i])]
      const row = this.#shard.rowOf(labels)
      this.#shard.begin(row)
      this.#shard.values[row] = (this.#shard.values[row] as number) + 1
      this.#shard.end(row, 1)
    }
  }
}

class FakeCountMain implements MainComponent {
  readonly #shards: ShardBuffers[] = []
  readonly #next: Consumer<SeriesMetrics>
  #gone = 0

  constructor(next: Consumer<SeriesMetrics>) {
    this.#next = next
  }

  receive(buffers: ShardBuffers): void {
    this.#shards.push(buffers)
  }

  gone(_from: IngestOrigin): void {
    this.#gone++
  }

  async flush(): Promise<void> {
    const totals = new Map<string, number>([['gone', this.#gone]])
    for (const shard of this.#shards) {
      const rows = Atomics.load(shard.control, Control.rows)
      for (let row = 1; row < rows; row++) {
        const key = [0, 1, 2].map((label) => textOf(shard, shard.labels[row * 3 + label] as number)).join(' ')
        totals.set(key, (totals.get(key) ?? 0) + (shard.values[row] as number))
      }
    }
    const series = [...totals.keys()].map((key) => AttributeSet.of({ key }))
    const times = new Float64Array(series.length)
    const points = {
      family,
      series,
      values: Float64Array.from(totals.values()),
      offset: 0,
      stride: 1,
      startTimesMs: times,
      updatedMs: times,
      resource: { attributes: AttributeSet.empty },
      scope: { name: 'fake', version: '' },
      producer: this,
    }
    await this.#next.consume({ timeMs: 1, families: [points] })
  }
}

function textOf(shard: ShardBuffers, id: number): string {
  const from = id === 0 ? 0 : (shard.textEnds[id - 1] as number)
  return new TextDecoder().decode(shard.textBytes.slice(from, shard.textEnds[id]))
}

const nothing = configSchema({ type: 'object', additionalProperties: false, properties: { note: string() } })

export const fakeCount = defineConnector({
  type: 'fake_count',
  description: 'Counts access logs by host, code and stamp.',
  from: 'logs',
  to: 'metrics',
  stability: 'development',
  config: nothing,
  ingest: (_settings, _config, link) => new FakeCountIngest(link),
  main: (_settings, _config, next) => new FakeCountMain(next),
})

/** `fake_lines` and `fake_count` in one: a receiver that counts in every worker, and hands on the counts on the main thread. */
export const fakeCountedLines = defineReceiver({
  ...fakeLines,
  type: 'fake_counted_lines',
  description: 'Counts access logs that come as JSON lines.',
  stability: { metrics: 'development' },
  runs: 'main',
  create: (_settings, _config, { metrics }) => new FakeCountMain(metrics as Consumer<SeriesMetrics>),
  ingest: (settings, config, link) => new FakeLines(settings, { config, worker: link.worker }, { logs: new FakeCountIngest(link) }),
})

/** What the `fake_collect` exporters of this thread hold, by component id. */
export const collected = new Map<string, FakeCollect>()

class FakeCollect implements Component {
  readonly consumers: ConsumerSet
  readonly events: string[] = []
  totals: Readonly<Record<string, number>> = {}
  #host: Host | undefined

  constructor(settings: Settings) {
    collected.set(settings.id.text, this)
    this.consumers = { metrics: { consume: (metrics) => this.#take(metrics as SeriesMetrics) } }
  }

  start(host: Host): void {
    this.#host = host
    this.events.push('start')
  }

  shutdown(_options: ShutdownOptions): void {
    this.events.push('shutdown')
  }

  /** The counts by `host code stamp` as they are now. */
  async read(): Promise<Readonly<Record<string, number>>> {
    await this.#host?.refresh()
    return this.totals
  }

  #take(metrics: SeriesMetrics): void {
    this.totals = Object.fromEntries(metrics.families.flatMap(({ series, values }) => series.map((attributes, i) => [attributes.get('key'), values[i]])))
  }
}

export const fakeCollect = defineExporter({
  type: 'fake_collect',
  description: 'Keeps the last metrics.',
  stability: { metrics: 'development' },
  config: nothing,
  main: (settings) => new FakeCollect(settings),
})

export const fakeRegistry: Registry = {
  factories: [
    fakeLines,
    fakeMainLines,
    fakeCountedLines,
    fakeStamp,
    fakeNumbered,
    fakeCrossing,
    fakeMark,
    fakeParse,
    fakeCount,
    fakeCollect,
    fakeRecordSink,
    fakeNumber,
    fakeOther,
    fakeStore,
    fakeStoreEverywhere,
  ],
}
