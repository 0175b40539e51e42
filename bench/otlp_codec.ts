import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { ProtobufLogsSerializer, ProtobufMetricsSerializer } from '@opentelemetry/otlp-transformer'
import { AttributeSet } from '../model/attributes.ts'
import { type LogRecords, newLogRecord } from '../model/log_records.ts'
import type { MetricFamily, SeriesMetrics } from '../model/metrics.ts'
import { decodeLogs, decodeMetrics } from '../model/otlp/decode.ts'
import { encodeLogs, encodeMetrics } from '../model/otlp/encode.ts'
import { otlpRoot } from '../test/fakes/otlp_descriptors.ts'

/**
 * OTLP decoded, edited and encoded by hand, against protobufjs and the official transformer, in turns on the same data:
 * `node bench/otlp_codec.ts [rounds]`. Prints items per CPU-second of the whole process, best and median round, and the ratio
 * to the slowest variant of its kind. Every variant is checked to give the right number of items.
 */
const rounds = Number(process.argv[2] ?? 9)
const ITEMS = 10_000
const START_MS = Date.UTC(2026, 0, 1)

interface Variant {
  readonly kind: string
  readonly name: string
  /** Does the work once and returns how many bytes came of it. */
  readonly run: () => number
}

// Logs: 16 attributes, about 535 bytes a record, in requests of 1,000.
const resource = { attributes: AttributeSet.of({ 'service.name': 'reviews', 'k8s.pod.name': 'reviews-v1-7f4c', 'k8s.namespace.name': 'bookinfo' }) }
const scope = { name: 'bench', version: '1' }

function recordAttributes(i: number): [string, string | bigint | boolean][] {
  return [
    ['http.request.method', i % 3 === 0 ? 'POST' : 'GET'],
    ['http.response.status_code', BigInt(200 + (i % 7))],
    ['url.path', `/api/v1/products/${i % 500}`],
    ['url.scheme', 'http'],
    ['network.protocol.version', '1.1'],
    ['server.address', 'reviews.bookinfo.svc'],
    ['server.port', 9080n],
    ['client.address', `10.244.1.${i % 200}`],
    ['client.port', BigInt(40_000 + (i % 9000))],
    ['user_agent.original', 'curl/8.5.0'],
    ['k8s.pod.name', 'reviews-v1-7f4c'],
    ['k8s.node.name', 'node-1'],
    ['tls.established', i % 2 === 0],
    ['envoy.response_flags', '-'],
    ['envoy.upstream_cluster', 'outbound|9080||reviews'],
    ['envoy.duration_ms', BigInt(i % 977)],
  ]
}

const plainLogs: LogRecords = {
  groups: Array.from({ length: ITEMS / 1000 }, (_, g) => ({
    resource: { ...resource },
    scope,
    records: Array.from({ length: 1000 }, (_unused, r) => {
      const i = g * 1000 + r
      return newLogRecord({
        timeNs: BigInt(START_MS + i) * 1_000_000n,
        observedNs: BigInt(START_MS + i + 3) * 1_000_000n,
        severityNumber: 9,
        severityText: 'INFO',
        body: `GET /api/v1/products/${i % 500} 200`,
        attributes: AttributeSet.of(Object.fromEntries(recordAttributes(i))),
        traceId: i.toString(16).padStart(32, '5'),
        spanId: i.toString(16).padStart(16, '7'),
      })
    }),
  })),
}
const requests = plainLogs.groups.map((group) => encodeLogs({ groups: [group] }))
const logBytes = requests.reduce((sum, { length }) => sum + length, 0)

function eachRequest(work: (request: Uint8Array) => Uint8Array): () => number {
  return () => requests.reduce((sum, request) => sum + work(request).length, 0)
}

const LogsData = otlpRoot.lookupType('LogsData')
type LooseLogs = { resourceLogs: { scopeLogs: { logRecords: { attributes: unknown[] }[] }[] }[] }

function editByProtobufjs(request: Uint8Array): Uint8Array {
  const logs = LogsData.decode(request) as unknown as LooseLogs
  for (const { scopeLogs } of logs.resourceLogs) {
    for (const { logRecords } of scopeLogs) for (const record of logRecords) record.attributes.push({ key: 'cluster', value: { stringValue: 'prod-1' } })
  }
  return LogsData.encode(logs).finish()
}

function editByHand(request: Uint8Array): Uint8Array {
  const logs = decodeLogs(request)
  for (const { records } of logs.groups) for (const record of records) record.attributes = record.attributes.with('cluster', 'prod-1')
  return encodeLogs(logs)
}

