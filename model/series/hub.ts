import { setTimeout } from 'node:timers/promises'
import { ByteInterner } from '../../lib/intern.ts'
import { SharedRun } from '../../lib/shared_run.ts'
import { TimeSlices } from '../../lib/time_slices.ts'
import { AttributeSet, type Resource, type Scope } from '../attributes.ts'
import { type Exemplar, type FamilyPoints, valuesPerPoint } from '../metrics.ts'
import type { SeriesLayout } from './layout.ts'
import { SeriesTable } from './series_table.ts'
import { OVERFLOW_ROW, type ShardBuffers } from './shard.ts'
import { type ShardOrigin, ShardReader } from './shard_reader.ts'

/** Labels of the series that counts everything for which there was no room. */
export const OVERFLOW_ATTRIBUTES: AttributeSet = AttributeSet.of({ otel_metric_overflow: 'true' })

export interface SeriesHubSettings {
  /** Most merged series, the overflow series not counted. */
  readonly seriesMax: number
  /** A series that no worker has touched for so long ends; 0 = never. */
  readonly idleMs: number
  /** Milliseconds since the epoch, the same clock that the writers of the shards use. */
  readonly clock: { now(): number }
  readonly resource: Resource
  readonly scope: Scope
  /** True when an empty label value stands for an attribute that is not there: such attributes are left out. */
  readonly isEmptyAbsent?: boolean
}

export interface SeriesHubStats {
  /** Live series, the overflow series included. */
  readonly series: number
  /** Shards whose memory is held. */
  readonly shards: number
  /** Label tuples that found the hub full and are counted in the overflow series. */
  readonly overflowed: number
  /** Series that ended because nothing touched them, since the hub was made. */
  readonly expired: number
}

const Kind = { additive: 0, monotonic: 1, gauge: 2 } as const

/** Milliseconds to wait for a writer that was suspended in the middle of a row. */
const BUSY_ATTEMPTS_MAX = 25

/** What belongs to rounding when sums of several workers are added in another order than before. */
const ROUNDING = 1e-9

/**
 * Merges the shards of all ingest workers into series with cumulative values. One hub per layout, on the main thread.
 *
 * A value is what ended shards held plus what the live rows hold: counters and histograms are added up, a gauge is what
 * the most recently changed row says. Values never fall, except that a series that ended and came back starts again
 * from 0 with a new start time. Everything that a writer finished before `collect` was called is in its result.
 *
 * The hub reads the shards' memory in place and keeps no copy of a row; it owns the buffers attached to it until their
 * worker is gone or their writer has closed them and what they held has been added to its own totals.
 */
export class SeriesHub {
  readonly layout: SeriesLayout
  readonly #settings: SeriesHubSettings
  readonly #producer = {}
  readonly #kinds: Uint8Array
  readonly #exemplarFamily: number
  #table: SeriesTable
  #interner = new ByteInterner()
  #textsAtRenewal = 0
  #shards: ShardReader[] = []
  #families: FamilyPoints[] = []
  readonly #runs = new SharedRun(() => this.#merge())
  #sinceMs: number
  #sweptMs: number
  #expired = 0
  readonly #presentKeys = new Map<string, readonly string[]>()
  readonly #row: Float64Array
  readonly #sum: Float64Array
  readonly #tuple: Int32Array

  constructor(layout: SeriesLayout, settings: SeriesHubSettings) {
    this.layout = layout
    this.#settings = settings
    this.#kinds = kindsOf(layout)
    const histogram = layout.families.findIndex((family) => family.type === 'histogram')
    this.#exemplarFamily = histogram < 0 && layout.families.length === 1 ? 0 : histogram
    this.#table = new SeriesTable({ labels: layout.labels.length, stride: layout.stride })
    this.#row = new Float64Array(layout.stride)
    this.#sum = new Float64Array(layout.stride)
    this.#tuple = new Int32Array(layout.labels.length)
    this.#sinceMs = settings.clock.now()
    this.#sweptMs = this.#sinceMs
  }

