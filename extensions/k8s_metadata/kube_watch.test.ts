import { afterEach, expect, test } from 'vitest'
import { FakeKubeApi, type FakeKubeApiOptions } from '../../cmd/meshscope/simulate/kube_api/server.ts'
import { systemClock } from '../../lib/clock.ts'
import type { IdentityNeeds } from '../../model/identity/index.ts'
import { SharedIdentityIndex } from '../../model/identity/shared_index.ts'
import type { K8sMetadataConfig } from './config.ts'
import { KubeWatch } from './kube_watch.ts'
import { collectNeeds } from './needs.ts'
import { rightsFor } from './rights.ts'
import { apiObject, checked, meshPod, needing } from './testing.ts'
import type { ReflectorTimings } from './watch/reflector.ts'
import type { WatchReport } from './watch_protocol.ts'
import { planWatches } from './watches.ts'

const opened: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of opened.splice(0)) await close()
})

const EVERYTHING = needing({
  lookups: ['address', 'service_address', 'pod_uid', 'container', 'pod_name', 'host', 'endpoints'],
  resources: ['pods', 'nodes', 'namespaces', 'services', 'endpointslices', 'serviceentries', 'workloadentries'],
  podLabels: [{ key: 'app' }],
  containers: true,
})

async function startApi(options: FakeKubeApiOptions = {}): Promise<FakeKubeApi> {
  const api = new FakeKubeApi(options)
  await api.start()
  opened.push(() => api.stop())
  return api
}

/** A watch with an index that looks into its memory, in this thread. */
class OpenWatch {
  readonly index = new SharedIdentityIndex()
  readonly reports: WatchReport[] = []
  readonly watch: KubeWatch
  readonly #stop = new AbortController()
  readonly #done: Promise<void>
  readonly #waiters = new Set<() => void>()

  constructor(setup: {
    readonly server: string
    readonly needs?: IdentityNeeds
    readonly set?: Partial<K8sMetadataConfig>
    readonly access?: { readonly authType: 'kubeConfig'; readonly kubeConfigFile: string }
    readonly timings?: Partial<ReflectorTimings>
  }) {
    const { server, needs = EVERYTHING, set = { scope: 'cluster' }, timings } = setup
    const options = {
      access: { authType: 'none' as const, context: '', kubeConfigFile: '', server, ...setup.access },
      watches: planWatches(checked(set), needs, 'node-1'),
      needs,
      clusterDomain: 'cluster.local',
      isClusterWide: set.scope === 'cluster',
      startJitterMs: 0,
      rememberGoneMs: 60_000,
      clockSkewMs: 5000,
      memoryMibMax: 16,
    }
    this.watch = new KubeWatch(options, {
      clock: systemClock,
      random: () => 0,
      ...(timings === undefined ? {} : { timings }),
      send: (message) => {
        if (message.type === 'handles') this.index.attach(message.handles)
        if (message.type === 'report') this.reports.push(message.report)
        for (const look of this.#waiters) look()
      },
    })
    this.#done = this.watch.run(this.#stop.signal)
    opened.push(() => this.close())
  }

  async close(): Promise<void> {
    this.#stop.abort()
    await this.#done
  }

  get report(): WatchReport | undefined {
    return this.reports.at(-1)
  }

  /** Resolves when `isSo`; looked at whenever the thread would have told something, which is every second at least. */
  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      await new Promise<void>((resolve) => {
        this.#waiters.add(resolve)
      })
      this.#waiters.clear()
    }
  }

  synced(): Promise<void> {
    return this.until(() => this.index.isSynced)
  }
}

