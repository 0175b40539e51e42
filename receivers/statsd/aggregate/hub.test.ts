import { describe, expect, it, test } from 'vitest'
import { ExponentialPoint } from '../../../model/metrics.ts'
import { FakeClock } from '../../../test/fakes/clock.ts'
import { OVERFLOWED } from './store.ts'
import { AGGREGATIONS, newHub, pointsOf, seriesSpec, TestWorker } from './testing.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

describe('StatHub: counters', () => {
  it('adds up what several workers counted for the same labels, whatever the order of the first sight', async () => {
    const clock = new FakeClock()
    const hub = newHub(clock)
    const workers = [new TestWorker(hub, 0), new TestWorker(hub, 1), new TestWorker(hub, 2)]
    for (const { store } of workers) {
      store.open(seriesSpec(`only_${workers.length}`, AGGREGATIONS.counter))
      store.add(store.open(seriesSpec('hits', AGGREGATIONS.counter, { a: '1', b: 'é' })), 3, clock.now())
    }
    const families = await hub.collect()
    expect(pointsOf(families)).toEqual(new Map([['hits{a=1,b=é}', [9]]]))
    expect(families[0]).toMatchObject({ family: { type: 'sum', isMonotonic: true, temporality: 'cumulative' }, offset: 0, stride: 1 })
  })

  it('gives one element per list of label keys, and the same objects until series end', async () => {
    const clock = new FakeClock()
    const hub = newHub(clock)
    const { store } = new TestWorker(hub, 0)
    const labelled = store.open(seriesSpec('hits', AGGREGATIONS.counter, { a: '1' }, 5000))
    store.add(labelled, 1, clock.now())
    store.add(store.open(seriesSpec('hits', AGGREGATIONS.counter)), 1, clock.now())
    const first = await hub.collect()
    store.add(labelled, 1, clock.now())
    const second = await hub.collect()
    expect(first.map(({ series }) => series.map(({ keys }) => keys))).toEqual([[['a']], [[]]])
    expect([second[0] === first[0], second[0]?.values[0]]).toEqual([true, 2])
    expect(first[0]?.producer).toBe(first[1]?.producer)
  })

  it('tells series apart by all that they are described by, however many kinds of them come in turns', async () => {
    const clock = new FakeClock()
    const hub = newHub(clock)
    const { store } = new TestWorker(hub, 0)
    const kinds = Array.from({ length: 12 }, (_, i) => ({ [`key_${i}`]: 'x', z: 'y' }))
    for (let round = 1; round <= 3; round++) {
      for (const [i, labels] of kinds.entries()) {
        for (const name of ['hits', 'misses']) store.add(store.open(seriesSpec(name, { ...AGGREGATIONS.counter }, labels)), i + 1, clock.now())
      }
      const points = await hub.collect()
      const expected = ['hits', 'misses'].flatMap((name) => kinds.map((_, i) => [`${name}{key_${i}=x,z=y}`, [(i + 1) * round]] as const))
      expect(pointsOf(points)).toEqual(new Map(expected))
    }
    expect(hub.stats()).toMatchObject({ families: 2, series: 24, conflicts: 0 })
  })

  it('has one family for a final name, whatever the unit, and two for one that exporters finish', async () => {
    const clock = new FakeClock()
    const hub = newHub(clock)
    const { store } = new TestWorker(hub, 0)
    for (const isExactName of [true, false]) {
      for (const unit of ['s', '']) {
        const spec = { ...seriesSpec(isExactName ? 'final' : 'open', AGGREGATIONS.gauge, { unit: unit === '' ? 'none' : unit }), isExactName, unit }
        store.set(store.open(spec), 1, clock.now())
      }
    }
    const families = await hub.collect()
    expect([...pointsOf(families).keys()].sort()).toEqual(['final{unit=none}', 'final{unit=s}', 'open{unit=none}', 'open{unit=s}'])
    expect(families.map(({ family }) => `${family.name} ${family.unit}`).sort()).toEqual(['final s', 'open ', 'open s'])
  })

  it('does not add a negative value to a monotonic counter, and counts it', async () => {
    const clock = new FakeClock()
    const hub = newHub(clock)
    const { store } = new TestWorker(hub, 0)
    const [up, updown] = [store.open(seriesSpec('up', AGGREGATIONS.counter)), store.open(seriesSpec('updown', AGGREGATIONS.updown))]
    for (const value of [5, -2]) for (const handle of [up, updown]) store.add(handle, value, clock.now())
    expect(pointsOf(await hub.collect())).toEqual(
      new Map([
        ['up{}', [5]],
        ['updown{}', [3]],
      ]),
    )
    expect(store.negatives).toBe(1)
  })

  it('counts a series once although two rules describe it differently', async () => {
    const clock = new FakeClock()
    const hub = newHub(clock)
    const { store } = new TestWorker(hub, 0)
    const one = store.open(seriesSpec('hits', AGGREGATIONS.counter, {}, 60_000))
    const other = store.open({ ...seriesSpec('hits', AGGREGATIONS.counter), help: 'Other.' })
    for (let round = 1; round <= 3; round++) {
      store.add(one, 1, clock.now())
      store.add(other, 10, clock.now())
      expect(pointsOf(await hub.collect())).toEqual(new Map([['hits{}', [11 * round]]]))
    }
  })
})

