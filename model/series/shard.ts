import type { SeriesLayout } from './layout.ts'

/** Row 0 of every shard takes what no longer fits; it has no labels but `otel_metric_overflow`. */
export const OVERFLOW_ROW = 0

/** Cells of `ShardBuffers.control`, written with `Atomics` by the shard's writer. */
export const Control = { rows: 0, texts: 1, textBytes: 2, closed: 3 } as const

/** Bytes per row in `ShardBuffers.traceIds`: trace id, span id. */
export const TRACE_BYTES = 24

/** The shared memory of one shard: written by one thread, read by the main thread at any time. All on SharedArrayBuffers. */
export interface ShardBuffers {
  readonly control: Int32Array
  /** Per row: even when the row is at rest, odd while it is being written. */
  readonly sequence: Int32Array
  /** Per row: one text id per label of the layout. */
  readonly labels: Int32Array
  /** Per row: `layout.stride` values. */
  readonly values: Float64Array
  /** Per row: when it was last changed, milliseconds since the epoch; 0 = never. */
  readonly updatedMs: Float64Array
  /** Text `t` is `textBytes[textEnds[t - 1], textEnds[t])`, UTF-8. Text 0 is empty. */
  readonly textEnds: Int32Array
  readonly textBytes: Uint8Array
  /** Per row: observed value and time in ms of an exemplar; time 0 = none. */
  readonly exemplars: Float64Array
  /** Per row: `TRACE_BYTES` bytes. */
  readonly traceIds: Uint8Array
}

export interface ShardLimits {
  /** Most rows, the overflow row included. */
  readonly rowsMax: number
  /** Most bytes of distinct label values. */
  readonly textBytesMax: number
}

const encoder = new TextEncoder()

/**
 * The series that one thread counts, in shared memory. Append-only: rows and texts are never reused, so a reader needs
 * no protocol. When enough rows have gone idle the shard is closed and the writer goes on with fresh buffers
 * (`sweep`); the reader adds what a closed shard held to its own totals.
 *
 * The buffers are reserved at full size; untouched pages take no memory until they are used.
 */
export class SeriesShard {
  /** Grows when rows lose their meaning; caches of rows start over. */
  epoch = 0
  values!: Float64Array
  readonly layout: SeriesLayout
  readonly #limits: ShardLimits
  readonly #publish: (buffers: ShardBuffers) => void
  #buffers!: ShardBuffers
  #rows = 0
  #texts = 0
  #textBytes = 0
  #textIds = new Map<string, number>()
  #rowIds = new Map<string, number>()

  /** `publish` gets every new set of buffers before anything is written to it. */
  constructor(layout: SeriesLayout, limits: ShardLimits, publish: (buffers: ShardBuffers) => void) {
    this.layout = layout
    this.#limits = limits
    this.#publish = publish
    this.#open()
  }

  /** Rows in use, the overflow row included. */
  get rows(): number {
    return this.#rows
  }

  get isFull(): boolean {
    return this.#rows >= this.#limits.rowsMax
  }

