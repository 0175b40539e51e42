import type { Clock } from '../../component.ts'

/** A cumulative series whose first sample has come; times are its producer's, in milliseconds since the epoch. */
export interface FirstSample {
  /** When counting began; 0 when unknown. */
  readonly startMs: number
  readonly timeMs: number
  /** True when the producer has listed all its series before, and this one was not among them: whatever clocks say, it is new. */
  readonly isNewInList?: boolean
}

/** What rounding and the order of calls may make of two readings of a clock: receivers are made before the exporters that they feed. */
const SLACK_MS = 1000

/**
 * Decides whether the first sample of a cumulative series counts whole, or only is what the next one is compared with.
 *
 * It counts whole when nobody can have counted a part of it before: the series began after this object was made (its user's
 * own start) and after everything that its user has forgotten was last heard of. Ages of series are compared with the
 * monotonic clock, so neither a step of a clock nor one that is wrong makes a value count twice; at worst a first value only
 * sets the base.
 */
export class FirstSamples {
  readonly #clock: Clock
  readonly #startedMs: number
  /** Whatever was heard of after this is still remembered by the user of this object; on the monotonic clock. */
  #knownSince: number
  #forgotAny = false

  constructor(clock: Clock) {
    this.#clock = clock
    this.#startedMs = clock.now()
    this.#knownSince = clock.monotonic()
  }

  /** Tells that a series is no longer remembered, which was last heard of at that time of the monotonic clock. */
  forgot(heardAt: number): void {
    this.#forgotAny = true
    this.#knownSince = Math.max(this.#knownSince, heardAt)
  }

  countsWhole({ startMs, timeMs, isNewInList = false }: FirstSample): boolean {
    return isNewInList || (startMs > 0 && startMs >= this.#startedMs - SLACK_MS && this.#isYoung({ startMs, timeMs }))
  }

  /** True when the series may be one that was forgotten, so that a part of its value has been counted. */
  mayHaveCounted(sample: FirstSample): boolean {
    return this.#forgotAny && sample.startMs > 0 && !this.#isYoung(sample)
  }

  #isYoung({ startMs, timeMs }: FirstSample): boolean {
    return timeMs - startMs <= this.#clock.monotonic() - this.#knownSince + SLACK_MS
  }
}
