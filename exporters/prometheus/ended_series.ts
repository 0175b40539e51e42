import type { AttributeSet } from '../../model/attributes.ts'
import { type DataPoints, type MetricGroup, NO_RECORDED_VALUE } from '../../model/data_points.ts'
import type { FamilyIdentity } from './catalog.ts'

/** Series that a producer says have no value any more (staleness markers), by metric. */
export function* endedSeries(
  metrics: DataPoints,
): Generator<{ readonly family: FamilyIdentity; readonly group: MetricGroup; readonly ended: readonly AttributeSet[] }> {
  for (const group of metrics.groups) {
    for (const metric of group.metrics) {
      if (metric.type === 'none') continue
      const ended = metric.points.flatMap(({ flags, attributes }) => ((flags & NO_RECORDED_VALUE) === 0 ? [] : [attributes]))
      if (ended.length === 0) continue
      const family: FamilyIdentity = {
        name: metric.name,
        type: metric.type,
        unit: metric.unit,
        isMonotonic: metric.type === 'sum' && metric.isMonotonic,
        temporality: 'temporality' in metric && metric.temporality === 'delta' ? 'delta' : 'cumulative',
        ...(metric.isExactName === undefined ? {} : { isExactName: metric.isExactName }),
      }
      yield { family, group, ended }
    }
  }
}
