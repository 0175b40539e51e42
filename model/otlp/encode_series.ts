import { ProtobufWriter, wholeCount } from '../../lib/protobuf/writer.ts'
import type { AttributeSet } from '../attributes.ts'
import { lastCell } from '../exponential.ts'
import { type Exemplar, ExponentialPoint, type FamilyPoints, type MetricFamily } from '../metrics.ts'
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
} from './point_fields.ts'

const TEMPORALITY = { delta: 1, cumulative: 2 } as const

const DATA_FIELD = {
  gauge: MetricField.gauge,
  sum: MetricField.sum,
  histogram: MetricField.histogram,
  exponential_histogram: MetricField.exponentialHistogram,
  summary: MetricField.summary,
} as const satisfies Record<MetricFamily['type'], number>

/**
 * Writes the points of a family as a `Metric`, field `field`, straight from their columns. Numbers are doubles; counts, which
 * weights of samples can make fractions, are rounded. The encoded attributes stay with their set for the next time.
 */
export function writeSeries(writer: ProtobufWriter, field: number, points: FamilyPoints, timeMs: number): void {
  const { family, series } = points
  writer.open(field, series.length * 200)
  writer.string(MetricField.name, family.name)
  if (family.description !== '') writer.string(MetricField.description, family.description)
  if (family.unit !== '') writer.string(MetricField.unit, family.unit)
  writer.open(DATA_FIELD[family.type], series.length * 200)
  writePoints(writer, points, timeMs)
  if (family.type === 'sum' || family.type === 'histogram' || family.type === 'exponential_histogram') {
    writer.varint(DataField.temporality, TEMPORALITY[family.temporality])
  }
  if (family.type === 'sum' && family.isMonotonic) writer.bool(DataField.isMonotonic, true)
  writer.close().close()
}

function writePoints(writer: ProtobufWriter, points: FamilyPoints, timeMs: number): void {
  const { family, series, startTimesMs } = points
  const attributesField = attributesFieldOf(family.type)
  const [start, time] = [new Nanoseconds(), new Nanoseconds()]
  time.set(timeMs)
  const bounds = encodedBounds(family)
  let expected = 128
  for (let i = 0; i < series.length; i++) {
    const before = writer.length
    writer.open(DataField.points, expected)
    ;(series[i] as AttributeSet).writeKept(writer, attributesField)
    start.set(startTimesMs[i] as number)
    // The numbers of these two are the same in points of all types.
    if (start.low !== 0 || start.high !== 0) writer.fixed64Halves(NumberField.start, start.low, start.high)
    writer.fixed64Halves(NumberField.time, time.low, time.high)
    writeValues(writer, points, points.offset + i * points.stride, bounds)
    const exemplar = points.exemplar?.(i)
    if (exemplar !== undefined) writeExemplar(writer, family.type, exemplar)
    writer.close()
    expected = writer.length - before - 3
  }
}

function attributesFieldOf(type: MetricFamily['type']): number {
  if (type === 'histogram') return HistogramField.attributes
  return type === 'exponential_histogram' ? ExponentialField.attributes : NumberField.attributes
}

function writeValues(writer: ProtobufWriter, { family, values }: FamilyPoints, at: number, bounds: Uint8Array): void {
  switch (family.type) {
    case 'histogram':
      writeHistogram(writer, bounds, values, at, at + family.bounds.length + 1)
      break
    case 'exponential_histogram':
      writeExponential(writer, family.bucketsMax ?? 0, values, at)
      break
    case 'summary':
      writeSummary(writer, family.quantiles ?? [], values, at)
      break
    default:
      writer.double(NumberField.asDouble, values[at] as number)
  }
}

/** The bounds as a field of a point; every point has the same. */
function encodedBounds({ type, bounds }: MetricFamily): Uint8Array {
  return type === 'histogram' && bounds.length > 0 ? new ProtobufWriter(16 + bounds.length * 8).packedDoubles(HistogramField.bounds, bounds).finish() : NO_BYTES
}

const NO_BYTES = new Uint8Array(0)

