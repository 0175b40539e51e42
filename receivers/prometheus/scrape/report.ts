import { AttributeSet } from '../../../model/attributes.ts'
import { type DataPoints, type GaugeMetric, NO_RECORDED_VALUE } from '../../../model/data_points.ts'
import { nanoseconds } from '../page/series.ts'
import type { Target } from '../targets/target.ts'

/** What is told of each scrape, under Prometheus' names. */
export interface ScrapeReport {
  readonly isUp: boolean
  readonly durationSeconds: number
  readonly scraped: number
  readonly kept: number
  readonly added: number
}

const METRICS: readonly { readonly name: string; readonly description: string; readonly unit: string; readonly of: (report: ScrapeReport) => number }[] = [
  { name: 'up', description: 'The scraping was successful', unit: '', of: ({ isUp }) => (isUp ? 1 : 0) },
  { name: 'scrape_duration_seconds', description: 'Duration of the scrape', unit: 's', of: ({ durationSeconds }) => durationSeconds },
  { name: 'scrape_samples_scraped', description: 'The number of samples the target exposed', unit: '', of: ({ scraped }) => scraped },
  {
    name: 'scrape_samples_post_metric_relabeling',
    description: 'The number of samples remaining after metric relabeling was applied',
    unit: '',
    of: ({ kept }) => kept,
  },
  { name: 'scrape_series_added', description: 'The approximate number of new series in this scrape', unit: '', of: ({ added }) => added },
]

const METADATA = [['prometheus.type', 'gauge']] as const

/** A scrape's report as points; without one, markers that there will be no more. */
export function reportPoints({ labels, resource }: Pick<Target, 'labels' | 'resource'>, timeMs: number, report?: ScrapeReport): DataPoints {
  const own = [...labels].filter(([name]) => name !== 'job' && name !== 'instance')
  const attributes = new AttributeSet(
    own.map(([name]) => name),
    own.map(([, value]) => value),
  )
  const timeNs = nanoseconds(timeMs)
  const metrics = METRICS.map(({ name, description, unit, of }): GaugeMetric => {
    const value = report === undefined ? { value: null, flags: NO_RECORDED_VALUE } : { value: of(report), flags: 0 }
    return {
      type: 'gauge',
      name,
      description,
      unit,
      isExactName: true,
      metadata: METADATA,
      points: [{ attributes, startTimeNs: 0n, timeNs, exemplars: [], ...value }],
    }
  })
  return { groups: [{ resource, scope: { name: '', version: '' }, metrics }] }
}
