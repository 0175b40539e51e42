import type { ByteInterner } from '../../../lib/intern.ts'
import { Buckets, Control, JOURNAL_ENTRIES, JOURNAL_WORDS, Labels, Row, type RowForm, type StatBuffers } from './layout.ts'

/** Tells the shards of one ingest worker's life from those of another; the shape of the component contract's `IngestOrigin`. */
export interface StatOrigin {
  readonly worker: number
  readonly life: number
}

/** A row that is being written is looked at this often in a row: a change takes well under a microsecond. */
const ATTEMPTS_MAX = 200
const CELLS_MAX = 1 << 16

/**
 * The main thread's view of one shard that another thread writes. Rows have numbers from 0 on; the reader remembers which
 * series each belongs to and what it saw of it last.
 */
export class StatShardReader {
  readonly origin: StatOrigin
  readonly buffers: StatBuffers
  /** Set when the worker has ended: nothing is written any more. */
  isGone = false
  /** Row → series + 1; 0 = none. */
  readonly seriesOf: Int32Array
  /** Row → sequence number when it was last read. */
  readonly seen: Int32Array
  /** Series → row + 1; 0 = none. Grown by `link`. */
  #rowOf = new Int32Array(256)
  /** Series that have several rows here (an overflow series) → the further ones. */
  readonly #moreRows = new Map<number, number[]>()
  readonly #view: DataView
  readonly #textIds: Int32Array
  #textsKnown = 1
  /** The row read last: its values, then the cells of its buckets one after another. */
  values = new Float64Array(1024)
  updatedMs = 0
  samples = 0

  constructor(origin: StatOrigin, buffers: StatBuffers) {
    const { textBytes } = buffers
    this.origin = origin
    this.buffers = buffers
    this.#view = new DataView(textBytes.buffer, textBytes.byteOffset, textBytes.byteLength)
    this.#textIds = new Int32Array(buffers.textEnds.length)
    this.seriesOf = new Int32Array(buffers.rows.length)
    this.seen = new Int32Array(buffers.rows.length)
  }

  /** True when nothing more will be written; must be asked before the rows are read. */
  get isFinal(): boolean {
    return this.isGone || Atomics.load(this.buffers.control, Control.closed) === 1
  }

  /** Number of rows that the writer has published. */
  get rows(): number {
    return Atomics.load(this.buffers.control, Control.rows)
  }

  sequence(row: number): number {
    return Atomics.load(this.buffers.ints, (this.buffers.rows[row] as number) * 2)
  }

