import { totalmem } from 'node:os'
import type { Component, Host, Settings } from '../../component/component.ts'
import { type Consumer, RefusedError, type SignalData } from '../../component/consumer.ts'
import type { Signal } from '../../component/signal.ts'
import type { Counter } from '../../component/telemetry.ts'
import { durationMs } from '../../lib/duration.ts'
import { trimHeap } from '../../lib/heap_trim.ts'
import type { MemoryLimiterConfig } from './config.ts'
import { limitsOf, type MemoryLimits } from './limits.ts'
import {
  ACCEPTED_LOG_RECORDS,
  ACCEPTED_METRIC_POINTS,
  ACCEPTED_SPANS,
  COLLECTIONS,
  REFUSED_LOG_RECORDS,
  REFUSED_METRIC_POINTS,
  REFUSED_SPANS,
} from './telemetry.ts'

const COUNTERS = {
  logs: { accepted: ACCEPTED_LOG_RECORDS, refused: REFUSED_LOG_RECORDS },
  metrics: { accepted: ACCEPTED_METRIC_POINTS, refused: REFUSED_METRIC_POINTS },
  traces: { accepted: ACCEPTED_SPANS, refused: REFUSED_SPANS },
} as const

/** What the processor asks of the system. */
export interface MemorySource {
  /** Resident memory of the process, all threads together. */
  readonly residentBytes: () => number
  /** What the process may use. */
  readonly availableBytes: () => number
  /** Collects the garbage of this thread and gives its pages back. */
  readonly collect: () => void
}

const SYSTEM: MemorySource = {
  residentBytes: () => process.memoryUsage.rss(),
  availableBytes: () => {
    const constrained = process.constrainedMemory()
    const total = totalmem()
    // 0 is unknown; without a limit the kernel says something huge.
    return constrained > 0 && constrained < total ? constrained : total
  },
  collect: trimHeap,
}

/** Memory that is short now will hardly be plenty sooner. */
const RETRY_MS = 1000

/**
 * Refuses data while the process uses more memory than its soft limit, so that the sender waits or the receiver sheds and
 * counts, instead of the kernel killing the process. Every replica looks at the memory of the whole process.
 */
export class MemoryLimiter<S extends Signal> implements Component, Consumer<SignalData[S]> {
  readonly mutatesData = false
  readonly #settings: Settings
  readonly #next: Consumer<SignalData[S]>
  readonly #system: MemorySource
  readonly #limits: MemoryLimits
  readonly #checkMs: number
  readonly #collectMs: { readonly soft: number; readonly hard: number }
  readonly #itemsOf: (batch: SignalData[S]) => number
  readonly #accepted: Counter
  readonly #refused: Counter
  readonly #error: RefusedError
  #host: Host | undefined
  #stopTimer: (() => void) | undefined
  #isShort = false
  #collectedAt = Number.NEGATIVE_INFINITY

  /** `itemsOf` counts what a batch holds; `system` replaces the process in tests. */
  constructor(
    settings: Settings,
    config: MemoryLimiterConfig,
    parts: { readonly next: Consumer<SignalData[S]>; readonly signal: S; readonly itemsOf: (batch: SignalData[S]) => number; readonly system?: MemorySource },
  ) {
    this.#settings = settings
    this.#next = parts.next
    this.#itemsOf = parts.itemsOf
    this.#system = parts.system ?? SYSTEM
    this.#limits = limitsOf(config, this.#system.availableBytes())
    this.#checkMs = durationMs(config.check_interval)
    this.#collectMs = { soft: durationMs(config.min_gc_interval_when_soft_limited), hard: durationMs(config.min_gc_interval_when_hard_limited) }
    const labels = { processor: settings.id.text }
    this.#accepted = settings.telemetry.counter(COUNTERS[parts.signal].accepted, labels)
    this.#refused = settings.telemetry.counter(COUNTERS[parts.signal].refused, labels)
    // One for all batches: making an error costs more than refusing.
    this.#error = new RefusedError(`memory is short (soft limit ${mib(this.#limits.soft)} MiB)`, { retryAfterMs: RETRY_MS })
  }

  start(host: Host): void {
    this.#host = host
    this.#look()
    this.#stopTimer = this.#settings.clock.every(this.#checkMs, () => this.#look())
  }

  consume(batch: SignalData[S]): void | Promise<void> {
    const items = this.#itemsOf(batch)
    if (this.#isShort) {
      this.#refused.add(items)
      throw this.#error
    }
    this.#accepted.add(items)
    return this.#next.consume(batch)
  }

  shutdown(): void {
    this.#stopTimer?.()
    this.#stopTimer = undefined
  }

  #look(): void {
    let resident = this.#system.residentBytes()
    if (resident >= this.#limits.soft) {
      this.#collect(resident >= this.#limits.hard ? 'hard' : 'soft')
      resident = this.#system.residentBytes()
    }
    const isShort = resident >= this.#limits.soft
    if (isShort === this.#isShort) return
    this.#isShort = isShort
    const fields = { resident_mib: mib(resident), soft_limit_mib: mib(this.#limits.soft), hard_limit_mib: mib(this.#limits.hard) }
    if (isShort) {
      this.#settings.log.warn({ ...fields, hint: 'raise the limit, or let less data in' }, 'memory is short; data is refused')
      // The process stays ready: taken out of service it would lose what it may still take in a moment.
      this.#host?.report({ kind: 'recoverable_error', error: `memory is short: ${fields.resident_mib} MiB of ${fields.hard_limit_mib} MiB`, staysReady: true })
    } else {
      this.#settings.log.info(fields, 'memory suffices again')
      this.#host?.report({ kind: 'ok' })
    }
  }

  #collect(limit: 'soft' | 'hard'): void {
    const now = this.#settings.clock.monotonic()
    if (now - this.#collectedAt < this.#collectMs[limit]) return
    this.#collectedAt = now
    this.#settings.telemetry.counter(COLLECTIONS, { processor: this.#settings.id.text, limit }).add(1)
    this.#system.collect()
  }
}

function mib(bytes: number): number {
  return Math.round(bytes / (1024 * 1024))
}
