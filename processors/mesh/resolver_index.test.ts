import { describe, expect, test } from 'vitest'
import type { Party } from '../../model/edges.ts'
import { FakeIdentityIndex } from '../../test/fakes/identity.ts'
import type { MeshConfig } from './config.ts'
import { meshProcessor } from './factory.ts'
import { analyse, anyStruct, BatchBuilder, endpointOf, MESH_DEFAULTS, meshForTest, nodeOf, originOf, podOf, serviceOf, type TestEntry } from './testing.ts'

const METADATA = {
  WORKLOAD_NAME: 'reviews-v1',
  NAMESPACE: 'shop',
  CLUSTER_ID: 'east',
  SERVICE_ACCOUNT: 'reviews',
  INSTANCE_IPS: '10.0.0.1',
  LABELS: { 'service.istio.io/canonical-name': 'reviews' },
}
const sidecar = originOf({ id: 'sidecar~10.0.0.1~reviews-v1-x.shop~shop.svc.cluster.local', cluster: 'reviews.shop', metadata: METADATA })
const router = originOf({
  id: 'router~10.0.0.2~gateway-x.infra~infra.svc.cluster.local',
  metadata: { WORKLOAD_NAME: 'gateway', NAMESPACE: 'infra', LABELS: {} },
})
const lonely = originOf({ id: 'sidecar~10.0.0.8~reviews-v1-y.shop~shop.svc.cluster.local', metadata: { ...METADATA, INSTANCE_IPS: '10.0.0.8' } })
const nobody = originOf({})
const spiffe = (account: string): string => `spiffe://td/ns/shop/sa/${account}`

const PAGE_LABELS = { app: 'page', 'app.kubernetes.io/version': '2.1', 'service.istio.io/canonical-name': 'page' }
const PAGE = podOf('page-v2', { namespace: 'shop', name: 'page-v2-0', ips: ['10.0.0.7', 'fd00::7'], serviceAccount: 'page', labels: PAGE_LABELS })
const RATINGS = podOf('ratings-v1', { namespace: 'shop', ips: ['10.0.0.9'], serviceAccount: 'ratings', labels: { app: 'ratings' } })

function cluster(): FakeIdentityIndex {
  return new FakeIdentityIndex()
    .add(PAGE)
    .add(RATINGS)
    .add(nodeOf('node-1', '192.168.0.1'))
    .add(podOf('agent', { namespace: 'kube-system', ips: ['192.168.0.1'], isHostNetwork: true, ports: [9100] }))
    .add(serviceOf('ratings', 'shop', { addresses: ['10.96.0.5'], ports: [9080] }))
    .add(serviceOf('reviews-svc', 'shop', { addresses: ['10.96.0.6'], ports: [9080] }))
    .add(serviceOf('page', 'other'))
    .add(endpointOf('ratings', 'shop', '10.0.0.9', { ports: [9080] }))
    .add(endpointOf('reviews-svc', 'shop', '10.0.0.1', { ports: [9080] }))
}

/** The same, with a second service that leads to the reporting proxy. */
function twoServices(): FakeIdentityIndex {
  return cluster()
    .add(serviceOf('reviews-canary', 'shop'))
    .add(endpointOf('reviews-canary', 'shop', '10.0.0.1', { ports: [9080] }))
}

const INBOUND = { cluster: 'inbound|9080||', local: '10.0.0.1:9080' }
const OUTBOUND = { cluster: 'outbound|9080||ratings.shop.svc.cluster.local', direct: '10.0.0.1:4000' }

