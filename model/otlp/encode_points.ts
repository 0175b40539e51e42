import type { ProtobufWriter } from '../../lib/protobuf/writer.ts'
import { writeKeyValue } from '../attributes.ts'
import type {
  DataPoint,
  ExponentialBuckets,
  ExponentialHistogramPoint,
  HistogramPoint,
  Metric,
  NumberPoint,
  PointExemplar,
  SummaryPoint,
} from '../data_points.ts'
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

/** Writes a metric with its points as field `field`. What has its default is left out. */
export function writeMetric(writer: ProtobufWriter, field: number, metric: Metric): void {
  writer.open(field, metric.points.length * 150)
  if (metric.name !== '') writer.string(MetricField.name, metric.name)
  if (metric.description !== '') writer.string(MetricField.description, metric.description)
  if (metric.unit !== '') writer.string(MetricField.unit, metric.unit)
  writeData(writer, metric)
  for (const [key, value] of metric.metadata ?? []) writeKeyValue(writer, MetricField.metadata, key, value)
  writer.close()
}

function writeData(writer: ProtobufWriter, metric: Metric): void {
  switch (metric.type) {
    case 'none':
      return
    case 'gauge':
      openData(writer, MetricField.gauge, metric)
      for (const point of metric.points) writeNumberPoint(writer, point)
      break
    case 'sum':
      openData(writer, MetricField.sum, metric)
      for (const point of metric.points) writeNumberPoint(writer, point)
      if (metric.temporality !== 'unspecified') writer.varint(DataField.temporality, TEMPORALITIES.indexOf(metric.temporality))
      if (metric.isMonotonic) writer.bool(DataField.isMonotonic, true)
      break
    case 'histogram':
      openData(writer, MetricField.histogram, metric)
      for (const point of metric.points) writeHistogramPoint(writer, point)
      if (metric.temporality !== 'unspecified') writer.varint(DataField.temporality, TEMPORALITIES.indexOf(metric.temporality))
      break
    case 'exponential_histogram':
      openData(writer, MetricField.exponentialHistogram, metric)
      for (const point of metric.points) writeExponentialPoint(writer, point)
      if (metric.temporality !== 'unspecified') writer.varint(DataField.temporality, TEMPORALITIES.indexOf(metric.temporality))
      break
    case 'summary':
      openData(writer, MetricField.summary, metric)
      for (const point of metric.points) writeSummaryPoint(writer, point)
      break
    default:
      metric satisfies never
  }
  writer.close()
}

function openData(writer: ProtobufWriter, field: number, { points }: Metric): void {
  writer.open(field, points.length * 150)
}

/** Start, time and flags, whose numbers differ only for the flags. */
function writeTimes(writer: ProtobufWriter, point: DataPoint, flagsField: number): void {
  if (point.startTimeNs !== 0n) writer.fixed64(NumberField.start, point.startTimeNs)
  if (point.timeNs !== 0n) writer.fixed64(NumberField.time, point.timeNs)
  if (point.flags !== 0) writer.varint(flagsField, point.flags >>> 0)
}

function writeNumberPoint(writer: ProtobufWriter, point: NumberPoint): void {
  writer.open(DataField.points, 160)
  point.attributes.writeTo(writer, NumberField.attributes)
  writeTimes(writer, point, NumberField.flags)
  if (typeof point.value === 'bigint') writer.fixed64(NumberField.asInt, point.value)
  else if (point.value !== null) writer.double(NumberField.asDouble, point.value)
  for (const exemplar of point.exemplars) writeExemplar(writer, NumberField.exemplars, exemplar)
  writer.close()
}

function writeHistogramPoint(writer: ProtobufWriter, point: HistogramPoint): void {
  writer.open(DataField.points, 256)
  point.attributes.writeTo(writer, HistogramField.attributes)
  writeTimes(writer, point, HistogramField.flags)
  if (point.count !== 0n) writer.fixed64(HistogramField.count, point.count)
  if (point.sum !== undefined) writer.double(HistogramField.sum, point.sum)
  if (point.bucketCounts.length > 0) writer.packedFixed64Bigint(HistogramField.bucketCounts, point.bucketCounts)
  if (point.bounds.length > 0) writer.packedDoubles(HistogramField.bounds, point.bounds)
  for (const exemplar of point.exemplars) writeExemplar(writer, HistogramField.exemplars, exemplar)
  if (point.min !== undefined) writer.double(HistogramField.min, point.min)
  if (point.max !== undefined) writer.double(HistogramField.max, point.max)
  writer.close()
}

function writeExponentialPoint(writer: ProtobufWriter, point: ExponentialHistogramPoint): void {
  writer.open(DataField.points, 256)
  point.attributes.writeTo(writer, ExponentialField.attributes)
  writeTimes(writer, point, ExponentialField.flags)
  if (point.count !== 0n) writer.fixed64(ExponentialField.count, point.count)
  if (point.sum !== undefined) writer.double(ExponentialField.sum, point.sum)
  if (point.scale !== 0) writer.sint32(ExponentialField.scale, point.scale)
  if (point.zeroCount !== 0n) writer.fixed64(ExponentialField.zeroCount, point.zeroCount)
  writeBuckets(writer, ExponentialField.positive, point.positive)
  writeBuckets(writer, ExponentialField.negative, point.negative)
  for (const exemplar of point.exemplars) writeExemplar(writer, ExponentialField.exemplars, exemplar)
  if (point.min !== undefined) writer.double(ExponentialField.min, point.min)
  if (point.max !== undefined) writer.double(ExponentialField.max, point.max)
  if (point.zeroThreshold !== 0) writer.double(ExponentialField.zeroThreshold, point.zeroThreshold)
  writer.close()
}

function writeBuckets(writer: ProtobufWriter, field: number, { offset, counts }: ExponentialBuckets): void {
  if (offset === 0 && counts.length === 0) return
  writer.open(field)
  if (offset !== 0) writer.sint32(BucketsField.offset, offset)
  if (counts.length > 0) writer.packedVarint(BucketsField.counts, counts)
  writer.close()
}

function writeSummaryPoint(writer: ProtobufWriter, point: SummaryPoint): void {
  writer.open(DataField.points, 200)
  point.attributes.writeTo(writer, SummaryField.attributes)
  writeTimes(writer, point, SummaryField.flags)
  if (point.count !== 0n) writer.fixed64(SummaryField.count, point.count)
  if (point.sum !== 0) writer.double(SummaryField.sum, point.sum)
  for (const { quantile, value } of point.quantiles) {
    writer.open(SummaryField.quantiles)
    if (quantile !== 0) writer.double(QuantileField.quantile, quantile)
    if (value !== 0) writer.double(QuantileField.value, value)
    writer.close()
  }
  writer.close()
}

/** Writes an exemplar as field `field` of a point. */
export function writeExemplar(writer: ProtobufWriter, field: number, exemplar: PointExemplar): void {
  writer.open(field)
  exemplar.filteredAttributes.writeTo(writer, ExemplarField.filteredAttributes)
  if (exemplar.timeNs !== 0n) writer.fixed64(ExemplarField.time, exemplar.timeNs)
  if (typeof exemplar.value === 'bigint') writer.fixed64(ExemplarField.asInt, exemplar.value)
  else writer.double(ExemplarField.asDouble, exemplar.value)
  if (exemplar.spanId !== '') writer.hex(ExemplarField.spanId, exemplar.spanId)
  if (exemplar.traceId !== '') writer.hex(ExemplarField.traceId, exemplar.traceId)
  writer.close()
}
