import type { MetricFamily } from '../../../model/metrics.ts'
import type { Aggregation, SeriesSpec } from '../naming/naming.ts'
import { type RowForm, rowForm } from './layout.ts'

/** What series have in common besides their name; crosses threads as one text, the name as another. */
export interface Traits {
  readonly help: string
  readonly unit: string
  readonly isExactName: boolean
  readonly aggregation: Aggregation
  readonly keys: readonly string[]
  readonly ttlMs: number
  /** Says what the points look like; equal for those that may share a name. */
  readonly shape: string
  /**
   * Series of one name are of one family when they have this in common, whatever their labels and time to live. Under a final
   * name the unit makes no difference: a mapping may put timers, which are seconds, and histograms of an unknown unit under one name.
   */
  readonly familyShape: string
  readonly form: RowForm
}

/** The text of a series' traits; equal for equal traits. */
export function traitsText(series: SeriesSpec): string {
  const { help, unit, isExactName, aggregation, labels, ttlMs } = series
  return JSON.stringify([help, unit, isExactName, parameters(aggregation), labels.map(([key]) => key), ttlMs])
}

/** Reads what `traitsText` wrote. */
export function parseTraits(text: string): Traits {
  const [help, unit, isExactName, [kind, ...rest], keys, ttlMs] = JSON.parse(text)
  const aggregation = aggregationOf(kind, rest)
  const shape = JSON.stringify(parameters(aggregation))
  const familyShape = JSON.stringify([isExactName ? '' : unit, isExactName, shape])
  return { help, unit, isExactName, aggregation, keys, ttlMs, shape, familyShape, form: rowForm(aggregation) }
}

/** The aggregation as a list that JSON keeps in order. */
function parameters(aggregation: Aggregation): readonly unknown[] {
  switch (aggregation.kind) {
    case 'counter':
      return [aggregation.kind, aggregation.isMonotonic]
    case 'explicit':
      return [aggregation.kind, aggregation.bounds]
    case 'exponential':
      return [aggregation.kind, aggregation.bucketsMax]
    case 'summary':
      return [aggregation.kind, aggregation.quantiles, aggregation.maxAgeMs, aggregation.ageBuckets]
    default:
      return [aggregation.kind]
  }
}

function aggregationOf(kind: Aggregation['kind'], rest: readonly unknown[]): Aggregation {
  const [first, second, third] = rest
  switch (kind) {
    case 'counter':
      return { kind, isMonotonic: first as boolean }
    case 'explicit':
      return { kind, bounds: first as number[] }
    case 'exponential':
      return { kind, bucketsMax: first as number }
    case 'summary':
      return { kind, quantiles: first as number[], maxAgeMs: second as number, ageBuckets: third as number }
    default:
      return { kind }
  }
}

/** Kinds of metrics that cannot share a name. */
export type FamilyKind = 'counter' | 'updown_counter' | 'gauge' | 'histogram' | 'exponential_histogram' | 'summary' | 'set'

/** The kind that a family of an aggregation has; also what a name gets appended when another kind has it already. */
export function familyKind(aggregation: Aggregation): FamilyKind {
  switch (aggregation.kind) {
    case 'counter':
      return aggregation.isMonotonic ? 'counter' : 'updown_counter'
    case 'explicit':
      return 'histogram'
    case 'exponential':
      return 'exponential_histogram'
    default:
      return aggregation.kind
  }
}

const NO_BOUNDS: readonly number[] = []

/** The metric that series of these traits make up, under `name`. */
export function metricFamily({ help, unit, isExactName, aggregation }: Traits, name: string): MetricFamily {
  const family = {
    name,
    description: help,
    unit,
    isExactName,
    type: metricType(aggregation),
    isMonotonic: aggregation.kind === 'counter' && aggregation.isMonotonic,
    temporality: 'cumulative' as const,
    bounds: aggregation.kind === 'explicit' ? aggregation.bounds : NO_BOUNDS,
  }
  if (aggregation.kind === 'exponential') return { ...family, bucketsMax: aggregation.bucketsMax }
  return aggregation.kind === 'summary' ? { ...family, quantiles: aggregation.quantiles } : family
}

function metricType(aggregation: Aggregation): MetricFamily['type'] {
  switch (aggregation.kind) {
    case 'counter':
      return 'sum'
    case 'explicit':
      return 'histogram'
    case 'exponential':
      return 'exponential_histogram'
    case 'summary':
      return 'summary'
    default:
      return 'gauge'
  }
}
