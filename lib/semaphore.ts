/** Lets a number of callers do something at the same time; the others wait for their turn, in their order. */
export class Semaphore {
  #free: number
  readonly #waiting: (() => void)[] = []

  constructor(count: number) {
    this.#free = count
  }

  /** Runs `work` when it is its turn, and ends as it does. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      // The place goes to the next one directly: nobody who comes meanwhile can take it.
      if (next === undefined) this.#free++
      else next()
    }
  }
}
