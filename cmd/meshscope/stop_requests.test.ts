import { expect, test } from 'vitest'
import { FakeClock } from '../../test/fakes/clock.ts'
import { StopRequests } from './stop_requests.ts'

test('a request within half a second of the first is its echo, however many there are', () => {
  const clock = new FakeClock()
  const requests = new StopRequests(clock)
  expect(requests.next()).toBe('first')
  expect(requests.next()).toBe('echo')
  clock.advance(499)
  expect(requests.next()).toBe('echo')
})

test('a later request is a demand to stop at once, also after echoes', () => {
  const clock = new FakeClock()
  const requests = new StopRequests(clock)
  requests.next()
  clock.advance(400)
  requests.next()
  clock.advance(100)
  expect(requests.next()).toBe('again')
})
