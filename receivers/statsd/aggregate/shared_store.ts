import { finestIndex } from '../../../model/exponential.ts'
import type { Aggregation, SeriesSpec } from '../naming/naming.ts'
import { BucketWriter } from './bucket_writer.ts'
import { familyKind } from './descriptor.ts'
import { JournalWriter } from './journal_writer.ts'
import { ExponentialRow, GaugeRow, Row, type StatMessage, SummaryRow, WINDOW_BUCKETS, Window, windowMs } from './layout.ts'
import { hashMember, memberHash, RecentMembers } from './member_hash.ts'
import { NO_PLACE, StatShard } from './shard.ts'
import { OVERFLOWED, type StatStore } from './store.ts'

export interface SharedStatStoreSettings {
  /** Most series, overflow series not counted. */
  readonly seriesMax: number
  /** How long a set gathers members. */
  readonly setIntervalMs: number
  /** Hands a message to the main half, which gives it to `StatHub.receive`; in order. */
  readonly send: (message: StatMessage) => void
}

/** Rows beyond `seriesMax` for overflow series: one per family that was refused, this many at most. */
const OVERFLOW_ROWS_MAX = 1024
/** Words per series that are reserved (not used) for buckets, and the most for all. */
const BLOCK_WORDS = 240
const WORDS_MAX = 1 << 26
const TEXT_BYTES_MAX = 256 << 20
/** A clock that was set back by more than this is believed. */
const CLOCK_STEP_MS = 1000

const OVERFLOW_LABELS = [['otel_metric_overflow', 'true']] as const

/** Where series go for which not even their family has room. */
const OVERFLOW_AGGREGATIONS: Readonly<Record<'counter' | 'gauge' | 'exponential' | 'set', Aggregation>> = {
  counter: { kind: 'counter', isMonotonic: true },
  gauge: { kind: 'gauge' },
  exponential: { kind: 'exponential', bucketsMax: 160 },
  set: { kind: 'set' },
}

/**
 * `StatStore` on shared memory: one thread writes, `StatHub` on the main thread reads at any time. Handles are places of
 * rows. A row that was idle for its time to live is left behind when its series comes back, which then counts from nothing.
 */
export class SharedStatStore implements StatStore {
  epoch = 0
  /** Series that found no room; each time they are opened. */
  overflowed = 0
  /** Values below 0 for monotonic counters, which were not added. */
  negatives = 0
  readonly #settings: SharedStatStoreSettings
  readonly #members = new RecentMembers()
  #overflowRows = new Map<string, number>()
  #shard!: StatShard
  #buckets!: BucketWriter
  #journal!: JournalWriter
  #coarsened = 0
  #words!: Float64Array
  #ints!: Int32Array
  #lastMs = 0
  #order = 0

  constructor(settings: SharedStatStoreSettings) {
    this.#settings = settings
    this.#openShard()
  }

  /** Rows in use, those included whose series have ended since the last sweep. */
  get rows(): number {
    return this.#shard.rows
  }

  /** Times that buckets had to be merged because the memory reserved for them was used up. */
  get coarsened(): number {
    return this.#coarsened + this.#buckets.coarsened
  }

  open(series: SeriesSpec): number {
    const row = this.#shard.rowOf(series, this.#shard.series < this.#settings.seriesMax)
    if (row !== NO_PLACE) return row
    this.overflowed++
    return this.#overflowRow({ ...series, labels: OVERFLOW_LABELS })
  }

