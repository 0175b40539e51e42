import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { familyPoints, metricFamily } from '../../test/fakes/metrics.ts'
import * as arbitrary from '../../test/fakes/otlp_arbitraries.ts'
import { AttributeSet } from '../attributes.ts'
import type { DataPoint, DataPoints, Metric, NumberPoint } from '../data_points.ts'
import { type FamilyPoints, type SeriesMetrics, valuesPerPoint } from '../metrics.ts'
import { dataPoints, type OmittedReason, seriesMetrics } from './convert.ts'
import { decodeMetrics } from './decode.ts'
import { encodeMetrics } from './encode.ts'

const NOW = Date.UTC(2026, 0, 1)
const START_NS = BigInt(NOW - 60_000) * 1_000_000n
const NOW_NS = BigInt(NOW) * 1_000_000n
const exemplar = { value: 0.7, timeMs: NOW - 1, traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' }

function batchOf(points: FamilyPoints): SeriesMetrics {
  return { timeMs: NOW, families: [points] }
}

const point = { attributes: { code: '200', n: 5n }, startMs: NOW - 60_000, updatedMs: NOW }
const common = { attributes: AttributeSet.of(point.attributes), startTimeNs: START_NS, timeNs: NOW_NS, flags: 0, exemplars: [] }

const FAMILIES = [
  { family: metricFamily('requests'), values: [7], expected: { type: 'sum', temporality: 'cumulative', isMonotonic: true, points: [{ ...common, value: 7 }] } },
  {
    family: metricFamily('delta', { temporality: 'delta', isMonotonic: false, unit: 'By' }),
    values: [-2.5],
    expected: { type: 'sum', unit: 'By', temporality: 'delta', isMonotonic: false, points: [{ ...common, value: -2.5 }] },
  },
  {
    family: metricFamily('load', { type: 'gauge', isMonotonic: false }),
    values: [Number.NaN],
    expected: { type: 'gauge', points: [{ ...common, value: Number.NaN }] },
  },
  {
    family: metricFamily('duration', { type: 'histogram', isMonotonic: false, bounds: [0.5, 1] }),
    // Weights of samples need not be integers, and are beyond 32 bits for who counts long enough.
    values: [1.4, 0, 2 ** 40, 12.5],
    expected: {
      type: 'histogram',
      temporality: 'cumulative',
      points: [{ ...common, count: 2n ** 40n + 1n, sum: 12.5, min: undefined, max: undefined, bounds: [0.5, 1], bucketCounts: [1n, 0n, 2n ** 40n] }],
    },
  },
  {
    family: metricFamily('size', { type: 'exponential_histogram', isMonotonic: false, bucketsMax: 4 }),
    values: [6, 30, 0.5, 8, 1, 3, -2, 2, 0, 3, 0],
    expected: {
      type: 'exponential_histogram',
      temporality: 'cumulative',
      points: [
        {
          ...common,
          count: 6n,
          sum: 30,
          min: 0.5,
          max: 8,
          scale: 3,
          zeroCount: 1n,
          zeroThreshold: 0,
          positive: { offset: -2, counts: [2n, 0n, 3n] },
          negative: { offset: 0, counts: [] },
        },
      ],
    },
  },
  {
    family: metricFamily('timer', { type: 'summary', isMonotonic: false, quantiles: [0.5, 0.99] }),
    values: [3, 9, 2, 5],
    expected: {
      type: 'summary',
      points: [
        {
          ...common,
          count: 3n,
          sum: 9,
          quantiles: [
            { quantile: 0.5, value: 2 },
            { quantile: 0.99, value: 5 },
          ],
        },
      ],
    },
  },
] as const

describe.for(FAMILIES)('a family of type $family.type', ({ family, values, expected }) => {
  const resource = { 'service.name': 'mesh' }
  const series = batchOf(familyPoints(family, [{ ...point, values }], { resource, timeMs: NOW }))
  const metric = { name: family.name, description: `About ${family.name}.`, unit: '', ...expected }
  const groups = [{ resource: { attributes: AttributeSet.of(resource) }, scope: { name: '', version: '' }, metrics: [metric] }]

  test('is encoded from its columns', () => {
    expect(decodeMetrics(encodeMetrics(series))).toEqual({ groups })
    // What is kept from the first time is the same the second time.
    expect(encodeMetrics(series)).toEqual(encodeMetrics(series))
  })

  test('becomes points', () => {
    expect(dataPoints(series)).toEqual({ groups })
  })

  test('is the same after a trip through points', () => {
    const [again] = seriesMetrics(dataPoints(series), { nowMs: NOW }).families as [FamilyPoints]
    const size = valuesPerPoint(again.family)
    const wholeCounts = values.map((value, i) => (family.type === 'histogram' && i < family.bounds.length + 1 ? Math.round(value) : value))
    expect([...again.values.subarray(0, size)]).toEqual(wholeCounts.slice(0, size))
    expect([again.series, [...again.startTimesMs], [...again.updatedMs]]).toEqual([series.families[0]?.series, [point.startMs], [NOW]])
    expect(again.family).toMatchObject({ name: family.name, type: family.type, temporality: family.temporality, bounds: family.bounds })
  })
})

test('exemplars go with their points, and only where OTLP has them', () => {
  for (const { family, values } of FAMILIES) {
    const series = batchOf(familyPoints(family, [{ ...point, values, exemplar }]))
    const exemplars = decodeMetrics(encodeMetrics(series)).groups[0]?.metrics[0]?.points[0]?.exemplars
    const { timeMs, ...rest } = exemplar
    const expected = [{ ...rest, timeNs: BigInt(timeMs) * 1_000_000n, filteredAttributes: AttributeSet.empty }]
    expect(exemplars).toEqual(family.type === 'summary' ? [] : expected)
  }
})

test('families of one resource share it in bytes, and one set of attributes serves points of several types', () => {
  const attributes = AttributeSet.of({ a: 'b' })
  const families = FAMILIES.map(({ family, values }) => familyPoints(family, [{ ...point, values, attributes }]))
  const shared = families.map((points) => ({ ...points, resource: (families[0] as FamilyPoints).resource }))
  for (const all of [shared, shared.toReversed()]) {
    const { groups } = decodeMetrics(encodeMetrics({ timeMs: NOW, families: all }))
    expect(new Set(groups.map(({ resource }) => resource)).size).toBe(1)
    expect(groups.flatMap(({ metrics }) => metrics.map(({ points }) => points[0]?.attributes))).toEqual(FAMILIES.map(() => attributes))
  }
})

test('times are exact to the nanosecond as far as a double goes', () => {
  const times = fc.double({ min: 0, max: Date.UTC(2200, 0, 1), noNaN: true })
  fc.assert(
    fc.property(times, times, (startMs, timeMs) => {
      const points = { ...familyPoints(metricFamily('a'), [{ attributes: {}, values: [1], startMs }]) }
      const metric = decodeMetrics(encodeMetrics({ timeMs, families: [points] })).groups[0]?.metrics[0]
      const nanoseconds = (ms: number): bigint => BigInt(Math.floor(ms)) * 1_000_000n + BigInt(Math.round((ms - Math.floor(ms)) * 1e6))
      expect(metric?.points[0]).toMatchObject({ startTimeNs: nanoseconds(startMs), timeNs: nanoseconds(timeMs) })
    }),
  )
})

/** Points that columns hold without loss. */
function metricsOf(...metrics: Metric[]): DataPoints {
  return { groups: [{ resource: { attributes: AttributeSet.empty }, scope: { name: '', version: '' }, metrics }] }
}

const named = { name: 'm', description: '', unit: '' }
const number: NumberPoint = { ...common, value: 1 }

test.for([
  { name: 'a staleness marker', metric: { ...named, type: 'gauge', points: [{ ...number, flags: 1 }] }, reason: 'no_value' },
  { name: 'a point without a value', metric: { ...named, type: 'gauge', points: [{ ...number, value: null }] }, reason: 'no_value' },
  {
    name: 'a sum without temporality',
    metric: { ...named, type: 'sum', temporality: 'unspecified', isMonotonic: true, points: [number] },
    reason: 'no_temporality',
  },
  {
    name: 'a histogram with too few buckets',
    metric: {
      ...named,
      type: 'histogram',
      temporality: 'delta',
      points: [{ ...common, count: 1n, sum: 1, min: undefined, max: undefined, bounds: [1, 2], bucketCounts: [1n] }],
    },
    reason: 'malformed',
  },
  {
    name: 'negative buckets',
    metric: {
      ...named,
      type: 'exponential_histogram',
      temporality: 'delta',
      points: [
        {
          ...common,
          count: 1n,
          sum: 1,
          min: undefined,
          max: undefined,
          scale: 0,
          zeroCount: 0n,
          zeroThreshold: 0,
          positive: { offset: 0, counts: [] },
          negative: { offset: 0, counts: [1n] },
        },
      ],
    },
    reason: 'negative_buckets',
  },
] as unknown as readonly { readonly name: string; readonly metric: Metric; readonly reason: OmittedReason }[])(
  '$name has no place in columns, and is counted',
  ({ metric, reason }) => {
    const omitted: [OmittedReason, number][] = []
    const rest: Metric = { ...named, type: 'gauge', points: [number, { ...number, value: 5n }] }
    const { families } = seriesMetrics(metricsOf(metric, rest), { nowMs: NOW, onOmitted: (...one) => omitted.push(one) })
    expect(omitted).toEqual([[reason, 1]])
    expect(families.map(({ values }) => [...values])).toEqual([[1, 5]])
  },
)

test('points with several bounds become several families; what is not given is estimated', () => {
  const histogram = { ...common, count: 4n, sum: undefined, min: undefined, max: undefined }
  const exponential = {
    ...histogram,
    scale: 0,
    zeroCount: 0n,
    zeroThreshold: 0,
    positive: { offset: 1, counts: [0n, 4n] },
    negative: { offset: 0, counts: [] },
  }
  const { families, timeMs } = seriesMetrics(
    metricsOf(
      {
        ...named,
        type: 'histogram',
        temporality: 'delta',
        points: [
          { ...histogram, bounds: [1], bucketCounts: [1n, 3n] },
          { ...histogram, bounds: [], bucketCounts: [], timeNs: 0n },
          { ...histogram, bounds: [1], bucketCounts: [4n, 0n] },
        ],
      },
      { ...named, type: 'exponential_histogram', temporality: 'delta', points: [exponential] },
    ),
    { nowMs: NOW + 5 },
  )
  expect(timeMs).toBe(NOW + 5)
  expect(families.map(({ family, series, values }) => [family.bounds, series.length, [...values]])).toEqual([
    [[1], 2, [1, 3, Number.NaN, 4, 0, Number.NaN]],
    [[], 1, [4, Number.NaN]],
    [[], 1, [4, Number.NaN, 4, 8, 0, 0, 1, 0, 4]],
  ])
})

test('points of any kind become columns or are counted, and none is lost', { timeout: 30_000 }, () => {
  fc.assert(
    fc.property(arbitrary.dataPoints, (batch) => {
      let omitted = 0
      const { families } = seriesMetrics(batch, { nowMs: NOW, onOmitted: (_reason, points) => (omitted += points) })
      const points = batch.groups.flatMap(({ metrics }) => metrics.flatMap((metric): DataPoint[] => metric.points))
      expect(families.reduce((sum, { series }) => sum + series.length, omitted)).toBe(points.length)
      for (const { family, series, values, stride } of families) expect([values.length, stride]).toEqual([series.length * stride, valuesPerPoint(family)])
    }),
    { numRuns: 50 },
  )
})

test('metrics that are what is asked for stay the same object', () => {
  const series = batchOf(familyPoints(metricFamily('a'), [{ ...point, values: [1] }]))
  const points = metricsOf()
  expect([seriesMetrics(series, { nowMs: 0 }), dataPoints(points)]).toEqual([series, points])
  expect([seriesMetrics(series, { nowMs: 0 }) === series, dataPoints(points) === points]).toEqual([true, true])
})
