import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { AttributeSet } from '../../model/attributes.ts'
import type { DataPoints, ExponentialHistogramPoint, HistogramPoint, Metric, NumberPoint } from '../../model/data_points.ts'
import type { Metrics } from '../../model/metrics.ts'
import { checkedConfig } from '../../test/fakes/checked_config.ts'
import { CollectingConsumer } from '../../test/fakes/consumers.ts'
import { familyPoints, metricFamily, metricsOf } from '../../test/fakes/metrics.ts'
import { type FakeSettings, fakeSettings } from '../../test/fakes/settings.ts'
import { config, type DeltaToCumulativeConfig } from './config.ts'
import { DeltaToCumulative } from './processor.ts'

const HEAD = { resource: { attributes: AttributeSet.empty }, scope: { name: '', version: '' } }
const SECOND = 1_000_000_000n

function base(startS: number, endS: number, attributes = AttributeSet.empty) {
  return { attributes, startTimeNs: BigInt(startS) * SECOND, timeNs: BigInt(endS) * SECOND, flags: 0, exemplars: [] }
}

function sum(...points: NumberPoint[]): Metric {
  return { name: 'calls', description: '', unit: '', type: 'sum', isMonotonic: true, temporality: 'delta', points }
}

class Run {
  readonly next = new CollectingConsumer<Metrics>()
  readonly settings: FakeSettings = fakeSettings('processor', 'deltatocumulative')
  readonly processor: DeltaToCumulative

  constructor(given: object = {}) {
    this.processor = new DeltaToCumulative(this.settings, checkedConfig<DeltaToCumulativeConfig>(config, given), this.next)
    this.processor.start()
  }

  async feed(...metrics: Metric[]): Promise<Metric[]> {
    for (const metric of metrics) await this.processor.consume({ groups: [{ ...HEAD, metrics: [metric] }] })
    return (this.next.batches as DataPoints[]).flatMap(({ groups }) => groups.flatMap((group) => group.metrics))
  }

  async totals(...points: NumberPoint[]): Promise<unknown[]> {
    const out = await this.feed(...points.map((point) => sum(point)))
    return out.flatMap(({ points: all }) =>
      all.map((point) => [(point as NumberPoint).value, Number(point.startTimeNs / SECOND), Number(point.timeNs / SECOND)]),
    )
  }

  outcomes(outcome: string): number {
    return this.settings.telemetry.value('otelcol_deltatocumulative_datapoints', { outcome })
  }
}

test('deltas add up from the start of the first', async () => {
  expect(await new Run().totals({ ...base(1, 10), value: 5n }, { ...base(10, 20), value: 2n }, { ...base(25, 30), value: 0.5 })).toEqual([
    [5n, 1, 10],
    [7n, 1, 20],
    [7.5, 1, 30],
  ])
})

test('deltas that come late, twice, or overlap what is known are dropped and counted', async () => {
  const run = new Run()
  const points = [base(1, 10), base(1, 10), base(5, 9), base(5, 20), base(10, 20)].map((times) => ({ ...times, value: 1n }))
  expect(await run.totals(...points)).toEqual([
    [1n, 1, 10],
    [2n, 1, 20],
  ])
  expect([run.outcomes('added'), run.outcomes('out_of_order'), run.outcomes('older_start')]).toEqual([2, 2, 1])
})

test('histograms add up, bucket by bucket; with other buckets they begin anew', async () => {
  const histogram = (startS: number, endS: number, bounds: number[], counts: bigint[]): Metric => {
    const point: HistogramPoint = {
      ...base(startS, endS),
      count: counts.reduce((a, b) => a + b),
      sum: 2,
      min: 1,
      max: endS,
      bounds,
      bucketCounts: counts,
    }
    return { name: 'h', description: '', unit: '', type: 'histogram', temporality: 'delta', points: [point] }
  }
  const out = await new Run().feed(histogram(1, 10, [1], [1n, 2n]), histogram(10, 20, [1], [4n, 0n]), histogram(20, 30, [2], [1n, 1n]))
  expect(out.map(({ points: [first] }) => first)).toMatchObject([
    { count: 3n, bucketCounts: [1n, 2n], sum: 2 },
    { count: 7n, bucketCounts: [5n, 2n], sum: 4, min: 1, max: 20, startTimeNs: SECOND },
    { count: 2n, bucketCounts: [1n, 1n], startTimeNs: 20n * SECOND },
  ])
  expect(out.every((metric) => metric.type === 'histogram' && metric.temporality === 'cumulative')).toBe(true)
})

test('exponential histograms add up at the coarser scale, in a bounded number of buckets', async () => {
  const exponential = (i: number, scale: number, offset: number, counts: bigint[]): Metric => {
    const count = counts.reduce((a, b) => a + b)
    const point: ExponentialHistogramPoint = {
      ...base(i, i + 1),
      count,
      sum: 1,
      min: undefined,
      max: undefined,
      scale,
      zeroCount: 0n,
      zeroThreshold: 0,
      positive: { offset, counts },
      negative: { offset: 0, counts: [] },
    }
    return { name: 'e', description: '', unit: '', type: 'exponential_histogram', temporality: 'delta', points: [point] }
  }
  const [, second] = await new Run().feed(exponential(1, 1, -2, [1n, 1n, 2n]), exponential(2, 0, 3, [5n]))
  expect(second?.points[0]).toMatchObject({ count: 9n, scale: 0, positive: { offset: -1, counts: [2n, 2n, 0n, 0n, 5n] } })
  const [, wide] = await new Run().feed(exponential(1, 3, 0, [1n]), exponential(2, 3, 1000, [1n]))
  const point = wide?.points[0] as ExponentialHistogramPoint
  expect(point.positive.counts.length).toBeLessThanOrEqual(160)
  expect(point.positive.counts.reduce((a, b) => a + b)).toBe(2n)
})

test('cumulative series of the daemon itself pass as they are; deltas among points are converted beside others', async () => {
  const run = new Run()
  const series = metricsOf(familyPoints(metricFamily('calls'), [{ attributes: {}, values: [1] }]))
  await run.processor.consume(series)
  expect(run.next.batches[0]).toBe(series)
})

test('streams are bounded, and begin anew when nothing was heard of them for long', async () => {
  const run = new Run({ max_streams: 1, max_stale: '10s' })
  const other = AttributeSet.of({ code: '500' })
  await run.totals({ ...base(1, 10), value: 1n }, { ...base(1, 10, other), value: 1n })
  expect(run.outcomes('limit')).toBe(1)
  run.settings.clock.advance(12_000)
  expect((await run.totals({ ...base(20, 30), value: 4n })).at(-1)).toEqual([4n, 20, 30])
})

test('the last total is the sum of all deltas', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: -50, max: 100 }), { minLength: 1, maxLength: 30 }), async (values) => {
      const totals = await new Run().totals(...values.map((value, i) => ({ ...base(i, i + 1), value: BigInt(value) })))
      expect(totals.at(-1)).toEqual([BigInt(values.reduce((a, b) => a + b, 0)), 0, values.length])
    }),
  )
})
