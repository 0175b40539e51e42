import { upperBound } from '../../model/exponential.ts'
import { ExponentialPoint } from '../../model/metrics.ts'

/** Buckets per power of two are 2^scale: bounds are powers of the square root of 2. */
const GRID_SCALE = 1
/** Most buckets shown; a point with a wider span is shown with every second, fourth … bound. */
const BUCKETS_MAX = 64
/** Most lines that `exponentialLines` makes: the buckets, the bound below them, and 0. */
export const EXPONENTIAL_LINES_MAX: number = BUCKETS_MAX + 2

/**
 * Shows a point of an exponential histogram as buckets of a classic one: calls `visit` with ascending bounds and the
 * number of observations up to each, +Inf not included. All points of all histograms share one grid of bounds, 2^(k / 2),
 * which does not depend on their scale, so that bounds stay the same from scrape to scrape; as values spread, bounds are
 * added at the ends. Only a point whose span exceeds 32 powers of two, or whose own buckets are wider than the grid's, has
 * a part of these bounds.
 */
export function exponentialLines(values: Float64Array, at: number, bucketsMax: number, visit: (bound: number, count: number) => void): void {
  const zeroCount = values[at + ExponentialPoint.zeroCount] as number
  if (zeroCount > 0) visit(0, zeroCount)
  const cells = at + ExponentialPoint.buckets
  let low = 0
  while (low < bucketsMax && values[cells + low] === 0) low++
  if (low === bucketsMax) return
  let high = bucketsMax - 1
  while (values[cells + high] === 0) high--
  const pointScale = values[at + ExponentialPoint.scale] as number
  const first = values[at + ExponentialPoint.firstIndex] as number
  let scale = Math.min(pointScale, GRID_SCALE)
  const bucketOf = (cell: number): number => (first + cell) >> (pointScale - scale)
  while (bucketOf(high) - bucketOf(low) >= BUCKETS_MAX) scale--
  let count = zeroCount
  const below = upperBound(bucketOf(low) - 1, scale)
  if (below > 0) visit(below, count)
  for (let cell = low; cell <= high; cell++) {
    count += values[cells + cell] as number
    const isLastOfBucket = cell === high || bucketOf(cell + 1) !== bucketOf(cell)
    const bound = isLastOfBucket ? upperBound(bucketOf(cell), scale) : 0
    if (isLastOfBucket && Number.isFinite(bound)) visit(bound, count)
    if (cell < high) for (let bucket = bucketOf(cell) + 1; bucket < bucketOf(cell + 1); bucket++) visit(upperBound(bucket, scale), count)
  }
}
