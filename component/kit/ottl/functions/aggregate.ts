import { AttributeSet, valueKey } from '../../../../model/attributes.ts'
import type { DataPoint, HistogramPoint, Metric, NumberPoint } from '../../../../model/data_points.ts'
import { EvaluationError } from '../errors.ts'
import { expectText } from '../expect.ts'
import type { Arguments } from './arguments.ts'
import { type Edit, type Editor, editor } from './function.ts'

const FUNCTIONS = ['sum', 'mean', 'min', 'max', 'median', 'count'] as const
type Aggregation = (typeof FUNCTIONS)[number]

/** Leaves points with some attributes only, and makes one of those that have become the same. */
function createAggregate(args: Arguments): Edit {
  const name = args.literal('aggregation_function', expectText)
  const aggregation = FUNCTIONS.find((known) => known === name)
  if (aggregation === undefined) throw args.fault('aggregation_function', `"${name}"`, `one of ${FUNCTIONS.join(', ')}`)
  const kept = args.has('attributes') ? args.textSet('attributes') : undefined
  return (item) => {
    const metric = item.metric as Metric
    const names = kept?.(item)
    switch (metric.type) {
      case 'gauge':
      case 'sum': {
        const groups = grouped(metric.points, names, (point) => [metric.type === 'sum' && metric.temporality === 'delta' ? point.startTimeNs : 0n])
        metric.points = groups.map((points) => mergedNumbers(points, aggregation))
        break
      }
      case 'histogram': {
        const groups = grouped(metric.points, names, ({ startTimeNs, bounds, min, max, flags }) => [
          metric.temporality === 'delta' ? startTimeNs : 0n,
          ...bounds,
          Number(min === undefined),
          Number(max === undefined),
          flags,
        ])
        metric.points = groups.map(mergedHistograms)
        break
      }
      default:
        throw new EvaluationError(`points of a ${metric.type} metric cannot be aggregated`)
    }
  }
}

/** Points that have the same attributes, time and `more`, with no other attributes than `names`; in the order of their first. */
function grouped<P extends DataPoint>(points: readonly P[], names: ReadonlySet<string> | undefined, more: (point: P) => readonly (number | bigint)[]): P[][] {
  const groups = new Map<string, P[]>()
  for (const point of points) {
    if (names !== undefined) point.attributes = withKeys(point.attributes, names)
    const key = `${attributesKey(point.attributes)} ${point.timeNs} ${more(point).join(' ')}`
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [point])
    else group.push(point)
  }
  return [...groups.values()]
}

function withKeys(attributes: AttributeSet, names: ReadonlySet<string>): AttributeSet {
  const indices = [...attributes.keys.keys()].filter((i) => names.has(attributes.keys[i] ?? ''))
  if (indices.length === attributes.size) return attributes
  return new AttributeSet(
    indices.map((i) => attributes.keys[i] ?? ''),
    indices.map((i) => attributes.values[i] ?? null),
  )
}

/** The same for the same attributes in any order. */
function attributesKey({ keys, values }: AttributeSet): string {
  return keys
    .map((key, i) => `${JSON.stringify(key)}:${valueKey(values[i] ?? null)}`)
    .sort()
    .join(',')
}

/** The first point with what has become of the values of all; they are of the type that its own is of. */
function mergedNumbers(points: readonly NumberPoint[], aggregation: Aggregation): NumberPoint {
  const [first] = points
  if (first === undefined) throw new Error('BUG: a group without points')
  const startTimeNs = earliest(points)
  if (typeof first.value === 'bigint') {
    const values = points.map(({ value }) => (typeof value === 'bigint' ? value : BigInt(Math.trunc(value ?? 0))))
    return { ...first, startTimeNs, value: BigInt.asIntN(64, aggregatedInts(values, aggregation)) }
  }
  if (first.value === null) return { ...first, startTimeNs }
  const values = points.map(({ value }) => Number(value ?? 0))
  return { ...first, startTimeNs, value: aggregatedDoubles(values, aggregation) }
}

function earliest(points: readonly DataPoint[]): bigint {
  return points.reduce((least, { startTimeNs }) => (startTimeNs < least ? startTimeNs : least), points[0]?.startTimeNs ?? 0n)
}

function aggregatedInts(values: readonly bigint[], aggregation: Aggregation): bigint {
  const sorted = values.toSorted((a, b) => (a < b ? -1 : Number(a > b)))
  const middle = values.length >> 1
  const sum = values.reduce((total, value) => total + value, 0n)
  switch (aggregation) {
    case 'sum':
      return sum
    case 'mean':
      return sum / BigInt(values.length)
    case 'min':
      return sorted[0] ?? 0n
    case 'max':
      return sorted.at(-1) ?? 0n
    case 'median':
      return values.length % 2 === 1 ? (sorted[middle] ?? 0n) : ((sorted[middle - 1] ?? 0n) + (sorted[middle] ?? 0n)) / 2n
    default:
      // As in the Collector, a point that is alone keeps its value.
      return values.length === 1 ? (values[0] ?? 0n) : BigInt(values.length)
  }
}

function aggregatedDoubles(values: readonly number[], aggregation: Aggregation): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = values.length >> 1
  const sum = values.reduce((total, value) => total + value, 0)
  switch (aggregation) {
    case 'sum':
      return sum
    case 'mean':
      return sum / values.length
    case 'min':
      return sorted[0] ?? Number.NaN
    case 'max':
      return sorted.at(-1) ?? Number.NaN
    case 'median':
      return values.length % 2 === 1 ? (sorted[middle] ?? Number.NaN) : ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2
    default:
      return values.length === 1 ? (values[0] ?? Number.NaN) : values.length
  }
}

/** Histograms of the same bounds, added up whatever the function is. */
function mergedHistograms(points: readonly HistogramPoint[]): HistogramPoint {
  const [first, ...others] = points
  if (first === undefined) throw new Error('BUG: a group without points')
  const rest = others.filter(({ count }) => count !== 0n)
  if (rest.length === 0) return first
  const all = [first, ...rest]
  const add = (numbers: readonly bigint[]): bigint =>
    BigInt.asUintN(
      64,
      numbers.reduce((total, number) => total + number, 0n),
    )
  return {
    ...first,
    startTimeNs: earliest(all),
    count: add(all.map(({ count }) => count)),
    sum: all.reduce((total, { sum = 0 }) => total + sum, 0),
    min: first.min === undefined ? undefined : all.reduce((least, { min = 0 }) => Math.min(least, min), first.min),
    max: first.max === undefined ? undefined : all.reduce((most, { max = 0 }) => Math.max(most, max), first.max),
    bucketCounts: first.bucketCounts.map((_, i) => add(all.map(({ bucketCounts }) => bucketCounts[i] ?? 0n))),
    exemplars: all.flatMap(({ exemplars }) => exemplars),
  }
}

/** https://github.com/open-telemetry/opentelemetry-collector-contrib/blob/main/processor/transformprocessor/README.md#aggregate_on_attributes */
export const AGGREGATION: Editor = editor('aggregate_on_attributes', ['aggregation_function', 'attributes?'], createAggregate, {
  contexts: ['metric'],
  reads: 'values',
  writes: 'values',
})
