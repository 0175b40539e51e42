import { afterEach, describe, expect, test } from 'vitest'
import { FakeKubeApi } from '../../cmd/meshscope/simulate/kube_api/server.ts'
import type { IngestPeer } from '../../component/link.ts'
import type { Counter, Gauge } from '../../component/telemetry.ts'
import type { K8sMetadataConfig } from '../../extensions/k8s_metadata/config.ts'
import type { ExplainAnswer } from '../../extensions/k8s_metadata/explainer.ts'
import { K8sMetadata } from '../../extensions/k8s_metadata/extension.ts'
import { k8sMetadataExtension } from '../../extensions/k8s_metadata/factory.ts'
import { K8sMetadataIngest } from '../../extensions/k8s_metadata/ingest.ts'
import { apiObject, checked, meshPod, needing } from '../../extensions/k8s_metadata/testing.ts'
import type { IdentityHandles } from '../../model/identity/handles.ts'
import { FakeHost, type FakeSettings, fakeSettings } from '../fakes/settings.ts'
import { FakeTelemetry } from '../fakes/telemetry.ts'

const opened: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of opened.splice(0).toReversed()) await close()
})

const NEEDS = needing({ lookups: ['address', 'pod_name', 'host', 'endpoints'], resources: ['pods', 'services'], podLabels: [{ key: 'app' }] })
const WORKER = new URL('../../extensions/k8s_metadata/watch_worker.ts', import.meta.url)
const HOST = 'cart.shop.svc.cluster.local'

interface Opened {
  readonly extension: K8sMetadata
  readonly host: FakeHost
  readonly settings: FakeSettings
  readonly started: Promise<void>
}

function open(
  set: Partial<K8sMetadataConfig>,
  more: { readonly uses?: readonly unknown[]; readonly env?: Record<string, string>; readonly worker?: URL; readonly isReload?: boolean } = {},
): Opened {
  const settings = { ...fakeSettings('extension', 'k8s_metadata'), telemetry: new HeardTelemetry() }
  const { uses = [NEEDS], env = {}, worker = WORKER, isReload = false } = more
  const extension = new K8sMetadata(settings, checked({ auth_type: 'none', scope: 'cluster', ...set }), {
    uses,
    env,
    workerEntry: worker,
    isReload,
  })
  const host = new FakeHost()
  opened.push(async () => extension.shutdown({ signal: AbortSignal.timeout(2000) }))
  return { extension, host, settings, started: extension.start(host) }
}

async function startApi(): Promise<FakeKubeApi> {
  const api = new FakeKubeApi()
  await api.start()
  opened.push(() => api.stop())
  api.create('pods', meshPod(1))
  api.create('services', apiObject('cart', { spec: { clusterIP: '10.96.0.1', ports: [{ port: 80 }] } }))
  return api
}