function fill(api: FakeKubeApi): void {
  api.create('nodes', { metadata: { name: 'node-1' }, status: { addresses: [{ type: 'InternalIP', address: '192.168.0.1' }] } })
  api.create('namespaces', { metadata: { name: 'shop', labels: { team: 'a' } } })
  for (const index of [1, 2]) api.create('pods', meshPod(index))
  api.create('services', apiObject('cart', { spec: { clusterIP: '10.96.0.1', clusterIPs: ['10.96.0.1'], ports: [{ port: 80 }] } }))
  api.create(
    'endpointslices',
    apiObject('cart-x', {
      metadata: { labels: { 'kubernetes.io/service-name': 'cart' } },
      addressType: 'IPv4',
      ports: [{ port: 8080 }],
      endpoints: [
        { addresses: ['10.8.0.1'], nodeName: 'node-1', targetRef: { kind: 'Pod', name: meshPod(1).metadata.name, uid: meshPod(1).metadata.uid } },
        { addresses: ['10.8.9.9'], nodeName: 'node-9', targetRef: { kind: 'Pod', name: 'cart-7d9f8c6b5d-zzzzz', uid: 'far' } },
      ],
    }),
  )
  api.create('serviceentries', apiObject('pay', { spec: { hosts: ['pay.example.com'], addresses: ['240.0.0.0/8'], ports: [{ number: 443 }] } }))
  api.create('workloadentries', apiObject('vm-1', { spec: { address: '192.0.2.9', labels: { app: 'vm' } } }))
}

test('pods are listed with what makes scrape targets, where somebody needs it, as they come and go', async () => {
  const api = await startApi()
  for (const index of [1, 2]) api.create('pods', meshPod(index))
  const needs = collectNeeds([needing({ resources: ['pods'] }), needing({ lookups: ['pod_uid'], resources: ['pods'], containers: true, discovery: true })])
  const open = new OpenWatch({ server: api.url, needs })
  await open.synced()
  expect(
    open.index
      .pods()
      .map(({ name }) => name)
      .sort((a, b) => (a < b ? -1 : 1)),
  ).toEqual([1, 2].map((index) => meshPod(index).metadata.name).sort((a, b) => (a < b ? -1 : 1)))
  expect(open.index.pods().find(({ name }) => name === meshPod(1).metadata.name)?.discovery).toMatchObject({
    phase: 'Running',
    hostIp: '192.168.0.1',
    controllerKind: 'ReplicaSet',
    ports: [
      { container: 'cart', name: 'http', port: 8080, protocol: 'TCP' },
      { container: 'istio-proxy', name: 'http', port: 15_090, protocol: 'TCP' },
    ],
    initContainers: ['istio-init'],
  })
  api.update('pods', meshPod(1, { status: { phase: 'Failed' } }))
  await open.until(() => open.index.pods().some(({ discovery }) => discovery?.phase === 'Failed'))
  api.delete('pods', 'shop', meshPod(2).metadata.name)
  await open.until(() => open.index.pods().length === 1)
})

test('every object of the cluster is found by all its keys', async () => {
  const api = await startApi()
  fill(api)
  const open = new OpenWatch({ server: api.url })
  await open.synced()
  const { index } = open
  const now = Date.now()
  const pod = meshPod(1).metadata
  expect(index.byAddress('10.8.0.1', 8080, now)?.value).toMatchObject({
    kind: 'pod',
    name: pod.name,
    workload: { kind: 'Deployment', name: 'cart' },
    labels: { app: 'cart' },
  })
  expect(index.podByUid(pod.uid)?.name).toBe(pod.name)
  expect(index.podByName('shop', pod.name)?.uid).toBe(pod.uid)
  expect(index.podByContainer(index.podByUid(pod.uid)?.containers[0]?.id ?? '')?.uid).toBe(pod.uid)
  expect(index.byAddress('10.8.9.9', 8080, now)?.value).toMatchObject({ kind: 'endpoint', workload: { name: 'cart', isInferred: true } })
  expect(index.byAddress('192.168.0.1', 0, now)?.value).toMatchObject({ kind: 'node', name: 'node-1' })
  expect(index.byAddress('192.0.2.9', 0, now)?.value).toMatchObject({ kind: 'workload_entry', name: 'vm-1', labels: { app: 'vm' } })
  expect(index.serviceByAddress('10.96.0.1', 80, now)?.value.name).toBe('cart')
  expect(index.serviceByAddress('240.1.2.3', 443, now)?.value.name).toBe('pay')
  expect(index.serviceByHost('cart.shop.svc.cluster.local')?.name).toBe('cart')
  expect(index.servicesOf('10.8.0.1', 8080).map(({ name }) => name)).toEqual(['cart'])
  expect(index.namespace('shop')?.name).toBe('shop')
  expect(index.isClusterWide).toBe(true)
  await open.until(() => open.report?.isSynced === true)
  expect(open.report?.store.objects).toMatchObject({ pod: 2, endpoint: 2, node: 1, service: 2, namespace: 1, workload_entry: 1 })
})

