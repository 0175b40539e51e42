import { join } from 'node:path'
import type { QueueAmount } from '../../component/kit/queue/store.ts'
import { AckedSet } from './acked_set.ts'
import type { FileAccess, FileHandle } from './file_access.ts'
import { ACK_BYTES, type AckRange, decodeAcks, encodeAcks } from './record.ts'
import { RecordReader } from './record_reader.ts'

/** A number of records with what is in them, as it changes. */
export class Amount implements QueueAmount {
  requests = 0
  items = 0
  bytes = 0

  get isEmpty(): boolean {
    return this.requests === 0
  }

  /** What it is now. */
  snapshot(): QueueAmount {
    return { requests: this.requests, items: this.items, bytes: this.bytes }
  }

  add({ requests, items, bytes }: QueueAmount): void {
    this.requests += requests
    this.items += items
    this.bytes += bytes
  }

  subtract({ requests, items, bytes }: QueueAmount): void {
    this.requests -= requests
    this.items -= items
    this.bytes -= bytes
  }
}

/** What one record adds to an amount. */
export function amountOf({ items, length }: { readonly items: number; readonly length: number }): QueueAmount {
  return { requests: 1, items, bytes: length }
}

/** The name of a segment's files, without their endings. */
export interface SegmentName {
  readonly number: number
  readonly salt: number
}

const FILE_NAME = /^(\d{10})-([0-9a-f]{8})\.(seg|ack)$/

export function fileNameOf({ number, salt }: SegmentName, ending: 'seg' | 'ack'): string {
  return `${String(number).padStart(10, '0')}-${salt.toString(16).padStart(8, '0')}.${ending}`
}

/** The segment that a file belongs to; undefined when the file is none of ours. */
export function parseFileName(file: string): (SegmentName & { readonly ending: 'seg' | 'ack' }) | undefined {
  const [, number, salt, ending] = FILE_NAME.exec(file) ?? []
  return number === undefined ? undefined : { number: Number(number), salt: Number.parseInt(salt as string, 16), ending: ending as 'seg' | 'ack' }
}

/** What was found to be wrong with a segment when it was opened. */
export interface SegmentDamage {
  /** Records that are missing between others. */
  readonly missing: number
  /** True when the last record is incomplete, as after a crash. */
  readonly isTorn: boolean
}

const SCAN_WINDOW_BYTES = 256 << 10

/**
 * A file of records and, beside it, the list of those that are done with. Written by one at its end, read by one from its
 * beginning; it is deleted when it is full and all of it is done with.
 */
export class Segment {
  readonly name: SegmentName
  /** Records that are not done with. */
  readonly live = new Amount()
  /** Of these, the ones that were not read yet. */
  readonly unread = new Amount()
  readonly acked = new AckedSet()
  /** Done with, but not in the list on disk yet. */
  unsavedAcks: AckRange[] = []
  /** Bytes of records; what stands in the file behind them is half written. */
  size = 0
  nextIndex = 0
  /** True when no more is written to it. */
  isSealed = false
  /** True when the file could not be read, for another reason than damage. */
  isUnreadable = false
  readonly #access: FileAccess
  readonly #path: string
  readonly #ackPath: string
  #file: FileHandle | undefined
  #ackFile: FileHandle | undefined
  #ackBytes = 0

  constructor(directory: string, name: SegmentName, access: FileAccess) {
    this.name = name
    this.#access = access
    this.#path = join(directory, fileNameOf(name, 'seg'))
    this.#ackPath = join(directory, fileNameOf(name, 'ack'))
  }

  /** Bytes on the disk. */
  get diskBytes(): number {
    return this.size + this.#ackBytes
  }

  /** True when nothing in it is needed any more. */
  get isDone(): boolean {
    return this.isSealed && this.live.isEmpty
  }

  /** Makes the file of a new segment. */
  async create(): Promise<void> {
    this.#file = await this.#access.open(this.#path, 'wx+', 0o600)
  }

  /** Takes stock of a segment that an earlier process left. Reads headers only. */
  async load(): Promise<SegmentDamage> {
    this.isSealed = true
    await this.#loadAcks()
    const handle = await this.file()
    const end = (await handle.stat()).size
    const reader = new RecordReader({ handle, salt: this.name.salt, windowBytes: SCAN_WINDOW_BYTES })
    let missing = 0
    for (;;) {
      const expected = reader.nextIndex
      const found = await reader.next(end)
      if (found === undefined) break
      if (found.index > expected) missing += this.acked.missing({ from: expected, to: found.index })
      if (!this.acked.has(found.index)) this.live.add(amountOf(found))
    }
    this.unread.add(this.live)
    this.size = end
    this.nextIndex = reader.nextIndex
    await this.closeFile()
    return { missing, isTorn: reader.position < end }
  }

  /** The file, opened if it is not. */
  async file(): Promise<FileHandle> {
    this.#file ??= await this.#access.open(this.#path, this.isSealed ? 'r' : 'r+')
    return this.#file
  }

  /** Writes at the end; `size` grows when `written` is called. */
  async write(buffers: readonly Uint8Array[], length: number): Promise<void> {
    const handle = await this.file()
    const { bytesWritten } = await handle.writev([...buffers], this.size)
    if (bytesWritten === length) return
    // A full disk takes a part first and says why with the next write.
    const rest = Buffer.concat(buffers).subarray(bytesWritten)
    for (let at = 0; at < rest.length; ) at += (await handle.write(rest, at, rest.length - at, this.size + bytesWritten + at)).bytesWritten
  }

  /** Forces what was written to the disk. */
  async sync(): Promise<void> {
    await (await this.file()).datasync()
  }

  /** Removes what was half written. Rejects when that does not work either. */
  async cutBack(): Promise<void> {
    await (await this.file()).truncate(this.size)
  }

  /** Writes `unsavedAcks` to the list; what could not be written stays there. */
  async saveAcks(): Promise<void> {
    const ranges = this.unsavedAcks
    if (ranges.length === 0) return
    this.unsavedAcks = []
    try {
      this.#ackFile ??= await this.#access.open(this.#ackPath, this.#ackBytes === 0 ? 'w+' : 'r+', 0o600)
      const bytes = encodeAcks(ranges, this.name.salt)
      for (let at = 0; at < bytes.length; ) at += (await this.#ackFile.write(bytes, at, bytes.length - at, this.#ackBytes + at)).bytesWritten
      this.#ackBytes += bytes.length
    } catch (error) {
      this.unsavedAcks = [...ranges, ...this.unsavedAcks]
      throw error
    }
  }

  /** Removes both files; the records first, so that a crash in between sends nothing twice. */
  async delete(): Promise<void> {
    await this.close()
    await this.#access.unlink(this.#path)
    await this.#access.unlink(this.#ackPath).catch(() => undefined)
  }

  async closeFile(): Promise<void> {
    const file = this.#file
    this.#file = undefined
    await file?.close().catch(() => undefined)
  }

  async close(): Promise<void> {
    const ackFile = this.#ackFile
    this.#ackFile = undefined
    await Promise.all([this.closeFile(), ackFile?.close().catch(() => undefined)])
  }

  async #loadAcks(): Promise<void> {
    const handle = await this.#access.open(this.#ackPath, 'r').catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    })
    if (handle === undefined) return
    try {
      const bytes = await handle.readFile()
      for (const range of decodeAcks(bytes, this.name.salt)) this.acked.add(range)
      // A torn entry is written over.
      this.#ackBytes = bytes.length - (bytes.length % ACK_BYTES)
    } finally {
      await handle.close()
    }
  }
}
