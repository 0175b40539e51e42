import { columnGrowth, keptValues, valueGrowth } from '../../../component/kit/deltas/column_growth.ts'
import type { TimeSlices } from '../../../lib/time_slices.ts'
import type { AttributeSet } from '../../../model/attributes.ts'
import { lastCell } from '../../../model/exponential.ts'
import { ExponentialPoint, type FamilyPoints, valuesPerPoint } from '../../../model/metrics.ts'
import type { AwsEmfConfig } from '../config.ts'
import { explicitDistribution, exponentialDistribution } from './distribution.ts'
import { type ReaderParts, ReadingRules } from './readings.ts'
import type { Series, Stream } from './series_catalog.ts'

/** Series between two looks at the clock. */
const SERIES_PER_LOOK = 64

/** Points of one family in a batch. */
export interface ColumnBatch {
  readonly points: FamilyPoints
  /** How many of its series the batch had when it came: producers append to the list. */
  readonly count: number
  readonly timeMs: number
}

/** Makes readings of series in columns, which nearly always are the same objects from batch to batch. */
export class ColumnReader {
  readonly #parts: ReaderParts
  readonly #rules: ReadingRules
  #growth = new Float64Array(0)

  constructor(config: AwsEmfConfig, parts: ReaderParts) {
    this.#parts = parts
    this.#rules = new ReadingRules(config, parts)
  }

  async read({ points, count, timeMs }: ColumnBatch, slices: TimeSlices): Promise<void> {
    const { family, resource, scope, series } = points
    const { catalog } = this.#parts
    const stream = catalog.stream(family, { resource, scope, inColumns: true, producer: points.producer })
    if (stream === undefined) return this.#parts.onDropped('series_limit', count)
    if (this.#growth.length < valuesPerPoint(family)) this.#growth = new Float64Array(valuesPerPoint(family))
    const found: (Series | undefined)[] = []
    const missing: number[] = []
    // All that are known first: what is left then is new, or known by another object.
    for (let i = 0; i < count; i++) {
      found.push(catalog.ofColumn(stream, series[i] as AttributeSet))
      if (found[i] === undefined) missing.push(i)
      if (i % SERIES_PER_LOOK === 0 && slices.isOver) await slices.next()
    }
    if (missing.length > 0) {
      const news = missing.map((i) => series[i] as AttributeSet)
      for (const [n, one] of (await catalog.ofNewColumns(stream, news, slices)).entries()) found[missing[n] as number] = one
    }
    for (let i = 0; i < count; i++) {
      const one = found[i]
      if (one === undefined) {
        stream.isIncomplete = true
        this.#parts.onDropped('series_limit', 1)
      } else if (one.isUndeclared && !(this.#rules.isDetailed && family.type === 'summary')) this.#parts.onDropped('undeclared', 1)
      else this.#point({ points, stream, timeMs }, one, i)
      if (i % SERIES_PER_LOOK === 0 && slices.isOver) await slices.next()
    }
    if (points.producer !== undefined && stream.listedSince < 0) stream.listedSince = catalog.batch
  }

  #point({ points, stream, timeMs }: { readonly points: FamilyPoints; readonly stream: Stream; readonly timeMs: number }, series: Series, i: number): void {
    const { family, offset, stride, values } = points
    const at = offset + i * stride
    const startMs = points.startTimesMs[i] as number
    const isNumber = family.type === 'sum' || family.type === 'gauge'
    if (!this.#rules.isDifference(stream.header)) {
      if (isNumber) this.#parts.router.put(series, timeMs, values[at] as number)
      else this.#whole(points, series, { timeMs, at, i })
      return
    }
    const { before } = series
    // Its producer says so when a series begins anew: the times are those of one clock, whatever that shows.
    const isAnew = before !== undefined && startMs !== series.startMs
    series.startMs = startMs
    if (isNumber) this.#sum(series, { before, isAnew, value: values[at] as number, startMs, timeMs })
    else this.#distribution(points, series, { before, isAnew, startMs, timeMs, at, i })
  }

  #sum(
    series: Series,
    point: { readonly before: Series['before']; readonly isAnew: boolean; readonly value: number; readonly startMs: number; readonly timeMs: number },
  ): void {
    const { before, value, timeMs } = point
    if (!Number.isFinite(value)) return this.#parts.onDropped('not_finite', 1)
    series.before = value
    if (typeof before !== 'number') {
      if (this.#rules.firstCounts(series, point.startMs, timeMs)) this.#rules.putGrowth(series, timeMs, value)
      else this.#parts.onDropped('initial', 1)
      return
    }
    const grown = point.isAnew ? value : growthOf(value, before)
    this.#rules.putGrowth(series, timeMs, grown)
  }

  #distribution(
    points: FamilyPoints,
    series: Series,
    point: {
      readonly before: Series['before']
      readonly isAnew: boolean
      readonly startMs: number
      readonly timeMs: number
      readonly at: number
      readonly i: number
    },
  ): void {
    const { family, values, stride } = points
    const { before, at, timeMs } = point
    const now = { values, at }
    if (!(before instanceof Float64Array)) {
      series.before = keptValues(family, now, valuesPerPoint(family))
      if (this.#rules.firstCounts(series, point.startMs, timeMs)) this.#whole(points, series, point)
      else this.#parts.onDropped('initial', 1)
      return
    }
    const into = this.#growth.subarray(0, valuesPerPoint(family))
    const hasGrown = !point.isAnew && columnGrowth(family, now, before, into)
    series.before = keptValues(family, now, Math.min(stride, valuesPerPoint(family)), before)
    if (!hasGrown) this.#whole(points, series, point)
    else
      this.#put(points, series, {
        timeMs,
        i: point.i,
        values: into,
        at: 0,
        low: values[at + ExponentialPoint.min] as number,
        high: values[at + ExponentialPoint.max] as number,
      })
  }

