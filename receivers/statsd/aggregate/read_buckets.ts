import { addTotals, type ExponentialPlace, makeRoom, SCALE_MAX } from '../../../model/exponential.ts'
import { ExponentialPoint } from '../../../model/metrics.ts'
import { Buckets } from './layout.ts'
import { cellsOf } from './shard_reader.ts'

/**
 * Adds the buckets of a row that was copied (`StatShardReader.values`) to a point. `cells` is where the copy of their block
 * begins; returns where the next one begins. Count, sum, minimum and maximum are the caller's.
 */
export function addBuckets(into: ExponentialPlace, row: Float64Array, place: number, cells: number): number {
  const form = row[place + Buckets.form] as number
  const first = row[place + Buckets.first] as number
  const scale = SCALE_MAX - (row[place + Buckets.shift] as number)
  if (form > 0) addCells(into, row, { cells, count: form, first, scale })
  else if (form < 0) addPairs(into, row, { cells, count: Math.min(first, -form), scale })
  return cells + cellsOf(row, place)
}

/** The observations of a row's histogram. */
export function bucketsCount(row: Float64Array, place: number, cells: number): number {
  const form = row[place + Buckets.form] as number
  let count = row[place + Buckets.zeroCount] as number
  if (form > 0) for (let i = 0; i < form; i++) count += row[cells + i] as number
  else for (let i = 0; i < (row[place + Buckets.first] as number); i++) count += row[cells + 2 * i + 1] as number
  return count
}

/** Adds what is not in the buckets of a row's histogram. */
export function addRowTotals(
  into: ExponentialPlace,
  row: Float64Array,
  of: { readonly count: number; readonly sum: number; readonly extremes: number; readonly place: number },
): void {
  addTotals(into, {
    count: of.count,
    sum: of.sum,
    min: row[of.extremes] as number,
    max: row[of.extremes + 1] as number,
    zeroCount: row[of.place + Buckets.zeroCount] as number,
  })
}

function addCells(into: ExponentialPlace, row: Float64Array, of: { cells: number; count: number; first: number; scale: number }): void {
  let last = of.count - 1
  while (last >= 0 && row[of.cells + last] === 0) last--
  if (last < 0) return
  const shift = makeRoom(into, of.scale, of.first, of.first + last)
  for (let i = 0; i <= last; i++) put(into, (of.first + i) >> shift, row[of.cells + i] as number)
}

function addPairs(into: ExponentialPlace, row: Float64Array, of: { cells: number; count: number; scale: number }): void {
  if (of.count === 0) return
  let low = Number.POSITIVE_INFINITY
  let high = Number.NEGATIVE_INFINITY
  for (let i = 0; i < of.count; i++) {
    const index = row[of.cells + 2 * i] as number
    if (index < low) low = index
    if (index > high) high = index
  }
  const shift = makeRoom(into, of.scale, low, high)
  for (let i = 0; i < of.count; i++) put(into, (row[of.cells + 2 * i] as number) >> shift, row[of.cells + 2 * i + 1] as number)
}

function put({ values, at }: ExponentialPlace, index: number, count: number): void {
  const to = at + ExponentialPoint.buckets + index - (values[at + ExponentialPoint.firstIndex] as number)
  values[to] = (values[to] as number) + count
}
