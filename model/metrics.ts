import type { AttributeSet, Resource, Scope } from './attributes.ts'
import type { Client } from './client.ts'
import type { DataPoints } from './data_points.ts'

/** What a metric is called and how its points read; the OpenTelemetry data model's metric without its points. */
export interface MetricFamily {
  readonly name: string
  readonly description: string
  /** UCUM unit; empty when there is none. */
  readonly unit: string
  readonly type: 'sum' | 'gauge' | 'histogram' | 'exponential_histogram' | 'summary'
  /** Sums only: never falls except by a reset. */
  readonly isMonotonic: boolean
  readonly temporality: 'cumulative' | 'delta'
  /** Histograms only: upper bounds of the buckets, ascending, without +Inf. */
  readonly bounds: readonly number[]
  /** Exponential histograms only: most buckets of a point. */
  readonly bucketsMax?: number
  /** Summaries only: 0..1, ascending. */
  readonly quantiles?: readonly number[]
  /**
   * True when `name` already is the full name in the exposition format (`istio_requests_total`), so that translation
   * adds no suffix to it.
   */
  readonly isExactName?: boolean
}

/**
 * How many values one point of a family takes: 1; a histogram's bucket counts (bounds + 1) and the sum; an exponential
 * histogram's count, sum, minimum, maximum, zero count, scale, index of the first bucket and `bucketsMax` counts of the
 * positive buckets (OpenTelemetry's exponential histogram; values of 0 and below are in the zero count); a summary's count,
 * sum and one value per quantile.
 */
export function valuesPerPoint(family: MetricFamily): number {
  switch (family.type) {
    case 'histogram':
      return family.bounds.length + 2
    case 'exponential_histogram':
      return ExponentialPoint.buckets + (family.bucketsMax ?? 0)
    case 'summary':
      return 2 + (family.quantiles?.length ?? 0)
    default:
      return 1
  }
}

/** Where the values of an exponential histogram's point stand. */
export const ExponentialPoint = { count: 0, sum: 1, min: 2, max: 3, zeroCount: 4, scale: 5, firstIndex: 6, buckets: 7 } as const

/** A sample trace for one observation of a series. */
export interface Exemplar {
  readonly value: number
  /** Nanoseconds would not fit: milliseconds since the epoch. */
  readonly timeMs: number
  /** 32 hex digits. */
  readonly traceId: string
  /** 16 hex digits; empty when unknown. */
  readonly spanId: string
}

/**
 * Points of one family, in columns: point `i` belongs to `series[i]`, and its values start at `offset + i * stride` in
 * `values` (see `valuesPerPoint`). Read-only for consumers; `values` may be reused by the producer after the next
 * refresh, so a consumer that keeps numbers copies them or replaces its reference by the next batch's.
 */
export interface FamilyPoints {
  readonly family: MetricFamily
  readonly resource: Resource
  readonly scope: Scope
  readonly series: readonly AttributeSet[]
  readonly values: Float64Array
  readonly offset: number
  readonly stride: number
  /** When each series began (counting restarts from 0), milliseconds since the epoch. */
  readonly startTimesMs: Float64Array
  /** When each series was last changed, milliseconds since the epoch. */
  readonly updatedMs: Float64Array
  /** Exemplar of point `i`, if there is one. */
  readonly exemplar?: (i: number) => Exemplar | undefined
  /**
   * Set when the batch lists every live series of its producer: a series of the same producer and family that is
   * missing has ended, and no two of them have the same attributes. Without it the points are news about single series.
   */
  readonly producer?: object
}

/** What a metrics pipeline carries: the series that the daemon itself aggregates, in columns, or points as in OTLP. */
export type Metrics = SeriesMetrics | DataPoints

/** A batch of metrics in columns; the points' time is `timeMs`. */
export interface SeriesMetrics {
  readonly timeMs: number
  readonly families: readonly FamilyPoints[]
  /**
   * True when the batch was made because an exporter asked for the newest values (`Host.refresh`). Exporters that push leave it
   * out: the producer's next batch, at its interval or its end, has the same news and more.
   */
  readonly isOnDemand?: boolean
  /** Absent when the batch did not come over a connection of its own. */
  readonly client?: Client
}
