import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { AccessLogs } from '../../model/access_logs.ts'
import { SharedIdentityIndex } from '../../model/identity/shared_index.ts'
import { IdentityStore } from '../../model/identity/store.ts'
import { fakeSettings } from '../../test/fakes/settings.ts'
import { identityNeeds } from './needs.ts'
import { MeshProcessor } from './processor.ts'
import { analyse, BatchBuilder, edgeOf, endpointOf, MESH_DEFAULTS, meshForTest, originOf, podOf, serviceOf, type TestEntry } from './testing.ts'

const T0 = 1_700_000_000_000
const sidecar = originOf({
  id: 'sidecar~10.0.0.1~reviews-v1-x.shop~shop.svc.cluster.local',
  metadata: { NAMESPACE: 'shop', WORKLOAD_NAME: 'reviews-v1', LABELS: {} },
})
const at = (startMs: number, ip = '10.0.0.7', code = 200): TestEntry => ({ cluster: 'inbound|9080||', direct: `${ip}:4000`, startMs, code })

/** The store as the watching thread has it, and the view of one worker. */
class Cluster {
  readonly index = new SharedIdentityIndex()
  readonly #store: IdentityStore

  constructor() {
    const limits = { memoryMibMax: 16, rememberGoneMs: 60_000, clockSkewMs: 0, isClusterWide: true }
    this.#store = new IdentityStore({ ...limits, lookups: identityNeeds(MESH_DEFAULTS).lookups })
    for (const source of ['pods', 'services', 'endpointslices'] as const) {
      this.#store.beginList(source)
      this.#store.endList(source, T0)
    }
    this.#store.setSynced(true)
    this.publish(T0)
  }

