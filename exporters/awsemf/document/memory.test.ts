import { describe, expect, test } from 'vitest'
import { AttributeSet } from '../../../model/attributes.ts'
import type { DataPoints, Metric } from '../../../model/data_points.ts'
import { EmfRun, numberPoint } from './testing.ts'

const MINUTE = 60_000
const SCOPE = { name: '', version: '' }

/** Counters of some pods that began before the encoder; each pod is a resource, as agents send it. */
function pods(run: EmfRun, names: readonly string[], value: number): DataPoints {
  const metric = (): Metric => {
    const points = [numberPoint(AttributeSet.of({ code: '200' }), value, { startMs: 1000, timeMs: run.clock.now() })]
    return { name: 'requests', description: '', unit: '', type: 'sum', isMonotonic: true, temporality: 'cumulative', points }
  }
  return { groups: names.map((name) => ({ resource: { attributes: AttributeSet.of({ 'k8s.pod.name': name }) }, scope: SCOPE, metrics: [metric()] })) }
}

function sum(run: EmfRun): number {
  return run.cloudWatch().statistics({ name: 'requests' })?.sum ?? 0
}

async function minutes(run: EmfRun, count: number, batch: (minute: number) => DataPoints): Promise<void> {
  for (let minute = 0; minute < count; minute++) {
    run.clock.advance(MINUTE)
    await run.encode(batch(minute))
  }
}

describe('what is remembered of series', () => {
  test('goes an hour after a sender has gone', async () => {
    const run = new EmfRun()
    await run.encode(pods(run, ['a', 'b'], 1))
    await minutes(run, 59, () => pods(run, ['b'], 1))
    expect(run.encoder.series).toBe(2)
    await minutes(run, 3, () => pods(run, ['b'], 1))
    expect(run.encoder.series).toBe(1)
  })

  test('is there when a sender has paused for half an hour', async () => {
    const run = new EmfRun()
    await run.encode(pods(run, ['a', 'b'], 5))
    await minutes(run, 30, () => pods(run, ['b'], 5))
    await run.encode(pods(run, ['a'], 12))
    expect([sum(run), run.dropped]).toEqual([7, { initial: 2 }])
  })

  test('of a sender that has gone makes room after five minutes when there is no more', async () => {
    const run = new EmfRun({ delta_series_max: 2 })
    await run.encode(pods(run, ['a', 'b'], 1))
    await minutes(run, 8, () => pods(run, ['b', 'c'], 1))
    expect(run.dropped['series_limit']).toBeGreaterThanOrEqual(5)
    expect(run.dropped['series_limit']).toBeLessThan(8)
    // `c` is remembered in the end, and counts.
    await minutes(run, 1, () => pods(run, ['b', 'c'], 4))
    expect(sum(run)).toBe(6)
  })

  test('stays longer where samples come seldom', async () => {
    const run = new EmfRun()
    const series = (keys: readonly string[], value: number): DataPoints => {
      const points = keys.map((key) => numberPoint(AttributeSet.of({ key }), value, { startMs: 1000, timeMs: run.clock.now() }))
      const metric: Metric = { name: 'requests', description: '', unit: '', type: 'sum', isMonotonic: true, temporality: 'cumulative', points }
      return { groups: [{ resource: { attributes: AttributeSet.empty }, scope: SCOPE, metrics: [metric] }] }
    }
    for (const [keys, value] of [
      [['a', 'b'], 1],
      [['a', 'b'], 2],
      [['a'], 3],
      [['a', 'b'], 4],
    ] as const) {
      run.clock.advance(10 * MINUTE)
      await run.encode(series(keys, value))
    }
    expect([sum(run), run.dropped]).toEqual([6, { initial: 2 }])
  })
})