function filterByHand(request: Uint8Array): Uint8Array {
  const logs = decodeLogs(request)
  for (const group of logs.groups) group.records = group.records.filter(({ attributes }) => attributes.get('http.response.status_code') !== 201n)
  return encodeLogs(logs)
}

/** What the transformer takes: records as the SDK makes them. */
const sdkResource = {
  attributes: Object.fromEntries(resource.attributes.keys.map((key) => [key, resource.attributes.get(key)])),
  asyncAttributesPending: false,
}
const sdkRecords = Array.from({ length: ITEMS }, (_, i) => ({
  hrTime: [Math.floor(START_MS / 1000), i * 1000],
  hrTimeObserved: [Math.floor(START_MS / 1000), i * 1000 + 3],
  severityNumber: 9,
  severityText: 'INFO',
  body: `GET /api/v1/products/${i % 500} 200`,
  attributes: Object.fromEntries(recordAttributes(i).map(([key, value]) => [key, typeof value === 'bigint' ? Number(value) : value])),
  spanContext: { traceId: i.toString(16).padStart(32, '5'), spanId: i.toString(16).padStart(16, '7'), traceFlags: 1 },
  resource: sdkResource,
  instrumentationScope: scope,
  droppedAttributesCount: 0,
})) as unknown as Parameters<typeof ProtobufLogsSerializer.serializeRequest>[0]

// Metrics: 8 attributes a series; one counter and one histogram of 14 buckets.
const series = Array.from({ length: ITEMS }, (_, i) =>
  AttributeSet.of({
    reporter: i % 2 === 0 ? 'source' : 'destination',
    source_workload: `productpage-v${i % 90}`,
    source_workload_namespace: 'bookinfo',
    destination_workload: `reviews-v${i % 110}`,
    destination_workload_namespace: 'bookinfo',
    destination_service: 'reviews.bookinfo.svc.cluster.local',
    response_code: String(200 + (i % 5)),
    response_flags: '-',
  }),
)
const BOUNDS = [0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000]

function seriesOf(type: 'sum' | 'histogram'): SeriesMetrics {
  const family: MetricFamily = {
    name: type === 'sum' ? 'istio_requests_total' : 'istio_request_duration_milliseconds',
    description: '',
    unit: '',
    type,
    isMonotonic: type === 'sum',
    temporality: 'cumulative',
    bounds: type === 'sum' ? [] : BOUNDS,
  }
  const stride = type === 'sum' ? 1 : BOUNDS.length + 2
  const values = Float64Array.from({ length: ITEMS * stride }, (_, i) => i % 1000)
  const times = new Float64Array(ITEMS).fill(START_MS)
  return { timeMs: START_MS + 15_000, families: [{ family, resource, scope, series, values, offset: 0, stride, startTimesMs: times, updatedMs: times }] }
}

const sums = seriesOf('sum')
const histograms = seriesOf('histogram')

function sdkMetrics(type: 'sum' | 'histogram'): Parameters<typeof ProtobufMetricsSerializer.serializeRequest>[0] {
  const startTime = [START_MS / 1000, 0]
  const counts = Array.from({ length: BOUNDS.length + 1 }, (_, b) => b)
  const dataPoints = series.map((attributes, i) => ({
    startTime,
    endTime: [START_MS / 1000 + 15, 0],
    attributes: Object.fromEntries(attributes.keys.map((key) => [key, attributes.get(key)])),
    value: type === 'sum' ? i : { buckets: { boundaries: BOUNDS, counts }, count: 91, sum: 7.5 },
  }))
  const name = type === 'sum' ? 'istio_requests_total' : 'istio_request_duration_milliseconds'
  // 1: cumulative. 3: a sum; 0: a histogram.
  const metric = {
    descriptor: { name, description: '', unit: '', valueType: 1 },
    aggregationTemporality: 1,
    dataPointType: type === 'sum' ? 3 : 0,
    isMonotonic: true,
    dataPoints,
  }
  return { resource: sdkResource, scopeMetrics: [{ scope, metrics: [metric] }] } as unknown as Parameters<typeof ProtobufMetricsSerializer.serializeRequest>[0]
}

const MetricsData = otlpRoot.lookupType('MetricsData')
const sumBytes = encodeMetrics(sums)
const histogramBytes = encodeMetrics(histograms)
const protobufjsSums = MetricsData.decode(sumBytes)
const protobufjsHistograms = MetricsData.decode(histogramBytes)
const protobufjsLogs = requests.map((request) => LogsData.decode(request))
const [sdkSums, sdkHistograms] = [sdkMetrics('sum'), sdkMetrics('histogram')]

