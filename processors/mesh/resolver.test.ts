import { describe, expect, test } from 'vitest'
import type { Edge, Evidence } from '../../model/edges.ts'
import { responseFlagsMask } from '../../model/response_flags.ts'
import { FakeIdentityIndex } from '../../test/fakes/identity.ts'
import type { MeshConfig } from './config.ts'
import { analyse, anyStruct, anyText, fixedAddresses, originOf, serviceOf, type TestEntry } from './testing.ts'

const LABELS = { app: 'reviews', version: 'v1', 'service.istio.io/canonical-name': 'reviews', 'service.istio.io/canonical-revision': 'v1' }
const METADATA = { WORKLOAD_NAME: 'reviews-v1', NAMESPACE: 'shop', CLUSTER_ID: 'Kubernetes', SERVICE_ACCOUNT: 'reviews', INSTANCE_IPS: '10.0.0.1', LABELS }
const sidecar = originOf({ id: 'sidecar~10.0.0.1~reviews-v1-x.shop~shop.svc.cluster.local', cluster: 'reviews.shop', metadata: METADATA })
const router = originOf({
  id: 'router~10.0.0.9~gateway-x.infra~infra.svc.cluster.local',
  metadata: { WORKLOAD_NAME: 'gateway', NAMESPACE: 'infra', LABELS: {} },
})
const waypoint = originOf({ id: 'waypoint~10.0.0.8~waypoint-x.shop~shop.svc.cluster.local', metadata: { NAMESPACE: 'shop', LABELS: {} } })
const plain = originOf({ id: 'edge-1', cluster: 'edge' })
const nobody = originOf({})

const RATINGS = 'outbound|9080||ratings.shop.svc.cluster.local'
const ratingsPeer = anyStruct({ workload: 'ratings-v1', namespace: 'shop', service: 'ratings', identity: 'spiffe://cluster.local/ns/shop/sa/ratings' })
const pagePeer = anyStruct({ workload: 'page-v1', namespace: 'shop', service: 'page' })
const spiffe = (account: string, namespace = 'shop'): string => `spiffe://cluster.local/ns/${namespace}/sa/${account}`

/** The parts of an edge that tell the tale. */
function tale(edge: Edge) {
  const { source, destination, service } = edge
  return { direction: edge.direction, reporter: edge.reporter, from: source.workload, to: destination.workload, service: service.name }
}

