import { AttributeSet, type AttributeValue, type Resource, type Scope, valueKey } from '../../model/attributes.ts'
import { type Exemplar, type FamilyPoints, type MetricFamily, valuesPerPoint } from '../../model/metrics.ts'
import { addPoint } from '../../model/point_sums.ts'

export type AddOutcome = 'taken' | 'out_of_order' | 'no_room'

/**
 * Remembers the last point of every series of one family, resource and scope, for producers that only tell news. Deltas
 * are added up, so that what comes out is always cumulative.
 */
export class PointStore {
  readonly #family: MetricFamily
  readonly #resource: Resource
  readonly #scope: Scope
  readonly #stride: number
  readonly #isDelta: boolean
  #indexes = new Map<string, number>()
  #series: AttributeSet[] = []
  #values: Float64Array
  #startTimesMs = new Float64Array(16)
  /** When each series was last heard of, by the daemon's clock: what a sender's clock says must not end a series. */
  #receivedMs = new Float64Array(16)
  #timesMs = new Float64Array(16)
  #exemplars: (Exemplar | undefined)[] = []
  #points: FamilyPoints

  constructor(points: FamilyPoints) {
    this.#isDelta = points.family.temporality === 'delta'
    this.#family = this.#isDelta ? { ...points.family, temporality: 'cumulative' } : points.family
    this.#resource = points.resource
    this.#scope = points.scope
    this.#stride = valuesPerPoint(points.family)
    this.#values = new Float64Array(16 * this.#stride)
    this.#points = this.#view()
  }

  get size(): number {
    return this.#series.length
  }

  /** All series; the object changes when columns grow or series end. */
  get points(): FamilyPoints {
    return this.#points
  }

  /** Per series: the time of its last point. */
  get timesMs(): Float64Array {
    return this.#timesMs
  }

  /**
   * Takes point `i` of a batch. `out_of_order`: it is older than the one known. `no_room`: the series is new and
   * `mayGrow` is false; a delta is then counted in the overflow series, which may be made even so.
   */
  add(points: FamilyPoints, i: number, times: { readonly pointMs: number; readonly nowMs: number; readonly mayGrow: boolean }): AddOutcome {
    const attributes = points.series[i] as AttributeSet
    const key = keyOf(attributes)
    const known = this.#indexes.get(key)
    if (known !== undefined) return this.#put(known, points, i, times) ? 'taken' : 'out_of_order'
    if (times.mayGrow) {
      this.#put(this.#append(key, attributes, points.startTimesMs[i] as number), points, i, times)
      return 'taken'
    }
    if (this.#isDelta && this.#family.type !== 'gauge') {
      const overflow = this.#indexes.get(OVERFLOW_KEY) ?? this.#append(OVERFLOW_KEY, OVERFLOW, times.nowMs)
      this.#put(overflow, points, i, times)
    }
    return 'no_room'
  }

  /** True when `no_room` points are counted in an overflow series instead of being lost. */
  get hasOverflow(): boolean {
    return this.#isDelta && this.#family.type !== 'gauge'
  }

  /** Ends the series that `attributes` of another store of the family replace. */
  remove(attributes: AttributeSet): void {
    const index = this.#indexes.get(keyOf(attributes))
    if (index !== undefined) this.#receivedMs[index] = Number.NEGATIVE_INFINITY
  }

  /** Removes the series not heard of since `cutoffMs`. */
  expire(cutoffMs: number): void {
    let kept = 0
    for (let i = 0; i < this.size; i++) if ((this.#receivedMs[i] as number) >= cutoffMs) kept++
    if (kept === this.size) return
    const old = {
      series: this.#series,
      values: this.#values,
      start: this.#startTimesMs,
      received: this.#receivedMs,
      times: this.#timesMs,
      exemplars: this.#exemplars,
    }
    const keys = [...this.#indexes.keys()]
    this.#indexes = new Map()
    this.#series = []
    this.#exemplars = []
    this.#allocate(Math.max(16, kept))
    for (const [i, attributes] of old.series.entries()) {
      if ((old.received[i] as number) < cutoffMs) continue
      const to = this.#append(keys[i] as string, attributes, old.start[i] as number)
      this.#values.set(old.values.subarray(i * this.#stride, (i + 1) * this.#stride), to * this.#stride)
      this.#receivedMs[to] = old.received[i] as number
      this.#timesMs[to] = old.times[i] as number
      this.#exemplars[to] = old.exemplars[i]
    }
    this.#points = this.#view()
  }

  #put(index: number, points: FamilyPoints, i: number, times: { readonly pointMs: number; readonly nowMs: number }): boolean {
    if (!this.#isDelta && times.pointMs < (this.#timesMs[index] as number)) return false
    const from = points.offset + i * points.stride
    const to = index * this.#stride
    if (this.#isDelta && this.#family.type !== 'gauge') addPoint(this.#family, { values: this.#values, at: to }, { values: points.values, at: from })
    else for (let n = 0; n < this.#stride; n++) this.#values[to + n] = points.values[from + n] as number
    if (!this.#isDelta) this.#startTimesMs[index] = points.startTimesMs[i] as number
    this.#timesMs[index] = Math.max(this.#timesMs[index] as number, times.pointMs)
    this.#receivedMs[index] = times.nowMs
    this.#exemplars[index] = points.exemplar?.(i) ?? this.#exemplars[index]
    return true
  }

  #append(key: string, attributes: AttributeSet, startMs: number): number {
    const index = this.#series.length
    if (index === this.#startTimesMs.length) {
      const old = { values: this.#values, start: this.#startTimesMs, received: this.#receivedMs, times: this.#timesMs }
      this.#allocate(index * 2)
      this.#values.set(old.values)
      this.#startTimesMs.set(old.start)
      this.#receivedMs.set(old.received)
      this.#timesMs.set(old.times)
      this.#points = this.#view()
    }
    this.#series.push(attributes)
    this.#indexes.set(key, index)
    this.#startTimesMs[index] = startMs
    return index
  }

  #allocate(capacity: number): void {
    this.#values = new Float64Array(capacity * this.#stride)
    this.#startTimesMs = new Float64Array(capacity)
    this.#receivedMs = new Float64Array(capacity)
    this.#timesMs = new Float64Array(capacity)
  }

  #view(): FamilyPoints {
    const exemplars = this.#exemplars
    return {
      family: this.#family,
      resource: this.#resource,
      scope: this.#scope,
      series: this.#series,
      values: this.#values,
      offset: 0,
      stride: this.#stride,
      startTimesMs: this.#startTimesMs,
      updatedMs: this.#receivedMs,
      exemplar: (i) => exemplars[i],
    }
  }
}

const OVERFLOW = AttributeSet.of({ otel_metric_overflow: 'true' })
const OVERFLOW_KEY = keyOf(OVERFLOW)

/** One text per set of attributes, whatever their order. */
export function keyOf(attributes: AttributeSet): string {
  const parts = attributes.keys.map((key, i) => `${JSON.stringify(key)}:${valueKey(attributes.values[i] as AttributeValue)}`)
  return parts.sort().join(',')
}
