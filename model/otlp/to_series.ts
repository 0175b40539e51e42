import type { AttributeSet } from '../attributes.ts'
import {
  type DataPoint,
  type DataPoints,
  type ExponentialHistogramPoint,
  type HistogramPoint,
  type Metric,
  type MetricGroup,
  NO_RECORDED_VALUE,
  type NumberPoint,
  type PointExemplar,
  type SummaryPoint,
} from '../data_points.ts'
import { upperBound } from '../exponential.ts'
import { type Exemplar, ExponentialPoint, type FamilyPoints, type MetricFamily, type Metrics, type SeriesMetrics, valuesPerPoint } from '../metrics.ts'

/**
 * Why a point has no place in columns: it has no value (a staleness marker, or none was given), its metric has neither delta
 * nor cumulative temporality, its buckets do not fit its bounds, or it is an exponential histogram with negative buckets.
 */
export type OmittedReason = 'no_value' | 'no_temporality' | 'malformed' | 'negative_buckets'

export interface SeriesOptions {
  /** Time of points that have none, milliseconds since the epoch. */
  readonly nowMs: number
  /** Told of points that are left out, so that they can be counted. */
  readonly onOmitted?: (reason: OmittedReason, points: number) => void
}

/**
 * Metrics in columns; those that are already stay what they are. A metric whose points have several bounds (or quantiles) becomes
 * as many families. `updatedMs` has each point's own time, `timeMs` the latest of them.
 *
 * What columns cannot hold: integers beyond 2^53 are rounded; times are rounded to a microsecond; of exemplars the last one
 * with a trace id is kept, without its attributes; minimum and maximum of histograms with bounds, zero thresholds, flags and
 * metadata are dropped; a sum that is not given becomes NaN. `OmittedReason` says which points are left out altogether.
 */
export function seriesMetrics(metrics: Metrics, options: SeriesOptions): SeriesMetrics {
  if ('families' in metrics) return metrics
  return new Columns(metrics, options).build()
}

type FamilyType = MetricFamily['type']

/** Points that will be one family. */
interface Collected {
  readonly family: MetricFamily
  readonly points: DataPoint[]
}

class Columns {
  readonly #metrics: DataPoints
  readonly #options: SeriesOptions
  readonly #omitted = new Map<OmittedReason, number>()
  #timeMs = 0

  constructor(metrics: DataPoints, options: SeriesOptions) {
    this.#metrics = metrics
    this.#options = options
  }

  build(): SeriesMetrics {
    const families = this.#metrics.groups.flatMap((group) => group.metrics.flatMap((metric) => this.#familiesOf(group, metric)))
    for (const [reason, points] of this.#omitted) this.#options.onOmitted?.(reason, points)
    const { client } = this.#metrics
    return { timeMs: this.#timeMs || this.#options.nowMs, families, ...(client === undefined ? {} : { client }) }
  }

  #familiesOf(group: MetricGroup, metric: Metric): FamilyPoints[] {
    if (metric.type === 'none') return []
    if ('temporality' in metric && metric.temporality === 'unspecified') {
      this.#omit('no_temporality', metric.points.length)
      return []
    }
    const collected = new Map<string, Collected>()
    for (const point of metric.points) {
      const reason = whyNot(metric.type, point)
      if (reason !== undefined) {
        this.#omit(reason, 1)
        continue
      }
      const key = layoutKey(metric.type, point)
      const family = collected.get(key)
      if (family === undefined) collected.set(key, { family: familyOf(metric, metric.type, point), points: [point] })
      else family.points.push(point)
    }
    return [...collected.values()].map((one) => this.#columnsOf(group, metric, one))
  }

  #columnsOf({ resource, scope }: MetricGroup, metric: Metric, { family: first, points }: Collected): FamilyPoints {
    const family = first.type === 'exponential_histogram' ? { ...first, bucketsMax: mostBuckets(points as ExponentialHistogramPoint[]) } : first
    const stride = valuesPerPoint(family)
    const values = new Float64Array(points.length * stride)
    const [startTimesMs, updatedMs] = [new Float64Array(points.length), new Float64Array(points.length)]
    for (const [i, point] of points.entries()) {
      fillValues(family.type, values, i * stride, point)
      startTimesMs[i] = milliseconds(point.startTimeNs)
      const timeMs = point.timeNs === 0n ? this.#options.nowMs : milliseconds(point.timeNs)
      updatedMs[i] = timeMs
      this.#timeMs = Math.max(this.#timeMs, timeMs)
    }
    const exemplars = points.map(({ exemplars: all }) => exemplarOf(all))
    return {
      family,
      resource,
      scope,
      series: points.map(({ attributes }): AttributeSet => attributes),
      values,
      offset: 0,
      stride,
      startTimesMs,
      updatedMs,
      ...(exemplars.some((exemplar) => exemplar !== undefined) ? { exemplar: (i: number) => exemplars[i] } : {}),
      ...(metric.producer === undefined ? {} : { producer: metric.producer }),
    }
  }

  #omit(reason: OmittedReason, points: number): void {
    if (points > 0) this.#omitted.set(reason, (this.#omitted.get(reason) ?? 0) + points)
  }
}

