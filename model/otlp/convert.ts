import { wholeCount } from '../../lib/protobuf/writer.ts'
import { AttributeSet } from '../attributes.ts'
import type { DataPoints, ExponentialHistogramPoint, HistogramPoint, Metric, MetricGroup, NumberPoint, PointExemplar, SummaryPoint } from '../data_points.ts'
import { lastCell } from '../exponential.ts'
import { type Exemplar, ExponentialPoint, type FamilyPoints, type Metrics } from '../metrics.ts'

export { type OmittedReason, seriesMetrics } from './to_series.ts'

/**
 * Metrics as objects; those that are already stay what they are. Series become points with the time of their batch; counts,
 * which weights of samples can make fractions, are rounded. The points belong to the caller.
 */
export function dataPoints(metrics: Metrics): DataPoints {
  if ('groups' in metrics) return metrics
  const groups: MetricGroup[] = []
  const timeNs = nanoseconds(metrics.timeMs)
  for (const points of metrics.families) {
    const last = groups.at(-1)
    const metric = metricOf(points, timeNs)
    if (last !== undefined && last.resource === points.resource && last.scope === points.scope) last.metrics.push(metric)
    else groups.push({ resource: points.resource, scope: points.scope, metrics: [metric] })
  }
  const { client, isOnDemand } = metrics
  return { groups, ...(isOnDemand === undefined ? {} : { isOnDemand }), ...(client === undefined ? {} : { client }) }
}

function metricOf(points: FamilyPoints, timeNs: bigint): Metric {
  const { family, series } = points
  const named = {
    name: family.name,
    description: family.description,
    unit: family.unit,
    ...(family.isExactName === undefined ? {} : { isExactName: family.isExactName }),
    ...(points.producer === undefined ? {} : { producer: points.producer }),
  }
  const { temporality } = family
  const all = <Values extends object>(valuesOf: (at: number) => Values): (PointTimes & Values)[] =>
    series.map((attributes, i) => ({ ...timesOf(points, attributes, i, timeNs), ...valuesOf(points.offset + i * points.stride) }))
  switch (family.type) {
    case 'gauge':
      return { ...named, type: 'gauge', points: all((at) => ({ value: points.values[at] as number })) }
    case 'sum':
      return { ...named, type: 'sum', temporality, isMonotonic: family.isMonotonic, points: all((at) => ({ value: points.values[at] as number })) }
    case 'histogram':
      return { ...named, type: 'histogram', temporality, points: all((at) => histogramValues(points, at)) }
    case 'exponential_histogram':
      return { ...named, type: 'exponential_histogram', temporality, points: all((at) => exponentialValues(points, at)) }
    case 'summary':
      return { ...named, type: 'summary', points: all((at) => summaryValues(points, at)) }
    default:
      return family.type satisfies never
  }
}

type PointTimes = Omit<NumberPoint, 'value'>

function timesOf(points: FamilyPoints, attributes: AttributeSet, i: number, timeNs: bigint): PointTimes {
  const exemplar = points.exemplar?.(i)
  return {
    attributes,
    startTimeNs: nanoseconds(points.startTimesMs[i] as number),
    timeNs,
    flags: 0,
    exemplars: exemplar === undefined ? [] : [pointExemplar(exemplar)],
  }
}

function pointExemplar({ value, timeMs, traceId, spanId }: Exemplar): PointExemplar {
  return { timeNs: nanoseconds(timeMs), value, traceId, spanId, filteredAttributes: AttributeSet.empty }
}

function histogramValues({ family, values }: FamilyPoints, at: number): Omit<HistogramPoint, keyof PointTimes> {
  const bucketCounts: bigint[] = []
  let count = 0n
  for (let b = 0; b <= family.bounds.length; b++) {
    const inBucket = BigInt(wholeCount(values[at + b] as number))
    bucketCounts.push(inBucket)
    count += inBucket
  }
  const sum = values[at + family.bounds.length + 1] as number
  return { count, sum, min: undefined, max: undefined, bounds: family.bounds, bucketCounts }
}

function exponentialValues({ family, values }: FamilyPoints, at: number): Omit<ExponentialHistogramPoint, keyof PointTimes> {
  const of = (place: number): number => values[at + place] as number
  const buckets = at + ExponentialPoint.buckets
  const used = lastCell(values, buckets, family.bucketsMax ?? 0) + 1
  const counts = Array.from(values.subarray(buckets, buckets + used), (value) => BigInt(wholeCount(value)))
  const zeroCount = BigInt(wholeCount(of(ExponentialPoint.zeroCount)))
  // The buckets must add up to the count, also when weights are not integers.
  const count = counts.reduce((total, inBucket) => total + inBucket, zeroCount)
  return {
    count,
    sum: of(ExponentialPoint.sum),
    min: count > 0n ? of(ExponentialPoint.min) : undefined,
    max: count > 0n ? of(ExponentialPoint.max) : undefined,
    scale: of(ExponentialPoint.scale),
    zeroCount,
    zeroThreshold: 0,
    positive: { offset: of(ExponentialPoint.firstIndex), counts },
    negative: { offset: 0, counts: [] },
  }
}

function summaryValues({ family, values }: FamilyPoints, at: number): Omit<SummaryPoint, keyof PointTimes> {
  const quantiles = (family.quantiles ?? []).map((quantile, q) => ({ quantile, value: values[at + 2 + q] as number }))
  return { count: BigInt(wholeCount(values[at] as number)), sum: values[at + 1] as number, quantiles }
}

/** To the nanosecond as far as a double goes; 0 for what is not positive. */
function nanoseconds(ms: number): bigint {
  if (!(ms > 0)) return 0n
  const whole = Math.floor(ms)
  return BigInt(whole) * 1_000_000n + BigInt(Math.round((ms - whole) * 1e6))
}
