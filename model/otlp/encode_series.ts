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
  const form = histogramForm(family)
  let expected = 128
  for (let i = 0; i < series.length; i++) {
    const before = writer.length
    writer.open(DataField.points, expected)
    ;(series[i] as AttributeSet).writeKept(writer, attributesField)
    start.set(startTimesMs[i] as number)
    // The numbers of these two are the same in points of all types.
    if (start.low !== 0 || start.high !== 0) writer.fixed64Halves(NumberField.start, start.low, start.high)
    writer.fixed64Halves(NumberField.time, time.low, time.high)
    writeValues(writer, points, points.offset + i * points.stride, form)
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

function writeValues(writer: ProtobufWriter, { family, values }: FamilyPoints, at: number, form: HistogramForm): void {
  switch (family.type) {
    case 'histogram':
      writeHistogram(writer, form, values, at, at + family.bounds.length + 1)
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

/** What the points of a histogram look like, of which all have the same bounds: the fields with zeros, and where in them the values stand. */
interface HistogramForm {
  readonly fields: Uint8Array
  readonly countAt: number
  readonly sumAt: number
  readonly bucketsAt: number
}

const VALUE_BYTES = 8

function histogramForm({ type, bounds }: MetricFamily): HistogramForm {
  if (type !== 'histogram') return NO_FORM
  const buckets = bounds.length + 1
  const writer = new ProtobufWriter(32 + buckets * 2 * VALUE_BYTES)
  const countAt = writer.fixed64Halves(HistogramField.count, 0, 0).length - VALUE_BYTES
  const sumAt = writer.double(HistogramField.sum, 0).length - VALUE_BYTES
  const bucketsAt = writer.packedDoubles(HistogramField.bucketCounts, new Float64Array(buckets)).length - buckets * VALUE_BYTES
  if (bounds.length > 0) writer.packedDoubles(HistogramField.bounds, bounds)
  return { fields: writer.finish(), countAt, sumAt, bucketsAt }
}

const NO_FORM: HistogramForm = { fields: new Uint8Array(0), countAt: 0, sumAt: 0, bucketsAt: 0 }

/** A histogram whose buckets stand at `values[at, end)`, and its sum behind them. */
function writeHistogram(writer: ProtobufWriter, form: HistogramForm, values: Float64Array, at: number, end: number): void {
  const formAt = writer.stamp(form.fields)
  writer.putCount(formAt + form.countAt, writer.putCounts(formAt + form.bucketsAt, values, at, end))
  writer.putDouble(formAt + form.sumAt, values[end] as number)
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
