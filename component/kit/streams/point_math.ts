import type { ExponentialBuckets, ExponentialHistogramPoint, HistogramPoint } from '../../../model/data_points.ts'

/** `a - b`: an integer when both are, else a double. */
export function minus(a: number | bigint, b: number | bigint): number | bigint {
  return typeof a === 'bigint' && typeof b === 'bigint' ? a - b : Number(a) - Number(b)
}

/** `a + b`: an integer when both are, else a double. */
export function plus(a: number | bigint, b: number | bigint): number | bigint {
  return typeof a === 'bigint' && typeof b === 'bigint' ? a + b : Number(a) + Number(b)
}

/** The counts of a histogram's point, without its times and attributes. */
export type HistogramCounts = Pick<HistogramPoint, 'count' | 'sum' | 'min' | 'max' | 'bounds' | 'bucketCounts'>

/** The counts of an exponential histogram's point, without its times and attributes. */
export type ExponentialCounts = Pick<
  ExponentialHistogramPoint,
  'count' | 'sum' | 'min' | 'max' | 'scale' | 'zeroCount' | 'zeroThreshold' | 'positive' | 'negative'
>

/**
 * What came between two states of a cumulative histogram; undefined when the later one cannot have grown out of the earlier
 * one (it has fallen, or has other buckets). Minimum and maximum of the time between are unknown.
 */
export function histogramGrowth(now: HistogramCounts, before: HistogramCounts): HistogramCounts | undefined {
  if (now.count < before.count || !isSameList(now.bounds, before.bounds) || now.bucketCounts.length !== before.bucketCounts.length) return undefined
  const bucketCounts = now.bucketCounts.map((count, i) => count - (before.bucketCounts[i] as bigint))
  if (bucketCounts.some((count) => count < 0n)) return undefined
  return { ...now, count: now.count - before.count, sum: difference(now.sum, before.sum), min: undefined, max: undefined, bucketCounts }
}

/** Both histograms together; undefined when they have other buckets. */
export function histogramSum(a: HistogramCounts, b: HistogramCounts): HistogramCounts | undefined {
  if (!isSameList(a.bounds, b.bounds) || a.bucketCounts.length !== b.bucketCounts.length) return undefined
  return { ...a, ...totals(a, b), bucketCounts: a.bucketCounts.map((count, i) => count + (b.bucketCounts[i] as bigint)) }
}

/** As `histogramGrowth`. The earlier state is brought to the scale of the later one, which gets coarser as values come that lie further apart. */
export function exponentialGrowth(now: ExponentialCounts, before: ExponentialCounts): ExponentialCounts | undefined {
  if (now.count < before.count || now.zeroCount < before.zeroCount || now.scale > before.scale || now.zeroThreshold !== before.zeroThreshold) return undefined
  const shift = before.scale - now.scale
  const positive = bucketsMinus(now.positive, coarser(before.positive, shift))
  const negative = bucketsMinus(now.negative, coarser(before.negative, shift))
  if (positive === undefined || negative === undefined) return undefined
  const [count, zeroCount] = [now.count - before.count, now.zeroCount - before.zeroCount]
  return { ...now, count, zeroCount, sum: difference(now.sum, before.sum), min: undefined, max: undefined, positive, negative }
}

/** Both histograms together, at the coarser of their scales, or a coarser one yet when they would have more than `bucketsMax` buckets. */
export function exponentialSum(a: ExponentialCounts, b: ExponentialCounts, bucketsMax = 160): ExponentialCounts {
  let scale = Math.min(a.scale, b.scale)
  const sides = (): readonly ExponentialBuckets[] => {
    const at = (buckets: ExponentialBuckets, from: ExponentialCounts): ExponentialBuckets => coarser(buckets, from.scale - scale)
    return [bucketsPlus(at(a.positive, a), at(b.positive, b)), bucketsPlus(at(a.negative, a), at(b.negative, b))]
  }
  let merged = sides()
  while (merged.some(({ counts }) => counts.length > bucketsMax)) {
    scale--
    merged = sides()
  }
  const [positive, negative] = merged as [ExponentialBuckets, ExponentialBuckets]
  const zeroThreshold = Math.max(a.zeroThreshold, b.zeroThreshold)
  return { ...totals(a, b), scale, zeroCount: a.zeroCount + b.zeroCount, zeroThreshold, positive, negative }
}

function totals(a: HistogramCounts | ExponentialCounts, b: HistogramCounts | ExponentialCounts) {
  return {
    count: a.count + b.count,
    sum: a.sum === undefined || b.sum === undefined ? undefined : a.sum + b.sum,
    min: a.min === undefined || b.min === undefined ? undefined : Math.min(a.min, b.min),
    max: a.max === undefined || b.max === undefined ? undefined : Math.max(a.max, b.max),
  }
}

function difference(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a - b
}

function isSameList(a: readonly number[], b: readonly number[]): boolean {
  return a === b || (a.length === b.length && a.every((bound, i) => bound === b[i]))
}

/** Buckets at a scale coarser by `shift`. */
function coarser({ offset, counts }: ExponentialBuckets, shift: number): ExponentialBuckets {
  if (shift === 0 || counts.length === 0) return { offset, counts }
  const first = offset >> shift
  const merged: bigint[] = []
  for (const [i, count] of counts.entries()) {
    const at = ((offset + i) >> shift) - first
    merged[at] = (merged[at] ?? 0n) + count
  }
  return { offset: first, counts: merged }
}

function countAt({ offset, counts }: ExponentialBuckets, index: number): bigint {
  return counts[index - offset] ?? 0n
}

function bucketsMinus(now: ExponentialBuckets, before: ExponentialBuckets): ExponentialBuckets | undefined {
  for (const [i, count] of before.counts.entries()) if (count > countAt(now, before.offset + i)) return undefined
  return { offset: now.offset, counts: now.counts.map((count, i) => count - countAt(before, now.offset + i)) }
}

function bucketsPlus(a: ExponentialBuckets, b: ExponentialBuckets): ExponentialBuckets {
  if (a.counts.length === 0) return b
  if (b.counts.length === 0) return a
  const offset = Math.min(a.offset, b.offset)
  const end = Math.max(a.offset + a.counts.length, b.offset + b.counts.length)
  return { offset, counts: Array.from({ length: end - offset }, (_, i) => countAt(a, offset + i) + countAt(b, offset + i)) }
}
