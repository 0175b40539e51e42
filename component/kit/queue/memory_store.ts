import type { QueueAmount, QueueStore, StoredItem } from './store.ts'

/** Keeps items in memory; what is in it at the end of the process is gone. Bounded by whoever appends. */
export class MemoryStore implements QueueStore {
  readonly isPersistent = false
  readonly isShared = false
  readonly #held = { requests: 0, items: 0, bytes: 0 }
  /** Oldest at `#first`; places before it are empty. */
  #waiting: (StoredItem | undefined)[] = []
  #first = 0
  readonly #takers: ((item: StoredItem | undefined) => void)[] = []
  #isStopped = false

  get held(): QueueAmount {
    return this.#held
  }

  append(item: StoredItem): void {
    this.#held.requests++
    this.#held.items += item.items
    this.#held.bytes += item.bytes.length
    const taker = this.#takers.shift()
    if (taker === undefined) this.#waiting.push(item)
    else taker(item)
  }

  take(): StoredItem | undefined | Promise<StoredItem | undefined> {
    if (this.#first < this.#waiting.length) return this.#next()
    if (this.#isStopped) return undefined
    return new Promise((resolve) => this.#takers.push(resolve))
  }

  acknowledge(items: readonly StoredItem[]): void {
    for (const { items: count, bytes } of items) {
      this.#held.requests--
      this.#held.items -= count
      this.#held.bytes -= bytes.length
    }
  }

  giveBack(items: readonly StoredItem[]): void {
    for (const item of items.toReversed()) {
      const taker = this.#takers.shift()
      if (taker !== undefined) taker(item)
      else if (this.#first > 0) this.#waiting[--this.#first] = item
      else this.#waiting.unshift(item)
    }
  }

  stopTaking(atOnce: boolean): void {
    this.#isStopped = true
    // In memory nothing may stay behind uncounted, so what waits is handed out in any case.
    if (atOnce || this.#first === this.#waiting.length) for (const taker of this.#takers.splice(0)) taker(undefined)
  }

  async close(): Promise<void> {
    this.stopTaking(true)
  }

  #next(): StoredItem {
    const item = this.#waiting[this.#first] as StoredItem
    this.#waiting[this.#first++] = undefined
    if (this.#first === this.#waiting.length) {
      this.#waiting.length = 0
      this.#first = 0
    } else if (this.#first >= 1024 && this.#first * 2 > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#first)
      this.#first = 0
    }
    return item
  }
}
