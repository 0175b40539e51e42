import type { Host, Settings } from '../../component.ts'
import type { Signal } from '../../signal.ts'
import type { AttemptObserver } from './delivery.ts'

/** Shortest time between two log lines that say that sending fails. */
const LOG_INTERVAL_MS = 10_000

/**
 * Tells the host and the log whether sending works: of the first failed attempt after a good one, and the other way
 * round. The process stays ready meanwhile, because the queue still takes data.
 */
export class SendingStatus implements AttemptObserver {
  readonly #settings: Settings
  readonly #failing = new Set<Signal>()
  #host: Host | undefined
  #loggedMs: number | undefined

  constructor(settings: Settings) {
    this.#settings = settings
  }

  start(host: Host): void {
    this.#host = host
  }

  failed(signal: Signal, error: Error): void {
    if (this.#failing.has(signal)) return
    this.#failing.add(signal)
    this.#host?.report({ kind: 'recoverable_error', error: `cannot send ${signal}: ${error.message}`, staysReady: true })
    const { clock, log } = this.#settings
    const nowMs = clock.monotonic()
    if (this.#loggedMs !== undefined && nowMs - this.#loggedMs < LOG_INTERVAL_MS) return
    this.#loggedMs = nowMs
    log.warn({ error: error.message, data_type: signal }, 'sending fails')
  }

  succeeded(signal: Signal): void {
    if (!this.#failing.delete(signal)) return
    this.#settings.log.info({ data_type: signal }, 'sending works again')
    if (this.#failing.size === 0) this.#host?.report({ kind: 'ok' })
  }
}
