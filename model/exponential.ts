import { ExponentialPoint } from './metrics.ts'

/**
 * The finest scale; at scale `s` bucket `i` is (2^(i / 2^s), 2^((i + 1) / 2^s)]. The coarsest is -10, where three buckets hold
 * all numbers (-11 when there are only two).
 */
export const SCALE_MAX = 20

/** Buckets per power of two at the finest scale. */
const STEPS = 2 ** SCALE_MAX
/** Closer to a bound than this (in buckets of the finest scale) a logarithm cannot be trusted; its error is a thousandth of it. */
const DOUBTFUL = 1e-6
const SUBNORMAL_SHIFT = 54

const float = new Float64Array(1)
/** Low word first, as on every platform that Node.js runs on. */
const halves = new Int32Array(float.buffer)

/**
 * The bucket of a positive, finite value at scale 20; `>> (20 - scale)` makes it the bucket at any coarser scale, so that
 * counts taken at different scales always agree. Upper bounds belong to their buckets. Follows the logarithm method of
 * OpenTelemetry's data model (ExponentialHistogram), with the exponent taken from the bits and values next to a bound
 * compared with it.
 */
export function finestIndex(value: number): number {
  float[0] = value
  let high = halves[1] as number
  let exponent = (high >>> 20) - 1023
  if (exponent === -1023) {
    float[0] = value * 2 ** SUBNORMAL_SHIFT
    high = halves[1] as number
    exponent = (high >>> 20) - 1023 - SUBNORMAL_SHIFT
  }
  halves[1] = (high & 0xf_ffff) | 0x3ff0_0000
  const mantissa = float[0]
  if (mantissa === 1) return exponent * STEPS - 1
  const position = Math.log2(mantissa) * STEPS
  const nearest = Math.round(position)
  if (Math.abs(position - nearest) >= DOUBTFUL) return exponent * STEPS + Math.floor(position)
  return exponent * STEPS + (mantissa > 2 ** (nearest / STEPS) ? nearest : nearest - 1)
}

/** The upper bound of a bucket; +Infinity above the largest number. */
export function upperBound(index: number, scale: number): number {
  return 2 ** ((index + 1) / 2 ** scale)
}

/** By how many scales buckets `low` to `high` must become coarser so that they are `max` (2 or more) at most. */
export function shiftToFit(low: number, high: number, max: number): number {
  let shift = 0
  while ((high >> shift) - (low >> shift) >= max && shift < 31) shift++
  return shift
}

/** Merges neighbours: cells `at` to `at + length` belong to buckets from `first` on and become those of a scale coarser by `shift`. */
export function coarsenCells(cells: Float64Array, at: number, length: number, first: number, shift: number): void {
  if (shift === 0) return
  const newFirst = first >> shift
  for (let i = 0; i < length; i++) {
    const count = cells[at + i] as number
    if (count === 0) continue
    cells[at + i] = 0
    const to = at + ((first + i) >> shift) - newFirst
    cells[to] = (cells[to] as number) + count
  }
}

/** Moves cells `at` to `at + length` up by `by`; what falls off the end must be 0. */
export function raiseCells(cells: Float64Array, at: number, length: number, by: number): void {
  if (by === 0) return
  cells.copyWithin(at + by, at, at + length - by)
  cells.fill(0, at, at + by)
}

/** Place of the last cell that is not 0; -1 when all are. */
export function lastCell(cells: Float64Array, at: number, length: number): number {
  for (let i = length - 1; i >= 0; i--) if (cells[at + i] !== 0) return i
  return -1
}

/** Place of the first cell that is not 0; -1 when all are. */
function firstCell(cells: Float64Array, at: number, length: number): number {
  for (let i = 0; i < length; i++) if (cells[at + i] !== 0) return i
  return -1
}

/** A point of an exponential histogram: its values (`ExponentialPoint`) in an array, and how many buckets it has room for. */
export interface ExponentialPlace {
  readonly values: Float64Array
  readonly at: number
  readonly bucketsMax: number
}

/** Makes a point empty. */
export function clearExponential({ values, at, bucketsMax }: ExponentialPlace): void {
  values.fill(0, at, at + ExponentialPoint.buckets + bucketsMax)
  values[at + ExponentialPoint.scale] = SCALE_MAX
}

