import { setTimeout } from 'node:timers/promises'
import { ByteInterner } from '../../../lib/intern.ts'
import { SharedRun } from '../../../lib/shared_run.ts'
import { TimeSlices } from '../../../lib/time_slices.ts'
import { AttributeSet, type Resource, type Scope } from '../../../model/attributes.ts'
import type { FamilyPoints } from '../../../model/metrics.ts'
import { OVERFLOW_ATTRIBUTES } from '../../../model/series/hub.ts'
import type { Aggregation } from '../naming/naming.ts'
import { parseTraits, type Traits } from './descriptor.ts'
import { Families } from './families.ts'
import { JOURNAL_WORDS, type StatMessage, windowMs } from './layout.ts'
import { IntervalSet } from './member_set.ts'
import { OrderedGauge } from './ordered_gauge.ts'
import { AdditiveSum, ExponentialSum, GaugeSum, type RowSum, SummarySum } from './row_sums.ts'
import { SeriesIndex } from './series_index.ts'
import type { ListOrigin, SeriesList } from './series_list.ts'
import { type StatOrigin, StatShardReader } from './shard_reader.ts'
import { type Talker, Talkers } from './talkers.ts'

export interface StatHubSettings {
  /** Most merged series, overflow series not counted. */
  readonly seriesMax: number
  /** How long a set gathers members; the same for the stores. */
  readonly setIntervalMs: number
  /** Milliseconds since the epoch, the same clock that the stores are given. */
  readonly clock: { now(): number }
  readonly resource: Resource
  readonly scope: Scope
}

/** Counts for the owner's own telemetry. */
export interface StatHubStats {
  /** Live series, overflow series included. */
  readonly series: number
  readonly families: number
  /** Shards whose memory is held. */
  readonly shards: number
  /** Rows that found the hub full and are counted in overflow series, since the hub was made. */
  readonly overflowed: number
  /** Series that ended because nothing touched them, since the hub was made. */
  readonly expired: number
  /** Families that got another name than they asked for, because one of another kind has it; since the hub was made. */
  readonly conflicts: number
  /** Sets whose value is an estimate. */
  readonly estimatedSets: number
}

/** Milliseconds to wait for a writer that was suspended in the middle of a row. */
const BUSY_ATTEMPTS_MAX = 25
/** A series ends so much later than its time to live: by then its writer, too, takes it for ended. */
const GRACE_MS = 1000
const NO_VALUES: readonly string[] = []
const OVERFLOW_KEYS = OVERFLOW_ATTRIBUTES.keys

type SummedKind = Exclude<Aggregation['kind'], 'set'>

/** Traits that rows have, and the lists of those that have been seen, by the interner's number of their name. */
interface Known {
  readonly traits: Traits
  readonly lists: Map<number, SeriesList>
}

/**
 * Merges the shards of all ingest workers into series with cumulative values. One per receiver, on the main thread.
 *
 * A value is what ended shards held plus what the live rows hold; see `row_sums.ts` for what that means by kind. Values of
 * monotonic counters, histograms and the counts of summaries never fall, except that a series that ended and came back
 * starts again from 0 with a new start time. Everything that a writer finished before `collect` was called is in its result.
 *
 * The hub reads shards in place; it lets go of their memory when their worker is gone or their writer has closed them, and
 * what they held has been added to its own totals.
 */
export class StatHub {
  readonly #settings: StatHubSettings
  readonly #origin: ListOrigin
  readonly #families = new Families()
  readonly #index = new SeriesIndex()
  readonly #ordered = new Map<number, OrderedGauge>()
  readonly #sets = new Map<number, IntervalSet>()
  readonly #summary: SummarySum
  readonly #sums: Readonly<Record<SummedKind, RowSum>>
  readonly #talkers: Talkers
  #interner = new ByteInterner()
  #textsAtRenewal = 0
  /** By the interner's number of the traits' text. */
  #known = new Map<number, Known>()
  #shards: StatShardReader[] = []
  #late: { readonly shard: StatShardReader; readonly entries: Float64Array }[] = []
  readonly #runs = new SharedRun(() => this.#merge())
  #mergeMs = 0
  #sinceMs: number
  #tick = 0
  #overflowSeries = 0
  #overflowed = 0
  #expired = 0