/** Resolves when `isSo`; looked at whenever the watch thread has told something, which is every second at least. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) {
    await new Promise<void>((resolve) => {
      waiting.add(resolve)
    })
  }
}

const waiting = new Set<() => void>()

/** Tells those who wait that something was counted or shown. */
class HeardTelemetry extends FakeTelemetry {
  override counter(...args: Parameters<FakeTelemetry['counter']>): Counter {
    const counter = super.counter(...args)
    return { add: (value) => (counter.add(value), this.#tell()) }
  }

  override gauge(...args: Parameters<FakeTelemetry['gauge']>): Gauge {
    const gauge = super.gauge(...args)
    return { set: (value) => (gauge.set(value), this.#tell()) }
  }

  #tell(): void {
    for (const wake of waiting) wake()
    waiting.clear()
  }
}

/** An ingest half whose messages arrive at once. */
function ingest(extension: K8sMetadata, life: number): { readonly half: K8sMetadataIngest; readonly settings: FakeSettings } {
  const settings = fakeSettings('extension', 'k8s_metadata')
  const peer: IngestPeer = { worker: 0, life, send: (message) => half.receive(message as IdentityHandles) }
  const half: K8sMetadataIngest = new K8sMetadataIngest(settings, { worker: 0, send: (hello) => extension.receive(hello, peer) })
  half.start()
  return { half, settings }
}

async function ask(
  host: FakeHost,
  query: string,
  init: RequestInit = {},
): Promise<{ readonly status: number; readonly body: ExplainAnswer & { readonly error: string } }> {
  const response = await fetch(`http://127.0.0.1:${host.listeners[0]?.port}${query}`, init)
  return { status: response.status, body: (await response.json()) as ExplainAnswer & { readonly error: string } }
}

test('every thread looks into the one index, whenever it joins', async () => {
  const api = await startApi()
  const { extension, started } = open({ api_server: api.url })
  const early = ingest(extension, 1)
  await started
  await until(() => extension.shared.isSynced)
  const late = ingest(extension, 2)
  const now = Date.now()
  for (const index of [extension.shared, early.half.shared, late.half.shared])
    expect(index.byAddress('10.8.0.1', 0, now)?.value).toMatchObject({ kind: 'pod', workload: { name: 'cart' } })
  expect(api.count('watch', 'pods')).toBe(1)
  late.half.shared.byAddress('192.0.2.1', 0, now)
  late.settings.clock.advance(1000)
  expect(late.settings.telemetry.value('meshscope_k8s_lookups', { kind: 'address', outcome: 'hit' })).toBe(1)
  expect(late.settings.telemetry.value('meshscope_k8s_lookups', { kind: 'address', outcome: 'miss' })).toBe(1)
  late.half.shutdown()
})

test('its metrics tell what is there and what came', async () => {
  const api = await startApi()
  const { extension, settings, started } = open({ api_server: api.url })
  await started
  const value = (name: string, labels: Record<string, string> = {}): number => settings.telemetry.value(`meshscope_k8s_${name}`, labels)
  await until(() => value('watches_synced') === 2 && value('objects', { kind: 'pod' }) === 1)
  expect(value('events', { resource: 'pods', type: 'listed' })).toBe(1)
  expect(value('received_bytes', { resource: 'pods' })).toBeGreaterThan(10_000)
  expect(value('index_bytes', { part: 'journal' })).toBeGreaterThan(0)
  expect(value('watches_failing')).toBe(0)
  api.delete('pods', 'shop', meshPod(1).metadata.name)
  await until(() => value('events', { resource: 'pods', type: 'deleted' }) === 1)
  expect(settings.log.lines.map(({ message }) => message)).toContain('everything watched has been listed')
  expect(extension.shared.isSynced).toBe(true)
})

describe('health', () => {
  test('is degraded while the API server is away, and the process stays ready', async () => {
    const api = await startApi()
    await api.stop()
    const { extension, host, settings, started } = open({ api_server: api.url })
    await started
    await until(() => host.statuses.length > 0)
    expect(host.statuses[0]).toMatchObject({ kind: 'recoverable_error', staysReady: true, error: expect.stringMatching(/refused.*since 20/) })
    await api.start()
    await until(() => host.statuses.at(-1)?.kind === 'ok')
    expect(extension.shared.isSynced).toBe(true)
    expect(settings.log.lines.map(({ message }) => message)).toEqual(expect.arrayContaining(['watch interrupted', 'watch goes on']))
  })

  test('names the right that is missing', async () => {
    const api = await startApi()
    api.deny('services', 'watch')
    const { host, started } = open({ api_server: api.url })
    await started
    await until(() => host.statuses.length > 0)
    expect(host.statuses[0]?.error).toContain('RBAC: missing watch on services')
  })
})

describe('the start', () => {
  test('waits for the first lists when it shall', async () => {
    const api = await startApi()
    const { extension, started } = open({ api_server: api.url, wait_for_metadata: true })
    await started
    expect(extension.shared.byAddress('10.8.0.1', 0, Date.now())?.value.kind).toBe('pod')
  })

  test('waits for them while an older graph is at work', async () => {
    const api = await startApi()
    const { extension, started } = open({ api_server: api.url }, { isReload: true })
    await started
    expect(extension.shared.isSynced).toBe(true)
  })

  test('goes on without them after a while', async () => {
    const api = await startApi()
    await api.stop()
    const { settings, started } = open({ api_server: api.url }, { uses: [{ ...NEEDS, waitForMetadataMs: 3000 }] })
    await until(() => settings.telemetry.value('meshscope_k8s_watches_failing') > 0)
    settings.clock.advance(3000)
    await started
    expect(settings.log.lines.at(-1)).toMatchObject({ level: 'warn', message: 'Kubernetes metadata is not complete yet; going on without' })
  })

  test('needs the name of the own node, and says how it gets there', async () => {
    const { started } = open({ scope: 'node' })
    await expect(started).rejects.toThrow(/node: not known, and environment variable K8S_NODE_NAME is not set\n.*\n.*fieldPath: spec.nodeName/)
  })

  test('takes the node from the config or from the environment', async () => {
    const api = await startApi()
    const set = { scope: 'node', api_server: api.url } as const
    await open(set, { env: { K8S_NODE_NAME: 'node-1' } }).started
    await open({ ...set, node: 'node-2' }).started
    await api.until(() => api.watches('pods').length === 2)
    const selectors = api.requests.filter(({ resource }) => resource === 'pods').map(({ query }) => query['fieldSelector'] ?? '')
    expect([...new Set(selectors)].sort()).toEqual(['spec.nodeName=node-1', 'spec.nodeName=node-2'])
  })

  test('watches nothing when nobody needs anything', async () => {
    const { settings, started, host } = open({}, { uses: [] })
    await started
    expect(settings.log.lines).toMatchObject([{ level: 'warn', message: 'nothing is watched: no component needs Kubernetes metadata' }])
    expect((await ask(host, '/explain?ip=10.0.0.1')).body).toMatchObject({
      answer: null,
      notes: [expect.stringContaining('no component'), 'nothing is watched yet'],
    })
  })

  test('with all pods of the cluster tells what that costs', async () => {
    const api = await startApi()
    const { settings, started } = open({ api_server: api.url, wait_for_metadata: true }, { env: { K8S_NODE_NAME: 'node-1' } })
    await started
    expect(settings.log.lines).toMatchObject([
      { level: 'info', message: 'watching the Kubernetes API', fields: { scope: 'cluster', resources: ['pods', 'services'] } },
      { level: 'warn', fields: { scope: 'cluster' } },
      { level: 'info', fields: { pods: 1, listMib: 1, kibPerPodChange: 69 } },
      { level: 'info', message: 'everything watched has been listed' },
    ])
  })
})

test('a thread that dies is started again, and the old index answers until the new one is complete', async () => {
  const worker = new URL('../fakes/dying_watch_worker.ts', import.meta.url)
  const api = await startApi()
  const { extension, host, settings, started } = open({ api_server: api.url, wait_for_metadata: true }, { worker })
  await started
  const release = Promise.withResolvers<void>()
  api.fail({ resource: 'services', fault: { kind: 'hold', until: release.promise } })
  api.delete('pods', 'shop', meshPod(1).metadata.name)
  await until(() => settings.telemetry.value('meshscope_k8s_events', { type: 'deleted' }) === 1)
  await ask(host, '/explain?ip=192.0.2.66')
  await until(() => host.statuses.at(-1)?.kind === 'recoverable_error')
  expect(host.statuses.at(-1)?.error).toMatch(/ended \(uncaught_error: told to die\) and is started again/)
  expect(settings.telemetry.value('meshscope_k8s_thread_restarts')).toBe(1)
  expect((await ask(host, '/explain?ip=10.8.0.1')).body.error).toContain('is being started again')
  settings.clock.advance(100)
  await until(() => host.statuses.at(-1)?.kind === 'ok')
  // The new thread does not know of the pod that is gone; the old index does, until services are listed too.
  expect(extension.shared.byAddress('10.8.0.1', 0, Date.now() - 1000)?.value.kind).toBe('pod')
  release.resolve()
  await until(() => extension.shared.byAddress('10.8.0.1', 0, Date.now() - 1000) === undefined)
  expect(extension.shared.serviceByHost(HOST)?.name).toBe('cart')
})

describe('explain', () => {
  test('answers what an address, a pod and a host are, and why', async () => {
    const api = await startApi()
    const { host, started } = open({ api_server: api.url, wait_for_metadata: true })
    await started
    const pod = meshPod(1).metadata.name
    const { body } = await ask(host, '/explain?ip=::ffff:10.8.0.1&port=8080&at=2026-01-01T10:00:00Z')
    expect(body).toMatchObject({
      question: { kind: 'ip', name: '10.8.0.1', port: 8080, timeMs: Date.UTC(2026, 0, 1, 10) },
      answer: { kind: 'pod', name: pod },
      claims: { owners: [{ object: { name: pod }, source: 'pods', fromMs: Date.UTC(2026, 0, 1, 0, 0, 1), untilMs: null, isWinner: true }] },
      notes: [],
      index: {
        isSynced: true,
        isClusterWide: true,
        watches: [
          { resource: 'pods', state: 'synced' },
          { resource: 'services', state: 'synced' },
        ],
      },
    })
    expect((await ask(host, `/explain?pod=shop/${pod}`)).body.answer).toMatchObject({ kind: 'pod', name: pod })
    expect((await ask(host, `/explain?host=${HOST.toUpperCase()}`)).body.answer).toMatchObject({ kind: 'service', name: 'cart' })
    expect((await ask(host, '/explain?ip=192.0.2.1')).body.answer).toBeNull()
  })

  test.for([
    { query: '/explain', status: 400, says: 'expected one of ip, pod and host' },
    { query: '/explain?ip=10.0.0.1&host=x', status: 400, says: 'expected one of ip, pod and host' },
    { query: '/explain?ip=10.0.0', status: 400, says: 'ip: not an IP address: 10.0.0' },
    { query: '/explain?ip=10.0.0.1&port=70000', status: 400, says: 'port: not a port: 70000' },
    { query: '/explain?ip=10.0.0.1&at=noon', status: 400, says: 'at: not a time: noon' },
    { query: '/explain?pod=x', status: 400, says: 'expected namespace/name' },
    { query: '/', status: 404, says: 'not here' },
  ])('tells off $query', async ({ query, status, says }) => {
    const { host, started } = open({}, { uses: [] })
    await started
    const answer = await ask(host, query)
    expect({ status: answer.status, error: answer.body.error }).toEqual({ status, error: expect.stringContaining(says) })
  })

  test('only reads', async () => {
    const { host, started } = open({}, { uses: [] })
    await started
    expect((await ask(host, '/explain?ip=10.0.0.1', { method: 'POST' })).status).toBe(405)
  })
})

test('its factory makes both halves, and names its port', () => {
  const settings = fakeSettings('extension', 'k8s_metadata')
  const view = { components: () => [], isReady: () => true, lastReload: () => undefined, startedAt: 0 }
  expect(k8sMetadataExtension.create(settings, checked(), view, []).shared).toBeDefined()
  expect(k8sMetadataExtension.ingest?.(settings, checked(), { worker: 0, send: () => {} }).shared).toBeDefined()
  expect(k8sMetadataExtension.listens?.(checked())).toEqual([{ network: 'tcp', address: '127.0.0.1:0', path: ['endpoint'] }])
})
