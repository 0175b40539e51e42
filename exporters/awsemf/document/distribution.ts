import { NUMBER_MAX } from './document.ts'

/** What many observations have come to: values, ascending and all different, with how often each stands for one. */
export interface Distribution {
  /** Empty when nothing is known but count, sum, minimum and maximum. */
  readonly values: readonly number[]
  /** As long as `values`, each above 0. */
  readonly counts: readonly number[]
  /** The counts, added up in order. */
  readonly count: number
  readonly sum: number
  readonly min: number
  readonly max: number
}

/** What is known of observations beyond their buckets; undefined or NaN what is not. */
export interface Extent {
  readonly sum: number | undefined
  /** The least and greatest of exactly these observations. */
  readonly min: number | undefined
  readonly max: number | undefined
  /** Nothing is below or above these, which may be of more observations; they are not used where `min` and `max` are known. */
  readonly low?: number | undefined
  readonly high?: number | undefined
}

/** Takes values in any order that ascends or stays, brings them within the extent, and adds equal neighbours up. */
class Collected {
  readonly values: number[] = []
  readonly counts: number[] = []
  readonly #low: number
  readonly #high: number

  constructor({ min, max, low, high }: Extent) {
    this.#low = known(min) ?? known(low) ?? -NUMBER_MAX
    this.#high = known(max) ?? known(high) ?? NUMBER_MAX
  }

  add(value: number, count: number): void {
    if (!(count > 0)) return
    const within = Math.max(this.#low, Math.min(this.#high, value))
    const last = this.values.length - 1
    if (last >= 0 && within <= (this.values[last] as number)) {
      this.counts[last] = (this.counts[last] as number) + count
      return
    }
    this.values.push(within)
    this.counts.push(count)
  }

  /** Undefined when there was no observation. */
  finish({ sum, min, max }: Extent): Distribution | undefined {
    const { values, counts } = this
    if (values.length === 0) return undefined
    let count = 0
    let estimate = 0
    for (let i = 0; i < values.length; i++) {
      count += counts[i] as number
      estimate += (values[i] as number) * (counts[i] as number)
    }
    const exactSum = known(sum)
    return { values, counts, count, sum: exactSum ?? estimate, min: known(min) ?? (values[0] as number), max: known(max) ?? (values.at(-1) as number) }
  }
}

function known(value: number | undefined): number | undefined {
  return value === undefined || !Number.isFinite(value) ? undefined : value
}

/**
 * A histogram with explicit buckets: each bucket's observations stand in its middle, so a percentile that CloudWatch computes
 * lies in the bucket that holds it. The first and last bucket end at the extent where it is known, else the first begins at 0
 * (or is its bound, when that is not above 0) and the last is its lower bound. Where all observations are in one bucket, they
 * are their mean. `counts` has one more member than `bounds`, from `at` on.
 */
export function explicitDistribution(bounds: readonly number[], counts: ArrayLike<number>, at: number, extent: Extent): Distribution | undefined {
  const collected = new Collected(extent)
  const only = onlyBucket(counts, at, bounds.length + 1)
  const sum = known(extent.sum)
  for (let i = 0; i <= bounds.length; i++) {
    const count = counts[at + i] as number
    if (!(count > 0)) continue
    const [low, high] = bucketEnds(bounds, i, extent)
    const middle = low + (high - low) / 2
    // Rounding of large sums must not take the mean out of its bucket.
    collected.add(only === i && sum !== undefined ? Math.max(low, Math.min(sum / count, wideEnd(bounds, i, high))) : middle, count)
  }
  return collected.finish(extent)
}

/** The place of the bucket that is not empty, when it is the only one; -1 else. */
function onlyBucket(counts: ArrayLike<number>, at: number, buckets: number): number {
  let only = -1
  for (let i = 0; i < buckets; i++) {
    if (!((counts[at + i] as number) > 0)) continue
    if (only >= 0) return -1
    only = i
  }
  return only
}

function bucketEnds(bounds: readonly number[], i: number, { min, max, low, high }: Extent): [number, number] {
  const least = known(min) ?? known(low)
  const greatest = known(max) ?? known(high)
  const lower = i > 0 ? finite(bounds[i - 1] as number, 0) : (least ?? Math.min(0, finite(bounds[0] ?? 0, 0)))
  // What has no upper end of its own ends at the greatest observation, or at its lower end.
  const upper = Math.max(lower, i < bounds.length ? finite(bounds[i] as number, greatest ?? lower) : (greatest ?? lower))
  const [from, to] = [least === undefined ? lower : Math.max(lower, least), greatest === undefined ? upper : Math.min(upper, greatest)]
  // Senders whose extent contradicts their buckets: the buckets are what was counted.
  return from <= to ? [from, to] : [lower, Math.max(lower, upper)]
}

/** Bounds of some senders are infinite. */
function finite(bound: number, otherwise: number): number {
  return Number.isFinite(bound) ? bound : otherwise
}

/** The last bucket has no upper end of its own: a mean above its lower bound is right. */
function wideEnd(bounds: readonly number[], i: number, high: number): number {
  return i < bounds.length ? high : NUMBER_MAX
}

/** Buckets of one sign of an exponential histogram: bucket `offset + i` has `counts[at + i]`. */
export interface ExponentialSide {
  readonly offset: number
  readonly counts: ArrayLike<number>
  readonly at: number
  readonly length: number
}

export interface ExponentialCounts {
  readonly scale: number
  readonly zeroCount: number
  readonly positive: ExponentialSide
  readonly negative?: ExponentialSide
}

/**
 * An exponential histogram: each bucket's observations stand where no observation in it is further off than another, as a part
 * of itself: at most (base - 1) / (base + 1), which is 0.54 % at scale 6 and 1.1 % at scale 5.
 */
export function exponentialDistribution({ scale, zeroCount, positive, negative }: ExponentialCounts, extent: Extent): Distribution | undefined {
  const collected = new Collected(extent)
  if (negative !== undefined) {
    for (let i = negative.length - 1; i >= 0; i--) {
      const count = negative.counts[negative.at + i] as number
      if (count > 0) collected.add(-bucketValue(negative.offset + i, scale), count)
    }
  }
  collected.add(0, zeroCount)
  for (let i = 0; i < positive.length; i++) {
    const count = positive.counts[positive.at + i] as number
    if (count > 0) collected.add(bucketValue(positive.offset + i, scale), count)
  }
  return collected.finish(extent)
}

/** The harmonic mean of a bucket's ends. */
function bucketValue(index: number, scale: number): number {
  const base = 2 ** (2 ** -scale)
  const lower = 2 ** (index / 2 ** scale)
  const value = base === Number.POSITIVE_INFINITY ? 2 * lower : (2 * lower * base) / (1 + base)
  return Math.min(NUMBER_MAX, value)
}

/** A quantile of a summary. */
export interface Quantile {
  readonly quantile: number
  readonly value: number
}

/**
 * A summary: the observations between two quantiles stand at the upper one, so that CloudWatch's percentiles are those of the
 * summary, and what is above the last one stands there. Quantiles without a value are left out; without any, only count, sum
 * and mean are known.
 */
export function summaryDistribution(count: number, sum: number, quantiles: readonly Quantile[]): Distribution | undefined {
  if (!(count > 0)) return undefined
  const extent = { sum, min: undefined, max: undefined }
  const usable = quantiles.filter(({ value, quantile }) => Number.isFinite(value) && quantile >= 0 && quantile <= 1).sort((a, b) => a.quantile - b.quantile)
  if (usable.length === 0) return { values: [], counts: [], count, sum, min: sum / count, max: sum / count }
  const collected = new Collected(extent)
  let counted = 0
  for (const [i, { quantile, value }] of usable.entries()) {
    // A fraction of an observation that belongs to this quantile is a whole one: else the percentile would be that of the next.
    const upTo = i === usable.length - 1 ? count : Math.min(count, Math.ceil(count * quantile))
    collected.add(value, upTo - counted)
    counted = Math.max(counted, upTo)
  }
  const found = collected.finish(extent)
  const [lowest, highest] = [usable[0] as Quantile, usable.at(-1) as Quantile]
  return found === undefined ? undefined : { ...found, min: Math.min(lowest.value, found.min), max: Math.max(highest.value, found.max) }
}

/** Beyond so many different values of several distributions together, further ones are rounded to three digits. */
const MERGED_EXACT_MAX = 1000

/** What several series have observed together. */
export class DistributionSum {
  readonly #counts = new Map<number, number>()
  #isTotalsOnly = false
  #count = 0
  #sum = 0
  #min = Number.POSITIVE_INFINITY
  #max = Number.NEGATIVE_INFINITY

