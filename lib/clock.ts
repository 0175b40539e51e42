/** The machine's time and timers. Timers do not keep the process alive. */
export const systemClock = {
  now(): number {
    return Date.now()
  },

  monotonic(): number {
    return performance.now()
  },

  every(intervalMs: number, run: () => void): () => void {
    const timer = setInterval(run, intervalMs)
    timer.unref()
    return () => clearInterval(timer)
  },

  after(delayMs: number, run: () => void): () => void {
    const timer = setTimeout(run, delayMs)
    timer.unref()
    return () => clearTimeout(timer)
  },
} as const
