import type { AttributeSet, Resource, Scope } from './attributes.ts'

/** What a metric is called and how its points read; the OpenTelemetry data model's metric without its points. */
export interface MetricFamily {
  readonly name: string
  readonly description: string
  /** UCUM unit; empty when there is none. */
  readonly unit: string
  readonly type: 'sum' | 'gauge' | 'histogram'
  /** Sums only: never falls except by a reset. */
  readonly isMonotonic: boolean
  readonly temporality: 'cumulative' | 'delta'
  /** Histograms only: upper bounds of the buckets, ascending, without +Inf. */
  readonly bounds: readonly number[]
  /**
   * True when `name` already is the full name in the exposition format (`istio_requests_total`), so that translation
   * adds no suffix to it.
   */
  readonly isExactName?: boolean
}

/** How many values one point of a family takes: 1, or the bucket counts (bounds + 1) followed by the sum. */
export function valuesPerPoint(family: MetricFamily): number {
  return family.type === 'histogram' ? family.bounds.length + 2 : 1
}

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

/** A batch of metrics; the points' time is `timeMs`. */
export interface Metrics {
  readonly timeMs: number
  readonly families: readonly FamilyPoints[]
  /** Who sent the batch, as `ip:port` or `[ipv6]:port`; absent when it did not come over a connection of its own. */
  readonly peer?: string
}
