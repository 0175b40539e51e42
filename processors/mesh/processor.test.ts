import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { RefusedError } from '../../component/consumer.ts'
import { ByteInterner } from '../../lib/intern.ts'
import { type AccessLogs, EntryClass, type StreamOrigin } from '../../model/access_logs.ts'
import type { Edge } from '../../model/edges.ts'
import { RefusingConsumer } from '../../test/fakes/consumers.ts'
import { FakeIdentityIndex } from '../../test/fakes/identity.ts'
import { fakeSettings } from '../../test/fakes/settings.ts'
import { MeshProcessor } from './processor.ts'
import {
  analyse,
  anyStruct,
  anyText,
  anyWrapped,
  BatchBuilder,
  edgeOf,
  endpointOf,
  flatNode,
  MESH_DEFAULTS,
  meshForTest,
  nodeOf,
  originOf,
  podOf,
  serviceOf,
  type TestEntry,
} from './testing.ts'

const sidecar = originOf({
  id: 'sidecar~10.0.0.1~reviews-v1-x.shop~shop.svc.cluster.local',
  metadata: { NAMESPACE: 'shop', WORKLOAD_NAME: 'reviews-v1', LABELS: { 'service.istio.io/canonical-name': 'reviews' } },
})
const RATINGS = 'outbound|9080||ratings.shop.svc.cluster.local'

test('hands every batch on, also an empty one, with all rows classified', () => {
  const { mesh, settings } = meshForTest()
  const builder = new BatchBuilder()
  void mesh.consume(builder.batch(sidecar, []))
  const logs = builder.batch(sidecar, [{ cluster: RATINGS }, { cluster: 'xds-grpc' }, { tcp: true, type: 14, cluster: RATINGS }])
  void mesh.consume(logs)
  expect([...logs.entryClass.subarray(0, 3)]).toEqual([EntryClass.final, EntryClass.infrastructure, EntryClass.start])
  expect([...logs.edge.subarray(0, 3)].map((edge) => edge > 0)).toEqual([true, false, true])
  expect(settings.telemetry.value('meshscope_mesh_entries')).toBe(3)
  expect(settings.telemetry.value('meshscope_mesh_entries', { processor: 'mesh', class: 'final' })).toBe(1)
  expect(settings.telemetry.value('meshscope_mesh_evidence', { side: 'service', evidence: 'cluster' })).toBe(1)
  expect(settings.telemetry.value('meshscope_mesh_origins', { role: 'sidecar' })).toBe(1)
})

test('passes a consumer’s refusal on to the receiver', () => {
  const next = new RefusingConsumer<AccessLogs>(new RefusedError('queue full'))
  const mesh = new MeshProcessor(fakeSettings('processor', 'mesh'), MESH_DEFAULTS, next)
  const logs = new BatchBuilder().batch(sidecar, [{}])
  expect(() => void mesh.consume(logs)).toThrow('queue full')
  expect(next.refused).toBe(1)
})

test('counts entries of which it is not known who reported them', () => {
  const { mesh, settings } = meshForTest()
  void mesh.consume(new BatchBuilder().batch(sidecar, [{}, { cluster: RATINGS }]))
  expect(settings.telemetry.value('meshscope_mesh_unclassified')).toBe(1)
})

test('learns from typed entries that entries without a type come from a listener', () => {
  const { mesh } = meshForTest()
  const builder = new BatchBuilder()
  const untyped: TestEntry = { tcp: true, type: 0, cluster: 'inbound|27017||' }
  const classes = [[untyped], [{ tcp: true, cluster: 'inbound|27017||' }], [untyped]].map((entries) => {
    const logs = builder.batch(sidecar, entries)
    void mesh.consume(logs)
    return logs.entryClass[0]
  })
  expect(classes).toEqual([EntryClass.final, EntryClass.final, EntryClass.duplicate])
})

test.for([
  { listener_logs: 'count' as const, expected: EntryClass.final },
  { listener_logs: 'ignore' as const, expected: EntryClass.duplicate },
  { listener_logs: 'auto' as const, expected: EntryClass.duplicate },
])('listener_logs: $listener_logs decides about a listener’s log of a present Envoy', ({ listener_logs, expected }) => {
  const modern = originOf({ id: 'edge', cluster: 'edge', version: [1, 40] })
  expect(analyse(modern, { tcp: true, type: 0, cluster: 'db' }, { config: { listener_logs } }).entryClass).toBe(expected)
})