describe('direction', () => {
  test.for<{
    readonly name: string
    readonly origin: typeof sidecar
    readonly entry: TestEntry
    readonly direction: Edge['direction']
    readonly reporter: Edge['reporter']
  }>([
    { name: 'a cluster for outgoing calls', origin: sidecar, entry: { cluster: RATINGS }, direction: 'outbound', reporter: 'source' },
    { name: 'a cluster for incoming calls', origin: sidecar, entry: { cluster: 'inbound|9080||' }, direction: 'inbound', reporter: 'destination' },
    { name: 'the cluster in a custom tag', origin: sidecar, entry: { tagCluster: RATINGS }, direction: 'outbound', reporter: 'source' },
    {
      name: 'a call to its own address',
      origin: sidecar,
      entry: { local: '10.0.0.1:9080', direct: '10.0.0.7:40000' },
      direction: 'inbound',
      reporter: 'destination',
    },
    {
      name: 'a call from its own address',
      origin: sidecar,
      entry: { local: '10.96.0.1:9080', direct: '10.0.0.1:40000' },
      direction: 'outbound',
      reporter: 'source',
    },
    { name: 'a call from loopback', origin: sidecar, entry: { local: '10.96.0.1:9080', direct: '127.0.0.1:40000' }, direction: 'outbound', reporter: 'source' },
    { name: 'a route for hosts outside the mesh', origin: sidecar, entry: { route: 'block_all' }, direction: 'outbound', reporter: 'source' },
    {
      name: 'mutual TLS from outside',
      origin: sidecar,
      entry: { localSan: spiffe('reviews'), peerSan: spiffe('page') },
      direction: 'inbound',
      reporter: 'destination',
    },
    { name: 'nothing', origin: sidecar, entry: {}, direction: 'unknown', reporter: 'unknown' },
    {
      name: 'a blocked outgoing call',
      origin: sidecar,
      entry: { cluster: 'BlackHoleCluster', local: '10.96.0.1:80' },
      direction: 'outbound',
      reporter: 'source',
    },
    {
      name: 'a blocked incoming call',
      origin: sidecar,
      entry: { cluster: 'BlackHoleCluster', local: '10.0.0.1:81' },
      direction: 'inbound',
      reporter: 'destination',
    },
    { name: 'a gateway without a route', origin: router, entry: {}, direction: 'outbound', reporter: 'source' },
    { name: 'a waypoint', origin: waypoint, entry: { cluster: 'inbound-vip|80|http|a.shop.svc.cluster.local' }, direction: 'inbound', reporter: 'waypoint' },
    {
      name: 'a plain Envoy with a cluster',
      origin: plain,
      entry: { cluster: 'backend', upstream: '10.1.1.1:80', direct: '10.1.1.2:1' },
      direction: 'outbound',
      reporter: 'source',
    },
    {
      name: 'a plain Envoy beside its service',
      origin: plain,
      entry: { cluster: 'app', upstream: '127.0.0.1:80', direct: '10.1.1.2:1' },
      direction: 'inbound',
      reporter: 'destination',
    },
    {
      name: 'a plain Envoy on a laptop',
      origin: plain,
      entry: { cluster: 'app', upstream: '127.0.0.1:80', direct: '127.0.0.1:1' },
      direction: 'outbound',
      reporter: 'source',
    },
    { name: 'Consul’s own application', origin: plain, entry: { cluster: 'local_app' }, direction: 'inbound', reporter: 'destination' },
    { name: 'an unidentified sidecar', origin: nobody, entry: { cluster: RATINGS }, direction: 'outbound', reporter: 'source' },
    { name: 'an unidentified proxy without anything', origin: nobody, entry: {}, direction: 'unknown', reporter: 'unknown' },
  ])('$name means $direction', ({ origin, entry, direction, reporter }) => {
    const { edge } = analyse(origin, entry)
    expect([edge.direction, edge.reporter]).toEqual([direction, reporter])
  })
})

