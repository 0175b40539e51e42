import type { QueueAmount, StoredItem } from '../../component/kit/queue/store.ts'
import { type FoundRecord, RecordReader } from './record_reader.ts'
import { amountOf, type Segment } from './segment.ts'
import type { StorageContext } from './storage_context.ts'

const WINDOW_BYTES = 256 << 10
/** How often a file is tried that cannot be read for another reason than damage, and how long to wait in between. */
const TRIES = 5
const RETRY_MS = 1000
/** Most that is remembered of what was just written, so that it need not be read again when it is sent at once. */
const FRESH_BYTES_MAX = 4 << 20
const FRESH_ITEMS_MAX = 1024

/** An item with the place where it stands. */
export class DiskItem implements StoredItem {
  bytes: Uint8Array
  readonly items: number
  readonly segment: Segment
  readonly record: Omit<FoundRecord, 'bytesCrc'>

  constructor(segment: Segment, record: Omit<FoundRecord, 'bytesCrc'>, bytes: Uint8Array) {
    this.bytes = bytes
    this.items = record.items
    this.segment = segment
    this.record = record
  }
}

export interface LogReaderOptions {
  readonly context: StorageContext
  /** Records of a segment are gone. */
  readonly lost: (segment: Segment, amount: QueueAmount) => void
  /** A segment is read to its end and not needed here any more. */
  readonly left: (segment: Segment) => void
}

/** Reads the items of a log in their order, each once: from the files, or from memory when they were only just written. */
export class LogReader {
  readonly #options: LogReaderOptions
  /** Segments that `#segment` comes before. */
  readonly #next: Segment[] = []
  #segment: Segment | undefined
  #reader: RecordReader | undefined
  /** Where the next record of `#segment` stands, if there is no reader yet. */
  #begin = { position: 0, index: 0 }
  /** The oldest of the unread items, if they were only just written. */
  readonly #fresh: DiskItem[] = []
  #freshBytes = 0
  #failures = 0
  #isInFile = false
  #isClosed = false
  #endPause: (() => void) | undefined

  constructor(options: LogReaderOptions) {
    this.#options = options
  }

  /** Puts a segment behind the others. */
  add(segment: Segment): void {
    this.#next.push(segment)
  }

  /** Leaves a segment out; false when it is being read. */
  remove(segment: Segment): boolean {
    if (segment === this.#segment) return false
    const place = this.#next.indexOf(segment)
    if (place >= 0) this.#next.splice(place, 1)
    return true
  }

  /** Remembers items that have just been written, if nothing stands before them that must be read. They are unread already. */
  remember(items: readonly DiskItem[]): void {
    const bytes = items.reduce((sum, item) => sum + item.bytes.length, 0)
    if (this.#freshBytes + bytes > FRESH_BYTES_MAX || this.#fresh.length + items.length > FRESH_ITEMS_MAX) return
    let unread = 0
    for (const segment of this.#segment === undefined ? this.#next : [this.#segment, ...this.#next]) {
      unread += segment.unread.requests
      if (unread > this.#fresh.length + items.length) return
    }
    this.#fresh.push(...items)
    this.#freshBytes += bytes
  }

  /** The next item that is not done with; undefined when all were read. */
  async read(): Promise<DiskItem | undefined> {
    for (;;) {
      if (this.#isClosed) return undefined
      const fresh = this.#fresh.shift()
      if (fresh !== undefined) return this.#readFresh(fresh)
      this.#segment ??= this.#next.shift()
      const segment = this.#segment
      if (segment === undefined) return undefined
      if (!segment.unread.isEmpty) {
        const item = await this.#readFile(segment)
        if (item !== undefined) return item
      } else if (segment.isSealed) {
        this.#leave(segment)
      } else {
        return undefined
      }
    }
  }

  /** Goes on to the next segment if the current one is read to its end. */
  leaveIfRead(): void {
    const segment = this.#segment
    if (segment !== undefined && !this.#isInFile && segment.isSealed && segment.unread.isEmpty) this.#leave(segment)
  }

  close(): void {
    this.#isClosed = true
    this.#endPause?.()
  }

  #readFresh(item: DiskItem): DiskItem {
    const { segment, record, bytes } = item
    this.#freshBytes -= bytes.length
    while (this.#segment !== segment) {
      if (this.#segment !== undefined) this.#leave(this.#segment)
      this.#segment = this.#next.shift()
      if (this.#segment === undefined) throw new Error(`BUG: an item of segment ${segment.name.number} was written behind all segments that are read`)
    }
    segment.unread.subtract(amountOf(record))
    this.#begin = { position: record.at + record.length, index: record.index + 1 }
    this.#reader?.skipTo(this.#begin)
    return item
  }

  async #readFile(segment: Segment): Promise<DiskItem | undefined> {
    this.#isInFile = true
    try {
      const item = await this.#readRecord(segment)
      this.#failures = 0
      return item
    } catch (error) {
      if (this.#isClosed) return undefined
      await this.#failed(segment, error)
      return undefined
    } finally {
      this.#isInFile = false
    }
  }

  /** The next record of a segment; undefined when it is damaged or done with. */
  async #readRecord(segment: Segment): Promise<DiskItem | undefined> {
    const reader = this.#reader ?? (await this.#openReader(segment))
    const expected = reader.nextIndex
    const record = await reader.next(segment.size)
    if (record === undefined) {
      segment.acked.add({ from: expected, to: Math.max(expected, segment.nextIndex) })
      this.#lose(segment, segment.unread.snapshot())
      return undefined
    }
    if (record.index > expected) segment.acked.add({ from: expected, to: record.index })
    if (segment.acked.has(record.index)) return undefined
    const bytes = await reader.bytesOf(record)
    if (bytes === undefined) {
      segment.acked.add({ from: record.index, to: record.index + 1 })
      this.#lose(segment, amountOf(record))
      return undefined
    }
    segment.unread.subtract(amountOf(record))
    return new DiskItem(segment, record, bytes)
  }

  async #openReader(segment: Segment): Promise<RecordReader> {
    const reader = new RecordReader({ handle: await segment.file(), salt: segment.name.salt, windowBytes: WINDOW_BYTES })
    reader.skipTo(this.#begin)
    this.#reader = reader
    return reader
  }

  async #failed(segment: Segment, error: unknown): Promise<void> {
    this.#options.context.options.observer.upkeepFailed(error)
    if (++this.#failures < TRIES) {
      await this.#pause()
      return
    }
    // Not damaged, as far as we know: it stays on the disk, and the next start tries it again.
    this.#failures = 0
    segment.isUnreadable = true
    this.#lose(segment, segment.unread.snapshot())
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const stopTimer = this.#options.context.options.clock.after(RETRY_MS, resolve)
      this.#endPause = () => {
        stopTimer()
        resolve()
      }
    })
  }

  #lose(segment: Segment, amount: QueueAmount): void {
    segment.unread.subtract(amount)
    this.#options.lost(segment, amount)
  }

  #leave(segment: Segment): void {
    this.#segment = undefined
    this.#reader = undefined
    this.#begin = { position: 0, index: 0 }
    this.#options.left(segment)
  }
}