  publish(nowMs: number): void {
    this.#store.publish(nowMs)
    this.index.attach(this.#store.handles)
  }

  pod(name: string, ip: string, startedMs: number): this {
    this.#store.put('pods', `shop/${name}`, [podOf(name, { uid: name, namespace: 'shop', name, ips: [ip], createdMs: startedMs, startedMs })], startedMs)
    this.publish(startedMs)
    return this
  }

  gone(name: string, atMs: number): this {
    this.#store.remove('pods', `shop/${name}`, atMs, name)
    this.publish(atMs)
    return this
  }

  service(name: string, address: string, endpoint: string): this {
    this.#store.put('services', `shop/${name}`, [serviceOf(name, 'shop', { addresses: [address], ports: [9080] })], T0)
    this.#store.put('endpointslices', `shop/${name}-x`, [endpointOf(name, 'shop', endpoint, { ports: [9080] })], T0)
    this.publish(T0)
    return this
  }
}

function sourcesOf(mesh: MeshProcessor, entries: readonly TestEntry[]): readonly string[] {
  const logs = new BatchBuilder().batch(sidecar, entries)
  void mesh.consume(logs)
  return entries.map((_, i) => edgeOf(logs, i).source.workload)
}

test('a late batch of an address that was used again goes to the pod that had it then', () => {
  const { index } = new Cluster()
    .pod('old', '10.0.0.7', T0)
    .gone('old', T0 + 1000)
    .pod('new', '10.0.0.7', T0 + 2000)
  const { mesh, settings } = meshForTest({}, index)
  expect(sourcesOf(mesh, [at(T0 + 2500), at(T0 + 500), at(T0 + 2600), at(T0 + 999), at(T0 + 1500)])).toEqual(['new', 'old', 'new', 'old', 'old'])
  expect(settings.telemetry.value('meshscope_mesh_evidence', { side: 'source', evidence: 'address' })).toBe(5)
})

test('what is remembered stays through changes that nobody here asked about', () => {
  const cluster = new Cluster().pod('page', '10.0.0.7', T0)
  const { mesh, settings } = meshForTest({}, cluster.index)
  const builder = new BatchBuilder()
  const workload = (startMs: number): string => {
    const logs = builder.batch(sidecar, [at(startMs)])
    void mesh.consume(logs)
    return edgeOf(logs, 0).source.workload
  }
  expect(workload(T0 + 1)).toBe('page')
  for (let i = 0; i < 20; i++) {
    cluster.pod(`other-${i}`, `10.0.1.${i}`, T0 + 10 + i)
    expect(workload(T0 + 10 + i)).toBe('page')
  }
  expect(settings.telemetry.value('meshscope_mesh_resolutions')).toBe(1)
  cluster.gone('page', T0 + 100).pod('next', '10.0.0.7', T0 + 200)
  expect([workload(T0 + 300), workload(T0 + 50)]).toEqual(['next', 'page'])
})

test('services are found by their virtual address and behind the server', () => {
  const { index } = new Cluster().service('ratings', '10.96.0.5', '10.0.0.9').service('reviews', '10.96.0.6', '10.0.0.1')
  const called = { direct: '10.0.0.1:1', local: '10.96.0.5:9080', startMs: T0 + 1 }
  expect(analyse(sidecar, called, { index }).edge.service).toMatchObject({ host: 'ratings.shop.svc.cluster.local', evidence: 'address' })
  expect(analyse(sidecar, at(T0 + 1), { index }).edge.service).toMatchObject({ host: 'reviews.shop.svc.cluster.local', evidence: 'endpoints' })
})

test('an entry that came before its pod waits for it', () => {
  const cluster = new Cluster()
  const settings = fakeSettings('processor', 'mesh')
  const seen: (readonly [number, string])[] = []
  const next = {
    consume: (logs: AccessLogs): void => {
      for (let i = 0; i < logs.length; i++) seen.push([logs.responseCode[i] as number, edgeOf(logs, i).source.workload])
    },
  }
  const mesh = new MeshProcessor({ ...settings, shared: () => cluster.index }, { ...MESH_DEFAULTS, resolve_delay: '1s' }, next)
  mesh.start()
  void mesh.consume(new BatchBuilder().batch(sidecar, [at(T0 + 100, '10.0.0.7', 1), at(T0 + 101, '10.0.0.7', 2)]))
  expect(seen).toEqual([])
  cluster.pod('page', '10.0.0.7', T0 + 50)
  settings.clock.advance(100)
  expect(seen).toEqual([
    [1, 'page'],
    [2, 'page'],
  ])
  mesh.shutdown()
})

/** Lives of pods that take one of few addresses in turn, and batches of entries in between, early and late ones. */
const steps = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('begin' as const), ip: fc.nat(2) }),
    fc.record({ kind: fc.constant('end' as const), ip: fc.nat(2) }),
    fc.record({ kind: fc.constant('entries' as const), ip: fc.nat(2), ageSteps: fc.array(fc.nat(12), { minLength: 1, maxLength: 6 }) }),
  ),
  { maxLength: 40 },
)
const STEP_MS = 1000

test('through all changes of owners every entry is named as a look-up of its own would name it', () => {
  fc.assert(
    fc.property(steps, (story) => {
      const cluster = new Cluster()
      const { mesh } = meshForTest({}, cluster.index)
      const builder = new BatchBuilder()
      const owners = new Map<number, string>()
      for (const [n, step] of story.entries()) {
        const nowMs = T0 + (n + 1) * STEP_MS
        const ip = `10.0.0.${step.ip}`
        const owner = owners.get(step.ip)
        if (step.kind === 'entries') {
          const entries = step.ageSteps.map((age) => at(nowMs - age * STEP_MS, ip))
          const logs = builder.batch(sidecar, entries)
          void mesh.consume(logs)
          for (const [i, entry] of entries.entries()) {
            const found = cluster.index.byAddress(ip, 0, entry.startMs ?? 0)?.value
            expect(edgeOf(logs, i).source.pod).toBe(found?.kind === 'pod' ? found.name : '')
          }
        } else if (step.kind === 'end' && owner !== undefined) {
          cluster.gone(owner, nowMs)
          owners.delete(step.ip)
        } else if (step.kind === 'begin' && owner === undefined) {
          cluster.pod(`pod-${n}`, ip, nowMs)
          owners.set(step.ip, `pod-${n}`)
        }
      }
    }),
    { numRuns: 50 },
  )
}, 30_000)