  /**
   * The row of a label tuple, in the layout's order; made on first sight. `OVERFLOW_ROW` when the limits are reached.
   * This is the slow way in: callers keep the answer until `epoch` changes.
   */
  rowOf(labels: readonly string[]): number {
    const key = labels.join('\u0000')
    const known = this.#rowIds.get(key)
    if (known !== undefined) return known
    if (this.isFull) return OVERFLOW_ROW
    const row = this.#rows
    const at = row * this.layout.labels.length
    for (let i = 0; i < labels.length; i++) {
      const text = this.#textOf(labels[i] as string)
      if (text < 0) return OVERFLOW_ROW
      this.#buffers.labels[at + i] = text
    }
    this.#rowIds.set(key, row)
    this.#rows++
    Atomics.store(this.#buffers.control, Control.rows, this.#rows)
    return row
  }

  /** Index in `values` of a row's first value. */
  offset(row: number): number {
    return row * this.layout.stride
  }

  /** Must be called before a row's values are changed, and `end` after; readers retry what they read in between. */
  begin(row: number): void {
    Atomics.store(this.#buffers.sequence, row, ((this.#buffers.sequence[row] as number) + 1) | 1)
  }

  end(row: number, nowMs: number): void {
    this.#buffers.updatedMs[row] = nowMs
    Atomics.store(this.#buffers.sequence, row, ((this.#buffers.sequence[row] as number) + 1) & ~1)
  }

  /** When the row's exemplar was taken; lets the caller take few. */
  exemplarMs(row: number): number {
    return this.#buffers.exemplars[row * 2 + 1] as number
  }

  /** Replaces a row's exemplar; between `begin` and `end`. `ids` are the 16 bytes of a trace id and 8 of a span id. */
  setExemplar(row: number, value: number, timeMs: number, ids: Uint8Array): void {
    this.#buffers.exemplars[row * 2] = value
    this.#buffers.exemplars[row * 2 + 1] = timeMs
    this.#buffers.traceIds.set(ids, row * TRACE_BYTES)
  }

  /**
   * Starts over in fresh buffers when at least a quarter of the rows (or, of a full shard, a tenth) has been idle for
   * `idleMs`. Returns true when it did. Call it on a timer, between two batches.
   */
  sweep(nowMs: number, idleMs: number): boolean {
    let idle = 0
    for (let row = 1; row < this.#rows; row++) if ((this.#buffers.updatedMs[row] as number) < nowMs - idleMs) idle++
    const share = this.isFull ? 10 : 4
    if (idle === 0 || idle * share < this.#rows - 1) return false
    Atomics.store(this.#buffers.control, Control.closed, 1)
    this.#open()
    this.epoch++
    return true
  }

  /** Closes the shard for good; its values stay readable. */
  close(): void {
    Atomics.store(this.#buffers.control, Control.closed, 1)
  }

  #open(): void {
    const { rowsMax, textBytesMax } = this.#limits
    const textsMax = rowsMax * 8 + 64
    this.#buffers = {
      control: new Int32Array(new SharedArrayBuffer(16)),
      sequence: new Int32Array(new SharedArrayBuffer(rowsMax * 4)),
      labels: new Int32Array(new SharedArrayBuffer(Math.max(4, rowsMax * this.layout.labels.length * 4))),
      values: new Float64Array(new SharedArrayBuffer(rowsMax * this.layout.stride * 8)),
      updatedMs: new Float64Array(new SharedArrayBuffer(rowsMax * 8)),
      textEnds: new Int32Array(new SharedArrayBuffer(textsMax * 4)),
      textBytes: new Uint8Array(new SharedArrayBuffer(textBytesMax)),
      exemplars: new Float64Array(new SharedArrayBuffer(rowsMax * 16)),
      traceIds: new Uint8Array(new SharedArrayBuffer(rowsMax * TRACE_BYTES)),
    }
    this.values = this.#buffers.values
    this.#rows = 1
    this.#texts = 1
    this.#textBytes = 0
    this.#textIds = new Map([['', 0]])
    this.#rowIds = new Map()
    this.#buffers.control[Control.texts] = 1
    this.#buffers.control[Control.rows] = 1
    this.#publish(this.#buffers)
  }

  #textOf(text: string): number {
    const known = this.#textIds.get(text)
    if (known !== undefined) return known
    const bytes = encoder.encode(text)
    if (this.#textBytes + bytes.length > this.#limits.textBytesMax || this.#texts === this.#buffers.textEnds.length) return -1
    const id = this.#texts++
    this.#buffers.textBytes.set(bytes, this.#textBytes)
    this.#textBytes += bytes.length
    this.#buffers.textEnds[id] = this.#textBytes
    Atomics.store(this.#buffers.control, Control.textBytes, this.#textBytes)
    Atomics.store(this.#buffers.control, Control.texts, this.#texts)
    this.#textIds.set(text, id)
    return id
  }
}
