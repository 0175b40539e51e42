import type { Host, Settings } from '../../component.ts'
import type { Signal } from '../../signal.ts'
import type { AttemptObserver } from './delivery.ts'

/** Shortest time between two log lines that say that sending fails. */
const LOG_INTERVAL_MS = 10_000

/**
 * Tells the host and the log whether sending works: of the first failed attempt after a good one, and the other way
 * round; the host also when the reason changes. The process stays ready meanwhile, because the queue still takes data.
 */
export class SendingStatus implements AttemptObserver {
  readonly #settings: Settings
  /** What was reported of each signal that fails. */
  readonly #failing = new Map<Signal, string>()
  #host: Host | undefined
  #loggedMs: number | undefined

  constructor(settings: Settings) {
    this.#settings = settings
  }

  start(host: Host): void {
    this.#host = host
  }

  failed(signal: Signal, error: Error): void {
    const before = this.#failing.get(signal)
    if (before === error.message) return
    // Another reason: throttled for a while, and then not allowed. Whoever asks is to see the one that holds now.
    this.#failing.set(signal, error.message)
    this.#host?.report({ kind: 'recoverable_error', error: `cannot send ${signal}: ${error.message}`, staysReady: true })
    if (before !== undefined) return
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
