/**
 * Renders 100,000 series for Prometheus: our exporter's catalog and renderer against the serializer of
 * `@opentelemetry/exporter-prometheus`, on the same series. Prints milliseconds, the longest time that the event loop
 * stood still, and the ratio. Usage: `node bench/prometheus.ts [series] [rounds]`.
 */
import { ValueType } from '@opentelemetry/api'
import { PrometheusSerializer } from '@opentelemetry/exporter-prometheus'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { AggregationTemporality, DataPointType, type MetricData, type ResourceMetrics } from '@opentelemetry/sdk-metrics'
import { Catalog } from '../exporters/prometheus/catalog.ts'
import { ChunkPool } from '../exporters/prometheus/chunk_writer.ts'
import { type RenderOptions, render } from '../exporters/prometheus/render.ts'
import { systemClock } from '../lib/clock.ts'
import { TimeSlices } from '../lib/time_slices.ts'
import { AttributeSet } from '../model/attributes.ts'
import type { FamilyPoints, MetricFamily } from '../model/metrics.ts'
import { SeriesHub } from '../model/series/hub.ts'
import { seriesLayout } from '../model/series/layout.ts'
import { SeriesShard } from '../model/series/shard.ts'

const SERIES = Number(process.argv[2] ?? 100_000)
const ROUNDS = Number(process.argv[3] ?? 9)
const KEYS = [
  'reporter',
  'source_workload',
  'source_namespace',
  'destination_workload',
  'destination_namespace',
  'request_protocol',
  'response_code',
  'response_flags',
  'pod',
]

const family: MetricFamily = {
  name: 'requests_total',
  description: 'Requests.',
  unit: '',
  type: 'sum',
  isMonotonic: true,
  temporality: 'cumulative',
  bounds: [],
  isExactName: true,
}
const layout = seriesLayout(KEYS, [family])

function labelsOf(n: number): string[] {
  return [
    'source',
    `workload-${n % 977}-v1`,
    `namespace-${n % 31}`,
    `workload-${n % 761}-v2`,
    `namespace-${n % 29}`,
    'http',
    String(200 + (n % 300)),
    '-',
    `pod-${n}-7d9f8b6c5-x2x4z`,
  ]
}

/** Longest pause between two turns of the event loop while `work` runs, in ms, and how long it took. */
async function timed(work: () => Promise<void>): Promise<{ readonly tookMs: number; readonly blockMs: number }> {
  let blockMs = 0
  let last = performance.now()
  const timer = { isRunning: true }
  const turn = (): void => {
    const now = performance.now()
    blockMs = Math.max(blockMs, now - last)
    last = now
    if (timer.isRunning) setImmediate(turn)
  }
  setImmediate(turn)
  const startedMs = performance.now()
  await work()
  const tookMs = performance.now() - startedMs
  await new Promise((resolve) => {
    setImmediate(resolve)
  })
  timer.isRunning = false
  return { tookMs, blockMs }
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN
}

function fillShard(shard: SeriesShard): void {
  for (let n = 0; n < SERIES; n++) {
    const row = shard.rowOf(labelsOf(n))
    shard.begin(row)
    shard.values[shard.offset(row)] = (shard.values[shard.offset(row)] as number) + n
    shard.end(row, Date.now())
  }
}

function resourceMetrics(points: FamilyPoints): ResourceMetrics {
  const dataPoints = points.series.map((attributes, i) => ({
    startTime: [0, 0] as [number, number],
    endTime: [0, 0] as [number, number],
    attributes: Object.fromEntries(attributes.keys.map((key, k) => [key, attributes.values[k] as string])),
    value: points.values[i] as number,
  }))
  const metric: MetricData = {
    descriptor: { name: 'requests', description: 'Requests.', unit: '', valueType: ValueType.DOUBLE },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
    dataPointType: DataPointType.SUM,
    isMonotonic: true,
    dataPoints,
  }
  return { resource: resourceFromAttributes({}), scopeMetrics: [{ scope: { name: '' }, metrics: [metric] }] }
}

async function main(): Promise<void> {
  const hub = new SeriesHub(layout, {
    seriesMax: SERIES,
    idleMs: 300_000,
    clock: systemClock,
    resource: { attributes: AttributeSet.empty },
    scope: { name: '', version: '' },
  })
  const shards = [0, 1].map(
    (worker) => new SeriesShard(layout, { rowsMax: SERIES + 1, textBytesMax: 64 << 20 }, (buffers) => hub.attach({ worker, life: 0 }, buffers)),
  )
  const catalog = new Catalog({
    namespace: '',
    addsSuffixes: true,
    constLabels: {},
    hasScopeInfo: true,
    seriesMax: SERIES,
    expirationMs: 300_000,
    clock: systemClock,
    isResourceLabel: () => false,
    rejected: (reason, series) => console.log(`rejected ${series} ${reason}`),
    dropped: (reason, points) => console.log(`dropped ${points} ${reason}`),
    helpConflict: () => {},
  })
  const options: RenderOptions = { format: 'text', sendsTimestamps: false, sendsCreated: false, targetName: 'target_info' }
  const pool = new ChunkPool()
  const scrape = async (): Promise<number> => {
    catalog.consume({ timeMs: Date.now(), families: await hub.collect() })
    const result = { series: 0, bytes: 0 }
    for await (const chunk of render(await catalog.serve(new TimeSlices()), options, result, pool)) pool.give(chunk)
    return result.bytes
  }
  for (const shard of shards) fillShard(shard)
  let bytes = 0
  const merge = await timed(async () => void (await hub.collect()))
  const first = await timed(async () => {
    bytes = await scrape()
  })
  console.log(`${SERIES} series, ${(bytes / 1e6).toFixed(1)} MB; RSS ${(process.memoryUsage.rss() / 2 ** 20).toFixed(0)} MiB`)
  console.log(`first merge                           ${merge.tookMs.toFixed(1)} ms, longest block ${merge.blockMs.toFixed(1)} ms`)
  console.log(`first scrape (renders the labels)     ${first.tookMs.toFixed(1)} ms, longest block ${first.blockMs.toFixed(1)} ms`)

  const ours: number[] = []
  const blocks: number[] = []
  const merges: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    for (const shard of shards) fillShard(shard)
    merges.push((await timed(async () => void (await hub.collect()))).tookMs)
    const { tookMs, blockMs } = await timed(async () => void (await scrape()))
    ours.push(tookMs)
    blocks.push(blockMs)
  }
  console.log(`merge of two workers, all changed     ${median(merges).toFixed(1)} ms`)
  console.log(`scrape of merged values               ${median(ours).toFixed(1)} ms, longest block ${Math.max(...blocks).toFixed(1)} ms`)

  const [points] = await hub.collect()
  const theirs: number[] = []
  const serializer = new PrometheusSerializer('', false)
  const metrics = resourceMetrics(points as FamilyPoints)
  for (let round = 0; round < Math.min(ROUNDS, 3); round++) {
    const startedMs = performance.now()
    const text = serializer.serialize(metrics)
    theirs.push(performance.now() - startedMs)
    if (round === 0) console.log(`@opentelemetry serializer: ${(text.length / 1e6).toFixed(1)} MB, all of it one block`)
  }
  console.log(`@opentelemetry serializer             ${median(theirs).toFixed(1)} ms`)
  console.log(`ratio                                 ${(median(theirs) / median(ours)).toFixed(1)}×`)
}

await main()
