import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FakeClock } from '../../test/fakes/clock.ts'
import { AttributeSet } from '../attributes.ts'
import type { FamilyPoints, MetricFamily } from '../metrics.ts'
import { SeriesHub, type SeriesHubSettings } from './hub.ts'
import { type SeriesLayout, seriesLayout } from './layout.ts'
import { SeriesShard } from './shard.ts'

const counter: MetricFamily = { name: 'requests_total', description: 'd', unit: '', type: 'sum', isMonotonic: true, temporality: 'cumulative', bounds: [] }
const duration: MetricFamily = { ...counter, name: 'duration_ms', type: 'histogram', bounds: [1, 10] }
const level: MetricFamily = { ...counter, name: 'level', type: 'gauge', isMonotonic: false }
const layout = seriesLayout(['a', 'b'], [counter, duration, level])

/** A worker's writer, attached to a hub as the ingest half of a connector does it. */
class Writer {
  readonly origin: { worker: number; life: number }
  readonly shard: SeriesShard
  readonly #clock: FakeClock

  constructor(hub: SeriesHub, clock: FakeClock, options: { worker: number; life?: number; rowsMax?: number; layout?: SeriesLayout }) {
    this.origin = { worker: options.worker, life: options.life ?? 0 }
    this.#clock = clock
    this.shard = new SeriesShard(options.layout ?? layout, { rowsMax: options.rowsMax ?? 64, textBytesMax: 1 << 18 }, (buffers) =>
      hub.attach(this.origin, buffers),
    )
  }

