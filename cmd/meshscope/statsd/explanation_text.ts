import type { Aggregation, SeriesSpec } from '../../../receivers/statsd/naming/naming.ts'
import type { LineExplanation, RuleExplanation, SampleExplanation } from './explain_line.ts'

/** Most rules that are listed one by one. */
const RULES_MAX = 50

/** What became of a line, for people. Control characters of the line are made visible. */
export function explanationText(explanation: LineExplanation, mappingFile: string | undefined): string {
  const { line, dialect, rejected, flaws, samples, events } = explanation
  const isTaken = samples.length > 0 || events.length > 0
  const rows = [
    row('line', line),
    row('read as', dialect),
    row('verdict', rejected !== undefined ? `rejected: ${rejected}` : isTaken ? 'taken' : 'empty'),
    ...flaws.map(({ flaw, part }) => row('passed over', `${flaw}: ${JSON.stringify(part)}`)),
    ...samples.flatMap((sample, at) => ['', ...sampleRows(sample, { number: at + 1, mappingFile })]),
    ...events.flatMap((event) => ['', row('title' in event ? 'event' : 'check', JSON.stringify(event))]),
  ]
  return `${rows.map(visible).join('\n')}\n`
}

interface SamplePlace {
  readonly number: number
  readonly mappingFile: string | undefined
}

function sampleRows(sample: SampleExplanation, { number, mappingFile }: SamplePlace): string[] {
  const { envoy, rules, series, dropped } = sample
  const rows = [
    row(`sample ${number}`, `${sample.type} ${sample.name}`),
    row('value', `${sample.isDelta ? 'changes by ' : ''}${sample.value}${sample.weight === 1 ? '' : `, stands for ${sample.weight} samples`}`),
  ]
  if (sample.tags.length > 0) rows.push(row('tags', sample.tags.map(([key, value]) => (value === null ? key : `${key}=${JSON.stringify(value)}`)).join(' ')))
  if (sample.containerId !== '') rows.push(row('container', sample.containerId))
  if (sample.timestampS > 0) rows.push(row('time', new Date(sample.timestampS * 1000).toISOString()))
  if (envoy !== undefined) rows.push(row('in Envoy', `${envoy.stat}${envoy.repaired === undefined ? '' : `, with ${envoy.repaired} put together again`}`))
  if (rules !== undefined) rows.push(...ruleRows(rules, mappingFile))
  if (series !== undefined) rows.push(...seriesRows(series, sample))
  if (dropped !== undefined) rows.push(row('metric', `none: ${dropped.dropped}${dropped.rule === undefined ? '' : ` by rule ${dropped.rule}`}`))
  return rows
}

function ruleRows(rules: readonly RuleExplanation[], mappingFile: string | undefined): string[] {
  const hit = rules.findIndex(({ isHit }) => isHit)
  const tried = hit < 0 ? rules : rules.slice(0, hit + 1)
  // Of a long list the end is what matters: the rule that fits, and the ones just before it.
  const shown = tried.slice(-RULES_MAX)
  const hidden = tried.length - shown.length
  return [
    ...(hidden > 0 ? [row('rules', `${hidden} more that do not fit`)] : []),
    ...shown.map(({ rule, line, match, isHit, why }) => {
      const place = line === undefined ? '' : ` (${mappingFile ?? 'line'}:${line})`
      return row(isHit ? 'rule' : 'not', `${rule}${place} ${JSON.stringify(match)}: ${why}`)
    }),
    ...(hit < 0 ? [row('rule', 'none fits: the name is escaped, the tags are its labels')] : []),
  ]
}

function seriesRows(series: SeriesSpec, { recorded }: SampleExplanation): string[] {
  const labels = series.labels.map(([key, value]) => `${key}=${JSON.stringify(value)}`).join(',')
  const facts = [
    series.unit === '' ? undefined : `unit ${series.unit}`,
    series.ttlMs === 0 ? undefined : `ends after ${series.ttlMs} ms without a sample`,
    series.help === '' ? undefined : `help ${JSON.stringify(series.help)}`,
  ].filter((fact) => fact !== undefined)
  return [
    row('metric', `${series.name}{${labels}}`),
    row('kept as', aggregationText(series.aggregation)),
    row('records', `${recorded}${series.scale === 1 ? '' : ` (times ${series.scale})`}`),
    ...(facts.length > 0 ? [row('with', facts.join(', '))] : []),
  ]
}

function aggregationText(aggregation: Aggregation): string {
  if (aggregation.kind === 'counter') return aggregation.isMonotonic ? 'counter' : 'counter that may go down'
  if (aggregation.kind === 'set') return 'gauge, the number of different members'
  if (aggregation.kind === 'explicit') return `histogram with buckets ${aggregation.bounds.join(', ')}`
  if (aggregation.kind === 'exponential') return `exponential histogram of at most ${aggregation.bucketsMax} buckets`
  return aggregation.kind === 'gauge' ? 'gauge' : `summary of quantiles ${aggregation.quantiles.join(', ')} over ${aggregation.maxAgeMs / 1000} s`
}

function row(label: string, text: string): string {
  return `${label.padEnd(11)} ${text}`
}

function visible(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
