import type { Edge } from '../../model/edges.ts'
import type { MetricFamily } from '../../model/metrics.ts'
import { responseFlagsText } from '../../model/response_flags.ts'
import { type SeriesLayout, seriesLayout } from '../../model/series/layout.ts'
import type { MeshMetricsConfig } from './config.ts'
import { HTTP_LABELS, istioLabels, MESSAGE_LABELS, TCP_LABELS } from './istio_labels.ts'
import { isClientSide, OTEL_HTTP_LABELS, OTEL_RPC_LABELS, OTEL_TCP_LABELS, type OtelOutcome, otelLabels } from './otel_labels.ts'

/** The metrics that can be switched; keys of `metrics` in the config. */
export type MetricKey = keyof MeshMetricsConfig['metrics']

/** What is known of an entry beside its edge. */
export type Facts = OtelOutcome

/** Metrics that share one set of labels, and therefore one shard in each worker and one hub. */
export interface Group {
  readonly layout: SeriesLayout
  /** Where a metric's values begin within a row; -1 when this group does not have it. */
  readonly at: Readonly<Record<MetricKey, number>>
  /** The values of the layout's labels, in its order; not yet cut to length. */
  labelValues(edge: Edge, facts: Facts): string[]
}

/**
 * What is produced, made from the config alone: every ingest half and the main half make the same plan, so a group is
 * named between them by its index.
 */
export interface Plan {
  readonly groups: readonly Group[]
  readonly durationBounds: readonly number[]
  readonly sizeBounds: readonly number[]
  /** Nanoseconds in the unit of durations, and whether durations are cut to whole units. */
  readonly durationUnit: { readonly ns: number; readonly isWhole: boolean }
  /** Which bytes of a request the size histograms observe. */
  readonly sizes: 'wire' | 'body'
  /** True when facts of `OtelOutcome` beyond code, status and flags take part in labels. */
  readonly needsDetails: boolean
  /** Index of the group that takes a request; -1 when all its metrics are switched off. */
  requestGroup(edge: Edge, facts: Facts): number
  readonly messages: number
  readonly tcp: number
  readonly build: number
}

/** Istio's buckets, of all three histograms (spec: proxy's default stats configuration). */
const ISTIO_BOUNDS = [0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000, 3_600_000]
/** Advised by the semantic conventions for HTTP and RPC durations. */
const OTEL_DURATION_BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]
/** The conventions advise none for sizes: powers of four from 64 bytes to 64 MiB. */
const OTEL_SIZE_BOUNDS = [64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216, 67_108_864]

const NONE: Readonly<Record<MetricKey, number>> = {
  requests: -1,
  request_duration: -1,
  request_bytes: -1,
  response_bytes: -1,
  request_messages: -1,
  response_messages: -1,
  tcp_connections_opened: -1,
  tcp_connections_closed: -1,
  tcp_sent_bytes: -1,
  tcp_received_bytes: -1,
  build: -1,
}

interface Metric {
  readonly key: MetricKey
  readonly family: MetricFamily
}

/** The plan of a checked config. */
export function planOf(config: MeshMetricsConfig): Plan {
  return config.semantic === 'istio' ? istioPlan(config) : otelPlan(config)
}

class PlanBuilder {
  readonly groups: Group[] = []
  readonly #config: MeshMetricsConfig

  constructor(config: MeshMetricsConfig) {
    this.#config = config
  }