  constructor(settings: StatHubSettings) {
    const { clock, resource, scope } = settings
    const mergeMs = (): number => this.#mergeMs
    this.#settings = settings
    this.#origin = { producer: {}, resource, scope }
    this.#summary = new SummarySum(mergeMs)
    const additive = new AdditiveSum()
    this.#sums = {
      counter: additive,
      explicit: additive,
      gauge: new GaugeSum(this.#ordered, mergeMs),
      exponential: new ExponentialSum(),
      summary: this.#summary,
    }
    this.#talkers = new Talkers(this.#index)
    this.#sinceMs = clock.now()
  }

  /** Takes a message of an ingest half's store. */
  receive(message: StatMessage, { worker, life }: StatOrigin): void {
    const shard = this.#shards.findLast(({ origin }) => origin.worker === worker && origin.life === life)
    if (message.kind === 'shard') this.#shards.push(new StatShardReader({ worker, life }, message.buffers))
    else if (shard === undefined) throw new Error(`BUG: worker ${worker} sent ${message.kind} before a shard`)
    else if (message.kind === 'entries') this.#late.push({ shard, entries: message.entries })
    // The one before is closed and can be folded; a journal that is half full must be emptied.
    if (shard !== undefined) this.#collectInBackground()
  }

  /** The worker has ended: what it counted is added to the totals, in the background, and its memory released. */
  gone({ worker, life }: StatOrigin): void {
    const ended = this.#shards.filter(({ origin }) => origin.worker === worker && origin.life === life)
    for (const shard of ended) shard.isGone = true
    if (ended.length > 0) this.#collectInBackground()
  }

  /**
   * Merges what the workers have counted, in slices of a few milliseconds: one element per family and list of label keys,
   * all series in each. Calls made before a merge has begun share it; a call made during one gets the next.
   *
   * The same objects come back as long as no series is removed and columns need not grow: series are appended in place,
   * values change in place (a series at a time, never half of it). A consumer that keeps a batch remembers how long its
   * lists were. A list whose series have all ended comes once more, empty.
   */
  collect(): Promise<FamilyPoints[]> {
    return this.#runs.run()
  }

  stats(): StatHubStats {
    let estimatedSets = 0
    for (const set of this.#sets.values()) if (set.isEstimate) estimatedSets++
    return {
      series: this.#index.size,
      families: this.#families.size,
      shards: this.#shards.length,
      overflowed: this.#overflowed,
      expired: this.#expired,
      conflicts: this.#families.names.conflicts,
      estimatedSets,
    }
  }

  /** The series with the most samples, at most `limit`, as of now; see `Talker`. */
  talkers(limit: number): Talker[] {
    return this.#talkers.top(this.#shards, limit, this.#settings.clock.now())
  }

  #collectInBackground(): void {
    // Whatever goes wrong here goes wrong in the next `collect` too, whose caller reports it.
    this.collect().catch(() => {})
  }

  async #merge(): Promise<FamilyPoints[]> {
    this.#mergeMs = this.#settings.clock.now()
    const slices = new TimeSlices()
    const shards = [...this.#shards]
    // Asked before anything is read: a shard that is final now has no values that come later.
    const finals = shards.filter((shard) => shard.isFinal)
    for (const shard of shards) await this.#look(shard, slices)
    for (const shard of shards) this.#drain(shard)
    for (const shard of finals) await this.#foldShard(shard, slices)
    this.#shards = this.#shards.filter((shard) => !finals.includes(shard))
    const live = shards.filter((shard) => !finals.includes(shard))
    this.#markAged()
    await this.#update(live, slices)
    await this.#expire(live, slices)
    await this.#renewTexts(slices)
    this.#talkers.note(live, this.#mergeMs)
    this.#sinceMs = this.#mergeMs
    return this.#families.publish(this.#origin)
  }

