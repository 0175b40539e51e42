import { expect, test } from 'vitest'
import { type ClusterName, parseClusterName, serviceOfSni } from './cluster_name.ts'
import { InfrastructureClusters } from './infrastructure.ts'

test.for<{
  readonly cluster: string
  readonly direction: ClusterName['direction']
  readonly service?: readonly [host: string, name: string, namespace: string]
}>([
  { cluster: '', direction: 'unknown' },
  { cluster: 'outbound|9080||reviews.default.svc.cluster.local', direction: 'outbound', service: ['reviews.default.svc.cluster.local', 'reviews', 'default'] },
  { cluster: 'outbound|9080|v2|reviews.shop.svc.cluster.local', direction: 'outbound', service: ['reviews.shop.svc.cluster.local', 'reviews', 'shop'] },
  { cluster: 'outbound|443||api.example.com', direction: 'outbound', service: ['api.example.com', 'api.example.com', ''] },
  { cluster: 'outbound|80||*.example.com', direction: 'outbound', service: ['*.example.com', '*.example.com', ''] },
  {
    cluster: 'outbound|9080||reviews.default.svc.cluster.local;extra',
    direction: 'outbound',
    service: ['reviews.default.svc.cluster.local', 'reviews', 'default'],
  },
  { cluster: 'outbound|9080||', direction: 'outbound' },
  { cluster: 'outbound|9080', direction: 'outbound' },
  { cluster: 'outbound_.9080_.v1_.reviews.a.svc.cluster.local', direction: 'outbound', service: ['reviews.a.svc.cluster.local', 'reviews', 'a'] },
  { cluster: 'outbound_.9080_._.reviews.a.svc.clusterset.local', direction: 'outbound', service: ['reviews.a.svc.clusterset.local', 'reviews', 'a'] },
  { cluster: 'outbound_.broken', direction: 'outbound' },
  { cluster: 'inbound|9080||', direction: 'inbound' },
  {
    cluster: 'inbound|9080|http|productpage.default.svc.cluster.local',
    direction: 'inbound',
    service: ['productpage.default.svc.cluster.local', 'productpage', 'default'],
  },
  { cluster: 'inbound|15020|mgmt-15020|mgmtCluster', direction: 'inbound' },
  {
    cluster: 'inbound-vip|8000|http|probe.starfleet.svc.cluster.local',
    direction: 'inbound',
    service: ['probe.starfleet.svc.cluster.local', 'probe', 'starfleet'],
  },
  {
    cluster: 'inbound-vip|8000|http/v1|probe.starfleet.svc.cluster.local',
    direction: 'inbound',
    service: ['probe.starfleet.svc.cluster.local', 'probe', 'starfleet'],
  },
  { cluster: 'inbound-pod|8080||10.0.0.1', direction: 'inbound' },
  { cluster: 'PassthroughCluster', direction: 'outbound', service: ['', 'PassthroughCluster', ''] },
  { cluster: 'BlackHoleCluster', direction: 'outbound', service: ['', 'BlackHoleCluster', ''] },
  { cluster: 'InboundPassthroughClusterIpv6', direction: 'inbound', service: ['', 'InboundPassthroughClusterIpv6', ''] },
  { cluster: 'local_app', direction: 'inbound' },
  { cluster: 'local_app_grpc', direction: 'inbound' },
  { cluster: 'local_appendix', direction: 'unknown', service: ['local_appendix', 'local_appendix', ''] },
  { cluster: 'db.default.dc1.internal.11111111-2222.consul', direction: 'outbound', service: ['db.default.consul', 'db', 'default'] },
  { cluster: 'v1.db.web.dc1.internal.11111111-2222.consul', direction: 'outbound', service: ['db.web.consul', 'db', 'web'] },
  { cluster: 'c6ca4f~db.web.ap1.dc1.internal-v1.11111111-2222.consul', direction: 'outbound', service: ['db.web.consul', 'db', 'web'] },
  { cluster: 'pay.default.default.cloud.external.11111111-2222.consul', direction: 'outbound', service: ['pay.default.consul', 'pay', 'default'] },
  { cluster: 'internal.consul', direction: 'unknown', service: ['internal.consul', 'internal.consul', ''] },
  { cluster: 'cds_egress_shop_reviews_http_9080', direction: 'outbound', service: ['reviews', 'reviews', ''] },
  { cluster: 'cds_ingress_shop_reviews_grpc_9080', direction: 'inbound' },
  { cluster: 'default/kuard/80/da39a3ee5e', direction: 'outbound', service: ['kuard.default.svc.cluster.local', 'kuard', 'default'] },
  { cluster: 'kube_shop_reviews_9080', direction: 'outbound', service: ['reviews.shop.svc.cluster.local', 'reviews', 'shop'] },
  { cluster: 'httproute/shop/storefront/rule/0', direction: 'outbound', service: ['storefront', 'storefront', 'shop'] },
  { cluster: 'service_a', direction: 'unknown', service: ['service_a', 'service_a', ''] },
  { cluster: '__proto__', direction: 'unknown', service: ['__proto__', '__proto__', ''] },
  { cluster: 'constructor', direction: 'unknown', service: ['constructor', 'constructor', ''] },
])('reads the cluster name $cluster', ({ cluster, direction, service }) => {
  const parsed = parseClusterName(cluster)
  expect(parsed.direction).toBe(direction)
  expect(parsed.service === undefined ? undefined : [parsed.service.host, parsed.service.name, parsed.service.namespace]).toEqual(service)
})

test('reads the port that an inbound cluster hands traffic to', () => {
  const ports = ['inbound|9080||', 'inbound|http||', 'outbound|80||a', 'local_app'].map((cluster) => parseClusterName(cluster).inboundPort)
  expect(ports).toEqual([9080, 0, 0, 0])
})

test.for([
  { sni: 'outbound_.9080_._.reviews.default.svc.cluster.local', name: 'reviews' },
  { sni: 'outbound_.9080_.v2_.reviews.default.svc.cluster.local', name: 'reviews' },
  { sni: 'reviews.example.com', name: undefined },
  { sni: 'outbound_.x_._.reviews', name: undefined },
])('finds the service $name in the SNI $sni', ({ sni, name }) => {
  expect(serviceOfSni(sni)?.name).toBe(name)
})

test.for([
  { cluster: 'xds-grpc', istio: true, any: true },
  { cluster: 'agent', istio: true, any: false },
  { cluster: 'zipkin', istio: true, any: false },
  { cluster: 'reviews', istio: false, any: false },
  { cluster: 'outbound|19001||meshscope.observability.svc.cluster.local', istio: true, any: true },
  { cluster: 'exact', istio: true, any: true },
  { cluster: 'exactly', istio: false, any: false },
  { cluster: 'a.b', istio: true, any: true },
  { cluster: 'aXb', istio: false, any: false },
])('tells whether $cluster is infrastructure', ({ cluster, istio, any }) => {
  const clusters = new InfrastructureClusters(['outbound|19001||meshscope.*', 'exact', 'a.b*'])
  expect([clusters.has(cluster, true), clusters.has(cluster, false)]).toEqual([istio, any])
})
