import type { Component, Settings, ShutdownOptions } from '../../component/component.ts'
import { type ConfigOf, configSchema } from '../../component/config_schema.ts'
import type { Consumer, ConsumerSet } from '../../component/consumer.ts'
import { defineExporter, defineExtension, defineProcessor, type ExtensionUse } from '../../component/factory.ts'
import type { IngestLink, IngestOrigin, IngestPeer, MainHalf } from '../../component/link.ts'
import { ByteInterner } from '../../lib/intern.ts'
import { AccessLogs } from '../../model/access_logs.ts'
import { AttributeSet } from '../../model/attributes.ts'
import { type LogRecord, type LogRecords, newLogRecord } from '../../model/log_records.ts'
import type { Logs } from '../../model/logs.ts'

/** Components to test the way of access logs to the main thread with. A record's body is `host code class` of an entry. */

/** Records with these bodies. */
export function recordsOf(bodies: readonly string[]): LogRecords {
  const records = bodies.map((body): LogRecord => newLogRecord({ body }))
  return { groups: [{ resource: { attributes: AttributeSet.empty }, scope: { name: 'fake', version: '' }, records }] }
}

/** The bodies of all records. */
export function bodiesOf({ groups }: LogRecords): string[] {
  return groups.flatMap(({ records }) => records.map(({ body }) => body as string))
}

function textsOf(batch: AccessLogs): string[] {
  return Array.from({ length: batch.length }, (_, i) =>
    [batch.strings.text(batch.authority[i] as number), batch.responseCode[i], batch.entryClass[i]].join(' '),
  )
}

const crossingConfig = configSchema({
  type: 'object',
  additionalProperties: false,
  properties: {
    batch: { type: 'integer', default: 1, description: 'How many entries cross together; the rest crosses at the stop.' },
    note: { type: 'string', default: '', description: 'Written behind every entry.' },
  },
})
type CrossingConfig = ConfigOf<typeof crossingConfig>

interface CrossingMessage {
  readonly bytes: Uint8Array<ArrayBuffer>
}

class FakeCrossingIngest implements Component, Consumer<Logs> {
  readonly #config: CrossingConfig
  readonly #link: IngestLink<CrossingMessage>
  #texts: string[] = []

  constructor(config: CrossingConfig, link: IngestLink<CrossingMessage>) {
    this.#config = config
    this.#link = link
  }