describe('StatHub: gauges', () => {
  it('shows what was set last, by receive time, then by worker', async () => {
    const clock = new FakeClock()
    const hub = newHub(clock)
    const [a, b] = [new TestWorker(hub, 0), new TestWorker(hub, 1)]
    const spec = seriesSpec('level', AGGREGATIONS.gauge)
    const [inA, inB] = [a.store.open(spec), b.store.open(spec)]
    const at = clock.now()
    b.store.set(inB, 1, at)
    a.store.set(inA, 2, at + 0.5)
    expect(pointsOf(await hub.collect()).get('level{}')).toEqual([2])
    b.store.set(inB, 3, at + 0.5)
    expect(pointsOf(await hub.collect()).get('level{}')).toEqual([3])
    a.store.set(inA, 4, at + 1)
    a.store.set(inA, 5, at + 1)
    expect(pointsOf(await hub.collect()).get('level{}')).toEqual([5])
  })

  it('applies deltas of all workers in the order of their receive times, from 0 on', async () => {
    const clock = new FakeClock()
    const hub = newHub(clock)
    const [a, b] = [new TestWorker(hub, 0), new TestWorker(hub, 1)]
    const spec = seriesSpec('level', AGGREGATIONS.gauge)
    const [inA, inB] = [a.store.open(spec), b.store.open(spec)]
    const at = clock.now()
    a.store.shift(inA, 5, at)
    b.store.shift(inB, -2, at + 1)
    expect(pointsOf(await hub.collect()).get('level{}')).toEqual([3])
    // b's last change comes after a's value, though it is told first.
    b.store.shift(inB, 100, at + 9)
    b.store.shift(inB, 7, at + 20)
    a.store.set(inA, 10, at + 10)
    expect(pointsOf(await hub.collect()).get('level{}')).toEqual([17])
    a.store.set(inA, 1, at + 30)
    a.store.shift(inA, 1, at + 30)
    expect(pointsOf(await hub.collect()).get('level{}')).toEqual([2])
    clock.advance(60_000)
    b.store.shift(inB, 40, clock.now())
    expect(pointsOf(await hub.collect()).get('level{}')).toEqual([42])
  })

  it('keeps the value that was measured last, where senders say when that was', async () => {
    const clock = new FakeClock()
    const hub = newHub(clock)
    const [a, b] = [new TestWorker(hub, 0), new TestWorker(hub, 1)]
    const spec = seriesSpec('level', AGGREGATIONS.gauge)
    const [inA, inB] = [a.store.open(spec), b.store.open(spec)]
    const value = async (): Promise<number | undefined> => pointsOf(await hub.collect()).get('level{}')?.[0]
    const at = clock.now()
    a.store.set(inA, 1, at + 10_000, at + 8000)
    a.store.set(inA, 2, at + 10_001, at + 7000)
    expect(await value()).toBe(1)
    b.store.set(inB, 3, at + 10_002, at + 7500)
    expect(await value()).toBe(1)
    b.store.set(inB, 4, at + 10_003, at + 9000)
    expect(await value()).toBe(4)
    // Of a time to come, which counts as now, and then without a time.
    a.store.set(inA, 5, at + 10_004, at + 60_000)
    expect(await value()).toBe(5)
    a.store.set(inA, 6, at + 10_005)
    b.store.set(inB, 7, at + 10_006, at + 10_000)
    expect(await value()).toBe(6)
  })

  it('keeps a gauge and its deltas when workers die', async () => {
    const clock = new FakeClock()
    const hub = newHub(clock)
    const spec = seriesSpec('level', AGGREGATIONS.gauge)
    const [a, b] = [new TestWorker(hub, 0), new TestWorker(hub, 1)]
    a.store.set(a.store.open(spec), 10, clock.now())
    b.store.shift(b.store.open(spec), 5, clock.now() + 1)
    for (const { origin } of [a, b]) hub.gone(origin)
    expect(pointsOf(await hub.collect()).get('level{}')).toEqual([15])
    const next = new TestWorker(hub, 0, { life: 1 })
    next.store.shift(next.store.open(spec), 1, clock.now() + 2)
    expect(pointsOf(await hub.collect()).get('level{}')).toEqual([16])
  })

  it('loses no delta when the main thread is too slow to empty the journal', async () => {
    const clock = new FakeClock()
    const hub = newHub(clock)
    const { store } = new TestWorker(hub, 0)
    const handle = store.open(seriesSpec('level', AGGREGATIONS.gauge))
    for (let i = 0; i < 20_000; i++) store.shift(handle, 1, clock.now())
    expect(pointsOf(await hub.collect()).get('level{}')).toEqual([20_000])
  })

  it('takes an observation for a value', async () => {
    const clock = new FakeClock()
    const hub = newHub(clock)
    const { store } = new TestWorker(hub, 0)
    store.observe(store.open(seriesSpec('time', AGGREGATIONS.gauge)), 12.5, 3, clock.now())
    expect(pointsOf(await hub.collect()).get('time{}')).toEqual([12.5])
  })
})

