import { describe, expect, test } from 'vitest'
import { RefusedError } from '../../component/consumer.ts'
import { ByteInterner } from '../../lib/intern.ts'
import { type AccessLogs, EntryClass } from '../../model/access_logs.ts'
import { FakeIdentityIndex } from '../../test/fakes/identity.ts'
import { fakeSettings } from '../../test/fakes/settings.ts'
import type { MeshConfig } from './config.ts'
import { config } from './config.ts'
import { MeshProcessor } from './processor.ts'
import { BatchBuilder, edgeOf, MESH_DEFAULTS, originOf, podOf, type TestEntry } from './testing.ts'

const sidecar = originOf({
  id: 'sidecar~10.0.0.1~reviews-v1-x.shop~shop.svc.cluster.local',
  metadata: { NAMESPACE: 'shop', WORKLOAD_NAME: 'reviews-v1', LABELS: {} },
})
const other = originOf({
  id: 'sidecar~10.0.0.2~ratings-v1-x.shop~shop.svc.cluster.local',
  metadata: { NAMESPACE: 'shop', WORKLOAD_NAME: 'ratings-v1', LABELS: {} },
})

/** What came out behind the processor: code, who called and in which batch. */
interface Seen {
  readonly code: number
  readonly source: string
  readonly destination: string
  readonly batch: number
}

class Bench {
  readonly index = new FakeIdentityIndex()
  readonly settings = fakeSettings('processor', 'mesh')
  readonly seen: Seen[] = []
  readonly builder = new BatchBuilder(new ByteInterner())
  readonly mesh: MeshProcessor
  refusesFrom = Number.POSITIVE_INFINITY
  #batches = 0

