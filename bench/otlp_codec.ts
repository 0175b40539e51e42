import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { ProtobufLogsSerializer, ProtobufMetricsSerializer } from '@opentelemetry/otlp-transformer'
import { seriesRequests } from '../component/kit/otlp_export/series_requests.ts'
import { AttributeSet } from '../model/attributes.ts'
import { type LogRecords, newLogRecord } from '../model/log_records.ts'
import type { FamilyPoints, MetricFamily, SeriesMetrics } from '../model/metrics.ts'
import { decodeLogs, decodeMetrics } from '../model/otlp/decode.ts'
import { encodeLogs, encodeMetrics } from '../model/otlp/encode.ts'
import { otlpRoot } from '../test/fakes/otlp_descriptors.ts'

/**
 * OTLP decoded, edited and encoded by hand, against protobufjs and the official transformer, in turns on the same data:
 * `node bench/otlp_codec.ts [rounds]`. Prints items per CPU-second of the whole process, best and median round, and the ratio
 * to the slowest variant of its kind, and the bytes that it makes of an item: variants of one kind must agree in them but for little things.
 *
 * Requests are as large as the exporters make them, 1,000 log records or 2,000 points, and each is freed before the next is made, as
 * it is when it was sent. Each variant has a process of its own: in one process all would pay for the collection of what
 * the others keep.
 */
const rounds = Number(process.argv[2] ?? 9)
const ITEMS = 12_000
const START_MS = Date.UTC(2026, 0, 1)

interface Variant {
  readonly kind: string
  readonly name: string
  /** Makes the data and gives what does the work once, as often as wanted, and returns the requests that come of it one by one. */
  readonly prepare: () => () => Iterable<Uint8Array>
}

const resource = { attributes: AttributeSet.of({ 'service.name': 'reviews', 'k8s.pod.name': 'reviews-v1-7f4c', 'k8s.namespace.name': 'bookinfo' }) }
const scope = { name: 'bench', version: '1' }

// Logs: 16 attributes, about 535 bytes a record.
const RECORDS = 1000

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

const numbers = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i)
const starts = (size: number): number[] => Array.from({ length: ITEMS / size }, (_, request) => request * size)

function plainRecord(i: number): LogRecords['groups'][number]['records'][number] {
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
}

const plainLogs = (): LogRecords[] =>
  starts(RECORDS).map((from) => ({ groups: [{ resource: { ...resource }, scope, records: numbers(from, RECORDS).map(plainRecord) }] }))
const logRequests = (): Uint8Array[] => plainLogs().map(encodeLogs)

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

/** What the transformer takes: as the SDK makes it. */
const sdkAttributes = (attributes: AttributeSet): object => Object.fromEntries(attributes.keys.map((key) => [key, attributes.get(key)]))
const sdkResource = { attributes: sdkAttributes(resource.attributes), asyncAttributesPending: false }
type SdkRecords = Parameters<typeof ProtobufLogsSerializer.serializeRequest>[0]
type SdkMetrics = Parameters<typeof ProtobufMetricsSerializer.serializeRequest>[0]

const sdkRecords = (): SdkRecords[] =>
  starts(RECORDS).map(
    (from) =>
      numbers(from, RECORDS).map((i) => ({
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
      })) as unknown as SdkRecords,
  )

// Metrics: 8 attributes a series; one counter and one histogram of 14 buckets.
type Type = 'sum' | 'histogram'
const NAMES = { sum: 'istio_requests_total', histogram: 'istio_request_duration_milliseconds' } as const
const BOUNDS = [0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000]

function seriesAttributes(i: number): AttributeSet {
  return AttributeSet.of({
    reporter: i % 2 === 0 ? 'source' : 'destination',
    source_workload: `productpage-v${i % 90}`,
    source_workload_namespace: 'bookinfo',
    destination_workload: `reviews-v${i % 110}`,
    destination_workload_namespace: 'bookinfo',
    destination_service: 'reviews.bookinfo.svc.cluster.local',
    response_code: String(200 + (i % 5)),
    response_flags: '-',
  })
}

