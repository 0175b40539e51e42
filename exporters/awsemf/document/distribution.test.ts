import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { finestIndex } from '../../../model/exponential.ts'
import { type Distribution, DistributionSum, explicitDistribution, exponentialDistribution, scaledDistribution, summaryDistribution } from './distribution.ts'

const UNKNOWN = { min: undefined, max: undefined }

function percentile({ values, counts, count }: Distribution, rank: number): number {
  let seen = 0
  for (const [i, value] of values.entries()) {
    seen += counts[i] as number
    if (seen >= rank * count) return value
  }
  return values.at(-1) as number
}

describe('a histogram with explicit buckets', () => {
  test.for([
    {
      name: 'has the middles of its buckets',
      counts: [2, 0, 4, 0],
      extent: { sum: 70, ...UNKNOWN },
      wanted: { values: [5, 60], counts: [2, 4], count: 6, sum: 70, min: 5, max: 60 },
    },
    {
      name: 'ends where its observations end',
      counts: [2, 1, 0, 3],
      extent: { sum: 1000, min: 4, max: 300 },
      wanted: { values: [7, 15, 200], counts: [2, 1, 3], count: 6, sum: 1000, min: 4, max: 300 },
    },
    {
      name: 'has the lower bound of the last bucket when nothing else is known',
      counts: [0, 1, 0, 3],
      extent: { sum: 1000, ...UNKNOWN },
      wanted: { values: [15, 100], counts: [1, 3], count: 4, sum: 1000, min: 15, max: 100 },
    },
    {
      name: 'has its mean when there is one bucket only',
      counts: [0, 4, 0, 0],
      extent: { sum: 48, ...UNKNOWN },
      wanted: { values: [12], counts: [4], count: 4, sum: 48, min: 12, max: 12 },
    },
    {
      name: 'has its mean also above the last bound',
      counts: [0, 0, 0, 2],
      extent: { sum: 900, ...UNKNOWN },
      wanted: { values: [450], counts: [2], count: 2, sum: 900, min: 450, max: 450 },
    },
    {
      name: 'makes up a sum when it has none',
      counts: [1, 1, 0, 0],
      extent: { sum: undefined, ...UNKNOWN },
      wanted: { values: [5, 15], counts: [1, 1], count: 2, sum: 20, min: 5, max: 15 },
    },
  ])('$name', ({ counts, extent, wanted }) => {
    expect(explicitDistribution([10, 20, 100], [99, ...counts], 1, extent)).toEqual(wanted)
  })

  test('without observations is none', () => {
    expect(explicitDistribution([10], [0, 0], 0, { sum: 0, ...UNKNOWN })).toBeUndefined()
  })

  test('has each percentile in the bucket that holds it', () => {
    const bounds = [1, 2, 5, 10, 100]
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 500, noNaN: true }), { minLength: 1, maxLength: 60 }),
        fc.constantFrom(0.5, 0.9, 0.99),
        (observed, rank) => {
          const bucketOf = (value: number): number => bounds.findIndex((bound) => value <= bound) % (bounds.length + 1)
          const place = (value: number): number => (bucketOf(value) < 0 ? bounds.length : bucketOf(value))
          const counts = bounds.concat(0).map((_, i) => observed.filter((value) => place(value) === i).length)
          const extent = { sum: observed.reduce((sum, value) => sum + value, 0), min: Math.min(...observed), max: Math.max(...observed) }
          const found = explicitDistribution(bounds, counts, 0, extent) as Distribution
          const sorted = observed.toSorted((a, b) => a - b)
          const exact = sorted[Math.max(0, Math.ceil(rank * sorted.length - 1e-9) - 1)] as number
          const estimate = percentile(found, rank)
          const [lower, upper] = [place(exact) === 0 ? 0 : (bounds[place(exact) - 1] as number), bounds[place(exact)] ?? 500]
          expect(estimate).toBeGreaterThanOrEqual(Math.max(lower, extent.min) - 1e-9)
          expect(estimate).toBeLessThanOrEqual(Math.min(upper, extent.max) + 1e-9)
          expect([found.count, found.min, found.max]).toEqual([observed.length, extent.min, extent.max])
        },
      ),
    )
  })
})

