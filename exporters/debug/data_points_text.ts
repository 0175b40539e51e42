import {
  type DataPoints,
  dataPointCount,
  type ExponentialHistogramPoint,
  type HistogramPoint,
  type Metric,
  NO_RECORDED_VALUE,
} from '../../model/data_points.ts'
import { upperBound } from '../../model/exponential.ts'
import { attributesText } from './attributes_text.ts'
import { pushFields } from './fields_text.ts'
import { quoted } from './printable.ts'
import { nanosText } from './units_text.ts'

/** One line for a whole batch. */
export function dataPointsBatchLine(metrics: DataPoints): string {
  const count = metrics.groups.reduce((sum, group) => sum + group.metrics.length, 0)
  return `metrics: ${count} metrics, ${dataPointCount(metrics)} points`
}

/** One line per point, as for the daemon's own series; with `isDetailed` what it belongs to above it. */
export function pushDataPoints(lines: string[], metrics: DataPoints, isDetailed: boolean): void {
  for (const { resource, scope, metrics: ofGroup } of metrics.groups) {
    if (isDetailed && resource.attributes.size > 0) lines.push(`resource: ${attributesText(resource.attributes)}`)
    for (const metric of ofGroup) {
      if (isDetailed) pushMetric(lines, metric, `${scope.name} ${scope.version}`.trim())
      metric.points.forEach((point, i) => {
        lines.push(`${isDetailed ? '  ' : ''}${quoted(metric.name)}${attributesText(point.attributes)} ${valueText(metric, i)}`)
        if (isDetailed) lines.push(`    start: ${nanosText(point.startTimeNs)}`, `    time: ${nanosText(point.timeNs)}`)
      })
    }
  }
}

function pushMetric(lines: string[], metric: Metric, scope: string): void {
  const kind = metric.type === 'sum' && metric.isMonotonic ? 'monotonic sum' : metric.type.replace('_', ' ')
  const type = 'temporality' in metric ? `${metric.temporality} ${kind}` : kind
  lines.push(`${quoted(metric.name)}: ${type}${metric.unit === '' ? '' : ` in ${quoted(metric.unit)}`}`)
  pushFields(lines, '  ', { description: metric.description, scope })
}

function valueText(metric: Metric, i: number): string {
  const point = metric.points[i]
  if (point === undefined || (point.flags & NO_RECORDED_VALUE) !== 0) return 'no recorded value'
  if ('value' in point) return String(point.value)
  if ('quantiles' in point) {
    const quantiles = point.quantiles.map(({ quantile, value }) => `p${Number((quantile * 100).toPrecision(12))}=${value}`)
    return [`count=${point.count}`, `sum=${point.sum}`, ...quantiles].join(' ')
  }
  const parts = [`count=${point.count}`]
  for (const name of ['sum', 'min', 'max'] as const) if (point[name] !== undefined) parts.push(`${name}=${point[name]}`)
  return [...parts, ...('bounds' in point ? bucketTexts(point) : exponentialTexts(point))].join(' ')
}

function bucketTexts({ bounds, bucketCounts }: HistogramPoint): string[] {
  const textOf = (count: bigint, b: number): string => (b < bounds.length ? `≤${bounds[b]}:${count}` : `>${bounds[b - 1] ?? 'all'}:${count}`)
  return bucketCounts.flatMap((count, b) => (count > 0n ? [textOf(count, b)] : []))
}

function exponentialTexts({ scale, zeroCount, positive, negative }: ExponentialHistogramPoint): string[] {
  const boundOf = (index: number): number => Number(upperBound(index, scale).toPrecision(6))
  return [
    `scale=${scale}`,
    ...negative.counts.flatMap((count, b) => (count > 0n ? [`≥-${boundOf(negative.offset + b)}:${count}`] : [])).toReversed(),
    ...(zeroCount > 0n ? [`0:${zeroCount}`] : []),
    ...positive.counts.flatMap((count, b) => (count > 0n ? [`≤${boundOf(positive.offset + b)}:${count}`] : [])),
  ]
}