  /** Adds one observation, or many. */
  add(reading: number | Distribution): void {
    if (typeof reading === 'number') {
      this.#addTotals(1, reading, reading, reading)
      this.#addValue(reading, 1)
      return
    }
    const { values, counts, count, sum, min, max } = reading
    this.#addTotals(count, sum, min, max)
    // Where of some only the totals are known, so it is of all.
    this.#isTotalsOnly ||= values.length === 0
    for (let i = 0; i < values.length; i++) this.#addValue(values[i] as number, counts[i] as number)
  }

  finish(): Distribution {
    const totals = { sum: this.#sum, min: this.#min, max: this.#max }
    if (this.#isTotalsOnly) return { values: [], counts: [], count: this.#count, ...totals }
    const collected = new Collected(totals)
    for (const [value, count] of [...this.#counts].sort(([a], [b]) => a - b)) collected.add(value, count)
    return collected.finish(totals) ?? { values: [], counts: [], count: this.#count, ...totals }
  }

  #addTotals(count: number, sum: number, min: number, max: number): void {
    this.#count += count
    this.#sum += sum
    this.#min = Math.min(this.#min, min)
    this.#max = Math.max(this.#max, max)
  }

  #addValue(value: number, count: number): void {
    const key = this.#counts.size < MERGED_EXACT_MAX ? value : Number(value.toPrecision(3))
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + count)
  }
}

/** In another unit. */
export function scaledDistribution(distribution: Distribution, scale: number): Distribution {
  const { values, counts, sum, min, max } = distribution
  if (scale === 1) return distribution
  const scaled: { readonly values: number[]; readonly counts: number[] } = { values: [], counts: [] }
  for (let i = 0; i < values.length; i++) {
    const value = (values[i] as number) * scale
    const last = scaled.values.length - 1
    // Neighbours can become equal by rounding.
    if (last >= 0 && value === scaled.values[last]) scaled.counts[last] = (scaled.counts[last] as number) + (counts[i] as number)
    else {
      scaled.values.push(value)
      scaled.counts.push(counts[i] as number)
    }
  }
  return { ...distribution, ...scaled, sum: sum * scale, min: min * scale, max: max * scale }
}
