import { expect, test } from 'vitest'
import { parseNodeId } from '../../model/istio_node_id.ts'
import { type Local, Locals } from './local.ts'
import { originOf } from './testing.ts'

test.for([
  {
    id: 'sidecar~10.0.0.1~reviews-v1-5c-x.shop~shop.svc.cluster.local',
    expected: { role: 'sidecar', ip: '10.0.0.1', pod: 'reviews-v1-5c-x', namespace: 'shop', domain: 'shop.svc.cluster.local' },
  },
  {
    id: 'router~fd00::1~gateway.with.dots.istio-system~istio-system.svc.cluster.local',
    expected: { role: 'router', ip: 'fd00::1', pod: 'gateway.with.dots', namespace: 'istio-system', domain: 'istio-system.svc.cluster.local' },
  },
  { id: 'waypoint~10.0.0.2~w.shop~d', expected: { role: 'waypoint', ip: '10.0.0.2', pod: 'w', namespace: 'shop', domain: 'd' } },
  { id: 'ztunnel~10.0.0.2~z.kube-system~d', expected: { role: 'ztunnel', ip: '10.0.0.2', pod: 'z', namespace: 'kube-system', domain: 'd' } },
  { id: 'agentgateway~10.0.0.2~a.n~d', expected: { role: 'proxy', ip: '10.0.0.2', pod: 'a', namespace: 'n', domain: 'd' } },
  { id: 'constructor~1~2~3', expected: { role: 'proxy', ip: '1', pod: '2', namespace: '', domain: '3' } },
  { id: 'sidecar~10.0.0.1~pod', expected: undefined },
  { id: 'web-sidecar-proxy', expected: undefined },
])('reads the node id $id', ({ id, expected }) => {
  expect(parseNodeId(id)).toEqual(expected)
})

function localOf(node: Parameters<typeof originOf>[0]): Local {
  return new Locals().of(originOf(node)).local
}

test('takes an Istio workload from the node metadata as it stands', () => {
  const local = localOf({
    id: 'sidecar~10.0.0.1~reviews-v1-5c-x.shop~shop.svc.cluster.local',
    cluster: 'reviews.shop',
    version: [1, 38],
    metadata: {
      WORKLOAD_NAME: 'reviews-v1',
      NAMESPACE: 'shop',
      NAME: 'reviews-v1-5c-x',
      CLUSTER_ID: 'Kubernetes',
      SERVICE_ACCOUNT: 'reviews-account',
      INSTANCE_IPS: '10.0.0.1, fd00::1',
      LABELS: { app: 'reviews', 'app.kubernetes.io/name': 'not-for-oneself', 'service.istio.io/canonical-name': 'reviews-canonical' },
    },
  })
  expect(local.role).toBe('sidecar')
  expect(local.party).toEqual({
    workload: 'reviews-v1',
    namespace: 'shop',
    service: 'reviews-canonical',
    revision: '',
    app: 'reviews',
    version: '',
    cluster: 'Kubernetes',
    principal: '',
    pod: 'reviews-v1-5c-x',
    evidence: 'node',
    addressClass: '',
  })
  expect([...local.ips]).toEqual(['10.0.0.1', 'fd00::1'])
  expect([...local.names]).toEqual(['reviews-canonical', 'reviews', 'reviews-v1'])
  expect(local.dns).toEqual({ namespace: 'shop', clusterDomain: 'cluster.local' })
  expect(local.typesEntries).toBe(true)
})

test('finds its way with metadata of old releases and with none', () => {
  const old = localOf({
    id: 'sidecar~10.0.0.1~product-v1-d66dcfdc5-kh6v7.default~default.svc.cluster.local',
    metadata: { POD_NAME: 'product-v1-d66dcfdc5-kh6v7', ISTIO_META_INSTANCE_IPS: '10.0.0.1,10.0.0.2', app: 'product', version: 'v1' },
  })
  expect(old.party).toMatchObject({ workload: 'product-v1', namespace: 'default', service: 'product', app: 'product', version: 'v1' })
  expect([...old.ips]).toEqual(['10.0.0.1', '10.0.0.2'])
  expect(old.typesEntries).toBe(false)
  const owned = localOf({ id: 'sidecar~1~p.n~d', metadata: { OWNER: 'kubernetes://apis/apps/v1/namespaces/n/deployments/shop-v2', LABELS: {} } })
  expect(owned.party).toMatchObject({ workload: 'shop-v2', service: '' })
  expect(localOf({ id: 'router~10.0.0.1~gateway-6d5f6c7b8-abcde.infra~infra.svc.cluster.local' }).party).toMatchObject({
    workload: 'gateway',
    namespace: 'infra',
  })
})

test.for([
  {
    name: 'Consul',
    node: { id: 'web-sidecar-proxy', cluster: 'web', metadata: { namespace: 'team' } },
    party: { workload: 'web', service: 'web', namespace: 'team', pod: 'web-sidecar-proxy' },
  },
  {
    name: 'Envoy Gateway',
    node: { id: 'envoy-default-eg-5d-x', cluster: 'default/eg' },
    party: { workload: 'eg', namespace: 'default', pod: 'envoy-default-eg-5d-x' },
  },
  { name: 'App Mesh', node: { id: 'mesh/shop/virtualNode/reviews', cluster: 'mesh/shop/virtualNode/reviews' }, party: { workload: 'reviews', pod: '' } },
  { name: 'a plain Envoy', node: { id: 'edge-1', cluster: 'edge' }, party: { workload: 'edge', service: 'edge', namespace: '', pod: 'edge-1' } },
  { name: 'an id only', node: { id: 'edge-1' }, party: { workload: 'edge-1', pod: '' } },
])('names a proxy of $name', ({ node, party }) => {
  const local = localOf(node)
  expect(local.role).toBe('proxy')
  expect(local.party).toMatchObject({ ...party, evidence: 'node' })
})

test('a stream without an identifier is known by where it comes from', () => {
  const local = new Locals().of({ ...originOf({}), peer: '[fd00::7]:40000' }).local
  expect(local).toMatchObject({ role: 'unknown', streamIp: 'fd00::7' })
  expect(local.party.evidence).toBe('none')
})

test('streams of one proxy share one identity, whatever the order of its metadata', () => {
  const locals = new Locals()
  const id = 'sidecar~10.0.0.1~a.n~n.svc.cluster.local'
  const first = locals.of(originOf({ id, metadata: { NAMESPACE: 'n', NAME: 'a' } }))
  const second = locals.of(originOf({ id, metadata: { NAME: 'a', NAMESPACE: 'n' } }))
  const other = locals.of(originOf({ id, metadata: { NAME: 'b', NAMESPACE: 'n' } }))
  expect(second.local).toBe(first.local)
  expect(other.local.id).not.toBe(first.local.id)
  expect([first.isNew, second.isNew]).toEqual([true, true])
})

test('the same stream is new only once', () => {
  const locals = new Locals()
  const origin = originOf({ id: 'edge' })
  expect([locals.of(origin).isNew, locals.of(origin).isNew]).toEqual([true, false])
})
