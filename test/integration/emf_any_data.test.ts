/** Whatever metrics come in, by whatever settings: every document is one that CloudWatch takes whole, and every point is accounted for. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { config as schema } from '../../exporters/awsemf/config.ts'
import type { EmfDocument } from '../../exporters/awsemf/document/document.ts'
import { EmfEncoder } from '../../exporters/awsemf/document/encoder.ts'
import { AttributeSet } from '../../model/attributes.ts'
import type { DataPoints, ExponentialHistogramPoint, HistogramPoint } from '../../model/data_points.ts'
import { checkedConfig } from '../fakes/checked_config.ts'
import { FakeClock } from '../fakes/clock.ts'
import { CloudWatchMetrics, type MetricStatistics } from '../fakes/emf_reader.ts'
import { dataPoints } from '../fakes/otlp_arbitraries.ts'

const SETTINGS: readonly ({ readonly max_event_bytes?: number } & Readonly<Record<string, unknown>>)[] = [
  {},
  { dimension_rollup_option: 'ZeroAndSingleDimensionRollup', resource_to_telemetry_conversion: { enabled: true } },
  { histogram_format: 'statistics', max_event_bytes: 4096, retain_initial_value_of_delta_metric: true },
  { detailed_metrics: true, max_custom_metrics: 3, retain_initial_value_of_delta_metric: true, blank_label_values: 'omit' },
  { namespace: 'Any', log_group_name: '/any/{service.name}/{x}', log_stream_name: '{PodName}', non_monotonic_sums: 'delta', storage_resolution: 1 },
]

async function encoded(batches: readonly DataPoints[], settings: object): Promise<{ readonly documents: readonly EmfDocument[]; readonly dropped: number }> {
  let dropped = 0
  const encoder = new EmfEncoder(checkedConfig(schema, settings), { clock: new FakeClock(), onDropped: (_reason, points) => void (dropped += points) })
  const documents: EmfDocument[] = []
  for (const batch of batches) for await (const slice of encoder.encode(batch)) documents.push(...slice)
  return { documents, dropped }
}

function read(documents: readonly EmfDocument[]): CloudWatchMetrics {
  const metrics = new CloudWatchMetrics()
  for (const { json, timestampMs } of documents) metrics.add(json, { eventTimestampMs: timestampMs })
  return metrics
}

test('documents of any metrics are right, and points in them and dropped add up', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(dataPoints, { minLength: 1, maxLength: 3 }), fc.constantFrom(...SETTINGS), async (batches, settings) => {
      const points = batches.flatMap(({ groups }) => groups.flatMap(({ metrics }) => metrics)).reduce((sum, metric) => sum + metric.points.length, 0)
      const { documents, dropped } = await encoded(batches, settings)
      expect(read(documents).problems).toEqual([])
      expect(documents.reduce((sum, document) => sum + document.points, 0) + dropped).toBe(points)
      for (const { json, logGroup, logStream } of documents) {
        expect(Buffer.byteLength(json)).toBeLessThanOrEqual(settings.max_event_bytes ?? 262_118)
        expect(logGroup).toMatch(/^(?!aws\/)[A-Za-z0-9_\-/.#]{1,512}$/)
        expect(logStream).toMatch(/^[^:*]{1,512}$/)
      }
    }),
    { numRuns: 200 },
  )
})

const value = fc.oneof(fc.double({ min: 1e-6, max: 1e9, noNaN: true }), fc.integer({ min: 1, max: 5000 }))
const SCALE = 6

/** A point of raw values, as the SDK of an application makes it. */
function exponentialPoint(values: readonly number[]): ExponentialHistogramPoint {
  const indexes = values.map((one) => Math.ceil(Math.log2(one) * 2 ** SCALE) - 1)
  const offset = Math.min(...indexes)
  const counts = Array.from({ length: Math.max(...indexes) - offset + 1 }, () => 0n)
  for (const index of indexes) counts[index - offset] = (counts[index - offset] as bigint) + 1n
  const totals = { count: BigInt(values.length), sum: values.reduce((sum, one) => sum + one, 0), min: Math.min(...values), max: Math.max(...values) }
  return { ...point(), ...totals, scale: SCALE, zeroCount: 0n, zeroThreshold: 0, positive: { offset, counts }, negative: { offset: 0, counts: [] } }
}

