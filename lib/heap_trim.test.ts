import { constants, PerformanceObserver } from 'node:perf_hooks'
import { expect, test } from 'vitest'
import { FakeClock } from '../test/fakes/clock.ts'
import { BufferGarbage, collectGarbage, keepTrimmed, trimHeap } from './heap_trim.ts'

test.for([
  ['trimHeap', trimHeap],
  ['collectGarbage', collectGarbage],
] as const)('%s collects what nothing holds any more, and leaves no function behind', async ([, collect]) => {
  const hasGc = 'gc' in globalThis
  let gone: (name: string) => void = () => {}
  const collected = new Promise<string>((resolve) => {
    gone = resolve
  })
  const registry = new FinalizationRegistry<string>((name) => gone(name))
  registry.register({ large: Array.from({ length: 1000 }) }, 'gone')
  // What the running job has touched is held until it ends.
  await new Promise((resolve) => setImmediate(resolve))
  collect()
  expect(await collected).toBe('gone')
  expect('gc' in globalThis).toBe(hasGc)
})

test('trims at the start and when it is calm after work, and not while it works nor while nothing happens', () => {
  const clock = new FakeClock()
  let active = 0
  let trims = 0
  const end = keepTrimmed({ every: (ms, run) => clock.every(ms, run), activeMs: () => active, trim: () => void trims++ })
  const afterWork = (ms: number): number => {
    active += ms
    clock.advance(10_000)
    return trims
  }
  // By turns: nothing, a little, much work, calm after it, and little work that adds up.
  expect([0, 50, 5000, 5, 99, 99, 99].map(afterWork)).toEqual([1, 1, 1, 2, 2, 2, 3])
  end()
  expect(clock.pendingTimers).toBe(0)
})

test('trims a thread that nobody waits for while it works, too', () => {
  const clock = new FakeClock()
  let active = 0
  let trims = 0
  const end = keepTrimmed({ every: (ms, run) => clock.every(ms, run), activeMs: () => active, trim: () => void trims++, calmMs: Number.POSITIVE_INFINITY })
  const afterWork = (ms: number): number => {
    active += ms
    clock.advance(10_000)
    return trims
  }
  expect([50, 5000, 5000, 100].map(afterWork)).toEqual([1, 2, 3, 3])
  end()
})

test('trims a heap that has grown too much, soon, and not one that has not', () => {
  const clock = new FakeClock()
  let heapMib = 10
  let trims = 0
  const trim = (): void => {
    trims++
    heapMib = 10
  }
  const every = (ms: number, run: () => void): (() => void) => clock.every(ms, run)
  const end = keepTrimmed({ every, activeMs: () => 0, trim, growthMibMax: 24, heapBytes: () => heapMib * 2 ** 20 })
  const afterGrowth = (mib: number): number => {
    heapMib += mib
    clock.advance(1000)
    return trims
  }
  expect([20, 4, 1, 24, 30].map(afterGrowth)).toEqual([1, 1, 2, 2, 3])
  end()
  expect(clock.pendingTimers).toBe(0)
})

test('collects young garbage after each 24 MiB of buffers', () => {
  let collections = 0
  const garbage = new BufferGarbage(() => void collections++)
  const after = [10, 10, 3, 1, 23, 30, 1].map((mib) => {
    garbage.add(mib << 20)
    return collections
  })
  expect(after).toEqual([0, 0, 0, 1, 1, 2, 2])
})

test('keeps V8 from looking at the whole heap for buffers that nothing holds any more', async () => {
  const kinds: unknown[] = []
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) kinds.push((entry as unknown as { readonly detail: { readonly kind: number } }).detail.kind)
  })
  observer.observe({ entryTypes: ['gc'] })
  const garbage = new BufferGarbage()
  for (let mib = 0; mib < 960; mib += 1) {
    garbage.add(Buffer.allocUnsafeSlow(1 << 20).length)
    // So that what V8 does in small steps can happen.
    if (mib % 8 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  await expect.poll(() => kinds.filter((kind) => kind === constants.NODE_PERFORMANCE_GC_MINOR).length).toBeGreaterThanOrEqual(38)
  expect(kinds.filter((kind) => kind === constants.NODE_PERFORMANCE_GC_MAJOR).length).toBeLessThan(6)
  observer.disconnect()
})
