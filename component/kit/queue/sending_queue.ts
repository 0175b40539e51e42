import type { Host, Settings, ShutdownOptions } from '../../component.ts'
import { RefusedError } from '../../consumer.ts'
import { SIGNALS, type Signal } from '../../signal.ts'
import type { SplitItem } from './batcher.ts'
import { type QueueConfig, type QueueOptions, queueOptions } from './config.ts'
import { Delivery, producerError, type Send } from './delivery.ts'
import { QueueLedger } from './ledger.ts'
import { SendingStatus } from './sending_status.ts'
import { SignalQueue } from './signal_queue.ts'
import type { QueueItem } from './store.ts'

/** What an exporter tells its queue. */
export interface SendingQueueOptions {
  /** The settings of `QUEUE_PROPERTIES`, checked. */
  readonly config: QueueConfig
  readonly send: Send
  /** The signals that the exporter handles; all by default. */
  readonly signals?: readonly Signal[]
  /** Whether the concatenation of two items of a signal is one item, as it is with OTLP in protobuf; true by default. Without it nothing is batched. */
  readonly concatenates?: boolean
  /**
   * Whether something may read the bytes of a request even when the first attempt to send it has succeeded, as it is when they are
   * written to a socket themselves; true by default. Otherwise the memory of items that are `isSole` is freed then.
   */
  readonly readsBytesLater?: boolean
  /** Makes smaller items of one that is larger than `batch.max_size`; without it such an item is sent alone, as it is. */
  readonly split?: SplitItem
  /** Numbers from 0 up to 1, for the variation of waits. */
  readonly random?: () => number
}

/**
 * What stands between an exporter and its backend: a queue for each signal, in memory or on disk, that sends with a number
 * of consumers, waits and tries again, and counts what becomes of everything. The exporter encodes, and sends once.
 *
 * Offered = refused (`enqueue_failed`) + sent + dropped by reason + in the queue; for each signal, in items.
 */
export class SendingQueue {
  readonly #options: QueueOptions
  readonly #delivery: Delivery
  readonly #status: SendingStatus
  readonly #ledgers: ReadonlyMap<Signal, QueueLedger>
  readonly #queues: ReadonlyMap<Signal, SignalQueue>
  readonly #direct = new Set<Promise<void>>()
  #isOpen = false

  constructor(
    settings: Settings,
    { config, send, signals = SIGNALS, concatenates = true, readsBytesLater = true, split, random = Math.random }: SendingQueueOptions,
  ) {
    this.#options = queueOptions(config)
    this.#status = new SendingStatus(settings)
    this.#ledgers = new Map(signals.map((signal) => [signal, new QueueLedger(settings, signal)]))
    this.#delivery = new Delivery({
      clock: settings.clock,
      options: this.#options,
      send,
      random,
      observer: {
        succeeded: (signal) => this.#status.succeeded(signal),
        failed: (signal, error) => {
          this.#ledgers.get(signal)?.attemptFailed()
          this.#status.failed(signal, error)
        },
      },
    })
    const { queue: limits } = this.#options
    this.#queues = new Map(
      limits === undefined
        ? []
        : [...this.#ledgers].map(([signal, ledger]) => [
            signal,
            new SignalQueue({ settings, signal, limits, delivery: this.#delivery, ledger, concatenates, readsBytesLater, split }),
          ]),
    )
  }

  /** Opens the queues and begins to send what an earlier process has left on disk. Closes what it opened if it fails. */
  async start(host: Host): Promise<void> {
    this.#status.start(host)
    try {
      for (const queue of this.#queues.values()) await queue.start()
      this.#isOpen = true
    } catch (error) {
      await this.shutdown({ signal: AbortSignal.abort() })
      throw error
    }
  }

  /**
   * Hands an item over. Returns when it is in the queue (a promise when that takes time: on disk, with `block_on_overflow` or
   * `wait_for_result`, and without a queue until it is sent). Throws or rejects with a `RefusedError` when there is no room
   * or the disk does not take it, and with a `PermanentError` when it is larger than the whole queue or cannot be sent.
   */
  offer(item: QueueItem): void | Promise<void> {
    const queue = this.#queues.get(item.signal)
    if (queue !== undefined) return queue.offer(item)
    const ledger = this.#ledgers.get(item.signal)
    if (ledger === undefined) throw new Error(`BUG: a sending queue without ${item.signal} got ${item.signal}`)
    if (!this.#isOpen) {
      ledger.refused(item.items, 'shutdown')
      throw new RefusedError('the exporter is stopping')
    }
    return this.#sendNow(item, ledger)
  }

  /**
   * Takes nothing more, ends the waits between attempts, and tries what is left once each, until `signal` aborts. What
   * could not be sent stays in a queue on disk, and is dropped and counted otherwise. Safe twice and without `start`.
   */
  async shutdown({ signal }: ShutdownOptions): Promise<void> {
    this.#isOpen = false
    const giveUp = (): void => this.#delivery.giveUp()
    signal.addEventListener('abort', giveUp, { once: true })
    if (signal.aborted) giveUp()
    this.#delivery.hurry()
    await Promise.all([...this.#queues.values()].map((queue) => queue.shutdown({ signal })))
    await Promise.allSettled(this.#direct)
    signal.removeEventListener('abort', giveUp)
  }

  #sendNow(item: QueueItem, ledger: QueueLedger): Promise<void> {
    const sending = this.#deliver(item, ledger).finally(() => this.#direct.delete(sending))
    this.#direct.add(sending)
    return sending
  }

  async #deliver(item: QueueItem, ledger: QueueLedger): Promise<void> {
    ledger.began()
    const outcome = await this.#delivery.deliver(item)
    ledger.ended(item.items, outcome, false)
    if (outcome.kind !== 'sent') throw producerError(outcome)
  }
}
