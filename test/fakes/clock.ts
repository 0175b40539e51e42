import type { Clock } from '../../component/component.ts'

interface Timer {
  at: number
  readonly intervalMs: number
  readonly run: () => void
}

/** A clock that stands still until a test advances it; timers run while it advances, in order. */
export class FakeClock implements Clock {
  #now: number
  #elapsed = 0
  readonly #timers = new Set<Timer>()

  constructor(nowMs = Date.UTC(2026, 0, 1)) {
    this.#now = nowMs
  }

  now(): number {
    return this.#now
  }

  monotonic(): number {
    return this.#elapsed
  }

  every(intervalMs: number, run: () => void): () => void {
    return this.#add({ at: this.#elapsed + intervalMs, intervalMs, run })
  }

  after(delayMs: number, run: () => void): () => void {
    return this.#add({ at: this.#elapsed + delayMs, intervalMs: 0, run })
  }

  get pendingTimers(): number {
    return this.#timers.size
  }

  advance(ms: number): void {
    const end = this.#elapsed + ms
    for (;;) {
      let next: Timer | undefined
      for (const timer of this.#timers) if (timer.at <= end && (next === undefined || timer.at < next.at)) next = timer
      if (next === undefined) break
      this.#now += next.at - this.#elapsed
      this.#elapsed = next.at
      if (next.intervalMs > 0) next.at += next.intervalMs
      else this.#timers.delete(next)
      next.run()
    }
    this.#now += end - this.#elapsed
    this.#elapsed = end
  }

  #add(timer: Timer): () => void {
    this.#timers.add(timer)
    return () => void this.#timers.delete(timer)
  }
}
