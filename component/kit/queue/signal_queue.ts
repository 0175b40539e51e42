import type { Settings, ShutdownOptions } from '../../component.ts'
import { PermanentError, RefusedError } from '../../consumer.ts'
import type { Signal } from '../../signal.ts'
import { type Batch, Batcher, type BatchSource, type SplitItem } from './batcher.ts'
import type { QueueLimits } from './config.ts'
import { type Delivery, type Outcome, producerError } from './delivery.ts'
import type { QueueLedger } from './ledger.ts'
import { MemoryStore } from './memory_store.ts'
import { type QueueAmount, type QueueItem, type QueueStore, queueStorageOf, type StoredItem } from './store.ts'

/** Most offers that wait for room; a pipeline that goes on without waiting must not fill the memory. */
const BLOCKED_MAX = 1000

/** How long a stop goes on sending what is safe on disk: the disk may be gone with this process, but a long backlog must not hold it up. */
const DRAIN_MS_MAX = 5000

export interface SignalQueueOptions {
  readonly settings: Settings
  readonly signal: Signal
  readonly limits: QueueLimits
  readonly delivery: Delivery
  readonly ledger: QueueLedger
  readonly concatenates: boolean
  readonly split: SplitItem | undefined
  readonly readsBytesLater: boolean
}

interface BlockedOffer {
  readonly item: QueueItem
  readonly resolve: (taken: void | Promise<void>) => void
  readonly reject: (error: Error) => void
}

/** The queue of one signal: bounds what waits, makes batches, and keeps its consumers sending. */
export class SignalQueue {
  readonly #options: SignalQueueOptions
  readonly #blocked: BlockedOffer[] = []
  readonly #consumers: Promise<void>[] = []
  #store: QueueStore | undefined
  #isStopping = false

  constructor(options: SignalQueueOptions) {
    this.#options = options
  }

