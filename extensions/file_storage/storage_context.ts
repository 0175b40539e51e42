import type { Clock } from '../../component/component.ts'
import type { QueueAmount } from '../../component/kit/queue/store.ts'
import type { FileAccess } from './file_access.ts'

/** Why records could not be recovered. */
export type DamageReason = 'torn' | 'missing' | 'unreadable'

/** What a directory's logs tell whoever watches over it. */
export interface StorageObserver {
  /** Items could not be written; they were refused. */
  readonly writeFailed: (error: unknown) => void
  /** Items were written, so many bytes of records. */
  readonly written: (bytes: number) => void
  /** Files could not be kept up, so that something may be sent twice after a restart or stays on the disk. */
  readonly upkeepFailed: (error: unknown) => void
  /** Records are gone. */
  readonly damaged: (store: string, reason: DamageReason, records: number) => void
  /** What an earlier process has left in a store. */
  readonly recovered: (store: string, amount: QueueAmount) => void
  /** The space that is taken has changed. */
  readonly sized: (bytes: number) => void
}

export interface StorageOptions {
  readonly clock: Clock
  readonly access: FileAccess
  readonly observer: StorageObserver
  /** Whether an item counts as stored only when it is on the disk, not in the memory of the operating system. */
  readonly forcesToDisk: boolean
  /** Most bytes that all files may take together. */
  readonly bytesMax: number
  /** A new file is begun when one has grown to this. */
  readonly segmentBytes: number
}

/** What all logs of a directory have in common. */
export class StorageContext {
  /** Those of whoever has opened the directory last: after a reload, of the extension that stays. */
  options: StorageOptions
  #usedBytes = 0

  constructor(options: StorageOptions) {
    this.options = options
  }

  /** Bytes on the disk, and those that are being written. */
  get usedBytes(): number {
    return this.#usedBytes
  }

  /** Changes the number of bytes that are taken. */
  take(bytes: number): void {
    this.#usedBytes += bytes
    this.options.observer.sized(this.#usedBytes)
  }
}
