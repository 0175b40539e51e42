import { doubleAt, fixed64At, sfixed64At, sint32At, uint64At } from '../../lib/protobuf/values.ts'
import { varintEnd } from '../../lib/protobuf/wire.ts'
import { AttributeSet, type AttributeValue } from '../attributes.ts'
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
import { readAttributes } from './attribute_run.ts'
import type { CheckedFields } from './fields.ts'
import {
  BucketsField,
  DataField,
  ExemplarField,
  ExponentialField,
  HistogramField,
  MetricField,
  NumberField,
  QuantileField,
  SummaryField,
  TEMPORALITIES,
} from './point_fields.ts'

/** The metric in a message that has been checked; when it has data of several types, the last one counts. */
export function readMetric(fields: CheckedFields): Metric {
  const named: { name: string; description: string; unit: string; metadata?: readonly (readonly [string, AttributeValue])[] } = {
    name: '',
    description: '',
    unit: '',
  }
  const metadata = readAttributes(fields.bytes, fields.end, fields.limit, (MetricField.metadata << 3) | 2)
  if (metadata.size > 0) named.metadata = metadata.keys.map((key, i) => [key, metadata.values[i] as AttributeValue])
  let data: CheckedFields | undefined
  let dataField = 0
  while (fields.next()) {
    const { field } = fields
    if (field === MetricField.name) named.name = fields.text()
    else if (field === MetricField.description) named.description = fields.text()
    else if (field === MetricField.unit) named.unit = fields.text()
    else if (field >= MetricField.gauge && field <= MetricField.summary) {
      data = fields.message()
      dataField = field
    }
  }
  if (data === undefined) return { ...named, type: 'none', points: [] }
  switch (dataField) {
    case MetricField.gauge:
      return { ...named, type: 'gauge', points: readData(data, readNumberPoint).points }
    case MetricField.sum:
      return { ...named, type: 'sum', ...readData(data, readNumberPoint) }
    case MetricField.histogram: {
      const { temporality, points } = readData(data, readHistogramPoint)
      return { ...named, type: 'histogram', temporality, points }
    }
    case MetricField.exponentialHistogram: {
      const { temporality, points } = readData(data, readExponentialPoint)
      return { ...named, type: 'exponential_histogram', temporality, points }
    }
    case MetricField.summary:
      return { ...named, type: 'summary', points: readData(data, readSummaryPoint).points }
    default:
      return { ...named, type: 'none', points: [] }
  }
}

function readData<Point>(fields: CheckedFields, read: (fields: CheckedFields) => Point): { points: Point[]; temporality: Temporality; isMonotonic: boolean } {
  const points: Point[] = []
  let temporality: Temporality = 'unspecified'
  let isMonotonic = false
  while (fields.next()) {
    if (fields.field === DataField.points) points.push(read(fields.message()))
    else if (fields.field === DataField.temporality) temporality = TEMPORALITIES[fields.uint32()] ?? 'unspecified'
    else if (fields.field === DataField.isMonotonic) isMonotonic = fields.bool()
  }
  return { points, temporality, isMonotonic }
}

function attributesOf({ bytes, end, limit }: CheckedFields, field: number): AttributeSet {
  return readAttributes(bytes, end, limit, (field << 3) | 2)
}

function readNumberPoint(fields: CheckedFields): NumberPoint {
  const { bytes } = fields
  const attributes = attributesOf(fields, NumberField.attributes)
  const point: NumberPoint = { attributes, startTimeNs: 0n, timeNs: 0n, flags: 0, exemplars: [], value: null }
  while (fields.next()) {
    const { field } = fields
    if (field === NumberField.start) point.startTimeNs = fields.fixed64()
    else if (field === NumberField.time) point.timeNs = fields.fixed64()
    else if (field === NumberField.asDouble) point.value = doubleAt(bytes, fields.start)
    else if (field === NumberField.asInt) point.value = sfixed64At(bytes, fields.start)
    else if (field === NumberField.flags) point.flags = fields.uint32()
    else if (field === NumberField.exemplars) point.exemplars.push(readExemplar(fields.message()))
  }
  return point
}

function readHistogramPoint(fields: CheckedFields): HistogramPoint {
  const { bytes } = fields
  const point: HistogramPoint = {
    attributes: attributesOf(fields, HistogramField.attributes),
    startTimeNs: 0n,
    timeNs: 0n,
    flags: 0,
    exemplars: [],
    count: 0n,
    sum: undefined,
    min: undefined,
    max: undefined,
    bounds: [],
    bucketCounts: [],
  }
  const [bounds, bucketCounts]: [number[], bigint[]] = [[], []]
  while (fields.next()) {
    const { field } = fields
    if (field === HistogramField.start) point.startTimeNs = fields.fixed64()
    else if (field === HistogramField.time) point.timeNs = fields.fixed64()
    else if (field === HistogramField.count) point.count = fields.fixed64()
    else if (field === HistogramField.sum) point.sum = doubleAt(bytes, fields.start)
    else if (field === HistogramField.min) point.min = doubleAt(bytes, fields.start)
    else if (field === HistogramField.max) point.max = doubleAt(bytes, fields.start)
    else if (field === HistogramField.bucketCounts) for (let p = fields.start; p < fields.end; p += 8) bucketCounts.push(fixed64At(bytes, p))
    else if (field === HistogramField.bounds) for (let p = fields.start; p < fields.end; p += 8) bounds.push(doubleAt(bytes, p))
    else if (field === HistogramField.flags) point.flags = fields.uint32()
    else if (field === HistogramField.exemplars) point.exemplars.push(readExemplar(fields.message()))
  }
  point.bounds = bounds
  point.bucketCounts = bucketCounts
  return point
}

