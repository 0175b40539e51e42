/**
 * One hour of flushes on a clock that is moved by hand, with counter resets, the change to daylight saving time and a restart in
 * it: what CloudWatch has in the end is what was counted, nothing twice, and percentiles are those of the raw values.
 */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { config as schema } from '../../exporters/awsemf/config.ts'
import { EmfEncoder } from '../../exporters/awsemf/document/encoder.ts'
import { AttributeSet } from '../../model/attributes.ts'
import type { DataPoints, Metric } from '../../model/data_points.ts'
import type { Metrics } from '../../model/metrics.ts'
import { checkedConfig } from '../fakes/checked_config.ts'
import { FakeClock } from '../fakes/clock.ts'
import { CloudWatchMetrics } from '../fakes/emf_reader.ts'
import { familyPoints, metricFamily, metricsOf } from '../fakes/metrics.ts'

const MINUTE = 60_000
const MINUTES = 60
/** Half an hour before Central Europe goes from two to three o'clock. */
const BEGIN = Date.UTC(2026, 2, 29, 0, 30)
const RESETS = [13, 14, 47]
const RESTART = 40
const SERVICES = ['cart', 'payments', 'search'] as const
const BOUNDS = [5, 10, 50, 100]
const SCALE = 6

/** The same numbers in every run: mulberry32. */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** Counts of one source since it, or its counters, began. */
class Source {
  readonly attributes = new Map(SERVICES.map((service) => [service, AttributeSet.of({ service })]))
  counts = new Map<string, number>()
  buckets = new Map<string, number[]>()
  sums = new Map<string, number>()
  startMs: number

  constructor(startMs: number) {
    this.startMs = startMs
  }

  reset(startMs: number): void {
    this.startMs = startMs
    this.counts.clear()
    this.buckets.clear()
    this.sums.clear()
  }

  add(service: string, value: number): void {
    this.counts.set(service, (this.counts.get(service) ?? 0) + 1)
    this.sums.set(service, (this.sums.get(service) ?? 0) + value)
    const buckets = this.buckets.get(service) ?? Array.from({ length: BOUNDS.length + 1 }, () => 0)
    const at = BOUNDS.findIndex((bound) => value <= bound)
    const index = at < 0 ? BOUNDS.length : at
    buckets[index] = (buckets[index] ?? 0) + 1
    this.buckets.set(service, buckets)
  }
}

/** What the daemon's own connectors hand on: columns with every live series. */
function columns(source: Source, timeMs: number): Metrics {
  const known = SERVICES.filter((service) => source.counts.has(service))
  const options = { producer: source, timeMs }
  const points = (values: (service: string) => readonly number[]) =>
    known.map((service) => ({
      attributes: source.attributes.get(service) as AttributeSet,
      values: values(service),
      startMs: source.startMs,
      updatedMs: timeMs,
    }))
  return metricsOf(
    familyPoints(
      metricFamily('calls_total'),
      points((service) => [source.counts.get(service) ?? 0]),
      options,
    ),
    familyPoints(
      metricFamily('call_time', { type: 'histogram', unit: 'ms', bounds: BOUNDS }),
      points((service) => [...(source.buckets.get(service) ?? []), source.sums.get(service) ?? 0]),
      options,
    ),
  )
}

const bucketOf = (value: number): number => Math.ceil(Math.log2(value) * 2 ** SCALE) - 1

/** What an application sends by OTLP; it knows nothing of restarts of the daemon. */
class Application {
  startMs = BEGIN - 10 * MINUTE
  count = 0
  sum = 0
  readonly buckets = new Map<number, number>()

  add(value: number): void {
    this.count++
    this.sum += value
    this.buckets.set(bucketOf(value), (this.buckets.get(bucketOf(value)) ?? 0) + 1)
  }

  reset(startMs: number): void {
    this.startMs = startMs
    this.count = 0
    this.sum = 0
    this.buckets.clear()
  }

  batch(timeMs: number): DataPoints {
    const point = {
      attributes: AttributeSet.of({ app: 'shop' }),
      startTimeNs: BigInt(this.startMs) * 1_000_000n,
      timeNs: BigInt(timeMs) * 1_000_000n,
      flags: 0,
      exemplars: [],
    }
    const offset = Math.min(...this.buckets.keys())
    const counts = Array.from({ length: Math.max(...this.buckets.keys()) - offset + 1 }, (_, i) => BigInt(this.buckets.get(offset + i) ?? 0))
    const about = { description: '', unit: '' }
    const histogram = { count: BigInt(this.count), sum: this.sum, min: undefined, max: undefined, scale: SCALE, zeroCount: 0n, zeroThreshold: 0 }
    const metrics: Metric[] = [
      { ...about, name: 'orders', type: 'sum', temporality: 'cumulative', isMonotonic: true, points: [{ ...point, value: this.count }] },
      {
        ...about,
        name: 'order_time',
        unit: 'ms',
        type: 'exponential_histogram',
        temporality: 'cumulative',
        points: [{ ...point, ...histogram, positive: { offset, counts }, negative: { offset: 0, counts: [] } }],
      },
    ]
    return { groups: [{ resource: { attributes: AttributeSet.empty }, scope: { name: '', version: '' }, metrics }] }
  }
}