/** Adds count, sum, minimum and maximum of other observations to a point; its buckets stay as they are. */
export function addTotals({ values, at }: ExponentialPlace, totals: { count: number; sum: number; min: number; max: number; zeroCount: number }): void {
  if (totals.count === 0) return
  const isEmpty = values[at + ExponentialPoint.count] === 0
  const [min, max] = [at + ExponentialPoint.min, at + ExponentialPoint.max]
  values[min] = isEmpty ? totals.min : Math.min(values[min] as number, totals.min)
  values[max] = isEmpty ? totals.max : Math.max(values[max] as number, totals.max)
  values[at] = (values[at] as number) + totals.count
  values[at + ExponentialPoint.sum] = (values[at + ExponentialPoint.sum] as number) + totals.sum
  values[at + ExponentialPoint.zeroCount] = (values[at + ExponentialPoint.zeroCount] as number) + totals.zeroCount
}

/**
 * Makes a point ready to take buckets `low` to `high` of `scale`, as fine as its room allows; afterwards bucket `i` of
 * `scale` has its place at `(i >> shift) - first`, where `shift` is returned and `first` stands in the point.
 */
export function makeRoom({ values, at, bucketsMax }: ExponentialPlace, scale: number, low: number, high: number): number {
  const cells = at + ExponentialPoint.buckets
  const ownScale = values[at + ExponentialPoint.scale] as number
  const first = values[at + ExponentialPoint.firstIndex] as number
  const last = lastCell(values, cells, bucketsMax)
  let common = last < 0 ? scale : Math.min(scale, ownScale)
  const lowest = (): number => (last < 0 ? low : Math.min(low >> (scale - common), first >> (ownScale - common)))
  const highest = (): number => (last < 0 ? high : Math.max(high >> (scale - common), (first + last) >> (ownScale - common)))
  common -= shiftToFit(lowest(), highest(), bucketsMax)
  const newFirst = last < 0 ? low >> (scale - common) : lowest()
  if (last >= 0) {
    coarsenCells(values, cells, last + 1, first, ownScale - common)
    raiseCells(values, cells, bucketsMax, (first >> (ownScale - common)) - newFirst)
  }
  values[at + ExponentialPoint.scale] = common
  values[at + ExponentialPoint.firstIndex] = newFirst
  return scale - common
}

/** Adds the observations of `from` to `into`. The result does not depend on the order in which points are added. */
export function mergeExponential(into: ExponentialPlace, from: ExponentialPlace): void {
  const { values, at, bucketsMax } = from
  addTotals(into, {
    count: values[at] as number,
    sum: values[at + ExponentialPoint.sum] as number,
    min: values[at + ExponentialPoint.min] as number,
    max: values[at + ExponentialPoint.max] as number,
    zeroCount: values[at + ExponentialPoint.zeroCount] as number,
  })
  const cells = at + ExponentialPoint.buckets
  const last = lastCell(values, cells, bucketsMax)
  if (last < 0) return
  const first = values[at + ExponentialPoint.firstIndex] as number
  const low = first + firstCell(values, cells, bucketsMax)
  const shift = makeRoom(into, values[at + ExponentialPoint.scale] as number, low, first + last)
  const base = into.at + ExponentialPoint.buckets - (into.values[into.at + ExponentialPoint.firstIndex] as number)
  for (let i = low - first; i <= last; i++) {
    const to = base + ((first + i) >> shift)
    into.values[to] = (into.values[to] as number) + (values[cells + i] as number)
  }
}

/**
 * Estimates a quantile (0..1) of a point: the bucket that holds it, interpolated geometrically and kept within minimum and
 * maximum. The values of 0 and below count as evenly spread from the minimum to 0. NaN when the point is empty.
 */
export function exponentialQuantile({ values, at, bucketsMax }: ExponentialPlace, quantile: number): number {
  const count = values[at] as number
  if (!(count > 0)) return Number.NaN
  const min = values[at + ExponentialPoint.min] as number
  const max = values[at + ExponentialPoint.max] as number
  const zeroCount = values[at + ExponentialPoint.zeroCount] as number
  const rank = quantile * count
  if (rank <= zeroCount && zeroCount > 0) return min < 0 ? min + (Math.min(max, 0) - min) * (rank / zeroCount) : 0
  const scale = values[at + ExponentialPoint.scale] as number
  const first = values[at + ExponentialPoint.firstIndex] as number
  let below = zeroCount
  for (let i = 0; i < bucketsMax; i++) {
    const inBucket = values[at + ExponentialPoint.buckets + i] as number
    if (inBucket > 0 && below + inBucket >= rank) {
      const exponent = (first + i + Math.max(0, rank - below) / inBucket) / 2 ** scale
      return Math.min(max, Math.max(min, 2 ** exponent))
    }
    below += inBucket
  }
  return max
}