function readExponentialPoint(fields: CheckedFields): ExponentialHistogramPoint {
  const { bytes } = fields
  const point: ExponentialHistogramPoint = {
    attributes: attributesOf(fields, ExponentialField.attributes),
    startTimeNs: 0n,
    timeNs: 0n,
    flags: 0,
    exemplars: [],
    count: 0n,
    sum: undefined,
    min: undefined,
    max: undefined,
    scale: 0,
    zeroCount: 0n,
    zeroThreshold: 0,
    positive: NO_BUCKETS,
    negative: NO_BUCKETS,
  }
  while (fields.next()) {
    const { field } = fields
    if (field === ExponentialField.start) point.startTimeNs = fields.fixed64()
    else if (field === ExponentialField.time) point.timeNs = fields.fixed64()
    else if (field === ExponentialField.count) point.count = fields.fixed64()
    else if (field === ExponentialField.sum) point.sum = doubleAt(bytes, fields.start)
    else if (field === ExponentialField.min) point.min = doubleAt(bytes, fields.start)
    else if (field === ExponentialField.max) point.max = doubleAt(bytes, fields.start)
    else if (field === ExponentialField.scale) point.scale = sint32At(bytes, fields.start)
    else if (field === ExponentialField.zeroCount) point.zeroCount = fields.fixed64()
    else if (field === ExponentialField.zeroThreshold) point.zeroThreshold = doubleAt(bytes, fields.start)
    else if (field === ExponentialField.positive) point.positive = readBuckets(fields.message())
    else if (field === ExponentialField.negative) point.negative = readBuckets(fields.message())
    else if (field === ExponentialField.flags) point.flags = fields.uint32()
    else if (field === ExponentialField.exemplars) point.exemplars.push(readExemplar(fields.message()))
  }
  return point
}

const NO_BUCKETS: ExponentialBuckets = { offset: 0, counts: [] }

function readBuckets(fields: CheckedFields): ExponentialBuckets {
  const { bytes } = fields
  const counts: bigint[] = []
  let offset = 0
  while (fields.next()) {
    if (fields.field === BucketsField.offset) offset = sint32At(bytes, fields.start)
    else if (fields.field === BucketsField.counts)
      for (let p = fields.start; p < fields.end; p = varintEnd(bytes, p, fields.end)) counts.push(uint64At(bytes, p))
  }
  return { offset, counts }
}

function readSummaryPoint(fields: CheckedFields): SummaryPoint {
  const { bytes } = fields
  const quantiles: { quantile: number; value: number }[] = []
  const attributes = attributesOf(fields, SummaryField.attributes)
  const point: SummaryPoint = { attributes, startTimeNs: 0n, timeNs: 0n, flags: 0, exemplars: [], count: 0n, sum: 0, quantiles }
  while (fields.next()) {
    const { field } = fields
    if (field === SummaryField.start) point.startTimeNs = fields.fixed64()
    else if (field === SummaryField.time) point.timeNs = fields.fixed64()
    else if (field === SummaryField.count) point.count = fields.fixed64()
    else if (field === SummaryField.sum) point.sum = doubleAt(bytes, fields.start)
    else if (field === SummaryField.flags) point.flags = fields.uint32()
    else if (field === SummaryField.quantiles) quantiles.push(readQuantile(fields.message()))
  }
  return point
}

function readQuantile(fields: CheckedFields): { quantile: number; value: number } {
  const read = { quantile: 0, value: 0 }
  while (fields.next()) {
    if (fields.field === QuantileField.quantile) read.quantile = doubleAt(fields.bytes, fields.start)
    else if (fields.field === QuantileField.value) read.value = doubleAt(fields.bytes, fields.start)
  }
  return read
}

function readExemplar(fields: CheckedFields): PointExemplar {
  const { bytes } = fields
  const filteredAttributes = attributesOf(fields, ExemplarField.filteredAttributes)
  const exemplar: PointExemplar = { timeNs: 0n, value: 0, traceId: '', spanId: '', filteredAttributes }
  while (fields.next()) {
    const { field } = fields
    if (field === ExemplarField.time) exemplar.timeNs = fields.fixed64()
    else if (field === ExemplarField.asDouble) exemplar.value = doubleAt(bytes, fields.start)
    else if (field === ExemplarField.asInt) exemplar.value = sfixed64At(bytes, fields.start)
    else if (field === ExemplarField.traceId) exemplar.traceId = fields.id()
    else if (field === ExemplarField.spanId) exemplar.spanId = fields.id()
  }
  return exemplar
}
