import { expect, test } from 'vitest'
import { LOAD_LOOK_MS, ThreadLoad } from './thread_load.ts'

/** Looks at a thread that runs for these shares of the time; which looks found it busy. */
function looks(shares: readonly number[]): boolean[] {
  const times = { nowMs: 5000, cpuMs: 300 }
  const load = new ThreadLoad({ now: () => times.nowMs, cpu: () => times.cpuMs })
  return shares.map((share) => {
    times.nowMs += LOAD_LOOK_MS
    times.cpuMs += share * LOAD_LOOK_MS
    return load.isBusy()
  })
}

test('a thread is busy when it has been for three seconds', () => {
  const shares = [0.9, 1, 0.86, 0.95, 1, 1, 1, 1, 1, 1, 0.88, 0.9]
  expect(looks(shares).indexOf(true)).toBe(11)
  expect(looks(shares.with(6, 0.8))).not.toContain(true)
})

test('it is said again after another three', () => {
  expect(looks(Array<number>(24).fill(0.9)).flatMap((isBusy, at) => (isBusy ? [at] : []))).toEqual([11, 23])
})

test('a look that comes late counts the time that has passed', () => {
  const times = { nowMs: 0, cpuMs: 0 }
  const load = new ThreadLoad({ now: () => times.nowMs, cpu: () => times.cpuMs })
  const found = Array.from({ length: 12 }, () => {
    times.nowMs += 10 * LOAD_LOOK_MS
    times.cpuMs += LOAD_LOOK_MS
    return load.isBusy()
  })
  expect(found).not.toContain(true)
})

test('the time of this thread is real, and a sleep is none of it', () => {
  const load = new ThreadLoad()
  const cell = new Int32Array(new SharedArrayBuffer(4))
  const found = Array.from({ length: 12 }, () => {
    Atomics.wait(cell, 0, 0, 10)
    return load.isBusy()
  })
  expect(found).not.toContain(true)
  const working = new ThreadLoad({ now: () => performance.now(), cpu: () => performance.now() })
  expect(Array.from({ length: 12 }, () => spin(2) && working.isBusy()).indexOf(true)).toBe(11)
})

function spin(ms: number): true {
  for (const end = performance.now() + ms; performance.now() < end; );
  return true
}
