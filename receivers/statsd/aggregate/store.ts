import type { SeriesSpec } from '../naming/naming.ts'

/** There is no room for the series: what it would have counted goes into the overflow series of its kind. */
export const OVERFLOWED = -1

/**
 * One ingest thread's part of the series of a statsD receiver. `open` is the slow way in; the other methods take the handle
 * it gave and create nothing. Handles lose their meaning when `epoch` grows, which happens in `sweep` only.
 *
 * The caller picks the method by `SeriesSpec.aggregation` and hands over values that it has multiplied by
 * `SeriesSpec.scale`. `nowMs` is the receive time, milliseconds since the epoch; fractions are welcome.
 */
export interface StatStore {
  readonly epoch: number
  /** The handle of a series, made on first sight; also when another family of that name has another type. */
  open(series: SeriesSpec): number
  /** Counters. A negative value for a monotonic one is not added, and counted in `negatives`. */
  add(handle: number, value: number, nowMs: number): void
  /**
   * Gauges: becomes `value`, unless `saidMs`, when the sender says it was measured, is before what the gauge has now. A time
   * that is still to come counts as `nowMs`.
   */
  set(handle: number, value: number, nowMs: number, saidMs?: number): void
  /** Gauges: changes by `delta`, after everything that came before it from the same sender. */
  shift(handle: number, delta: number, nowMs: number): void
  /** Histograms and summaries: `weight` observations of `value`. On a gauge it is `set`. */
  observe(handle: number, value: number, weight: number, nowMs: number): void
  /** Sets: `bytes[start, end)` is a member. */
  member(handle: number, bytes: Uint8Array, start: number, end: number, nowMs: number): void
}
