import { hasNoValue, pointGrowth } from '../../../component/kit/deltas/point_growth.ts'
import type { TimeSlices } from '../../../lib/time_slices.ts'
import { AttributeSet } from '../../../model/attributes.ts'
import type { DataPoint, ExponentialBuckets, ExponentialHistogramPoint, HistogramPoint, Metric, MetricGroup, SummaryPoint } from '../../../model/data_points.ts'
import { NO_RECORDED_VALUE } from '../../../model/data_points.ts'
import type { AwsEmfConfig } from '../config.ts'
import { type Distribution, type ExponentialSide, type Extent, explicitDistribution, exponentialDistribution } from './distribution.ts'
import { type ReaderParts, ReadingRules } from './readings.ts'
import type { Series, Stream, StreamHeader } from './series_catalog.ts'

const NONE: never[] = []
/** Points between two looks at the clock. */
const POINTS_PER_LOOK = 32

/** Makes readings of data points as they come by OTLP. */
export class PointReader {
  readonly #parts: ReaderParts
  readonly #rules: ReadingRules

  constructor(config: AwsEmfConfig, parts: ReaderParts) {
    this.#parts = parts
    this.#rules = new ReadingRules(config, parts)
  }

  /** `nowMs` is for points that do not say their time. */
  async read({ resource, scope }: MetricGroup, metric: Metric, nowMs: number, slices: TimeSlices): Promise<void> {
    if (metric.type === 'none' || metric.points.length === 0) return
    const stream = this.#parts.catalog.stream(headerOf(metric), { resource, scope, inColumns: false })
    if (stream === undefined) return this.#parts.onDropped('series_limit', metric.points.length)
    for (let i = 0; i < metric.points.length; i++) {
      this.#point(stream, metric.points[i] as DataPoint, nowMs)
      if (i % POINTS_PER_LOOK === 0 && slices.isOver) await slices.next()
    }
  }

  #point(stream: Stream, point: DataPoint, nowMs: number): void {
    const drop = (reason: Parameters<ReaderParts['onDropped']>[0]): void => this.#parts.onDropped(reason, 1)
    if ((point.flags & NO_RECORDED_VALUE) !== 0 || ('value' in point && point.value === null)) return drop('no_value')
    if (hasNoValue(point) || ('value' in point && !Number.isFinite(Number(point.value)))) return drop('not_finite')
    const series = this.#parts.catalog.ofPoint(stream, point.attributes)
    if (series === undefined) return drop('series_limit')
    if (series.isUndeclared && !(this.#rules.isDetailed && 'quantiles' in point)) return drop('undeclared')
    const timeMs = point.timeNs > 0n ? milliseconds(point.timeNs) : Math.round(nowMs)
    if (!this.#rules.isDifference(stream.header)) return this.#put(series, timeMs, point)
    const before = series.before as DataPoint | undefined
    if (before !== undefined && point.timeNs <= before.timeNs && point.timeNs > 0n) return drop('out_of_order')
    series.before = kept(point)
    if (before === undefined) {
      if (!this.#rules.firstCounts(series, milliseconds(point.startTimeNs), timeMs)) return drop('initial')
      return this.#put(series, timeMs, point)
    }
    const { point: grown, isReset } = pointGrowth(point, before)
    this.#put(series, timeMs, grown, isReset ? undefined : extentOf(point, before))
  }

  /** `known` is what is known of the extent of growth. */
  #put(series: Series, timeMs: number, point: DataPoint, known?: Omit<Extent, 'sum'>): void {
    if ('value' in point) {
      const value = Number(point.value)
      if (this.#rules.isDifference(series.stream.header)) this.#rules.putGrowth(series, timeMs, value)
      else this.#parts.router.put(series, timeMs, value)
    } else if ('quantiles' in point) this.#rules.putSummary(series, timeMs, summaryOf(point), point.attributes)
    else if ('bounds' in point) this.#rules.putDistribution(series, timeMs, histogramOf(point, known))
    else this.#rules.putDistribution(series, timeMs, exponentialOf(point, known))
  }
}

/** What the next sample is compared with: labels are known, and a request should not be held by a few of its points. */
function kept(point: DataPoint): DataPoint {
  const { startTimeNs, timeNs } = point
  const bare = { attributes: AttributeSet.empty, startTimeNs, timeNs, flags: 0, exemplars: NONE }
  if ('value' in point) return { ...bare, value: point.value }
  return { ...point, ...bare }
}

function headerOf(metric: Exclude<Metric, { readonly type: 'none' }>): StreamHeader {
  const { name, unit, type } = metric
  const temporality = 'temporality' in metric && metric.temporality === 'cumulative' ? 'cumulative' : 'delta'
  return { name, unit, type, temporality, isMonotonic: metric.type === 'sum' && metric.isMonotonic }
}

function milliseconds(ns: bigint): number {
  return Number(ns / 1_000_000n)
}

/** A minimum that has fallen, and a maximum that has risen, are of the time between; the others bound what came in it. */
function extentOf(now: DataPoint, before: DataPoint): Omit<Extent, 'sum'> | undefined {
  if (!('min' in now) || !('min' in before)) return undefined
  const isFirst = before.count === 0n
  const isLess = now.min !== undefined && before.min !== undefined && now.min < before.min
  const isMore = now.max !== undefined && before.max !== undefined && now.max > before.max
  return { min: isFirst || isLess ? now.min : undefined, max: isFirst || isMore ? now.max : undefined, low: now.min, high: now.max }
}

/** Of a whole point; a minimum above the maximum says nothing. */
function wholeExtent({ min, max }: HistogramPoint | ExponentialHistogramPoint): Omit<Extent, 'sum'> {
  return min !== undefined && max !== undefined && min > max ? { min: undefined, max: undefined } : { min, max }
}

function histogramOf(point: HistogramPoint, known: Omit<Extent, 'sum'> | undefined): Distribution | undefined {
  const extent = { sum: point.sum, ...(known ?? wholeExtent(point)) }
  if (point.bucketCounts.length > 0) return explicitDistribution(point.bounds, Array.from(point.bucketCounts, Number), 0, extent)
  const count = Number(point.count)
  if (count === 0) return undefined
  // One without buckets.
  const sum = point.sum ?? 0
  const [min, max] = [extent.min ?? sum / count, extent.max ?? sum / count]
  return { values: [], counts: [], count, sum, min: Math.min(min, max), max: Math.max(min, max) }
}

function exponentialOf(point: ExponentialHistogramPoint, known: Omit<Extent, 'sum'> | undefined): Distribution | undefined {
  const { scale, sum, positive, negative } = point
  const counts = { scale, zeroCount: Number(point.zeroCount), positive: sideOf(positive), negative: sideOf(negative) }
  return exponentialDistribution(counts, { sum, ...(known ?? wholeExtent(point)) })
}

function sideOf({ offset, counts }: ExponentialBuckets): ExponentialSide {
  return { offset, counts: Array.from(counts, Number), at: 0, length: counts.length }
}

function summaryOf({ count, sum, quantiles }: SummaryPoint) {
  return { count: Number(count), sum, quantiles }
}