describe('a side that only the index knows', () => {
  test('has all that a peer would have said of itself', () => {
    const { source } = analyse(sidecar, { ...INBOUND, direct: '10.0.0.7:4000' }, { index: cluster() }).edge
    expect(source).toEqual({
      workload: 'page-v2',
      namespace: 'shop',
      service: 'page',
      revision: '2.1',
      app: 'page',
      version: '2.1',
      cluster: 'east',
      principal: '',
      pod: 'page-v2-0',
      evidence: 'address',
      addressClass: '',
    })
  })

  test.for<{ readonly name: string; readonly labels: Readonly<Record<string, string>>; readonly expected: Partial<Party> }>([
    { name: 'no label', labels: {}, expected: { service: 'w', revision: '', app: '', version: '' } },
    { name: 'app and version', labels: { app: 'a', version: 'v' }, expected: { service: 'a', revision: 'v', app: 'a', version: 'v' } },
    {
      name: 'labels of Kubernetes beside app and version',
      labels: { app: 'a', version: 'v', 'app.kubernetes.io/name': 'k', 'app.kubernetes.io/version': '1' },
      expected: { service: 'k', revision: '1', app: 'k', version: '1' },
    },
    {
      name: 'canonical labels',
      labels: { 'app.kubernetes.io/name': 'k', 'service.istio.io/canonical-name': 'c', 'service.istio.io/canonical-revision': 'r' },
      expected: { service: 'c', revision: 'r', app: 'k', version: '' },
    },
  ])('has the names that Istio would give: $name', ({ labels, expected }) => {
    const index = new FakeIdentityIndex().add(podOf('w', { ips: ['10.0.0.7'], labels }))
    expect(analyse(sidecar, { ...INBOUND, direct: '10.0.0.7:1' }, { index }).edge.source).toMatchObject(expected)
  })

  test('may be an endpoint whose pod is not watched, or a workload outside of Kubernetes', () => {
    const inferred = { kind: 'Deployment', name: 'details-v1', isInferred: true }
    const vm = { kind: 'workload_entry', uid: 'u', namespace: 'shop', name: 'vm-1', ip: '10.9.0.1', serviceAccount: 'db', labels: { app: 'db' } } as const
    const index = cluster()
      .add(endpointOf('details', 'shop', '10.0.1.3', { workload: inferred, pod: 'details-v1-5c-x' }))
      .add(serviceOf('details', 'shop'))
      .add({ ...vm, workload: { kind: '', name: '', isInferred: false } })
    const called = (upstream: string): Party => analyse(sidecar, { ...OUTBOUND, upstream }, { index }).edge.destination
    expect(called('10.0.1.3:9080')).toMatchObject({ workload: 'details-v1', namespace: 'shop', service: 'details', pod: 'details-v1-5c-x' })
    expect(called('10.9.0.1:9080')).toMatchObject({ workload: 'vm-1', namespace: 'shop', service: 'db', app: 'db', cluster: 'east' })
  })

  test('has a derived principal only as an upstream, of which the log does not say how it proved itself', () => {
    const config = { trust_domain: 'td' }
    const options = { config, index: cluster() }
    expect(analyse(sidecar, { ...OUTBOUND, upstream: '10.0.0.9:9080' }, options).edge.destination.principal).toBe(spiffe('ratings'))
    expect(analyse(sidecar, { ...OUTBOUND, upstream: '10.0.0.9:9080' }, { index: cluster() }).edge.destination.principal).toBe('')
    expect(analyse(sidecar, { ...INBOUND, direct: '10.0.0.7:1' }, options).edge.source.principal).toBe('')
  })

  test('gets the configured cluster, and is not looked up for proxies of another one', () => {
    const entry = { ...INBOUND, direct: '10.0.0.7:1' }
    const found = (cluster_name: string, origin = sidecar): Party => analyse(origin, entry, { config: { cluster_name }, index: cluster() }).edge.source
    expect([found('').cluster, found('east').cluster]).toEqual(['east', 'east'])
    expect(found('west')).toMatchObject({ workload: '', evidence: 'none', addressClass: '' })
    expect(found('west', nobody)).toMatchObject({ workload: 'page-v2', cluster: 'west' })
  })
})

describe('a side that the log names by half', () => {
  const half = (fields: Readonly<Record<string, string>>): TestEntry => ({ ...INBOUND, downstreamPeer: anyStruct(fields), direct: '10.0.0.7:1' })
  const sourceOf = (entry: TestEntry): Party => analyse(sidecar, entry, { index: cluster() }).edge.source

  test('is filled from the index, field by field, and keeps what the log says', () => {
    expect(sourceOf(half({ workload: 'page-v2', namespace: 'shop', cluster: 'logged', version: 'logged' }))).toMatchObject({
      workload: 'page-v2',
      service: 'page',
      app: 'page',
      version: 'logged',
      cluster: 'logged',
      pod: 'page-v2-0',
      evidence: 'peer_struct',
    })
  })

  test.for([
    { name: 'namespace', fields: { workload: 'page-v2', namespace: 'other' } },
    { name: 'workload', fields: { workload: 'page-v1', namespace: 'shop' } },
    { name: 'pod', fields: { workload: 'page-v2', namespace: 'shop', name: 'page-v2-1' } },
  ])('is left alone where the index speaks of another $name', ({ fields }) => {
    expect(sourceOf(half(fields))).toMatchObject({ workload: fields.workload, namespace: fields.namespace, service: '', app: '' })
  })

  test('is left alone where the certificate proves another account', () => {
    const entry = half({ workload: 'page-v2', namespace: 'shop' })
    expect(sourceOf({ ...entry, peerSan: spiffe('page') })).toMatchObject({ service: 'page', principal: spiffe('page') })
    expect(sourceOf({ ...entry, peerSan: spiffe('admin') })).toMatchObject({ service: '', principal: spiffe('admin') })
  })

  test('is not looked up when it is named in full', () => {
    const { mesh, settings } = meshForTest({}, cluster())
    const peer = anyStruct({ workload: 'x', namespace: 'shop', service: 'x' })
    const entries = [1, 2, 3].map((i) => ({ ...INBOUND, authority: 'a', downstreamPeer: peer, direct: `10.0.0.${i}:1` }))
    void mesh.consume(new BatchBuilder().batch(sidecar, entries))
    expect(settings.telemetry.value('meshscope_mesh_resolutions')).toBe(1)
  })

  test('known by its certificate, it gets the workload whose account that is', () => {
    const found = sourceOf({ ...INBOUND, peerSan: spiffe('page'), direct: '10.0.0.7:1' })
    expect(found).toMatchObject({ workload: 'page-v2', principal: spiffe('page'), evidence: 'address' })
    const other = sourceOf({ ...INBOUND, peerSan: spiffe('admin'), direct: '10.0.0.7:1' })
    expect(other).toMatchObject({ workload: '', namespace: 'shop', principal: spiffe('admin'), evidence: 'certificate' })
  })

  test('a proxy that told its node id only is its pod', () => {
    const id = 'sidecar~10.0.0.7~page-v2-0.shop~shop.svc.cluster.local'
    const { source } = analyse(originOf({ id }), { ...OUTBOUND, direct: '10.0.0.7:1' }, { index: cluster() }).edge
    expect(source).toMatchObject({ workload: 'page-v2', service: 'page', app: 'page', evidence: 'node' })
  })
})