test('a name that is infrastructure to Istio may be a service elsewhere', () => {
  expect(analyse(sidecar, { cluster: 'agent' }).entryClass).toBe(EntryClass.infrastructure)
  expect(analyse(originOf({ id: 'edge' }), { cluster: 'agent' }).entryClass).toBe(EntryClass.final)
  expect(analyse(sidecar, { tagCluster: 'agent' }).entryClass).toBe(EntryClass.infrastructure)
})

describe('remembering', () => {
  test('the same facts have the same edge, and are analysed once', () => {
    const { mesh, settings } = meshForTest()
    const builder = new BatchBuilder()
    const rows = Array.from({ length: 500 }, (_, i) => ({ cluster: RATINGS, authority: `host-${i}`, direct: `10.1.${i >> 8}.${i & 255}:1`, code: i }))
    const logs = builder.batch(sidecar, rows)
    void mesh.consume(logs)
    expect(new Set(logs.edge.subarray(0, rows.length)).size).toBe(1)
    expect(settings.telemetry.value('meshscope_mesh_resolutions')).toBe(1)
  })

  test('a new epoch of strings starts over', () => {
    const strings = new ByteInterner()
    const builder = new BatchBuilder(strings)
    const { mesh } = meshForTest()
    void mesh.consume(builder.batch(sidecar, [{ cluster: RATINGS }]))
    strings.renew()
    const logs = builder.batch(sidecar, [{ cluster: 'outbound|9080||details.shop.svc.cluster.local' }])
    void mesh.consume(logs)
    expect(edgeOf(logs, 0).service.name).toBe('details')
  })

  test('two receivers with strings of their own do not disturb each other', () => {
    const { mesh, settings } = meshForTest()
    const one = new BatchBuilder()
    const two = new BatchBuilder()
    for (let round = 0; round < 3; round++) {
      const first = one.batch(sidecar, [{ cluster: RATINGS }])
      void mesh.consume(first)
      expect(edgeOf(first, 0).service.name).toBe('ratings')
      const second = two.batch(sidecar, [{ cluster: 'outbound|9080||details.shop.svc.cluster.local' }])
      void mesh.consume(second)
      expect(edgeOf(second, 0).service.name).toBe('details')
    }
    expect(settings.telemetry.value('meshscope_mesh_resolutions')).toBe(2)
  })

  test('over edges_max all edges are forgotten between two batches, and a new epoch begins', () => {
    const { mesh, settings } = meshForTest({ edges_max: 100 })
    const builder = new BatchBuilder()
    const many = Array.from({ length: 150 }, (_, i) => ({ cluster: `outbound|80||s${i}.shop.svc.cluster.local` }))
    const first = builder.batch(sidecar, many)
    void mesh.consume(first)
    const epoch = first.edges?.epoch
    expect(first.edges?.size).toBe(151)
    expect(edgeOf(first, 149).service.name).toBe('s149')
    const second = builder.batch(sidecar, [{ cluster: RATINGS }])
    void mesh.consume(second)
    expect(second.edges?.size).toBe(2)
    expect(second.edges?.epoch).toBe((epoch ?? 0) + 1)
    expect(edgeOf(second, 0).service.name).toBe('ratings')
    expect(settings.telemetry.value('meshscope_mesh_edge_renewals')).toBe(1)
  })
})

/** An index in which an address changes hands at `changedMs`. */
function changingAddress(changedMs: number): FakeIdentityIndex {
  const index = new FakeIdentityIndex()
  index.changedMs = changedMs
  return index.add(podOf('old', { namespace: 'shop', ips: ['10.0.0.7'] }), 0, changedMs).add(podOf('new', { namespace: 'shop', ips: ['10.0.0.7'] }), changedMs)
}

