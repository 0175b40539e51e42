import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AttributeSet } from '../../model/attributes.ts'
import {
  type DataPoints,
  type ExponentialHistogramPoint,
  type HistogramPoint,
  type Metric,
  NO_RECORDED_VALUE,
  type NumberPoint,
} from '../../model/data_points.ts'
import type { Metrics } from '../../model/metrics.ts'
import { checkedConfig } from '../../test/fakes/checked_config.ts'
import { CollectingConsumer } from '../../test/fakes/consumers.ts'
import { familyPoints, metricFamily, metricsOf } from '../../test/fakes/metrics.ts'
import { type FakeSettings, fakeSettings } from '../../test/fakes/settings.ts'
import { type CumulativeToDeltaConfig, config } from './config.ts'
import { CumulativeToDelta } from './processor.ts'

const HEAD = { resource: { attributes: AttributeSet.of({ 'service.name': 'cart' }) }, scope: { name: '', version: '' } }
const SECOND = 1_000_000_000n

function base(atS: number, startS = 1, attributes = AttributeSet.of({ code: '200' })) {
  return { attributes, startTimeNs: BigInt(startS) * SECOND, timeNs: BigInt(atS) * SECOND, flags: 0, exemplars: [] }
}

function sum(...points: NumberPoint[]): Metric {
  return { name: 'calls', description: '', unit: '', type: 'sum', isMonotonic: true, temporality: 'cumulative', points }
}

function batchOf(...metrics: Metric[]): DataPoints {
  return { groups: [{ ...HEAD, metrics }] }
}

class Run {
  readonly next = new CollectingConsumer<Metrics>()
  readonly settings: FakeSettings = fakeSettings('processor', 'cumulativetodelta')
  readonly processor: CumulativeToDelta

  constructor(given: object = {}) {
    this.processor = new CumulativeToDelta(this.settings, checkedConfig<CumulativeToDeltaConfig>(config, { initial_value: 'drop', ...given }), this.next)
    this.processor.start()
  }

  /** The metrics that came out, batch by batch. */
  async feed(...batches: Metrics[]): Promise<Metric[][]> {
    for (const batch of batches) await this.processor.consume(batch)
    return (this.next.batches as DataPoints[]).map(({ groups }) => groups.flatMap(({ metrics }) => metrics))
  }

  /** Values of sums that came out, with start and end in seconds. */
  async deltas(...points: NumberPoint[]): Promise<unknown[]> {
    const out = await this.feed(...points.map((point) => batchOf(sum(point))))
    return out.flatMap((metrics) =>
      metrics.flatMap((metric) =>
        metric.points.map((point) => [(point as NumberPoint).value, Number(point.startTimeNs / SECOND), Number(point.timeNs / SECOND)]),
      ),
    )
  }

  outcomes(outcome: string): number {
    return this.settings.telemetry.value('meshscope_cumulativetodelta_points', { outcome })
  }
}