describe('an address that is nobody’s', () => {
  const NODE_SCOPE = cluster()
  NODE_SCOPE.isClusterWide = false

  test.for([
    { name: 'a node', direct: '192.168.0.1:9100', addressClass: 'node' },
    { name: 'the same host', direct: '127.0.0.6:1', addressClass: 'loopback' },
    { name: 'a host that is in no cluster', direct: '203.0.114.9:1', index: NODE_SCOPE, addressClass: 'external' },
    { name: 'an unknown private address', direct: '10.77.0.1:1', index: NODE_SCOPE, addressClass: 'unknown' },
    { name: 'an unknown IPv6 address, which may be a pod’s', direct: '2600:1f00::9:1', index: NODE_SCOPE, addressClass: 'unknown' },
    { name: 'any that a complete index does not know', direct: '10.77.0.1:1', addressClass: 'external' },
    { name: 'the virtual address of a service', direct: '10.96.0.5:1', addressClass: 'virtual' },
    { name: 'a proxy that sends logs', direct: '10.0.0.2:1', addressClass: 'mesh_peer' },
  ])('is classed: $name', ({ direct, addressClass, index }) => {
    const { mesh, settings } = meshForTest({}, index ?? cluster())
    const builder = new BatchBuilder()
    void mesh.consume(builder.batch(router, []))
    const logs = builder.batch(sidecar, [{ ...INBOUND, direct }])
    void mesh.consume(logs)
    expect(logs.edges?.get(logs.edge[0] as number).source).toMatchObject({ workload: '', evidence: 'none', addressClass })
    expect(settings.telemetry.value('meshscope_mesh_unknown_addresses', { side: 'source', class: addressClass })).toBe(1)
    expect(settings.telemetry.value('meshscope_mesh_unknown_addresses')).toBe(1)
  })

  test('keeps its class beside what a certificate proves', () => {
    const { source } = analyse(sidecar, { ...INBOUND, peerSan: spiffe('page'), direct: '192.168.0.1:1' }, { index: cluster() }).edge
    expect(source).toMatchObject({ namespace: 'shop', evidence: 'certificate', addressClass: 'node' })
  })

  test('a host-network pod is found by its port, and else is its node', () => {
    const destination = (upstream: string): Party => analyse(sidecar, { ...OUTBOUND, upstream }, { index: cluster() }).edge.destination
    expect(destination('192.168.0.1:9100')).toMatchObject({ workload: 'agent', addressClass: '' })
    expect(destination('192.168.0.1:80')).toMatchObject({ workload: '', addressClass: 'node' })
  })
})

