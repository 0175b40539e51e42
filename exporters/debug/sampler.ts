import type { Clock } from '../../component/component.ts'

const WINDOW_MS = 1000

/**
 * Decides which batches are printed: the first `initial` of every second, then every `thereafter`-th (none when that is
 * 0). The same rule as the Collector's `sampling_initial` and `sampling_thereafter`.
 */
export class Sampler {
  readonly #clock: Clock
  readonly #initial: number
  readonly #thereafter: number
  #windowEndsAt = Number.NEGATIVE_INFINITY
  #seen = 0

  constructor(clock: Clock, options: { readonly initial: number; readonly thereafter: number }) {
    this.#clock = clock
    this.#initial = options.initial
    this.#thereafter = options.thereafter
  }

  /** Counts one batch and tells whether it is to be printed. */
  admits(): boolean {
    const now = this.#clock.monotonic()
    if (now >= this.#windowEndsAt) {
      this.#windowEndsAt = now + WINDOW_MS
      this.#seen = 0
    }
    const beyond = ++this.#seen - this.#initial
    return beyond <= 0 || (this.#thereafter > 0 && beyond % this.#thereafter === 0)
  }
}
