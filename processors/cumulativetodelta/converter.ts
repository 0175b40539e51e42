import type { FirstSamples } from '../../component/kit/deltas/first_samples.ts'
import { hasNoValue, pointGrowth } from '../../component/kit/deltas/point_growth.ts'
import { attributesKey, StreamKeys } from '../../component/kit/streams/stream_key.ts'
import { StreamTable } from '../../component/kit/streams/stream_table.ts'
import { re2Pattern } from '../../lib/re2.ts'
import { type DataPoint, type Metric, type MetricGroup, NO_RECORDED_VALUE } from '../../model/data_points.ts'
import type { CumulativeToDeltaConfig, MatchConfig } from './config.ts'

export type Outcome = 'converted' | 'initial' | 'out_of_order' | 'no_value' | 'limit'

/** What a stream was last. The point itself is kept: it belongs to nobody else any more. */
interface State {
  readonly point: DataPoint
}

export interface ConverterOptions {
  readonly firstSamples: FirstSamples
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

  /** Forgets the streams that were not heard of since `cutoffMs`, on the monotonic clock as all times that this class is given. */
  expire(cutoffMs: number): void {
    if (this.#table.expire(cutoffMs) > 0) this.#options.firstSamples.forgot(cutoffMs)
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
    this.#options.count('converted')
    return [pointGrowth(point, before).point]
  }

  #first(point: DataPoint): DataPoint[] {
    const times = { startMs: Number(point.startTimeNs / 1_000_000n), timeMs: Number(point.timeNs / 1_000_000n) }
    const isKept = this.#initial === 'keep' || (this.#initial === 'auto' && this.#options.firstSamples.countsWhole(times))
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
