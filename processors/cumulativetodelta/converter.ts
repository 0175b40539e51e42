import { re2Pattern } from '../../component/kit/ottl/patterns.ts'
import { exponentialGrowth, histogramGrowth, minus } from '../../component/kit/streams/point_math.ts'
import { attributesKey, StreamKeys } from '../../component/kit/streams/stream_key.ts'
import { StreamTable } from '../../component/kit/streams/stream_table.ts'
import {
  type DataPoint,
  type ExponentialHistogramPoint,
  type HistogramPoint,
  type Metric,
  type MetricGroup,
  NO_RECORDED_VALUE,
  type NumberPoint,
} from '../../model/data_points.ts'
import type { CumulativeToDeltaConfig, MatchConfig } from './config.ts'

export type Outcome = 'converted' | 'initial' | 'out_of_order' | 'no_value' | 'limit'

/** What a stream was last. The point itself is kept: it belongs to nobody else any more. */
interface State {
  readonly point: DataPoint
}

export interface ConverterOptions {
  readonly startedNs: bigint
  readonly count: (outcome: Outcome) => void
}

/**
 * Turns cumulative points into deltas, by OpenTelemetry's rules for resets: a later start time, or a value that cannot have
 * grown out of the one before, begins a new stream, whose value since then counts whole.
 */
export class DeltaConverter {
  readonly #keys = new StreamKeys()
  readonly #table: StreamTable<State>
  readonly #isIncluded: (metric: Metric) => boolean
  readonly #initial: 'auto' | 'keep' | 'drop'
  readonly #options: ConverterOptions

  constructor(config: CumulativeToDeltaConfig, options: ConverterOptions) {
    this.#table = new StreamTable(config.max_streams)
    this.#initial = config.initial_value
    this.#options = options
    const included = config.include === undefined ? undefined : matcher(config.include)
    const excluded = config.exclude === undefined ? undefined : matcher(config.exclude)
    this.#isIncluded = (metric) => (included?.(metric) ?? true) && !(excluded?.(metric) ?? false)
  }

  get streams(): number {
    return this.#table.size
  }

  expire(cutoffMs: number): void {
    this.#table.expire(cutoffMs)
  }

  /** Converts the points of a metric in place, if it is one to convert; true when it has points left. */
  convert(group: MetricGroup, metric: Metric, nowMs: number): boolean {
    if (!isCumulative(metric) || !this.#isIncluded(metric)) return true
    const key = this.#keys.metricKey(group, metric)
    const points = metric.points.flatMap((point) => this.#delta(`${key}${attributesKey(point.attributes)}`, point, nowMs))
    // The points of one metric are of one type, which the compiler cannot follow.
    metric.points = points as never
    metric.temporality = 'delta'
    return points.length > 0
  }

  #delta(key: string, point: DataPoint, nowMs: number): DataPoint[] {
    if ((point.flags & NO_RECORDED_VALUE) !== 0 || hasNoValue(point)) {
      this.#table.delete(key)
      return this.#drop('no_value')
    }
    const before = this.#table.get(key, nowMs)?.point
    if (before !== undefined && point.timeNs <= before.timeNs) return this.#drop('out_of_order')
    if (!this.#table.set(key, { point }, nowMs)) return this.#drop('limit')
    if (before === undefined) return this.#first(point)
    const isNewStart = point.startTimeNs > before.startTimeNs && point.startTimeNs !== 0n && before.startTimeNs !== 0n
    const grown = isNewStart ? undefined : growth(point, before)
    this.#options.count('converted')
    // What cannot have grown began anew at its start, if that is after what was sent before.
    const startTimeNs = grown === undefined && point.startTimeNs > before.timeNs ? point.startTimeNs : before.timeNs
    return [{ ...(grown ?? point), startTimeNs }]
  }

  #first(point: DataPoint): DataPoint[] {
    const isKept = this.#initial === 'keep' || (this.#initial === 'auto' && point.startTimeNs !== 0n && point.startTimeNs >= this.#options.startedNs)
    if (!isKept) return this.#drop('initial')
    this.#options.count('converted')
    return [{ ...point }]
  }

  #drop(outcome: Outcome): [] {
    this.#options.count(outcome)
    return []
  }
}

type CumulativeMetric = Extract<Metric, { readonly type: 'sum' | 'histogram' | 'exponential_histogram' }>

function isCumulative(metric: Metric): metric is CumulativeMetric {
  if (metric.type === 'sum') return metric.isMonotonic && metric.temporality === 'cumulative'
  return (metric.type === 'histogram' || metric.type === 'exponential_histogram') && metric.temporality === 'cumulative'
}

function hasNoValue(point: DataPoint): boolean {
  return 'value' in point && (point.value === null || Number.isNaN(Number(point.value)))
}

/** What came since the earlier point; undefined when the later one cannot have grown out of it. */
function growth(now: DataPoint, before: DataPoint): DataPoint | undefined {
  if ('value' in now) {
    const value = minus(now.value as number | bigint, (before as NumberPoint).value as number | bigint)
    return value < 0 ? undefined : { ...now, value }
  }
  if ('bounds' in now) {
    const grown = histogramGrowth(now, before as HistogramPoint)
    return grown === undefined ? undefined : { ...now, ...grown }
  }
  const grown = exponentialGrowth(now as ExponentialHistogramPoint, before as ExponentialHistogramPoint)
  return grown === undefined ? undefined : { ...now, ...grown }
}

const TYPES = { sum: 'sum', histogram: 'histogram', exponential_histogram: 'exponentialhistogram' } as const

function matcher({ metrics, match_type: matchType, metric_types: types }: MatchConfig): (metric: Metric) => boolean {
  const patterns = matchType === 'regexp' ? metrics?.map((pattern) => re2Pattern(pattern)) : undefined
  const names = matchType === 'strict' && metrics !== undefined ? new Set(metrics) : undefined
  return (metric) => {
    const type = metric.type in TYPES ? TYPES[metric.type as keyof typeof TYPES] : undefined
    return (
      (names?.has(metric.name) ?? true) &&
      (patterns?.some((pattern) => pattern.test(metric.name)) ?? true) &&
      (types === undefined || (type !== undefined && types.includes(type)))
    )
  }
}