describe('the called service', () => {
  const host = (name: string): string => `${name}.shop.svc.cluster.local`
  const nodeScope = cluster()
  nodeScope.isClusterWide = false

  test.for<{
    readonly name: string
    readonly origin?: typeof sidecar
    readonly entry: TestEntry
    readonly config?: Partial<MeshConfig>
    readonly index?: FakeIdentityIndex
    readonly service: readonly [string, string]
  }>([
    {
      name: 'what the cluster says, before all else',
      entry: { ...OUTBOUND, local: '10.96.0.6:9080', authority: 'page.other' },
      service: [host('ratings'), 'cluster'],
    },
    {
      name: 'the owner of the called address',
      entry: { direct: '10.0.0.1:1', local: '10.96.0.5:9080', authority: 'page.other' },
      service: [host('ratings'), 'address'],
    },
    { name: 'a host that the index has', entry: { direct: '10.0.0.1:1', authority: 'Ratings:9080' }, service: [host('ratings'), 'authority'] },
    {
      name: 'a host of another namespace that the index has',
      entry: { direct: '10.0.0.1:1', authority: 'page.other' },
      service: ['page.other.svc.cluster.local', 'authority'],
    },
    { name: 'not a host of the cluster that a complete index has not', entry: { direct: '10.0.0.1:1', authority: 'madeup' }, service: ['', 'none'] },
    {
      name: 'such a host while the index may be incomplete',
      entry: { direct: '10.0.0.1:1', authority: 'madeup' },
      index: nodeScope,
      service: [host('madeup'), 'authority'],
    },
    {
      name: 'such a host if told so',
      entry: { direct: '10.0.0.1:1', authority: 'madeup' },
      config: { host_header: 'always' },
      service: [host('madeup'), 'authority'],
    },
    {
      name: 'a host outside the cluster, as it was sent',
      entry: { direct: '10.0.0.1:1', authority: 'api.example.com' },
      service: ['api.example.com', 'authority'],
    },
    {
      name: 'for a server, the service with an endpoint at its address and port',
      entry: INBOUND,
      service: [host('reviews-svc'), 'endpoints'],
    },
    {
      name: 'for a server, of several services the one that the Host header names',
      entry: { ...INBOUND, authority: 'reviews-canary' },
      index: twoServices(),
      service: [host('reviews-canary'), 'authority'],
    },
    {
      name: 'for a server, none of other services that the Host header names',
      entry: { ...INBOUND, authority: 'ratings' },
      index: twoServices(),
      service: [host('reviews-svc'), 'endpoints'],
    },
    {
      name: 'for a server, what the Host header says if told so',
      entry: { ...INBOUND, authority: 'ratings' },
      config: { host_header: 'always' },
      service: [host('ratings'), 'authority'],
    },
    { name: 'for a server without endpoints, the server itself', origin: lonely, entry: INBOUND, service: ['reviews', 'node'] },
  ])('is $name', ({ origin, entry, config, index, service }) => {
    const found = analyse(origin ?? sidecar, entry, { ...(config === undefined ? {} : { config }), index: index ?? cluster() }).edge.service
    expect([found.host, found.evidence]).toEqual(service)
  })

  test('of a cluster without a name is found behind the upstream', () => {
    const index = cluster()
      .add(serviceOf('metrics', 'shop'))
      .add(endpointOf('metrics', 'shop', '10.0.0.7', { ports: [9090] }))
    const behind = (upstream: string): readonly string[] => {
      const { service } = analyse(router, { cluster: 'outbound|80||', upstream, local: '10.0.0.2:80' }, { index }).edge
      return [service.host, service.evidence]
    }
    expect(behind('10.0.0.9:9080')).toEqual([host('ratings'), 'address'])
    expect(behind('10.0.0.7:9090')).toEqual([host('metrics'), 'endpoints'])
  })

  test('needs no Host header where only one service leads to the server', () => {
    const { mesh, settings } = meshForTest({}, cluster())
    const entries = Array.from({ length: 100 }, (_, i) => ({ ...INBOUND, direct: '10.0.0.7:1', authority: `host-${i}` }))
    void mesh.consume(new BatchBuilder().batch(sidecar, entries))
    expect(settings.telemetry.value('meshscope_mesh_resolutions')).toBe(1)
  })

  test('keeps Istio’s names for what is in no registry', () => {
    const { service } = analyse(sidecar, { cluster: 'PassthroughCluster', direct: '10.0.0.1:1', upstream: '10.0.0.9:9080' }, { index: cluster() }).edge
    expect(service).toMatchObject({ name: 'PassthroughCluster', evidence: 'cluster' })
  })
})

describe('the factory', () => {
  test.for([
    { kubernetes: 'auto' as const, uses: [{ extension: 'k8s_metadata', isOptional: true }] },
    { kubernetes: 'always' as const, uses: [{ extension: 'k8s_metadata', isOptional: false }] },
    { kubernetes: 'never' as const, uses: [] },
  ])('asks for the index with kubernetes: $kubernetes', ({ kubernetes, uses }) => {
    expect(meshProcessor.uses?.({ ...MESH_DEFAULTS, kubernetes })).toMatchObject(uses)
  })

  test('wants labels that its needs can name after a structured clone', () => {
    const [use] = meshProcessor.uses?.(MESH_DEFAULTS) ?? []
    expect(structuredClone(use)).toEqual(use)
    expect(use?.needs).toMatchObject({ lookups: ['address', 'service_address', 'host', 'endpoints', 'pod_name'], containers: false })
  })
})