describe('an exponential histogram', () => {
  test('has percentiles within one hundredth from scale 6 on, also of negative values', () => {
    const magnitude = fc.double({ min: 1e-6, max: 1e9, noNaN: true })
    const observation = fc.tuple(magnitude, fc.constantFrom(1, -1, 0)).map(([size, sign]) => size * sign)
    fc.assert(
      fc.property(fc.array(observation, { minLength: 1, maxLength: 60 }), fc.constantFrom(0.5, 0.99), (observed, rank) => {
        const scale = 6
        const side = (sign: number) => {
          const indexes = observed.filter((value) => value * sign > 0).map((value) => finestIndex(value * sign) >> (20 - scale))
          const offset = Math.min(0, ...indexes)
          const counts = Array.from({ length: Math.max(0, ...indexes.map((index) => index - offset + 1)) }, () => 0)
          for (const index of indexes) counts[index - offset] = (counts[index - offset] as number) + 1
          return { offset, counts, at: 0, length: counts.length }
        }
        const zeroCount = observed.filter((value) => value === 0).length
        const extent = { sum: 0, min: Math.min(...observed), max: Math.max(...observed) }
        const found = exponentialDistribution({ scale, zeroCount, positive: side(1), negative: side(-1) }, extent) as Distribution
        expect(found.values.every((value, i) => i === 0 || value > (found.values[i - 1] as number))).toBe(true)
        expect([found.count, found.min, found.max]).toEqual([observed.length, extent.min, extent.max])
        const sorted = observed.toSorted((a, b) => a - b)
        const exact = sorted[Math.max(0, Math.ceil(rank * sorted.length - 1e-9) - 1)] as number
        expect(Math.abs(percentile(found, rank) - exact)).toBeLessThanOrEqual(Math.abs(exact) * 0.0055)
      }),
    )
  })

  test('of the coarsest scale has numbers', () => {
    const positive = { offset: 0, counts: [1], at: 0, length: 1 }
    expect(exponentialDistribution({ scale: -10, zeroCount: 0, positive }, { sum: 3, ...UNKNOWN })?.values).toEqual([2])
  })

  test('stays within what its whole life has seen', () => {
    const positive = { offset: 0, counts: [1, 1], at: 0, length: 2 }
    const found = exponentialDistribution({ scale: 0, zeroCount: 0, positive }, { sum: 3, ...UNKNOWN, low: 1.5, high: 2.1 })
    expect(found?.values).toEqual([1.5, 2.1])
  })
})

describe('a summary', () => {
  test('has its quantiles as percentiles', () => {
    const quantiles = [
      { quantile: 0.5, value: 10 },
      { quantile: 0.9, value: 50 },
      { quantile: 0.99, value: 80 },
    ]
    const found = summaryDistribution(200, 5000, quantiles) as Distribution
    expect(found).toEqual({ values: [10, 50, 80], counts: [100, 80, 20], count: 200, sum: 5000, min: 10, max: 80 })
    expect([percentile(found, 0.5), percentile(found, 0.9), percentile(found, 0.99)]).toEqual([10, 50, 80])
  })

  test('without quantiles has its mean, and without observations is none', () => {
    const unknown = [{ quantile: 0.5, value: Number.NaN }]
    expect(summaryDistribution(4, 10, unknown)).toEqual({ values: [], counts: [], count: 4, sum: 10, min: 2.5, max: 2.5 })
    expect(summaryDistribution(0, 0, unknown)).toBeUndefined()
  })
})

test('distributions together have all values, rounded when they are very many', () => {
  const sum = new DistributionSum()
  sum.add({ values: [1, 3], counts: [2, 1], count: 3, sum: 5, min: 1, max: 3 })
  sum.add(3)
  sum.add({ values: [2], counts: [1], count: 1, sum: 2, min: 2, max: 2 })
  expect(sum.finish()).toEqual({ values: [1, 2, 3], counts: [2, 1, 2], count: 5, sum: 10, min: 1, max: 3 })
  const many = new DistributionSum()
  for (let i = 1; i <= 100_000; i++) many.add(i)
  const found = many.finish()
  expect([found.count, found.min, found.max, found.values.length < 5000]).toEqual([100_000, 1, 100_000, true])
})

test('values that become equal in another unit are one', () => {
  const tiny = { values: [0, 5e-324, 1], counts: [1, 2, 3], count: 6, sum: 3, min: 0, max: 1 }
  expect(scaledDistribution(tiny, 1e-3)).toEqual({ values: [0, 1e-3], counts: [3, 3], count: 6, sum: 3e-3, min: 0, max: 1e-3 })
  expect(scaledDistribution(tiny, 1)).toBe(tiny)
})