  /** Opens the store and begins to send what an earlier process left in it. Rejects when the storage cannot be used. */
  async start(): Promise<void> {
    const { settings, signal, limits, ledger, concatenates, split } = this.#options
    this.#store = await this.#open()
    ledger.capacity(limits.size)
    this.#show()
    const batcher = new Batcher(this.#store, { signal, clock: settings.clock, batch: limits.batch, concatenates, split })
    for (let i = 0; i < limits.consumers; i++) this.#consumers.push(this.#consume(batcher, this.#store))
  }

  offer(item: QueueItem): void | Promise<void> {
    const { limits } = this.#options
    const store = this.#store
    if (this.#isStopping || store === undefined) throw this.#refuse(item, 'shutdown')
    const size = sizeOf(item, limits.sizer)
    if (size > limits.size) {
      this.#options.ledger.refused(item.items, 'too_large')
      throw new PermanentError(
        `a request of ${size} ${limits.sizer} is larger than the whole sending queue; raise sending_queue.queue_size above ${limits.size}`,
      )
    }
    if (this.#blocked.length === 0 && store.held[limits.sizer] + size <= limits.size) return this.#admit(item, store)
    if (!limits.isBlocking || this.#blocked.length >= BLOCKED_MAX) throw this.#refuse(item, 'queue_full')
    return new Promise((resolve, reject) => this.#blocked.push({ item, resolve, reject }))
  }

  async shutdown({ signal }: ShutdownOptions): Promise<void> {
    this.#isStopping = true
    const store = this.#store
    if (store === undefined) return
    // A successor in a reload goes on with what is left.
    store.stopTaking(store.isShared)
    const giveUp = (): void => {
      this.#refuseBlocked()
      store.stopTaking(store.isPersistent)
    }
    signal.addEventListener('abort', giveUp, { once: true })
    if (signal.aborted) giveUp()
    const stopTimer = this.#options.settings.clock.after(DRAIN_MS_MAX, () => store.stopTaking(store.isPersistent))
    await Promise.all(this.#consumers)
    stopTimer()
    signal.removeEventListener('abort', giveUp)
    this.#refuseBlocked()
    await store.close()
  }

  async #open(): Promise<QueueStore> {
    const { settings, signal, limits } = this.#options
    if (limits.storage === undefined) return new MemoryStore()
    const storage = queueStorageOf(settings, limits.storage)
    return storage.openQueue(`${settings.address} ${signal}`, { roomFreed: () => this.#roomFreed(), lost: (amount) => this.#lost(amount) })
  }

  #admit(item: QueueItem, store: QueueStore): void | Promise<void> {
    const { promise, settle } = this.#options.limits.waitsForResult ? newResult() : { promise: undefined, settle: undefined }
    const appended = store.append({ bytes: item.bytes, items: item.items, isSole: item.isSole ?? false, settle })
    this.#show()
    if (appended === undefined) return promise
    return appended.catch((error: unknown) => {
      this.#options.ledger.refused(item.items, 'storage')
      this.#roomFreed()
      throw error
    })
  }

  async #consume(batcher: Batcher, store: QueueStore): Promise<void> {
    const { delivery, ledger } = this.#options
    for (;;) {
      const batch = await batcher.next()
      if (batch === undefined) return
      ledger.began()
      const outcome = await delivery.deliver(batch)
      const isKept = outcome.kind === 'shutdown' && store.isPersistent
      ledger.ended(batch.items, outcome, isKept)
      // The backend is down: what is on disk can as well stay there.
      if (isKept) store.stopTaking(true)
      await this.#settle(batch, { outcome, isKept, store })
    }
  }

  async #settle(batch: Batch, { outcome, isKept, store }: { readonly outcome: Outcome; readonly isKept: boolean; readonly store: QueueStore }): Promise<void> {
    const done: StoredItem[] = []
    const kept: StoredItem[] = []
    for (const source of batch.sources) {
      if (isKept) source.isKept = true
      if (outcome.kind !== 'sent') source.error ??= producerError(outcome)
      if (--source.partsLeft > 0) continue
      if (source.isKept === true) kept.push(source.item)
      else done.push(source.item)
    }
    if (kept.length > 0) store.giveBack(kept)
    // Waiting for the acknowledgement bounds what a crash makes us send twice to what the consumers have in hand.
    if (done.length > 0) await store.acknowledge(done)
    if (outcome.kind === 'sent' && outcome.attempts === 1 && !this.#options.readsBytesLater) freeSole(batch)
    for (const source of batch.sources) tellProducer(source)
    this.#roomFreed()
  }

  #roomFreed(): void {
    const { limits } = this.#options
    const store = this.#store
    if (store === undefined) return
    while (this.#blocked.length > 0) {
      const { item, resolve } = this.#blocked[0] as BlockedOffer
      if (store.held[limits.sizer] + sizeOf(item, limits.sizer) > limits.size) break
      this.#blocked.shift()
      resolve(this.#admit(item, store))
    }
    this.#show()
  }

  #lost({ items }: QueueAmount): void {
    if (items > 0) this.#options.ledger.dropped(items, 'damaged', undefined)
    this.#roomFreed()
  }

  #refuseBlocked(): void {
    for (const { item, reject } of this.#blocked.splice(0)) reject(this.#refuse(item, 'shutdown'))
  }

  #refuse({ items }: QueueItem, reason: 'queue_full' | 'shutdown'): RefusedError {
    this.#options.ledger.refused(items, reason)
    return new RefusedError(
      reason === 'queue_full' ? 'the sending queue is full; raise sending_queue.queue_size, or see why the backend is slow' : 'the exporter is stopping',
    )
  }

  #show(): void {
    const { ledger, limits } = this.#options
    if (this.#store !== undefined) ledger.holds(this.#store.held, limits.sizer)
  }
}

/**
 * Frees the memory of a request that one whole item was, at once: V8 looks at buffers that wait to be collected as growth of the heap,
 * and marks all of it for each 64 MiB of them.
 */
function freeSole({ bytes, sources }: Batch): void {
  const only = sources.length === 1 ? sources[0]?.item : undefined
  if (only?.isSole === true && only.bytes === bytes && bytes.buffer instanceof ArrayBuffer) bytes.buffer.transfer(0)
}

function sizeOf({ bytes, items }: QueueItem, sizer: keyof QueueAmount): number {
  if (sizer === 'requests') return 1
  return sizer === 'items' ? items : bytes.length
}

function newResult(): { readonly promise: Promise<void>; readonly settle: (error?: Error) => void } {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  return { promise, settle: (error) => (error === undefined ? resolve() : reject(error)) }
}

function tellProducer({ item, partsLeft, error }: BatchSource): void {
  if (partsLeft === 0) item.settle?.(error)
}