  /**
   * Takes the buffers of a shard as its writer published them. A worker has one open shard at a time; when it attaches
   * the next one the one before is closed, and is folded into the totals in the background.
   */
  attach(origin: ShardOrigin, buffers: ShardBuffers): void {
    const hasOlder = this.#shards.some((shard) => isSame(shard.origin, origin))
    this.#shards.push(new ShardReader(origin, this.layout, buffers))
    if (hasOlder) this.#collectInBackground()
  }

  /** The worker has ended: what it counted is added to the totals, in the background, and its memory released. */
  gone(origin: ShardOrigin): void {
    const ended = this.#shards.filter((shard) => isSame(shard.origin, origin))
    for (const shard of ended) shard.isGone = true
    if (ended.length > 0) this.#collectInBackground()
  }

  /**
   * Merges what the workers have counted, in slices of a few milliseconds. One element per family of the layout, all
   * series in each. Calls made before a merge has begun share it; a call made during one gets the next.
   *
   * The same objects come back as long as no series is removed and the columns need not grow: `series` is appended to in
   * place, values change in place (a row at a time, never half of it). A consumer that keeps a batch remembers how long
   * `series` was. After a removal everything is new, and what was handed out before stays as it was.
   */
  collect(): Promise<FamilyPoints[]> {
    return this.#runs.run()
  }

