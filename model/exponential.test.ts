import * as fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import {
  clearExponential,
  type ExponentialPlace,
  exponentialQuantile,
  finestIndex,
  mergeExponential,
  SCALE_MAX,
  shiftToFit,
  upperBound,
} from './exponential.ts'
import { ExponentialPoint } from './metrics.ts'

function emptyPoint(bucketsMax: number): ExponentialPlace {
  const place = { values: new Float64Array(ExponentialPoint.buckets + bucketsMax), at: 0, bucketsMax }
  clearExponential(place)
  return place
}

/** A point of one observation. */
function pointOf(value: number, bucketsMax: number): ExponentialPlace {
  const place = emptyPoint(bucketsMax)
  place.values.set([1, value, value, value, value > 0 ? 0 : 1, SCALE_MAX, value > 0 ? finestIndex(value) : 0, value > 0 ? 1 : 0])
  return place
}

/** What a histogram of all values must be, by counting in a map. */
function oracle(values: readonly number[], bucketsMax: number): { scale: number; counts: Map<number, number> } {
  const finest = values.filter((value) => value > 0).map(finestIndex)
  const shift = finest.length === 0 ? 0 : shiftToFit(Math.min(...finest), Math.max(...finest), bucketsMax)
  const counts = new Map<number, number>()
  for (const index of finest) counts.set(index >> shift, (counts.get(index >> shift) ?? 0) + 1)
  return { scale: SCALE_MAX - shift, counts }
}

function countsOf({ values, at, bucketsMax }: ExponentialPlace): Map<number, number> {
  const counts = new Map<number, number>()
  const first = values[at + ExponentialPoint.firstIndex] as number
  for (let i = 0; i < bucketsMax; i++) {
    const count = values[at + ExponentialPoint.buckets + i] as number
    if (count > 0) counts.set(first + i, count)
  }
  return counts
}

describe('finestIndex', () => {
  test.for([1, 2, 4, 0.5, 0.25, 1024, 2 ** 1023, 2 ** -1022, 2 ** -1074])('puts the power of two %d into the bucket that ends with it', (value) => {
    const index = finestIndex(value)
    expect(index).toBe(Math.log2(value) * 2 ** SCALE_MAX - 1)
  })

  test.for([Number.MAX_VALUE, 2.3e-308, 1 + Number.EPSILON, 1 - Number.EPSILON / 2, 3, 1e-300])('knows the bucket of %d at every scale', (value) => {
    for (let scale = 0; scale <= 12; scale++) {
      const index = finestIndex(value) >> (SCALE_MAX - scale)
      expect(value <= upperBound(index, scale)).toBe(true)
      expect(value > upperBound(index - 1, scale)).toBe(true)
    }
  })

  it('puts every bound, and the numbers next to it, on the right side', () => {
    const bits = new BigUint64Array(1)
    const number = new Float64Array(bits.buffer)
    for (const scale of [0, 1, 2, 3, 5, 8]) {
      for (let index = -40; index < 40; index++) {
        const bound = upperBound(index, scale)
        number[0] = bound
        bits[0] = (bits[0] as bigint) + 1n
        const above = number[0]
        expect(finestIndex(bound) >> (SCALE_MAX - scale)).toBe(index)
        expect(finestIndex(above) >> (SCALE_MAX - scale)).toBe(index + 1)
      }
    }
  })

  it('agrees with the bounds for any positive number that is not subnormal', () => {
    fc.assert(
      fc.property(fc.double({ min: 2 ** -1021, max: Number.MAX_VALUE, noNaN: true }), fc.integer({ min: 0, max: 10 }), (value, scale) => {
        const index = finestIndex(value) >> (SCALE_MAX - scale)
        return value <= upperBound(index, scale) && value > upperBound(index - 1, scale)
      }),
      { numRuns: 2000 },
    )
  })
})

describe('mergeExponential', () => {
  const value = fc.oneof(fc.double({ min: 1e-9, max: 1e9, noNaN: true }), fc.integer({ min: -3, max: 500 }), fc.constantFrom(1, 2, 4, 1e-300, 1e300))

  it('has the finest scale that fits and the counts of an oracle, in whatever order and grouping', () => {
    fc.assert(
      fc.property(fc.array(value, { maxLength: 60 }), fc.integer({ min: 2, max: 40 }), fc.nat(3), (values, bucketsMax, parts) => {
        const groups = Array.from({ length: parts + 1 }, () => emptyPoint(bucketsMax))
        for (const [i, one] of values.entries()) mergeExponential(groups[(i * 7) % groups.length] as ExponentialPlace, pointOf(one, 4))
        const merged = emptyPoint(bucketsMax)
        for (const group of groups.toReversed()) mergeExponential(merged, group)
        const expected = oracle(values, bucketsMax)
        expect(countsOf(merged)).toEqual(expected.counts)
        expect(merged.values[ExponentialPoint.scale]).toBe(expected.scale)
        expect(merged.values[ExponentialPoint.count]).toBe(values.length)
        expect(merged.values[ExponentialPoint.zeroCount]).toBe(values.filter((one) => one <= 0).length)
        if (values.length === 0) return
        expect(merged.values[ExponentialPoint.min]).toBe(Math.min(...values))
        expect(merged.values[ExponentialPoint.max]).toBe(Math.max(...values))
      }),
      { numRuns: 400 },
    )
  })
})

describe('exponentialQuantile', () => {
  it('is NaN for an empty point', () => {
    expect(exponentialQuantile(emptyPoint(10), 0.5)).toBeNaN()
  })

  test.for([
    { name: 'one value', values: [5], quantile: 0.5, expected: 5 },
    { name: 'the lowest', values: [1, 2, 3, 4], quantile: 0, expected: 1 },
    { name: 'the highest', values: [1, 2, 3, 4], quantile: 1, expected: 4 },
    { name: 'values below 0', values: [-4, -4, 0, 0, 8], quantile: 0.4, expected: -2 },
    { name: 'zeros', values: [0, 0, 0, 8], quantile: 0.5, expected: 0 },
  ])('of $name', ({ values, quantile, expected }) => {
    const point = emptyPoint(160)
    for (const one of values) mergeExponential(point, pointOf(one, 4))
    expect(exponentialQuantile(point, quantile)).toBeCloseTo(expected, 5)
  })

  it('is within a bucket of the exact one', () => {
    const point = emptyPoint(160)
    for (let i = 1; i <= 10_000; i++) mergeExponential(point, pointOf(i / 10, 4))
    for (const quantile of [0.1, 0.5, 0.9, 0.99, 0.999]) {
      const exact = quantile * 1000
      expect(Math.abs(exponentialQuantile(point, quantile) - exact) / exact).toBeLessThan(0.05)
    }
  })
})