function whyNot(type: FamilyType, point: DataPoint): OmittedReason | undefined {
  if ((point.flags & NO_RECORDED_VALUE) !== 0) return 'no_value'
  switch (type) {
    case 'histogram':
      return isWellFormed(point as HistogramPoint) ? undefined : 'malformed'
    case 'exponential_histogram':
      return (point as ExponentialHistogramPoint).negative.counts.some((count) => count > 0n) ? 'negative_buckets' : undefined
    case 'summary':
      return undefined
    default:
      return (point as NumberPoint).value === null ? 'no_value' : undefined
  }
}

/** Bounds that ascend, with one bucket more than bounds, or neither. */
function isWellFormed({ bounds, bucketCounts }: HistogramPoint): boolean {
  if (bucketCounts.length === 0) return bounds.length === 0
  return bucketCounts.length === bounds.length + 1 && bounds.every((bound, i) => i === 0 || (bounds[i - 1] as number) < bound)
}

/** Points of a metric with the same key have the same columns. */
function layoutKey(type: FamilyType, point: DataPoint): string {
  if (type === 'histogram') return (point as HistogramPoint).bounds.join()
  return type === 'summary'
    ? quantilesOf(point as SummaryPoint)
        .map(({ quantile }) => quantile)
        .join()
    : ''
}

function familyOf(metric: Metric, type: FamilyType, point: DataPoint): MetricFamily {
  return {
    name: metric.name,
    description: metric.description,
    unit: metric.unit,
    type,
    isMonotonic: metric.type === 'sum' && metric.isMonotonic,
    temporality: 'temporality' in metric && metric.temporality === 'delta' ? 'delta' : 'cumulative',
    bounds: type === 'histogram' ? (point as HistogramPoint).bounds : [],
    ...(type === 'summary' ? { quantiles: quantilesOf(point as SummaryPoint).map(({ quantile }) => quantile) } : {}),
    ...(metric.isExactName === undefined ? {} : { isExactName: metric.isExactName }),
  }
}

function quantilesOf({ quantiles }: SummaryPoint): SummaryPoint['quantiles'] {
  return quantiles.toSorted((a, b) => a.quantile - b.quantile)
}

function mostBuckets(points: readonly ExponentialHistogramPoint[]): number {
  return points.reduce((most, { positive }) => Math.max(most, positive.counts.length), 2)
}

function fillValues(type: FamilyType, values: Float64Array, at: number, point: DataPoint): void {
  if (type === 'histogram') fillHistogram(values, at, point as HistogramPoint)
  else if (type === 'exponential_histogram') fillExponential(values, at, point as ExponentialHistogramPoint)
  else if (type === 'summary') {
    const { count, sum } = point as SummaryPoint
    values[at] = Number(count)
    values[at + 1] = sum
    for (const [q, { value }] of quantilesOf(point as SummaryPoint).entries()) values[at + 2 + q] = value
  } else values[at] = Number((point as NumberPoint).value)
}

function fillHistogram(values: Float64Array, at: number, { bounds, bucketCounts, count, sum }: HistogramPoint): void {
  // Without buckets, all observations are in the one above no bound.
  if (bucketCounts.length === 0) values[at] = Number(count)
  for (const [b, inBucket] of bucketCounts.entries()) values[at + b] = Number(inBucket)
  values[at + bounds.length + 1] = sum ?? Number.NaN
}

function fillExponential(values: Float64Array, at: number, point: ExponentialHistogramPoint): void {
  const { offset, counts } = point.positive
  values[at + ExponentialPoint.count] = Number(point.count)
  values[at + ExponentialPoint.sum] = point.sum ?? Number.NaN
  values[at + ExponentialPoint.min] = point.min ?? lowestBound(point)
  values[at + ExponentialPoint.max] = point.max ?? highestBound(point)
  values[at + ExponentialPoint.zeroCount] = Number(point.zeroCount)
  values[at + ExponentialPoint.scale] = point.scale
  values[at + ExponentialPoint.firstIndex] = offset
  for (const [b, inBucket] of counts.entries()) values[at + ExponentialPoint.buckets + b] = Number(inBucket)
}

/** The least that an observation can have been, when nobody says what the least was. */
function lowestBound({ zeroCount, scale, positive: { offset, counts } }: ExponentialHistogramPoint): number {
  const first = counts.findIndex((count) => count > 0n)
  return zeroCount > 0n || first < 0 ? 0 : upperBound(offset + first - 1, scale)
}

function highestBound({ scale, positive: { offset, counts } }: ExponentialHistogramPoint): number {
  const last = counts.findLastIndex((count) => count > 0n)
  return last < 0 ? 0 : upperBound(offset + last, scale)
}

function exemplarOf(exemplars: readonly PointExemplar[]): Exemplar | undefined {
  const exemplar = exemplars.findLast(({ traceId }) => traceId !== '')
  if (exemplar === undefined) return undefined
  const { value, timeNs, traceId, spanId } = exemplar
  return { value: Number(value), timeMs: milliseconds(timeNs), traceId, spanId }
}

function milliseconds(ns: bigint): number {
  return Number(ns / 1000n) / 1000
}
