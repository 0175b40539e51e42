import { expect, test } from 'vitest'
import { familyPoints, metricFamily, metricsOf } from '../../test/fakes/metrics.ts'
import { metricsLines } from './lines.ts'

function dataOf(...args: Parameters<typeof familyPoints>): Record<string, { dataPoints: Record<string, unknown>[] }> {
  const [first] = metricsLines(metricsOf(familyPoints(...args)))
  return JSON.parse(first?.line ?? '').resourceMetrics[0].scopeMetrics[0].metrics[0]
}

const time = metricFamily('time', { type: 'exponential_histogram', isMonotonic: false, bucketsMax: 4 })

test('an exponential histogram has the buckets in use from its offset on', () => {
  const { exponentialHistogram } = dataOf(time, [{ attributes: {}, values: [9, 20.5, -1, 8, 2, 1, -3, 4, 0, 3, 0] }])
  expect(exponentialHistogram).toMatchObject({ aggregationTemporality: 2 })
  expect(exponentialHistogram?.dataPoints).toMatchObject([
    {
      count: '9',
      sum: 20.5,
      min: -1,
      max: 8,
      scale: 1,
      zeroCount: '2',
      positive: { offset: -3, bucketCounts: ['4', '0', '3'] },
      negative: {},
    },
  ])
})

test('an empty exponential histogram has neither buckets nor minimum and maximum', () => {
  const [point] = dataOf(time, [{ attributes: {}, values: [0, 0, 0, 0, 0, 20, 0, 0, 0, 0, 0] }]).exponentialHistogram?.dataPoints ?? []
  expect(point).toMatchObject({ count: '0', positive: {} })
  expect(Object.keys(point ?? {})).not.toContain('min')
})

test('counts are integers that add up, also with weights that are none', () => {
  const [point] = dataOf(time, [{ attributes: {}, values: [3.999, 20, 1, 8, 0.333, 1, 0, 1.333, 0, 2.333, 0] }]).exponentialHistogram?.dataPoints ?? []
  expect(point).toMatchObject({ count: '3', zeroCount: '0', positive: { bucketCounts: ['1', '0', '2'] } })
  const bounds = metricFamily('size', { type: 'histogram', isMonotonic: false, bounds: [1] })
  expect(dataOf(bounds, [{ attributes: {}, values: [1.4, 1.4, 9] }]).histogram?.dataPoints).toMatchObject([{ count: '2', bucketCounts: ['1', '1'] }])
})

test('a summary has a value for each quantile, and no temporality', () => {
  const family = metricFamily('size', { type: 'summary', isMonotonic: false, quantiles: [0.5, 0.99] })
  const { summary } = dataOf(family, [{ attributes: { a: 'b' }, values: [7, 70.5, 9, Number.NaN] }])
  expect(Object.keys(summary ?? {})).toEqual(['dataPoints'])
  expect(summary?.dataPoints).toMatchObject([
    {
      count: '7',
      sum: 70.5,
      quantileValues: [
        { quantile: 0.5, value: 9 },
        { quantile: 0.99, value: 'NaN' },
      ],
    },
  ])
})
