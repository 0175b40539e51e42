import type { AttributeValue } from '../attributes.ts'
import type {
  ExponentialBuckets,
  ExponentialHistogramPoint,
  HistogramPoint,
  Metric,
  NumberPoint,
  PointExemplar,
  SummaryPoint,
  Temporality,
} from '../data_points.ts'
import { type RejectItem, readItems } from './bad_items.ts'
import type { JsonFields } from './json_value.ts'
import { TEMPORALITIES } from './point_fields.ts'

const TEMPORALITY_NAMES = TEMPORALITIES.map((temporality) => temporality.toUpperCase())

/** Reads a `Metric` in OTLP's JSON; data points that are none are left out when there is a `reject`, else they throw an `OtlpError`. */
export function metricOf(fields: JsonFields, reject?: RejectItem): Metric {
  const metadata = fields.attributes('metadata')
  const named: { name: string; description: string; unit: string; metadata?: readonly (readonly [string, AttributeValue])[] } = {
    name: fields.text('name'),
    description: fields.text('description'),
    unit: fields.text('unit'),
  }
  if (metadata.size > 0) named.metadata = metadata.keys.map((key, i) => [key, metadata.values[i] as AttributeValue])
  if (fields.has('gauge')) return { ...named, type: 'gauge', points: readItems(fields.object('gauge').objects('dataPoints'), numberPointOf, reject) }
  if (fields.has('sum')) {
    const sum = fields.object('sum')
    const points = readItems(sum.objects('dataPoints'), numberPointOf, reject)
    return { ...named, type: 'sum', temporality: temporalityOf(sum), isMonotonic: sum.bool('isMonotonic'), points }
  }
  if (fields.has('histogram')) {
    const histogram = fields.object('histogram')
    return { ...named, type: 'histogram', temporality: temporalityOf(histogram), points: readItems(histogram.objects('dataPoints'), histogramPointOf, reject) }
  }
  if (fields.has('exponentialHistogram')) {
    const histogram = fields.object('exponentialHistogram')
    return {
      ...named,
      type: 'exponential_histogram',
      temporality: temporalityOf(histogram),
      points: readItems(histogram.objects('dataPoints'), exponentialPointOf, reject),
    }
  }
  if (fields.has('summary')) return { ...named, type: 'summary', points: readItems(fields.object('summary').objects('dataPoints'), summaryPointOf, reject) }
  return { ...named, type: 'none', points: [] }
}

function temporalityOf(fields: JsonFields): Temporality {
  return TEMPORALITIES[fields.enumeration('aggregationTemporality', 'AGGREGATION_TEMPORALITY_', TEMPORALITY_NAMES)] ?? 'unspecified'
}

function pointOf(fields: JsonFields): Pick<NumberPoint, 'attributes' | 'startTimeNs' | 'timeNs' | 'flags' | 'exemplars'> {
  return {
    attributes: fields.attributes('attributes'),
    startTimeNs: fields.uint64('startTimeUnixNano'),
    timeNs: fields.uint64('timeUnixNano'),
    flags: fields.uint32('flags'),
    exemplars: fields.objects('exemplars').map(exemplarOf),
  }
}

function numberPointOf(fields: JsonFields): NumberPoint {
  return { ...pointOf(fields), value: numberOf(fields) }
}

function numberOf(fields: JsonFields): number | bigint | null {
  if (fields.has('asInt')) return fields.int64('asInt')
  return fields.optionalDouble('asDouble') ?? null
}

function histogramPointOf(fields: JsonFields): HistogramPoint {
  return {
    ...pointOf(fields),
    count: fields.uint64('count'),
    sum: fields.optionalDouble('sum'),
    min: fields.optionalDouble('min'),
    max: fields.optionalDouble('max'),
    bounds: fields.doubles('explicitBounds'),
    bucketCounts: fields.uint64s('bucketCounts'),
  }
}

function exponentialPointOf(fields: JsonFields): ExponentialHistogramPoint {
  return {
    ...pointOf(fields),
    count: fields.uint64('count'),
    sum: fields.optionalDouble('sum'),
    min: fields.optionalDouble('min'),
    max: fields.optionalDouble('max'),
    scale: fields.int32('scale'),
    zeroCount: fields.uint64('zeroCount'),
    zeroThreshold: fields.double('zeroThreshold'),
    positive: bucketsOf(fields.object('positive')),
    negative: bucketsOf(fields.object('negative')),
  }
}

function bucketsOf(fields: JsonFields): ExponentialBuckets {
  return { offset: fields.int32('offset'), counts: fields.uint64s('bucketCounts') }
}

function summaryPointOf(fields: JsonFields): SummaryPoint {
  const quantiles = fields.objects('quantileValues').map((pair) => ({ quantile: pair.double('quantile'), value: pair.double('value') }))
  return { ...pointOf(fields), count: fields.uint64('count'), sum: fields.double('sum'), quantiles }
}

function exemplarOf(fields: JsonFields): PointExemplar {
  return {
    timeNs: fields.uint64('timeUnixNano'),
    value: numberOf(fields) ?? 0,
    traceId: fields.id('traceId', 16),
    spanId: fields.id('spanId', 8),
    filteredAttributes: fields.attributes('filteredAttributes'),
  }
}
