import { setTimeout as pause } from 'node:timers/promises'

/** How long and how often to look. */
export interface WaitOptions {
  readonly timeoutMs?: number
  readonly everyMs?: number
  /** Ends the wait early: a sentence when waiting has become pointless, such as a child that has died. */
  readonly hopeless?: () => string | undefined
}

/**
 * Looks at something outside this process until `probe` returns a value other than undefined or false, and returns
 * that value. A probe that throws counts as "not yet"; its last error is told when the time is up.
 */
export async function until<T>(what: string, probe: () => T | Promise<T>, options: WaitOptions = {}): Promise<Exclude<T, undefined | false>> {
  const deadline = performance.now() + (options.timeoutMs ?? 15_000)
  let last: unknown
  for (;;) {
    try {
      const found = await probe()
      if (found !== undefined && found !== false) return found as Exclude<T, undefined | false>
    } catch (error) {
      last = error
    }
    const hopeless = options.hopeless?.()
    if (hopeless !== undefined) throw new Error(`${what}: ${hopeless}`)
    if (performance.now() > deadline) {
      const because = last instanceof Error ? `; last error: ${last.message}` : ''
      throw new Error(`${what}: not within ${options.timeoutMs ?? 15_000} ms${because}`, { cause: last })
    }
    await pause(options.everyMs ?? 50)
  }
}

/**
 * Reads a value again and again until it is `good`, and returns what it was last, good or not: the assertion that
 * follows then shows the real difference instead of a time-out.
 */
export async function settled<T>(read: () => Promise<T>, good: (value: T) => boolean, timeoutMs = 15_000): Promise<T> {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    const value = await read()
    if (good(value) || performance.now() > deadline) return value
    await pause(200)
  }
}