  /** Notes which rows have changed, and finds the series of those that are new. */
  async #look(shard: StatShardReader, slices: TimeSlices): Promise<void> {
    const { rows } = shard
    while (!shard.learnTexts(this.#interner, 512)) if (slices.isOver) await slices.next()
    const fresh: number[] = []
    for (let row = 0; row < rows; row++) {
      if ((row & 63) === 0 && slices.isOver) await slices.next()
      if (shard.sequence(row) === shard.seen[row]) continue
      const id = (shard.seriesOf[row] as number) - 1
      if (id >= 0) this.#index.dirty[id] = 1
      else {
        fresh.push(row)
        this.#listOf(shard, row, this.#knownOf(shard, row)).expected++
      }
    }
    for (const [n, row] of fresh.entries()) {
      if ((n & 63) === 0 && slices.isOver) await slices.next()
      const known = this.#knownOf(shard, row)
      const list = this.#listOf(shard, row, known)
      this.#place(shard, row, list, known.traits)
      list.expected--
    }
  }

  /** Finds the series of a row, which is made when it is new. */
  #place(shard: StatShardReader, row: number, list: SeriesList, traits: Traits): void {
    const id = this.#seriesOf(shard, row, list, traits)
    for (const older of shard.rowsOf(id)) {
      if (!shard.isLeft(older)) continue
      this.#foldRow(shard, older, id)
      shard.unlinkRow(older, id)
    }
    shard.link(row, id)
    this.#index.dirty[id] = 1
  }

  /** The series of a row, made when it is new. */
  #seriesOf(shard: StatShardReader, row: number, list: SeriesList, traits: Traits): number {
    const values = traits.keys.length === 0 ? NO_VALUES : traits.keys.map((_, label) => this.#interner.text(shard.value(row, label)))
    const known = this.#index.find(list, values)
    return known >= 0 ? known : this.#newSeries(list, values, { traits, name: shard.name(row) })
  }

  #knownOf(shard: StatShardReader, row: number): Known {
    const text = shard.traits(row)
    const known = this.#known.get(text)
    if (known !== undefined) return known
    const made: Known = { traits: parseTraits(this.#interner.text(text)), lists: new Map() }
    this.#known.set(text, made)
    return made
  }

  #listOf(shard: StatShardReader, row: number, { traits, lists }: Known): SeriesList {
    const name = shard.name(row)
    const known = lists.get(name)
    if (known !== undefined && !known.isEnded) return known
    const list = this.#families.listOf(this.#interner.text(name), traits)
    lists.set(name, list)
    return list
  }