  add(handle: number, value: number, nowMs: number): void {
    const row = this.#live(handle === OVERFLOWED ? this.#overflow('counter') : handle, nowMs)
    if (row < 0) return
    const words = this.#words
    if (value < 0 && this.#isMonotonic(row)) {
      this.negatives++
      return
    }
    words[row + Row.values] = (words[row + Row.values] as number) + value
    words[row + Row.samples] = (words[row + Row.samples] as number) + 1
    words[row + Row.updatedMs] = nowMs
    // One value cannot be seen half written: it is enough to say afterwards that it has changed.
    Atomics.store(this.#ints, row * 2, ((this.#ints[row * 2] as number) + 2) | 0)
  }

  set(handle: number, value: number, nowMs: number, saidMs = nowMs): void {
    const row = this.#live(handle === OVERFLOWED ? this.#overflow('gauge') : handle, nowMs)
    if (row < 0) return
    const words = this.#words
    const at = row + Row.values
    const receivedMs = this.#receiveTime(nowMs)
    const knownMs = words[at + GaugeRow.setMs] as number
    this.#begin(row)
    // A known time after now is of a clock that was set back, and says nothing.
    if (saidMs >= nowMs || saidMs >= knownMs || knownMs > receivedMs) {
      words[at + GaugeRow.value] = value
      words[at + GaugeRow.setMs] = saidMs < receivedMs ? saidMs : receivedMs
      words[at + GaugeRow.order] = ++this.#order
    }
    this.#end(row, nowMs)
  }

  shift(handle: number, delta: number, nowMs: number): void {
    const row = this.#live(handle === OVERFLOWED ? this.#overflow('gauge') : handle, nowMs)
    if (row < 0) return
    this.#journal.append(row, this.#receiveTime(nowMs), ++this.#order, delta)
    this.#begin(row)
    this.#end(row, nowMs)
  }

  observe(handle: number, value: number, weight: number, nowMs: number): void {
    const row = this.#live(handle === OVERFLOWED ? this.#overflow('exponential') : handle, nowMs)
    if (row < 0) return
    const { aggregation } = this.#shard.shapeOf(row)
    if (aggregation.kind === 'gauge') {
      this.set(row, value, nowMs)
      return
    }
    this.#begin(row)
    const at = row + Row.values
    if (aggregation.kind === 'explicit') this.#observeExplicit(at, aggregation.bounds, value, weight)
    else if (aggregation.kind === 'exponential') this.#observeExponential(at, aggregation.bucketsMax, value, weight)
    else if (aggregation.kind === 'summary') this.#observeSummary(at, aggregation, value, weight, nowMs)
    this.#end(row, nowMs)
  }

  member(handle: number, bytes: Uint8Array, start: number, end: number, nowMs: number): void {
    const row = this.#live(handle === OVERFLOWED ? this.#overflow('set') : handle, nowMs)
    if (row < 0) return
    hashMember(bytes, start, end)
    const { high, low } = memberHash
    if (this.#members.isNew(row, Math.floor(nowMs / this.#settings.setIntervalMs))) this.#journal.append(row, nowMs, high, low)
    this.#begin(row)
    this.#end(row, nowMs)
  }

  /**
   * Starts over in fresh memory when at least a quarter of the rows (of a full shard: a tenth) is idle or left behind; true
   * when it did. For a timer, between two packets.
   */
  sweep(nowMs: number): boolean {
    const { rows, series } = this.#shard
    const idle = this.#shard.idleRows(nowMs)
    const share = series >= this.#settings.seriesMax ? 10 : 4
    if (idle === 0 || idle * share < rows) return false
    this.#coarsened += this.#buckets.coarsened
    this.#shard.close()
    this.#openShard()
    this.epoch++
    return true
  }

  /** Closes the store for good; what it counted stays with the reader. */
  close(): void {
    this.#shard.close()
  }

  #openShard(): void {
    const { seriesMax, send } = this.#settings
    const rowsMax = seriesMax + Math.ceil(seriesMax / 4) + OVERFLOW_ROWS_MAX
    this.#shard = new StatShard({
      rowsMax,
      wordsMax: Math.min(WORDS_MAX, rowsMax * BLOCK_WORDS),
      textBytesMax: Math.min(TEXT_BYTES_MAX, Math.max(1 << 20, rowsMax * 512)),
    })
    this.#words = this.#shard.words
    this.#ints = this.#shard.ints
    this.#buckets = new BucketWriter(this.#shard)
    this.#journal = new JournalWriter(this.#shard.buffers, send)
    this.#overflowRows = new Map()
    this.#members.clear()
    send({ kind: 'shard', buffers: this.#shard.buffers })
  }

  /** The overflow row of a family; `OVERFLOWED` when there are too many of them. */
  #overflowRow(series: SeriesSpec): number {
    const key = `${familyKind(series.aggregation)} ${series.name}`
    const known = this.#overflowRows.get(key)
    if (known !== undefined) return known
    if (this.#overflowRows.size >= OVERFLOW_ROWS_MAX - 8) return OVERFLOWED
    const row = this.#shard.rowOf(series, true)
    if (row === NO_PLACE) return OVERFLOWED
    this.#overflowRows.set(key, row)
    return row
  }

  /** The row for everything of a kind whose family has no overflow row; -1 when memory is used up to the last byte. */
  #overflow(kind: keyof typeof OVERFLOW_AGGREGATIONS): number {
    const known = this.#overflowRows.get(kind)
    if (known !== undefined) return known
    const aggregation = OVERFLOW_AGGREGATIONS[kind]
    const help = 'Samples of series for which there was no room, not even in an overflow series of their own metric.'
    const name = kind === 'counter' ? 'statsd.overflow' : `statsd.overflow.${kind}`
    const row = this.#shard.rowOf({ name, help, unit: '', isExactName: false, aggregation, labels: OVERFLOW_LABELS, ttlMs: 0, scale: 1 }, true)
    if (row !== NO_PLACE) this.#overflowRows.set(kind, row)
    return row === NO_PLACE ? -1 : row
  }

