import type { RetryOptions } from './config.ts'

/** Shortest wait, so that a server that asks for none is not asked without a pause. */
const WAIT_MS_MIN = 50

/**
 * The waits between the attempts to send one request: growing, varied by chance so that many senders do not come back
 * at the same moment.
 */
export class Backoff {
  readonly #options: RetryOptions
  readonly #random: () => number
  #intervalMs: number

  /** `random` gives numbers from 0 up to 1. */
  constructor(options: RetryOptions, random: () => number) {
    this.#options = options
    this.#random = random
    this.#intervalMs = options.initialMs
  }

  /**
   * How long to wait after a failure, in milliseconds; undefined when the time for the request would be over by then.
   * What the server asks for (`retryAfterMs`) goes before our own interval.
   */
  next({ elapsedMs, retryAfterMs }: { readonly elapsedMs: number; readonly retryAfterMs: number | undefined }): number | undefined {
    const { randomizationFactor, multiplier, maxMs, elapsedMsMax } = this.#options
    const varied = this.#intervalMs * (1 + randomizationFactor * (2 * this.#random() - 1))
    this.#intervalMs = Math.min(this.#intervalMs * multiplier, maxMs)
    const waitMs = Math.max(retryAfterMs !== undefined && retryAfterMs > 0 ? retryAfterMs : varied, WAIT_MS_MIN)
    return elapsedMsMax > 0 && elapsedMs + waitMs > elapsedMsMax ? undefined : waitMs
  }
}
