import { randomBytes } from 'node:crypto'
import { dirname, join } from 'node:path'
import type { QueueAmount, QueueStoreObserver, StoredItem } from '../../component/kit/queue/store.ts'
import { rangesOf } from './acked_set.ts'
import { type DiskItem, LogReader } from './log_reader.ts'
import { Amount, amountOf, parseFileName, Segment } from './segment.ts'
import { SegmentWriter } from './segment_writer.ts'
import type { StorageContext } from './storage_context.ts'

/** Somebody who takes items from a log. */
export interface LogTaker {
  readonly observer: QueueStoreObserver
  /** Waits for no more items. */
  isDraining: boolean
}

interface WaitingTake {
  readonly taker: LogTaker
  readonly resolve: (item: StoredItem | undefined) => void
}

/**
 * A queue on disk: a folder of segments, of which the youngest is written and the oldest read. At most one process has it
 * open; several takers of that process may share it. Memory holds what is handed out, a window of what is read, and counts.
 */
export class SegmentLog {
  readonly held = new Amount()
  readonly takers = new Set<LogTaker>()
  readonly #directory: string
  readonly #name: string
  readonly #context: StorageContext
  readonly #reader: LogReader
  readonly #writer: SegmentWriter
  readonly #segments = new Set<Segment>()
  /** Segments with delivered items that the list on disk does not have. */
  readonly #unsaved = new Set<Segment>()
  #lastNumber = 0
  readonly #returned: StoredItem[] = []
  readonly #waiting: WaitingTake[] = []
  #isPumping = false
  #pumping: Promise<void> | undefined
  #mustPumpAgain = false
  /** Changes to the lists of delivered records and removals of files, one after the other. */
  #upkeep: Promise<void> = Promise.resolve()
  #nextSave: Promise<void> | undefined