  consume(batch: Logs): void {
    if ('groups' in batch) throw new Error('ingest halves get access logs')
    this.#texts.push(...textsOf(batch))
    if (this.#texts.length >= this.#config.batch) this.#ship()
  }

  shutdown(): void {
    this.#ship()
  }

  #ship(): void {
    if (this.#texts.length === 0) return
    const bytes = new TextEncoder().encode(JSON.stringify(this.#texts))
    this.#texts = []
    this.#link.send({ bytes }, [bytes.buffer])
  }
}

class FakeCrossingMain implements Component, Consumer<Logs>, MainHalf<CrossingMessage> {
  readonly #config: CrossingConfig
  readonly #next: Consumer<Logs>
  readonly #pending = new Set<Promise<unknown>>()

  constructor(config: CrossingConfig, next: Consumer<Logs>) {
    this.#config = config
    this.#next = next
  }

  /** What enters on the main thread: records go on as they are. */
  consume(batch: Logs): void | Promise<void> {
    return 'groups' in batch ? this.#next.consume(batch) : this.#next.consume(this.#records(textsOf(batch)))
  }

  receive({ bytes }: CrossingMessage, _from: IngestPeer): void {
    const records = this.#records(JSON.parse(new TextDecoder().decode(bytes)) as string[])
    // What is not taken has been counted where it was refused.
    const pending = (async () => this.#next.consume(records))()
      .catch(() => {})
      .finally(() => this.#pending.delete(pending))
    this.#pending.add(pending)
  }

  gone(_from: IngestOrigin): void {}

  async shutdown(): Promise<void> {
    await Promise.all(this.#pending)
  }

  #records(texts: readonly string[]): LogRecords {
    const { note } = this.#config
    return recordsOf(texts.map((text) => (note === '' ? text : `${text} ${note}`)))
  }
}

/** Two halves; the one that the graph inserts. */
export const fakeCrossing = defineProcessor<CrossingConfig>({
  type: 'fake_crossing',
  description: 'Turns access logs into records.',
  stability: { logs: 'development' },
  runs: 'main',
  turns: 'access_logs_into_records',
  config: crossingConfig,
  ingest: { logs: (_settings, config, link) => new FakeCrossingIngest(config, link) },
  create: { logs: (_settings, config, next) => new FakeCrossingMain(config, next) },
})

const nothing = configSchema({
  type: 'object',
  additionalProperties: false,
  properties: { note: { type: 'string', default: 'marked', description: 'For tests.' } },
})

/** Takes records only, on the main thread: writes a word behind every body. */
export const fakeMark = defineProcessor({
  type: 'fake_mark',
  description: 'Marks records.',
  stability: { logs: 'development' },
  runs: 'main',
  config: nothing,
  create: {
    logs: (_settings, { note }, next) => ({
      mutatesData: true,
      consume: (batch) => {
        if (!('groups' in batch)) throw new Error('takes records only')
        for (const { records } of batch.groups) for (const record of records) record.body = `${record.body as string} ${note}`
        return next.consume(batch)
      },
    }),
  },
})

/** Turns records whose body has three words into access logs, as `mesh` does with those of Envoy's OpenTelemetry logger. */
class FakeParse implements Consumer<Logs> {
  readonly #next: Consumer<Logs>
  readonly #batch = new AccessLogs(new ByteInterner())

  constructor(next: Consumer<Logs>) {
    this.#next = next
  }

  consume(batch: Logs): void | Promise<void> {
    if (!('groups' in batch)) return this.#next.consume(batch)
    const words = bodiesOf(batch).map((body) => body.split(' '))
    const [rows, others] = [words.filter(({ length }) => length === 3), words.filter(({ length }) => length !== 3)]
    if (rows.length > 0) void this.#next.consume(this.#rows(rows))
    return others.length === 0 ? undefined : this.#next.consume(recordsOf(others.map((other) => other.join(' '))))
  }

  #rows(rows: readonly string[][]): AccessLogs {
    const batch = this.#batch
    batch.grow(rows.length)
    batch.length = rows.length
    for (const [i, [host = '', code, entryClass]] of rows.entries()) {
      const bytes = new TextEncoder().encode(host)
      batch.authority[i] = batch.strings.intern(bytes, new DataView(bytes.buffer), 0, bytes.length)
      batch.responseCode[i] = Number(code)
      batch.entryClass[i] = Number(entryClass)
    }
    return batch
  }
}

export const fakeParse = defineProcessor({
  type: 'fake_parse',
  description: 'Reads access logs from records.',
  stability: { logs: 'development' },
  runs: 'ingest',
  turns: 'records_into_access_logs',
  config: nothing,
  create: { logs: (_settings, _config, next) => new FakeParse(next) },
})

/** What `fake_store` shares: its name, and who has opened it in this thread. */
export interface FakeStore {
  readonly name: string
  readonly openedBy: string[]
}

/** An extension that components name by its id. On the main thread only. */
export const fakeStore = defineExtension({
  type: 'fake_store',
  aliases: ['fake_shop'],
  description: 'Stores things.',
  stability: 'development',
  provides: ['storage'],
  config: nothing,
  create: ({ id }) => ({ shared: { name: id.text, openedBy: [] } satisfies FakeStore }),
})

/** The same with a half in every ingest worker. */
export const fakeStoreEverywhere = defineExtension({
  ...fakeStore,
  type: 'fake_store_everywhere',
  aliases: [],
  ingest: ({ id }) => ({ shared: { name: `${id.text} in a worker`, openedBy: [] } satisfies FakeStore }),
})

/** The use of the storage that a setting names; none when it is empty. */
export function useStorage(id: string): ExtensionUse[] {
  return id === '' ? [] : [{ extension: id, needs: {}, isOptional: false, named: { as: 'storage', path: ['storage'] } }]
}

/** What the `fake_record_sink` exporters of this thread hold, by component id. */
export const sunk = new Map<string, FakeRecordSink>()

const sinkConfig = configSchema({
  type: 'object',
  additionalProperties: false,
  properties: {
    storage: { type: 'string', default: '', description: 'Id of an extension.' },
    note: { type: 'string', default: '', description: 'For tests.' },
  },
})

class FakeRecordSink implements Component {
  readonly consumers: ConsumerSet
  readonly bodies: string[] = []
  readonly store: FakeStore | undefined
  isStopped = false
  /** While set, batches are not taken before it resolves. */
  gate: Promise<void> | undefined

  constructor(settings: Settings, { storage }: ConfigOf<typeof sinkConfig>) {
    sunk.set(settings.id.text, this)
    this.store = storage === '' ? undefined : (settings.shared(storage) as FakeStore | undefined)
    this.store?.openedBy.push(settings.address)
    this.consumers = { logs: { consume: (batch) => this.#take(batch) } }
  }

  shutdown(_options: ShutdownOptions): void {
    this.isStopped = true
  }

  /** How often each body has come. */
  counts(): Readonly<Record<string, number>> {
    return Object.fromEntries([...Map.groupBy(this.bodies, (body) => body)].map(([body, { length }]) => [body, length]))
  }

  #take(batch: Logs): void | Promise<void> {
    if (!('groups' in batch)) throw new Error('takes records only')
    if (this.isStopped) throw new Error('is stopped')
    if (this.gate === undefined) this.bodies.push(...bodiesOf(batch))
    else return this.gate.then(() => void this.bodies.push(...bodiesOf(batch)))
  }
}

/** Takes records on the main thread only. */
export const fakeRecordSink = defineExporter({
  type: 'fake_record_sink',
  description: 'Keeps log records.',
  stability: { logs: 'development' },
  config: sinkConfig,
  uses: ({ storage }) => useStorage(storage),
  main: (settings, config) => new FakeRecordSink(settings, config),
})
