import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AttributeSet } from '../../../model/attributes.ts'
import type { DataPoints, ExponentialHistogramPoint, HistogramPoint, Metric, NumberPoint } from '../../../model/data_points.ts'
import { ExponentialPoint, type FamilyPoints, type MetricFamily, type SeriesMetrics, valuesPerPoint } from '../../../model/metrics.ts'
import { FakeClock } from '../../../test/fakes/clock.ts'
import { familyPoints, metricFamily, metricsOf } from '../../../test/fakes/metrics.ts'
import { EmfRun, numberPoint } from './testing.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const RESOURCE = { attributes: AttributeSet.of({ 'service.name': 'cart' }) }
const SCOPE = { name: '', version: '' }

/** A clock that is set while it runs. */
class SteppedClock extends FakeClock {
  offsetMs = 0

  override now(): number {
    return super.now() + this.offsetMs
  }
}

const SUM = metricFamily('requests')
const HISTOGRAM = metricFamily('duration', { type: 'histogram', bounds: [10, 100] })
const EXPONENTIAL = metricFamily('size', { type: 'exponential_histogram', bucketsMax: 8 })
const FAMILIES: readonly MetricFamily[] = [SUM, HISTOGRAM, EXPONENTIAL]

interface Life {
  readonly attributes: AttributeSet
  readonly startMs: number
  readonly values: readonly Float64Array[]
}

/** The daemon's own series, as a producer hands them on: cumulative, in columns, all that live in each batch. */
class OwnSeries {
  readonly #clock: SteppedClock
  #producer = {}
  #lives = new Map<string, Life>()
  #flushedMs: number

  constructor(clock: SteppedClock) {
    this.#clock = clock
    this.#flushedMs = clock.now()
  }

