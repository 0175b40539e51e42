import { PermanentError, RefusedError } from '../../component/consumer.ts'
import type { StoredItem } from '../../component/kit/queue/store.ts'
import { storageHint } from './file_access.ts'
import { DiskItem } from './log_reader.ts'
import { encodeHeader, HEADER_BYTES, RECORD_BYTES_MAX } from './record.ts'
import { amountOf, type Segment } from './segment.ts'
import type { StorageContext } from './storage_context.ts'

/** What is written, and perhaps forced to the disk, at once. */
const GROUP_BYTES = 4 << 20
const GROUP_RECORDS = 256

interface PendingAppend {
  readonly item: StoredItem
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

export interface SegmentWriterOptions {
  readonly context: StorageContext
  /** Makes the next segment. */
  readonly create: () => Promise<Segment>
  /** Items stand in a segment now. */
  readonly appended: (items: readonly DiskItem[]) => void
  /** A segment gets no more items. */
  readonly sealed: (segment: Segment) => void
}

/**
 * Appends items to segments. What arrives while a write is under way goes with the next one, all of it at once, so that
 * many small items cost few writes and few waits for the disk.
 */
export class SegmentWriter {
  readonly #options: SegmentWriterOptions
  #pending: PendingAppend[] = []
  #segment: Segment | undefined
  #flushing: Promise<void> | undefined

  constructor(options: SegmentWriterOptions) {
    this.#options = options
  }

  /** The segment that is written to. */
  get segment(): Segment | undefined {
    return this.#segment
  }

  /**
   * Resolves when the item is written (with `fsync`, on the disk). Rejects with a `RefusedError` when the directory is full or the
   * write fails; then nothing of it is left.
   */
  append(item: StoredItem): Promise<void> {
    const { context } = this.#options
    const size = HEADER_BYTES + item.bytes.length
    if (size > context.options.bytesMax || size > RECORD_BYTES_MAX) {
      return Promise.reject(new PermanentError(`a request of ${size} bytes is larger than the storage may be; raise max_size_mib`))
    }
    if (context.usedBytes + size > context.options.bytesMax) {
      return Promise.reject(new RefusedError(`the storage is full (${context.options.bytesMax >> 20} MiB); raise max_size_mib, or see why the backend is slow`))
    }
    context.take(size)
    return new Promise((resolve, reject) => {
      this.#pending.push({ item, resolve, reject })
      this.#flushing ??= this.#flush().finally(() => {
        this.#flushing = undefined
      })
    })
  }

  /** Resolves when nothing is being written any more. */
  async idle(): Promise<void> {
    while (this.#flushing !== undefined) await this.#flushing
  }

  /** Writes no more to the current segment. */
  seal(): void {
    const segment = this.#segment
    this.#segment = undefined
    if (segment === undefined) return
    segment.isSealed = true
    this.#options.sealed(segment)
  }

  async #flush(): Promise<void> {
    const { context } = this.#options
    // What is offered in the same turn of the loop goes with the first write.
    await Promise.resolve()
    while (this.#pending.length > 0) {
      const group = this.#takeGroup()
      const bytes = group.reduce((sum, { item }) => sum + HEADER_BYTES + item.bytes.length, 0)
      try {
        await this.#write(group, bytes)
        context.options.observer.written(bytes)
        for (const { resolve } of group) resolve()
      } catch (cause) {
        context.take(-bytes)
        context.options.observer.writeFailed(cause)
        const error = new RefusedError(`cannot be stored: ${storageHint(cause)}`, { cause })
        for (const { reject } of group) reject(error)
      }
    }
  }

  async #write(group: readonly PendingAppend[], bytes: number): Promise<void> {
    const { context, create, appended } = this.#options
    this.#segment ??= await create()
    const segment = this.#segment
    const buffers = group.flatMap(({ item }, i) => [
      encodeHeader({ index: segment.nextIndex + i, items: item.items, bytes: item.bytes }, segment.name.salt),
      item.bytes,
    ])
    try {
      await segment.write(buffers, bytes)
      if (context.options.forcesToDisk) await segment.sync()
    } catch (error) {
      await this.#undo(segment)
      throw error
    }
    const written = group.map(({ item }) => {
      const record = { index: segment.nextIndex++, items: item.items, length: item.bytes.length, at: segment.size + HEADER_BYTES }
      segment.size = record.at + record.length
      segment.live.add(amountOf(record))
      segment.unread.add(amountOf(record))
      return new DiskItem(segment, record, item.bytes)
    })
    appended(written)
    if (segment.size >= context.options.segmentBytes) this.seal()
  }

  /** Takes back what was written in part. After a failed write or sync nobody knows what the file holds: no more of it. */
  async #undo(segment: Segment): Promise<void> {
    await segment.cutBack().catch((error: unknown) => this.#options.context.options.observer.upkeepFailed(error))
    this.seal()
  }

  #takeGroup(): PendingAppend[] {
    let count = 0
    let bytes = 0
    do bytes += (this.#pending[count++] as PendingAppend).item.bytes.length
    while (count < this.#pending.length && count < GROUP_RECORDS && bytes + (this.#pending[count] as PendingAppend).item.bytes.length <= GROUP_BYTES)
    return this.#pending.splice(0, count)
  }
}