  #newSeries(list: SeriesList, values: readonly string[], { traits, name }: { readonly traits: Traits; readonly name: number }): number {
    const isFull = this.#index.size - this.#overflowSeries >= this.#settings.seriesMax
    if (!isOverflow(list) && isFull) {
      this.#overflowed++
      const overflow = this.#families.listOf(this.#interner.text(name), traits, OVERFLOW_KEYS)
      const known = this.#index.find(overflow, OVERFLOW_ATTRIBUTES.values as readonly string[])
      return known >= 0 ? known : this.#append(overflow, OVERFLOW_ATTRIBUTES, traits.ttlMs)
    }
    return this.#append(list, isOverflow(list) ? OVERFLOW_ATTRIBUTES : new AttributeSet(list.keys, values), traits.ttlMs)
  }

  #append(list: SeriesList, attributes: AttributeSet, ttlMs: number): number {
    if (isOverflow(list)) this.#overflowSeries++
    const index = list.add(attributes, this.#index.next(), this.#sinceMs)
    return this.#index.add(list, index, attributes.values as readonly string[], ttlMs)
  }

  /** Takes what a shard's writer wants to be told one by one. */
  #drain(shard: StatShardReader): void {
    shard.drain((row, a, b, c) => this.#take(shard, row, a, b, c))
    const late = this.#late.filter((one) => one.shard === shard)
    this.#late = this.#late.filter((one) => one.shard !== shard)
    for (const { entries } of late) {
      for (let at = 0; at < entries.length; at += JOURNAL_WORDS) {
        this.#take(shard, shard.rowAt(entries[at] as number), entries[at + 1] as number, entries[at + 2] as number, entries[at + 3] as number)
      }
    }
  }

  #take(shard: StatShardReader, row: number, a: number, b: number, c: number): void {
    if (row < 0) throw new RangeError('BUG: the journal of a shard names a row that it does not have')
    const id = this.#idOf(shard, row)
    this.#index.dirty[id] = 1
    if (this.#index.lists[id]?.of.aggregation.kind === 'set') {
      const interval = this.#intervalAt(a)
      const set = this.#sets.get(id) ?? new IntervalSet(interval)
      this.#sets.set(id, set)
      set.add(interval, b, c)
      return
    }
    const gauge = this.#ordered.get(id) ?? new OrderedGauge()
    this.#ordered.set(id, gauge)
    gauge.shift({ timeMs: a, worker: shard.origin.worker, order: b }, c)
  }

  /** The series of a row that the journal names; the row may be so new that it was not looked at yet. */
  #idOf(shard: StatShardReader, row: number): number {
    const id = (shard.seriesOf[row] as number) - 1
    if (id >= 0) return id
    shard.learnTexts(this.#interner, Number.POSITIVE_INFINITY)
    const known = this.#knownOf(shard, row)
    const made = this.#seriesOf(shard, row, this.#listOf(shard, row, known), known.traits)
    shard.link(row, made)
    return made
  }

  #intervalAt(timeMs: number): number {
    return Math.floor(timeMs / this.#settings.setIntervalMs)
  }

  /** Adds what a finished shard held to the totals. */
  async #foldShard(shard: StatShardReader, slices: TimeSlices): Promise<void> {
    for (let id = 0; id < this.#index.end; id++) {
      for (const row of shard.rowsOf(id)) this.#foldRow(shard, row, id)
      shard.unlink(id)
      if ((id & 31) === 0 && slices.isOver) await slices.next()
    }
  }

  /** Adds a row that nobody writes any more; one whose writer died in the middle of a change is taken as it is. */
  #foldRow(shard: StatShardReader, row: number, id: number): void {
    const list = this.#index.lists[id] as SeriesList
    const index = this.#index.indexes[id] as number
    shard.read(row, list.form)
    const { kind } = list.of.aggregation
    if (kind !== 'set') this.#sums[kind].fold(list, index, shard)
    list.updatedMs[index] = Math.max(list.updatedMs[index] as number, shard.updatedMs)
    this.#index.samples[id] = (this.#index.samples[id] as number) + shard.samples
    this.#index.dirty[id] = 1
  }

  /** Sets and summaries change by the passing of time. */
  #markAged(): void {
    const tick = Math.floor(this.#mergeMs / 1000)
    if (tick === this.#tick) return
    const beforeMs = this.#tick * 1000
    this.#tick = tick
    for (const id of this.#sets.keys()) this.#index.dirty[id] = 1
    for (const list of this.#families.lists()) {
      const { aggregation } = list.of
      if (aggregation.kind !== 'summary') continue
      const ms = windowMs(aggregation)
      if (Math.floor(beforeMs / ms) === Math.floor(this.#mergeMs / ms)) continue
      for (const id of list.ids) this.#index.dirty[id] = 1
    }
  }

  /** Makes the values of changed series anew. */
  async #update(shards: readonly StatShardReader[], slices: TimeSlices): Promise<void> {
    const { dirty } = this.#index
    for (let id = 0; id < this.#index.end; id++) {
      if ((id & 63) === 0 && slices.isOver) await slices.next()
      if (dirty[id] === 0) continue
      dirty[id] = 0
      const list = this.#index.lists[id]
      if (list === undefined) continue
      if (list.of.aggregation.kind === 'set') this.#updateSet(shards, id, list)
      else if (!this.#sum(shards, id, list)) await this.#sumLater(shards, id, list)
    }
  }

  /** A writer was suspended in the middle of a row: gives it time to go on; in the end the row is taken as it is. */
  async #sumLater(shards: readonly StatShardReader[], id: number, list: SeriesList): Promise<void> {
    for (let attempt = 0; attempt < BUSY_ATTEMPTS_MAX; attempt++) {
      await setTimeout(1)
      if (this.#sum(shards, id, list)) return
    }
    this.#sum(shards, id, list, true)
  }

  /** Makes the value of a series. False when one of its rows is being written, and `isLast` is not said. */
  #sum(shards: readonly StatShardReader[], id: number, list: SeriesList, isLast = false): boolean {
    const sum = this.#sums[list.of.aggregation.kind as SummedKind]
    const index = this.#index.indexes[id] as number
    let newestMs = list.updatedMs[index] as number
    sum.start(list, index)
    for (const shard of shards) {
      let row = shard.rowOf(id)
      if (row < 0) continue
      const more = shard.moreRowsOf(id)
      for (let n = 0; ; n++) {
        if (!shard.read(row, list.form) && !isLast) return false
        sum.add(shard)
        newestMs = Math.max(newestMs, shard.updatedMs)
        if (n === more.length) break
        row = more[n] as number
      }
    }
    sum.store()
    list.updatedMs[index] = newestMs
    return true
  }

  #updateSet(shards: readonly StatShardReader[], id: number, list: SeriesList): void {
    const index = this.#index.indexes[id] as number
    list.values[index] = this.#sets.get(id)?.value(this.#intervalAt(this.#mergeMs)) ?? 0
    for (const shard of shards) {
      for (const row of shard.rowsOf(id)) {
        shard.read(row, list.form)
        list.updatedMs[index] = Math.max(list.updatedMs[index] as number, shard.updatedMs)
      }
    }
  }

  /** Ends the series that nothing has touched for their time to live. */
  async #expire(shards: readonly StatShardReader[], slices: TimeSlices): Promise<void> {
    const ended: number[] = []
    const { ttlMs, lists, indexes } = this.#index
    for (let id = 0; id < this.#index.end; id++) {
      if ((id & 63) === 0 && slices.isOver) await slices.next()
      const list = lists[id]
      if (list === undefined || ttlMs[id] === 0) continue
      const idleMs = this.#mergeMs - (list.updatedMs[indexes[id] as number] as number)
      if (idleMs > (ttlMs[id] as number) + GRACE_MS && !hasChanged(shards, id)) ended.push(id)
    }
    if (ended.length > 0) this.#end(ended, shards)
  }

  #end(ended: readonly number[], shards: readonly StatShardReader[]): void {
    const isEnded = new Set(ended)
    const lists = new Set(ended.map((id) => this.#index.lists[id] as SeriesList))
    for (const list of lists) {
      if (isOverflow(list)) this.#overflowSeries -= list.ids.filter((id) => isEnded.has(id)).length
      list.remove(
        (id) => isEnded.has(id),
        (id, index) => {
          this.#index.indexes[id] = index
        },
      )
    }
    for (const id of ended) {
      for (const shard of shards) shard.unlink(id)
      this.#ordered.delete(id)
      this.#sets.delete(id)
      this.#summary.forget(id)
    }
    this.#index.remove(ended)
    this.#talkers.forget(ended)
    this.#expired += ended.length
  }

  /** Texts that only ended series had would stay for ever: when there are many, the shards learn anew the ones they have. */
  async #renewTexts(slices: TimeSlices): Promise<void> {
    if (this.#interner.size <= 2 * this.#textsAtRenewal + 4096 || this.#interner.size <= 4 * this.#index.size) return
    this.#interner = new ByteInterner()
    this.#known = new Map()
    for (const shard of this.#shards) {
      shard.forgetTexts()
      while (!shard.learnTexts(this.#interner, 512)) if (slices.isOver) await slices.next()
    }
    this.#textsAtRenewal = this.#interner.size
  }
}

function isOverflow(list: SeriesList): boolean {
  return list.keys.length === 1 && list.keys[0] === OVERFLOW_KEYS[0]
}

function hasChanged(shards: readonly StatShardReader[], id: number): boolean {
  for (const shard of shards) {
    const row = shard.rowOf(id)
    if (row < 0) continue
    if (shard.sequence(row) !== shard.seen[row] || shard.moreRowsOf(id).some((other) => shard.sequence(other) !== shard.seen[other])) return true
  }
  return false
}
