import type { ByteInterner } from '../../lib/intern.ts'
import type { SeriesLayout } from './layout.ts'
import { Control, type ShardBuffers, TRACE_BYTES } from './shard.ts'

/** Tells the shards of one ingest worker's life from those of another; the shape of the component contract's `IngestOrigin`. */
export interface ShardOrigin {
  readonly worker: number
  readonly life: number
}

/** A row that is being written is looked at this often in a row: a change takes well under a microsecond. */
const ATTEMPTS_MAX = 200

/**
 * The main thread's view of one shard that another thread writes: which row belongs to which merged series, which rows
 * have changed since they were last read, and what rows held when their series ended.
 */
export class ShardReader {
  readonly origin: ShardOrigin
  readonly buffers: ShardBuffers
  /** Set when the worker has ended: nothing is written any more. */
  isGone = false
  /** Shard text → hub text. */
  readonly textIds: Int32Array
  textsKnown = 1
  /** Rows looked at so far; row 0 is the overflow row. */
  rowsKnown = 1
  /** Rows with labels to which nothing has been counted yet. */
  pending: number[] = []
  /** Merged series → row; 0 = none. Grown and renumbered by the hub. */
  rowOf: Int32Array = new Int32Array(0)
  /** Row → sequence number when it was last read. */
  readonly seen: Int32Array
  /** Rows that count towards the overflow series: row 0, and those that found the hub full. */
  readonly overflowRows: number[] = [0]
  /** When the row read last was changed. */
  lastUpdatedMs = 0
  readonly #layout: SeriesLayout
  readonly #view: DataView
  /** Row of an ended series → where its values stand in `#parkedValues`. */
  readonly #parked = new Map<number, number>()
  readonly #parkedFree: number[] = []
  #parkedValues: Float64Array = new Float64Array(0)

  constructor(origin: ShardOrigin, layout: SeriesLayout, buffers: ShardBuffers) {
    this.origin = origin
    this.buffers = buffers
    this.#layout = layout
    this.#view = new DataView(buffers.textBytes.buffer, buffers.textBytes.byteOffset, buffers.textBytes.byteLength)
    this.textIds = new Int32Array(buffers.textEnds.length)
    this.seen = new Int32Array(buffers.sequence.length)
  }

  /** True when nothing more will be written; must be asked before the rows are read. */
  get isFinal(): boolean {
    return this.isGone || Atomics.load(this.buffers.control, Control.closed) === 1
  }

  /** Number of rows that the writer has published. */
  get rows(): number {
    return Atomics.load(this.buffers.control, Control.rows)
  }

  /** Row numbers whose series have ended. */
  get parkedRows(): IterableIterator<number> {
    return this.#parked.keys()
  }

  sequence(row: number): number {
    return Atomics.load(this.buffers.sequence, row)
  }

  hasChanged(row: number): boolean {
    return Atomics.load(this.buffers.sequence, row) !== this.seen[row]
  }

  /** Gives the texts published so far their numbers in `interner`, at most `textsMax` of them; true when none is left. */
  learnTexts(interner: ByteInterner, textsMax: number): boolean {
    const { control, textEnds, textBytes } = this.buffers
    const published = Atomics.load(control, Control.texts)
    const end = Math.min(published, this.textsKnown + textsMax)
    for (let text = this.textsKnown; text < end; text++) {
      this.textIds[text] = interner.intern(textBytes, this.#view, textEnds[text - 1] as number, textEnds[text] as number)
    }
    this.textsKnown = end
    return end === published
  }

  /** Puts the hub's text numbers of a row's labels into `tuple`. */
  tupleOf(row: number, tuple: Int32Array): void {
    const at = row * tuple.length
    for (let i = 0; i < tuple.length; i++) tuple[i] = this.textIds[this.buffers.labels[at + i] as number] as number
  }

  /**
   * Copies a row's values to `into` and its time to `lastUpdatedMs`. False when the writer was in the middle of a change
   * all the while (its thread may have been suspended, or died there): the values may then be of two moments, and the
   * row counts as changed until the change is over.
   */
  read(row: number, into: Float64Array): boolean {
    const { values, updatedMs } = this.buffers
    const stride = this.#layout.stride
    const at = row * stride
    for (let attempt = 1; ; attempt++) {
      const before = this.sequence(row)
      const isLast = attempt === ATTEMPTS_MAX
      if ((before & 1) === 1 && !isLast) continue
      for (let i = 0; i < stride; i++) into[i] = values[at + i] as number
      this.lastUpdatedMs = updatedMs[row] as number
      const isWhole = (before & 1) === 0 && this.sequence(row) === before
      if (!isWhole && !isLast) continue
      this.seen[row] = before
      return isWhole
    }
  }

  /** Remembers what a row held when its series ended, so that a series that comes back starts from 0. */
  park(row: number, values: Float64Array): void {
    const stride = this.#layout.stride
    const at = this.#parkedFree.pop() ?? this.#parked.size * stride
    if (at + stride > this.#parkedValues.length) {
      const grown = new Float64Array(Math.max(64 * stride, this.#parkedValues.length * 2))
      grown.set(this.#parkedValues)
      this.#parkedValues = grown
    }
    this.#parkedValues.set(values, at)
    this.#parked.set(row, at)
  }

  /** Takes a row out of the parked ones; what it held is put into `into`. False when it was not parked. */
  unpark(row: number, into: Float64Array): boolean {
    const at = this.#parked.get(row)
    if (at === undefined) return false
    into.set(this.#parkedValues.subarray(at, at + this.#layout.stride))
    this.#parked.delete(row)
    this.#parkedFree.push(at)
    return true
  }

  /** Time of the row's exemplar, 0 when it has none. */
  exemplarMs(row: number): number {
    return this.buffers.exemplars[row * 2 + 1] as number
  }

  /** The exemplar of a row as the writer left it; undefined when it is being replaced right now. */
  exemplar(row: number): { readonly value: number; readonly timeMs: number; readonly traceId: string; readonly spanId: string } | undefined {
    const before = this.sequence(row)
    const { exemplars, traceIds } = this.buffers
    const value = exemplars[row * 2] as number
    const timeMs = exemplars[row * 2 + 1] as number
    const ids = Buffer.from(traceIds.slice(row * TRACE_BYTES, (row + 1) * TRACE_BYTES)).toString('hex')
    if ((before & 1) === 1 || this.sequence(row) !== before || timeMs === 0) return undefined
    const spanId = ids.slice(32)
    return { value, timeMs, traceId: ids.slice(0, 32), spanId: /^0+$/.test(spanId) ? '' : spanId }
  }
}