/** A histogram whose buckets stand at `values[at, end)`, and its sum behind them. */
function writeHistogram(writer: ProtobufWriter, bounds: Uint8Array, values: Float64Array, at: number, end: number): void {
  let count = 0
  for (let b = at; b < end; b++) count += wholeCount(values[b] as number)
  writer.fixed64Number(HistogramField.count, count)
  writer.double(HistogramField.sum, values[end] as number)
  writer.packedCounts(HistogramField.bucketCounts, values, at, end)
  writer.range(bounds, 0, bounds.length)
}

function writeExponential(writer: ProtobufWriter, bucketsMax: number, values: Float64Array, at: number): void {
  const of = (place: number): number => values[at + place] as number
  const buckets = at + ExponentialPoint.buckets
  const end = buckets + lastCell(values, buckets, bucketsMax) + 1
  // The buckets must add up to the count, also when weights are not integers.
  let count = wholeCount(of(ExponentialPoint.zeroCount))
  for (let b = buckets; b < end; b++) count += wholeCount(values[b] as number)
  writer.fixed64Number(ExponentialField.count, count)
  writer.double(ExponentialField.sum, of(ExponentialPoint.sum))
  if (of(ExponentialPoint.scale) !== 0) writer.sint32(ExponentialField.scale, of(ExponentialPoint.scale))
  writer.fixed64Number(ExponentialField.zeroCount, wholeCount(of(ExponentialPoint.zeroCount)))
  writer.open(ExponentialField.positive, end - buckets)
  if (of(ExponentialPoint.firstIndex) !== 0) writer.sint32(BucketsField.offset, of(ExponentialPoint.firstIndex))
  if (end > buckets) writer.packedVarintCounts(BucketsField.counts, values, buckets, end)
  writer.close()
  if (count === 0) return
  writer.double(ExponentialField.min, of(ExponentialPoint.min))
  writer.double(ExponentialField.max, of(ExponentialPoint.max))
}

function writeSummary(writer: ProtobufWriter, quantiles: readonly number[], values: Float64Array, at: number): void {
  writer.fixed64Number(SummaryField.count, wholeCount(values[at] as number))
  writer.double(SummaryField.sum, values[at + 1] as number)
  for (let q = 0; q < quantiles.length; q++) {
    writer.open(SummaryField.quantiles)
    writer.double(QuantileField.quantile, quantiles[q] as number)
    writer.double(QuantileField.value, values[at + 2 + q] as number)
    writer.close()
  }
}

const EXEMPLARS_FIELD = {
  gauge: NumberField.exemplars,
  sum: NumberField.exemplars,
  histogram: HistogramField.exemplars,
  exponential_histogram: ExponentialField.exemplars,
  summary: 0,
} as const

function writeExemplar(writer: ProtobufWriter, type: MetricFamily['type'], { value, timeMs, traceId, spanId }: Exemplar): void {
  // OTLP has no exemplars of summaries.
  if (type === 'summary') return
  const time = new Nanoseconds()
  time.set(timeMs)
  writer.open(EXEMPLARS_FIELD[type])
  writer.fixed64Halves(ExemplarField.time, time.low, time.high)
  writer.double(ExemplarField.asDouble, value)
  if (spanId !== '') writer.hex(ExemplarField.spanId, spanId)
  if (traceId !== '') writer.hex(ExemplarField.traceId, traceId)
  writer.close()
}

/** Milliseconds since the epoch as the halves of a 64-bit number of nanoseconds, which a double could not hold. */
class Nanoseconds {
  low = 0
  high = 0
  #ms = 0

  /** Sets the time; what is not positive becomes 0. Times come in runs of the same. */
  set(ms: number): void {
    if (ms === this.#ms) return
    this.#ms = ms
    const whole = ms > 0 ? Math.floor(ms) : 0
    const rest = ms > 0 ? Math.round((ms - whole) * 1e6) : 0
    const upper = Math.floor(whole / 0x1_0000) * 1e6
    const lower = (upper % 0x1_0000) * 0x1_0000 + (whole % 0x1_0000) * 1e6 + rest
    this.low = lower % 0x1_0000_0000
    this.high = Math.floor(upper / 0x1_0000) + Math.floor(lower / 0x1_0000_0000)
  }
}
