import type { AttributeSet } from '../../model/attributes.ts'
import { upperBound } from '../../model/exponential.ts'
import { ExponentialPoint, type FamilyPoints, type SeriesMetrics, valuesPerPoint } from '../../model/metrics.ts'
import { attributesText } from './attributes_text.ts'
import { pushFields } from './fields_text.ts'
import { quoted } from './printable.ts'
import { timeText } from './units_text.ts'

/** Points over all families of a batch. */
export function pointCount(metrics: SeriesMetrics): number {
  let points = 0
  for (const { series } of metrics.families) points += series.length
  return points
}

/** One line for a whole batch. */
export function metricsBatchLine(metrics: SeriesMetrics): string {
  return `metrics: ${metrics.families.length} families, ${pointCount(metrics)} points at ${timeText(metrics.timeMs)}`
}

/** One line per point: name, attributes, value; histograms as count, sum and the buckets that are not empty; summaries with their quantiles. */
export function pushMetrics(lines: string[], metrics: SeriesMetrics, isDetailed: boolean): void {
  for (const family of metrics.families) {
    if (isDetailed) pushFamily(lines, family)
    for (let i = 0; i < family.series.length; i++) {
      lines.push(`${isDetailed ? '  ' : ''}${quoted(family.family.name)}${attributesText(family.series[i] as AttributeSet)} ${valueText(family, i)}`)
      if (isDetailed) pushPointDetails(lines, family, i)
    }
  }
}

function pushFamily(lines: string[], { family, resource, scope }: FamilyPoints): void {
  const kind = family.type === 'sum' && family.isMonotonic ? 'monotonic sum' : family.type
  lines.push(
    `${quoted(family.name)}: ${family.type === 'gauge' || family.type === 'summary' ? kind : `${family.temporality} ${kind.replace('_', ' ')}`}${family.unit === '' ? '' : ` in ${quoted(family.unit)}`}`,
  )
  pushFields(lines, '  ', { description: family.description, scope: `${scope.name} ${scope.version}`.trim() })
  if (resource.attributes.size > 0) lines.push(`  resource: ${attributesText(resource.attributes)}`)
}

function pushPointDetails(lines: string[], family: FamilyPoints, i: number): void {
  lines.push(`    start: ${timeText(family.startTimesMs[i] ?? 0)}`, `    updated: ${timeText(family.updatedMs[i] ?? 0)}`)
  const exemplar = family.exemplar?.(i)
  if (exemplar !== undefined)
    lines.push(
      `    exemplar: ${exemplar.value} at ${timeText(exemplar.timeMs)} trace ${quoted(exemplar.traceId)}${exemplar.spanId === '' ? '' : ` span ${quoted(exemplar.spanId)}`}`,
    )
}

function valueText(points: FamilyPoints, i: number): string {
  const { family, values, offset, stride } = points
  const at = offset + i * stride
  if (family.type === 'exponential_histogram') return exponentialText(points, at)
  if (family.type === 'summary') {
    const quantiles = (family.quantiles ?? []).map((quantile, n) => `p${Number((quantile * 100).toPrecision(12))}=${values[at + 2 + n]}`)
    return [`count=${values[at]}`, `sum=${values[at + 1]}`, ...quantiles].join(' ')
  }
  if (family.type !== 'histogram') return String(values[at])
  const buckets = family.bounds.length + 1
  const parts: string[] = []
  let count = 0
  for (let b = 0; b < buckets; b++) {
    const inBucket = values[at + b] as number
    count += inBucket
    if (inBucket > 0) parts.push(b < family.bounds.length ? `≤${family.bounds[b]}:${inBucket}` : `>${family.bounds[b - 1] ?? 'all'}:${inBucket}`)
  }
  return [`count=${count}`, `sum=${values[at + valuesPerPoint(family) - 1]}`, ...parts].join(' ')
}

function exponentialText({ family, values }: FamilyPoints, at: number): string {
  const of = (place: number): number => values[at + place] as number
  const parts = [`count=${of(ExponentialPoint.count)}`, `sum=${of(ExponentialPoint.sum)}`]
  if (of(ExponentialPoint.count) > 0) parts.push(`min=${of(ExponentialPoint.min)}`, `max=${of(ExponentialPoint.max)}`)
  parts.push(`scale=${of(ExponentialPoint.scale)}`)
  if (of(ExponentialPoint.zeroCount) > 0) parts.push(`≤0:${of(ExponentialPoint.zeroCount)}`)
  for (let b = 0; b < (family.bucketsMax ?? 0); b++) {
    const inBucket = of(ExponentialPoint.buckets + b)
    const bound = upperBound(of(ExponentialPoint.firstIndex) + b, of(ExponentialPoint.scale))
    if (inBucket > 0) parts.push(`≤${Number(bound.toPrecision(6))}:${inBucket}`)
  }
  return parts.join(' ')
}