describe('addresses', () => {
  const CHANGED = 1_700_000_000_000
  const at = (startMs: number): TestEntry => ({ cluster: 'inbound|9080||', direct: '10.0.0.7:40000', startMs })

  test('an entry is named by the owner of the address at its own time, in any order', () => {
    const { mesh, settings } = meshForTest({}, changingAddress(CHANGED))
    const times = [CHANGED + 10, CHANGED - 10, CHANGED + 20, CHANGED - 20, CHANGED]
    const logs = new BatchBuilder().batch(sidecar, times.map(at))
    void mesh.consume(logs)
    expect(times.map((_, i) => edgeOf(logs, i).source.workload)).toEqual(['new', 'old', 'new', 'old', 'new'])
    expect(settings.telemetry.value('meshscope_mesh_resolutions')).toBe(3)
  })

  test('an answer about the past is not kept for the present', () => {
    const { mesh } = meshForTest({}, changingAddress(CHANGED))
    const logs = new BatchBuilder().batch(sidecar, [at(CHANGED - 10), at(CHANGED + 10)])
    void mesh.consume(logs)
    expect([edgeOf(logs, 0).source.workload, edgeOf(logs, 1).source.workload]).toEqual(['old', 'new'])
  })

  test('an answer that has ended is kept for its time, and gives way to a newer one', () => {
    const { mesh, settings } = meshForTest({}, changingAddress(CHANGED))
    const times = [CHANGED - 30, CHANGED - 20, CHANGED - 10, CHANGED, CHANGED + 10]
    const logs = new BatchBuilder().batch(sidecar, times.map(at))
    void mesh.consume(logs)
    expect(times.map((_, i) => edgeOf(logs, i).source.workload)).toEqual(['old', 'old', 'old', 'new', 'new'])
    expect(settings.telemetry.value('meshscope_mesh_resolutions')).toBe(2)
  })

  test('nobody is kept only where nobody has had the address since', () => {
    const index = new FakeIdentityIndex().add(podOf('new', { namespace: 'shop', ips: ['10.0.0.7'] }), CHANGED)
    index.changedMs = CHANGED + 5
    const { mesh } = meshForTest({}, index)
    const logs = new BatchBuilder().batch(sidecar, [at(CHANGED - 10), at(CHANGED + 10), at(CHANGED - 10)])
    void mesh.consume(logs)
    expect([0, 1, 2].map((i) => edgeOf(logs, i).source.workload)).toEqual(['', 'new', ''])
  })

  test('entries without a time are named as of when they were received', () => {
    const { mesh } = meshForTest({}, changingAddress(CHANGED))
    const logs = new BatchBuilder().batch(sidecar, [at(CHANGED - 10), at(0)])
    logs.receivedMs = CHANGED + 10
    void mesh.consume(logs)
    expect([0, 1].map((i) => edgeOf(logs, i).source.workload)).toEqual(['old', 'new'])
  })

  test('a change of the index makes it ask again', () => {
    const index = new FakeIdentityIndex()
    const { mesh, settings } = meshForTest({}, index)
    const builder = new BatchBuilder()
    const workloadNow = (): string => {
      const logs = builder.batch(sidecar, [at(CHANGED + 10)])
      void mesh.consume(logs)
      return edgeOf(logs, 0).source.workload
    }
    expect([workloadNow(), workloadNow()]).toEqual(['', ''])
    expect(settings.telemetry.value('meshscope_mesh_resolutions')).toBe(1)
    index.add(podOf('new', { namespace: 'shop', ips: ['10.0.0.7'] }), CHANGED)
    expect(workloadNow()).toBe('new')
  })

  test('with kubernetes: never the index is not asked', () => {
    const { mesh } = meshForTest({ kubernetes: 'never' }, changingAddress(CHANGED))
    const logs = new BatchBuilder().batch(sidecar, [at(CHANGED + 10)])
    void mesh.consume(logs)
    expect(edgeOf(logs, 0).source).toMatchObject({ workload: '', addressClass: '' })
  })
})

const LABELS = { 'service.istio.io/canonical-name': 'page' }
const peers = [
  anyStruct({ workload: 'page-v1', namespace: 'shop' }),
  anyStruct({ workload: 'ratings-v1', namespace: 'other' }),
  anyWrapped(flatNode({ name: 'p', namespace: 'shop', owner: '', workload: 'page-v2', cluster: 'c' }, LABELS)),
  anyText('unknown'),
  Uint8Array.of(255, 255, 255),
]
const sans = ['spiffe://td/ns/shop/sa/a', 'spiffe://td/ns/other/sa/b', 'https://x', 'spiffe://']
const addresses = ['10.0.0.1:80', '10.0.0.7:80', '127.0.0.1:80', '10.96.0.1:9080', 'internal:10.0.0.7:80', 'internal:', '[::1]:1']
const clusters = [
  RATINGS,
  'inbound|9080||',
  'PassthroughCluster',
  'BlackHoleCluster',
  'xds-grpc',
  'outbound_.80_._.a.b.svc.cluster.local',
  'inbound-vip|80|tcp|a.shop.svc.x',
  'backend',
  '|||',
  'local_app',
]
const hosts = ['ratings', 'reviews.shop:80', 'example.com', '127.0.0.1:1', '☃', 'a..b']