function editPoints(bytes: Uint8Array): Uint8Array {
  const metrics = decodeMetrics(bytes)
  for (const group of metrics.groups) {
    for (const metric of group.metrics) for (const point of metric.points) point.attributes = point.attributes.with('cluster', 'prod-1')
  }
  return encodeMetrics(metrics)
}

const variants: readonly Variant[] = [
  { kind: 'logs in, out', name: 'by hand, untouched', run: eachRequest((request) => encodeLogs(decodeLogs(request))) },
  { kind: 'logs in, out', name: 'by hand, filtered by one attribute', run: eachRequest(filterByHand) },
  { kind: 'logs in, out', name: 'by hand, one attribute added to each', run: eachRequest(editByHand) },
  { kind: 'logs in, out', name: 'protobufjs, one attribute added to each', run: eachRequest(editByProtobufjs) },
  { kind: 'logs out', name: 'by hand, from plain objects', run: () => encodeLogs(plainLogs).length },
  { kind: 'logs out', name: 'protobufjs', run: () => protobufjsLogs.reduce((sum, logs) => sum + LogsData.encode(logs).finish().length, 0) },
  { kind: 'logs out', name: 'transformer', run: () => ProtobufLogsSerializer.serializeRequest(sdkRecords)?.length ?? 0 },
  { kind: 'sums out', name: 'by hand, from columns', run: () => encodeMetrics(sums).length },
  { kind: 'sums out', name: 'protobufjs', run: () => MetricsData.encode(protobufjsSums).finish().length },
  { kind: 'sums out', name: 'transformer', run: () => ProtobufMetricsSerializer.serializeRequest(sdkSums)?.length ?? 0 },
  { kind: 'histograms out', name: 'by hand, from columns', run: () => encodeMetrics(histograms).length },
  { kind: 'histograms out', name: 'protobufjs', run: () => MetricsData.encode(protobufjsHistograms).finish().length },
  { kind: 'histograms out', name: 'transformer', run: () => ProtobufMetricsSerializer.serializeRequest(sdkHistograms)?.length ?? 0 },
  { kind: 'sums in, out', name: 'by hand, one attribute added to each', run: () => editPoints(sumBytes).length },
  { kind: 'sums in, out', name: 'protobufjs, untouched', run: () => MetricsData.encode(MetricsData.decode(sumBytes)).finish().length },
  { kind: 'histograms in, out', name: 'by hand, one attribute added to each', run: () => editPoints(histogramBytes).length },
  { kind: 'histograms in, out', name: 'protobufjs, untouched', run: () => MetricsData.encode(MetricsData.decode(histogramBytes)).finish().length },
]

/** Long enough for the clock of the CPU, short enough for many rounds. */
const ROUND_MS = 60

// So that no variant pays for what the one before it left behind, nor for code that was thrown away meanwhile.
setFlagsFromString('--expose-gc')
setFlagsFromString('--no-flush-bytecode')
const collectGarbage = runInNewContext('gc') as () => void

function perCpuSecond({ name, run }: Variant): number {
  collectGarbage()
  run()
  const from = process.cpuUsage()
  let items = 0
  let usedUs = 0
  while (usedUs < ROUND_MS * 1000) {
    if (run() === 0) throw new Error(`BUG: ${name} wrote nothing`)
    items += ITEMS
    const used = process.cpuUsage(from)
    usedUs = used.user + used.system
  }
  return (items * 1e6) / usedUs
}

const results = new Map<Variant, number[]>(variants.map((variant) => [variant, []]))
for (const variant of variants) for (let i = 0; i < 2; i++) perCpuSecond(variant)
for (let round = 0; round < rounds; round++) for (const variant of variants) results.get(variant)?.push(perCpuSecond(variant))

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] as number
const slowest = (kind: string): number => Math.min(...[...results].filter(([variant]) => variant.kind === kind).map(([, values]) => median(values)))

process.stdout.write(
  `${ITEMS} items; logs ${Math.round(logBytes / ITEMS)} bytes each, sums ${Math.round(sumBytes.length / ITEMS)}, histograms ${Math.round(histogramBytes.length / ITEMS)}\n`,
)
for (const [{ kind, name }, values] of results) {
  const [best, middle] = [Math.max(...values), median(values)]
  process.stdout.write(
    `${kind.padEnd(19)} ${name.padEnd(40)} ${(best / 1e6).toFixed(2).padStart(6)} M/s best ${(middle / 1e6).toFixed(2).padStart(6)} M/s median ${(middle / slowest(kind)).toFixed(1).padStart(5)} x\n`,
  )
}
