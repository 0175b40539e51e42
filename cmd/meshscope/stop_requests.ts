import type { Clock } from '../../component/component.ts'

/** A request to stop that comes sooner than this after the one before it is the same request. */
const ECHO_MS = 500

/**
 * Tells apart what a signal to stop means: the first, its echo, or a demand to stop at once. npm hands on the Ctrl-C that
 * the terminal has sent to the whole process group already, so one key arrives twice.
 */
export class StopRequests {
  readonly #clock: Pick<Clock, 'monotonic'>
  #lastMs: number | undefined

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock
  }

  next(): 'first' | 'echo' | 'again' {
    const now = this.#clock.monotonic()
    const last = this.#lastMs
    if (last !== undefined && now - last < ECHO_MS) return 'echo'
    this.#lastMs = now
    return last === undefined ? 'first' : 'again'
  }
}