  /** All that a point has counted. */
  #whole(points: FamilyPoints, series: Series, { timeMs, at, i }: { readonly timeMs: number; readonly at: number; readonly i: number }): void {
    this.#put(points, series, { timeMs, i, values: points.values, at, low: Number.NaN, high: Number.NaN })
  }

  /** `low` and `high` are those of the whole life of an exponential histogram. */
  #put(
    { family, series: list }: FamilyPoints,
    series: Series,
    point: { readonly timeMs: number; readonly i: number; readonly values: Float64Array; readonly at: number; readonly low: number; readonly high: number },
  ): void {
    const { values, at, timeMs } = point
    const of = (place: number): number => values[at + place] as number
    if (family.type === 'histogram') {
      const extent = { sum: of(family.bounds.length + 1), min: undefined, max: undefined }
      this.#rules.putDistribution(series, timeMs, explicitDistribution(family.bounds, values, at, extent))
    } else if (family.type === 'exponential_histogram') {
      const { count, sum, min, max, zeroCount, scale, firstIndex, buckets } = ExponentialPoint
      if (!(of(count) > 0)) return this.#parts.onDropped('empty', 1)
      const length = lastCell(values, at + buckets, family.bucketsMax ?? 0) + 1
      const positive = { offset: of(firstIndex), counts: values, at: at + buckets, length }
      const extent = { sum: of(sum), min: of(min), max: of(max), low: point.low, high: point.high }
      this.#rules.putDistribution(series, timeMs, exponentialDistribution({ scale: of(scale), zeroCount: of(zeroCount), positive }, extent))
    } else {
      const quantiles = (family.quantiles ?? []).map((quantile, q) => ({ quantile, value: of(2 + q) }))
      this.#rules.putSummary(series, timeMs, { count: of(0), sum: of(1), quantiles }, list[point.i] as AttributeSet)
    }
  }
}

/** What a sum has grown by; one that has fallen began anew. */
function growthOf(value: number, before: number): number {
  const grown = valueGrowth(value, before)
  return Number.isNaN(grown) ? value : grown
}