function columns(type: Type): SeriesMetrics[] {
  const family: MetricFamily = {
    name: NAMES[type],
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
  const series = numbers(0, ITEMS).map(seriesAttributes)
  const points: FamilyPoints = { family, resource, scope, series, values, offset: 0, stride, startTimesMs: times, updatedMs: times }
  return [...seriesRequests({ timeMs: START_MS + 15_000, families: [points] })].map(({ metrics }) => metrics)
}

function sdkMetrics(type: Type): SdkMetrics[] {
  const counts = Array.from({ length: BOUNDS.length + 1 }, (_, b) => b)
  // 1: cumulative. 3: a sum; 0: a histogram.
  const descriptor = { name: NAMES[type], description: '', unit: '', valueType: 1 }
  const head = { descriptor, aggregationTemporality: 1, dataPointType: type === 'sum' ? 3 : 0, isMonotonic: true }
  return columns(type).map(({ families }) => {
    const dataPoints = (families[0] as FamilyPoints).series.map((attributes, i) => ({
      startTime: [START_MS / 1000, 0],
      endTime: [START_MS / 1000 + 15, 0],
      attributes: sdkAttributes(attributes),
      value: type === 'sum' ? i : { buckets: { boundaries: BOUNDS, counts }, count: 91, sum: 7.5 },
    }))
    return { resource: sdkResource, scopeMetrics: [{ scope, metrics: [{ ...head, dataPoints }] }] } as unknown as SdkMetrics
  })
}

const MetricsData = otlpRoot.lookupType('MetricsData')
const metricRequests = (type: Type): Uint8Array[] => columns(type).map(encodeMetrics)

function editPoints(bytes: Uint8Array): Uint8Array {
  const metrics = decodeMetrics(bytes)
  for (const group of metrics.groups) {
    for (const metric of group.metrics) for (const point of metric.points) point.attributes = point.attributes.with('cluster', 'prod-1')
  }
  return encodeMetrics(metrics)
}

/** A variant that makes one request of each thing that `data` gives. */
function variant<T>(kind: string, name: string, data: () => readonly T[], encode: (given: T) => Uint8Array | undefined): Variant {
  return {
    kind,
    name,
    prepare: () => {
      const given = data()
      return function* () {
        for (const one of given) yield encode(one) ?? new Uint8Array(0)
      }
    },
  }
}

const metricVariants = (type: Type): Variant[] => [
  variant(`${type}s out`, 'by hand, from columns', () => columns(type), encodeMetrics),
  variant(
    `${type}s out`,
    'protobufjs',
    () => metricRequests(type).map((request) => MetricsData.decode(request)),
    (metrics) => MetricsData.encode(metrics).finish(),
  ),
  variant(
    `${type}s out`,
    'transformer',
    () => sdkMetrics(type),
    (metrics) => ProtobufMetricsSerializer.serializeRequest(metrics),
  ),
  variant(`${type}s in, out`, 'by hand, one attribute added to each', () => metricRequests(type), editPoints),
  variant(
    `${type}s in, out`,
    'protobufjs, untouched',
    () => metricRequests(type),
    (request) => MetricsData.encode(MetricsData.decode(request)).finish(),
  ),
]

const variants: readonly Variant[] = [
  variant('logs in, out', 'by hand, untouched', logRequests, (request) => encodeLogs(decodeLogs(request))),
  variant('logs in, out', 'by hand, filtered by one attribute', logRequests, filterByHand),
  variant('logs in, out', 'by hand, one attribute added to each', logRequests, editByHand),
  variant('logs in, out', 'protobufjs, one attribute added to each', logRequests, editByProtobufjs),
  variant('logs out', 'by hand, from plain objects', plainLogs, encodeLogs),
  variant(
    'logs out',
    'protobufjs',
    () => logRequests().map((request) => LogsData.decode(request)),
    (logs) => LogsData.encode(logs).finish(),
  ),
  variant('logs out', 'transformer', sdkRecords, (records) => ProtobufLogsSerializer.serializeRequest(records)),
  ...metricVariants('sum'),
  ...metricVariants('histogram'),
]

/** Long enough for the clock of the CPU, short enough for many rounds. */
const ROUND_MS = 60

interface Round {
  readonly perCpuSecond: number
  readonly bytesPerItem: number
}

/** A process of a variant: for each message from its parent, one round. */
function work({ name, prepare }: Variant): void {
  // So that no round pays for what the one before it left behind, nor for code that was thrown away meanwhile.
  setFlagsFromString('--expose-gc')
  setFlagsFromString('--no-flush-bytecode')
  const collectGarbage = runInNewContext('gc') as () => void
  const run = prepare()
  const runOnce = (): number => {
    let bytes = 0
    for (const request of run()) {
      if (request.length === 0) throw new Error(`BUG: ${name} wrote nothing`)
      bytes += request.length
      if (request.buffer instanceof ArrayBuffer) request.buffer.transfer(0)
    }
    return bytes
  }
  process.on('message', () => {
    collectGarbage()
    const bytesPerItem = runOnce() / ITEMS
    const from = process.cpuUsage()
    let items = 0
    let usedUs = 0
    while (usedUs < ROUND_MS * 1000) {
      runOnce()
      items += ITEMS
      const used = process.cpuUsage(from)
      usedUs = used.user + used.system
    }
    process.send?.({ perCpuSecond: (items * 1e6) / usedUs, bytesPerItem } satisfies Round)
  })
}

async function round(child: ChildProcess): Promise<Round> {
  child.send('')
  const [message] = (await once(child, 'message')) as [Round]
  return message
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] as number

async function compare(): Promise<void> {
  const children = variants.map((_, i) => fork(import.meta.filename, [String(rounds), String(i)]))
  const results = variants.map((): number[] => [])
  const bytes: number[] = []
  for (const child of children) child.once('exit', (code) => code !== 0 && process.exit(1))
  for (let r = -2; r < rounds; r++) {
    for (const [i, child] of children.entries()) {
      const { perCpuSecond, bytesPerItem } = await round(child)
      bytes[i] = bytesPerItem
      if (r >= 0) results[i]?.push(perCpuSecond)
    }
  }
  for (const child of children) child.disconnect()
  for (const [i, { kind, name }] of variants.entries()) {
    const values = results[i] as number[]
    const [best, middle] = [Math.max(...values), median(values)]
    const slowest = Math.min(...results.filter((_, other) => variants[other]?.kind === kind).map(median))
    process.stdout.write(
      `${kind.padEnd(19)} ${name.padEnd(40)} ${(best / 1e6).toFixed(2).padStart(6)} M/s best ${(middle / 1e6).toFixed(2).padStart(6)} M/s median ${(middle / slowest).toFixed(1).padStart(5)} x ${(bytes[i] as number).toFixed(0).padStart(5)} bytes each\n`,
    )
  }
}

const own = variants[Number(process.argv[3])]
if (own === undefined) await compare()
else work(own)