function point(): Pick<HistogramPoint, 'attributes' | 'startTimeNs' | 'timeNs' | 'flags' | 'exemplars'> {
  return { attributes: AttributeSet.of({ app: 'shop' }), startTimeNs: 0n, timeNs: 1_767_225_600_000_000_000n, flags: 0, exemplars: [] }
}

function explicitPoint(values: readonly number[], bounds: readonly number[]): HistogramPoint {
  const bucketCounts = Array.from({ length: bounds.length + 1 }, () => 0n)
  for (const one of values) {
    const at = bounds.findIndex((bound) => one <= bound)
    bucketCounts[at < 0 ? bounds.length : at] = (bucketCounts[at < 0 ? bounds.length : at] as bigint) + 1n
  }
  const totals = { count: BigInt(values.length), sum: values.reduce((sum, one) => sum + one, 0), min: Math.min(...values), max: Math.max(...values) }
  return { ...point(), ...totals, bounds, bucketCounts }
}

async function statisticsOf(
  type: 'histogram' | 'exponential_histogram',
  one: HistogramPoint | ExponentialHistogramPoint,
): Promise<MetricStatistics | undefined> {
  const about = { name: 'time', description: '', unit: 'ms', temporality: 'delta' as const }
  const metric = type === 'histogram' ? { ...about, type, points: [one as HistogramPoint] } : { ...about, type, points: [one as ExponentialHistogramPoint] }
  const batch: DataPoints = { groups: [{ resource: { attributes: AttributeSet.empty }, scope: { name: '', version: '' }, metrics: [metric] }] }
  const { documents } = await encoded([batch], {})
  const metrics = read(documents)
  expect(metrics.problems).toEqual([])
  return metrics.statistics({ name: 'time' })
}

function exact(values: readonly number[], percent: number): number {
  return values.toSorted((a, b) => a - b)[Math.ceil((percent / 100) * values.length) - 1] as number
}

test('exponential histograms keep count, sum, minimum and maximum, and p50 and p99 within 1 %', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(value, { minLength: 1, maxLength: 500 }), async (values) => {
      const found = await statisticsOf('exponential_histogram', exponentialPoint(values))
      const sum = values.reduce((total, one) => total + one, 0)
      expect(found).toMatchObject({ sampleCount: values.length, min: Math.min(...values), max: Math.max(...values) })
      expect(Math.abs((found?.sum ?? 0) - sum)).toBeLessThanOrEqual(sum * 1e-9)
      for (const percent of [50, 99]) {
        const truth = exact(values, percent)
        expect(Math.abs((found?.percentile(percent) ?? 0) - truth) / truth).toBeLessThan(0.01)
      }
    }),
    { numRuns: 50 },
  )
})

test('explicit histograms keep count, sum, minimum and maximum, and percentiles within their bucket', async () => {
  const bounds = Array.from({ length: 150 }, (_, i) => (i + 1) * 20)
  await fc.assert(
    fc.asyncProperty(fc.array(value, { minLength: 1, maxLength: 500 }), async (values) => {
      const found = await statisticsOf('histogram', explicitPoint(values, bounds))
      expect(found).toMatchObject({ sampleCount: values.length, min: Math.min(...values), max: Math.max(...values) })
      const bucketOf = (one: number): number => bounds.filter((bound) => bound < one).length
      for (const percent of [50, 99]) expect(bucketOf(found?.percentile(percent) ?? 0)).toBe(bucketOf(exact(values, percent)))
    }),
    { numRuns: 50 },
  )
})