describe('one hour', () => {
  const clock = new FakeClock(BEGIN)
  const metrics = new CloudWatchMetrics()
  const dropped: Record<string, number> = {}
  /** By service and minute, as they were counted. */
  const truth = { calls: new Map<string, number[]>(), callTime: new Map<string, number>(), orders: 0, orderTimes: [] as number[] }
  let zone: string | undefined

  function encoder(): EmfEncoder {
    const onDropped = (reason: string, points: number): void => void (dropped[reason] = (dropped[reason] ?? 0) + points)
    return new EmfEncoder(checkedConfig(schema, { namespace: 'Hour' }), { clock, onDropped })
  }

  async function flush(emf: EmfEncoder, batch: Metrics): Promise<void> {
    for await (const slice of emf.encode(batch)) for (const { json, timestampMs } of slice) metrics.add(json, { eventTimestampMs: timestampMs })
  }

  beforeAll(async () => {
    vi.stubEnv('TZ', 'Europe/Berlin')
    zone = new Date(BEGIN).toString()
    const random = randomOf(7)
    const application = new Application()
    // What it has counted before the daemon was there is not the daemon's to tell.
    for (let i = 0; i < 500; i++) application.add(20 + 10 * random())
    let emf = encoder()
    let source = new Source(clock.now())
    await flush(emf, application.batch(clock.now()))
    for (let minute = 0; minute < MINUTES; minute++) {
      if (RESETS.includes(minute)) source.reset(clock.now())
      if (minute === 21) application.reset(clock.now())
      if (minute === RESTART) {
        emf = encoder()
        source = new Source(clock.now())
      }
      clock.advance(MINUTE)
      for (const service of SERVICES) {
        if (service === 'search' && minute % 10 === 3) continue
        const calls = 1 + Math.floor(random() * 50)
        const row = truth.calls.get(service) ?? Array.from({ length: MINUTES }, () => 0)
        row[minute] = calls
        truth.calls.set(service, row)
        for (let i = 0; i < calls; i++) {
          const value = random() * 120
          source.add(service, value)
          truth.callTime.set(service, (truth.callTime.get(service) ?? 0) + value)
        }
      }
      const times = Array.from({ length: 300 }, () => Math.exp(3 + 0.6 * Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())))
      for (const value of times) application.add(value)
      // After the restart the first sum is what the next is compared with.
      if (minute !== RESTART) {
        truth.orders += times.length
        truth.orderTimes.push(...times)
      }
      await flush(emf, columns(source, clock.now()))
      await flush(emf, application.batch(clock.now()))
    }
  })

  afterAll(() => vi.unstubAllEnvs())

  test('crosses the change to daylight saving time', () => {
    expect(zone).toContain('GMT+0100')
    expect(new Date(clock.now()).toString()).toContain('GMT+0200')
  })

  test('has right documents only, and every point whose base is known', () => {
    expect(metrics.problems).toEqual([])
    // Of the application the first two points, and after the restart again; times of the minutes in which `search` was not called.
    expect(dropped).toEqual({ initial: 4, empty: 5 })
  })

  test.for(SERVICES)('has the calls of %s in every minute', (service) => {
    const counted = truth.calls.get(service) ?? []
    const found = counted.map((_, minute) => {
      const fromMs = BEGIN + minute * MINUTE + 1
      return metrics.statistics({ name: 'calls_total', dimensions: { service }, fromMs, untilMs: fromMs + MINUTE })?.sum ?? 0
    })
    expect(found).toEqual(counted)
  })

  test.for(SERVICES)('has the times of %s once each, with their sum', (service) => {
    const found = metrics.statistics({ name: 'call_time', dimensions: { service } })
    expect(found?.sampleCount).toBe((truth.calls.get(service) ?? []).reduce((sum, calls) => sum + calls, 0))
    expect(found?.sum).toBeCloseTo(truth.callTime.get(service) ?? 0, 4)
  })

  test('has what the application counted, also after its reset, and nothing from before', () => {
    expect(metrics.statistics({ name: 'orders' })?.sum).toBe(truth.orders)
    const times = metrics.statistics({ name: 'order_time' })
    expect(times?.sampleCount).toBe(truth.orderTimes.length)
    expect(times?.sum).toBeCloseTo(
      truth.orderTimes.reduce((sum, value) => sum + value, 0),
      3,
    )
  })

  test.for([50, 90, 99])('has p%i of the times within 1 %', (percent) => {
    const sorted = truth.orderTimes.toSorted((a, b) => a - b)
    const exact = sorted[Math.ceil((percent / 100) * sorted.length) - 1] as number
    const found = metrics.statistics({ name: 'order_time' })?.percentile(percent) ?? 0
    expect(Math.abs(found - exact) / exact).toBeLessThan(0.01)
  })
})
