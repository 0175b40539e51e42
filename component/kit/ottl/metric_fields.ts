import { AttributeSet } from '../../../model/attributes.ts'
import type { DataPoint, ExponentialHistogramPoint, HistogramPoint, NumberPoint, SummaryPoint, Temporality } from '../../../model/data_points.ts'
import { EvaluationError } from './errors.ts'
import { expectBool, expectDouble, expectInt, expectList } from './expect.ts'
import { type Field, type FieldTable, mapField, nanosField, textField, timeField, uint32Field } from './fields.ts'
import type { Item, MetricHeader } from './item.ts'
import type { OttlValue } from './values.ts'

/** In the order of their numbers, which are those of the Collector's pdata and not of OTLP. */
const TYPES = ['none', 'gauge', 'sum', 'histogram', 'exponential_histogram', 'summary'] as const satisfies readonly MetricHeader['type'][]
const TEMPORALITIES = ['unspecified', 'delta', 'cumulative'] as const satisfies readonly Temporality[]

function hasTemporality({ type }: MetricHeader): boolean {
  return type === 'sum' || type === 'histogram' || type === 'exponential_histogram'
}

/** Paths below `metric`. Those of a type that the metric at hand is not of are nil, and setting them does nothing. */
export const METRIC_FIELDS: FieldTable = {
  name: textField('metric', { get: ({ metric }) => metric.name, set: ({ metric }, name) => void (metric.name = name) }),
  description: textField('metric', { get: ({ metric }) => metric.description, set: ({ metric }, text) => void (metric.description = text) }),
  unit: textField('metric', { get: ({ metric }) => metric.unit, set: ({ metric }, unit) => void (metric.unit = unit) }),
  type: { touch: 'metric', type: 'int', isIndexed: false, get: ({ metric }) => BigInt(TYPES.indexOf(metric.type)), set: undefined },
  aggregation_temporality: {
    touch: 'metric',
    type: 'int',
    isIndexed: false,
    get: ({ metric }) => (hasTemporality(metric) ? BigInt(TEMPORALITIES.indexOf(metric.temporality ?? 'unspecified')) : null),
    set: ({ metric }, value) => {
      const number = Number(expectInt(value))
      const temporality = TEMPORALITIES[number]
      if (temporality === undefined) throw new EvaluationError(`there is no aggregation temporality ${number}`)
      if (hasTemporality(metric)) metric.temporality = temporality
    },
  },
  is_monotonic: {
    touch: 'metric',
    type: 'bool',
    isIndexed: false,
    get: ({ metric }) => (metric.type === 'sum' ? (metric.isMonotonic ?? false) : null),
    set: ({ metric }, value) => {
      const isMonotonic = expectBool(value)
      if (metric.type === 'sum') metric.isMonotonic = isMonotonic
    },
  },
  metadata: mapField('metadata', {
    get: ({ metric: { metadata = [] } }) =>
      new AttributeSet(
        metadata.map(([key]) => key),
        metadata.map(([, value]) => value),
      ),
    set: ({ metric }, set) => void (metric.metadata = set.keys.map((key, i) => [key, set.values[i] ?? null] as const)),
  }),
}

/** A field of points of some types: nil in others, where it cannot be set. */
function pointField<P extends DataPoint>(
  isOf: (metric: MetricHeader) => boolean,
  type: Field['type'],
  access: { readonly get: (point: P) => OttlValue; readonly set: (point: P, value: OttlValue) => void },
): Field {
  return {
    touch: 'values',
    type,
    isIndexed: false,
    get: ({ metric, point }) => (isOf(metric) ? access.get(point as P) : null),
    set: ({ metric, point }, value) => {
      if (!isOf(metric)) throw new EvaluationError(`points of a ${metric.type} metric do not have this`)
      access.set(point as P, value)
    },
  }
}

