import type { MetricFamily } from '../../../model/metrics.ts'
import type { Aggregation, SeriesSpec } from '../naming/naming.ts'

/** What the series of one name, kind and list of label keys have in common; crosses threads as one text. */
export interface Descriptor {
  readonly name: string
  readonly help: string
  readonly unit: string
  readonly isExactName: boolean
  readonly aggregation: Aggregation
  readonly keys: readonly string[]
  readonly ttlMs: number
}

/** The text of a series' descriptor; equal for equal descriptors. */
export function descriptorText(series: SeriesSpec): string {
  const { name, help, unit, isExactName, aggregation, labels, ttlMs } = series
  return JSON.stringify([name, help, unit, isExactName, parameters(aggregation), labels.map(([key]) => key), ttlMs])
}

/** Reads what `descriptorText` wrote. */
export function parseDescriptor(text: string): Descriptor {
  const [name, help, unit, isExactName, [kind, ...rest], keys, ttlMs] = JSON.parse(text)
  return { name, help, unit, isExactName, aggregation: aggregationOf(kind, rest), keys, ttlMs }
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

/** Says what the points of an aggregation look like; equal for those that may share a name. */
export function shapeOf(aggregation: Aggregation): string {
  return JSON.stringify(parameters(aggregation))
}

/**
 * The same descriptors have the same key when their points belong into one family, whatever their labels and time to live.
 * Under a final name the unit makes no difference: a mapping may put timers, which are seconds, and histograms of an unknown
 * unit under one name.
 */
export function familyKey({ name, unit, isExactName, aggregation }: Descriptor): string {
  return JSON.stringify([name, isExactName ? '' : unit, isExactName, parameters(aggregation)])
}

/** The metric that a descriptor's series make up, under `name`. */
export function metricFamily({ help, unit, isExactName, aggregation }: Descriptor, name: string): MetricFamily {
  const common = { name, description: help, unit, isExactName, isMonotonic: false, temporality: 'cumulative' as const, bounds: [] }
  switch (aggregation.kind) {
    case 'counter':
      return { ...common, type: 'sum', isMonotonic: aggregation.isMonotonic }
    case 'explicit':
      return { ...common, type: 'histogram', bounds: aggregation.bounds }
    case 'exponential':
      return { ...common, type: 'exponential_histogram', bucketsMax: aggregation.bucketsMax }
    case 'summary':
      return { ...common, type: 'summary', quantiles: aggregation.quantiles }
    default:
      return { ...common, type: 'gauge' }
  }
}
