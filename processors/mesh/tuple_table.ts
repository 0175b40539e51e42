/** What stands in a row before its key: two words of the caller, and two times. */
const VALUES = 2
const TIMES = 2
const HEADER_WORDS = VALUES + TIMES * 2
const ROWS_FIRST = 256

/**
 * Numbers tuples of 32-bit integers from 0 up, and keeps two integers and two times for each. Finding a tuple creates
 * nothing, and touches two places of memory: the slot with its hash, and the row, where tuple and values stand together.
 *
 * Tuples of different lengths must differ before the shorter one's end.
 */
export class TupleTable {
  readonly #stride: number
  /** So that a sender cannot prepare tuples that all fall into one slot. */
  readonly #seed = (Math.random() * 0x7fffffff) | 0
  #count = 0
  #words: Int32Array
  #times: Float64Array
  /** Number of the row plus one, and hash, side by side. */
  #slots = new Int32Array(ROWS_FIRST * 4)
  #mask = ROWS_FIRST * 2 - 1
  #hash = 0
  #slot = 0

  /** For tuples of up to `width` integers, an even number. */
  constructor(width: number) {
    this.#stride = HEADER_WORDS + width
    this.#words = new Int32Array(this.#stride * ROWS_FIRST)
    this.#times = new Float64Array(this.#words.buffer)
  }

  get size(): number {
    return this.#count
  }

  clear(): void {
    this.#count = 0
    this.#slots.fill(0)
  }

  /** The row of the first `length` integers of `tuple`, or -1; leaves the place where `add` would put it. */
  find(tuple: Int32Array, length: number): number {
    const hash = hashOf(tuple, length, this.#seed)
    this.#hash = hash
    const slots = this.#slots
    const words = this.#words
    const mask = this.#mask
    let slot = hash & mask
    for (let row = (slots[slot * 2] as number) - 1; row >= 0; row = (slots[slot * 2] as number) - 1) {
      if (slots[slot * 2 + 1] === hash && holds(words, row * this.#stride + HEADER_WORDS, tuple, length)) return row
      slot = (slot + 1) & mask
    }
    this.#slot = slot
    return -1
  }

  /** Adds the tuple that the preceding `find` did not find; returns its row, whose values and times are 0. */
  add(tuple: Int32Array, length: number): number {
    const row = this.#count++
    const at = row * this.#stride
    if (at + this.#stride > this.#words.length) this.#grow()
    this.#words.fill(0, at, at + HEADER_WORDS)
    for (let k = 0; k < length; k++) this.#words[at + HEADER_WORDS + k] = tuple[k] as number
    this.#slots[this.#slot * 2] = row + 1
    this.#slots[this.#slot * 2 + 1] = this.#hash
    if (this.#count * 2 > this.#mask) this.#rehash()
    return row
  }

  /** The integer that `setValue` gave to a row; `which` is 0 or 1. */
  value(row: number, which: 0 | 1): number {
    return this.#words[row * this.#stride + which] as number
  }

  setValue(row: number, which: 0 | 1, value: number): void {
    this.#words[row * this.#stride + which] = value
  }

  /** The time that `setTime` gave to a row; `which` is 0 or 1. */
  time(row: number, which: 0 | 1): number {
    return this.#times[((row * this.#stride) >> 1) + 1 + which] as number
  }

  setTime(row: number, which: 0 | 1, time: number): void {
    this.#times[((row * this.#stride) >> 1) + 1 + which] = time
  }

  #grow(): void {
    const grown = new Int32Array(this.#words.length * 2)
    grown.set(this.#words)
    this.#words = grown
    this.#times = new Float64Array(grown.buffer)
  }

  #rehash(): void {
    const old = this.#slots
    const slots = new Int32Array(old.length * 2)
    const mask = slots.length / 2 - 1
    for (let at = 0; at < old.length; at += 2) {
      if (old[at] === 0) continue
      let slot = (old[at + 1] as number) & mask
      while (slots[slot * 2] !== 0) slot = (slot + 1) & mask
      slots[slot * 2] = old[at] as number
      slots[slot * 2 + 1] = old[at + 1] as number
    }
    this.#slots = slots
    this.#mask = mask
  }
}

function holds(words: Int32Array, at: number, tuple: Int32Array, length: number): boolean {
  for (let k = 0; k < length; k++) if (words[at + k] !== tuple[k]) return false
  return true
}

/** Two sums that do not wait for each other. */
function hashOf(tuple: Int32Array, length: number, seed: number): number {
  let even = seed ^ length
  let odd = seed
  let k = 1
  for (; k < length; k += 2) {
    even = Math.imul(even ^ (tuple[k - 1] as number), 0x9e3779b1)
    odd = Math.imul(odd ^ (tuple[k] as number), 0x85ebca6b)
    even ^= even >>> 15
    odd ^= odd >>> 13
  }
  if (k === length) even = Math.imul(even ^ (tuple[k - 1] as number), 0x9e3779b1)
  const hash = Math.imul(even ^ (even >>> 15) ^ odd, 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}