describe('a sum', () => {
  test('becomes what came since the point before', async () => {
    const run = new Run()
    expect(await run.deltas({ ...base(10), value: 5n }, { ...base(20), value: 9n }, { ...base(30), value: 9n }, { ...base(40), value: 12.5 })).toEqual([
      [4n, 10, 20],
      [0n, 20, 30],
      [3.5, 30, 40],
    ])
    expect([run.outcomes('initial'), run.outcomes('converted')]).toEqual([1, 3])
  })

  test('that has fallen, or has a later start, counts whole', async () => {
    const points = [
      { ...base(10), value: 5n },
      { ...base(20), value: 3n },
      { ...base(30, 25), value: 10n },
    ]
    expect(await new Run().deltas(...points)).toEqual([
      [3n, 10, 20],
      [10n, 25, 30],
    ])
  })

  test('that comes late or twice is dropped and counted', async () => {
    const run = new Run()
    const points = [
      { ...base(10), value: 5n },
      { ...base(20), value: 6n },
      { ...base(20), value: 7n },
      { ...base(15), value: 7n },
      { ...base(30), value: 8n },
    ]
    expect(await run.deltas(...points)).toEqual([
      [1n, 10, 20],
      [2n, 20, 30],
    ])
    expect(run.outcomes('out_of_order')).toBe(2)
  })

  test('without a value ends its stream', async () => {
    const run = new Run()
    const points = [
      { ...base(10), value: 5n },
      { ...base(20), value: 0, flags: NO_RECORDED_VALUE },
      { ...base(30), value: 8n },
    ]
    expect(await run.deltas(...points)).toEqual([])
    expect([run.outcomes('no_value'), run.outcomes('initial')]).toEqual([1, 2])
  })

  test('keeps its first value when told to, or when it began after this process', async () => {
    expect(await new Run({ initial_value: 'keep' }).deltas({ ...base(10), value: 5n })).toEqual([[5n, 1, 10]])
    const run = new Run({ initial_value: 'auto' })
    const nowS = Math.round(run.settings.clock.now() / 1000)
    const old = { ...base(nowS + 10, 1), value: 5n }
    const young = { ...base(nowS + 10, nowS + 1, AttributeSet.of({ code: '500' })), value: 7n }
    run.settings.clock.advance(10_000)
    expect(await run.deltas(old, young)).toEqual([[7n, nowS + 1, nowS + 10]])
  })

  test('is told from others by resource, attributes in any order, and name', async () => {
    const run = new Run()
    const [ab, ba] = [AttributeSet.of({ a: 1n, b: 2n }), AttributeSet.of({ b: 2n, a: 1n })]
    const other = { ...HEAD, resource: { attributes: AttributeSet.of({ 'service.name': 'other' }) } }
    const out = await run.feed(
      batchOf(sum({ ...base(10, 1, ab), value: 1n })),
      { groups: [{ ...other, metrics: [sum({ ...base(20, 1, ab), value: 9n })] }] },
      batchOf(sum({ ...base(20, 1, ba), value: 3n })),
    )
    expect(out.flat().flatMap(({ points }) => points.map((point) => (point as NumberPoint).value))).toEqual([2n])
  })
})

test('gauges, deltas, sums that may fall and metrics that are excluded stay as they are', async () => {
  const run = new Run({ exclude: { metrics: ['^keep'], match_type: 'regexp' }, include: { metric_types: ['sum'] } })
  const gauge: Metric = { name: 'g', description: '', unit: '', type: 'gauge', points: [{ ...base(10), value: 1 }] }
  const falling: Metric = { ...sum({ ...base(10), value: 1 }), isMonotonic: false } as Metric
  const delta: Metric = { ...sum({ ...base(10), value: 1 }), temporality: 'delta' } as Metric
  const kept: Metric = { ...sum({ ...base(10), value: 1 }), name: 'keep.it' }
  const histogram: Metric = { name: 'h', description: '', unit: '', type: 'histogram', temporality: 'cumulative', points: [] }
  const [out] = await run.feed(batchOf(gauge, falling, delta, kept, histogram, sum({ ...base(10), value: 1 })))
  expect(out).toEqual([gauge, falling, delta, kept, histogram])
})

test('histograms become what came in between, in each bucket', async () => {
  const point = (atS: number, counts: bigint[], total: number): HistogramPoint => ({
    ...base(atS),
    count: counts.reduce((a, b) => a + b),
    sum: total,
    min: 0.5,
    max: 9,
    bounds: [1, 5],
    bucketCounts: counts,
  })
  const metric = (one: HistogramPoint): Metric => ({ name: 'h', description: '', unit: '', type: 'histogram', temporality: 'cumulative', points: [one] })
  const out = await new Run().feed(...[point(10, [1n, 1n, 0n], 4), point(20, [1n, 3n, 1n], 20), point(30, [0n, 1n, 1n], 8)].map((one) => batchOf(metric(one))))
  expect(out.flat().map(({ points: [first] }) => first)).toMatchObject([
    { count: 3n, sum: 16, min: undefined, max: undefined, bucketCounts: [0n, 2n, 1n], startTimeNs: 10n * SECOND },
    { count: 2n, sum: 8, bucketCounts: [0n, 1n, 1n], startTimeNs: 20n * SECOND },
  ])
})

