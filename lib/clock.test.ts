import { expect, test } from 'vitest'
import { systemClock } from './clock.ts'

test('timers run until they are cancelled', async () => {
  let ticks = 0
  const cancelled = systemClock.after(0, () => {
    throw new Error('was cancelled')
  })
  cancelled()
  await new Promise<void>((resolve) => {
    const stop = systemClock.every(1, () => {
      if (++ticks < 3) return
      stop()
      resolve()
    })
    // The clock's own timers do not keep a process alive.
    setTimeout(() => {}, 1000).unref()
  })
  await new Promise<void>((resolve) => void systemClock.after(5, resolve))
  expect(ticks).toBe(3)
})

test('monotonic time grows and the time of day is that of the system', () => {
  const before = systemClock.monotonic()
  expect(systemClock.monotonic()).toBeGreaterThanOrEqual(before)
  expect(Math.abs(systemClock.now() - Date.now())).toBeLessThan(1000)
})
