import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { Backoff } from './backoff.ts'

const options = { initialMs: 1000, randomizationFactor: 0.5, multiplier: 2, maxMs: 5000, elapsedMsMax: 0 }

test('waits grow up to the longest', () => {
  const backoff = new Backoff(options, () => 0.5)
  const waits = Array.from({ length: 5 }, () => backoff.next({ elapsedMs: 0, retryAfterMs: undefined }))
  expect(waits).toEqual([1000, 2000, 4000, 5000, 5000])
})

test('chance varies a wait within its bounds', () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (random) => {
      const wait = new Backoff(options, () => random).next({ elapsedMs: 0, retryAfterMs: undefined }) as number
      expect(wait).toBeGreaterThanOrEqual(500)
      expect(wait).toBeLessThanOrEqual(1500)
    }),
  )
})

test('a server says how long to wait, but never not at all', () => {
  const backoff = new Backoff(options, () => 0.5)
  expect(backoff.next({ elapsedMs: 0, retryAfterMs: 90_000 })).toBe(90_000)
  expect(backoff.next({ elapsedMs: 0, retryAfterMs: 1 })).toBe(50)
  expect(backoff.next({ elapsedMs: 0, retryAfterMs: 0 })).toBe(4000)
})

test('there is no wait beyond the time for all of them', () => {
  const backoff = new Backoff({ ...options, elapsedMsMax: 10_000 }, () => 0.5)
  expect(backoff.next({ elapsedMs: 9000, retryAfterMs: undefined })).toBe(1000)
  expect(backoff.next({ elapsedMs: 9000, retryAfterMs: undefined })).toBeUndefined()
  expect(backoff.next({ elapsedMs: 0, retryAfterMs: 10_001 })).toBeUndefined()
})
