import { describe, expect, test } from 'vitest'
import { type Consumer, PermanentError, RefusedError } from '../component/consumer.ts'
import type { Signal } from '../component/signal.ts'
import { ByteInterner } from '../lib/intern.ts'
import { AccessLogs } from '../model/access_logs.ts'
import { AttributeSet } from '../model/attributes.ts'
import { type LogRecords, newLogRecord } from '../model/log_records.ts'
import type { FamilyPoints, SeriesMetrics } from '../model/metrics.ts'
import { EncodedLogs } from '../model/otlp/encoded_logs.ts'
import { newSpan } from '../model/traces.ts'
import { copierFor, itemsOf } from './batch.ts'
import { type Branch, Inlet, Outlet } from './wire.ts'

class Count {
  value = 0

  add(value: number): void {
    this.value += value
  }
}

class Meters {
  readonly incoming = new Count()
  readonly succeeded = new Count()
  readonly refused = new Count()
  readonly failed = new Count()
  readonly errors: Error[] = []
  readonly onError = (error: Error): void => void this.errors.push(error)
}

function branch<S extends Signal>(signal: S, consumer: Consumer<any>): Branch<S> & { readonly meters: Meters } {
  const meters = new Meters()
  return { inlet: new Inlet(consumer, { signal, address: 'exporters.fake', meters }), mutates: consumer.mutatesData === true, meters }
}

function logs(codes: readonly number[]): AccessLogs {
  const batch = new AccessLogs(new ByteInterner())
  batch.grow(codes.length)
  batch.length = codes.length
  batch.responseCode.set(codes)
  return batch
}

function metrics(values: readonly number[]): SeriesMetrics {
  const points: FamilyPoints = {
    family: { name: 'm', description: '', unit: '', type: 'gauge', isMonotonic: false, temporality: 'cumulative', bounds: [] },
    resource: { attributes: AttributeSet.empty },
    scope: { name: '', version: '' },
    series: values.map((_, i) => AttributeSet.of({ i })),
    values: Float64Array.from(values),
    offset: 0,
    stride: 1,
    startTimesMs: new Float64Array(values.length),
    updatedMs: new Float64Array(values.length),
  }
  return { timeMs: 1, families: [points] }
}

/** Sees the codes of a batch, then overwrites them. */
const overwriter = (seen: number[][]): Consumer<AccessLogs> => ({
  mutatesData: true,
  consume: (batch) => {
    seen.push([...batch.responseCode.subarray(0, batch.length)])
    batch.responseCode.fill(0)
    batch.length = 0
  },
})
const reader = (seen: number[][]): Consumer<AccessLogs> => ({ consume: (batch) => void seen.push([...batch.responseCode.subarray(0, batch.length)]) })

describe('a fan-out of access logs', () => {
  test('shows every consumer the batch as it came, whatever the others do to it', () => {
    const seen: number[][] = []
    const outlet = new Outlet('logs')
    outlet.connect([overwriter(seen), reader(seen), overwriter(seen), reader(seen)].map((consumer) => branch('logs', consumer)))
    const codes = Array.from({ length: 100 }, (_, i) => i + 1)
    void outlet.consume(logs(codes))
    void outlet.consume(logs([7]))
    expect(seen).toEqual([codes, codes, codes, codes, [7], [7], [7], [7]])
  })

  test('copies all columns, and uses a copy’s columns again', () => {
    const copy = copierFor('logs')
    const source = logs([200, 404])
    source.message = new Uint8Array([1, 2])
    source.receivedMs = 5
    source.resource = { attributes: AttributeSet.of({ 'k8s.pod.name': 'reviews-v1-0' }) }
    for (const column of Object.values(source)) if (ArrayBuffer.isView(column) && column !== source.message) (column as Uint8Array).set([3, 4])
    const first = copy(source) as AccessLogs
    for (const [name, column] of Object.entries(source)) {
      if (ArrayBuffer.isView(column))
        expect([name, [...(first[name as keyof AccessLogs] as Uint8Array).subarray(0, 2)]]).toEqual([name, [...(column as Uint8Array).subarray(0, 2)]])
    }
    expect(first).toMatchObject({ length: 2, receivedMs: 5, resource: source.resource })
    expect(copy(source)).toBe(first)
    expect(copy(logs([1]))).not.toBe(first)
  })
})

