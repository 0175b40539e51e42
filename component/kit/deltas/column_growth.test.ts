import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { clearExponential, type ExponentialPlace, finestIndex, makeRoom } from '../../../model/exponential.ts'
import { ExponentialPoint, type MetricFamily, valuesPerPoint } from '../../../model/metrics.ts'
import { metricFamily } from '../../../test/fakes/metrics.ts'
import { columnGrowth, keptValues, valueGrowth } from './column_growth.ts'

const BUCKETS = 20
const exponential = metricFamily('e', { type: 'exponential_histogram', bucketsMax: BUCKETS })
const histogram = metricFamily('h', { type: 'histogram', bounds: [1, 10] })

function grown(family: MetricFamily, before: readonly number[], now: readonly number[]): number[] | undefined {
  const into = new Float64Array(valuesPerPoint(family))
  const kept = keptValues(family, { values: Float64Array.from([99, ...before]), at: 1 }, valuesPerPoint(family))
  return columnGrowth(family, { values: Float64Array.from([99, ...now]), at: 1 }, kept, into) ? [...into] : undefined
}

/** An exponential point of positive values, as a receiver counts them. */
function observed(values: readonly number[]): Float64Array {
  const place: ExponentialPlace = { values: new Float64Array(valuesPerPoint(exponential)), at: 0, bucketsMax: BUCKETS }
  clearExponential(place)
  for (const value of values) observe(place, value)
  return place.values
}

function observe(place: ExponentialPlace, value: number): void {
  const { values } = place
  const index = finestIndex(value)
  const shift = makeRoom(place, 20, index, index)
  const at = ExponentialPoint.buckets + (index >> shift) - (values[ExponentialPoint.firstIndex] as number)
  values[at] = (values[at] as number) + 1
  const isFirst = values[0] === 0
  values[ExponentialPoint.min] = isFirst ? value : Math.min(value, values[ExponentialPoint.min] as number)
  values[ExponentialPoint.max] = isFirst ? value : Math.max(value, values[ExponentialPoint.max] as number)
  values[0] = (values[0] as number) + 1
  values[1] = (values[1] as number) + value
}

describe('a value', () => {
  test.for([
    { name: 'grows', now: 5, before: 3, growth: 2 },
    { name: 'grows by little', now: 1e12 + 1, before: 1e12, growth: 1 },
    { name: 'that falls by rounding has not grown', now: 0.3 - 1e-16, before: 0.3, growth: 0 },
    { name: 'that falls began anew', now: 2, before: 3, growth: Number.NaN },
  ])('$name', ({ now, before, growth }) => {
    expect(valueGrowth(now, before)).toBe(growth)
  })
})

describe('a histogram', () => {
  test('grows bucket by bucket', () => {
    expect(grown(histogram, [1, 2, 3, 40], [1, 4, 4, 60])).toEqual([0, 2, 1, 20])
  })

  test('with a bucket that has fallen began anew', () => {
    expect(grown(histogram, [1, 2, 3, 40], [2, 1, 4, 60])).toBeUndefined()
  })

  test('with buckets that only rounding has changed has not grown', () => {
    expect(grown(histogram, [0.3, 2, 3, 40], [0.3 + 1e-15, 2, 3, 40])).toEqual([0, 0, 0, 0])
  })
})

test('a summary grows in count and sum, and keeps its quantiles', () => {
  const summary = metricFamily('s', { type: 'summary', quantiles: [0.5] })
  expect(grown(summary, [4, 10, 3], [5, 14, 4])).toEqual([1, 4, 4])
  expect(grown(summary, [4, 10, 3], [1, 2, 4])).toBeUndefined()
})

describe('an exponential histogram', () => {
  test('that has become coarser grows by what came since', () => {
    const first = [1, 1.01, 1.02]
    const then = [500, 800]
    const [before, now] = [observed(first), observed([...first, ...then])]
    const into = new Float64Array(now.length)
    expect(columnGrowth(exponential, { values: now, at: 0 }, keptValues(exponential, { values: before, at: 0 }, before.length), into)).toBe(true)
    expect([into[0], into[1]?.toFixed(6)]).toEqual([2, '1300.000000'])
    expect([...into.subarray(ExponentialPoint.buckets)].reduce((sum, count) => sum + count, 0)).toBe(2)
    // The maximum has risen, so it is of the time between; the minimum of that time is unknown.
    expect([into[ExponentialPoint.min], into[ExponentialPoint.max]]).toEqual([Number.NaN, 800])
  })

  test('that has lost values began anew', () => {
    expect(grown(exponential, [...observed([1, 2, 3])], [...observed([1])])).toBeUndefined()
    expect(grown(exponential, [...observed([1, 2])], [...observed([1, 2.5, 2.6])])).toBeUndefined()
  })

  test('grows by what came in between, whatever came before', () => {
    const values = fc.array(fc.double({ min: 1e-3, max: 1e6, noNaN: true }), { maxLength: 30 })
    fc.assert(
      fc.property(values, values, (first, then) => {
        const [before, now] = [observed(first), observed([...first, ...then])]
        const into = new Float64Array(now.length)
        expect(columnGrowth(exponential, { values: now, at: 0 }, keptValues(exponential, { values: before, at: 0 }, before.length), into)).toBe(true)
        const counted = new Map<number, number>()
        const scale = now[ExponentialPoint.scale] as number
        for (const value of then) counted.set(finestIndex(value) >> (20 - scale), (counted.get(finestIndex(value) >> (20 - scale)) ?? 0) + 1)
        const first0 = now[ExponentialPoint.firstIndex] as number
        const buckets = [...into.subarray(ExponentialPoint.buckets)].flatMap((count, i) => (count === 0 ? [] : [[first0 + i, count] as const]))
        expect(new Map(buckets)).toEqual(new Map([...counted].sort(([a], [b]) => a - b)))
      }),
    )
  })
})
