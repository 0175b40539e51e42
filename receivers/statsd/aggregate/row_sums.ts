import { clearExponential, type ExponentialPlace, exponentialQuantile, mergeExponential } from '../../../model/exponential.ts'
import { ExponentialPoint } from '../../../model/metrics.ts'
import type { Aggregation } from '../naming/naming.ts'
import { ExponentialRow, GaugeRow, SummaryRow, WINDOW_BUCKETS, Window, windowMs } from './layout.ts'
import { isAfter, type Moment, type OrderedGauge } from './ordered_gauge.ts'
import { addBuckets, addRowTotals, bucketsCount } from './read_buckets.ts'
import { GaugeBase, type SeriesList } from './series_list.ts'
import { cellsOf, type StatShardReader } from './shard_reader.ts'

/**
 * Puts together the value of a series from its rows: `start`, `add` for each row just read, `store`. `fold` puts a row that
 * will not change any more into the list's base, from which `start` begins.
 */
export interface RowSum {
  start(list: SeriesList, index: number): void
  add(row: StatShardReader): void
  store(): void
  fold(list: SeriesList, index: number, row: StatShardReader): void
}

/** What belongs to rounding when sums of several workers are added in another order than before. */
const ROUNDING = 1e-9

/** Counters and histograms with explicit buckets: everything is added up. */
export class AdditiveSum implements RowSum {
  #list!: SeriesList
  #index = 0
  #sum: Float64Array = new Float64Array(64)