test('there is exactly one watch for each resource', async () => {
  const api = await startApi()
  fill(api)
  const open = new OpenWatch({ server: api.url })
  await open.synced()
  await api.until(() => api.watches().length === 7)
  expect(
    api
      .watches()
      .map(({ resource }) => resource)
      .sort(),
  ).toEqual([...EVERYTHING.resources].sort())
})

test('changes become visible, and a pod that is gone is remembered for the time that it was there', async () => {
  const api = await startApi()
  fill(api)
  const open = new OpenWatch({ server: api.url })
  await open.synced()
  const { index } = open
  const before = Date.now()
  const { name } = meshPod(1).metadata
  api.delete('pods', 'shop', name)
  api.create('pods', meshPod(5, { status: { podIP: '10.8.0.1', podIPs: [{ ip: '10.8.0.1' }], startTime: new Date(before + 1000).toISOString() } }))
  await open.until(() => index.podByUid(meshPod(5).metadata.uid) !== undefined)
  expect(index.byAddress('10.8.0.1', 0, before - 10_000)?.value).toMatchObject({ name })
  expect(index.byAddress('10.8.0.1', 0, before + 2000)?.value).toMatchObject({ name: meshPod(5).metadata.name })
})

test('only the own node’s pods are asked for, and its address is learned from them', async () => {
  const api = await startApi()
  api.create('pods', meshPod(1))
  api.create('pods', meshPod(2, { spec: { nodeName: 'node-2' } }))
  const open = new OpenWatch({ server: api.url, needs: needing({ lookups: ['address'], resources: ['pods'] }), set: {} })
  await open.synced()
  expect(open.index.byAddress('10.8.0.1', 0, Date.now())?.value.kind).toBe('pod')
  expect(open.index.byAddress('10.8.0.2', 0, Date.now())).toBeUndefined()
  expect(open.index.byAddress('192.168.0.1', 0, Date.now())?.value).toMatchObject({ kind: 'node', name: 'node-1' })
  expect(open.index.isClusterWide).toBe(false)
})

test('a host-network pod never is its node', async () => {
  const api = await startApi()
  const host = { podIP: '192.168.0.1', podIPs: [{ ip: '192.168.0.1' }] }
  api.create('pods', meshPod(1, { spec: { hostNetwork: true }, status: host }))
  const open = new OpenWatch({ server: api.url, needs: needing({ lookups: ['address'], resources: ['pods'] }) })
  await open.synced()
  expect(open.index.byAddress('192.168.0.1', 0, Date.now())?.value.kind).toBe('node')
  expect(open.index.byAddress('192.168.0.1', 8080, Date.now())?.value.kind).toBe('pod')
})

test('exact owners are those of the ReplicaSets and Jobs, also when these come later', async () => {
  const api = await startApi()
  const owned = (kind: string, name: string) => ({ ownerReferences: [{ kind, name, uid: 'o', controller: true }] })
  api.create('replicasets', apiObject('cart-7d9f8c6b5d', { metadata: { uid: 'uid-rs', ...owned('Application', 'cart-app') } }))
  api.create('pods', meshPod(1))
  const jobPod = { ownerReferences: [{ kind: 'Job', name: 'by-hand', uid: 'uid-job', controller: true }] }
  api.create('pods', meshPod(2, { metadata: jobPod }))
  const open = new OpenWatch({ server: api.url, needs: needing({ lookups: ['pod_uid'], resources: ['pods'] }), set: { scope: 'cluster', exact_owners: true } })
  await open.synced()
  const workload = (index: number) => open.index.podByUid(meshPod(index).metadata.uid)?.workload
  // Whichever list comes first.
  await open.until(() => workload(1)?.kind === 'Application')
  expect(workload(1)).toEqual({ kind: 'Application', name: 'cart-app', isInferred: false })
  expect(workload(2)).toEqual({ kind: 'Job', name: 'by-hand', isInferred: false })
  await open.until(() => open.report?.waitingPods === 1)
  api.create('jobs', apiObject('by-hand', { metadata: { uid: 'uid-job', ...owned('CronJob', 'nightly') } }))
  await open.until(() => workload(2)?.kind === 'CronJob')
  expect(workload(2)).toEqual({ kind: 'CronJob', name: 'nightly', isInferred: false })
})

