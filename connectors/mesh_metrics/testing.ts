import { Ajv } from 'ajv'
import { ByteInterner } from '../../lib/intern.ts'
import { AccessLogs, EntryClass, EntryKind, LogType, type StreamOrigin } from '../../model/access_logs.ts'
import { type CalledService, type Edge, type EdgeTable, type Party, UNKNOWN_PARTY, UNKNOWN_SERVICE } from '../../model/edges.ts'
import { type SeriesMetrics, valuesPerPoint } from '../../model/metrics.ts'
import { CollectingConsumer } from '../../test/fakes/consumers.ts'
import { type FakeSettings, fakeSettings } from '../../test/fakes/settings.ts'
import { config, type MeshMetricsConfig } from './config.ts'
import { MeshMetricsIngest, type ShardMessage } from './ingest.ts'
import { MeshMetricsMain } from './main.ts'

type DeepPartial<T> = { readonly [K in keyof T]?: T[K] extends object ? DeepPartial<T[K]> : T[K] }

/** A config with defaults filled in. Throws when the given part does not fit the schema. */
export function testConfig(given: DeepPartial<MeshMetricsConfig> = {}): MeshMetricsConfig {
  const checked = structuredClone(given) as unknown as MeshMetricsConfig
  const ajv = new Ajv({ useDefaults: true, strict: false, formats: { duration: true } })
  if (!ajv.validate(config.schema, checked)) throw new Error(ajv.errorsText())
  return checked
}

/** Edges by hand; edge 0 is the unknown one. */
export class FakeEdges implements EdgeTable {
  epoch = 0
  readonly #edges: Edge[] = []

  constructor() {
    this.add({ role: 'unknown', reporter: 'unknown', direction: 'unknown' })
  }

  get size(): number {
    return this.#edges.length
  }

  get(index: number): Edge {
    return this.#edges[index] as Edge
  }

  /** Index of a new edge between an Istio sidecar and a peer that told who it is. */
  add(given: FakeEdge = {}): number {
    const { source, destination, service, ...rest } = given
    return (
      this.#edges.push({
        index: this.#edges.length,
        role: 'sidecar',
        reporter: 'source',
        direction: 'outbound',
        mutualTls: false,
        ...rest,
        source: { ...UNKNOWN_PARTY, ...source },
        destination: { ...UNKNOWN_PARTY, ...destination },
        service: { ...UNKNOWN_SERVICE, ...service },
      }) - 1
    )
  }

  /** Starts the next epoch without edges. */
  renew(): void {
    this.epoch++
    this.#edges.length = 1
  }
}

export type FakeEdge = Partial<Omit<Edge, 'source' | 'destination' | 'service'>> & {
  readonly source?: Partial<Party>
  readonly destination?: Partial<Party>
  readonly service?: Partial<CalledService>
}

/** One row; what is left out is absent. Durations in nanoseconds. */
export interface FakeEntry {
  readonly edge?: number
  readonly entryClass?: number
  readonly kind?: number
  readonly logType?: number
  readonly code?: number
  readonly flags?: number
  readonly duration?: number
  readonly lastDownstreamTx?: number
  readonly wireReceived?: number
  readonly wireSent?: number
  readonly requestHeaderBytes?: number
  readonly requestBodyBytes?: number
  readonly responseHeaderBytes?: number
  readonly responseBodyBytes?: number
  readonly tcpReceived?: number
  readonly tcpSent?: number
  readonly isGrpc?: boolean
  readonly grpcStatus?: number
  readonly requestMessages?: number
  readonly responseMessages?: number
  readonly method?: number
  readonly protocolVersion?: number
  readonly scheme?: string
  readonly localPort?: number
  readonly remote?: string
  readonly remotePort?: number
  readonly cluster?: string
  readonly streamId?: string
  readonly startMs?: number
  readonly trace?: { readonly form: number; readonly value: string; readonly span?: string }
}

/** An entry of a TCP connection. */
export function tcpEntry(logType: number, given: FakeEntry = {}): FakeEntry {
  const entryClass = logType === LogType.tcpConnectionEnd ? EntryClass.final : logType === LogType.tcpPeriodic ? EntryClass.periodic : EntryClass.start
  return { kind: EntryKind.tcp, logType, entryClass, cluster: 'inbound|27017||', ...given }
}

let origins = 0

/** The sender of a stream. */
export function fakeOrigin(given: Partial<StreamOrigin> = {}): StreamOrigin {
  const id = ++origins
  return { id, node: new Uint8Array(), nodeId: `node-${id}`, nodeCluster: '', logName: 'log', peer: `127.0.0.1:${id}`, apiVersion: 'v3', ...given }
}

/** A batch of rows; requests that ended unless an entry says otherwise. */
export function fakeLogs(
  edges: EdgeTable | undefined,
  entries: readonly FakeEntry[],
  options: { strings?: ByteInterner; origin?: StreamOrigin } = {},
): AccessLogs {
  const logs = new AccessLogs(options.strings ?? new ByteInterner())
  logs.grow(entries.length)
  logs.length = entries.length
  logs.origin = options.origin ?? fakeOrigin()
  logs.edges = edges
  const message: number[] = []
  const write = (text: string): number => message.push(...Buffer.from(text)) - Buffer.byteLength(text)
  for (const [i, entry] of entries.entries()) setRow(logs, i, entry, write)
  logs.message = Uint8Array.from(message)
  return logs
}

