import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { finestIndex, SCALE_MAX, shiftToFit } from '../../../model/exponential.ts'
import { ExponentialPoint } from '../../../model/metrics.ts'
import { FakeClock } from '../../../test/fakes/clock.ts'
import type { Aggregation } from '../naming/naming.ts'
import { AGGREGATIONS, newHub, pointsOf, seriesSpec, TestWorker } from './testing.ts'

/** Values that sums of any order make exact. */
const value = fc.oneof(fc.integer({ min: 0, max: 2000 }), fc.integer({ min: -4, max: 4 }), fc.constantFrom(0.25, 0.5, 1024, 2 ** 30, 2 ** -30))

interface Step {
  readonly kind: 'observe' | 'collect' | 'die' | 'sweep' | 'wait'
  readonly worker: number
  readonly label: string
  readonly value: number
  readonly weight: number
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.oneof({ weight: 20, arbitrary: fc.constant('observe' as const) }, fc.constantFrom('collect', 'die', 'sweep', 'wait')),
  worker: fc.nat(3),
  label: fc.constantFrom('', 'a', 'b'),
  value,
  weight: fc.constantFrom(1, 1, 2, 10),
})

/** Plays a history and returns the points at its end. `workers` are used in turn, by what the step says. */
async function play(steps: readonly Step[], workers: number, aggregation: Aggregation, disturbs: boolean): Promise<Map<string, number[]>> {
  const clock = new FakeClock()
  const hub = newHub(clock)
  const all = Array.from({ length: workers }, (_, worker) => new TestWorker(hub, worker))
  for (const { kind, worker: n, label, value: observed, weight } of steps) {
    const worker = all[n % workers] as TestWorker
    const { store, origin } = worker
    if (kind === 'observe') {
      const handle = store.open(seriesSpec('x', aggregation, { label }))
      if (aggregation.kind === 'counter') store.add(handle, observed * weight, clock.now())
      else if (aggregation.kind !== 'gauge') store.observe(handle, observed, weight, clock.now())
      else if (weight > 1) store.shift(handle, observed, clock.now())
      else store.set(handle, observed, clock.now())
      clock.advance(1)
    } else if (!disturbs) continue
    else if (kind === 'wait') clock.advance(10)
    else if (kind === 'collect') await hub.collect()
    else if (kind === 'die') {
      hub.gone(origin)
      all[n % workers] = new TestWorker(hub, origin.worker, { life: origin.life + 1 })
    } else {
      for (let i = 0; i < 20; i++) store.add(store.open(seriesSpec('short', AGGREGATIONS.counter, { i: `${i}` }, 1)), 1, clock.now() - 5)
      store.sweep(clock.now())
    }
  }
  const points = pointsOf(await hub.collect())
  for (const key of points.keys()) if (key.startsWith('short')) points.delete(key)
  return points
}

describe('StatHub, by random histories', () => {
  it.for([
    ['counter', AGGREGATIONS.updown],
    ['gauge', AGGREGATIONS.gauge],
    ['explicit', AGGREGATIONS.explicit],
    ['exponential', AGGREGATIONS.exponential],
    ['exponential', { kind: 'exponential', bucketsMax: 20 }],
    ['exponential', { kind: 'exponential', bucketsMax: 45 }],
    ['summary', AGGREGATIONS.summary],
  ] as const)('a %s is the same whichever of 1 to 4 workers a sample hit, whoever dies or starts over', async ([, aggregation]) => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 150 }), fc.integer({ min: 1, max: 4 }), async (steps, workers) => {
        const expected = await play(steps, 1, aggregation, false)
        const found = await play(steps, workers, aggregation, true)
        expect(Object.fromEntries(found)).toEqual(Object.fromEntries(expected))
      }),
      { numRuns: 60 },
    )
  })

  it('counters and histograms with time to live never fall without a new start', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 150 }), async (steps) => {
        const clock = new FakeClock()
        const hub = newHub(clock)
        const workers = [new TestWorker(hub, 0), new TestWorker(hub, 1)]
        const seen = new Map<string, { total: number; startMs: number }>()
        let added = 0
        let falls = 0
        for (const { kind, worker: n, label, weight } of steps) {
          const { store, origin } = workers[n % 2] as TestWorker
          if (kind === 'observe') {
            store.observe(store.open(seriesSpec('x', AGGREGATIONS.exponential, { label }, 2000)), weight, weight, clock.now())
            added += weight
          } else if (kind === 'wait') clock.advance(1500)
          else if (kind === 'sweep') store.sweep(clock.now())
          else if (kind === 'die') {
            hub.gone(origin)
            workers[n % 2] = new TestWorker(hub, n % 2, { life: origin.life + 1 })
          } else {
            for (const { series, values, stride, startTimesMs } of await hub.collect()) {
              for (const [i, attributes] of series.entries()) {
                const key = attributes.values[0] as string
                const total = values[i * stride] as number
                const known = seen.get(key)
                if (known !== undefined && known.total > total && startTimesMs[i] === known.startMs) falls++
                seen.set(key, { total, startMs: startTimesMs[i] as number })
              }
            }
          }
        }
        expect(falls).toBe(0)
        if (!steps.some(({ kind }) => kind === 'wait')) {
          const counts = [...pointsOf(await hub.collect()).values()].map(([count]) => count as number)
          expect(counts.reduce((sum, count) => sum + count, 0)).toBe(added)
        }
      }),
      { numRuns: 100 },
    )
  })

  it('exponential histograms equal counting in a map', async () => {
    const observations = fc.array(fc.record({ value, weight: fc.constantFrom(1, 2, 10) }), { minLength: 1, maxLength: 300 })
    await fc.assert(
      fc.asyncProperty(observations, fc.constantFrom(2, 7, 13, 30, 41, 160), async (observed, bucketsMax) => {
        const clock = new FakeClock()
        const hub = newHub(clock)
        const { store } = new TestWorker(hub, 0)
        const handle = store.open(seriesSpec('x', { kind: 'exponential', bucketsMax }))
        for (const { value: one, weight } of observed) store.observe(handle, one, weight, clock.now())
        const point = pointsOf(await hub.collect()).get('x{}') as number[]
        const finest = observed.filter((one) => one.value > 0).map((one) => ({ index: finestIndex(one.value), weight: one.weight }))
        const indexes = finest.map(({ index }) => index)
        const shift = indexes.length === 0 ? 0 : shiftToFit(Math.min(...indexes), Math.max(...indexes), bucketsMax)
        const first = point[ExponentialPoint.firstIndex] as number
        const counts = Array.from({ length: bucketsMax }, () => 0)
        for (const { index, weight } of finest) counts[(index >> shift) - first] = (counts[(index >> shift) - first] ?? 0) + weight
        expect(point[ExponentialPoint.scale]).toBe(SCALE_MAX - shift)
        expect(point.slice(ExponentialPoint.buckets)).toEqual(counts)
        expect(point[ExponentialPoint.zeroCount]).toBe(observed.filter((one) => one.value <= 0).reduce((sum, { weight }) => sum + weight, 0))
        expect(store.coarsened).toBe(0)
      }),
      { numRuns: 300 },
    )
  })
})
