import { clearExponential, type ExponentialPlace, mergeExponential } from './exponential.ts'
import { type MetricFamily, valuesPerPoint } from './metrics.ts'

/** Where the values of a point begin. */
export interface PointPlace {
  readonly values: Float64Array
  readonly at: number
}

/** The values of a point that has counted nothing. */
export function emptyPoint(family: MetricFamily): Float64Array {
  const values = new Float64Array(valuesPerPoint(family))
  if (family.type === 'exponential_histogram') clearExponential(exponential(family, { values, at: 0 }))
  return values
}

/**
 * Adds a point to another of the same family: values and buckets are added up. Quantiles cannot be: of two summaries that
 * have counted something they become NaN.
 */
export function addPoint(family: MetricFamily, into: PointPlace, from: PointPlace): void {
  if (family.type === 'exponential_histogram') mergeExponential(exponential(family, into), exponential(family, from))
  else if (family.type === 'summary') addSummary(family, into, from)
  else addValues(into, from, valuesPerPoint(family))
}

function exponential({ bucketsMax = 0 }: MetricFamily, { values, at }: PointPlace): ExponentialPlace {
  return { values, at, bucketsMax }
}

function addSummary(family: MetricFamily, into: PointPlace, from: PointPlace): void {
  const [wasEmpty, isEmpty] = [into.values[into.at] === 0, from.values[from.at] === 0]
  addValues(into, from, 2)
  if (isEmpty) return
  for (let n = 2; n < valuesPerPoint(family); n++) into.values[into.at + n] = wasEmpty ? (from.values[from.at + n] as number) : Number.NaN
}

function addValues(into: PointPlace, from: PointPlace, count: number): void {
  for (let n = 0; n < count; n++) into.values[into.at + n] = (into.values[into.at + n] as number) + (from.values[from.at + n] as number)
}
