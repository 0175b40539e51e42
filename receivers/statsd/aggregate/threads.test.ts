import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { expect, it } from 'vitest'
import { ExponentialPoint } from '../../../model/metrics.ts'
import { newHub, pointsOf } from './testing.ts'

it('never tears or loses anything beside threads that write, and is exact when they are done', async () => {
  const hub = newHub({ now: () => Date.now() }, { setIntervalMs: 3_600_000 })
  const [rounds, series, threads] = [12_000, 20, 2]
  const state = { running: threads }
  const ends = Array.from({ length: threads }, async (_, worker) => {
    const thread = new Worker(new URL('../../../test/fakes/stat_writer.ts', import.meta.url), { workerData: { rounds, series, sweepEvery: 5000 } })
    thread.on('message', (message) => hub.receive(message, { worker, life: 0 }))
    const [code] = (await once(thread, 'exit')) as [number]
    hub.gone({ worker, life: 0 })
    state.running--
    return code
  })
  let before = new Map<string, number[]>()
  let collected = 0
  while (state.running > 0) {
    const now = pointsOf(await hub.collect())
    for (const [key, [count]] of before)
      if (key.startsWith('count') || key.startsWith('time')) expect(now.get(key)?.[0]).toBeGreaterThanOrEqual(count as number)
    for (const [key, values] of now) {
      if (!key.startsWith('time')) continue
      // One observation changes the count and one bucket together: a torn row would show.
      const inBuckets = values.slice(ExponentialPoint.buckets).reduce((sum, count) => sum + count, 0)
      expect(inBuckets).toBe(values[ExponentialPoint.count])
    }
    before = now
    collected++
    await new Promise((resolve) => {
      setImmediate(resolve)
    })
  }
  expect(await Promise.all(ends)).toEqual([0, 0])
  const last = pointsOf(await hub.collect())
  const total = (name: string, of: (values: number[]) => number): number =>
    [...last].reduce((sum, [key, values]) => (key.startsWith(`${name}{`) ? sum + of(values) : sum), 0)
  expect(total('count', ([count]) => count as number)).toBe(rounds * threads)
  expect(total('time', ([count]) => count as number)).toBe(rounds * threads)
  expect(total('size', (values) => values.slice(0, 4).reduce((sum, count) => sum + count, 0))).toBe(rounds * threads)
  expect(total('level', ([value]) => value as number)).toBe((rounds / 3) * threads)
  expect(total('users', ([size]) => size as number)).toBe(series)
  expect(collected).toBeGreaterThan(0)
}, 60_000)
