import { COLON, DOT, LF, PIPE, ZERO } from './parse/bytes.ts'
import { EXACT_DIGITS, POWERS_OF_TEN } from './parse/number.ts'
import type { Sample } from './sample.ts'

/** Lines are remembered that have at most so many bytes before their value and at most so many behind it. */
const PART_BYTES_MAX = 1024
/** So many bytes must be readable where lines end: the LF that ends the last one, and what fills its word up. */
export const SLACK_BYTES = 4

const ONES = 0x01010101
const HIGH = 0x80808080 | 0
const COLONS = Math.imul(COLON, ONES)
const LINE_FEEDS = Math.imul(LF, ONES)

/**
 * Where the parts of a remembered line stand, in words from its place on; `headLength` is in bytes, and from `head` on stand these,
 * filled up to whole words. `tail` is the place of the tail, which many lines may share.
 */
const Line = { next: 0, tail: 1, hash: 2, source: 3, entry: 4, headLength: 5, head: 6 } as const
/** The same of a tail; `weight` is a double. */
const Tail = { length: 0, weight: 2, bytes: 4 } as const
/** Tails that are at hand, so that a line can share one. */
const TAILS = 1 << 12

const SLOTS_FIRST = 1 << 12
/** With a longer run of occupied slots a line is not remembered: somebody makes lines that collide. */
const PROBES_MAX = 32
/** A slot holds the place of a line, in units of 8 bytes, and in its higher bits some of the hash. */
const PLACE_MASK = 0x3fffff
const BYTES_MAX = (PLACE_MASK + 1) * 8
const BYTES_MIN = 1 << 13
/** After so many lines in a row that were neither known nor to be remembered, only one of some is looked for. */
const VAIN_MAX = 64
const VAIN_SHARE = 16
/** When so many times as many lines as there are found no room, it is not those that come which are remembered. */
const REFUSALS_PER_LINE = 4

/**
 * Remembers whole lines but for their numbers: the head, `name:`, and the tail, `|type|…` up to the end. A line in which both are
 * the same byte for byte is of the same series and has the same weight; only its number has to be read.
 *
 * Lines stand in memory in the order in which they were first seen, and each knows which one followed it the last time: senders
 * repeat themselves in the same order, and then nothing is hashed. Memory is reserved at full size; what is not used takes none.
 */
export class KnownLines {
  readonly #words: Int32Array
  readonly #doubles: Float64Array
  // Seeded, so that a sender cannot prepare lines that all fall into one slot.
  readonly #seed = (Math.random() * 0x7fffffff) | 0
  readonly #tails = new Int32Array(TAILS)
  #slots = new Int32Array(SLOTS_FIRST)
  #mask = SLOTS_FIRST - 1
  // Place 0 is no line, and knows which one came first.
  #used: number = Line.head
  #count = 0
  #refused = 0
  #last = 0
  #source = 0
  #otherSource = 0
  // Lines in a row that were neither found nor remembered.
  #vain = 0
  // Of the line that was looked for last; the number is begun as a fraction, so that the engine keeps no small integer here.
  #number = 0.5
  #numberEnd = 0
  #end = 0
  #hash = 0
  /** Where the line begins when it was not found, but might have been; else -1. */
  #missed = -1

  /** `bytesMax` is the most memory that lines take. */
  constructor(bytesMax: number) {
    const buffer = new ArrayBuffer(Math.min(BYTES_MAX, Math.max(BYTES_MIN, bytesMax & ~7)))
    this.#words = new Int32Array(buffer)
    this.#doubles = new Float64Array(buffer)
  }

  /** Lines that are remembered. */
  get size(): number {
    return this.#count
  }

  /** The number in the line that was found. */
  get value(): number {
    return this.#number
  }

  /** Where the line that was found ends: the place of its LF. */
  get end(): number {
    return this.#end
  }

  /** What `remember` was told of a line. */
  entryOf(line: number): number {
    return this.#words[line + Line.entry] as number
  }

  /** How many samples one of the line stands for. */
  weightOf(line: number): number {
    return this.#doubles[((this.#words[line + Line.tail] as number) + Tail.weight) >> 1] as number
  }

  /** Forgets all lines. */
  renew(): void {
    this.#words[Line.next] = 0
    this.#slots.fill(0)
    this.#tails.fill(0)
    this.#used = Line.head
    this.#count = 0
    this.#refused = 0
    this.#last = 0
    this.#missed = -1
  }

  /**
   * From now on, lines are found that were remembered for one of these sources: integers of 32 bits that tell apart lines which are
   * the same byte for byte.
   */
  lookFor(source: number, otherSource: number): void {
    this.#source = source
    this.#otherSource = otherSource
  }

