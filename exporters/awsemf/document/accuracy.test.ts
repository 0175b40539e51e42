import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { AttributeSet } from '../../../model/attributes.ts'
import { addTotals, clearExponential, type ExponentialPlace, finestIndex, makeRoom, SCALE_MAX } from '../../../model/exponential.ts'
import { ExponentialPoint, type SeriesMetrics, valuesPerPoint } from '../../../model/metrics.ts'
import { familyPoints, metricFamily } from '../../../test/fakes/metrics.ts'
import { EmfRun } from './testing.ts'

const MINUTE = 60_000
const BOUNDS = [12, 15, 20, 30, 45]
const EXPONENTIAL = metricFamily('exponential', { type: 'exponential_histogram', bucketsMax: 160 })
const EXPLICIT = metricFamily('explicit', { type: 'histogram', bounds: BOUNDS })
const SUM = metricFamily('sum')

/** Counts observations as the daemon's own series do: since their start. */
class Observer {
  readonly #exponential: ExponentialPlace = { values: new Float64Array(valuesPerPoint(EXPONENTIAL)), at: 0, bucketsMax: 160 }
  readonly #explicit = new Float64Array(valuesPerPoint(EXPLICIT))
  readonly #attributes = AttributeSet.of({ service: 'cart' })
  readonly #producer = {}
  #sum = 0

  constructor() {
    clearExponential(this.#exponential)
  }

  observe(value: number): void {
    const { values } = this.#exponential
    const index = finestIndex(value)
    const shift = makeRoom(this.#exponential, SCALE_MAX, index, index)
    const at = ExponentialPoint.buckets + (index >> shift) - (values[ExponentialPoint.firstIndex] as number)
    values[at] = (values[at] as number) + 1
    addTotals(this.#exponential, { count: 1, sum: value, min: value, max: value, zeroCount: 0 })
    const bucket = BOUNDS.findIndex((bound) => value <= bound)
    const place = bucket < 0 ? BOUNDS.length : bucket
    this.#explicit[place] = (this.#explicit[place] as number) + 1
    this.#explicit[BOUNDS.length + 1] = (this.#explicit[BOUNDS.length + 1] as number) + value
    this.#sum += value
  }

  batch(startMs: number, timeMs: number): SeriesMetrics {
    const points = (values: Iterable<number>) => [{ attributes: this.#attributes, values: [...values], startMs }]
    const options = { producer: this.#producer }
    return {
      timeMs,
      families: [
        familyPoints(EXPONENTIAL, points(this.#exponential.values), options),
        familyPoints(EXPLICIT, points(this.#explicit), options),
        familyPoints(SUM, points([this.#sum]), options),
      ],
    }
  }
}

test('counts, sums, least, greatest and percentiles are those of what was observed', async () => {
  const interval = fc.array(fc.double({ min: 10, max: 55, noNaN: true }), { maxLength: 200 })
  await fc.assert(
    fc.asyncProperty(fc.array(interval, { minLength: 1, maxLength: 5 }), async (intervals) => {
      const run = new EmfRun()
      const observer = new Observer()
      const startMs = run.clock.now()
      for (const values of intervals) {
        for (const value of values) observer.observe(value)
        run.clock.advance(MINUTE)
        await run.encode(observer.batch(startMs, run.clock.now()))
      }
      const observed = intervals.flat().sort((a, b) => a - b)
      const read = run.cloudWatch()
      expect(read.problems).toEqual([])
      const total = observed.reduce((sum, value) => sum + value, 0)
      expect(read.statistics({ name: 'sum' })?.sum).toBeCloseTo(total, 6)
      const [exponential, explicit] = [read.statistics({ name: 'exponential' }), read.statistics({ name: 'explicit' })]
      if (observed.length === 0) {
        expect([exponential, explicit]).toEqual([undefined, undefined])
        return
      }
      expect([exponential?.sampleCount, explicit?.sampleCount]).toEqual([observed.length, observed.length])
      expect(exponential?.sum).toBeCloseTo(total, 6)
      expect(explicit?.sum).toBeCloseTo(total, 6)
      expect([exponential?.min, exponential?.max]).toEqual([observed[0], observed.at(-1)])
      for (const percent of [50, 90, 99]) {
        const exact = observed[Math.max(0, Math.ceil((percent / 100) * observed.length - 1e-9) - 1)] as number
        expect(Math.abs((exponential?.percentile(percent) as number) - exact)).toBeLessThanOrEqual(exact / 100)
        const found = explicit?.percentile(percent) as number
        const bucket = (value: number): number => (BOUNDS.findIndex((bound) => value <= bound) + BOUNDS.length + 1) % (BOUNDS.length + 1)
        // The last bucket has no end: there it is the bound that all its observations are above.
        expect(bucket(found) === bucket(exact) || found === BOUNDS.at(-1)).toBe(true)
      }
    }),
    { numRuns: 60 },
  )
})
