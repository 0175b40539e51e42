import type { SeriesList } from './series_list.ts'

/**
 * The series of a hub by number: where each stands, and how to find it by its list and label values. Numbers of ended
 * series are given out again.
 */
export class SeriesIndex {
  /** By number; undefined for numbers that are free. */
  readonly lists: (SeriesList | undefined)[] = []
  /** Index within the list. */
  indexes = new Int32Array(256)
  ttlMs = new Float64Array(256)
  /** 1 = its values are to be made anew. */
  dirty = new Uint8Array(256)
  /** Samples that ended rows had taken. */
  samples = new Float64Array(256)
  #hashes = new Int32Array(256)
  #free: number[] = []
  #slots = new Int32Array(1024)
  #live = 0

  /** Live series. */
  get size(): number {
    return this.#live
  }

  /** Numbers given out, the free ones included. */
  get end(): number {
    return this.lists.length
  }

  /** The number of a series; -1 when there is none. */
  find(list: SeriesList, values: readonly string[]): number {
    const mask = this.#slots.length - 1
    const hash = hashOf(list, values)
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const id = (this.#slots[slot] as number) - 1
      if (id < 0) return -1
      if (this.#hashes[id] === hash && this.lists[id] === list && hasValues(list, this.indexes[id] as number, values)) return id
    }
  }

  /** A number for a series that `find` does not know and that stands at `index` of its list. */
  add(list: SeriesList, index: number, values: readonly string[], ttlMs: number): number {
    const id = this.next()
    if (id === this.indexes.length) this.#grow()
    this.#free.pop()
    this.lists[id] = list
    this.indexes[id] = index
    this.ttlMs[id] = ttlMs
    this.dirty[id] = 1
    this.samples[id] = 0
    this.#hashes[id] = hashOf(list, values)
    this.#live++
    if (this.#live * 2 > this.#slots.length) this.#rehash(this.#slots.length * 2)
    else this.#insert(id)
    return id
  }

  /** The number that `add` will give. */
  next(): number {
    return this.#free.at(-1) ?? this.lists.length
  }

  /** Forgets series; their numbers may be given out again. */
  remove(ids: readonly number[]): void {
    for (const id of ids) {
      this.lists[id] = undefined
      this.#free.push(id)
    }
    this.#live -= ids.length
    this.#rehash(this.#slots.length)
  }

  #insert(id: number): void {
    const mask = this.#slots.length - 1
    let slot = (this.#hashes[id] as number) & mask
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask
    this.#slots[slot] = id + 1
  }

  #rehash(slots: number): void {
    this.#slots = new Int32Array(slots)
    for (let id = 0; id < this.lists.length; id++) if (this.lists[id] !== undefined) this.#insert(id)
  }

  #grow(): void {
    const length = this.indexes.length * 2
    this.indexes = copied(new Int32Array(length), this.indexes)
    this.#hashes = copied(new Int32Array(length), this.#hashes)
    this.ttlMs = copied(new Float64Array(length), this.ttlMs)
    this.samples = copied(new Float64Array(length), this.samples)
    this.dirty = copied(new Uint8Array(length), this.dirty)
  }
}

function copied<T extends Int32Array | Float64Array | Uint8Array>(to: T, from: T): T {
  to.set(from)
  return to
}

function hasValues(list: SeriesList, index: number, values: readonly string[]): boolean {
  const own = list.series[index]?.values as readonly string[]
  for (let i = 0; i < values.length; i++) if (own[i] !== values[i]) return false
  return true
}

// Seeded, so that a sender cannot prepare labels that all fall into one slot.
const SEED = (Math.random() * 0x7fff_ffff) | 0

function hashOf(list: SeriesList, values: readonly string[]): number {
  let h = SEED ^ Math.imul(list.number + 1, 0x85eb_ca6b)
  for (const value of values) {
    for (let i = 0; i < value.length; i++) {
      h = Math.imul(h ^ value.charCodeAt(i), 0x9e37_79b1)
      h ^= h >>> 15
    }
    h = Math.imul(h ^ value.length, 0xc2b2_ae35)
  }
  return h ^ (h >>> 16)
}
