import type { Component, Settings, ShutdownOptions } from '../../component/component.ts'
import { type Consumer, PermanentError, type SignalData } from '../../component/consumer.ts'
import type { Signal } from '../../component/signal.ts'
import { durationMs } from '../../lib/duration.ts'
import { Batcher } from './batcher.ts'
import type { BatchConfig } from './config.ts'
import { type GroupBatch, type GroupRules, LOG_RULES, POINT_RULES, SPAN_RULES } from './group_batch.ts'
import { BATCH_ITEMS, BATCHES, CARDINALITY, DROPPED, PENDING } from './telemetry.ts'

const RULES: { readonly [S in Signal]: GroupRules<any> } = { logs: LOG_RULES, metrics: POINT_RULES, traces: SPAN_RULES }

/** How often the gauge of waiting items is set. */
const GAUGE_MS = 1000

/**
 * Merges small batches of log records, data points or spans into larger ones. It takes a batch at once, so the sender does
 * not wait for the merged one; when the pipeline refuses that, it is kept and offered again. The daemon's own series
 * (`SeriesMetrics`), which are whole reads already, pass as they are.
 */
export class BatchProcessor<S extends Signal> implements Component, Consumer<SignalData[S]> {
  readonly mutatesData = false
  readonly #settings: Settings
  readonly #config: BatchConfig
  readonly #next: Consumer<SignalData[S]>
  readonly #signal: S
  readonly #keys: readonly string[]
  readonly #labels: { readonly processor: string; readonly signal: S }
  readonly #batchers = new Map<string, Batcher<unknown>>()
  #stopTimer: (() => void) | undefined

  constructor(settings: Settings, config: BatchConfig, next: Consumer<SignalData[S]>, signal: S) {
    this.#settings = settings
    this.#config = config
    this.#next = next
    this.#signal = signal
    this.#keys = config.metadata_keys.map((key) => key.toLowerCase()).sort()
    this.#labels = { processor: settings.id.text, signal }
  }

  start(): void {
    const { clock, telemetry } = this.#settings
    const pending = telemetry.gauge(PENDING, this.#labels)
    this.#stopTimer = clock.every(GAUGE_MS, () => {
      let items = 0
      for (const batcher of this.#batchers.values()) items += batcher.pending
      pending.set(items)
    })
  }

  consume(batch: SignalData[S]): void | Promise<void> {
    if (!('groups' in batch)) return this.#next.consume(batch)
    this.#batcherFor(batch).add(batch)
    return undefined
  }

  async shutdown({ signal }: ShutdownOptions): Promise<void> {
    this.#stopTimer?.()
    await Promise.all([...this.#batchers.values()].map((batcher) => batcher.close(signal)))
    this.#settings.telemetry.gauge(PENDING, this.#labels).set(0)
  }

  #batcherFor({ client }: GroupBatch<unknown>): Batcher<unknown> {
    const metadata = Object.fromEntries(this.#keys.flatMap((key) => (client?.metadata?.[key] === undefined ? [] : [[key, client.metadata[key]]])))
    const key = JSON.stringify(metadata)
    const known = this.#batchers.get(key)
    if (known !== undefined) return known
    const limit = this.#config.metadata_cardinality_limit
    if (limit > 0 && this.#batchers.size >= limit) throw new PermanentError(`more than ${limit} combinations of the headers ${this.#keys.join(', ')}`)
    const batcher = this.#newBatcher(this.#keys.length === 0 ? undefined : { address: '', metadata })
    this.#batchers.set(key, batcher)
    this.#settings.telemetry.gauge(CARDINALITY, this.#labels).set(this.#batchers.size)
    return batcher
  }

  #newBatcher(client: GroupBatch<unknown>['client']): Batcher<unknown> {
    const { telemetry, clock } = this.#settings
    const { send_batch_size: size, send_batch_max_size: sizeMax, pending_batches_max: pendingMax } = this.#config
    return new Batcher({
      rules: RULES[this.#signal],
      clock,
      next: this.#next,
      size,
      sizeMax,
      pendingMax,
      client,
      timeoutMs: durationMs(this.#config.timeout),
      sent: (trigger, items) => {
        telemetry.counter(BATCHES, { ...this.#labels, trigger }).add(1)
        telemetry.counter(BATCH_ITEMS, this.#labels).add(items)
      },
      dropped: (reason, items) => telemetry.counter(DROPPED, { ...this.#labels, reason }).add(items),
    })
  }
}