function setRow(logs: AccessLogs, i: number, entry: FakeEntry, write: (text: string) => number): void {
  const intern = (text = ''): number => {
    const bytes = new TextEncoder().encode(text)
    return logs.strings.intern(bytes, new DataView(bytes.buffer), 0, bytes.length)
  }
  logs.entryClass[i] = entry.entryClass ?? EntryClass.final
  logs.kind[i] = entry.kind ?? EntryKind.http
  logs.logType[i] = entry.logType ?? LogType.downstreamEnd
  logs.edge[i] = entry.edge ?? 0
  logs.responseCode[i] = entry.code ?? 0
  logs.flags[i] = entry.flags ?? 0
  logs.duration[i] = entry.duration ?? Number.NaN
  logs.lastDownstreamTx[i] = entry.lastDownstreamTx ?? Number.NaN
  logs.downstreamWireReceived[i] = entry.wireReceived ?? Number.NaN
  logs.downstreamWireSent[i] = entry.wireSent ?? Number.NaN
  logs.requestHeaderBytes[i] = entry.requestHeaderBytes ?? 0
  logs.requestBodyBytes[i] = entry.requestBodyBytes ?? 0
  logs.responseHeaderBytes[i] = entry.responseHeaderBytes ?? 0
  logs.responseBodyBytes[i] = entry.responseBodyBytes ?? 0
  logs.tcpReceived[i] = entry.tcpReceived ?? 0
  logs.tcpSent[i] = entry.tcpSent ?? 0
  logs.isGrpc[i] = entry.isGrpc === true ? 1 : 0
  logs.grpcStatus[i] = entry.grpcStatus ?? -1
  logs.grpcRequestMessages[i] = entry.requestMessages ?? -1
  logs.grpcResponseMessages[i] = entry.responseMessages ?? -1
  logs.method[i] = entry.method ?? 1
  logs.protocolVersion[i] = entry.protocolVersion ?? 2
  logs.scheme[i] = intern(entry.scheme)
  logs.downstreamLocalKind[i] = 1
  logs.downstreamLocalPort[i] = entry.localPort ?? 9080
  logs.directRemote[i] = intern(entry.remote ?? '10.0.0.1')
  logs.directRemotePort[i] = entry.remotePort ?? 40_000
  logs.upstreamCluster[i] = intern(entry.cluster)
  logs.startSeconds[i] = Math.floor((entry.startMs ?? 0) / 1000)
  logs.startNanos[i] = ((entry.startMs ?? 0) % 1000) * 1e6
  logs.streamIdAt[i] = write(entry.streamId ?? '')
  logs.streamIdLength[i] = Buffer.byteLength(entry.streamId ?? '')
  logs.traceForm[i] = entry.trace?.form ?? 0
  logs.traceAt[i] = write(entry.trace?.value ?? '')
  logs.traceLength[i] = entry.trace?.value.length ?? 0
  logs.spanAt[i] = write(entry.trace?.span ?? '')
  logs.spanLength[i] = entry.trace?.span?.length ?? 0
}

/** One series as a test looks at it. */
export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  /** The value, or a histogram's number of observations. */
  readonly value: number
  /** Histograms only. */
  readonly sum: number
  readonly buckets: readonly number[]
}

/** The series of a batch that have ever been written to. */
export function samplesOf(metrics: SeriesMetrics): Sample[] {
  return metrics.families.flatMap(({ family, series, values, offset, stride }) =>
    series.map((attributes, i) => {
      const own = [...values.subarray(offset + i * stride, offset + i * stride + valuesPerPoint(family))]
      const labels = Object.fromEntries(attributes.keys.map((key, at) => [key, attributes.values[at] as string]))
      if (family.type !== 'histogram') return { name: family.name, labels, value: own[0] as number, sum: 0, buckets: [] }
      const buckets = own.slice(0, -1)
      return { name: family.name, labels, value: buckets.reduce((sum, count) => sum + count, 0), sum: own.at(-1) as number, buckets }
    }),
  )
}

/** One main half and some ingest halves, joined as the graph joins them. */
export class Harness {
  readonly settings: FakeSettings = fakeSettings('connector', 'mesh_metrics')
  readonly next: CollectingConsumer<SeriesMetrics>
  readonly main: MeshMetricsMain
  readonly ingests: readonly MeshMetricsIngest[]

  constructor(given: DeepPartial<MeshMetricsConfig> = {}, workers = 1, onBatch?: (batch: SeriesMetrics) => void) {
    const checked = testConfig(given)
    const settings = this.settings
    this.next = new CollectingConsumer(onBatch)
    this.main = new MeshMetricsMain(settings, checked, this.next)
    this.main.start()
    this.ingests = Array.from({ length: workers }, (_, worker) => {
      const send = (message: ShardMessage): void => this.main.receive(message, { worker, life: 1 })
      const ingest = new MeshMetricsIngest(settings, checked, { worker, send })
      ingest.start()
      return ingest
    })
  }

  get ingest(): MeshMetricsIngest {
    return this.ingests[0] as MeshMetricsIngest
  }

  /** All series now. */
  async samples(): Promise<Sample[]> {
    await this.main.flush()
    return samplesOf(this.next.batches.at(-1) as SeriesMetrics)
  }

  /** Sum over the series of a metric whose labels include `labels`. */
  async sum(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    const matching = (await this.samples()).filter(
      (sample) => sample.name === name && Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
    )
    return matching.reduce((sum, { value }) => sum + value, 0)
  }

  /** Entries by outcome and reason. */
  ledger(labels: Readonly<Record<string, string>> = {}): number {
    return this.settings.telemetry.value('meshscope_connector_log_records', labels)
  }

  async stop(): Promise<void> {
    for (const ingest of this.ingests) ingest.shutdown()
    await this.main.shutdown()
  }
}