describe('StatHub: histograms', () => {
  it('counts weights in explicit buckets, upper bounds included', async () => {
    const clock = new FakeClock()
    const hub = newHub(clock)
    const workers = [new TestWorker(hub, 0), new TestWorker(hub, 1)]
    for (const { store } of workers) {
      const handle = store.open(seriesSpec('time', AGGREGATIONS.explicit))
      for (const [value, weight] of [
        [0.5, 1],
        [1, 2],
        [10.5, 1],
        [1000, 4],
      ] as const)
        store.observe(handle, value, weight, clock.now())
    }
    expect(pointsOf(await hub.collect()).get('time{}')).toEqual([6, 0, 2, 8, 8026])
  })

  it('counts in exponential buckets as OpenTelemetry lays them out', async () => {
    const clock = new FakeClock()
    const hub = newHub(clock)
    const { store } = new TestWorker(hub, 0)
    const handle = store.open(seriesSpec('time', { kind: 'exponential', bucketsMax: 4 }))
    for (const value of [4, 1, 2, 0, -3]) store.observe(handle, value, 2, clock.now())
    const point = pointsOf(await hub.collect()).get('time{}') as number[]
    // 1, 2 and 4 are upper bounds: at scale 0 they are in the buckets -1, 0 and 1.
    expect(point.slice(0, ExponentialPoint.buckets)).toEqual([10, 8, -3, 4, 4, 0, -1])
    expect(point.slice(ExponentialPoint.buckets)).toEqual([2, 2, 2, 0])
  })
})

