import type { SeriesSpec } from '../naming/naming.ts'
import { traitsText } from './descriptor.ts'
import { Control, JOURNAL_ENTRIES, JOURNAL_WORDS, Labels, Row, rowWords, type StatBuffers } from './layout.ts'
import { SharedTexts } from './shared_texts.ts'

/** No room: the answer of `rowOf` and `allocate`. */
export const NO_PLACE = 0

/** What the rows of series with the same traits have in common, for the writer. */
export interface Shape {
  readonly aggregation: SeriesSpec['aggregation']
  /** Text of the traits. */
  readonly text: number
  readonly keys: number
  readonly words: number
}

/** A shape, and the first series that had it. */
interface SeenShape {
  readonly number: number
  readonly series: SeriesSpec
}

export interface StatShardLimits {
  /** Most rows. */
  readonly rowsMax: number
  /** Most words of rows and their blocks. */
  readonly wordsMax: number
  /** Most bytes of distinct names, label values and traits. */
  readonly textBytesMax: number
}

/** Words before the first row. */
const RESERVED_WORDS = 8
/** Text numbers per row that are reserved; memory is taken only where they are used. */
const LABELS_PER_ROW = 16
const TTL_MS_MAX = 0x7fff_ffff
/** Shapes that are recognized without their text. */
const RECENT_SHAPES = 8

/**
 * Rows of series in shared memory, written by one thread. Append-only as far as a reader is concerned: a row is never given
 * to another series; only blocks of buckets are used again, by rows that are busy meanwhile (see `Row.sequenceInt`).
 *
 * The buffers are reserved at full size; untouched pages take no memory until they are used.
 */
export class StatShard {
  readonly buffers: StatBuffers
  readonly words: Float64Array
  readonly ints: Int32Array
  /** Shapes by number; a row's number stands before its labels. */
  readonly shapes: Shape[] = []
  readonly #limits: StatShardLimits
  readonly #texts: SharedTexts
  readonly #shapeNumbers = new Map<string, number>()
  #recentShapes: readonly SeenShape[] = []
  readonly #free = new Map<number, number[]>()
  #rows = 0
  #used = RESERVED_WORDS
  #labelsUsed = 1
  /** Row numbers + 1 by hash of shape and labels, open addressing. */
  #slots = new Int32Array(1024)
  #indexed = 0
  #tuple = new Int32Array(64)

  constructor(limits: StatShardLimits) {
    const { rowsMax, wordsMax, textBytesMax } = limits
    const words = new SharedArrayBuffer((wordsMax + RESERVED_WORDS) * 8)
    this.#limits = limits
    this.buffers = {
      control: new Int32Array(new SharedArrayBuffer(Control.cells * 4)),
      words: new Float64Array(words),
      ints: new Int32Array(words),
      rows: new Int32Array(new SharedArrayBuffer(rowsMax * 4)),
      labels: new Int32Array(new SharedArrayBuffer((rowsMax * LABELS_PER_ROW + 1024) * 4)),
      textEnds: new Int32Array(new SharedArrayBuffer((rowsMax * LABELS_PER_ROW + 1024) * 4)),
      textBytes: new Uint8Array(new SharedArrayBuffer(textBytesMax)),
      journal: new Float64Array(new SharedArrayBuffer(JOURNAL_ENTRIES * JOURNAL_WORDS * 8)),
    }
    this.words = this.buffers.words
    this.ints = this.buffers.ints
    this.#texts = new SharedTexts(this.buffers)
  }

  /** Rows so far, those that others have followed included. */
  get rows(): number {
    return this.#rows
  }

  /** Series that have a row. */
  get series(): number {
    return this.#indexed
  }