  count(key: string, times: number): void {
    const life = this.#lives.get(key) ?? {
      attributes: AttributeSet.of({ key }),
      // As `SeriesHub` has it: a series began some time after the flush before.
      startMs: this.#flushedMs,
      values: FAMILIES.map((family) => new Float64Array(valuesPerPoint(family))),
    }
    this.#lives.set(key, life)
    const [sum, histogram, exponential] = life.values as [Float64Array, Float64Array, Float64Array]
    sum[0] = (sum[0] as number) + times
    histogram[1] = (histogram[1] as number) + times
    histogram[3] = (histogram[3] as number) + times * 50
    for (const place of [ExponentialPoint.count, ExponentialPoint.buckets]) exponential[place] = (exponential[place] as number) + times
    exponential[ExponentialPoint.sum] = (exponential[ExponentialPoint.sum] as number) + times * 1.5
    exponential[ExponentialPoint.min] = 1.5
    exponential[ExponentialPoint.max] = 1.5
  }

  end(key: string): void {
    this.#lives.delete(key)
  }

  /** The process starts again, and with it everything that it counts. */
  restart(): void {
    this.#producer = {}
    this.#lives = new Map()
    this.#flushedMs = this.#clock.now()
  }

  batch(): SeriesMetrics {
    const lives = [...this.#lives.values()]
    const families = FAMILIES.map((family, f): FamilyPoints => {
      const points = lives.map(({ attributes, startMs, values }) => ({ attributes, startMs, values: [...(values[f] as Float64Array)] }))
      return familyPoints(family, points, { producer: this.#producer })
    })
    this.#flushedMs = this.#clock.now()
    return { timeMs: this.#clock.now(), families }
  }
}

type Step = {
  readonly counts: readonly (readonly [string, number])[]
  readonly ends?: string | undefined
  readonly stepMs?: number | undefined
}

const KEYS = ['a', 'b', 'c']
const step: fc.Arbitrary<Step> = fc.record({
  counts: fc.array(fc.tuple(fc.constantFrom(...KEYS), fc.integer({ min: 1, max: 50 })), { maxLength: 3 }),
  ends: fc.option(fc.constantFrom(...KEYS), { nil: undefined, freq: 8 }),
  stepMs: fc.option(fc.constantFrom(-HOUR - 7, -MINUTE - 7, MINUTE + 7, HOUR + 7), { nil: undefined, freq: 10 }),
})
const hour = fc.array(step, { minLength: 60, maxLength: 60 })

describe('in one hour of the daemon, with flushes each minute,', () => {
  test('everything is counted once, whatever ends, starts again or is set', { timeout: 30_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(hour, fc.integer({ min: 1, max: 58 }), async (steps, restartAt) => {
        const clock = new SteppedClock()
        const run = new EmfRun({}, clock)
        const own = new OwnSeries(clock)
        clock.advance(1000)
        // Each metric is known before a clock is set: only then can the first sample of a series be told from an old one.
        for (const key of KEYS) own.count(key, 1)
        await run.encode(own.batch())
        let total = KEYS.length
        for (const [minute, { counts, ends, stepMs }] of steps.entries()) {
          if (minute === restartAt) {
            run.restart()
            own.restart()
          }
          if (ends !== undefined) own.end(ends)
          if (minute !== restartAt) clock.offsetMs += stepMs ?? 0
          clock.advance(MINUTE)
          for (const [key, times] of counts) own.count(key, times)
          total += counts.reduce((sum, [, times]) => sum + times, 0)
          await run.encode(own.batch())
        }
        const read = run.cloudWatch()
        expect(read.problems).toEqual([])
        expect(Object.keys(run.dropped).filter((reason) => reason !== 'empty')).toEqual([])
        expect(read.statistics({ name: 'requests' })?.sum).toBe(total)
        expect(read.statistics({ name: 'duration' })).toMatchObject({ sampleCount: total, sum: total * 50 })
        expect(read.statistics({ name: 'size' })).toMatchObject({ sampleCount: total, sum: total * 1.5, min: 1.5, max: 1.5 })
      }),
      { numRuns: 8 },
    )
  })
})

/** A counter of another process, which goes on while this one is stopped, and the other way round. */
class Sender {
  total = 0
  #value = 0
  #startMs: number
  readonly #key: string
  readonly #clock: FakeClock
  readonly #skewMs: number

  constructor(key: string, clock: FakeClock, skewMs: number) {
    this.#key = key
    this.#clock = clock
    this.#skewMs = skewMs
    this.#startMs = clock.now() + skewMs
  }

  count(times: number): void {
    this.total += times
    this.#value += times
  }

  restart(): void {
    this.#value = 0
    this.#startMs = this.#clock.now() + this.#skewMs
  }

  point(): NumberPoint {
    return numberPoint(AttributeSet.of({ key: this.#key }), BigInt(this.#value), { startMs: this.#startMs, timeMs: this.#clock.now() + this.#skewMs })
  }
}

function sums(...points: NumberPoint[]): DataPoints {
  const metric: Metric = { name: 'requests', description: '', unit: '', type: 'sum', isMonotonic: true, temporality: 'cumulative', points }
  return { groups: [{ resource: RESOURCE, scope: SCOPE, metrics: [metric] }] }
}

const senderStep = fc.record({
  counts: fc.tuple(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 9 })),
  restarts: fc.option(fc.constantFrom('a', 'b', 'ours'), { nil: undefined, freq: 6 }),
  /** Minutes in which nothing comes of `b`, and in which nothing comes at all. */
  pause: fc.option(fc.constantFrom([7, 0] as const, [2, 0] as const, [0, 8] as const, [0, 70] as const), { nil: undefined, freq: 8 }),
})

describe('of the counters of other processes', () => {
  test('nothing counts twice, and what only sets a base is told', { timeout: 30_000 }, async () => {
    const skews = fc.constantFrom(0, 10 * MINUTE, -10 * MINUTE, 2 * HOUR, 3 * 1000)
    await fc.assert(
      fc.asyncProperty(fc.array(senderStep, { minLength: 40, maxLength: 60 }), skews, async (steps, skewMs) => {
        const clock = new FakeClock()
        const before = { a: new Sender('a', clock, skewMs), b: new Sender('b', clock, skewMs) }
        before.a.count(5)
        clock.advance(3 * MINUTE)
        const run = new EmfRun({ max_custom_metrics: 0 }, clock)
        const delivered = { a: 0, b: 0 }
        let silentUntil = { b: 0, all: 0 }
        let unknown = 0
        for (const [minute, { counts, restarts, pause }] of steps.entries()) {
          clock.advance(MINUTE)
          if (restarts === 'ours') run.restart()
          // What a sender had not sent when it stopped is lost there.
          else if (restarts !== undefined) {
            unknown += before[restarts].total - delivered[restarts]
            delivered[restarts] = before[restarts].total
            before[restarts].restart()
          }
          before.a.count(counts[0])
          before.b.count(counts[1])
          silentUntil = { b: Math.max(silentUntil.b, minute + (pause?.[0] ?? 0)), all: Math.max(silentUntil.all, minute + (pause?.[1] ?? 0)) }
          if (minute < silentUntil.all) continue
          const sending = (['a', 'b'] as const).filter((key) => key === 'a' || minute >= silentUntil.b)
          for (const key of sending) {
            const initial = run.dropped['initial'] ?? 0
            await run.encode(sums(before[key].point()))
            if ((run.dropped['initial'] ?? 0) > initial) unknown += before[key].total - delivered[key]
            delivered[key] = before[key].total
          }
        }
        const sent = run.cloudWatch().statistics({ name: 'requests' })?.sum ?? 0
        expect(sent).toBe(delivered.a + delivered.b - unknown)
      }),
      { numRuns: 30 },
    )
  })
})

describe('the first value of a series', () => {
  test('that began before this process sets the base, and counts whole when that is wanted', async () => {
    const clock = new FakeClock()
    const startMs = clock.now() - HOUR
    const point = (value: bigint) => numberPoint(AttributeSet.empty, value, { startMs, timeMs: clock.now() })
    for (const [given, wanted] of [
      [{}, [{ requests: 3 }]],
      [{ retain_initial_value_of_delta_metric: true }, [{ requests: 7 }, { requests: 3 }]],
    ] as const) {
      const run = new EmfRun(given, clock)
      const first = await run.objects(sums(point(7n)))
      clock.advance(MINUTE)
      expect([...first, ...(await run.objects(sums(point(10n))))]).toMatchObject(wanted)
    }
  })

  test('that is retained does not count again when the series was forgotten', async () => {
    const clock = new FakeClock()
    const run = new EmfRun({ retain_initial_value_of_delta_metric: true }, clock)
    const startMs = clock.now() - HOUR
    const point = (key: string, value: bigint) => numberPoint(AttributeSet.of({ key }), value, { startMs, timeMs: clock.now() })
    await run.encode(sums(point('a', 7n), point('b', 1n)))
    for (let minute = 0; minute < 10; minute++) {
      clock.advance(MINUTE)
      await run.encode(sums(point('b', 1n)))
    }
    expect(run.encoder.series).toBe(1)
    await run.encode(sums(point('a', 9n)))
    expect([run.cloudWatch().statistics({ name: 'requests', dimensions: { key: 'a' } })?.sum, run.dropped]).toEqual([7, { initial: 1 }])
  })
})

describe('a sample', () => {
  const at = (clock: FakeClock, value: number, timeMs = clock.now()) => numberPoint(AttributeSet.empty, value, { startMs: clock.now() - HOUR, timeMs })

  test('that comes late or twice is dropped and counted', async () => {
    const run = new EmfRun()
    await run.encode(sums(at(run.clock, 5)))
    await run.encode(sums(at(run.clock, 6)))
    expect(run.dropped).toEqual({ initial: 1, out_of_order: 1 })
  })

  test('without a time counts when it comes', async () => {
    const run = new EmfRun()
    const values: unknown[] = []
    for (const value of [5, 7, 8]) {
      run.clock.advance(MINUTE)
      values.push(...(await run.objects(sums(numberPoint(AttributeSet.empty, value, { timeMs: 0 })))).map((document) => document['requests']))
    }
    expect([values, run.documents.map(({ timestampMs }) => run.clock.now() - timestampMs), run.dropped]).toEqual([[2, 1], [MINUTE, 0], { initial: 1 }])
  })

  test('that has not grown is 0, or nothing when zeros are left out', async () => {
    const steps = async (given: object): Promise<unknown[]> => {
      const run = new EmfRun({ ...given, retain_initial_value_of_delta_metric: true })
      const startMs = run.clock.now() - HOUR
      const made: unknown[] = []
      for (const value of [5, 5, 6]) {
        run.clock.advance(MINUTE)
        made.push(...(await run.objects(sums(numberPoint(AttributeSet.empty, value, { startMs, timeMs: run.clock.now() })))).map(({ requests }) => requests))
      }
      return made
    }
    expect(await steps({})).toEqual([5, 0, 1])
    expect(await steps({ zero_deltas: 'omit' })).toEqual([5, 1])
  })

  test('of a sum that may fall is its value, or what the Collector makes of it', async () => {
    const steps = async (given: object): Promise<unknown[]> => {
      const run = new EmfRun({ ...given, retain_initial_value_of_delta_metric: true })
      const made: unknown[] = []
      for (const value of [5, 3, 4]) {
        run.clock.advance(MINUTE)
        const points = [numberPoint(AttributeSet.empty, value, { startMs: 1000, timeMs: run.clock.now() })]
        const metric: Metric = { name: 'active', description: '', unit: '', type: 'sum', isMonotonic: false, temporality: 'cumulative', points }
        made.push(...(await run.objects({ groups: [{ resource: RESOURCE, scope: SCOPE, metrics: [metric] }] })).map(({ active }) => active))
      }
      return made
    }
    expect(await steps({})).toEqual([5, 3, 4])
    expect(await steps({ non_monotonic_sums: 'delta' })).toEqual([5, 3, 1])
  })
})

describe('histograms that came by OTLP', () => {
  const times = (clock: FakeClock) => ({
    attributes: AttributeSet.empty,
    startTimeNs: 1_000_000_000n,
    timeNs: BigInt(clock.now()) * 1_000_000n,
    flags: 0,
    exemplars: [],
  })

  async function growth(metrics: (clock: FakeClock) => [Metric, Metric]): Promise<unknown> {
    const run = new EmfRun()
    const [first, second] = metrics(run.clock)
    await run.encode({ groups: [{ resource: RESOURCE, scope: SCOPE, metrics: [first] }] })
    const [document] = await run.objects({ groups: [{ resource: RESOURCE, scope: SCOPE, metrics: [second] }] })
    return document?.['size']
  }

  test('are what came in between, with a maximum that has risen', async () => {
    const of = (clock: FakeClock, values: Partial<HistogramPoint>): Metric => {
      const point: HistogramPoint = { ...times(clock), count: 3n, sum: 30, min: 2, max: 18, bounds: [10, 20], bucketCounts: [2n, 1n, 0n], ...values }
      return { name: 'size', description: '', unit: '', type: 'histogram', temporality: 'cumulative', points: [point] }
    }
    const found = await growth((clock) => {
      const first = of(clock, {})
      clock.advance(MINUTE)
      return [first, of(clock, { count: 6n, sum: 100, max: 40, bucketCounts: [3n, 1n, 2n] })]
    })
    expect(found).toEqual({ Values: [6, 30], Counts: [1, 2], Max: 40, Min: 6, Count: 3, Sum: 70 })
  })

  test('are compared at the coarser scale', async () => {
    const of = (clock: FakeClock, values: Partial<ExponentialHistogramPoint>): Metric => {
      const none = { offset: 0, counts: [] }
      const point: ExponentialHistogramPoint = {
        ...times(clock),
        count: 2n,
        sum: 3,
        min: undefined,
        max: undefined,
        scale: 1,
        zeroCount: 0n,
        zeroThreshold: 0,
        positive: { offset: 0, counts: [1n, 1n] },
        negative: none,
        ...values,
      }
      return { name: 'size', description: '', unit: '', type: 'exponential_histogram', temporality: 'cumulative', points: [point] }
    }
    const found = await growth((clock) => {
      const first = of(clock, {})
      clock.advance(MINUTE)
      return [first, of(clock, { count: 4n, sum: 9, scale: 0, zeroCount: 1n, positive: { offset: 0, counts: [2n, 1n] } })]
    })
    expect(found).toEqual({ Values: [0, 8 / 3], Counts: [1, 1], Max: 8 / 3, Min: 0, Count: 2, Sum: 6 })
  })
})

describe('series in columns', () => {
  const attributes = (key: string) => AttributeSet.of({ key })
  const columns = (clock: FakeClock, points: readonly (readonly [AttributeSet, number])[], producer?: object) =>
    metricsOf(
      familyPoints(
        SUM,
        points.map(([set, value]) => ({ attributes: set, values: [value], startMs: 1000, updatedMs: clock.now() })),
        producer === undefined ? {} : { producer },
      ),
    )

  async function sentOf(batches: readonly (readonly (readonly [AttributeSet, number])[])[]): Promise<unknown[]> {
    const run = new EmfRun()
    const sent: unknown[] = []
    for (const points of batches) {
      run.clock.advance(MINUTE)
      sent.push((await run.objects({ ...columns(run.clock, points), timeMs: run.clock.now() })).map(({ requests }) => requests))
    }
    return sent
  }

  test('are known again by their attributes when these are new objects', async () => {
    expect(
      await sentOf([
        [
          [attributes('a'), 5],
          [attributes('b'), 1],
        ],
        [
          [attributes('b'), 3],
          [attributes('a'), 9],
        ],
      ]),
    ).toEqual([[], [2, 4]])
  })

  test('with equal attributes stay different series', async () => {
    const [one, two] = [attributes('a'), attributes('a')]
    expect(
      await sentOf([
        [
          [one, 100],
          [two, 5],
        ],
        [
          [one, 101],
          [two, 7],
        ],
        [
          [attributes('a'), 104],
          [attributes('a'), 8],
        ],
      ]),
    ).toEqual([[], [1, 2], [3, 1]])
  })

  test('with one and the same object stay different series', async () => {
    const one = attributes('a')
    expect(
      await sentOf([
        [
          [one, 100],
          [one, 5],
        ],
        [
          [one, 101],
          [one, 7],
        ],
      ]),
    ).toEqual([[], [1, 2]])
  })

  test('are only those that a batch had when it came', async () => {
    const run = new EmfRun()
    const series = [attributes('a')]
    const [points] = columns(run.clock, [[attributes('a'), 1]], {}).families
    const slices = run.encoder.encode({ timeMs: run.clock.now(), families: [{ ...(points as FamilyPoints), series }] })
    series.push(attributes('b'))
    for await (const _ of slices) expect.unreachable('the first sample sets the base')
    expect(run.dropped).toEqual({ initial: 1 })
  })

  test('of a producer that has several lists are all known with the first batch', async () => {
    const run = new EmfRun()
    const producer = {}
    const [a, b, later] = [attributes('a'), AttributeSet.of({ key: 'b', zone: '1' }), attributes('later')]
    const lists = (value: number, ...more: AttributeSet[]) =>
      [[a, ...more], [b]].flatMap(
        (sets) =>
          columns(
            run.clock,
            sets.map((set) => [set, value] as const),
            producer,
          ).families,
      )
    expect(await run.encode({ timeMs: run.clock.now(), families: lists(5) })).toEqual([])
    run.clock.advance(MINUTE)
    await run.encode({ timeMs: run.clock.now(), families: lists(7, later) })
    expect(run.cloudWatch().statistics({ name: 'requests' })).toMatchObject({ sampleCount: 3, sum: 2 + 7 + 2 })
  })

  test('of two producers do not mix', async () => {
    const run = new EmfRun()
    const [mine, yours] = [{}, {}]
    const sent: unknown[] = []
    for (const [a, b] of [
      [100, 5],
      [101, 7],
    ] as const) {
      run.clock.advance(MINUTE)
      for (const [value, producer] of [
        [a, mine],
        [b, yours],
      ] as const)
        sent.push(
          ...(await run.objects({ ...columns(run.clock, [[AttributeSet.empty, value]], producer), timeMs: run.clock.now() })).map(({ requests }) => requests),
        )
    }
    expect(sent).toEqual([1, 2])
  })
})