  count(labels: readonly string[], value = 1, sum = 0.25): void {
    const row = this.shard.rowOf(labels)
    const at = this.shard.offset(row)
    this.shard.begin(row)
    this.shard.values[at] = (this.shard.values[at] as number) + value
    this.shard.values[at + 2] = (this.shard.values[at + 2] as number) + value
    this.shard.values[at + 4] = (this.shard.values[at + 4] as number) + sum
    this.shard.values[at + 5] = value
    this.shard.end(row, this.#clock.now())
  }
}

function newHub(clock: FakeClock, settings: Partial<SeriesHubSettings> = {}): SeriesHub {
  return new SeriesHub(layout, {
    seriesMax: 1000,
    idleMs: 0,
    clock,
    resource: { attributes: AttributeSet.empty },
    scope: { name: 's', version: '1' },
    ...settings,
  })
}

/** Label values → the values of a series in the layout's order. */
function rowsOf(families: readonly FamilyPoints[]): Map<string, number[]> {
  const rows = new Map<string, number[]>()
  const { series, values, stride } = families[0] as FamilyPoints
  for (const [i, attributes] of series.entries())
    rows.set((attributes.values as readonly string[]).join('|'), [...values.subarray(i * stride, (i + 1) * stride)])
  return rows
}

describe('SeriesHub', () => {
  it('adds up what several workers counted for the same labels', async () => {
    const clock = new FakeClock()
    const hub = newHub(clock)
    const [first, second] = [new Writer(hub, clock, { worker: 0 }), new Writer(hub, clock, { worker: 1 })]
    first.count(['x', 'y'], 2)
    clock.advance(5)
    second.count(['x', 'y'], 3)
    second.count(['x', 'z'])
    const families = await hub.collect()
    expect(rowsOf(families)).toEqual(
      new Map([
        ['x|y', [5, 0, 5, 0, 0.5, 3]],
        ['x|z', [1, 0, 1, 0, 0.25, 1]],
      ]),
    )
    expect(families.map((family) => [family.family.name, family.offset, family.stride])).toEqual([
      ['requests_total', 0, 6],
      ['duration_ms', 1, 6],
      ['level', 5, 6],
    ])
    expect(families[0]?.updatedMs[0]).toBe(clock.now())
  })

  it('takes a gauge from the row that changed last, whatever worker it belongs to', async () => {
    const clock = new FakeClock()
    const hub = newHub(clock)
    const [first, second] = [new Writer(hub, clock, { worker: 0 }), new Writer(hub, clock, { worker: 1 })]
    second.count(['x', 'y'], 9)
    clock.advance(1)
    first.count(['x', 'y'], 4)
    hub.gone(first.origin)
    expect(rowsOf(await hub.collect()).get('x|y')?.[5]).toBe(4)
    clock.advance(1)
    second.count(['x', 'y'], 7)
    expect(rowsOf(await hub.collect()).get('x|y')?.[5]).toBe(7)
  })

  it('keeps what a worker counted before it ended, and releases its memory', async () => {
    const clock = new FakeClock()
    const hub = newHub(clock)
    const first = new Writer(hub, clock, { worker: 0 })
    first.count(['x', 'y'], 2)
    hub.gone(first.origin)
    new Writer(hub, clock, { worker: 0, life: 1 }).count(['x', 'y'], 40)
    expect(rowsOf(await hub.collect()).get('x|y')?.[0]).toBe(42)
    expect(hub.stats()).toMatchObject({ series: 1, shards: 1 })
  })

  it('gives the same objects as long as no series is added or removed', async () => {
    const clock = new FakeClock()
    const hub = newHub(clock, { idleMs: 1000 })
    const writer = new Writer(hub, clock, { worker: 0 })
    writer.count(['x', 'y'])
    const before = await hub.collect()
    const set = before[0]?.series[0]
    writer.count(['x', 'y'])
    const after = await hub.collect()
    expect(after[0]?.series).toBe(before[0]?.series)
    clock.advance(600)
    writer.count(['x', 'z'])
    await hub.collect()
    clock.advance(600)
    const last = await hub.collect()
    expect(last[0]?.series).not.toBe(before[0]?.series)
    expect(last[0]?.series.map((attributes) => attributes.values)).toEqual([['x', 'z']])
    expect(before[0]?.series[0]).toBe(set)
    expect(before[0]?.values[0]).toBe(2)
  })

  it('starts a series that ended and came back from 0, also when its row still lives in a shard', async () => {
    const clock = new FakeClock()
    const hub = newHub(clock, { idleMs: 1000 })
    const writer = new Writer(hub, clock, { worker: 0 })
    writer.count(['x', 'y'], 5, 1.5)
    await hub.collect()
    clock.advance(1000)
    expect(rowsOf(await hub.collect()).size).toBe(0)
    const endedMs = clock.now()
    clock.advance(100)
    writer.count(['x', 'y'], 2, 0.5)
    const families = await hub.collect()
    expect(rowsOf(families).get('x|y')).toEqual([2, 0, 2, 0, 0.5, 2])
    expect(families[0]?.startTimesMs[0]).toBe(endedMs)
    expect(hub.stats().expired).toBe(1)
  })

  it('counts what finds no room in the overflow series, and never lets it fall', async () => {
    const clock = new FakeClock()
    const hub = newHub(clock, { seriesMax: 2 })
    const writer = new Writer(hub, clock, { worker: 0, rowsMax: 5 })
    for (const b of ['1', '2', '3', '4', '5', '6']) writer.count(['x', b], 10)
    const families = await hub.collect()
    expect([...rowsOf(families)].map(([labels, values]) => [labels, values[0]])).toEqual([
      ['x|1', 10],
      ['x|2', 10],
      ['true', 40],
    ])
    expect(families[0]?.series[2]?.keys).toEqual(['otel_metric_overflow'])
    hub.gone(writer.origin)
    new Writer(hub, clock, { worker: 0, life: 1 }).count(['x', '7'], 1)
    expect(rowsOf(await hub.collect()).get('true')?.[0]).toBe(41)
    expect(hub.stats().overflowed).toBe(1)
  })

  it('shares one merge between calls made together, and gives a later call what was counted before it', async () => {
    const clock = new FakeClock()
    const hub = newHub(clock)
    const writer = new Writer(hub, clock, { worker: 0 })
    const first = hub.collect()
    expect(hub.collect()).toBe(first)
    await Promise.resolve()
    writer.count(['x', 'y'])
    expect(rowsOf(await hub.collect()).get('x|y')?.[0]).toBe(1)
  })

  it('gives the newest exemplar of the live rows, to the first histogram', async () => {
    const clock = new FakeClock()
    const hub = newHub(clock)
    const writer = new Writer(hub, clock, { worker: 0 })
    writer.count(['x', 'y'])
    const row = writer.shard.rowOf(['x', 'y'])
    writer.shard.begin(row)
    writer.shard.setExemplar(row, 3.5, clock.now(), Buffer.from('0102030405060708090a0b0c0d0e0f100000000000000000', 'hex'))
    writer.shard.end(row, clock.now())
    const [requests, durations] = await hub.collect()
    expect(durations?.exemplar?.(0)).toEqual({ value: 3.5, timeMs: clock.now(), traceId: '0102030405060708090a0b0c0d0e0f10', spanId: '' })
    expect(requests?.exemplar).toBeUndefined()
  })

  it('forgets the texts of ended series', async () => {
    const clock = new FakeClock()
    const hub = newHub(clock, { idleMs: 1000, seriesMax: 10_000 })
    const writer = new Writer(hub, clock, { worker: 0, rowsMax: 4096 })
    for (let round = 0; round < 4; round++) {
      for (let i = 0; i < 900; i++) writer.count([`round${round}`, `value ${round} ${i}`])
      writer.count(['stays', 'always'])
      expect(rowsOf(await hub.collect()).size).toBe(901)
      clock.advance(1100)
      writer.count(['stays', 'always'])
      expect([...rowsOf(await hub.collect())].map(([labels, values]) => [labels, values[0]])).toEqual([['stays|always', 2 + 2 * round]])
    }
  })
})

describe('SeriesHub, by random histories', () => {
  interface Step {
    readonly kind: 'count' | 'collect' | 'sweep' | 'die' | 'wait'
    readonly worker: number
    readonly labels: readonly [string, string]
    readonly value: number
  }
  const step: fc.Arbitrary<Step> = fc.record({
    kind: fc.oneof({ weight: 8, arbitrary: fc.constant('count' as const) }, fc.constantFrom('collect', 'sweep', 'die', 'wait')),
    worker: fc.nat(2),
    labels: fc.tuple(fc.constantFrom('', 'a', 'b', 'é'), fc.constantFrom('1', '2', '3')),
    value: fc.nat(100),
  })

  it('equals an oracle that counts in a map, and never falls', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 120 }), async (steps) => {
        const clock = new FakeClock()
        const hub = newHub(clock)
        const writers = [0, 1, 2].map((worker) => new Writer(hub, clock, { worker }))
        const oracle = new Map<string, number>()
        let last = new Map<string, number[]>()
        for (const { kind, worker, labels, value } of [...steps, { ...steps[0], kind: 'collect' } as Step]) {
          const writer = writers[worker] as Writer
          if (kind === 'count') {
            writer.count(labels, value)
            oracle.set(labels.join('|'), (oracle.get(labels.join('|')) ?? 0) + value)
          } else if (kind === 'wait') clock.advance(10)
          else if (kind === 'sweep') writer.shard.sweep(clock.now(), 5)
          else if (kind === 'die') {
            hub.gone(writer.origin)
            writers[worker] = new Writer(hub, clock, { worker, life: writer.origin.life + 1 })
          } else {
            const rows = rowsOf(await hub.collect())
            expect(new Map([...rows].map(([key, values]) => [key, values[0] as number]))).toEqual(oracle)
            for (const [key, values] of last) expect(rows.get(key)?.[4]).toBeGreaterThanOrEqual(values[4] as number)
            last = rows
          }
        }
        expect(hub.stats().series).toBe(oracle.size)
      }),
      { numRuns: 150 },
    )
  })

  it('with expiry counts since the series last began', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 120 }), async (steps) => {
        const clock = new FakeClock()
        const hub = newHub(clock, { idleMs: 25 })
        const writers = [0, 1, 2].map((worker) => new Writer(hub, clock, { worker }))
        const oracle = new Map<string, { total: number; at: number }>()
        for (const { kind, worker, labels, value } of steps) {
          const writer = writers[worker] as Writer
          const key = labels.join('|')
          if (kind === 'count') {
            writer.count(labels, value)
            oracle.set(key, { total: (oracle.get(key)?.total ?? 0) + value, at: clock.now() })
          } else if (kind === 'sweep') writer.shard.sweep(clock.now(), 5)
          else if (kind === 'die') {
            hub.gone(writer.origin)
            writers[worker] = new Writer(hub, clock, { worker, life: writer.origin.life + 1 })
          } else {
            // Time passes only just before a collect, so that the oracle ends series at the same moment as the hub.
            if (kind === 'wait') clock.advance(10)
            for (const [ended, { at }] of oracle) if (at <= clock.now() - 25) oracle.delete(ended)
            const rows = rowsOf(await hub.collect())
            expect(new Map([...rows].map(([labelsKey, values]) => [labelsKey, values[0]]))).toEqual(
              new Map([...oracle].map(([labelsKey, { total }]) => [labelsKey, total])),
            )
          }
        }
        expect(hub.stats().shards).toBeGreaterThanOrEqual(3)
      }),
      { numRuns: 150 },
    )
  })
})

