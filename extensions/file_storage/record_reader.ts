import type { FileHandle } from './file_access.ts'
import { checksum, decodeHeader, findMagic, HEADER_BYTES, type RecordHeader } from './record.ts'

/** What a disk loses at once. */
const BLOCK_BYTES = 4096
/** Behind a record of this size only a header is read: the next one is as large, and its bytes go to their own place, or nowhere. */
const LARGE_RECORD_BYTES = 64 << 10

export interface RecordReaderOptions {
  readonly handle: FileHandle
  readonly salt: number
  /** How much is read at a time. */
  readonly windowBytes: number
}

/** A record that was found, with a good header. */
export interface FoundRecord extends RecordHeader {
  /** Where its bytes begin. */
  readonly at: number
}

/**
 * Reads the records of a segment from its beginning, a window at a time. Damage is skipped: the next record is
 * searched for by its magic number, its checksum and its index, which only grows.
 */
export class RecordReader {
  readonly #handle: FileHandle
  readonly #salt: number
  readonly #window: Buffer
  #windowAt = 0
  #windowBytes = 0
  #position = 0
  #nextIndex = 0
  #isLarge = false

  constructor({ handle, salt, windowBytes }: RecordReaderOptions) {
    this.#handle = handle
    this.#salt = salt
    this.#window = Buffer.allocUnsafeSlow(windowBytes)
  }

  /** Where the record after the last one that was found begins, or would. */
  get position(): number {
    return this.#position
  }

  /** The index that the next record has unless some are missing. */
  get nextIndex(): number {
    return this.#nextIndex
  }

  /** Goes on at a place where a record is known to begin. */
  skipTo({ position, index }: { readonly position: number; readonly index: number }): void {
    this.#position = position
    this.#nextIndex = index
  }

  /** The next record that ends at or before `end`; undefined when there is none. Rejects when the file cannot be read at all. */
  async next(end: number): Promise<FoundRecord | undefined> {
    for (let at = this.#position; ; at++) {
      const found = await this.#headerAt(at, end)
      if (found !== undefined) {
        this.#position = found.at + found.length
        this.#nextIndex = found.index + 1
        this.#isLarge = found.length >= LARGE_RECORD_BYTES
        return found
      }
      this.#isLarge = false
      const candidate = await this.#search(at + 1, end)
      if (candidate === undefined) return undefined
      at = candidate - 1
    }
  }

  /** The bytes of a record in memory of their own; undefined when they are damaged. */
  async bytesOf({ at, length, bytesCrc }: FoundRecord): Promise<Buffer | undefined> {
    const bytes = Buffer.allocUnsafeSlow(length)
    const inWindow =
      at >= this.#windowAt && at < this.#windowAt + this.#windowBytes
        ? this.#window.copy(bytes, 0, at - this.#windowAt, Math.min(at - this.#windowAt + length, this.#windowBytes))
        : 0
    if (inWindow < length && (await this.#read(bytes.subarray(inWindow), at + inWindow)) < length - inWindow) return undefined
    return checksum(bytes, this.#salt) === bytesCrc ? bytes : undefined
  }

  async #headerAt(at: number, end: number): Promise<FoundRecord | undefined> {
    if (!(await this.#show(at, HEADER_BYTES, end))) return undefined
    const header = decodeHeader(this.#window.subarray(0, this.#windowBytes), at - this.#windowAt, this.#salt)
    if (header === undefined || header.index < this.#nextIndex) return undefined
    const begin = at + HEADER_BYTES
    return begin + header.length > end ? undefined : { ...header, at: begin }
  }

  /** Where the next header may begin. */
  async #search(from: number, end: number): Promise<number | undefined> {
    for (let at = from; await this.#show(at, HEADER_BYTES, end); ) {
      const found = findMagic(this.#window.subarray(0, this.#windowBytes), at - this.#windowAt)
      if (found >= 0) return this.#windowAt + found
      // A magic number may begin in the last bytes of this window.
      at = Math.max(at + 1, this.#windowAt + this.#windowBytes - 3)
    }
    return undefined
  }

  /** Makes sure that `length` bytes from `at` on are in the window; false when there are none before `end`. */
  async #show(at: number, length: number, end: number): Promise<boolean> {
    if (at + length > end) return false
    if (at >= this.#windowAt && at + length <= this.#windowAt + this.#windowBytes) return true
    this.#windowAt = at
    this.#windowBytes = 0
    this.#windowBytes = await this.#read(this.#window.subarray(0, Math.min(this.#isLarge ? BLOCK_BYTES : this.#window.length, end - at)), at)
    return this.#windowBytes >= length
  }

  /** Fills `target`; returns how many bytes there were. What the device cannot read becomes zeros: damage like any other. */
  async #read(target: Buffer, at: number): Promise<number> {
    try {
      return await this.#readWhole(target, at)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EIO') throw error
      return target.length <= BLOCK_BYTES ? target.fill(0).length : this.#readBlocks(target, at)
    }
  }

  async #readBlocks(target: Buffer, at: number): Promise<number> {
    let total = 0
    for (let from = 0; from < target.length; ) {
      // Blocks of the file, not of the target: an unreadable one must not take a part of its neighbour with it.
      const to = Math.min(target.length, from + BLOCK_BYTES - ((at + from) % BLOCK_BYTES))
      const block = target.subarray(from, to)
      const got = await this.#readWhole(block, at + from).catch(() => block.fill(0).length)
      total += got
      if (got < block.length) break
      from = to
    }
    return total
  }

  async #readWhole(target: Buffer, at: number): Promise<number> {
    let total = 0
    while (total < target.length) {
      const { bytesRead } = await this.#handle.read(target, total, target.length - total, at + total)
      if (bytesRead === 0) break
      total += bytesRead
    }
    return total
  }
}
