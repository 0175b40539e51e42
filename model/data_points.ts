import type { AttributeSet, AttributeValue, Resource, Scope } from './attributes.ts'
import type { Client } from './client.ts'

export type Temporality = 'unspecified' | 'delta' | 'cumulative'

/** A sample observation of a data point, as in OTLP. */
export interface PointExemplar {
  timeNs: bigint
  /** `bigint` for an int64, `number` for a double. */
  value: number | bigint
  /** 32 hex digits; empty when there is none. */
  traceId: string
  /** 16 hex digits; empty when there is none. */
  spanId: string
  filteredAttributes: AttributeSet
}

/** What data points of all types have. Times are nanoseconds since the epoch; 0 when unknown. */
interface PointBase {
  attributes: AttributeSet
  startTimeNs: bigint
  timeNs: bigint
  /** Bit 0 (`NO_RECORDED_VALUE`): the series has no value any more (a staleness marker). */
  flags: number
  exemplars: PointExemplar[]
}

/** Bit 0 of `flags`. */
export const NO_RECORDED_VALUE = 1

/** A point of a gauge or sum. */
export interface NumberPoint extends PointBase {
  /** `bigint` for an int64, `number` for a double; null when none was given. */
  value: number | bigint | null
}

export interface HistogramPoint extends PointBase {
  count: bigint
  sum: number | undefined
  min: number | undefined
  max: number | undefined
  /** Upper bounds, ascending, without +Inf. */
  bounds: readonly number[]
  /** One more than `bounds`, or none. */
  bucketCounts: readonly bigint[]
}

export interface ExponentialBuckets {
  offset: number
  counts: readonly bigint[]
}

export interface ExponentialHistogramPoint extends PointBase {
  count: bigint
  sum: number | undefined
  min: number | undefined
  max: number | undefined
  scale: number
  zeroCount: bigint
  zeroThreshold: number
  positive: ExponentialBuckets
  negative: ExponentialBuckets
}

export interface SummaryPoint extends PointBase {
  count: bigint
  sum: number
  quantiles: readonly { readonly quantile: number; readonly value: number }[]
}

/** What a metric of any type has. Whoever owns the batch may set its members. */
interface MetricBase {
  name: string
  description: string
  /** UCUM unit; empty when there is none. */
  unit: string
  /** OTLP's `metadata`; undefined when there is none. */
  metadata?: readonly (readonly [string, AttributeValue])[]
  /** See `MetricFamily.isExactName`. */
  isExactName?: boolean
  /** See `FamilyPoints.producer`. */
  producer?: object
}

export interface GaugeMetric extends MetricBase {
  type: 'gauge'
  points: NumberPoint[]
}

export interface SumMetric extends MetricBase {
  type: 'sum'
  temporality: Temporality
  isMonotonic: boolean
  points: NumberPoint[]
}

export interface HistogramMetric extends MetricBase {
  type: 'histogram'
  temporality: Temporality
  points: HistogramPoint[]
}

export interface ExponentialHistogramMetric extends MetricBase {
  type: 'exponential_histogram'
  temporality: Temporality
  points: ExponentialHistogramPoint[]
}

export interface SummaryMetric extends MetricBase {
  type: 'summary'
  points: SummaryPoint[]
}

/** A metric without data, which OTLP allows. */
export interface EmptyMetric extends MetricBase {
  type: 'none'
  points: []
}

/** A metric with its points (https://opentelemetry.io/docs/specs/otel/metrics/data-model/). */
export type Metric = GaugeMetric | SumMetric | HistogramMetric | ExponentialHistogramMetric | SummaryMetric | EmptyMetric

export type DataPoint = NumberPoint | HistogramPoint | ExponentialHistogramPoint | SummaryPoint

/** The metrics of one resource and scope. */
export interface MetricGroup {
  resource: Resource
  scope: Scope
  metrics: Metric[]
}

/** A batch of metrics as objects, as it came by OTLP or out of a processor that edits points. Main thread only. */
export interface DataPoints {
  readonly groups: MetricGroup[]
  /** See `SeriesMetrics.isOnDemand`; of series that were made points. */
  readonly isOnDemand?: boolean
  readonly client?: Client
}

/** Number of points in all groups. */
export function dataPointCount(metrics: DataPoints): number {
  let count = 0
  for (const group of metrics.groups) for (const { points } of group.metrics) count += points.length
  return count
}

/** A copy whose groups, metrics and points can be changed; attribute sets and resources, which never change, are shared. */
export function copyDataPoints(metrics: DataPoints): DataPoints {
  return { ...metrics, groups: metrics.groups.map((group) => ({ ...group, metrics: group.metrics.map(copyMetric) })) }
}

function copyMetric(metric: Metric): Metric {
  // The points of one metric are of one type, which the compiler cannot follow through the copy.
  return { ...metric, points: metric.points.map((point) => ({ ...point })) } as Metric
}