describe('SeriesHub beside a thread that writes', () => {
  it('never falls while the thread counts and is exact when it is done', async () => {
    const clock = { now: () => Date.now() }
    const hub = new SeriesHub(layout, { seriesMax: 1000, idleMs: 0, clock, resource: { attributes: AttributeSet.empty }, scope: { name: '', version: '' } })
    const origin = { worker: 0, life: 0 }
    const counts = 200_000
    const worker = new Worker(new URL('../../test/fakes/shard_writer.ts', import.meta.url), { workerData: { layout, counts, rows: 50, sweepEvery: 60_000 } })
    worker.on('message', (message) => {
      if (message !== 'done') hub.attach(origin, message)
    })
    const ended = once(worker, 'exit')
    const state = { isRunning: true }
    void ended.then(() => {
      state.isRunning = false
    })
    let before = new Map<string, number[]>()
    let collected = 0
    while (state.isRunning) {
      const now = rowsOf(await hub.collect())
      for (const [key, values] of before) for (const [i, value] of values.entries()) if (i < 5) expect(now.get(key)?.[i]).toBeGreaterThanOrEqual(value)
      // One observation changes the counter, one bucket and the sum together: a torn row would show.
      for (const values of now.values()) expect((values[1] as number) + (values[2] as number) + (values[3] as number)).toBe(values[0])
      before = now
      collected++
      await new Promise((resolve) => {
        setImmediate(resolve)
      })
    }
    const [code] = (await ended) as [number]
    expect(code).toBe(0)
    const last = rowsOf(await hub.collect())
    let total = 0
    for (const values of last.values()) total += values[0] as number
    expect(total).toBe(counts)
    expect(last.size).toBe(50)
    expect(collected).toBeGreaterThan(0)
  }, 30_000)
})
