/**
 * One piece of asynchronous work that many may ask for at any time and that never runs twice at once: calls made before a
 * run has begun share it, a call made during one gets the next.
 */
export class SharedRun<T> {
  readonly #work: () => Promise<T>
  #waiting: Promise<T> | undefined
  #last: Promise<unknown> = Promise.resolve()

  constructor(work: () => Promise<T>) {
    this.#work = work
  }

  /** What a run that begins after this call gives; rejects as the work does. A failed run does not keep the next from beginning. */
  run(): Promise<T> {
    if (this.#waiting !== undefined) return this.#waiting
    const run = this.#last.then(() => {
      this.#waiting = undefined
      return this.#work()
    })
    this.#waiting = run
    this.#last = run.catch(() => {})
    return run
  }
}