  constructor(directory: string, name: string, context: StorageContext) {
    this.#directory = directory
    this.#name = name
    this.#context = context
    this.#reader = new LogReader({ context, lost: (segment, amount) => this.#lost(segment, amount), left: (segment) => this.#left(segment) })
    this.#writer = new SegmentWriter({
      context,
      create: () => this.#create(),
      appended: (items) => {
        this.#reader.remember(items)
        this.#pump()
      },
      sealed: (segment) => this.#sealed(segment),
    })
  }

  /** Takes stock of what an earlier process left. Damage is counted and never a reason to reject. */
  async open(): Promise<void> {
    const { access, observer } = this.#context.options
    const names = (await this.#listFiles()).map((file) => ({ file, name: parseFileName(file) }))
    const files = new Set(names.map(({ file }) => file))
    for (const { file, name } of names) {
      // What is left of a segment whose removal was cut short.
      if (name?.ending === 'ack' && !files.has(file.replace(/ack$/, 'seg'))) await access.unlink(join(this.#directory, file)).catch(() => undefined)
    }
    const segments = names.flatMap(({ name }) => (name?.ending === 'seg' ? [name] : [])).sort((a, b) => a.number - b.number)
    for (const { number, salt } of segments) {
      this.#lastNumber = Math.max(this.#lastNumber, number)
      await this.#load(new Segment(this.#directory, { number, salt }, access))
    }
    if (!this.held.isEmpty) observer.recovered(this.#name, this.held)
  }

  append(item: StoredItem): Promise<void> {
    const amount = amountOf({ items: item.items, length: item.bytes.length })
    this.held.add(amount)
    return this.#writer.append(item).catch((error: unknown) => {
      this.held.subtract(amount)
      throw error
    })
  }

  take(taker: LogTaker): StoredItem | Promise<StoredItem | undefined> {
    const returned = this.#waiting.length === 0 ? this.#returned.shift() : undefined
    if (returned !== undefined) return returned
    return new Promise((resolve) => {
      this.#waiting.push({ taker, resolve })
      this.#pump()
    })
  }

  async acknowledge(items: readonly StoredItem[], by: LogTaker): Promise<void> {
    const bySegment = Map.groupBy(items as readonly DiskItem[], ({ segment }) => segment)
    for (const [segment, ofSegment] of bySegment) {
      for (const { record } of ofSegment) this.#settle(segment, amountOf(record))
      const ranges = rangesOf(ofSegment.map(({ record }) => record.index))
      for (const range of ranges) segment.acked.add(range)
      segment.unsavedAcks.push(...ranges)
      this.#unsaved.add(segment)
    }
    this.#reader.leaveIfRead()
    for (const segment of bySegment.keys()) this.#deleteIfDone(segment)
    for (const other of this.takers) if (other !== by) other.observer.roomFreed()
    void this.#saveAcks()
    // Not only until the list is saved: when the space of what is delivered is needed, it should be there.
    await this.#upkeep
  }

  giveBack(items: readonly StoredItem[]): void {
    this.#returned.unshift(...items)
    this.#pump()
  }

  /** A taker waits no longer: what it waits for ends without an item, at once or when nothing is left. */
  stopTaking(taker: LogTaker, atOnce: boolean): void {
    taker.isDraining = true
    if (atOnce) this.#endWaits((waiting) => waiting.taker === taker)
    else this.#pump()
  }

  /** Finishes what is being written and lets all files go. */
  async close(): Promise<void> {
    await this.#writer.idle()
    this.#writer.seal()
    await this.#saveAcks()
    this.#endWaits(() => true)
    this.#reader.close()
    await this.#pumping
    for (const segment of this.#segments) {
      await segment.close()
      this.#context.take(-segment.diskBytes)
    }
    this.#segments.clear()
  }

  async #load(segment: Segment): Promise<void> {
    const { observer } = this.#context.options
    try {
      const { missing, isTorn } = await segment.load()
      if (missing > 0) observer.damaged(this.#name, 'missing', missing)
      if (isTorn) observer.damaged(this.#name, 'torn', 1)
    } catch (error) {
      // The file stays where it is, for the next start.
      observer.upkeepFailed(error)
      await segment.close()
      return
    }
    this.held.add(segment.live)
    this.#context.take(segment.diskBytes)
    this.#segments.add(segment)
    this.#reader.add(segment)
    this.#deleteIfDone(segment)
  }

  /** The files of the folder; none while nothing was ever stored. */
  async #listFiles(): Promise<string[]> {
    try {
      return await this.#context.options.access.readdir(this.#directory)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
      throw error
    }
  }

  async #create(): Promise<Segment> {
    const { access, forcesToDisk } = this.#context.options
    const made = await access.mkdir(this.#directory, { recursive: true, mode: 0o700 })
    if (made !== undefined && forcesToDisk) await this.#syncDirectory(dirname(this.#directory))
    const segment = new Segment(this.#directory, { number: ++this.#lastNumber, salt: randomBytes(4).readUInt32LE(0) }, access)
    await segment.create()
    if (forcesToDisk) await this.#syncDirectory(this.#directory)
    this.#segments.add(segment)
    this.#reader.add(segment)
    return segment
  }

  /** Makes sure that a new file is found again after a power failure. */
  async #syncDirectory(path: string): Promise<void> {
    const handle = await this.#context.options.access.open(path, 'r')
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  }

  #sealed(segment: Segment): void {
    this.#reader.leaveIfRead()
    this.#deleteIfDone(segment)
  }

  #left(segment: Segment): void {
    void this.#inTurn(() => segment.closeFile())
    this.#deleteIfDone(segment)
  }

  #pump(): void {
    this.#mustPumpAgain = true
    if (this.#isPumping) return
    this.#isPumping = true
    this.#pumping = this.#handOut().finally(() => {
      this.#isPumping = false
      // Something may have wanted to, while the file was being read.
      this.#reader.leaveIfRead()
      if (this.#mustPumpAgain) this.#pump()
    })
  }

  /** Hands items to those who wait for them, as long as there are both. */
  async #handOut(): Promise<void> {
    while (this.#mustPumpAgain && this.#waiting.length > 0) {
      this.#mustPumpAgain = false
      for (;;) {
        if (this.#waiting.length === 0) break
        const item = this.#returned.shift() ?? (await this.#reader.read())
        if (item === undefined) break
        const waiting = this.#waiting.shift()
        if (waiting === undefined) this.#returned.unshift(item)
        else waiting.resolve(item)
      }
      if (!this.#mustPumpAgain) this.#endWaits(({ taker }) => taker.isDraining)
    }
    this.#mustPumpAgain = false
  }

  #endWaits(which: (waiting: WaitingTake) => boolean): void {
    for (const waiting of this.#waiting.splice(0)) {
      if (which(waiting)) waiting.resolve(undefined)
      else this.#waiting.push(waiting)
    }
  }

  /** Records cannot be read: they are counted, and the rest goes on. */
  #lost(segment: Segment, amount: QueueAmount): void {
    this.#settle(segment, amount)
    this.#context.options.observer.damaged(this.#name, 'unreadable', amount.requests)
    // The youngest taker counts: it is the one that stays.
    ;[...this.takers].at(-1)?.observer.lost(amount)
  }

  #settle(segment: Segment, amount: QueueAmount): void {
    segment.live.subtract(amount)
    this.held.subtract(amount)
  }

  #deleteIfDone(segment: Segment): void {
    if (!segment.isDone || !this.#segments.has(segment) || !this.#reader.remove(segment)) return
    this.#segments.delete(segment)
    void this.#inTurn(() => this.#remove(segment))
  }

  async #remove(segment: Segment): Promise<void> {
    try {
      if (segment.isUnreadable) await segment.saveAcks()
      else await segment.delete()
    } catch (error) {
      this.#context.options.observer.upkeepFailed(error)
      // It is found again at the next start, and must not be sent again then.
      await segment.saveAcks().catch(() => undefined)
    }
    this.#unsaved.delete(segment)
    await segment.close()
    this.#context.take(-segment.diskBytes)
  }

  #saveAcks(): Promise<void> {
    this.#nextSave ??= this.#inTurn(async () => {
      this.#nextSave = undefined
      for (const segment of this.#unsaved) {
        const before = segment.diskBytes
        try {
          await segment.saveAcks()
          if (segment.unsavedAcks.length === 0) this.#unsaved.delete(segment)
        } catch (error) {
          this.#context.options.observer.upkeepFailed(error)
        }
        this.#context.take(segment.diskBytes - before)
      }
    })
    return this.#nextSave
  }

  /** Runs something after all upkeep that was asked for before. `run` does not reject. */
  #inTurn(run: () => Promise<void>): Promise<void> {
    this.#upkeep = this.#upkeep.then(run)
    return this.#upkeep
  }
}
