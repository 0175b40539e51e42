import type { Clock } from '../../../component/component.ts'

export interface BackOffOptions {
  readonly firstMs: number
  readonly mostMs: number
  /** Without failures for this long, the next one counts as the first. */
  readonly resetMs: number
}

/** 800 ms, doubled up to 30 s, and forgotten after two healthy minutes: the numbers of client-go's reflector. */
export const BACK_OFF: BackOffOptions = { firstMs: 800, mostMs: 30_000, resetMs: 120_000 }

/** How long to wait after failures in a row: a random part of a span that doubles each time (full jitter). */
export class BackOff {
  readonly #clock: Clock
  readonly #random: () => number
  readonly #options: BackOffOptions
  #spanMs: number
  #untilMs = Number.NEGATIVE_INFINITY

  /** `random` gives numbers from 0 up to, not including, 1. */
  constructor(clock: Clock, random: () => number, options: BackOffOptions = BACK_OFF) {
    this.#clock = clock
    this.#random = random
    this.#options = options
    this.#spanMs = options.firstMs
  }

  /** The wait after one more failure, in milliseconds; at least `atLeastMs`, when the other side has asked for that. */
  next(atLeastMs = 0): number {
    const nowMs = this.#clock.monotonic()
    if (nowMs - this.#untilMs >= this.#options.resetMs) this.#spanMs = this.#options.firstMs
    // All who were told the same time must not come back in the same instant either: the random part is added to it.
    const waitMs = Math.round(atLeastMs + this.#random() * this.#spanMs)
    this.#spanMs = Math.min(this.#spanMs * 2, this.#options.mostMs)
    this.#untilMs = nowMs + waitMs
    return waitMs
  }
}
