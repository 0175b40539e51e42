import { expect, test } from 'vitest'
import { FakeClock } from '../../../test/fakes/clock.ts'
import { BackOff } from './back_off.ts'
import { pause } from './pause.ts'

const almostOne = (): number => 0.999_999

test('waits grow from 0.8 s to 30 s', () => {
  const backOff = new BackOff(new FakeClock(), almostOne)
  expect(Array.from({ length: 8 }, () => backOff.next())).toEqual([800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000])
})

test('the whole of a wait is random', () => {
  const numbers = [0, 0.5, 0.25]
  const backOff = new BackOff(new FakeClock(), () => numbers.shift() ?? 0)
  expect([backOff.next(), backOff.next(), backOff.next()]).toEqual([0, 800, 800])
})

test('two healthy minutes after the wait make it forget', () => {
  const clock = new FakeClock()
  const backOff = new BackOff(clock, almostOne)
  backOff.next()
  clock.advance(800 + 119_000)
  expect(backOff.next()).toBe(1600)
  clock.advance(1600 + 120_000)
  expect(backOff.next()).toBe(800)
})

test('a wait that the server asks for is kept, with a random part on top', () => {
  const backOff = new BackOff(new FakeClock(), () => 0.5)
  expect(backOff.next(7000)).toBe(7400)
})

test('a pause ends with its time or with the signal, and leaves no timer', async () => {
  const clock = new FakeClock()
  const long = pause(clock, 1000, new AbortController().signal)
  clock.advance(1000)
  await long
  const controller = new AbortController()
  const aborted = pause(clock, 1000, controller.signal)
  controller.abort()
  await aborted
  await pause(clock, 1000, AbortSignal.abort())
  expect(clock.pendingTimers).toBe(0)
})