  /** Index of a new group with those of the metrics that are enabled; -1 when none is. */
  add(labels: readonly string[], metrics: readonly Metric[], values: (edge: Edge, facts: Facts) => Readonly<Record<string, string>>): number {
    const enabled = metrics.filter(({ key }) => this.#config.metrics[key].enabled)
    if (enabled.length === 0) return -1
    const kept = labels.filter((label) => !this.#config.labels.exclude.includes(label))
    const layout = seriesLayout(
      kept,
      enabled.map(({ family }) => family),
    )
    const at = { ...NONE, ...Object.fromEntries(enabled.map(({ key }, i) => [key, layout.offsets[i]])) }
    const labelValues = (edge: Edge, facts: Facts) => {
      const all = values(edge, facts)
      return kept.map((label) => all[label] as string)
    }
    return this.groups.push({ layout, at, labelValues }) - 1
  }
}

function istioPlan(config: MeshMetricsConfig): Plan {
  const builder = new PlanBuilder(config)
  const durationBounds = config.histogram.duration_buckets ?? ISTIO_BOUNDS
  const sizeBounds = config.histogram.size_buckets ?? ISTIO_BOUNDS
  const named = (name: string, description: string, rest: Partial<MetricFamily> = {}): MetricFamily => ({
    name: `${config.metric_prefix}${name}`,
    description,
    unit: '',
    type: 'sum',
    isMonotonic: true,
    temporality: 'cumulative',
    bounds: [],
    isExactName: true,
    ...rest,
  })
  const histogram = (bounds: readonly number[]) => ({ type: 'histogram', isMonotonic: false, bounds }) as const
  const labels = (edge: Edge, facts: Facts) => istioLabels(edge, { ...facts, flags: responseFlagsText(facts.flagsMask) })
  const http = builder.add(
    HTTP_LABELS,
    [
      { key: 'requests', family: named('requests_total', 'Requests handled by the proxies of the mesh.') },
      { key: 'request_duration', family: named('request_duration_milliseconds', 'Duration of requests in milliseconds.', histogram(durationBounds)) },
      { key: 'request_bytes', family: named('request_bytes', 'Size of requests in bytes.', histogram(sizeBounds)) },
      { key: 'response_bytes', family: named('response_bytes', 'Size of responses in bytes.', histogram(sizeBounds)) },
    ],
    labels,
  )
  const messages = builder.add(
    MESSAGE_LABELS,
    [
      { key: 'request_messages', family: named('request_messages_total', 'gRPC messages sent by clients.') },
      { key: 'response_messages', family: named('response_messages_total', 'gRPC messages sent by servers.') },
    ],
    labels,
  )
  const tcp = builder.add(
    TCP_LABELS,
    [
      { key: 'tcp_connections_opened', family: named('tcp_connections_opened_total', 'TCP connections opened.') },
      { key: 'tcp_connections_closed', family: named('tcp_connections_closed_total', 'TCP connections closed.') },
      { key: 'tcp_sent_bytes', family: named('tcp_sent_bytes_total', 'Bytes sent to the downstream side of TCP connections.') },
      { key: 'tcp_received_bytes', family: named('tcp_received_bytes_total', 'Bytes received from the downstream side of TCP connections.') },
    ],
    labels,
  )
  const buildGauge = named('build', 'Versions of the proxies that send access logs; always 1.', { type: 'gauge', isMonotonic: false })
  const build = builder.add(['component', 'tag'], [{ key: 'build', family: buildGauge }], () => ({}))
  return {
    groups: builder.groups,
    durationBounds,
    sizeBounds,
    durationUnit: { ns: 1e6, isWhole: true },
    sizes: 'wire',
    needsDetails: false,
    requestGroup: () => http,
    messages,
    tcp,
    build,
  }
}

function otelPlan(config: MeshMetricsConfig): Plan {
  const builder = new PlanBuilder(config)
  const durationBounds = config.histogram.duration_buckets ?? OTEL_DURATION_BOUNDS
  const sizeBounds = config.histogram.size_buckets ?? OTEL_SIZE_BOUNDS
  const family = (name: string, description: string, unit: string, bounds?: readonly number[]): MetricFamily => ({
    name,
    description,
    unit,
    type: bounds === undefined ? 'sum' : 'histogram',
    isMonotonic: bounds === undefined,
    temporality: 'cumulative',
    bounds: bounds ?? [],
  })
  const http = (side: 'server' | 'client') =>
    builder.add(
      OTEL_HTTP_LABELS,
      [
        { key: 'request_duration', family: family(`http.${side}.request.duration`, `Duration of HTTP ${side} requests.`, 's', durationBounds) },
        { key: 'request_bytes', family: family(`http.${side}.request.body.size`, `Size of HTTP ${side} request bodies.`, 'By', sizeBounds) },
        { key: 'response_bytes', family: family(`http.${side}.response.body.size`, `Size of HTTP ${side} response bodies.`, 'By', sizeBounds) },
      ],
      otelLabels,
    )
  const rpc = (side: 'server' | 'client', direction: string) =>
    builder.add(
      OTEL_RPC_LABELS,
      [{ key: 'request_duration', family: family(`rpc.${side}.call.duration`, `Duration of ${direction} remote procedure calls.`, 's', durationBounds) }],
      otelLabels,
    )
  const groups = { httpServer: http('server'), httpClient: http('client'), rpcServer: rpc('server', 'inbound'), rpcClient: rpc('client', 'outbound') }
  const tcp = builder.add(
    OTEL_TCP_LABELS,
    [
      { key: 'tcp_connections_opened', family: family('mesh.tcp.connections.opened', 'TCP connections opened.', '{connection}') },
      { key: 'tcp_connections_closed', family: family('mesh.tcp.connections.closed', 'TCP connections closed.', '{connection}') },
      { key: 'tcp_sent_bytes', family: family('mesh.tcp.sent', 'Bytes sent to the downstream side of TCP connections.', 'By') },
      { key: 'tcp_received_bytes', family: family('mesh.tcp.received', 'Bytes received from the downstream side of TCP connections.', 'By') },
    ],
    otelLabels,
  )
  return {
    groups: builder.groups,
    durationBounds,
    sizeBounds,
    durationUnit: { ns: 1e9, isWhole: false },
    sizes: 'body',
    needsDetails: true,
    requestGroup: (edge, { protocol }) => {
      if (protocol === 'grpc') return isClientSide(edge) ? groups.rpcClient : groups.rpcServer
      return isClientSide(edge) ? groups.httpClient : groups.httpServer
    },
    messages: -1,
    tcp,
    build: -1,
  }
}
