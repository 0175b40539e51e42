import type { DataPoint, HistogramPoint, NumberPoint, PointExemplar, SummaryPoint } from '../../../../model/data_points.ts'
import { EvaluationError } from '../errors.ts'
import { expectBool, expectDouble, expectText } from '../expect.ts'
import type { Arguments } from './arguments.ts'
import { type Edit, type Editor, editor } from './function.ts'

function convertSumToGauge(): Edit {
  return ({ metric }) => {
    if (metric.type !== 'sum') return
    metric.type = 'gauge'
    delete metric.temporality
    delete metric.isMonotonic
  }
}

function createGaugeToSum(args: Arguments): Edit {
  const temporality = args.literal('aggregation_temporality', expectText)
  const isMonotonic = args.literal('is_monotonic', expectBool)
  if (temporality !== 'delta' && temporality !== 'cumulative') throw args.fault('aggregation_temporality', `"${temporality}"`, 'delta or cumulative')
  return ({ metric }) => {
    if (metric.type !== 'gauge') return
    metric.type = 'sum'
    metric.temporality = temporality
    metric.isMonotonic = isMonotonic
  }
}

function createScale(args: Arguments): Edit {
  const factor = args.literal('multiplier', expectDouble)
  const unit = args.has('unit') ? args.text('unit') : undefined
  return (item) => {
    const { metric, points } = item
    const scale = SCALES[metric.type]
    if (scale === undefined) throw new EvaluationError(`points of a ${metric.type} metric cannot be scaled`)
    for (const point of points) scale(point as DataPoint, factor)
    if (unit !== undefined) metric.unit = unit(item)
  }
}

type Scale = (point: DataPoint, factor: number) => void

const scaleNumber: Scale = (point, factor) => {
  const number = point as NumberPoint
  if (number.value !== null) number.value = scaled(number.value, factor)
}

const scaleHistogram: Scale = (point, factor) => {
  const histogram = point as HistogramPoint
  if (histogram.sum !== undefined) histogram.sum *= factor
  if (histogram.min !== undefined) histogram.min *= factor
  if (histogram.max !== undefined) histogram.max *= factor
  histogram.bounds = histogram.bounds.map((bound) => bound * factor)
  // Exemplars may be those of another one's copy of the point.
  histogram.exemplars = histogram.exemplars.map((exemplar): PointExemplar => ({ ...exemplar, value: scaled(exemplar.value, factor) }))
}

const scaleSummary: Scale = (point, factor) => {
  const summary = point as SummaryPoint
  summary.sum *= factor
  summary.quantiles = summary.quantiles.map(({ quantile, value }) => ({ quantile, value: value * factor }))
}

const SCALES: Readonly<Partial<Record<string, Scale>>> = { gauge: scaleNumber, sum: scaleNumber, histogram: scaleHistogram, summary: scaleSummary }

/** Integers stay integers; what is behind the point is cut off. */
function scaled(value: number | bigint, factor: number): number | bigint {
  if (typeof value === 'number') return value * factor
  const product = Math.trunc(Number(value) * factor)
  return Number.isFinite(product) ? BigInt.asIntN(64, BigInt(product)) : value
}

/**
 * Editors of metrics, of those of the processor `transform`:
 * https://github.com/open-telemetry/opentelemetry-collector-contrib/blob/main/processor/transformprocessor/README.md#supported-functions
 */
export const METRIC_EDITORS: readonly Editor[] = [
  editor('convert_sum_to_gauge', [], convertSumToGauge, { isIdempotent: true, contexts: ['metric'], writes: 'metric' }),
  editor('convert_gauge_to_sum', ['aggregation_temporality', 'is_monotonic'], createGaugeToSum, { isIdempotent: true, contexts: ['metric'], writes: 'metric' }),
  editor('scale_metric', ['multiplier', 'unit?'], createScale, { contexts: ['metric'], reads: 'values', writes: 'values' }),
]
