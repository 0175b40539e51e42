import { expect, test } from 'vitest'
import type { IdentityHandles } from '../../model/identity/handles.ts'
import { FakeClock } from '../../test/fakes/clock.ts'
import { OldMemory } from './old_memory.ts'

function started() {
  const clock = new FakeClock()
  const collections: number[] = []
  const begun = clock.monotonic()
  const old = new OldMemory(clock, () => collections.push(clock.monotonic() - begun))
  const control = new SharedArrayBuffer(8)
  let generation = 0
  let journal = new SharedArrayBuffer(8)
  const attach = (moves: boolean): void => {
    if (moves) journal = new SharedArrayBuffer(8)
    const handles: IdentityHandles = { generation: ++generation, journal, table: new SharedArrayBuffer(8), control }
    old.replaced(handles)
  }
  return { clock, old, attach, collections }
}

test('collects soon after a move, and not for a larger table', () => {
  const { clock, attach, collections } = started()
  attach(true)
  attach(false)
  clock.advance(5000)
  expect(collections).toEqual([])
  attach(true)
  clock.advance(5000)
  expect(collections).toEqual([6000])
})

test('collects once a minute when the index moves all the time, and after the last move', () => {
  const { clock, old, attach, collections } = started()
  for (let second = 0; second < 100; second++) {
    attach(true)
    clock.advance(1000)
  }
  clock.advance(100_000)
  expect(collections).toEqual([2000, 62_000, 122_000])
  attach(true)
  old.stop()
  expect(clock.pendingTimers).toBe(0)
})
