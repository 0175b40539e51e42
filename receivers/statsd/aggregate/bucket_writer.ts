import { coarsenCells, lastCell, raiseCells, shiftToFit } from '../../../model/exponential.ts'
import { Buckets } from './layout.ts'
import { NO_PLACE, type StatShard } from './shard.ts'

/** Rooms for pairs of bucket and count, before a histogram gets neighbouring cells. */
const PAIRS = [6, 20] as const

/**
 * Writes the buckets of exponential histograms into the rows of a shard. A histogram with few buckets in use keeps pairs
 * of bucket and count; one with many gets `bucketsMax` neighbouring cells. Its scale depends on its values alone: as fine
 * as the span from the lowest to the highest bucket allows.
 */
export class BucketWriter {
  readonly #shard: StatShard
  readonly #words: Float64Array
  /** Times that a histogram had to be made coarser, or counted in its zero bucket, because memory was used up. */
  coarsened = 0

  constructor(shard: StatShard) {
    this.#shard = shard
    this.#words = shard.words
  }

  /** Counts `weight` observations in bucket `finest` (of scale 20) of the histogram at `at`. The row must be marked as busy. */
  add(at: number, bucketsMax: number, finest: number, weight: number): void {
    const words = this.#words
    const form = words[at + Buckets.form] as number
    const block = words[at + Buckets.block] as number
    const index = finest >> (words[at + Buckets.shift] as number)
    if (form > 0) {
      const cell = index - (words[at + Buckets.first] as number)
      if (cell >= 0 && cell < form) {
        words[block + cell] = (words[block + cell] as number) + weight
        return
      }
      this.#widen(at, form, finest)
      const place = block + (finest >> (words[at + Buckets.shift] as number)) - (words[at + Buckets.first] as number)
      words[place] = (words[place] as number) + weight
      return
    }
    const pair = this.#pairOf(at, index)
    if (pair !== NO_PLACE) words[pair + 1] = (words[pair + 1] as number) + weight
    else this.#addPair(at, bucketsMax, finest, weight)
  }

  /** Empties a histogram and gives its cells back. The row must be marked as busy. */
  clear(at: number): void {
    const form = this.#words[at + Buckets.form] as number
    if (form !== 0) this.#shard.release(this.#words[at + Buckets.block] as number, form > 0 ? form : form * -2)
    this.#words.fill(0, at, at + Buckets.words)
  }

  #pairOf(at: number, index: number): number {
    const words = this.#words
    if (words[at + Buckets.form] === 0) return NO_PLACE
    const block = words[at + Buckets.block] as number
    const end = block + 2 * (words[at + Buckets.first] as number)
    for (let pair = block; pair < end; pair += 2) if (words[pair] === index) return pair
    return NO_PLACE
  }

  /** Makes neighbouring cells reach the bucket of `finest`: moved up, or coarser when the span is too wide. */
  #widen(at: number, cells: number, finest: number): void {
    const words = this.#words
    const block = words[at + Buckets.block] as number
    const shift = words[at + Buckets.shift] as number
    const first = words[at + Buckets.first] as number
    const last = lastCell(words, block, cells)
    const index = finest >> shift
    const more = shiftToFit(Math.min(index, first), Math.max(index, first + last), cells)
    coarsenCells(words, block, last + 1, first, more)
    const newFirst = Math.min(index, first) >> more
    raiseCells(words, block, cells, (first >> more) - newFirst)
    words[at + Buckets.shift] = shift + more
    words[at + Buckets.first] = newFirst
  }

  /** Counts in a bucket that has no pair yet. */
  #addPair(at: number, bucketsMax: number, finest: number, weight: number): void {
    const words = this.#words
    this.#coarsenPairs(at, this.#shiftFor(at, bucketsMax, finest))
    for (;;) {
      const index = finest >> (words[at + Buckets.shift] as number)
      const pair = this.#pairOf(at, index)
      if (pair !== NO_PLACE) {
        words[pair + 1] = (words[pair + 1] as number) + weight
        return
      }
      const used = words[at + Buckets.first] as number
      if (used < -(words[at + Buckets.form] as number)) {
        const place = (words[at + Buckets.block] as number) + 2 * used
        words[place] = index
        words[place + 1] = weight
        words[at + Buckets.first] = used + 1
        return
      }
      if (this.#grow(at, bucketsMax, index)) {
        this.add(at, bucketsMax, finest, weight)
        return
      }
      this.coarsened++
      if (words[at + Buckets.form] === 0) {
        words[at + Buckets.zeroCount] = (words[at + Buckets.zeroCount] as number) + weight
        return
      }
      this.#coarsenPairs(at, 1)
    }
  }

  /** How much coarser pairs must become so that they and `finest` span `bucketsMax` buckets at most. */
  #shiftFor(at: number, bucketsMax: number, finest: number): number {
    const words = this.#words
    let low = finest >> (words[at + Buckets.shift] as number)
    let high = low
    const block = words[at + Buckets.block] as number
    for (let i = 0; i < (words[at + Buckets.first] as number); i++) {
      const index = words[block + 2 * i] as number
      if (index < low) low = index
      if (index > high) high = index
    }
    return shiftToFit(low, high, bucketsMax)
  }

  #coarsenPairs(at: number, shift: number): void {
    if (shift === 0) return
    const words = this.#words
    const block = words[at + Buckets.block] as number
    const used = words[at + Buckets.first] as number
    let kept = 0
    for (let i = 0; i < used; i++) {
      const index = (words[block + 2 * i] as number) >> shift
      const count = words[block + 2 * i + 1] as number
      let to = 0
      while (to < kept && words[block + 2 * to] !== index) to++
      if (to === kept) {
        words[block + 2 * to] = index
        words[block + 2 * to + 1] = count
        kept++
      } else words[block + 2 * to + 1] = (words[block + 2 * to + 1] as number) + count
    }
    words[at + Buckets.first] = kept
    words[at + Buckets.shift] = (words[at + Buckets.shift] as number) + shift
  }

  /** Gives a histogram more room: more pairs, or neighbouring cells that reach `index` too. False when there is none to give. */
  #grow(at: number, bucketsMax: number, index: number): boolean {
    const words = this.#words
    const room = -(words[at + Buckets.form] as number)
    const pairs = PAIRS.find((size) => size > room && size * 2 < bucketsMax)
    const size = pairs === undefined ? bucketsMax : pairs * 2
    const block = this.#shard.allocate(size)
    if (block === NO_PLACE) return false
    const old = words[at + Buckets.block] as number
    const used = words[at + Buckets.first] as number
    if (pairs === undefined) {
      let first = index
      for (let i = 0; i < used; i++) first = Math.min(first, words[old + 2 * i] as number)
      for (let i = 0; i < used; i++) words[block + (words[old + 2 * i] as number) - first] = words[old + 2 * i + 1] as number
      words[at + Buckets.first] = first
    } else words.copyWithin(block, old, old + 2 * used)
    words[at + Buckets.form] = pairs === undefined ? bucketsMax : -pairs
    words[at + Buckets.block] = block
    if (room > 0) this.#shard.release(old, room * 2)
    return true
  }
}