  constructor(more: Partial<MeshConfig> = {}) {
    const settings = { ...this.settings, shared: () => this.index }
    this.mesh = new MeshProcessor(settings, { ...MESH_DEFAULTS, resolve_delay: '500ms', ...more }, { consume: (logs: AccessLogs) => this.#take(logs) })
    this.mesh.start()
  }

  #take(logs: AccessLogs): void {
    const batch = this.#batches++
    if (batch >= this.refusesFrom) throw new RefusedError('queue full')
    for (let i = 0; i < logs.length; i++) {
      const { source, destination } = edgeOf(logs, i)
      expect(logs.entryClass[i]).toBe(EntryClass.final)
      this.seen.push({ code: logs.responseCode[i] as number, source: source.workload, destination: destination.workload, batch })
    }
  }

  send(entries: readonly TestEntry[], origin = sidecar): void {
    void this.mesh.consume(this.builder.batch(origin, entries))
  }

  get codes(): readonly number[] {
    return this.seen.map(({ code }) => code)
  }

  held(outcome: string): number {
    return this.settings.telemetry.value('meshscope_mesh_held_entries', { outcome })
  }

  get waiting(): number {
    return this.settings.telemetry.value('meshscope_mesh_held')
  }
}

const from = (ip: string, code: number): TestEntry => ({ cluster: 'inbound|9080||', direct: `${ip}:4000`, code })
const YOUNG = podOf('page-v1', { namespace: 'shop', ips: ['10.0.0.7'] })

describe('an entry of an address that is not known yet', () => {
  test('goes on named once the index knows it, before the next batch', () => {
    const bench = new Bench()
    bench.index.add(podOf('known', { namespace: 'shop', ips: ['10.0.0.8'] }))
    bench.send([from('10.0.0.7', 1), from('10.0.0.8', 2), from('10.0.0.7', 3)])
    expect(bench.codes).toEqual([2])
    expect(bench.waiting).toBe(2)
    bench.index.add(YOUNG)
    bench.send([from('10.0.0.7', 4)])
    expect(bench.seen.map(({ code, source }) => [code, source])).toEqual([
      [2, 'known'],
      [1, 'page-v1'],
      [3, 'page-v1'],
      [4, 'page-v1'],
    ])
    expect([bench.held('resolved'), bench.waiting]).toEqual([2, 0])
    expect(bench.settings.telemetry.value('meshscope_mesh_entries')).toBe(4)
  })

  test('goes on without another batch, too', () => {
    const bench = new Bench()
    bench.send([from('10.0.0.7', 1)])
    bench.index.add(YOUNG)
    bench.settings.clock.advance(125)
    expect(bench.seen).toMatchObject([{ code: 1, source: 'page-v1' }])
    expect(bench.settings.clock.pendingTimers).toBe(0)
  })

  test('goes on as it is when its time is up, and then its address is not waited for again for a while', () => {
    const bench = new Bench()
    bench.send([from('10.0.0.7', 1)])
    bench.settings.clock.advance(400)
    bench.send([from('10.0.0.7', 2)])
    expect(bench.codes).toEqual([])
    bench.settings.clock.advance(100)
    expect(bench.seen).toMatchObject([{ code: 1, source: '' }])
    bench.send([from('10.0.0.7', 3)])
    expect(bench.codes).toEqual([1, 3])
    bench.settings.clock.advance(400)
    expect(bench.codes).toEqual([1, 3, 2])
    expect([bench.held('unresolved'), bench.held('resolved')]).toEqual([2, 0])
    bench.settings.clock.advance(60_000)
    bench.index.add(podOf('unrelated', { ips: ['10.0.0.9'] }))
    bench.send([from('10.0.0.7', 4)])
    expect(bench.waiting).toBe(1)
  })

  test('keeps its strings, its times and its bytes while its receiver uses its memory again', () => {
    const bench = new Bench()
    const strings = new ByteInterner()
    const builder = new BatchBuilder(strings)
    const bytes = Uint8Array.of(0x0a, 0x02, 0x08, 0x07)
    const startMs = 1_700_000_001_234
    const entry = { ...from('10.0.0.7', 1), authority: 'reviews', startMs, bytes, durationNs: 5e6 }
    const seen: unknown[] = []
    const settings = { ...bench.settings, shared: () => bench.index }
    const next = {
      consume: (logs: AccessLogs): void => {
        for (let i = 0; i < logs.length; i++) {
          const own = logs.message.subarray(logs.entryAt[i], logs.entryEnd[i])
          seen.push([logs.origin, logs.strings.text(logs.authority[i] as number), logs.startMs(i), logs.duration[i], logs.receivedMs, [...own]])
        }
      },
    }
    const mesh = new MeshProcessor(settings, { ...MESH_DEFAULTS, resolve_delay: '1s' }, next)
    mesh.start()
    const batch = builder.batch(sidecar, [entry])
    batch.receivedMs = 42
    void mesh.consume(batch)
    strings.renew()
    bytes.fill(0)
    void mesh.consume(builder.batch(other, [{ cluster: 'outbound|1||x', authority: 'something else' }]))
    seen.length = 0
    bench.index.add(YOUNG)
    void mesh.consume(builder.batch(other, []))
    expect(seen).toEqual([[sidecar, 'reviews', startMs, 5e6, 42, [0x0a, 0x02, 0x08, 0x07]]])
  })

  test('leaves in batches of one stream each, oldest first', () => {
    const bench = new Bench()
    bench.send([from('10.0.0.7', 1), from('10.0.0.7', 2)])
    bench.send([from('10.0.0.7', 3)], other)
    bench.send([from('10.0.0.7', 4)])
    bench.index.add(YOUNG)
    bench.settings.clock.advance(200)
    expect(bench.codes).toEqual([1, 2, 3, 4])
    expect(bench.seen.map(({ destination }) => destination)).toEqual(['reviews-v1', 'reviews-v1', 'ratings-v1', 'reviews-v1'])
    expect(new Set(bench.seen.map(({ batch }) => batch)).size).toBe(3)
  })

  test('makes room for newer ones beyond held_entries_max', () => {
    const bench = new Bench({ held_entries_max: 16 })
    bench.send(Array.from({ length: 20 }, (_, i) => from('10.0.0.7', i)))
    expect(bench.codes).toEqual([0, 1, 2, 3])
    expect([bench.held('overflow'), bench.waiting]).toEqual([4, 16])
    bench.index.add(YOUNG)
    bench.settings.clock.advance(125)
    expect(bench.codes).toEqual(Array.from({ length: 20 }, (_, i) => i))
  })

  test('goes on at shutdown, and nothing waits afterwards', () => {
    const bench = new Bench()
    bench.send([from('10.0.0.7', 1)])
    bench.mesh.shutdown()
    bench.send([from('10.0.0.7', 2)])
    bench.mesh.shutdown()
    expect([bench.codes, bench.held('shutdown'), bench.settings.clock.pendingTimers]).toEqual([[1, 2], 1, 0])
  })

  test('is counted as lost when it is refused, and the batch after it is not', () => {
    const bench = new Bench()
    bench.send([from('10.0.0.7', 1)])
    bench.refusesFrom = 1
    bench.settings.clock.advance(500)
    bench.refusesFrom = Number.POSITIVE_INFINITY
    bench.send([from('10.0.0.7', 2)])
    expect([bench.codes, bench.held('unresolved'), bench.held('refused')]).toEqual([[2], 1, 1])
    expect(bench.settings.log.lines).toMatchObject([{ level: 'warn', fields: { dropped: 1, error: 'queue full' } }])
  })
})

test.for([
  { name: 'of a node', direct: '192.168.0.1:1' },
  { name: 'of the same host', direct: '127.0.0.1:1' },
  { name: 'without an address', direct: 'internal:' },
])('an entry $name does not wait', ({ direct }) => {
  const bench = new Bench()
  bench.index.add({ kind: 'node', uid: 'n', name: 'n', ips: ['192.168.0.1'], labels: {}, annotations: {} })
  bench.send([{ cluster: 'inbound|9080||', direct, code: 1 }])
  expect([bench.codes, bench.waiting]).toEqual([[1], 0])
})

test('nothing waits without a delay, or without an index', () => {
  const bench = new Bench({ resolve_delay: '0s' })
  bench.send([from('10.0.0.7', 1)])
  const without = new Bench({ kubernetes: 'never' })
  without.send([from('10.0.0.7', 1)])
  expect([bench.codes, without.codes]).toEqual([[1], [1]])
})

test('a delay beyond a minute is a problem', () => {
  expect(config.check?.({ ...MESH_DEFAULTS, resolve_delay: '2m' })).toMatchObject([{ path: ['resolve_delay'], problem: 'out of range', found: '2m' }])
  expect(config.check?.({ ...MESH_DEFAULTS, resolve_delay: '60s' })).toEqual([])
})