describe('StatHub: summaries', () => {
  it('has cumulative count and sum, and quantiles of the age buckets that are young enough', async () => {
    const clock = new FakeClock()
    const hub = newHub(clock)
    const [a, b] = [new TestWorker(hub, 0), new TestWorker(hub, 1)]
    const spec = seriesSpec('time', AGGREGATIONS.summary)
    for (let i = 1; i <= 100; i++) (i % 2 === 0 ? a : b).store.observe((i % 2 === 0 ? a : b).store.open(spec), i, 1, clock.now())
    const first = pointsOf(await hub.collect()).get('time{}') as number[]
    expect(first.slice(0, 2)).toEqual([100, 5050])
    expect(Math.abs((first[2] as number) - 50)).toBeLessThan(2)
    expect(Math.abs((first[3] as number) - 90)).toBeLessThan(3)
    clock.advance(45_000)
    a.store.observe(a.store.open(spec), 1000, 1, clock.now())
    hub.gone(b.origin)
    const second = pointsOf(await hub.collect()).get('time{}') as number[]
    expect(second.slice(0, 2)).toEqual([101, 6050])
    expect(Math.abs((second[2] as number) - 50)).toBeLessThan(2)
    clock.advance(20_000)
    const third = pointsOf(await hub.collect()).get('time{}') as number[]
    expect(third).toEqual([101, 6050, 1000, 1000])
    clock.advance(60_000)
    expect(pointsOf(await hub.collect()).get('time{}')).toEqual([101, 6050, Number.NaN, Number.NaN])
  })
})

describe('StatHub: sets', () => {
  it('counts different members of all workers, of the interval before as soon as there is one', async () => {
    const clock = new FakeClock()
    const hub = newHub(clock)
    const [a, b] = [new TestWorker(hub, 0), new TestWorker(hub, 1)]
    const spec = seriesSpec('users', AGGREGATIONS.set)
    const text = bytes('joejanejoe')
    a.store.member(a.store.open(spec), text, 0, 3, clock.now())
    a.store.member(a.store.open(spec), text, 0, 3, clock.now())
    b.store.member(b.store.open(spec), text, 3, 7, clock.now())
    b.store.member(b.store.open(spec), text, 7, 10, clock.now())
    expect(pointsOf(await hub.collect()).get('users{}')).toEqual([2])
    clock.advance(10_000)
    a.store.member(a.store.open(spec), text, 0, 3, clock.now())
    expect(pointsOf(await hub.collect()).get('users{}')).toEqual([2])
    clock.advance(10_000)
    expect(pointsOf(await hub.collect()).get('users{}')).toEqual([1])
    clock.advance(10_000)
    expect(pointsOf(await hub.collect()).get('users{}')).toEqual([0])
  })

  it('is exact to 10,000 members and close above, and says so', async () => {
    const clock = new FakeClock()
    const hub = newHub(clock)
    const { store } = new TestWorker(hub, 0)
    const handle = store.open(seriesSpec('users', AGGREGATIONS.set))
    const add = (from: number, to: number): void => {
      for (let i = from; i < to; i++) {
        const member = bytes(`user-${i}`)
        store.member(handle, member, 0, member.length, clock.now())
      }
    }
    add(0, 10_000)
    expect(pointsOf(await hub.collect()).get('users{}')).toEqual([10_000])
    expect(hub.stats().estimatedSets).toBe(0)
    add(10_000, 100_000)
    const [size] = pointsOf(await hub.collect()).get('users{}') as [number]
    expect(Math.abs(size - 100_000)).toBeLessThan(3000)
    expect(hub.stats().estimatedSets).toBe(1)
  })
})

describe('StatHub: names', () => {
  it('gives a second kind of metric its kind as suffix, and the name to whoever comes after the last series has ended', async () => {
    const clock = new FakeClock()
    const hub = newHub(clock)
    const { store } = new TestWorker(hub, 0)
    store.add(store.open(seriesSpec('x', AGGREGATIONS.counter, {}, 10_000)), 1, clock.now())
    store.set(store.open(seriesSpec('x', AGGREGATIONS.gauge)), 7, clock.now())
    store.observe(store.open(seriesSpec('x_gauge', AGGREGATIONS.explicit)), 7, 1, clock.now())
    expect([...pointsOf(await hub.collect()).keys()]).toEqual(['x{}', 'x_gauge{}', 'x_gauge_histogram{}'])
    expect(hub.stats()).toMatchObject({ conflicts: 2, families: 3 })
    clock.advance(11_001)
    const ending = await hub.collect()
    expect(ending.map(({ family, series }) => `${family.name} ${family.type} ${series.length}`)).toEqual([
      'x sum 0',
      'x_gauge gauge 1',
      'x_gauge_histogram histogram 1',
    ])
    expect(hub.stats()).toMatchObject({ families: 2, expired: 1, series: 2 })
    store.observe(store.open(seriesSpec('x', AGGREGATIONS.explicit)), 1, 1, clock.now())
    expect((await hub.collect()).map(({ family }) => `${family.name} ${family.type}`)).toContain('x histogram')
  })
})

