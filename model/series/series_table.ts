import type { AttributeSet } from '../attributes.ts'

/**
 * The merged series of a hub, in columns: what consumers see (`series`, `values`, times) and what the hub needs to find
 * and to sum them. Series are only appended; to remove some, the hub builds a new table.
 *
 * Columns that consumers see are never moved within themselves: growing makes new arrays, so that a reader of an old
 * batch goes on reading consistent, only older, numbers.
 */
export class SeriesTable {
  readonly labels: number
  readonly stride: number
  readonly series: AttributeSet[] = []
  values: Float64Array
  startTimesMs: Float64Array
  updatedMs: Float64Array
  /** What ended shards counted, less what was counted before a series started anew. */
  base: Float64Array
  /** When the gauges in `base` were set. */
  baseUpdatedMs: Float64Array
  /** 1 = must be summed anew although none of its rows has changed. */
  dirty: Uint8Array
  /** Per series: one text number per label. */
  tuples: Int32Array
  /** Index of the overflow series; -1 while there is none. It has no tuple. */
  overflowAt = -1
  #slots: Int32Array
  #capacity: number

  constructor(columns: { readonly labels: number; readonly stride: number }, capacity = 64) {
    this.labels = columns.labels
    this.stride = columns.stride
    this.#capacity = capacity
    this.values = new Float64Array(capacity * this.stride)
    this.startTimesMs = new Float64Array(capacity)
    this.updatedMs = new Float64Array(capacity)
    this.base = new Float64Array(capacity * this.stride)
    this.baseUpdatedMs = new Float64Array(capacity)
    this.dirty = new Uint8Array(capacity)
    this.tuples = new Int32Array(capacity * this.labels)
    let slots = 128
    while (slots < capacity * 2) slots *= 2
    this.#slots = new Int32Array(slots)
  }

  get size(): number {
    return this.series.length
  }

  get capacity(): number {
    return this.#capacity
  }

  /** The series of a tuple of text numbers; -1 when there is none. */
  find(tuple: Int32Array): number {
    const mask = this.#slots.length - 1
    for (let slot = hashOf(tuple, 0, tuple.length) & mask; ; slot = (slot + 1) & mask) {
      const index = (this.#slots[slot] as number) - 1
      if (index < 0) return -1
      if (this.#equals(index, tuple)) return index
    }
  }

  /** Appends a series that `find` does not know. */
  add(tuple: Int32Array, attributes: AttributeSet, startMs: number): number {
    const index = this.#append(attributes, startMs)
    this.tuples.set(tuple, index * this.labels)
    if (this.size * 2 > this.#slots.length) this.#rehash(this.#slots.length * 2)
    else this.#insert(index)
    return index
  }

  /** Appends the series that stands for all that found no place. */
  addOverflow(attributes: AttributeSet, startMs: number): number {
    this.overflowAt = this.#append(attributes, startMs)
    return this.overflowAt
  }

  /** Copies what series `from` of `other` holds, its text numbers excepted, to series `to`. */
  copyFrom(other: SeriesTable, from: number, to: number): void {
    const stride = this.stride
    this.values.set(other.values.subarray(from * stride, (from + 1) * stride), to * stride)
    this.base.set(other.base.subarray(from * stride, (from + 1) * stride), to * stride)
    this.updatedMs[to] = other.updatedMs[from] as number
    this.baseUpdatedMs[to] = other.baseUpdatedMs[from] as number
    this.dirty[to] = other.dirty[from] as number
  }

  #append(attributes: AttributeSet, startMs: number): number {
    const index = this.series.length
    if (index === this.#capacity) this.#grow()
    this.series.push(attributes)
    this.startTimesMs[index] = startMs
    this.dirty[index] = 1
    return index
  }

  #grow(): void {
    this.#capacity *= 2
    this.values = grown(this.values)
    this.startTimesMs = grown(this.startTimesMs)
    this.updatedMs = grown(this.updatedMs)
    this.base = grown(this.base)
    this.baseUpdatedMs = grown(this.baseUpdatedMs)
    const dirty = new Uint8Array(this.#capacity)
    dirty.set(this.dirty)
    this.dirty = dirty
    const tuples = new Int32Array(this.#capacity * this.labels)
    tuples.set(this.tuples)
    this.tuples = tuples
  }

  #insert(index: number): void {
    const mask = this.#slots.length - 1
    let slot = hashOf(this.tuples, index * this.labels, this.labels) & mask
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask
    this.#slots[slot] = index + 1
  }

  #rehash(slots: number): void {
    this.#slots = new Int32Array(slots)
    for (let index = 0; index < this.size; index++) if (index !== this.overflowAt) this.#insert(index)
  }

  #equals(index: number, tuple: Int32Array): boolean {
    const at = index * this.labels
    for (let i = 0; i < tuple.length; i++) if (this.tuples[at + i] !== tuple[i]) return false
    return true
  }
}

function hashOf(tuple: Int32Array, at: number, length: number): number {
  let h = length
  for (let i = at; i < at + length; i++) {
    h = Math.imul(h ^ (tuple[i] as number), 0x9e3779b1)
    h ^= h >>> 15
  }
  return h
}

function grown(array: Float64Array): Float64Array {
  const twice = new Float64Array(array.length * 2)
  twice.set(array)
  return twice
}
