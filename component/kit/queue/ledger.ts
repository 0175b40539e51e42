import type { Settings } from '../../component.ts'
import type { Signal } from '../../signal.ts'
import type { Counter, Gauge } from '../../telemetry.ts'
import type { Outcome } from './delivery.ts'
import type { QueueAmount } from './store.ts'
import {
  DROPPED_LOG_RECORDS,
  DROPPED_METRIC_POINTS,
  DROPPED_SPANS,
  type DropReason,
  ENQUEUE_FAILED_LOG_RECORDS,
  ENQUEUE_FAILED_METRIC_POINTS,
  ENQUEUE_FAILED_SPANS,
  FAILED_ATTEMPTS,
  FAILED_LOG_RECORDS,
  FAILED_METRIC_POINTS,
  FAILED_SPANS,
  IN_FLIGHT_REQUESTS,
  QUEUE_CAPACITY,
  QUEUE_SIZE,
  QUEUED_ITEMS,
  type RefuseReason,
  SENT_LOG_RECORDS,
  SENT_METRIC_POINTS,
  SENT_SPANS,
} from './telemetry.ts'

const COUNTERS = {
  logs: { sent: SENT_LOG_RECORDS, failed: FAILED_LOG_RECORDS, dropped: DROPPED_LOG_RECORDS, refused: ENQUEUE_FAILED_LOG_RECORDS },
  metrics: { sent: SENT_METRIC_POINTS, failed: FAILED_METRIC_POINTS, dropped: DROPPED_METRIC_POINTS, refused: ENQUEUE_FAILED_METRIC_POINTS },
  traces: { sent: SENT_SPANS, failed: FAILED_SPANS, dropped: DROPPED_SPANS, refused: ENQUEUE_FAILED_SPANS },
} as const

/** Shortest time between two log lines about dropped data of one reason. */
const LOG_INTERVAL_MS = 10_000

interface DropLog {
  /** Dropped since the last line. */
  items: number
  loggedMs: number | undefined
}

/** Counts what becomes of the items of one signal, and says in the log when some are dropped. */
export class QueueLedger {
  readonly #settings: Settings
  readonly #signal: Signal
  readonly #sent: Counter
  readonly #failed: Counter
  readonly #attempts: Counter
  readonly #inFlight: Gauge
  readonly #size: Gauge
  readonly #items: Gauge
  readonly #dropped = new Map<DropReason, Counter>()
  readonly #refused = new Map<RefuseReason, Counter>()
  readonly #drops = new Map<DropReason, DropLog>()
  #requestsInFlight = 0

  constructor(settings: Settings, signal: Signal) {
    const { telemetry, id } = settings
    const exporter = { exporter: id.text }
    const labels = { ...exporter, data_type: signal }
    this.#settings = settings
    this.#signal = signal
    this.#sent = telemetry.counter(COUNTERS[signal].sent, exporter)
    this.#failed = telemetry.counter(COUNTERS[signal].failed, exporter)
    this.#attempts = telemetry.counter(FAILED_ATTEMPTS, labels)
    this.#inFlight = telemetry.gauge(IN_FLIGHT_REQUESTS, labels)
    this.#size = telemetry.gauge(QUEUE_SIZE, labels)
    this.#items = telemetry.gauge(QUEUED_ITEMS, labels)
  }

  /** The largest size that `holds` may tell of. */
  capacity(size: number): void {
    this.#settings.telemetry.gauge(QUEUE_CAPACITY, { exporter: this.#settings.id.text, data_type: this.#signal }).set(size)
  }

  holds(held: QueueAmount, sizer: keyof QueueAmount): void {
    this.#size.set(held[sizer])
    this.#items.set(held.items)
  }

  began(): void {
    this.#inFlight.set(++this.#requestsInFlight)
  }

  attemptFailed(): void {
    this.#attempts.add(1)
  }

  /** A request is done with. `isKept` says that it stays in a persistent store, so that nothing is lost. */
  ended(items: number, outcome: Outcome, isKept: boolean): void {
    this.#inFlight.set(--this.#requestsInFlight)
    if (outcome.kind === 'sent') {
      const rejected = Math.min(outcome.rejected, items)
      this.#sent.add(items - rejected)
      if (rejected > 0) this.dropped(rejected, 'rejected', undefined)
      return
    }
    // All of it will be sent again, and counted then.
    if (isKept) return
    const { sent, rejected } = outcome.settled
    const left = Math.max(0, items - sent - rejected)
    if (sent > 0) this.#sent.add(sent)
    if (rejected > 0) this.dropped(rejected, 'rejected', undefined)
    if (left === 0) return
    if (outcome.kind !== 'shutdown') this.#failed.add(left)
    this.dropped(left, outcome.kind, outcome.error)
  }

  dropped(items: number, reason: DropReason, error: Error | undefined): void {
    if (!this.#dropped.has(reason)) {
      const { telemetry, id } = this.#settings
      this.#dropped.set(reason, telemetry.counter(COUNTERS[this.#signal].dropped, { exporter: id.text, reason }))
    }
    this.#dropped.get(reason)?.add(items)
    this.#log(items, reason, error)
  }

  refused(items: number, reason: RefuseReason): void {
    if (!this.#refused.has(reason)) {
      const { telemetry, id } = this.#settings
      this.#refused.set(reason, telemetry.counter(COUNTERS[this.#signal].refused, { exporter: id.text, reason }))
    }
    this.#refused.get(reason)?.add(items)
  }

  #log(items: number, reason: DropReason, error: Error | undefined): void {
    const { clock, log } = this.#settings
    const drop = this.#drops.get(reason) ?? { items: 0, loggedMs: undefined }
    this.#drops.set(reason, drop)
    drop.items += items
    const nowMs = clock.monotonic()
    if (drop.loggedMs !== undefined && nowMs - drop.loggedMs < LOG_INTERVAL_MS) return
    log.warn({ dropped: drop.items, reason, data_type: this.#signal, ...(error === undefined ? {} : { error: error.message }) }, 'data dropped')
    drop.items = 0
    drop.loggedMs = nowMs
  }
}
