import { TimeSlices } from '../../../lib/time_slices.ts'
import type { DataPoints, Metric, MetricGroup } from '../../../model/data_points.ts'

/** Metrics between two looks at the clock. */
const METRICS_PER_LOOK = 16

/**
 * The batch with the metrics that `keep`, which may change them, says yes to; undefined when none is left. Lets the event loop
 * run in between.
 */
export async function keepMetrics(batch: DataPoints, keep: (group: MetricGroup, metric: Metric) => boolean): Promise<DataPoints | undefined> {
  const slices = new TimeSlices()
  let seen = 0
  for (const group of batch.groups) {
    const kept: Metric[] = []
    for (const metric of group.metrics) {
      if (keep(group, metric)) kept.push(metric)
      if (++seen % METRICS_PER_LOOK === 0 && slices.isOver) await slices.next()
    }
    group.metrics = kept
  }
  const groups = batch.groups.filter(({ metrics }) => metrics.length > 0)
  return groups.length === 0 ? undefined : { ...batch, groups }
}
