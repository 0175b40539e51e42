import type { Estimate, MetricRow, Prices } from './tally.ts'
import type { TrialDocument } from './trial_run.ts'

/** What one exporter would send. */
export interface EmfExplanation {
  /** `exporters.awsemf/alarms`. */
  readonly exporter: string
  /** How many in one flush. */
  readonly documents: number
  /** Of all of them as log events. */
  readonly bytes: number
  readonly shown: readonly TrialDocument[]
  readonly metrics: readonly MetricRow[]
  /** Points that are in no document, by reason. */
  readonly dropped: Readonly<Record<string, number>>
  readonly estimate: Estimate
}

/** Most rows of metrics that are listed. */
const ROWS_MAX = 200

/** Explanations for people. */
export function explanationText(
  explanations: readonly EmfExplanation[],
  { prices, notes }: { readonly prices: Prices; readonly notes: readonly string[] },
): string {
  const parts = explanations.map((explanation) => exporterText(explanation, prices))
  return [...parts, ...(notes.length === 0 ? [] : [`${notes.map((note) => `note: ${note}`).join('\n')}\n`])].join('\n')
}

function exporterText(explanation: EmfExplanation, prices: Prices): string {
  const { exporter, documents, bytes, shown, metrics, dropped } = explanation
  const lines = [exporter, `  one flush is ${counted(documents, 'document')} of ${number(bytes)} bytes together`]
  for (const { json, logGroup, logStream } of shown) lines.push('', `  document for ${logGroup} ${logStream}`, `  ${json}`)
  if (documents > shown.length && shown.length > 0) lines.push(`  and ${number(documents - shown.length)} more; --documents ${documents} shows them all`)
  if (metrics.length > 0) lines.push('', ...metricLines(metrics))
  const reasons = Object.entries(dropped)
  if (reasons.length > 0) lines.push('', '  points in no document', ...reasons.map(([reason, points]) => `    ${reason}  ${number(points)}`))
  if (documents > 0) lines.push('', ...priceLines(explanation.estimate, prices))
  return `${lines.join('\n')}\n`
}

function metricLines(metrics: readonly MetricRow[]): string[] {
  const shown = metrics.slice(0, ROWS_MAX)
  const cells = shown.map(({ namespace, name, unit, dimensions, metrics: count }) => [number(count), namespace, name, unit, `[${dimensions.join(', ')}]`])
  const rows = table([['metrics', 'namespace', 'name', 'unit', 'dimensions'], ...cells])
  return metrics.length > shown.length ? [...rows, `  and ${number(metrics.length - shown.length)} more rows; --format json has all`] : rows
}

function priceLines({ customMetrics, metricsPrice, logsGib, logsPrice, totalPrice }: Estimate, { metric, gib, intervalMs }: Prices): string[] {
  const seconds = intervalMs / 1000
  return [
    '  a month of flushes like this one',
    ...table([
      ['custom metrics', number(customMetrics), `at ${metric}`, amount(metricsPrice)],
      ['logs', `${logsGib.toFixed(2)} GiB`, `at ${gib}, a flush every ${seconds} s`, amount(logsPrice)],
      ['together', '', '', amount(totalPrice)],
    ]).map((line) => `  ${line}`),
  ]
}

/** Rows with their columns below one another. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows.map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd())
}

function counted(count: number, noun: string): string {
  return `${number(count)} ${noun}${count === 1 ? '' : 's'}`
}

function number(value: number): string {
  return value.toLocaleString('en-US')
}

function amount(value: number): string {
  return value.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 })
}
