import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { QueueAmount, QueueStoreObserver, StoredItem } from '../../component/kit/queue/store.ts'
import { rangesOf } from './acked_set.ts'
import type { AckRange } from './record.ts'
import { type FoundRecord, RecordReader } from './record_reader.ts'
import { Amount, amountOf, parseFileName, Segment } from './segment.ts'
import { SegmentWriter } from './segment_writer.ts'
import type { StorageContext } from './storage_context.ts'

const READ_WINDOW_BYTES = 256 << 10
/** How often a file is tried that cannot be read for another reason than damage, and how long to wait in between. */
const READ_TRIES = 5
const READ_RETRY_MS = 1000

/** An item with the place where it stands. */
class DiskItem implements StoredItem {
  bytes: Uint8Array
  readonly items: number
  readonly segment: Segment
  readonly record: FoundRecord

  constructor(segment: Segment, record: FoundRecord, bytes: Uint8Array) {
    this.bytes = bytes
    this.items = record.items
    this.segment = segment
    this.record = record
  }
}

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
  readonly #writer: SegmentWriter
  readonly #segments = new Set<Segment>()
  /** Segments with delivered items that the list on disk does not have. */
  readonly #unsaved = new Set<Segment>()
  /** Segments that `#reading` comes before. */
  readonly #toRead: Segment[] = []
  #reading: Segment | undefined
  #reader: RecordReader | undefined
  #lastNumber = 0
  readonly #returned: StoredItem[] = []
  readonly #waiting: WaitingTake[] = []
  #failedReads = 0
  #isClosed = false
  #isPumping = false
  #pumping: Promise<void> | undefined
  #endPause: (() => void) | undefined
  /** True while the file of `#reading` is being read. */
  #isInFile = false
  #mustPumpAgain = false
  /** Changes to the lists of delivered records and removals of files, one after the other. */
  #upkeep: Promise<void> = Promise.resolve()
  #nextSave: Promise<void> | undefined

  constructor(directory: string, name: string, context: StorageContext) {
    this.#directory = directory
    this.#name = name
    this.#context = context
    this.#writer = new SegmentWriter({ context, create: () => this.#create(), changed: (segment) => this.#changed(segment) })
  }

  /** Takes stock of what an earlier process left. Damage is counted and never a reason to reject. */
  async open(): Promise<void> {
    const { access, observer } = this.#context.options
    await access.mkdir(this.#directory, { recursive: true, mode: 0o700 })
    const names = (await access.readdir(this.#directory)).map((file) => ({ file, name: parseFileName(file) }))
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
    this.#leaveIfRead()
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
    this.#isClosed = true
    this.#endWaits(() => true)
    this.#endPause?.()
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
    this.#toRead.push(segment)
    this.#deleteIfDone(segment)
  }

  async #create(): Promise<Segment> {
    const segment = new Segment(this.#directory, { number: ++this.#lastNumber, salt: randomBytes(4).readUInt32LE(0) }, this.#context.options.access)
    await segment.create()
    if (this.#context.options.forcesToDisk) await this.#syncDirectory()
    this.#segments.add(segment)
    this.#toRead.push(segment)
    return segment
  }

  /** Makes sure that a new file is found again after a power failure. */
  async #syncDirectory(): Promise<void> {
    const handle = await this.#context.options.access.open(this.#directory, 'r')
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  }

  #changed(segment: Segment): void {
    this.#leaveIfRead()
    this.#deleteIfDone(segment)
    this.#pump()
  }

  #pump(): void {
    this.#mustPumpAgain = true
    if (this.#isPumping) return
    this.#isPumping = true
    this.#pumping = this.#handOut().finally(() => {
      this.#isPumping = false
      // Something may have wanted to, while the file was being read.
      this.#leaveIfRead()
      if (this.#mustPumpAgain) this.#pump()
    })
  }

  /** Hands items to those who wait for them, as long as there are both. */
  async #handOut(): Promise<void> {
    while (this.#mustPumpAgain && this.#waiting.length > 0) {
      this.#mustPumpAgain = false
      for (;;) {
        if (this.#waiting.length === 0) break
        const item = this.#returned.shift() ?? (await this.#read())
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

  /** The next item that is not done with, in the order of the log; undefined when all were read. */
  async #read(): Promise<StoredItem | undefined> {
    for (;;) {
      this.#reading ??= this.#toRead.shift()
      const segment = this.#reading
      if (segment === undefined || this.#isClosed) return undefined
      if (!segment.unread.isEmpty) {
        this.#isInFile = true
        const item = await this.#readFrom(segment).finally(() => {
          this.#isInFile = false
        })
        if (item !== undefined) return item
      } else if (segment.isSealed) {
        this.#leave(segment)
      } else {
        return undefined
      }
    }
  }

  /** The next record of a segment; undefined when it is damaged or done with. */
  async #readFrom(segment: Segment): Promise<StoredItem | undefined> {
    try {
      this.#reader ??= new RecordReader({ handle: await segment.file(), salt: segment.name.salt, windowBytes: READ_WINDOW_BYTES })
      const item = await this.#readNext(segment, this.#reader)
      this.#failedReads = 0
      return item
    } catch (error) {
      if (this.#isClosed) return undefined
      this.#context.options.observer.upkeepFailed(error)
      if (++this.#failedReads < READ_TRIES) {
        await this.#pause(READ_RETRY_MS)
      } else {
        // Not damaged, as far as we know: it stays on the disk, and the next start tries it again.
        this.#failedReads = 0
        segment.isUnreadable = true
        this.#lose(segment, segment.unread.snapshot(), undefined)
      }
      return undefined
    }
  }

  /** Waits, unless the log is closed meanwhile. */
  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const stopTimer = this.#context.options.clock.after(ms, resolve)
      this.#endPause = () => {
        stopTimer()
        resolve()
      }
    })
  }

  async #readNext(segment: Segment, reader: RecordReader): Promise<StoredItem | undefined> {
    const expected = reader.nextIndex
    const record = await reader.next(segment.size)
    if (record === undefined) {
      this.#lose(segment, segment.unread.snapshot(), { from: expected, to: Math.max(expected, segment.nextIndex) })
      return undefined
    }
    if (record.index > expected) segment.acked.add({ from: expected, to: record.index })
    if (segment.acked.has(record.index)) return undefined
    const bytes = await reader.bytesOf(record)
    if (bytes === undefined) {
      this.#lose(segment, amountOf(record), { from: record.index, to: record.index + 1 })
      return undefined
    }
    segment.unread.subtract(amountOf(record))
    return new DiskItem(segment, record, bytes)
  }

  /** Records cannot be read: they are counted, and the rest goes on. */
  #lose(segment: Segment, amount: QueueAmount, range: AckRange | undefined): void {
    if (range !== undefined) segment.acked.add(range)
    segment.unread.subtract(amount)
    this.#settle(segment, amount)
    this.#context.options.observer.damaged(this.#name, 'unreadable', amount.requests)
    // The youngest taker counts: it is the one that stays.
    ;[...this.takers].at(-1)?.observer.lost(amount)
  }

  #settle(segment: Segment, amount: QueueAmount): void {
    segment.live.subtract(amount)
    this.held.subtract(amount)
  }

  /** Goes on to the next segment if the current one is read to its end and nobody is reading in it. */
  #leaveIfRead(): void {
    const segment = this.#reading
    if (segment !== undefined && !this.#isInFile && segment.isSealed && segment.unread.isEmpty) this.#leave(segment)
  }

  #leave(segment: Segment): void {
    this.#reading = undefined
    this.#reader = undefined
    void this.#inTurn(() => segment.closeFile())
    this.#deleteIfDone(segment)
  }

  #deleteIfDone(segment: Segment): void {
    if (!segment.isDone || segment === this.#reading || !this.#segments.delete(segment)) return
    const place = this.#toRead.indexOf(segment)
    if (place >= 0) this.#toRead.splice(place, 1)
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