  /** The row that goes on with a series: a new one when it had come to its end. */
  #live(handle: number, nowMs: number): number {
    if (handle < 0) return handle
    let row = handle
    for (let next = this.#ints[row * 2 + Row.nextInt] as number; next !== 0; next = this.#ints[row * 2 + Row.nextInt] as number) row = next
    const ttlMs = this.#ints[row * 2 + Row.ttlInt] as number
    const updatedMs = this.#words[row + Row.updatedMs] as number
    return ttlMs > 0 && nowMs - updatedMs > ttlMs && updatedMs !== 0 ? this.#shard.continue(row) : row
  }

  #begin(row: number): void {
    Atomics.store(this.#ints, row * 2, ((this.#ints[row * 2] as number) + 1) | 0)
  }

  #end(row: number, nowMs: number): void {
    this.#words[row + Row.samples] = (this.#words[row + Row.samples] as number) + 1
    this.#words[row + Row.updatedMs] = nowMs
    Atomics.store(this.#ints, row * 2, ((this.#ints[row * 2] as number) + 1) | 0)
  }

  /** The receive time, never before that of a sample that came earlier. */
  #receiveTime(nowMs: number): number {
    if (nowMs > this.#lastMs || this.#lastMs - nowMs > CLOCK_STEP_MS) this.#lastMs = nowMs
    return this.#lastMs
  }

  #isMonotonic(row: number): boolean {
    const { aggregation } = this.#shard.shapeOf(row)
    return aggregation.kind === 'counter' && aggregation.isMonotonic
  }

  #observeExplicit(at: number, bounds: readonly number[], value: number, weight: number): void {
    const words = this.#words
    let low = 0
    let high = bounds.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (value <= (bounds[middle] as number)) high = middle
      else low = middle + 1
    }
    words[at + low] = (words[at + low] as number) + weight
    words[at + bounds.length + 1] = (words[at + bounds.length + 1] as number) + value * weight
  }

  #observeExponential(at: number, bucketsMax: number, value: number, weight: number): void {
    const words = this.#words
    const isFirst = words[at + ExponentialRow.count] === 0
    words[at + ExponentialRow.count] = (words[at + ExponentialRow.count] as number) + weight
    words[at + ExponentialRow.sum] = (words[at + ExponentialRow.sum] as number) + value * weight
    if (isFirst || value < (words[at + ExponentialRow.min] as number)) words[at + ExponentialRow.min] = value
    if (isFirst || value > (words[at + ExponentialRow.max] as number)) words[at + ExponentialRow.max] = value
    this.#observeBuckets(at + ExponentialRow.buckets, bucketsMax, value, weight)
  }

  #observeBuckets(at: number, bucketsMax: number, value: number, weight: number): void {
    if (value > 0) this.#buckets.add(at, bucketsMax, finestIndex(value), weight)
    else this.#words[at] = (this.#words[at] as number) + weight
  }

  #observeSummary(at: number, summary: Extract<Aggregation, { kind: 'summary' }>, value: number, weight: number, nowMs: number): void {
    const words = this.#words
    words[at + SummaryRow.count] = (words[at + SummaryRow.count] as number) + weight
    words[at + SummaryRow.sum] = (words[at + SummaryRow.sum] as number) + value * weight
    const tick = Math.floor(nowMs / windowMs(summary))
    const window = at + SummaryRow.windows + (tick % summary.ageBuckets) * Window.words
    if (words[window + Window.tick] !== tick) {
      this.#buckets.clear(window + Window.buckets)
      words[window + Window.tick] = tick
      words[window + Window.min] = value
      words[window + Window.max] = value
    } else {
      if (value < (words[window + Window.min] as number)) words[window + Window.min] = value
      if (value > (words[window + Window.max] as number)) words[window + Window.max] = value
    }
    this.#observeBuckets(window + Window.buckets, WINDOW_BUCKETS, value, weight)
  }
}