describe('the client’s side', () => {
  const inbound = { cluster: 'inbound|9080||', direct: '10.0.0.7:40000' }
  const addresses = fixedAddresses({ '10.0.0.7': 'page-v2' }, 'shop')

  test.for<{
    readonly name: string
    readonly entry: TestEntry
    readonly workload: string
    readonly evidence: Evidence
    readonly principal: string
    readonly known?: boolean
  }>([
    { name: 'metadata', entry: { downstreamPeer: pagePeer }, workload: 'page-v1', evidence: 'peer_struct', principal: '' },
    {
      name: 'metadata and a certificate',
      entry: { downstreamPeer: pagePeer, peerSan: spiffe('page') },
      workload: 'page-v1',
      evidence: 'peer_struct',
      principal: spiffe('page'),
    },
    { name: 'metadata before an address', entry: { downstreamPeer: pagePeer }, workload: 'page-v1', evidence: 'peer_struct', principal: '', known: true },
    {
      name: 'the principal of a tunnel',
      entry: { downstreamPeer: pagePeer, peerPrincipal: anyText(spiffe('tunnel')), peerSan: spiffe('page') },
      workload: 'page-v1',
      evidence: 'peer_struct',
      principal: spiffe('tunnel'),
    },
    { name: 'a certificate', entry: { peerSan: spiffe('page') }, workload: '', evidence: 'certificate', principal: spiffe('page') },
    {
      name: 'a certificate and an address',
      entry: { peerSan: spiffe('page') },
      workload: 'page-v2',
      evidence: 'address',
      principal: spiffe('page'),
      known: true,
    },
    { name: 'an address', entry: {}, workload: 'page-v2', evidence: 'address', principal: '', known: true },
    { name: 'nothing', entry: {}, workload: '', evidence: 'none', principal: '' },
  ])('is known by $name', ({ entry, workload, evidence, principal, known }) => {
    const { source } = analyse(sidecar, { ...inbound, ...entry }, known === true ? { index: addresses } : {}).edge
    expect([source.workload, source.evidence, source.principal]).toEqual([workload, evidence, principal])
  })

  test('a certificate of another namespace overrules metadata and addresses', () => {
    const entry = { ...inbound, downstreamPeer: pagePeer, peerSan: spiffe('gateway', 'infra') }
    expect(analyse(sidecar, entry, { index: addresses }).edge.source).toMatchObject({ workload: '', namespace: 'infra', evidence: 'certificate' })
  })

  test('a certificate of Consul names the service', () => {
    const peerSan = 'spiffe://11-22.consul/ns/team/dc/dc1/svc/web'
    const { edge } = analyse(originOf({ id: 'api-sidecar-proxy', cluster: 'api' }), {
      cluster: 'local_app',
      peerSan,
      localSan: 'spiffe://11-22.consul/ns/team/dc/dc1/svc/api',
    })
    expect(tale(edge)).toEqual({ direction: 'inbound', reporter: 'destination', from: 'web', to: 'api', service: 'api' })
    expect(edge.mutualTls).toBe(true)
  })

  test('metadata in a refused handshake is nobody’s', () => {
    const refused = { ...inbound, tcp: true, downstreamFailure: 'TLS_error', downstreamPeer: pagePeer }
    expect(analyse(sidecar, refused).edge.source.evidence).toBe('none')
  })

  test('behind an internal listener the client’s own address counts', () => {
    const entry = { cluster: 'inbound-vip|80|http|a.shop.svc.cluster.local', direct: 'internal:', remote: '10.0.0.7:1' }
    expect(analyse(waypoint, entry, { index: addresses }).edge.source.workload).toBe('page-v2')
  })
})

describe('the server’s side', () => {
  const addresses = fixedAddresses({ '10.0.0.5': 'ratings-v2' }, 'shop')

  test.for<{
    readonly name: string
    readonly entry: TestEntry
    readonly workload: string
    readonly evidence: Evidence
    readonly principal: string
    readonly known?: boolean
  }>([
    { name: 'metadata', entry: { upstreamPeer: ratingsPeer }, workload: 'ratings-v1', evidence: 'peer_struct', principal: spiffe('ratings') },
    {
      name: 'metadata and the tag of its certificate',
      entry: { upstreamPeer: ratingsPeer, tagPrincipal: spiffe('tagged') },
      workload: 'ratings-v1',
      evidence: 'peer_struct',
      principal: spiffe('tagged'),
    },
    { name: 'the tag of its certificate', entry: { tagPrincipal: spiffe('tagged') }, workload: '', evidence: 'certificate', principal: spiffe('tagged') },
    { name: 'its address', entry: { upstream: '10.0.0.5:9080' }, workload: 'ratings-v2', evidence: 'address', principal: '', known: true },
    {
      name: 'its address behind a tunnel',
      entry: { upstream: 'internal:10.0.0.5:9080' },
      workload: 'ratings-v2',
      evidence: 'address',
      principal: '',
      known: true,
    },
    { name: 'nothing', entry: { upstream: '10.0.0.5:9080' }, workload: '', evidence: 'none', principal: '' },
  ])('is known by $name', ({ entry, workload, evidence, principal, known }) => {
    const { destination } = analyse(sidecar, { cluster: RATINGS, ...entry }, known === true ? { index: addresses } : {}).edge
    expect([destination.workload, destination.evidence, destination.principal]).toEqual([workload, evidence, principal])
  })

  test('metadata without a contacted upstream is somebody else’s', () => {
    expect(analyse(sidecar, { tagCluster: RATINGS, upstreamPeer: ratingsPeer, flags: responseFlagsMask(['UH']) }).edge.destination.evidence).toBe('none')
  })

  test('a server names itself, with the certificate it showed', () => {
    const { edge } = analyse(sidecar, { cluster: 'inbound|9080||', localSan: spiffe('reviews'), peerSan: spiffe('page') })
    expect(edge.destination).toMatchObject({ workload: 'reviews-v1', service: 'reviews', principal: spiffe('reviews'), evidence: 'node' })
    expect(edge.mutualTls).toBe(true)
  })

  test('an unidentified server is known by its address, or else by its certificate', () => {
    const entry = { cluster: 'inbound|9080||', local: '10.0.0.5:9080', localSan: spiffe('ratings') }
    expect(analyse(nobody, entry, { index: addresses }).edge.destination).toMatchObject({ workload: 'ratings-v2', evidence: 'address' })
    expect(analyse(nobody, entry).edge.destination).toMatchObject({ workload: '', namespace: 'shop', evidence: 'certificate' })
  })

  test('an unidentified client is known by the address its log comes from', () => {
    const { edge } = analyse(nobody, { cluster: RATINGS }, { index: fixedAddresses({ '10.9.9.9': 'caller' }) })
    expect(edge.source.workload).toBe('caller')
  })
})

