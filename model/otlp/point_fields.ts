import type { Temporality } from '../data_points.ts'

/** Field numbers of opentelemetry/proto/metrics/v1/metrics.proto. */
export const MetricField = { name: 1, description: 2, unit: 3, gauge: 5, sum: 7, histogram: 9, exponentialHistogram: 10, summary: 11, metadata: 12 } as const

/** Fields of `Gauge`, `Sum`, `Histogram`, `ExponentialHistogram` and `Summary`. */
export const DataField = { points: 1, temporality: 2, isMonotonic: 3 } as const

export const NumberField = { start: 2, time: 3, asDouble: 4, exemplars: 5, asInt: 6, attributes: 7, flags: 8 } as const

export const HistogramField = {
  start: 2,
  time: 3,
  count: 4,
  sum: 5,
  bucketCounts: 6,
  bounds: 7,
  exemplars: 8,
  attributes: 9,
  flags: 10,
  min: 11,
  max: 12,
} as const

export const ExponentialField = {
  attributes: 1,
  start: 2,
  time: 3,
  count: 4,
  sum: 5,
  scale: 6,
  zeroCount: 7,
  positive: 8,
  negative: 9,
  flags: 10,
  exemplars: 11,
  min: 12,
  max: 13,
  zeroThreshold: 14,
} as const

export const BucketsField = { offset: 1, counts: 2 } as const

export const SummaryField = { start: 2, time: 3, count: 4, sum: 5, quantiles: 6, attributes: 7, flags: 8 } as const

export const QuantileField = { quantile: 1, value: 2 } as const

export const ExemplarField = { time: 2, asDouble: 3, spanId: 4, traceId: 5, asInt: 6, filteredAttributes: 7 } as const

/** In the order of their numbers in OTLP. */
export const TEMPORALITIES: readonly Temporality[] = ['unspecified', 'delta', 'cumulative']