const of = <T>(values: readonly T[]) => fc.option(fc.constantFrom(...values), { nil: undefined, freq: 2 })
const entryArbitrary: fc.Arbitrary<TestEntry> = fc
  .record({
    tcp: fc.boolean(),
    type: fc.integer({ min: 0, max: 15 }),
    flags: fc.constantFrom(0, 1 << 8, 2, -1 >>> 0),
    code: fc.constantFrom(0, 200, 503),
    durationNs: fc.constantFrom(Number.NaN, 0, 1e6),
    startMs: fc.constantFrom(0, 1_699_999_999_000, 1_700_000_001_000),
    certificates: fc.integer({ min: 0, max: 3 }),
    cluster: of(clusters),
    tagCluster: of(clusters),
    route: of(['block_all', 'allow_any', 'default']),
    authority: of(hosts),
    sni: of(['outbound_.80_._.reviews.shop.svc.cluster.local', 'www']),
    localSan: of(sans),
    peerSan: of(sans),
    tagPrincipal: of(sans),
    upstreamPeer: of(peers),
    downstreamPeer: of(peers),
    peerPrincipal: of(sans.map(anyText)),
    localPrincipal: of(peers),
    downstreamFailure: of(['TLS_error']),
    local: of(addresses),
    remote: of(addresses),
    direct: of(addresses),
    upstream: of(addresses),
  })
  .map((entry) => Object.fromEntries(Object.entries(entry).filter(([, value]) => value !== undefined)))

/** What of an entry changes while the rest stays: the facts that are remembered apart. */
const changeArbitrary: fc.Arbitrary<TestEntry> = fc.oneof(
  fc.record({ authority: fc.constantFrom(...hosts) }),
  fc.record({ route: fc.constantFrom('block_all', 'default') }),
  fc.record({ sni: fc.constantFrom('outbound_.80_._.reviews.shop.svc.cluster.local', 'outbound_.80_._.other.shop.svc.cluster.local') }),
  fc.record({ tagCluster: fc.constantFrom(...clusters) }),
  fc.record({ tagPrincipal: fc.constantFrom(...sans) }),
  fc.record({ peerPrincipal: fc.constantFrom(...sans.map(anyText)) }),
  fc.record({ localPrincipal: fc.constantFrom(...sans.map(anyText)) }),
  fc.record({ local: fc.constantFrom(...addresses) }),
  fc.record({ remote: fc.constantFrom(...addresses) }),
  fc.record({ direct: fc.constantFrom(...addresses) }),
  fc.record({ upstream: fc.constantFrom(...addresses) }),
  fc.record({ startMs: fc.constantFrom(0, 1_699_999_999_000, 1_700_000_001_000) }),
)

/** Rows that are variations of one. */
const familyArbitrary: fc.Arbitrary<readonly TestEntry[]> = fc
  .tuple(entryArbitrary, fc.array(fc.array(changeArbitrary, { minLength: 0, maxLength: 2 }), { minLength: 1, maxLength: 14 }))
  .map(([entry, changes]) => changes.map((some) => Object.assign({}, entry, ...some) as TestEntry))

const origins: readonly StreamOrigin[] = [
  sidecar,
  originOf({ id: 'router~10.0.0.9~g.infra~infra.svc.cluster.local' }),
  originOf({ id: 'waypoint~10.0.0.8~w.shop~shop.svc.cluster.local' }),
  originOf({ id: 'edge', cluster: 'edge' }),
  originOf({}),
]

const NAMING = { service: '${LABELS.app,SERVICE}.${pod.metadata.namespace}', service_entry: '', instance: '${NAME}', rules_file: '' }

function facts(edge: Edge): object {
  return { ...edge, index: 0 }
}

test('never throws, always gives an edge, and remembering changes no answer', () => {
  const index = changingAddress(1_700_000_000_000)
    .add(serviceOf('vip', 'shop', { addresses: ['10.96.0.1'], ports: [9080] }))
    .add(serviceOf('reviews', 'shop', { ports: [80] }), 1_699_999_999_500)
    .add(endpointOf('reviews', 'shop', '10.0.0.1', { ports: [80] }))
    .add(nodeOf('n', '::1'))
    .add(podOf('ratings-v1', { namespace: 'shop', ips: ['10.0.0.9'], name: 'p' }))
  const options = { config: { listener_logs: 'count' as const, naming: NAMING }, index }
  fc.assert(
    fc.property(fc.constantFrom(...origins), fc.array(familyArbitrary, { minLength: 1, maxLength: 3 }), (origin, families) => {
      const { mesh } = meshForTest(options.config, index)
      const builder = new BatchBuilder()
      for (const entries of families) {
        const logs: AccessLogs = builder.batch(origin, entries)
        void mesh.consume(logs)
        for (const [i, entry] of entries.entries()) {
          const alone = analyse(origin, entry, options)
          expect(logs.entryClass[i]).toBe(alone.entryClass)
          expect(facts(edgeOf(logs, i))).toEqual(facts(alone.edge))
        }
      }
    }),
    { numRuns: 250 },
  )
}, 30_000)