const isNumber = ({ type }: MetricHeader): boolean => type === 'sum' || type === 'gauge'
const isHistogram = ({ type }: MetricHeader): boolean => type === 'histogram'
const isExponential = ({ type }: MetricHeader): boolean => type === 'exponential_histogram'
const isDistribution = ({ type }: MetricHeader): boolean => type === 'histogram' || type === 'exponential_histogram' || type === 'summary'

const time = {
  get: ({ point }: Item): bigint => (point as DataPoint).timeNs,
  set: ({ point }: Item, ns: bigint): void => void ((point as DataPoint).timeNs = ns),
}
const start = {
  get: ({ point }: Item): bigint => (point as DataPoint).startTimeNs,
  set: ({ point }: Item, ns: bigint): void => void ((point as DataPoint).startTimeNs = ns),
}

const unsigned = (value: OttlValue): bigint => BigInt.asUintN(64, expectInt(value))
const signed = (value: bigint): bigint => BigInt.asIntN(64, value)
const int32 = (value: OttlValue): number => Number(BigInt.asIntN(32, expectInt(value)))

function bucketFields(name: 'positive' | 'negative'): FieldTable {
  return {
    [`${name}.offset`]: pointField<ExponentialHistogramPoint>(isExponential, 'int', {
      get: (point) => BigInt(point[name].offset),
      set: (point, value) => void (point[name] = { ...point[name], offset: int32(value) }),
    }),
    [`${name}.bucket_counts`]: pointField<ExponentialHistogramPoint>(isExponential, 'list', {
      get: (point) => point[name].counts.map(signed),
      set: (point, value) => void (point[name] = { ...point[name], counts: expectList(value).map(unsigned) }),
    }),
  }
}

/** Paths below `datapoint`. */
export const POINT_FIELDS: FieldTable = {
  attributes: mapField('attributes', { get: ({ point }) => point.attributes, set: ({ point }, attributes) => void (point.attributes = attributes) }),
  start_time_unix_nano: nanosField('values', start),
  start_time: timeField('values', start),
  time_unix_nano: nanosField('values', time),
  time: timeField('values', time),
  value_double: pointField<NumberPoint>(isNumber, 'double', {
    get: ({ value }) => (typeof value === 'number' ? value : 0),
    set: (point, value) => void (point.value = expectDouble(value)),
  }),
  value_int: pointField<NumberPoint>(isNumber, 'int', {
    get: ({ value }) => (typeof value === 'bigint' ? value : 0n),
    set: (point, value) => void (point.value = expectInt(value)),
  }),
  flags: uint32Field('values', { get: ({ point }) => (point as DataPoint).flags, set: ({ point }, flags) => void ((point as DataPoint).flags = flags) }),
  count: pointField<HistogramPoint | ExponentialHistogramPoint | SummaryPoint>(isDistribution, 'int', {
    get: ({ count }) => signed(count),
    set: (point, value) => void (point.count = unsigned(value)),
  }),
  sum: pointField<HistogramPoint | ExponentialHistogramPoint | SummaryPoint>(isDistribution, 'double', {
    get: ({ sum }) => sum ?? 0,
    set: (point, value) => void (point.sum = expectDouble(value)),
  }),
  bucket_counts: pointField<HistogramPoint>(isHistogram, 'list', {
    get: ({ bucketCounts }) => bucketCounts.map(signed),
    set: (point, value) => void (point.bucketCounts = expectList(value).map(unsigned)),
  }),
  explicit_bounds: pointField<HistogramPoint>(isHistogram, 'list', {
    get: ({ bounds }) => bounds,
    set: (point, value) => void (point.bounds = expectList(value).map(expectDouble)),
  }),
  scale: pointField<ExponentialHistogramPoint>(isExponential, 'int', {
    get: ({ scale }) => BigInt(scale),
    set: (point, value) => void (point.scale = int32(value)),
  }),
  zero_count: pointField<ExponentialHistogramPoint>(isExponential, 'int', {
    get: ({ zeroCount }) => signed(zeroCount),
    set: (point, value) => void (point.zeroCount = unsigned(value)),
  }),
  ...bucketFields('positive'),
  ...bucketFields('negative'),
}