describe('StatHub: other buckets under one name', () => {
  it('are another metric, so that no series is shown twice and none is lost', async () => {
    const clock = new FakeClock()
    const hub = newHub(clock)
    const { store } = new TestWorker(hub, 0)
    for (const bounds of [[1], [2], [3]]) store.observe(store.open(seriesSpec('x', { kind: 'explicit', bounds })), 1, 1, clock.now())
    store.observe(store.open(seriesSpec('x', { kind: 'explicit', bounds: [1] }, { a: 'b' })), 1, 1, clock.now())
    expect([...pointsOf(await hub.collect()).keys()].sort()).toEqual(['x_histogram_2{}', 'x_histogram{}', 'x{a=b}', 'x{}'])
    expect(hub.stats()).toMatchObject({ conflicts: 2, families: 3 })
  })
})

describe('StatHub: time to live', () => {
  test.for(['counter', 'explicit', 'exponential', 'summary'] as const)('starts a %s that ended and came back from 0', async (kind) => {
    const clock = new FakeClock()
    const hub = newHub(clock)
    const { store } = new TestWorker(hub, 0)
    const spec = seriesSpec('x', AGGREGATIONS[kind], {}, 5000)
    const handle = store.open(spec)
    const touch = (): void => (kind === 'counter' ? store.add(handle, 1, clock.now()) : store.observe(handle, 1, 1, clock.now()))
    touch()
    const before = pointsOf(await hub.collect()).get('x{}')
    clock.advance(6001)
    expect(pointsOf(await hub.collect())).toEqual(new Map())
    const endedMs = clock.now()
    clock.advance(100)
    touch()
    const families = await hub.collect()
    expect(pointsOf(families).get('x{}')).toEqual(before)
    expect(families[0]?.startTimesMs[0]).toBe(endedMs)
  })

  it('goes on with a series that one worker left idle while another did not', async () => {
    const clock = new FakeClock()
    const hub = newHub(clock)
    const [a, b] = [new TestWorker(hub, 0), new TestWorker(hub, 1)]
    const spec = seriesSpec('x', AGGREGATIONS.counter, {}, 5000)
    const [inA, inB] = [a.store.open(spec), b.store.open(spec)]
    a.store.add(inA, 1, clock.now())
    for (let round = 0; round < 4; round++) {
      clock.advance(3000)
      b.store.add(inB, 1, clock.now())
      await hub.collect()
    }
    a.store.add(inA, 1, clock.now())
    a.store.add(inA, 1, clock.now())
    expect(pointsOf(await hub.collect()).get('x{}')).toEqual([7])
    expect(a.store.rows).toBe(2)
  })

  it('keeps totals when a store starts over in fresh memory', async () => {
    const clock = new FakeClock()
    const hub = newHub(clock)
    const { store } = new TestWorker(hub, 0)
    const stays = seriesSpec('stays', AGGREGATIONS.exponential)
    for (let i = 0; i < 8; i++) store.add(store.open(seriesSpec(`goes_${i}`, AGGREGATIONS.counter, {}, 1000)), 1, clock.now())
    store.observe(store.open(stays), 3, 1, clock.now())
    expect(store.sweep(clock.now())).toBe(false)
    clock.advance(3000)
    expect([store.sweep(clock.now()), store.epoch, store.rows]).toEqual([true, 1, 0])
    store.observe(store.open(stays), 5, 1, clock.now())
    const points = pointsOf(await hub.collect())
    expect(points.get('stays{}')?.slice(0, 4)).toEqual([2, 8, 3, 5])
    expect(hub.stats()).toMatchObject({ series: 1, shards: 1 })
  })
})

