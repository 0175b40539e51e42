import type { QueueAmount, QueueStore, QueueStoreObserver, StoredItem } from '../../component/kit/queue/store.ts'
import type { LogTaker, SegmentLog } from './segment_log.ts'

/** One component's hold on a log. */
export class DiskQueue implements QueueStore {
  readonly isPersistent = true
  readonly #log: SegmentLog
  readonly #taker: LogTaker
  readonly #release: () => Promise<void>
  #isStopped = false
  #closed: Promise<void> | undefined

  /** `release` is called when the component has let the log go. */
  constructor(log: SegmentLog, observer: QueueStoreObserver, release: () => Promise<void>) {
    this.#log = log
    this.#taker = { observer, isDraining: false }
    this.#release = release
    log.takers.add(this.#taker)
  }

  get held(): QueueAmount {
    return this.#log.held
  }

  get isShared(): boolean {
    return this.#log.takers.size > 1
  }

  append(item: StoredItem): Promise<void> {
    return this.#log.append(item)
  }

  take(): StoredItem | undefined | Promise<StoredItem | undefined> {
    return this.#isStopped ? undefined : this.#log.take(this.#taker)
  }

  acknowledge(items: readonly StoredItem[]): Promise<void> {
    return this.#log.acknowledge(items, this.#taker)
  }

  giveBack(items: readonly StoredItem[]): void {
    this.#log.giveBack(items)
  }

  stopTaking(atOnce: boolean): void {
    this.#isStopped ||= atOnce
    this.#log.stopTaking(this.#taker, atOnce)
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    this.stopTaking(true)
    this.#log.takers.delete(this.#taker)
    await this.#release()
  }
}
