import type { PartialSuccess } from '../../../model/otlp/responses.ts'
import type { Logger } from '../../component.ts'
import type { Signal } from '../../signal.ts'
import type { SendResult } from '../queue/delivery.ts'

/** Shortest time between two log lines about it. */
const LOG_MS = 60_000

/** Tells the log, at most once a minute, what servers did not take of requests that they accepted otherwise. */
export class PartialSuccesses {
  readonly #log: Logger
  readonly #monotonic: () => number
  #loggedMs = Number.NEGATIVE_INFINITY
  #unlogged = 0

  constructor(log: Logger, monotonic: () => number) {
    this.#log = log
    this.#monotonic = monotonic
  }

  /** What the queue is told of such an answer. Without rejected items it is a warning of the server. */
  resultOf(signal: Signal, partial: PartialSuccess | undefined): SendResult {
    if (partial === undefined) return {}
    this.#unlogged += partial.rejected
    const now = this.#monotonic()
    if (now - this.#loggedMs >= LOG_MS) {
      this.#loggedMs = now
      this.#log.warn({ signal, rejected: this.#unlogged, error: partial.errorMessage }, 'the server took a request in part')
      this.#unlogged = 0
    }
    return { rejected: partial.rejected }
  }
}