describe('StatHub: limits', () => {
  it('counts what finds no room in a store in an overflow series of the metric', async () => {
    const clock = new FakeClock()
    const hub = newHub(clock)
    const { store } = new TestWorker(hub, 0, { seriesMax: 2 })
    for (let i = 0; i < 5; i++) store.add(store.open(seriesSpec('x', AGGREGATIONS.counter, { i: `${i}` })), 10, clock.now())
    store.observe(store.open(seriesSpec('y', AGGREGATIONS.explicit)), 5, 1, clock.now())
    const families = await hub.collect()
    expect(pointsOf(families)).toEqual(
      new Map([
        ['x{i=0}', [10]],
        ['x{i=1}', [10]],
        ['x{otel_metric_overflow=true}', [30]],
        ['y{otel_metric_overflow=true}', [0, 1, 0, 0, 5]],
      ]),
    )
    expect(store.overflowed).toBe(4)
  })

  it('has an overflow series per kind for handles without a family', async () => {
    const clock = new FakeClock()
    const hub = newHub(clock)
    const { store } = new TestWorker(hub, 0)
    store.add(OVERFLOWED, 2, clock.now())
    store.set(OVERFLOWED, 3, clock.now())
    store.observe(OVERFLOWED, 4, 1, clock.now())
    store.member(OVERFLOWED, bytes('joe'), 0, 3, clock.now())
    const points = pointsOf(await hub.collect())
    expect([...points.keys()]).toEqual(
      ['statsd.overflow', 'statsd.overflow.gauge', 'statsd.overflow.exponential', 'statsd.overflow.set'].map((name) => `${name}{otel_metric_overflow=true}`),
    )
    expect([...points.values()].map(([first]) => first)).toEqual([2, 3, 1, 1])
  })

  it('counts what finds no room in the hub in the overflow series, and never lets it fall', async () => {
    const clock = new FakeClock()
    const hub = newHub(clock, { seriesMax: 2 })
    const workers = [new TestWorker(hub, 0, { seriesMax: 3 }), new TestWorker(hub, 1)]
    const count = async (round: number): Promise<void> => {
      for (const { store } of workers) for (let i = 0; i < 5; i++) store.add(store.open(seriesSpec('x', AGGREGATIONS.counter, { i: `${i}` })), 1, clock.now())
      const points = pointsOf(await hub.collect())
      expect([...points]).toEqual([
        ['x{i=0}', [2 * round]],
        ['x{i=1}', [2 * round]],
        ['x{otel_metric_overflow=true}', [6 * round]],
      ])
    }
    await count(1)
    await count(2)
    for (const { origin } of workers) hub.gone(origin)
    expect(pointsOf(await hub.collect()).get('x{otel_metric_overflow=true}')).toEqual([12])
    expect(hub.stats()).toMatchObject({ shards: 0, series: 3 })
  })
})

describe('StatHub: talkers', () => {
  it('tells which series get the most samples, over all workers', async () => {
    const clock = new FakeClock()
    const hub = newHub(clock)
    const workers = [new TestWorker(hub, 0), new TestWorker(hub, 1)]
    const say = (name: string, times: number): void => {
      for (const { store } of workers)
        for (let i = 0; i < times; i++) store.add(store.open(seriesSpec(name, AGGREGATIONS.counter, { a: name })), 1, clock.now())
    }
    say('loud', 5)
    say('quiet', 1)
    await hub.collect()
    clock.advance(2000)
    say('quiet', 2)
    await hub.collect()
    expect(hub.talkers(1)).toMatchObject([{ name: 'quiet', kind: 'counter', samples: 6, ratePerS: 2, lastSeenMs: clock.now() }])
    expect(hub.talkers(9).map(({ name, samples, ratePerS }) => `${name} ${samples} ${ratePerS}`)).toEqual(['quiet 6 2', 'loud 10 0'])
    hub.gone(workers[0]?.origin as { worker: number; life: number })
    await hub.collect()
    expect(hub.talkers(9).map(({ name, samples }) => `${name} ${samples}`)).toEqual(['quiet 6', 'loud 10'])
  })
})