  /** Gives the texts published so far their numbers in `interner`, at most `textsMax` of them; true when none is left. */
  learnTexts(interner: ByteInterner, textsMax: number): boolean {
    const { control, textEnds, textBytes } = this.buffers
    const published = Atomics.load(control, Control.texts)
    const end = Math.min(published, this.#textsKnown + textsMax)
    for (let text = this.#textsKnown; text < end; text++) {
      this.#textIds[text] = interner.intern(textBytes, this.#view, textEnds[text - 1] as number, textEnds[text] as number)
    }
    this.#textsKnown = end
    return end === published
  }

  /** The interner has been exchanged: all texts are to be learned anew. */
  forgetTexts(): void {
    this.#textsKnown = 1
  }

  /** The interner's number of the text of a row's traits. */
  traits(row: number): number {
    return this.#text(row, Labels.traits)
  }

  /** The interner's number of the name of a row's series. */
  name(row: number): number {
    return this.#text(row, Labels.name)
  }

  /** The interner's number of one of a row's label values. */
  value(row: number, label: number): number {
    return this.#text(row, Labels.values + label)
  }

  /** The row whose place in memory is `place`; -1 when there is none. */
  rowAt(place: number): number {
    const { rows } = this.buffers
    let low = 0
    let high = this.rows - 1
    while (low <= high) {
      const middle = (low + high) >> 1
      const at = rows[middle] as number
      if (at === place) return middle
      if (at < place) low = middle + 1
      else high = middle - 1
    }
    return -1
  }

  /** The row that counts towards a series, the first of them if there are several; -1 when there is none. */
  rowOf(series: number): number {
    return (this.#rowOf[series] ?? 0) - 1
  }

  /** The other rows of a series that has several. */
  moreRowsOf(series: number): readonly number[] {
    return this.#moreRows.size === 0 ? NONE : (this.#moreRows.get(series) ?? NONE)
  }

  /** All rows that count towards a series. */
  rowsOf(series: number): readonly number[] {
    const first = this.rowOf(series)
    return first < 0 ? NONE : [first, ...this.moreRowsOf(series)]
  }

  link(row: number, series: number): void {
    this.seriesOf[row] = series + 1
    if (series >= this.#rowOf.length) {
      const grown = new Int32Array(Math.max(this.#rowOf.length * 2, series + 1))
      grown.set(this.#rowOf)
      this.#rowOf = grown
    }
    if (this.#rowOf[series] === 0) this.#rowOf[series] = row + 1
    else this.#moreRows.set(series, [...(this.#moreRows.get(series) ?? []), row])
  }

  /** The rows of a series count towards none from now on. */
  unlink(series: number): void {
    for (const row of this.rowsOf(series)) this.seriesOf[row] = 0
    if (series < this.#rowOf.length) this.#rowOf[series] = 0
    this.#moreRows.delete(series)
  }

  /** One of the rows of a series counts towards none from now on. */
  unlinkRow(row: number, series: number): void {
    const rest = this.rowsOf(series).filter((other) => other !== row)
    this.unlink(series)
    this.seriesOf[row] = 0
    for (const other of rest) this.link(other, series)
  }

  /** True when the writer went on with the row's series in another row: this one will not change any more. */
  isLeft(row: number): boolean {
    return Atomics.load(this.buffers.ints, (this.buffers.rows[row] as number) * 2 + Row.nextInt) !== 0
  }

  /** Samples of a row, without a look at whether it is being written. */
  samplesOf(row: number): number {
    return this.buffers.words[(this.buffers.rows[row] as number) + Row.samples] as number
  }

  /**
   * Copies a row to `values`, `updatedMs` and `samples`. False when the writer was in the middle of a change all the while
   * (its thread may have been suspended, or died there): what was read may then be of two moments, and the row counts as
   * changed until the change is over.
   */
  read(row: number, form: RowForm): boolean {
    const at = this.buffers.rows[row] as number
    for (let attempt = 1; ; attempt++) {
      const before = this.sequence(row)
      const isLast = attempt === ATTEMPTS_MAX
      if ((before & 1) === 1 && !isLast) continue
      this.#copy(at, form)
      const isWhole = (before & 1) === 0 && this.sequence(row) === before
      if (!isWhole && !isLast) continue
      this.seen[row] = before
      return isWhole
    }
  }

  /** Takes the entries of the journal, in the order in which they were written. */
  drain(take: (row: number, a: number, b: number, c: number) => void): void {
    const { control, journal } = this.buffers
    const end = Atomics.load(control, Control.journalWritten)
    for (let n = Atomics.load(control, Control.journalRead); n !== end; n = (n + 1) | 0) {
      const at = (n & (JOURNAL_ENTRIES - 1)) * JOURNAL_WORDS
      take(this.rowAt(journal[at] as number), journal[at + 1] as number, journal[at + 2] as number, journal[at + 3] as number)
    }
    Atomics.store(control, Control.journalRead, end)
  }

  #text(row: number, place: number): number {
    const { ints, labels, rows } = this.buffers
    const at = ints[(rows[row] as number) * 2 + Row.labelsInt] as number
    return this.#textIds[labels[at + place] as number] as number
  }

  #copy(at: number, form: RowForm): void {
    const { words } = this.buffers
    this.updatedMs = words[at + Row.updatedMs] as number
    this.samples = words[at + Row.samples] as number
    this.#reserve(form.words)
    for (let i = 0; i < form.words; i++) this.values[i] = words[at + Row.values + i] as number
    let to = form.words
    for (const place of form.buckets) {
      // While the row is being written these may be of two moments; whatever they say, only memory of the shard is read.
      const block = this.values[place + Buckets.block] as number
      const cells = cellsOf(this.values, place)
      if (cells === 0) continue
      this.#reserve(to + cells)
      for (let i = 0; i < cells; i++) this.values[to + i] = words[block + i] ?? 0
      to += cells
    }
  }

  #reserve(words: number): void {
    if (words <= this.values.length) return
    const grown = new Float64Array(words * 2)
    grown.set(this.values)
    this.values = grown
  }
}

const NONE: readonly number[] = []

/** Words of a histogram's block. */
export function cellsOf(values: Float64Array, place: number): number {
  const form = values[place + Buckets.form] as number
  const cells = form >= 0 ? form : form * -2
  return cells <= CELLS_MAX ? cells : 0
}
