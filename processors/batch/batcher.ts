import type { Clock } from '../../component/component.ts'
import { type Consumer, RefusedError } from '../../component/consumer.ts'
import type { Client } from '../../model/client.ts'
import { type GroupBatch, type GroupRules, takeItems } from './group_batch.ts'

/** What makes a batch complete. */
export type Trigger = 'size' | 'timeout' | 'shutdown'

export interface BatcherOptions<Group> {
  readonly rules: GroupRules<Group>
  readonly clock: Clock
  readonly next: Consumer<any>
  readonly size: number
  /** 0 is no limit. */
  readonly sizeMax: number
  readonly timeoutMs: number
  readonly pendingMax: number
  /** Of all batches that it makes. */
  readonly client: Client | undefined
  readonly sent: (trigger: Trigger, items: number) => void
  readonly dropped: (reason: 'rejected' | 'shutdown', items: number) => void
}

/** A complete batch on its way. */
interface Complete<Group> {
  readonly batch: GroupBatch<Group>
  readonly items: number
  readonly trigger: Trigger
}

/** How long a refused batch waits when the consumer does not say. */
const RETRY_MS = 1000
/** Told to senders that must come back. */
const SENDER_RETRY_MS = 1000

/**
 * Collects groups until they are a batch, and hands batches on one after the other. A batch that is refused is offered
 * again; while too many wait, nothing more is taken.
 */
export class Batcher<Group> {
  readonly #options: BatcherOptions<Group>
  #groups: Group[] = []
  #items = 0
  readonly #complete: Complete<Group>[] = []
  #completeItems = 0
  #stopTimer: (() => void) | undefined
  #sending: Promise<void> | undefined
  #wake: (() => void) | undefined
  #deadline: AbortSignal | undefined

  constructor(options: BatcherOptions<Group>) {
    this.#options = options
  }

  /** Items that have been taken and not handed on. */
  get pending(): number {
    return this.#items + this.#completeItems
  }

  /** Takes the groups over; throws a `RefusedError` while too much waits. */
  add(batch: GroupBatch<Group>): void {
    if (this.#complete.length >= this.#options.pendingMax) {
      throw new RefusedError(`${this.#complete.length} batches wait because the pipeline does not take them`, { retryAfterMs: SENDER_RETRY_MS })
    }
    this.#groups.push(...batch.groups)
    this.#items += this.#options.rules.count(batch)
    this.#cutFull()
    if (this.#items > 0 && this.#stopTimer === undefined) {
      this.#stopTimer = this.#options.clock.after(this.#options.timeoutMs, () => {
        this.#stopTimer = undefined
        this.#cutRest('timeout')
      })
    }
  }

  /** Hands on what is there, for as long as `signal` allows; what nobody has taken by then is dropped. */
  async close(signal: AbortSignal): Promise<void> {
    this.#stopTimer?.()
    this.#stopTimer = undefined
    this.#deadline = signal
    this.#cutRest('shutdown')
    this.#wake?.()
    const abort = (): void => this.#wake?.()
    signal.addEventListener('abort', abort, { once: true })
    await this.#sending
    signal.removeEventListener('abort', abort)
  }

  #cutFull(): void {
    const { size, sizeMax, timeoutMs } = this.#options
    if (size === 0 || timeoutMs === 0) this.#cutRest('size')
    else while (this.#items >= size) this.#cut(sizeMax === 0 ? this.#items : Math.min(sizeMax, this.#items), 'size')
    if (this.#items > 0) return
    this.#stopTimer?.()
    this.#stopTimer = undefined
  }

  #cutRest(trigger: Trigger): void {
    const { sizeMax } = this.#options
    while (this.#items > 0) this.#cut(sizeMax === 0 ? this.#items : Math.min(sizeMax, this.#items), trigger)
  }

  #cut(items: number, trigger: Trigger): void {
    const { client, rules } = this.#options
    const groups = items === this.#items ? this.#groups : takeItems(this.#groups, items, rules)
    if (items === this.#items) this.#groups = []
    this.#items -= items
    this.#completeItems += items
    this.#complete.push({ batch: client === undefined ? { groups } : { groups, client }, items, trigger })
    this.#sending ??= this.#send().finally(() => {
      this.#sending = undefined
    })
  }

  async #send(): Promise<void> {
    for (let first = this.#complete[0]; first !== undefined; first = this.#complete[0]) {
      const retryMs = await this.#offer(first)
      if (retryMs === undefined) {
        this.#complete.shift()
        this.#completeItems -= first.items
      } else await this.#wait(retryMs)
    }
  }

  /** How long to wait before the batch is offered again; undefined when it is done with. */
  async #offer({ batch, items, trigger }: Complete<Group>): Promise<number | undefined> {
    if (this.#deadline?.aborted === true) {
      this.#options.dropped('shutdown', items)
      return undefined
    }
    try {
      await this.#options.next.consume(batch)
      this.#options.sent(trigger, items)
    } catch (error) {
      if (error instanceof RefusedError) return error.retryAfterMs ?? RETRY_MS
      this.#options.dropped('rejected', items)
    }
    return undefined
  }

  async #wait(ms: number): Promise<void> {
    if (this.#deadline?.aborted === true) return
    await new Promise<void>((resolve) => {
      const stop = this.#options.clock.after(ms, resolve)
      this.#wake = () => {
        stop()
        resolve()
      }
    })
    this.#wake = undefined
  }
}
