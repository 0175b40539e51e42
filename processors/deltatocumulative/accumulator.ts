import { exponentialSum, histogramSum, plus } from '../../component/kit/streams/point_math.ts'
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

export type Outcome = 'added' | 'out_of_order' | 'older_start' | 'no_value' | 'limit'

/** Adds deltas up to cumulative points. A stream begins with the start of its first delta; what does not fit it begins it anew. */
export class Accumulator {
  readonly #keys = new StreamKeys()
  readonly #table: StreamTable<DataPoint>
  readonly #count: (outcome: Outcome) => void

  constructor(streamsMax: number, count: (outcome: Outcome) => void) {
    this.#table = new StreamTable(streamsMax)
    this.#count = count
  }

  get streams(): number {
    return this.#table.size
  }

  expire(cutoffMs: number): void {
    this.#table.expire(cutoffMs)
  }

  /** Converts the points of a metric in place, if it is a delta; true when it has points left. */
  convert(group: MetricGroup, metric: Metric, nowMs: number): boolean {
    if (!('temporality' in metric) || metric.temporality !== 'delta') return true
    const key = this.#keys.metricKey(group, metric)
    const points = metric.points.flatMap((point) => this.#total(`${key}${attributesKey(point.attributes)}`, point, nowMs))
    // The points of one metric are of one type, which the compiler cannot follow.
    metric.points = points as never
    metric.temporality = 'cumulative'
    return points.length > 0
  }

  #total(key: string, point: DataPoint, nowMs: number): DataPoint[] {
    if ((point.flags & NO_RECORDED_VALUE) !== 0 || ('value' in point && point.value === null)) return this.#drop('no_value')
    const before = this.#table.get(key, nowMs)
    if (before !== undefined && point.timeNs <= before.timeNs) return this.#drop('out_of_order')
    if (before !== undefined && point.startTimeNs !== 0n && point.startTimeNs < before.timeNs) return this.#drop('older_start')
    const total = before === undefined ? undefined : sum(before, point)
    const next: DataPoint = total === undefined ? { ...point } : { ...total, startTimeNs: (before as DataPoint).startTimeNs }
    if (!this.#table.set(key, next, nowMs)) return this.#drop('limit')
    this.#count('added')
    // The consumer owns what it gets.
    return [{ ...next }]
  }

  #drop(outcome: Outcome): [] {
    this.#count(outcome)
    return []
  }
}

/** The total after another delta, with the delta's times and exemplars; undefined when they cannot be added. */
function sum(total: DataPoint, delta: DataPoint): DataPoint | undefined {
  if ('value' in delta) return { ...delta, value: plus((total as NumberPoint).value as number | bigint, delta.value as number | bigint) }
  if ('bounds' in delta) {
    const added = histogramSum(total as HistogramPoint, delta)
    return added === undefined ? undefined : { ...delta, ...added }
  }
  return { ...(delta as ExponentialHistogramPoint), ...exponentialSum(total as ExponentialHistogramPoint, delta as ExponentialHistogramPoint) }
}