  /** Counts for the owner's own telemetry. */
  stats(): SeriesHubStats {
    let overflowed = 0
    for (const shard of this.#shards) overflowed += shard.overflowRows.length - 1
    return { series: this.#table.size, shards: this.#shards.length, overflowed, expired: this.#expired }
  }

  #collectInBackground(): void {
    // Whatever goes wrong here goes wrong in the next `collect` too, whose caller reports it.
    this.collect().catch(() => {})
  }

  async #merge(): Promise<FamilyPoints[]> {
    const startedMs = this.#settings.clock.now()
    const slices = new TimeSlices()
    const shards = [...this.#shards]
    // Asked before anything is read: a shard that is final now has no values that come later.
    const finals = shards.filter((shard) => shard.isFinal)
    for (const shard of shards) await this.#register(shard, slices)
    for (const shard of finals) await this.#fold(shard, slices)
    this.#shards = this.#shards.filter((shard) => !finals.includes(shard))
    const live = shards.filter((shard) => !finals.includes(shard))
    await this.#update(live, slices)
    await this.#updateOverflow(live, slices)
    await this.#expire(live, startedMs, slices)
    this.#sinceMs = startedMs
    return this.#publish()
  }

  /** Finds the merged series of rows that are new, were empty, or whose series had ended. */
  async #register(shard: ShardReader, slices: TimeSlices): Promise<void> {
    const rows = shard.rows
    while (!shard.learnTexts(this.#interner, 512)) if (slices.isOver) await slices.next()
    for (const row of shard.parkedRows) if (shard.hasChanged(row)) this.#resume(shard, row)
    const pending = shard.pending
    shard.pending = []
    for (const row of pending) this.#place(shard, row)
    while (shard.rowsKnown < rows) {
      this.#place(shard, shard.rowsKnown++)
      if ((shard.rowsKnown & 63) === 0 && slices.isOver) await slices.next()
    }
  }

  #place(shard: ShardReader, row: number): void {
    if (shard.sequence(row) === 0) {
      shard.pending.push(row)
      return
    }
    const index = this.#seriesOf(shard, row)
    if (index < 0) shard.overflowRows.push(row)
    else this.#link(shard, row, index)
  }

  /** A row whose series had ended counts again: its series starts from what the row held at the end. */
  #resume(shard: ShardReader, row: number): void {
    shard.unpark(row, this.#row)
    const index = this.#seriesOf(shard, row)
    if (index < 0) {
      shard.overflowRows.push(row)
      this.#subtractFromBase(this.#overflow(), this.#row)
      return
    }
    this.#subtractFromBase(index, this.#row)
    this.#link(shard, row, index)
  }

  #subtractFromBase(index: number, values: Float64Array): void {
    const { base, stride } = this.#table
    for (let i = 0; i < stride; i++) if (this.#kinds[i] !== Kind.gauge) base[index * stride + i] = (base[index * stride + i] as number) - (values[i] as number)
    this.#table.dirty[index] = 1
  }

  /** The series with a row's labels, made when it is new; -1 when there is no room. */
  #seriesOf(shard: ShardReader, row: number): number {
    const table = this.#table
    shard.tupleOf(row, this.#tuple)
    const known = table.find(this.#tuple)
    if (known >= 0) return known
    const count = table.overflowAt < 0 ? table.size : table.size - 1
    if (count >= this.#settings.seriesMax) return -1
    return table.add(this.#tuple, this.#attributesOf(this.#tuple), this.#sinceMs)
  }

  #attributesOf(tuple: Int32Array): AttributeSet {
    const { labels } = this.layout
    const values = Array.from(tuple, (text) => this.#interner.text(text))
    if (this.#settings.isEmptyAbsent !== true) return new AttributeSet(labels, values)
    const isPresent = (_: string, i: number): boolean => values[i] !== ''
    const pattern = values.map((value) => (value === '' ? '0' : '1')).join('')
    // Consumers plan by lists of keys: series with the same attributes share one.
    const keys = this.#presentKeys.get(pattern) ?? labels.filter(isPresent)
    this.#presentKeys.set(pattern, keys)
    return new AttributeSet(keys, values.filter(isPresent))
  }

  #link(shard: ShardReader, row: number, index: number): void {
    if (index >= shard.rowOf.length) {
      const rowOf = new Int32Array(this.#table.capacity)
      rowOf.set(shard.rowOf)
      shard.rowOf = rowOf
    }
    shard.rowOf[index] = row
    this.#table.dirty[index] = 1
  }

  /** Adds what a finished shard held to the totals. */
  async #fold(shard: ShardReader, slices: TimeSlices): Promise<void> {
    for (let index = 0; index < shard.rowOf.length; index++) {
      const row = shard.rowOf[index] as number
      if (row === 0) continue
      this.#foldRow(shard, row, index)
      shard.rowOf[index] = 0
      if ((index & 31) === 0 && slices.isOver) await slices.next()
    }
    for (const row of shard.overflowRows) {
      if (shard.sequence(row) !== 0) this.#foldRow(shard, row, this.#overflow())
      if ((row & 31) === 0 && slices.isOver) await slices.next()
    }
  }

  #foldRow(shard: ShardReader, row: number, index: number): void {
    const { base, baseUpdatedMs, updatedMs, dirty, stride } = this.#table
    shard.read(row, this.#row)
    const isNewest = shard.lastUpdatedMs >= (baseUpdatedMs[index] as number)
    for (let i = 0; i < stride; i++) {
      const value = this.#row[i] as number
      if (this.#kinds[i] !== Kind.gauge) base[index * stride + i] = (base[index * stride + i] as number) + value
      else if (isNewest) base[index * stride + i] = value
    }
    if (isNewest) baseUpdatedMs[index] = shard.lastUpdatedMs
    updatedMs[index] = Math.max(updatedMs[index] as number, shard.lastUpdatedMs)
    dirty[index] = 1
  }

  /** Sums the series whose rows have changed. */
  async #update(shards: readonly ShardReader[], slices: TimeSlices): Promise<void> {
    const table = this.#table
    for (let index = 0; index < table.size; index++) {
      if ((index & 63) === 0 && slices.isOver) await slices.next()
      if (index === table.overflowAt || !(table.dirty[index] === 1 || hasChanged(shards, index))) continue
      let newestMs = this.#startSum(index)
      for (const shard of shards) {
        const row = shard.rowOf[index]
        if (row === undefined || row === 0) continue
        if (!shard.read(row, this.#row)) await this.#readLater(shard, row)
        newestMs = this.#addRow(shard.lastUpdatedMs, newestMs)
      }
      this.#store(index, newestMs)
    }
  }

  /** The writer was suspended in the middle of a row: gives it time to go on, then takes the row as it is. */
  async #readLater(shard: ShardReader, row: number): Promise<void> {
    for (let attempt = 0; attempt < BUSY_ATTEMPTS_MAX; attempt++) {
      await setTimeout(1)
      if (shard.read(row, this.#row)) return
    }
  }

  async #updateOverflow(shards: readonly ShardReader[], slices: TimeSlices): Promise<void> {
    const rows = shards.flatMap((shard) => shard.overflowRows.filter((row) => shard.sequence(row) !== 0).map((row) => ({ shard, row })))
    if (rows.length === 0 && this.#table.overflowAt < 0) return
    const index = this.#overflow()
    if (this.#table.dirty[index] === 0 && !rows.some(({ shard, row }) => shard.hasChanged(row))) return
    let newestMs = this.#startSum(index)
    for (const [i, { shard, row }] of rows.entries()) {
      if (!shard.read(row, this.#row)) await this.#readLater(shard, row)
      newestMs = this.#addRow(shard.lastUpdatedMs, newestMs)
      if ((i & 31) === 31 && slices.isOver) await slices.next()
    }
    this.#store(index, newestMs)
  }

  #overflow(): number {
    return this.#table.overflowAt >= 0 ? this.#table.overflowAt : this.#table.addOverflow(OVERFLOW_ATTRIBUTES, this.#sinceMs)
  }

  /** Begins a sum with what ended shards held; returns the time of the gauges in it. */
  #startSum(index: number): number {
    const { base, baseUpdatedMs, stride } = this.#table
    for (let i = 0; i < stride; i++) this.#sum[i] = base[index * stride + i] as number
    return baseUpdatedMs[index] as number
  }

  /** Adds `#row`, last changed at `rowMs`, to the sum whose newest part is of `newestMs`; returns the newer time. */
  #addRow(rowMs: number, newestMs: number): number {
    const isNewest = rowMs >= newestMs
    for (let i = 0; i < this.#sum.length; i++) {
      if (this.#kinds[i] !== Kind.gauge) this.#sum[i] = (this.#sum[i] as number) + (this.#row[i] as number)
      else if (isNewest) this.#sum[i] = this.#row[i] as number
    }
    return isNewest ? rowMs : newestMs
  }

  #store(index: number, newestMs: number): void {
    const { values, base, updatedMs, dirty, stride } = this.#table
    const at = index * stride
    for (let i = 0; i < stride; i++) {
      const before = values[at + i] as number
      const value = this.#sum[i] as number
      // The parts are not always added in the same order, so a total may come out a rounding error below the last one.
      const isRounding = this.#kinds[i] === Kind.monotonic && value < before && before - value <= ROUNDING * Math.max(before, Math.abs(base[at + i] as number))
      if (!isRounding) values[at + i] = value
    }
    updatedMs[index] = Math.max(updatedMs[index] as number, newestMs)
    dirty[index] = 0
  }

  /** Ends the series that nothing has touched for `idleMs`; looks for them twenty times in that time at most. */
  async #expire(shards: readonly ShardReader[], nowMs: number, slices: TimeSlices): Promise<void> {
    const { idleMs } = this.#settings
    if (idleMs === 0 || nowMs - this.#sweptMs < idleMs / 20) return
    this.#sweptMs = nowMs
    const table = this.#table
    const isEnded = new Uint8Array(table.size)
    let ended = 0
    for (let index = 0; index < isEnded.length; index++) {
      if ((index & 63) === 0 && slices.isOver) await slices.next()
      if (index === table.overflowAt || (table.updatedMs[index] as number) > nowMs - idleMs || !this.#park(shards, index)) continue
      isEnded[index] = 1
      ended++
    }
    if (ended === 0) return
    await this.#rebuild(isEnded, ended, slices)
    this.#expired += ended
  }

  /** Remembers what the rows of a series hold. False, with nothing changed, when one of them has been touched. */
  #park(shards: readonly ShardReader[], index: number): boolean {
    const held: { readonly shard: ShardReader; readonly row: number; readonly values: Float64Array }[] = []
    for (const shard of shards) {
      const row = shard.rowOf[index]
      if (row === undefined || row === 0) continue
      const seen = shard.seen[row]
      const values = new Float64Array(this.layout.stride)
      shard.read(row, values)
      if (shard.seen[row] !== seen) {
        this.#table.dirty[index] = 1
        return false
      }
      held.push({ shard, row, values })
    }
    for (const { shard, row, values } of held) {
      shard.park(row, values)
      shard.rowOf[index] = 0
    }
    return true
  }

  /** Makes a table of the series that go on; the old one stays as it is for those who still read from it. */
  async #rebuild(isEnded: Uint8Array, ended: number, slices: TimeSlices): Promise<void> {
    const old = this.#table
    const table = new SeriesTable(old, Math.max(64, Math.ceil((old.size - ended) * 1.25)))
    const places = new Int32Array(old.size).fill(-1)
    const interner = this.#interner.size > 2 * this.#textsAtRenewal + 1024 ? new ByteInterner() : this.#interner
    for (let index = 0; index < isEnded.length; index++) {
      if ((index & 63) === 0 && slices.isOver) await slices.next()
      if (isEnded[index] === 1) continue
      const attributes = old.series[index] as AttributeSet
      const startMs = old.startTimesMs[index] as number
      const place = index === old.overflowAt ? table.addOverflow(attributes, startMs) : table.add(this.#tupleFor(old, index, interner), attributes, startMs)
      table.copyFrom(old, index, place)
      places[index] = place
    }
    for (const shard of this.#shards) shard.rowOf = renumbered(shard.rowOf, places, table.capacity)
    // Texts that only ended series had would stay for ever: the shards learn the ones they have anew.
    if (interner !== this.#interner) {
      for (const shard of this.#shards) shard.textsKnown = 1
      this.#textsAtRenewal = interner.size
      this.#interner = interner
    }
    this.#table = table
  }

  #tupleFor(table: SeriesTable, index: number, interner: ByteInterner): Int32Array {
    const at = index * table.labels
    for (let i = 0; i < table.labels; i++) {
      const text = table.tuples[at + i] as number
      this.#tuple[i] = interner === this.#interner ? text : copyText(this.#interner, text, interner)
    }
    return this.#tuple
  }

  #publish(): FamilyPoints[] {
    const table = this.#table
    if (this.#families[0]?.values !== table.values || this.#families[0].series !== table.series) {
      const { resource, scope } = this.#settings
      const { series, values, startTimesMs, updatedMs, stride } = table
      this.#families = this.layout.families.map((family, i) => ({
        family,
        resource,
        scope,
        series,
        values,
        stride,
        startTimesMs,
        updatedMs,
        producer: this.#producer,
        offset: this.layout.offsets[i] as number,
        ...(i === this.#exemplarFamily ? { exemplar: (index: number) => this.#exemplarOf(table, index) } : {}),
      }))
    }
    return this.#families
  }

  /** The newest exemplar that a live row of a series has; rows of ended shards take theirs with them. */
  #exemplarOf(table: SeriesTable, index: number): Exemplar | undefined {
    if (table !== this.#table || index === table.overflowAt) return undefined
    let newest: ShardReader | undefined
    let newestMs = 0
    for (const shard of this.#shards) {
      const row = shard.rowOf[index]
      if (row === undefined || row === OVERFLOW_ROW || shard.exemplarMs(row) <= newestMs) continue
      newest = shard
      newestMs = shard.exemplarMs(row)
    }
    return newest?.exemplar(newest.rowOf[index] as number)
  }
}

function hasChanged(shards: readonly ShardReader[], index: number): boolean {
  for (const shard of shards) {
    const row = shard.rowOf[index]
    if (row !== undefined && row !== 0 && shard.hasChanged(row)) return true
  }
  return false
}

function kindsOf(layout: SeriesLayout): Uint8Array {
  const kinds = new Uint8Array(layout.stride)
  for (const [i, family] of layout.families.entries()) {
    const kind = family.type === 'gauge' ? Kind.gauge : family.type === 'histogram' || family.isMonotonic ? Kind.monotonic : Kind.additive
    kinds.fill(kind, layout.offsets[i], (layout.offsets[i] as number) + valuesPerPoint(family))
  }
  return kinds
}

function renumbered(rowOf: Int32Array, places: Int32Array, capacity: number): Int32Array {
  const moved = new Int32Array(capacity)
  const end = Math.min(rowOf.length, places.length)
  for (let index = 0; index < end; index++) if ((places[index] as number) >= 0) moved[places[index] as number] = rowOf[index] as number
  return moved
}

function copyText(from: ByteInterner, text: number, to: ByteInterner): number {
  const bytes = from.bytes(text)
  return to.intern(bytes, new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0, bytes.length)
}

function isSame(a: ShardOrigin, b: ShardOrigin): boolean {
  return a.worker === b.worker && a.life === b.life
}
