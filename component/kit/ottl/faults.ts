import type { Clock, Logger } from '../../component.ts'
import { PermanentError } from '../../consumer.ts'
import type { Counter } from '../../telemetry.ts'
import { EvaluationError } from './errors.ts'
import type { ErrorMode } from './groups.ts'

/** How often the failures of one statement are logged at most. */
const LOG_INTERVAL_MS = 60_000

interface Failing {
  readonly counter: Counter
  /** Failures not yet added to the counter. */
  uncounted: number
  /** Failures since the last line in the log. */
  unlogged: number
  loggedAt: number
}

/** Counts and logs what statements fail at; one per processor. */
export class Faults {
  readonly #log: Logger
  readonly #clock: Clock
  readonly #counterOf: (statement: { readonly text: string }) => Counter
  readonly #failing = new Map<object, Failing>()

  /** `counterOf` gives the counter of a statement's failures. */
  constructor({ log, clock }: { readonly log: Logger; readonly clock: Clock }, counterOf: (statement: { readonly text: string }) => Counter) {
    this.#log = log
    this.#clock = clock
    this.#counterOf = counterOf
  }

  /**
   * Takes note of what was thrown while `statement` ran: throws a `PermanentError` for the whole batch with `propagate`, and what is no
   * `EvaluationError`. Counts become visible with `flush`.
   */
  add(statement: { readonly text: string }, error: unknown, mode: ErrorMode): void {
    if (!(error instanceof EvaluationError)) throw error
    const failing = this.#of(statement)
    failing.uncounted++
    if (mode === 'propagate') {
      this.flush()
      throw new PermanentError(`${statement.text}: ${error.message}`, { cause: error })
    }
    if (mode === 'silent') return
    failing.unlogged++
    const now = this.#clock.monotonic()
    if (now - failing.loggedAt < LOG_INTERVAL_MS) return
    this.#log.warn({ statement: statement.text, error: error.message, failures: failing.unlogged }, 'statement failed')
    failing.unlogged = 0
    failing.loggedAt = now
  }

  /** Adds what has been noted to the counters; called once per batch. */
  flush(): void {
    for (const failing of this.#failing.values()) {
      if (failing.uncounted === 0) continue
      failing.counter.add(failing.uncounted)
      failing.uncounted = 0
    }
  }

  #of(statement: { readonly text: string }): Failing {
    let failing = this.#failing.get(statement)
    if (failing === undefined) {
      failing = { counter: this.#counterOf(statement), uncounted: 0, unlogged: 0, loggedAt: Number.NEGATIVE_INFINITY }
      this.#failing.set(statement, failing)
    }
    return failing
  }
}

/** True when one of the conditions holds; one that fails does not. */
export function anyHolds<T>(
  conditions: readonly { readonly text: string; readonly test: (item: T) => boolean }[],
  item: T,
  report: (condition: { readonly text: string }, error: unknown) => void,
): boolean {
  for (const condition of conditions) {
    try {
      if (condition.test(item)) return true
    } catch (error) {
      report(condition, error)
    }
  }
  return false
}
