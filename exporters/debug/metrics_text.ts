import type { AttributeSet, AttributeValue } from '../../model/attributes.ts'
import { type FamilyPoints, type Metrics, valuesPerPoint } from '../../model/metrics.ts'
import { pushFields } from './fields_text.ts'
import { quoted } from './printable.ts'
import { timeText } from './units_text.ts'

/** Points over all families of a batch. */
export function pointCount(metrics: Metrics): number {
  let points = 0
  for (const { series } of metrics.families) points += series.length
  return points
}

/** One line for a whole batch. */
export function metricsBatchLine(metrics: Metrics): string {
  return `metrics: ${metrics.families.length} families, ${pointCount(metrics)} points at ${timeText(metrics.timeMs)}`
}

/** One line per point: name, attributes, value; histograms as count, sum and the buckets that are not empty. */
export function pushMetrics(lines: string[], metrics: Metrics, isDetailed: boolean): void {
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
    `${quoted(family.name)}: ${family.type === 'gauge' ? kind : `${family.temporality} ${kind}`}${family.unit === '' ? '' : ` in ${quoted(family.unit)}`}`,
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

function valueText({ family, values, offset, stride }: FamilyPoints, i: number): string {
  const at = offset + i * stride
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

/** `{key="value", …}`, or nothing when there are none. */
export function attributesText(attributes: AttributeSet): string {
  if (attributes.size === 0) return ''
  return `{${attributes.keys.map((key, i) => `${quoted(key)}=${attributeText(attributes.values[i] as AttributeValue)}`).join(', ')}}`
}

function attributeText(value: AttributeValue): string {
  if (typeof value === 'string') return quoted(value)
  if (typeof value === 'object') return `[${value.map(attributeText).join(', ')}]`
  return String(value)
}