test('exponential histograms are compared at the coarser scale', async () => {
  const point = (atS: number, scale: number, offset: number, counts: bigint[]): ExponentialHistogramPoint => ({
    ...base(atS),
    count: counts.reduce((a, b) => a + b) + 1n,
    sum: 1,
    min: undefined,
    max: undefined,
    scale,
    zeroCount: 1n,
    zeroThreshold: 0,
    positive: { offset, counts },
    negative: { offset: 0, counts: [] },
  })
  const metric = (one: ExponentialHistogramPoint): Metric => ({
    name: 'e',
    description: '',
    unit: '',
    type: 'exponential_histogram',
    temporality: 'cumulative',
    points: [one],
  })
  const out = await new Run().feed(...[point(10, 1, -2, [1n, 1n, 2n]), point(20, 0, -1, [3n, 2n, 4n])].map((one) => batchOf(metric(one))))
  expect(out.flat()[0]?.points[0]).toMatchObject({ scale: 0, count: 5n, zeroCount: 0n, positive: { offset: -1, counts: [1n, 0n, 4n] } })
})

test('series of the daemon itself become deltas at their interval, not at a scrape', async () => {
  const run = new Run()
  const at = (timeMs: number, value: number, isOnDemand: boolean): Metrics => ({
    ...metricsOf(familyPoints(metricFamily('calls'), [{ attributes: { code: '200' }, values: [value] }])),
    timeMs,
    isOnDemand,
  })
  const out = await run.feed(at(1000, 5, false), at(1500, 6, true), at(2000, 9, false))
  expect(out.flat().map(({ points }) => points.map((point) => (point as NumberPoint).value))).toEqual([[4]])
})

test('streams are bounded, and forgotten when nothing is heard of them', async () => {
  const run = new Run({ max_streams: 1, max_staleness: '10s' })
  const other = AttributeSet.of({ code: '500' })
  await run.deltas({ ...base(10), value: 1n }, { ...base(10, 1, other), value: 1n })
  expect(run.outcomes('limit')).toBe(1)
  run.settings.clock.advance(12_000)
  await run.deltas({ ...base(20, 1, other), value: 2n })
  expect([run.outcomes('limit'), run.outcomes('initial')]).toEqual([1, 2])
})

test('a stream that was forgotten does not count whole when it comes back', async () => {
  const run = new Run({ initial_value: 'auto', max_staleness: '10s' })
  const startS = Math.round(run.settings.clock.now() / 1000)
  run.settings.clock.advance(1000)
  expect(await run.deltas({ ...base(startS + 1, startS), value: 5n })).toHaveLength(1)
  run.settings.clock.advance(12_000)
  expect(await run.deltas({ ...base(startS + 13, startS), value: 6n })).toHaveLength(1)
  expect(run.outcomes('initial')).toBe(1)
})

test('deltas add up to what was counted, whatever resets come', async () => {
  const life = fc.array(fc.tuple(fc.integer({ min: 0, max: 100 }), fc.boolean()), { minLength: 1, maxLength: 30 })
  await fc.assert(
    fc.asyncProperty(life, async (steps) => {
      let [total, value, startS] = [0n, 0n, 1]
      const points: NumberPoint[] = steps.map(([grown, isReset], i) => {
        const atS = 10 * (i + 1)
        if (isReset) [value, startS] = [0n, atS - 5]
        value += BigInt(grown)
        total += BigInt(grown)
        return { ...base(atS, startS), value }
      })
      const deltas = (await new Run({ initial_value: 'keep' }).deltas(...points)) as [bigint, number, number][]
      expect(deltas.reduce((all, [delta]) => all + delta, 0n)).toBe(total)
      for (const [i, [, start]] of deltas.entries()) if (i > 0) expect(start).toBeGreaterThanOrEqual((deltas[i - 1] as [bigint, number, number])[2])
    }),
  )
})

test('a match without anything to match, and a bad pattern, are config problems', () => {
  expect(() => checkedConfig(config, { include: {} })).toThrow('nothing to match')
  expect(() => checkedConfig(config, { exclude: { metrics: ['('], match_type: 'regexp' } })).toThrow('missing closing )')
})