  /**
   * The line that begins at `start`; 0 when it is not remembered or its value is not a number without sign and exponent, of at most
   * 15 digits. An LF must stand at `end`, where the last line ends, and begin `SLACK_BYTES` that are readable.
   */
  find(view: DataView, start: number, end: number): number {
    this.#missed = -1
    const words = this.#words
    const guess = words[this.#last + Line.next] as number
    if (guess !== 0 && this.#isAt(guess, view, start)) {
      this.#last = guess
      this.#vain = 0
      return guess
    }
    // Where all lines are of another kind, to look for each would cost a sixth more.
    if (++this.#vain > VAIN_MAX && this.#vain % VAIN_SHARE !== 0) return 0
    const line = this.#search(view, start, end)
    if (line === 0) return 0
    words[this.#last + Line.next] = line
    this.#last = line
    this.#vain = 0
    return line
  }

  /**
   * Remembers the line of a plain sample without a timestamp, if it is the one that `find` has not found just now: from now on it
   * is found for `source`.
   */
  remember(sample: Sample, view: DataView, { source, entry }: { readonly source: number; readonly entry: number }): void {
    const { lineStart, lineEnd, valueStart, valueEnd } = sample
    // Not one that has a sign, or is too long.
    if (lineStart !== this.#missed) return
    const line = this.#used
    const hash = hashFor(source, this.#hash)
    const place = nextPlace(line + Line.head, valueStart - lineStart)
    const tail = this.#sharedTail(view, valueEnd, lineEnd, place)
    const end = tail === place ? nextPlace(tail + Tail.bytes, lineEnd - valueEnd) : place
    if (end > this.#words.length) {
      if (++this.#refused > this.#count * REFUSALS_PER_LINE) this.renew()
      return
    }
    if (!this.#place(line, hash)) return
    this.#used = end
    this.#vain = 0
    const words = this.#words
    words[line + Line.next] = 0
    words[line + Line.tail] = tail
    words[line + Line.hash] = hash
    words[line + Line.source] = source
    words[line + Line.entry] = entry
    words[line + Line.headLength] = valueStart - lineStart
    this.#copy(view, lineStart, valueStart, line + Line.head)
    if (tail === place) {
      words[tail + Tail.length] = lineEnd - valueEnd
      this.#doubles[(tail + Tail.weight) >> 1] = sample.weight
      this.#copy(view, valueEnd, lineEnd, tail + Tail.bytes)
      this.#tails[this.#tailSlot(view, valueEnd, lineEnd)] = tail
    }
    words[this.#last + Line.next] = line
    this.#last = line
    if (++this.#count * 2 > this.#mask) this.#rehash()
  }

  /** The place of a tail that is at hand; `place` when it is not. */
  #sharedTail(view: DataView, start: number, end: number, place: number): number {
    const tail = this.#tails[this.#tailSlot(view, start, end)] as number
    const isSame = tail !== 0 && this.#words[tail + Tail.length] === end - start && this.#equals(tail + Tail.bytes, view, start, end - start)
    return isSame ? tail : place
  }

  #tailSlot(view: DataView, start: number, end: number): number {
    this.#hash = this.#seed
    this.#hashTo(LINE_FEEDS, view, start, end)
    return hashFor(0, this.#hash) & (TAILS - 1)
  }

  #copy(view: DataView, start: number, end: number, to: number): void {
    for (let at = start, word = to; at < end; at += 4, word++) this.#words[word] = view.getInt32(at, true)
  }

  /** Whether a line begins at `start` that differs from a known one, of a source that is looked for, in its number alone. */
  #isAt(line: number, view: DataView, start: number): boolean {
    const words = this.#words
    const source = words[line + Line.source] as number
    if (source !== this.#source && source !== this.#otherSource) return false
    const head = words[line + Line.headLength] as number
    // No part of a line has an LF in it: neither can go beyond the end of this one.
    if (!this.#equals(line + Line.head, view, start, head) || !this.#readNumber(view, start + head)) return false
    const tail = words[line + Line.tail] as number
    const length = words[tail + Tail.length] as number
    const end = this.#numberEnd + length
    if (!this.#equals(tail + Tail.bytes, view, this.#numberEnd, length) || view.getUint8(end) !== LF) return false
    this.#end = end
    return true
  }

  #search(view: DataView, start: number, end: number): number {
    this.#hash = this.#seed
    const colon = this.#hashTo(COLONS, view, start, end)
    if (colon < 0 || view.getUint8(colon) !== COLON || !this.#readNumber(view, colon + 1)) return 0
    if (this.#hashTo(LINE_FEEDS, view, this.#numberEnd, end) < 0) return 0
    this.#missed = start
    const line = this.#lookUp(this.#source, view, start)
    return line === 0 && this.#otherSource !== this.#source ? this.#lookUp(this.#otherSource, view, start) : line
  }

  #lookUp(source: number, view: DataView, start: number): number {
    const hash = hashFor(source, this.#hash)
    for (let probe = 0; probe < PROBES_MAX; probe++) {
      const slot = this.#slots[(hash + probe) & this.#mask] as number
      if (slot === 0) return 0
      if (((slot ^ hash) & ~PLACE_MASK) !== 0) continue
      const line = (slot & PLACE_MASK) << 1
      if (this.#isAt(line, view, start)) return line
    }
    return 0
  }

  /**
   * Adds the bytes from `start` up to the first LF, or another one that is wanted, to `#hash`; returns where that stands, -1 when it
   * is too far away. `wanted` has the other one in all four bytes.
   */
  #hashTo(wanted: number, view: DataView, start: number, end: number): number {
    let h = this.#hash
    for (let at = start | 0, last = Math.min(start + PART_BYTES_MAX, end); at <= last; at = (at + 4) | 0) {
      const word = view.getInt32(at, true)
      const x = word ^ wanted
      const y = word ^ LINE_FEEDS
      const marks = (((x - ONES) & ~x) | ((y - ONES) & ~y)) & HIGH
      if (marks !== 0) {
        // The lowest mark is in the byte that was looked for, others need not be.
        const before = 24 - Math.clz32(marks & (~marks + 1))
        this.#hash = turned(h, word & ((1 << before) - 1))
        return at + (before >> 3)
      }
      h = turned(h, word)
    }
    return -1
  }

  /** Whether the `length` bytes at `start` are those kept from the word `to` on. */
  #equals(to: number, view: DataView, start: number, length: number): boolean {
    const words = this.#words
    let at = start | 0
    let word = to | 0
    for (const last = (start + length - 4) | 0; at <= last; at = (at + 4) | 0, word = (word + 1) | 0) {
      if (view.getInt32(at, true) !== words[word]) return false
    }
    // The last word is filled up with what stood behind.
    return ((view.getInt32(at, true) ^ (words[word] as number)) & ~(-1 << ((length & 3) << 3))) === 0
  }

  /** Reads digits, at most one point among them, up to a `|`. */
  #readNumber(view: DataView, start: number): boolean {
    let mantissa = 0
    let point = -1
    let at = start | 0
    let byte = view.getUint8(at)
    for (; byte !== PIPE; byte = view.getUint8(at)) {
      const digit = byte - ZERO
      if (digit >= 0 && digit <= 9) mantissa = mantissa * 10 + digit
      else if (byte === DOT && point < 0) point = at
      else return false
      at = (at + 1) | 0
    }
    const digits = point < 0 ? at - start : at - start - 1
    if (digits === 0 || digits > EXACT_DIGITS) return false
    this.#number = point < 0 ? mantissa : mantissa / (POWERS_OF_TEN[at - 1 - point] as number)
    this.#numberEnd = at
    return true
  }

  /** Puts a line into a free slot; false when there is none near its own. */
  #place(line: number, hash: number): boolean {
    for (let probe = 0; probe < PROBES_MAX; probe++) {
      const at = (hash + probe) & this.#mask
      if (this.#slots[at] !== 0) continue
      this.#slots[at] = (hash & ~PLACE_MASK) | (line >> 1)
      return true
    }
    return false
  }

  #rehash(): void {
    const slots = this.#slots
    this.#slots = new Int32Array(slots.length * 2)
    this.#mask = this.#slots.length - 1
    for (const slot of slots) {
      const line = (slot & PLACE_MASK) << 1
      if (line !== 0) this.#place(line, this.#words[line + Line.hash] as number)
    }
  }
}

/** The first place, for a line or a double, behind the words that so many bytes take. */
function nextPlace(word: number, bytes: number): number {
  return (word + ((bytes + 3) >> 2) + 1) & ~1
}

function turned(h: number, word: number): number {
  const mixed = Math.imul(h ^ word, 0x9e3779b1)
  return (mixed << 13) | (mixed >>> 19)
}

function hashFor(source: number, begun: number): number {
  let h = turned(begun, source)
  h ^= h >>> 13
  h = Math.imul(h, 0xc2b2ae35)
  return h ^ (h >>> 16)
}