describe('the called service', () => {
  interface Case {
    readonly name: string
    readonly origin?: typeof sidecar
    readonly entry: TestEntry
    readonly config?: Partial<MeshConfig>
    readonly service: readonly [host: string, name: string, namespace: string, evidence: Evidence]
  }
  const own = { cluster: 'inbound|9080||' }
  const fqdn = (service: string, namespace = 'shop'): string => `${service}.${namespace}.svc.cluster.local`

  test.for<Case>([
    { name: 'the cluster', entry: { cluster: RATINGS, authority: 'other' }, service: [fqdn('ratings'), 'ratings', 'shop', 'cluster'] },
    { name: 'the cluster in a tag', entry: { tagCluster: RATINGS }, service: [fqdn('ratings'), 'ratings', 'shop', 'cluster'] },
    {
      name: 'a cluster outside Kubernetes, with the peer’s namespace',
      entry: { cluster: 'outbound|443||api.example.com', upstreamPeer: ratingsPeer },
      service: ['api.example.com', 'api.example.com', 'shop', 'cluster'],
    },
    {
      name: 'the Host header of an outgoing call',
      entry: { direct: '10.0.0.1:1', authority: 'ratings:9080' },
      service: [fqdn('ratings'), 'ratings', 'shop', 'authority'],
    },
    {
      name: 'a host outside the mesh',
      entry: { cluster: 'PassthroughCluster', route: 'allow_any', authority: 'example.com' },
      service: ['example.com', 'PassthroughCluster', '', 'route'],
    },
    { name: 'a connection to outside the mesh', entry: { tcp: true, cluster: 'PassthroughCluster' }, service: ['', 'PassthroughCluster', '', 'cluster'] },
    { name: 'a blocked host', entry: { route: 'block_all', authority: 'example.com' }, service: ['example.com', 'BlackHoleCluster', '', 'route'] },
    {
      name: 'no Host header when it may not be used',
      entry: { direct: '10.0.0.1:1', authority: 'ratings:9080' },
      config: { host_header: 'never' },
      service: ['', '', '', 'none'],
    },
    {
      name: 'nothing at a gateway without a route',
      origin: router,
      entry: { authority: 'shop.example.com', flags: responseFlagsMask(['NR']) },
      service: ['', '', '', 'none'],
    },
    {
      name: 'the host that matched a route at a gateway',
      origin: router,
      entry: { authority: 'shop.example.com', route: 'shop' },
      service: ['shop.example.com', 'shop.example.com', '', 'authority'],
    },
    {
      name: 'any host at a gateway if told so',
      origin: router,
      entry: { authority: 'shop.example.com' },
      config: { host_header: 'always' },
      service: ['shop.example.com', 'shop.example.com', '', 'authority'],
    },
    {
      name: 'the SNI between proxies',
      entry: { ...own, sni: 'outbound_.9080_._.reviews-svc.shop.svc.cluster.local' },
      service: [fqdn('reviews-svc'), 'reviews-svc', 'shop', 'sni'],
    },
    {
      name: 'a server’s cluster of old releases',
      entry: { cluster: 'inbound|9080|http|reviews-svc.shop.svc.cluster.local' },
      service: [fqdn('reviews-svc'), 'reviews-svc', 'shop', 'cluster'],
    },
    {
      name: 'the Host header when it names the server',
      entry: { ...own, authority: 'reviews.shop:9080' },
      service: [fqdn('reviews'), 'reviews', 'shop', 'authority'],
    },
    {
      name: 'the server itself when the Host header names another',
      entry: { ...own, authority: 'www.example.com' },
      service: ['reviews', 'reviews', 'shop', 'node'],
    },
    { name: 'an undeclared port', entry: { cluster: 'InboundPassthroughCluster' }, service: ['reviews', 'InboundPassthroughCluster', 'shop', 'cluster'] },
    {
      name: 'the cluster of a waypoint',
      origin: waypoint,
      entry: { cluster: 'inbound-vip|80|http|a.other.svc.cluster.local' },
      service: [fqdn('a', 'other'), 'a', 'other', 'cluster'],
    },
    { name: 'the cluster of a plain Envoy', origin: plain, entry: { cluster: 'backend' }, service: ['backend', 'backend', '', 'cluster'] },
    { name: 'the route of Envoy Gateway', origin: plain, entry: { cluster: 'httproute/shop/store/rule/0' }, service: ['store', 'store', 'shop', 'route'] },
    {
      name: 'a route of a plain Envoy, which has no special names',
      origin: plain,
      entry: { route: 'allow_any', authority: 'a.example.com' },
      service: ['a.example.com', 'a.example.com', '', 'authority'],
    },
    { name: 'nothing for an unclassified call', entry: { authority: 'ratings' }, service: ['', '', '', 'none'] },
  ])('is $name', ({ origin, entry, config, service }) => {
    const found = analyse(origin ?? sidecar, entry, config === undefined ? {} : { config }).edge.service
    expect([found.host, found.name, found.namespace, found.evidence]).toEqual(service)
  })

  test('is the owner of the called address where the cluster is not logged', () => {
    const index = new FakeIdentityIndex().add(serviceOf('ratings', 'shop', { addresses: ['10.96.0.5'], ports: [9080] }))
    const entry = { direct: '10.0.0.1:1', local: '10.96.0.5:9080', authority: 'unrelated' }
    expect(analyse(sidecar, entry, { index }).edge.service).toEqual({ host: fqdn('ratings'), name: 'ratings', namespace: 'shop', evidence: 'address' })
  })
})