  /** Place of the row of a series; made on first sight when `mayGrow`, `NO_PLACE` otherwise or when there is no room. */
  rowOf(series: SeriesSpec, mayGrow: boolean): number {
    const shape = this.#shapeOf(series)
    const length = shape < 0 ? -1 : this.#tupleOf(shape, series)
    if (length < 0) return NO_PLACE
    const slot = this.#slotOf(this.#tuple, 0, length)
    const known = this.#slots[slot] as number
    if (known !== 0) return this.buffers.rows[known - 1] as number
    const labels = this.#labelsUsed
    if (!mayGrow || labels + length > this.buffers.labels.length) return NO_PLACE
    const row = this.#append(this.shapes[shape] as Shape, labels, series.ttlMs)
    if (row === NO_PLACE) return NO_PLACE
    this.buffers.labels.set(this.#tuple.subarray(0, length), labels)
    this.#labelsUsed += length
    this.#slots[slot] = this.#publish(row)
    this.#indexed++
    if (this.#indexed * 2 > this.#slots.length) this.#rehash()
    return row
  }

  /** What is kept in a row. */
  shapeOf(row: number): Shape {
    return this.shapes[this.buffers.labels[this.ints[row * 2 + Row.labelsInt] as number] as number] as Shape
  }

  /** A new row that goes on with the series of `row` from nothing; `row` itself when there is no room. */
  continue(row: number): number {
    const labels = this.ints[row * 2 + Row.labelsInt] as number
    const next = this.#append(this.shapeOf(row), labels, this.ints[row * 2 + Row.ttlInt] as number)
    if (next === NO_PLACE) return row
    this.#slots[this.#slotOf(this.buffers.labels, labels, this.#tupleLength(labels))] = this.#publish(next)
    Atomics.store(this.ints, row * 2 + Row.nextInt, next)
    return next
  }

  /** A block of words, all 0; `NO_PLACE` when there is no room. */
  allocate(words: number): number {
    const free = this.#free.get(words)?.pop()
    if (free !== undefined) {
      this.words.fill(0, free, free + words)
      return free
    }
    return this.#fresh(words)
  }

  /** Gives a block back; to be called while the row it belonged to is being written. */
  release(at: number, words: number): void {
    const free = this.#free.get(words)
    if (free === undefined) this.#free.set(words, [at])
    else free.push(at)
  }

  /** Rows that nothing has touched for their time to live, and those that others have followed. */
  idleRows(nowMs: number): number {
    let idle = 0
    for (let n = 0; n < this.#rows; n++) {
      const row = this.buffers.rows[n] as number
      const ttlMs = this.ints[row * 2 + Row.ttlInt] as number
      if (this.ints[row * 2 + Row.nextInt] !== 0 || (ttlMs > 0 && (this.words[row + Row.updatedMs] as number) < nowMs - ttlMs)) idle++
    }
    return idle
  }

  /** Nothing will be written any more. */
  close(): void {
    Atomics.store(this.buffers.control, Control.closed, 1)
  }

  #append(shape: Shape, labels: number, ttlMs: number): number {
    if (this.#rows >= this.#limits.rowsMax) return NO_PLACE
    const row = this.#fresh(Row.values + shape.words)
    if (row === NO_PLACE) return NO_PLACE
    this.ints[row * 2 + Row.ttlInt] = Math.min(TTL_MS_MAX, Math.ceil(ttlMs))
    this.ints[row * 2 + Row.labelsInt] = labels
    return row
  }

  /** Words that were never used before: rows lie in the order of their making. */
  #fresh(words: number): number {
    if (this.#used + words > this.words.length) return NO_PLACE
    const at = this.#used
    this.#used += words
    return at
  }

  /** Lets the reader see a row; returns its number + 1. */
  #publish(row: number): number {
    this.buffers.rows[this.#rows] = row
    this.#rows++
    Atomics.store(this.buffers.control, Control.rows, this.#rows)
    return this.#rows
  }

  #shapeOf(series: SeriesSpec): number {
    for (const recent of this.#recentShapes) if (hasTraitsOf(series, recent.series)) return recent.number
    const traits = traitsText(series)
    const number = this.#shapeNumbers.get(traits) ?? this.#newShape(series, traits)
    if (number >= 0) this.#recentShapes = [{ number, series }, ...this.#recentShapes.slice(0, RECENT_SHAPES - 1)]
    return number
  }

  #newShape({ aggregation, labels }: SeriesSpec, traits: string): number {
    const text = this.#texts.numberOf(traits)
    if (text < 0) return -1
    const number = this.shapes.push({ aggregation, text, keys: labels.length, words: rowWords(aggregation) }) - 1
    this.#shapeNumbers.set(traits, number)
    return number
  }

  /** Puts what stands for a series in `StatBuffers.labels` into `#tuple`; returns its length, -1 when there is no room. */
  #tupleOf(shape: number, { name, labels }: SeriesSpec): number {
    const length = Labels.values + labels.length
    if (length > this.#tuple.length) this.#tuple = new Int32Array(length * 2)
    const nameText = this.#texts.numberOf(name)
    if (nameText < 0) return -1
    this.#tuple[Labels.shape] = shape
    this.#tuple[Labels.traits] = (this.shapes[shape] as Shape).text
    this.#tuple[Labels.name] = nameText
    for (let i = 0; i < labels.length; i++) {
      const text = this.#texts.numberOf((labels[i] as readonly [string, string])[1])
      if (text < 0) return -1
      this.#tuple[Labels.values + i] = text
    }
    return length
  }

  #tupleLength(labels: number): number {
    return (this.shapes[this.buffers.labels[labels] as number] as Shape).keys + Labels.values
  }

  /** The slot that has a row of these labels, or the free one where it belongs. */
  #slotOf(tuple: Int32Array, at: number, length: number): number {
    const mask = this.#slots.length - 1
    for (let slot = hashOf(tuple, at, length) & mask; ; slot = (slot + 1) & mask) {
      const number = this.#slots[slot] as number
      if (number === 0 || this.#hasLabels(number - 1, tuple, at, length)) return slot
    }
  }

  #hasLabels(number: number, tuple: Int32Array, at: number, length: number): boolean {
    const labels = this.ints[(this.buffers.rows[number] as number) * 2 + Row.labelsInt] as number
    for (let i = 0; i < length; i++) if (this.buffers.labels[labels + i] !== tuple[at + i]) return false
    return true
  }

  #rehash(): void {
    const old = this.#slots
    const slots = new Int32Array(old.length * 4)
    const mask = slots.length - 1
    for (const number of old) {
      if (number === 0) continue
      const labels = this.ints[(this.buffers.rows[number - 1] as number) * 2 + Row.labelsInt] as number
      let slot = hashOf(this.buffers.labels, labels, this.#tupleLength(labels)) & mask
      while (slots[slot] !== 0) slot = (slot + 1) & mask
      slots[slot] = number
    }
    this.#slots = slots
  }
}

/** True when two series are sure to have the same traits; false when they may have. */
function hasTraitsOf(a: SeriesSpec, b: SeriesSpec): boolean {
  if (a.aggregation !== b.aggregation || a.labels.length !== b.labels.length || a.ttlMs !== b.ttlMs) return false
  if (a.isExactName !== b.isExactName || a.unit !== b.unit || a.help !== b.help) return false
  for (let i = 0; i < a.labels.length; i++) {
    if ((a.labels[i] as readonly [string, string])[0] !== (b.labels[i] as readonly [string, string])[0]) return false
  }
  return true
}

function hashOf(tuple: Int32Array, at: number, length: number): number {
  let h = length
  for (let i = at; i < at + length; i++) {
    h = Math.imul(h ^ (tuple[i] as number), 0x9e37_79b1)
    h ^= h >>> 15
  }
  return h
}
