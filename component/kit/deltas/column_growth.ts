import { lastCell } from '../../../model/exponential.ts'
import { ExponentialPoint, type MetricFamily } from '../../../model/metrics.ts'

/**
 * Weights of samples make counts fractions, and sums of several workers are added in another order each time: what a value
 * falls by less than this part of it is rounding.
 */
const ROUNDING = 1e-9
/** Observations weigh 1 or more: less than this part of one is rounding, too. */
const COUNT_MIN = 1e-6

/** What a cumulative value has grown by; NaN when it has fallen, so that it began anew. */
export function valueGrowth(now: number, before: number): number {
  const grown = now - before
  if (grown >= 0) return grown
  return grown >= -before * ROUNDING ? 0 : Number.NaN
}

/** As `valueGrowth`, of a number of observations. */
function countGrowth(now: number, before: number): number {
  const grown = valueGrowth(now, before)
  return grown < COUNT_MIN ? 0 : grown
}

/** Values of a point in columns (`valuesPerPoint`). */
export interface ColumnPoint {
  readonly values: Float64Array
  readonly at: number
}

/**
 * What must be kept of a point in columns to compare the next one with it: its values, of an exponential histogram without the
 * buckets that are unused at the end. Uses the memory of `kept` when that has the right size.
 */
export function keptValues(family: MetricFamily, { values, at }: ColumnPoint, stride: number, kept?: Float64Array): Float64Array {
  const size = family.type === 'exponential_histogram' ? usedValues(family, { values, at }) : stride
  const memory = kept !== undefined && kept.length === size ? kept : new Float64Array(size)
  for (let i = 0; i < size; i++) memory[i] = values[at + i] as number
  return memory
}

function usedValues({ bucketsMax = 0 }: MetricFamily, { values, at }: ColumnPoint): number {
  return ExponentialPoint.buckets + lastCell(values, at + ExponentialPoint.buckets, bucketsMax) + 1
}

/**
 * Writes into `into` (of the size of a point) what a cumulative histogram, exponential histogram or summary in columns has
 * counted since `before`, as `keptValues` made it. False when it cannot have grown out of that, so that it began anew: `into`
 * then means nothing, and the point counts whole.
 *
 * Minimum and maximum of an exponential histogram's growth are NaN where they are unknown: a minimum that has fallen, and a
 * maximum that has risen, are of the time between.
 */
export function columnGrowth(family: MetricFamily, now: ColumnPoint, before: Float64Array, into: Float64Array): boolean {
  switch (family.type) {
    case 'exponential_histogram':
      return exponentialColumnGrowth(family, now, before, into)
    case 'summary':
      return summaryColumnGrowth(now, before, into)
    default:
      return histogramColumnGrowth(family, now, before, into)
  }
}

function histogramColumnGrowth({ bounds }: MetricFamily, { values, at }: ColumnPoint, before: Float64Array, into: Float64Array): boolean {
  const buckets = bounds.length + 1
  if (before.length !== buckets + 1) return false
  for (let i = 0; i < buckets; i++) {
    const grown = countGrowth(values[at + i] as number, before[i] as number)
    if (Number.isNaN(grown)) return false
    into[i] = grown
  }
  into[buckets] = (values[at + buckets] as number) - (before[buckets] as number)
  return true
}

function summaryColumnGrowth({ values, at }: ColumnPoint, before: Float64Array, into: Float64Array): boolean {
  const grown = countGrowth(values[at] as number, before[0] as number)
  if (Number.isNaN(grown) || before.length > into.length) return false
  into[0] = grown
  into[1] = (values[at + 1] as number) - (before[1] as number)
  for (let i = 2; i < into.length; i++) into[i] = values[at + i] as number
  return true
}

function exponentialColumnGrowth(family: MetricFamily, now: ColumnPoint, before: Float64Array, into: Float64Array): boolean {
  const { values, at } = now
  const { count, sum, min, max, zeroCount, scale, firstIndex, buckets } = ExponentialPoint
  const shift = (before[scale] as number) - (values[at + scale] as number)
  const counted = countGrowth(values[at + count] as number, before[count] as number)
  const zeros = countGrowth(values[at + zeroCount] as number, before[zeroCount] as number)
  // A scale only ever gets coarser, except before the first bucket of all.
  if (Number.isNaN(counted) || Number.isNaN(zeros) || (shift < 0 && before.length > buckets)) return false
  const used = usedValues(family, now)
  for (let i = 0; i < used; i++) into[i] = values[at + i] as number
  into.fill(0, used)
  if (!subtractBuckets(into, before, Math.max(0, shift))) return false
  into[count] = counted
  into[sum] = (values[at + sum] as number) - (before[sum] as number)
  into[zeroCount] = zeros
  const isFirst = (before[count] as number) === 0
  into[min] = isFirst || (values[at + min] as number) < (before[min] as number) ? (values[at + min] as number) : Number.NaN
  into[max] = isFirst || (values[at + max] as number) > (before[max] as number) ? (values[at + max] as number) : Number.NaN
  into[firstIndex] = values[at + firstIndex] as number
  return true
}

/** Takes the buckets of `before`, made coarser by `shift`, from those of `into`; false when there are not as many in these. */
function subtractBuckets(into: Float64Array, before: Float64Array, shift: number): boolean {
  const { firstIndex, buckets } = ExponentialPoint
  const [first, firstBefore] = [into[firstIndex] as number, before[firstIndex] as number]
  // Neighbours that became one bucket are taken from it one after the other: only what is left at the end may be rounding.
  for (let i = buckets; i < before.length; i++) {
    const taken = before[i] as number
    if (taken === 0) continue
    const to = buckets + ((firstBefore + i - buckets) >> shift) - first
    if (to < buckets || to >= into.length) return false
    const left = countGrowth(into[to] as number, taken)
    if (Number.isNaN(left)) return false
    into[to] = left
  }
  return true
}
