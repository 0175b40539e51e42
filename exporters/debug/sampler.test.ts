import { expect, test } from 'vitest'
import { FakeClock } from '../../test/fakes/clock.ts'
import { Sampler } from './sampler.ts'

test.for([
  { initial: 2, thereafter: 1, admitted: '1111111' },
  { initial: 2, thereafter: 0, admitted: '1100000' },
  { initial: 2, thereafter: 3, admitted: '1100100' },
  { initial: 0, thereafter: 2, admitted: '0101010' },
])('admits the first $initial, then one in $thereafter, every second anew', ({ initial, thereafter, admitted }) => {
  const clock = new FakeClock()
  const sampler = new Sampler(clock, { initial, thereafter })
  const second = (): string => Array.from({ length: 7 }, () => (sampler.admits() ? '1' : '0')).join('')
  expect(second()).toBe(admitted)
  clock.advance(1_000)
  expect(second()).toBe(admitted)
})