  start(list: SeriesList, index: number): void {
    this.#list = list
    this.#index = index
    if (list.stride > this.#sum.length) this.#sum = new Float64Array(list.stride)
    const at = index * list.stride
    for (let i = 0; i < list.stride; i++) this.#sum[i] = list.base?.[at + i] ?? 0
  }

  add({ values }: StatShardReader): void {
    for (let i = 0; i < this.#list.stride; i++) this.#sum[i] = (this.#sum[i] as number) + (values[i] as number)
  }

  store(): void {
    const { values, stride, of } = this.#list
    const at = this.#index * stride
    const canFall = of.aggregation.kind === 'counter' && !of.aggregation.isMonotonic
    for (let i = 0; i < stride; i++) {
      const before = values[at + i] as number
      const value = this.#sum[i] as number
      if (canFall || !(value < before && before - value <= ROUNDING * Math.abs(before))) values[at + i] = value
    }
  }

  fold(list: SeriesList, index: number, { values }: StatShardReader): void {
    const at = list.baseAt(index)
    const base = list.base as Float64Array
    for (let i = 0; i < list.stride; i++) base[at + i] = (base[at + i] as number) + (values[i] as number)
  }
}

/** Gauges: what was set last; see `OrderedGauge` for those that know deltas. */
export class GaugeSum implements RowSum {
  readonly #ordered: ReadonlyMap<number, OrderedGauge>
  readonly #nowMs: () => number
  #list!: SeriesList
  #index = 0
  #value = 0
  #last: Moment | undefined
  #gauge: OrderedGauge | undefined

  constructor(ordered: ReadonlyMap<number, OrderedGauge>, nowMs: () => number) {
    this.#ordered = ordered
    this.#nowMs = nowMs
  }

  start(list: SeriesList, index: number): void {
    this.#list = list
    this.#index = index
    this.#last = undefined
    this.#gauge = this.#ordered.get(list.ids[index] as number)
    if (list.base === undefined) return
    const at = list.baseAt(index)
    const [timeMs, order, worker] = [list.base[at + GaugeBase.setMs], list.base[at + GaugeBase.order], list.base[at + GaugeBase.worker]] as number[]
    this.#tell({ timeMs: timeMs as number, order: order as number, worker: worker as number }, list.base[at + GaugeBase.value] as number)
  }

  add(row: StatShardReader): void {
    this.#tell(momentOf(row), row.values[GaugeRow.value] as number)
  }

  store(): void {
    this.#gauge?.settle(this.#nowMs())
    this.#list.values[this.#index] = this.#gauge?.value ?? this.#value
  }

  fold(list: SeriesList, index: number, row: StatShardReader): void {
    const at = list.baseAt(index)
    const base = list.base as Float64Array
    const moment = momentOf(row)
    const known = { timeMs: base[at + GaugeBase.setMs] as number, order: base[at + GaugeBase.order] as number, worker: base[at + GaugeBase.worker] as number }
    if (moment.order === 0 || (known.order !== 0 && !isAfter(moment, known))) return
    base[at + GaugeBase.value] = row.values[GaugeRow.value] as number
    base[at + GaugeBase.setMs] = moment.timeMs
    base[at + GaugeBase.order] = moment.order
    base[at + GaugeBase.worker] = moment.worker
  }

  /** Order 0: nothing was ever set. */
  #tell(moment: Moment, value: number): void {
    if (moment.order === 0) return
    this.#gauge?.set(moment, value)
    if (this.#last !== undefined && !isAfter(moment, this.#last)) return
    this.#last = moment
    this.#value = value
  }
}

function momentOf({ values, origin }: StatShardReader): Moment {
  return { timeMs: values[GaugeRow.setMs] as number, worker: origin.worker, order: values[GaugeRow.order] as number }
}

/** Exponential histograms: merged at the coarsest of their scales, or a coarser one when their span asks for it. */
export class ExponentialSum implements RowSum {
  #list!: SeriesList
  #index = 0
  #point: ExponentialPlace = { values: new Float64Array(0), at: 0, bucketsMax: 0 }

  start(list: SeriesList, index: number): void {
    this.#list = list
    this.#index = index
    const bucketsMax = list.stride - ExponentialPoint.buckets
    if (this.#point.bucketsMax !== bucketsMax) this.#point = { values: new Float64Array(list.stride), at: 0, bucketsMax }
    clearExponential(this.#point)
    if (list.base !== undefined) mergeExponential(this.#point, { values: list.base, at: list.baseAt(index), bucketsMax })
  }

  add(row: StatShardReader): void {
    addPoint(this.#point, row)
  }

  store(): void {
    this.#list.values.set(this.#point.values, this.#index * this.#list.stride)
  }

  fold(list: SeriesList, index: number, row: StatShardReader): void {
    const at = list.baseAt(index)
    addPoint({ values: list.base as Float64Array, at, bucketsMax: list.stride - ExponentialPoint.buckets }, row)
  }
}

function addPoint(into: ExponentialPlace, { values }: StatShardReader): void {
  const [count, sum] = [values[ExponentialRow.count] as number, values[ExponentialRow.sum] as number]
  addRowTotals(into, values, { count, sum, extremes: ExponentialRow.min, place: ExponentialRow.buckets })
  addBuckets(into, values, ExponentialRow.buckets, ExponentialRow.words)
}

type Summary = Extract<Aggregation, { kind: 'summary' }>

/** An age bucket that a closed shard has left behind. */
interface LeftWindow {
  readonly tick: number
  readonly point: ExponentialPlace
}

/** Summaries: count and sum are added up; quantiles are those of the age buckets that are young enough, of all rows together. */
export class SummarySum implements RowSum {
  readonly #nowMs: () => number
  readonly #left = new Map<number, LeftWindow[]>()
  readonly #point = newPoint()
  #list!: SeriesList
  #index = 0
  #count = 0
  #sum = 0
  #oldestTick = 0

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  start(list: SeriesList, index: number): void {
    const summary = list.of.aggregation as Summary
    this.#list = list
    this.#index = index
    this.#count = list.base?.[index * list.stride + SummaryRow.count] ?? 0
    this.#sum = list.base?.[index * list.stride + SummaryRow.sum] ?? 0
    this.#oldestTick = Math.floor(this.#nowMs() / windowMs(summary)) - summary.ageBuckets + 1
    clearExponential(this.#point)
    for (const { tick, point } of this.#left.get(list.ids[index] as number) ?? []) if (tick >= this.#oldestTick) mergeExponential(this.#point, point)
  }

  add({ values }: StatShardReader): void {
    this.#count += values[SummaryRow.count] as number
    this.#sum += values[SummaryRow.sum] as number
    eachWindow(this.#list.of.aggregation as Summary, values, (window, cells) => {
      if ((values[window + Window.tick] as number) >= this.#oldestTick) addWindow(this.#point, values, window, cells)
    })
  }

  store(): void {
    const { values, stride, of } = this.#list
    const at = this.#index * stride
    values[at + SummaryRow.count] = this.#count
    values[at + SummaryRow.sum] = this.#sum
    const { quantiles } = of.aggregation as Summary
    for (let i = 0; i < quantiles.length; i++) values[at + 2 + i] = exponentialQuantile(this.#point, quantiles[i] as number)
  }

  fold(list: SeriesList, index: number, { values }: StatShardReader): void {
    const at = list.baseAt(index)
    const base = list.base as Float64Array
    base[at + SummaryRow.count] = (base[at + SummaryRow.count] as number) + (values[SummaryRow.count] as number)
    base[at + SummaryRow.sum] = (base[at + SummaryRow.sum] as number) + (values[SummaryRow.sum] as number)
    const summary = list.of.aggregation as Summary
    const oldestTick = Math.floor(this.#nowMs() / windowMs(summary)) - summary.ageBuckets + 1
    const id = list.ids[index] as number
    const windows = (this.#left.get(id) ?? []).filter(({ tick }) => tick >= oldestTick)
    eachWindow(summary, values, (window, cells) => {
      const tick = values[window + Window.tick] as number
      if (tick < oldestTick) return
      const known = windows.find((left) => left.tick === tick)
      const left = known ?? { tick, point: newPoint() }
      addWindow(left.point, values, window, cells)
      if (known === undefined) windows.push(left)
    })
    if (windows.length > 0) this.#left.set(id, windows)
  }

  /** A series has ended. */
  forget(id: number): void {
    this.#left.delete(id)
  }
}

function newPoint(): ExponentialPlace {
  const point = { values: new Float64Array(ExponentialPoint.buckets + WINDOW_BUCKETS), at: 0, bucketsMax: WINDOW_BUCKETS }
  clearExponential(point)
  return point
}

/** Calls `visit` with the place of each age bucket that has ever been used, and that of its cells. */
function eachWindow(summary: Summary, values: Float64Array, visit: (window: number, cells: number) => void): void {
  let cells = SummaryRow.windows + summary.ageBuckets * Window.words
  for (let n = 0; n < summary.ageBuckets; n++) {
    const window = SummaryRow.windows + n * Window.words
    if (values[window + Window.tick] !== 0) visit(window, cells)
    cells += cellsOf(values, window + Window.buckets)
  }
}

function addWindow(into: ExponentialPlace, values: Float64Array, window: number, cells: number): void {
  const place = window + Window.buckets
  addRowTotals(into, values, { count: bucketsCount(values, place, cells), sum: 0, extremes: window + Window.min, place })
  addBuckets(into, values, place, cells)
}
