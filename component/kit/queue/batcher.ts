import type { Clock } from '../../component.ts'
import type { Signal } from '../../signal.ts'
import type { BatchOptions } from './config.ts'
import type { QueueItem, QueueStore, StoredItem } from './store.ts'

/** Takes an encoded request apart into ones of at most `itemsMax` items each, in order; the parts hold what it held. */
export type SplitItem = (item: QueueItem, itemsMax: number) => readonly QueueItem[]

/** What is sent as one request, and the stored items that it consists of. */
export interface Batch {
  readonly signal: Signal
  readonly bytes: Uint8Array
  readonly items: number
  readonly sources: readonly BatchSource[]
}

/** A stored item of which one or several batches hold parts. It is done when no part is left. */
export interface BatchSource {
  readonly item: StoredItem
  partsLeft: number
  /** The first error that a part of it ended with. */
  error?: Error
  /** True when a part of it must stay in the store. */
  isKept?: boolean
}

export interface BatcherOptions {
  readonly signal: Signal
  readonly clock: Clock
  /** Undefined = every item is a batch of its own. */
  readonly batch: BatchOptions | undefined
  /** Whether the concatenation of two items is one item. */
  readonly concatenates: boolean
  readonly split: SplitItem | undefined
}

interface Part {
  readonly bytes: Uint8Array
  readonly items: number
  readonly source: BatchSource
}

/** Makes batches of the items in a store. Any number of callers may wait in `next`; they are served in their order. */
export class Batcher {
  readonly #store: QueueStore
  readonly #options: BatcherOptions
  #turn: Promise<unknown> = Promise.resolve()
  /** A `take` that was begun for a batch that went without it. */
  #taking: Promise<StoredItem | undefined> | undefined
  /** Parts that did not fit into the batch before. */
  readonly #carried: Part[] = []

  constructor(store: QueueStore, options: BatcherOptions) {
    this.#store = store
    this.#options = options
  }

  /** The next batch; undefined when the store has been stopped and hands out nothing more. */
  next(): Promise<Batch | undefined> {
    const batch = this.#turn.then(() => this.#collect())
    // A failed turn is the failure of whoever waits for it, not of the next.
    this.#turn = batch.catch(() => undefined)
    return batch
  }

  async #collect(): Promise<Batch | undefined> {
    const parts: Part[] = []
    let size = 0
    const first = this.#carried.shift() ?? this.#partOf(await this.#take())
    if (first === undefined) return undefined
    parts.push(first)
    size += this.#sizeOf(first)
    const { batch, concatenates } = this.#options
    if (batch !== undefined && concatenates) await this.#fill(parts, size, batch)
    return this.#join(parts)
  }

  /** Adds parts until the batch is large enough or has waited long enough. */
  async #fill(parts: Part[], firstSize: number, { flushMs, sizeMin, sizeMax }: BatchOptions): Promise<void> {
    let size = firstSize
    let stopTimer: (() => void) | undefined
    const timeout = new Promise<'timeout'>((resolve) => {
      if (size < sizeMin) stopTimer = this.#options.clock.after(flushMs, () => resolve('timeout'))
    })
    while (size < sizeMin) {
      const taken = this.#carried.shift() ?? (await Promise.race([this.#take(), timeout]))
      const part = taken === undefined || taken === 'timeout' || 'source' in taken ? taken : this.#partOf(taken)
      if (part === undefined || part === 'timeout') break
      const partSize = this.#sizeOf(part)
      if (sizeMax > 0 && size + partSize > sizeMax) {
        this.#carried.unshift(part)
        break
      }
      parts.push(part)
      size += partSize
    }
    stopTimer?.()
  }

  #take(): Promise<StoredItem | undefined> {
    this.#taking ??= Promise.resolve(this.#store.take())
    const taking = this.#taking
    return taking.then((item) => {
      if (this.#taking === taking) this.#taking = undefined
      return item
    })
  }

  /** The first part of an item; further ones are carried to the next batches. */
  #partOf(item: StoredItem | undefined): Part | undefined {
    if (item === undefined) return undefined
    const pieces = this.#pieces(item)
    const source: BatchSource = { item, partsLeft: pieces.length }
    const [first, ...others] = pieces.map(({ bytes, items }): Part => ({ bytes, items, source }))
    this.#carried.unshift(...others)
    return first
  }

  #pieces(item: StoredItem): readonly { readonly bytes: Uint8Array; readonly items: number }[] {
    const { batch, split, signal } = this.#options
    if (batch === undefined || split === undefined || batch.sizeMax === 0 || item.items < 2) return [item]
    const { bytes, items } = item
    const itemsMax = batch.sizer === 'items' ? batch.sizeMax : Math.max(1, Math.floor((items * batch.sizeMax) / bytes.length))
    if (items <= itemsMax) return [item]
    const pieces = split({ signal, bytes, items }, itemsMax)
    return pieces.length === 0 ? [item] : pieces
  }

  #sizeOf({ items, bytes }: Part): number {
    return this.#options.batch?.sizer === 'bytes' ? bytes.length : items
  }

  #join(parts: readonly Part[]): Batch {
    const { signal } = this.#options
    const only = parts.length === 1 ? parts[0] : undefined
    if (only !== undefined) return { signal, bytes: only.bytes, items: only.items, sources: [only.source] }
    const bytes = Buffer.concat(parts.map((part) => part.bytes))
    let items = 0
    let at = 0
    for (const part of parts) {
      const end = at + part.bytes.length
      // The item's own buffer can go now: a batch that waits for a dead backend is in memory once, not twice.
      if (part.source.item.bytes === part.bytes) part.source.item.bytes = bytes.subarray(at, end)
      items += part.items
      at = end
    }
    return { signal, bytes, items, sources: parts.map(({ source }) => source) }
  }
}