describe('failures in a fan-out', () => {
  const failing = (error: unknown): Consumer<AccessLogs> => ({
    consume: () => {
      throw error
    },
  })

  test('keep nobody else from the batch; the refusal goes up, each is counted where it happened', () => {
    const seen: number[][] = []
    const branches = [failing(new Error('bug')), failing(new RefusedError('busy', { retryAfterMs: 5 })), reader(seen)].map((consumer) =>
      branch('logs', consumer),
    )
    const outlet = new Outlet('logs')
    outlet.connect(branches)
    expect(() => outlet.consume(logs([1, 2]))).toThrow('busy')
    expect(seen).toEqual([[1, 2]])
    expect(branches.map(({ meters }) => [meters.failed.value, meters.refused.value, meters.succeeded.value])).toEqual([
      [2, 0, 0],
      [0, 2, 0],
      [0, 0, 2],
    ])
    expect(branches[0]?.meters.errors[0]).toBeInstanceOf(PermanentError)
    expect(branches[0]?.meters.errors[0]?.message).toBe('exporters.fake: bug')
  })

  test('of asynchronous consumers are waited for', async () => {
    const branches = [{ consume: () => Promise.reject(new RefusedError('later')) }, { consume: () => Promise.resolve() }].map((consumer) =>
      branch('metrics', consumer),
    )
    const outlet = new Outlet('metrics')
    outlet.connect(branches)
    await expect(outlet.consume(metrics([1, 2, 3]))).rejects.toThrow('later')
    expect(branches.map(({ meters }) => [meters.refused.value, meters.succeeded.value])).toEqual([
      [3, 0],
      [0, 3],
    ])
  })

  test('that pass through a component are told by the one that failed, every time', () => {
    const error = new RefusedError('always the same object')
    const end = branch('logs', failing(error))
    const inner = new Outlet('logs')
    inner.connect([end])
    const middle = branch('logs', { consume: (batch: AccessLogs) => inner.consume(batch) })
    for (let i = 0; i < 2; i++) expect(() => middle.inlet.consume(logs([1]))).toThrow(error)
    expect([end.meters.errors.length, middle.meters.errors.length]).toEqual([2, 0])
    expect([end.meters.refused.value, middle.meters.refused.value]).toEqual([2, 2])
  })
})

test('metrics are copied for consumers that change them while others may still read', () => {
  const kept: SeriesMetrics[] = []
  const outlet = new Outlet('metrics')
  const writer: Consumer<SeriesMetrics> = { mutatesData: true, consume: (batch) => void batch.families[0]?.values.fill(9) }
  outlet.connect([writer, { consume: (batch: SeriesMetrics) => void kept.push(batch) }].map((consumer) => branch('metrics', consumer)))
  void outlet.consume(metrics([1, 2]))
  expect([...(kept[0]?.families[0]?.values ?? [])]).toEqual([1, 2])
})

test('an outlet counts what it hands on, and forgets it when it leads nowhere', () => {
  const outgoing = new Count()
  const outlet = new Outlet('logs', outgoing)
  outlet.connect([])
  expect(outlet.consume(logs([1, 2, 3]))).toBeUndefined()
  expect(outgoing.value).toBe(3)
})

test('items are rows, points and spans', () => {
  expect(itemsOf('logs', logs([1, 2]))).toBe(2)
  expect(itemsOf('metrics', metrics([1, 2, 3]))).toBe(3)
  expect(itemsOf('traces', { groups: [{ resource: { attributes: AttributeSet.empty }, scope: { name: '', version: '' }, spans: [newSpan({})] }] })).toBe(1)
})

describe('log records in a fan-out', () => {
  const bodies = (batch: LogRecords): unknown[] => batch.groups.flatMap((group) => group.records.map(({ body }) => body))
  const records = (): LogRecords => ({
    groups: [{ resource: { attributes: AttributeSet.empty }, scope: { name: '', version: '' }, records: [newLogRecord({ body: 'as it came' })] }],
  })
  const writer = (taken: LogRecords[]): Consumer<LogRecords> => ({
    mutatesData: true,
    consume: (batch) => {
      taken.push(batch)
      for (const { records: own } of batch.groups) for (const record of own) record.body = `changed by ${taken.length}`
    },
  })

  test('are copied for all that change them while others may still read', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const read: unknown[] = []
    const slow: Consumer<LogRecords> = { consume: (batch) => promise.then(() => void read.push(...bodies(batch))) }
    const taken: LogRecords[] = []
    const outlet = new Outlet('logs')
    outlet.connect([writer(taken), slow, writer(taken)].map((consumer) => branch('logs', consumer)))
    const done = outlet.consume(records())
    resolve()
    await done
    expect(read).toEqual(['as it came'])
    expect(taken.map(bodies)).toEqual([['changed by 1'], ['changed by 2']])
  })

  test('are left to the last one that changes them when nobody else reads', () => {
    const taken: LogRecords[] = []
    const outlet = new Outlet('logs')
    outlet.connect([writer(taken), writer(taken)].map((consumer) => branch('logs', consumer)))
    const batch = records()
    void outlet.consume(batch)
    expect(taken[0]).not.toBe(batch)
    expect(taken[1]).toBe(batch)
    expect(taken.map(bodies)).toEqual([['changed by 1'], ['changed by 2']])
  })

  test('belong to nobody alone any more when several may read their bytes, and to the only reader otherwise', () => {
    const seen: (boolean | undefined)[] = []
    const looker: Consumer<LogRecords> = { consume: ({ encoded }) => void seen.push(encoded?.isSole) }
    const encodedLogs = (): EncodedLogs => new EncodedLogs(new Uint8Array([1]), 1)
    const several = new Outlet('logs')
    several.connect([branch('logs', looker), branch('logs', looker)])
    void several.consume(encodedLogs())
    const one = new Outlet('logs')
    one.connect([branch('logs', looker)])
    void one.consume(encodedLogs())
    expect(seen).toEqual([false, false, true])
  })
})
