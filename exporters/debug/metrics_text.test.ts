import { expect, test } from 'vitest'
import { familyPoints, metricFamily, metricsOf } from '../../test/fakes/metrics.ts'
import { pushMetrics } from './metrics_text.ts'

const time = metricFamily('time', { type: 'exponential_histogram', isMonotonic: false, bucketsMax: 4 })
const size = metricFamily('size', { type: 'summary', isMonotonic: false, quantiles: [0.5, 0.999] })
const metrics = metricsOf(
  familyPoints(time, [
    { attributes: {}, values: [9, 20.5, -1, 8, 2, 1, -3, 4, 0, 3, 0] },
    { attributes: {}, values: [0, 0, 0, 0, 0, 20, 0, 0, 0, 0, 0] },
  ]),
  familyPoints(size, [{ attributes: { a: 'b' }, values: [7, 70.5, 9, Number.NaN] }]),
)

test('prints exponential histograms with the buckets that are not empty, and summaries with their quantiles', () => {
  const lines: string[] = []
  pushMetrics(lines, metrics, false)
  expect(lines).toEqual([
    'time count=9 sum=20.5 min=-1 max=8 scale=1 ≤0:2 ≤0.5:4 ≤1:3',
    'time count=0 sum=0 scale=20',
    'size{a=b} count=7 sum=70.5 p50=9 p99.9=NaN',
  ])
})

test('names their kinds', () => {
  const lines: string[] = []
  pushMetrics(lines, metrics, true)
  expect(lines.filter((line) => line.startsWith('time:') || line.startsWith('size:'))).toEqual(['time: cumulative exponential histogram', 'size: summary'])
})
