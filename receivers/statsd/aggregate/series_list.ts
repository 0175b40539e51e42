import type { AttributeSet, Resource, Scope } from '../../../model/attributes.ts'
import { type FamilyPoints, type MetricFamily, valuesPerPoint } from '../../../model/metrics.ts'
import type { Aggregation } from '../naming/naming.ts'
import type { RowForm } from './layout.ts'
import type { SmallColumns } from './small_columns.ts'

/** What all lists of a family have in common. */
export interface ListFamily {
  readonly family: MetricFamily
  readonly aggregation: Aggregation
  /** Of the rows of its series. */
  readonly form: RowForm
}

/** What a batch says about the origin of its points. */
export interface ListOrigin {
  readonly producer: object
  readonly resource: Resource
  readonly scope: Scope
}

/** Words per series of what ended shards held: a gauge's last value comes with its time, worker and order. */
export const GaugeBase = { value: 0, setMs: 1, order: 2, worker: 3, words: 4 } as const

// Shared by all lists that are empty; nothing is ever put into them.
const NO_NUMBERS = new Float64Array(0)
const NO_SERIES: AttributeSet[] = []
const NO_IDS: number[] = []

/**
 * The series of one family that have the same label keys, in the columns that consumers see. Series are appended; to
 * remove some, all columns are made anew, and a reader of an old batch goes on reading old numbers.
 */
export class SeriesList {
  readonly of: ListFamily
  readonly keys: readonly string[]
  /** Tells it from other lists of the hub. */
  readonly number: number
  readonly stride: number
  /** True when consumers have been told that it is empty: series of its kind go into a new one. */
  isEnded = false
  /** Rows that are about to be looked at and may belong to new series: columns that grow make room for them at once. */
  expected = 0
  readonly #baseStride: number
  readonly #small: SmallColumns
  series: AttributeSet[] = NO_SERIES
  /** Number of each series in the hub. */
  ids: number[] = NO_IDS
  values = NO_NUMBERS
  startTimesMs = NO_NUMBERS
  updatedMs = NO_NUMBERS
  /** What ended shards held; undefined as long as there was none. */
  base: Float64Array | undefined
  #capacity = 0
  #points: FamilyPoints | undefined

  constructor(of: ListFamily, keys: readonly string[], { number, small }: { readonly number: number; readonly small: SmallColumns }) {
    this.of = of
    this.keys = keys
    this.number = number
    this.#small = small
    this.stride = valuesPerPoint(of.family)
    this.#baseStride = of.aggregation.kind === 'gauge' ? GaugeBase.words : this.stride
  }

  get size(): number {
    return this.series.length
  }

  get form(): RowForm {
    return this.of.form
  }

  /** Appends a series; returns its index. */
  add(attributes: AttributeSet, id: number, startMs: number): number {
    const index = this.series.length
    if (index === this.#capacity) this.#grow()
    if (index === 0) {
      // Many lists have one series only: an array that grows has room for sixteen more.
      this.series = [attributes]
      this.ids = [id]
    } else {
      this.series.push(attributes)
      this.ids.push(id)
    }
    if (this.#capacity === 1) this.startTimesMs = this.#small.constant(startMs)
    else this.startTimesMs[index] = startMs
    return index
  }

  /** Place of a series in `base`, which is made when there is none. */
  baseAt(index: number): number {
    this.base ??= new Float64Array(this.#capacity * this.#baseStride)
    return index * this.#baseStride
  }

  /** Removes series; `moved` is told the new index of each that stays. */
  remove(isEnded: (id: number) => boolean, moved: (id: number, index: number) => void): void {
    const old = { series: this.series, ids: this.ids, values: this.values, start: this.startTimesMs, updated: this.updatedMs, base: this.base }
    const kept = old.ids.filter((id) => !isEnded(id)).length
    this.series = NO_SERIES
    this.ids = NO_IDS
    this.#allocate(kept, old.base !== undefined)
    for (const [from, id] of old.ids.entries()) {
      if (isEnded(id)) continue
      const to = this.add(old.series[from] as AttributeSet, id, old.start[from] as number)
      this.values.set(old.values.subarray(from * this.stride, (from + 1) * this.stride), to * this.stride)
      this.updatedMs[to] = old.updated[from] as number
      if (old.base !== undefined) this.base?.set(old.base.subarray(from * this.#baseStride, (from + 1) * this.#baseStride), to * this.#baseStride)
      moved(id, to)
    }
  }

  /** The list as consumers get it; the same object as long as columns are not made anew. */
  points(origin: ListOrigin): FamilyPoints {
    if (this.#points === undefined || this.#points.values !== this.values || this.#points.series !== this.series) {
      const { producer, resource, scope } = origin
      const { series, values, stride, startTimesMs, updatedMs } = this
      // Spread, `origin` would give each of these objects a second part.
      this.#points = { producer, resource, scope, family: this.of.family, series, values, offset: 0, stride, startTimesMs, updatedMs }
    }
    return this.#points
  }

  #allocate(capacity: number, hasBase: boolean): void {
    this.#capacity = capacity
    const isSmall = capacity === 1
    this.values = isSmall ? this.#small.take(this.stride) : new Float64Array(capacity * this.stride)
    this.startTimesMs = isSmall ? NO_NUMBERS : new Float64Array(capacity)
    this.updatedMs = isSmall ? this.#small.take(1) : new Float64Array(capacity)
    this.base = hasBase ? new Float64Array(capacity * this.#baseStride) : undefined
  }

  #grow(): void {
    const { values, startTimesMs, updatedMs, base } = this
    // By half at least when they grow one by one.
    this.#allocate(Math.max(this.size + Math.max(1, this.expected), Math.ceil(this.#capacity * 1.5)), base !== undefined)
    this.values.set(values)
    this.startTimesMs.set(startTimesMs)
    this.updatedMs.set(updatedMs)
    if (base !== undefined) this.base?.set(base)
  }
}