describe('mutual TLS', () => {
  test.for<{ readonly name: string; readonly entry: TestEntry; readonly mutualTls: boolean }>([
    { name: 'two principals', entry: { localSan: spiffe('a'), peerSan: spiffe('b') }, mutualTls: true },
    { name: 'the principals of a tunnel', entry: { localPrincipal: anyText(spiffe('a')), peerPrincipal: anyText(spiffe('b')) }, mutualTls: true },
    { name: 'two certificates without URIs', entry: { certificates: 3 }, mutualTls: true },
    { name: 'only the server’s certificate', entry: { localSan: spiffe('a'), certificates: 1 }, mutualTls: false },
    { name: 'plain text', entry: {}, mutualTls: false },
    { name: 'a refused handshake', entry: { tcp: true, certificates: 3, downstreamFailure: 'TLS_error' }, mutualTls: false },
  ])('$name: $mutualTls', ({ entry, mutualTls }) => {
    expect(analyse(sidecar, { cluster: 'inbound|9080||', ...entry }).edge.mutualTls).toBe(mutualTls)
  })
})

test('derives the principal of the reporter only when a trust domain is set', () => {
  expect(analyse(sidecar, { cluster: RATINGS }).edge.source.principal).toBe('')
  expect(analyse(sidecar, { cluster: RATINGS }, { config: { trust_domain: 'example.org' } }).edge.source.principal).toBe(
    'spiffe://example.org/ns/shop/sa/reviews',
  )
})