test('namespaces are watched each by itself, and a list of one leaves the others alone', async () => {
  const api = await startApi()
  api.create('pods', meshPod(1))
  api.create('pods', meshPod(2, { metadata: { namespace: 'bank' } }))
  api.create('pods', meshPod(3, { metadata: { namespace: 'other' } }))
  const needs = needing({ lookups: ['address'], resources: ['pods'] })
  const open = new OpenWatch({ server: api.url, needs, set: { scope: 'namespaces', namespaces: ['shop', 'bank'] } })
  await open.synced()
  await api.until(() => api.watches('pods').length === 2)
  const now = Date.now()
  expect(['10.8.0.1', '10.8.0.2', '10.8.0.3'].map((ip) => open.index.byAddress(ip, 0, now) !== undefined)).toEqual([true, true, false])
  // While the watch is away something is deleted, and the versions since are forgotten: only a list can tell.
  await api.stop()
  api.delete('pods', 'shop', meshPod(1).metadata.name)
  api.create('pods', meshPod(4))
  api.compact()
  await api.start()
  await open.until(() => open.index.byAddress('10.8.0.4', 0, Date.now()) !== undefined)
  const later = Date.now() + 3_600_000
  expect(['10.8.0.1', '10.8.0.2'].map((ip) => open.index.byAddress(ip, 0, later) !== undefined)).toEqual([false, true])
})

test('a cluster without Istio is complete', async () => {
  const api = await startApi({ resources: ['pods', 'services'] })
  const needs = needing({ lookups: ['address'], resources: ['pods', 'serviceentries', 'workloadentries'] })
  const open = new OpenWatch({ server: api.url, needs })
  await open.synced()
  await open.until(() => open.report?.watches.filter(({ state }) => state === 'absent').length === 2)
  expect(open.report?.isSynced).toBe(true)
})

test('a right that is missing is named, and the rest is there', async () => {
  const api = await startApi({ streamsLists: false })
  fill(api)
  api.deny('services', 'list')
  const open = new OpenWatch({ server: api.url })
  await open.until(() => open.report?.watches.some(({ state }) => state === 'forbidden') === true && open.index.podByUid(meshPod(1).metadata.uid) !== undefined)
  expect(open.report?.watches.find(({ resource }) => resource === 'services')?.error).toContain('RBAC: missing list on services')
  expect(open.report?.isSynced).toBe(false)
})

test('without access it waits and says why', async () => {
  const open = new OpenWatch({ server: '', access: { authType: 'kubeConfig', kubeConfigFile: '/does/not/exist' } })
  await open.until(() => (open.report?.accessError ?? '') !== '')
  expect(open.report?.accessError).toContain('/does/not/exist')
  expect(open.report?.isSynced).toBe(false)
})

test('what is asked for is allowed by the rights of the config, and nothing else is', async () => {
  const requests: string[] = []
  const setups: readonly Partial<K8sMetadataConfig>[] = [{}, { scope: 'namespaces', namespaces: ['shop', 'bank'], exact_owners: true }]
  for (const set of setups) {
    const allowed = rightsFor(planWatches(checked(set), EVERYTHING, 'node-1'))
    const rules = [{ namespace: '', rules: allowed.cluster }, ...allowed.namespaces].flatMap(({ namespace, rules: some }) =>
      some.flatMap(({ resources, resourceNames = [''], verbs }) =>
        resources.flatMap((resource) => resourceNames.flatMap((name) => verbs.map((verb) => `${verb} ${resource} ${namespace} ${name}`))),
      ),
    )
    // Servers that stream lists are not asked for a list in the other way.
    requests.length = 0
    for (const streamsLists of [true, false]) {
      const api = await startApi({ streamsLists })
      fill(api)
      const open = new OpenWatch({ server: api.url, set })
      await open.synced()
      await api.until(() => api.watches().length === planWatches(checked(set), EVERYTHING, 'node-1').length)
      for (const { verb, resource, namespace, query } of api.requests)
        requests.push(`${verb} ${resource} ${namespace} ${/^metadata\.name=(.*)$/.exec(query['fieldSelector'] ?? '')?.[1] ?? ''}`)
      await open.close()
    }
    expect([...new Set(requests)].sort()).toEqual(rules.sort())
  }
})
