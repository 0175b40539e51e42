import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SampleType } from '../sample.ts'
import { EnvoyNaming, type EnvoyNamingOptions, isZeroDelta } from './envoy_naming.ts'
import type { RawSeries } from './naming.ts'
import { PlainNaming } from './plain_naming.ts'

/** Short texts with what breaks things in them; fast-check's own of all characters take seconds to set up. */
const anyText = fc
  .array(fc.oneof(fc.string({ unit: 'binary-ascii', maxLength: 4 }), fc.constantFrom('é', '😀', '\ud800', '\0', '.', '__', '$1', '\u2028')), { maxLength: 6 })
  .map((parts) => parts.join(''))

const REVIEWS = 'outbound|9080||reviews.default.svc.cluster.local'

/** `name{label="value",…}` of a line such as `name|#tag:value,…`, as Prometheus writes it. */
function shown(sent: string, options: EnvoyNamingOptions = {}): string {
  const [name = '', tags = ''] = sent.split('|#')
  const pairs = tags === '' ? [] : tags.split(',').map((tag): [string, string] => [tag.slice(0, tag.indexOf(':')), tag.slice(tag.indexOf(':') + 1)])
  return shownSeries({ name, type: SampleType.counter, tags: pairs }, options)
}

function shownSeries(raw: RawSeries, options: EnvoyNamingOptions = {}): string {
  const result = new EnvoyNaming(new PlainNaming(), options).resolve(raw)
  if ('dropped' in result) return `dropped: ${result.dropped}`
  return `${result.name}{${result.labels.map(([key, value]) => `${key}="${value}"`).join(',')}}`
}

// Names and what Envoy 1.40's /stats/prometheus made of them.
describe('a plain name is what /stats/prometheus of a real Envoy shows', () => {
  test.for([
    { sent: 'envoy.cluster.shop.upstream_rq_200', is: 'envoy_cluster_upstream_rq{envoy_cluster_name="shop",envoy_response_code="200"}' },
    { sent: 'envoy.cluster.shop.upstream_rq_2xx', is: 'envoy_cluster_upstream_rq_xx{envoy_cluster_name="shop",envoy_response_code_class="2"}' },
    {
      sent: 'envoy.cluster.shop.external.upstream_rq_5xx',
      is: 'envoy_cluster_external_upstream_rq_xx{envoy_cluster_name="shop",envoy_response_code_class="5"}',
    },
    { sent: 'envoy.cluster.shop.circuit_breakers.high.rq_open', is: 'envoy_cluster_circuit_breakers_high_rq_open{envoy_cluster_name="shop"}' },
    {
      sent: 'envoy.cluster.shop.ssl.ciphers.TLS_AES_128_GCM_SHA256',
      is: 'envoy_cluster_ssl_ciphers{cipher_suite="TLS_AES_128_GCM_SHA256",envoy_cluster_name="shop"}',
    },
    { sent: 'envoy.cluster.shop.ssl.versions.TLSv1.3', is: 'envoy_cluster_ssl_versions{envoy_cluster_name="shop",envoy_ssl_version="TLSv1.3"}' },
    {
      sent: 'envoy.cluster.shop.grpc.my.Service.success',
      is: 'envoy_cluster_grpc_success{envoy_cluster_name="shop",envoy_grpc_bridge_method="Service",envoy_grpc_bridge_service="my"}',
    },
    {
      sent: 'envoy.cluster.shop.health_check.name.live.attempt',
      is: 'envoy_cluster_health_check_attempt{envoy_cluster_name="shop",envoy_health_check_name="live"}',
    },
    { sent: 'envoy.cluster.shop.ext_authz.az.ok', is: 'envoy_cluster_ext_authz_ok{envoy_cluster_name="shop",envoy_ext_authz_prefix="az"}' },
    { sent: 'envoy.http.ingress.downstream_rq_5xx', is: 'envoy_http_downstream_rq_xx{envoy_http_conn_manager_prefix="ingress",envoy_response_code_class="5"}' },
    {
      sent: 'envoy.http.ingress.rds.my.route-config.update_success',
      is: 'envoy_http_rds_update_success{envoy_http_conn_manager_prefix="ingress",envoy_rds_route_config="my.route-config"}',
    },
    {
      sent: 'envoy.http.app.rbac.mine.policy.pol1.allowed',
      is: 'envoy_http_rbac_policy_allowed{envoy_http_conn_manager_prefix="app",envoy_rbac_http_prefix="mine",envoy_rbac_policy_name="pol1"}',
    },
    { sent: 'envoy.http.app.rbac.policy.pol1.denied', is: 'envoy_http_rbac_policy_denied{envoy_http_conn_manager_prefix="app",envoy_rbac_policy_name="pol1"}' },
    {
      sent: 'envoy.http.app.fault.down.delays_injected',
      is: 'envoy_http_fault_delays_injected{envoy_fault_downstream_cluster="down",envoy_http_conn_manager_prefix="app"}',
    },
    {
      sent: 'envoy.http.app.dynamodb.table.t.capacity.GetItem.__partition_id=abcdefg',
      is: 'envoy_http_dynamodb_table_capacity{envoy_dynamo_operation="GetItem",envoy_dynamo_partition_id="abcdefg",envoy_dynamo_table="t",envoy_http_conn_manager_prefix="app"}',
    },
    { sent: 'envoy.listener.0.0.0.0_80.downstream_cx_total', is: 'envoy_listener_downstream_cx_total{envoy_listener_address="0.0.0.0_80"}' },
    {
      sent: 'envoy.listener.[__1]_80.worker_3.downstream_cx_total',
      is: 'envoy_listener_worker_downstream_cx_total{envoy_listener_address="[__1]_80",envoy_worker_id="3"}',
    },
    {
      sent: 'envoy.listener.0.0.0.0_80.http.app.downstream_rq_2xx',
      is: 'envoy_listener_http_downstream_rq_xx{envoy_http_conn_manager_prefix="app",envoy_listener_address="0.0.0.0_80",envoy_response_code_class="2"}',
    },
    { sent: 'envoy.listener.admin.main_thread.downstream_cx_total', is: 'envoy_listener_admin_main_thread_downstream_cx_total{}' },
    { sent: 'envoy.tcp.mongo.downstream_cx_total', is: 'envoy_tcp_downstream_cx_total{envoy_tcp_prefix="mongo"}' },
    {
      sent: 'envoy.mongo.mg.collection.users.callsite.find.query.total',
      is: 'envoy_mongo_collection_callsite_query_total{envoy_mongo_callsite="find",envoy_mongo_collection="users",envoy_mongo_prefix="mg"}',
    },
    { sent: 'envoy.redis.rp.command.get.total', is: 'envoy_redis_command_get_total{envoy_redis_prefix="rp"}' },
    {
      sent: 'envoy.vhost.all.vcluster.vc1.upstream_rq_200',
      is: 'envoy_vhost_vcluster_upstream_rq{envoy_response_code="200",envoy_virtual_cluster="vc1",envoy_virtual_host="all"}',
    },
    { sent: 'envoy.lim.http_local_rate_limit.ok', is: 'envoy_http_local_rate_limit_ok{envoy_local_http_ratelimit_prefix="lim"}' },
    { sent: 'envoy.nrbac.rbac.allowed', is: 'envoy_rbac_allowed{envoy_rbac_prefix="nrbac"}' },
    { sent: 'envoy.proxy_proto.pp1.versions.v2.found', is: 'envoy_proxy_proto_found{envoy_proxy_protocol_prefix="pp1",envoy_proxy_protocol_version="2"}' },
    { sent: 'envoy.server.worker_0.watchdog_miss', is: 'envoy_server_worker_watchdog_miss{envoy_worker_id="0"}' },
    { sent: 'envoy.sds.default.update_success', is: 'envoy_sds_update_success{envoy_xds_resource_name="default"}' },
    { sent: 'envoy.server.live', is: 'envoy_server_live{}' },
    { sent: 'envoy.wasmcustom.my_requests', is: 'my_requests{}' },
  ])('$sent', ({ sent, is }) => {
    expect(shown(sent)).toBe(is)
  })
})

describe('names that Envoy tears apart are whole', () => {
  test.for([
    {
      name: 'a cluster of Istio',
      sent: `envoy.cluster.${REVIEWS}.upstream_rq_200`,
      is: `envoy_cluster_upstream_rq{envoy_cluster_name="${REVIEWS}",envoy_response_code="200"}`,
    },
    {
      name: 'the same with tags',
      sent: 'envoy.cluster.default.svc.cluster.local.upstream_rq|#envoy.response_code:200,envoy.cluster_name:outbound|9080||reviews',
      is: `envoy_cluster_upstream_rq{envoy_cluster_name="${REVIEWS}",envoy_response_code="200"}`,
    },
    {
      name: 'the same with tags of Istio',
      sent: 'envoy.cluster.default.svc.cluster.local.upstream_rq|#response_code:200,cluster_name:outbound|9080||reviews',
      is: `envoy_cluster_upstream_rq{cluster_name="${REVIEWS}",response_code="200"}`,
    },
    {
      name: 'what Envoy did not find behind the torn name',
      sent: 'envoy.cluster.default.svc.cluster.local.ssl.ciphers.TLS_AES_128_GCM_SHA256|#envoy.cluster_name:outbound|9080||reviews',
      is: `envoy_cluster_ssl_ciphers{cipher_suite="TLS_AES_128_GCM_SHA256",envoy_cluster_name="${REVIEWS}"}`,
    },
    {
      name: 'a host elsewhere',
      sent: 'envoy.cluster.outbound|443||api.example.com.external.upstream_rq_2xx',
      is: 'envoy_cluster_external_upstream_rq_xx{envoy_cluster_name="outbound|443||api.example.com",envoy_response_code_class="2"}',
    },
    {
      name: 'a host with grpc in it',
      sent: 'envoy.cluster.outbound|443||x.grpc.example.com.upstream_rq_total',
      is: 'envoy_cluster_upstream_rq_total{envoy_cluster_name="outbound|443||x.grpc.example.com"}',
    },
    {
      name: 'a subset',
      sent: 'envoy.cluster.outbound|80|v1|a.b.svc.k8s.example.org.circuit_breakers.default.cx_open',
      is: 'envoy_cluster_circuit_breakers_default_cx_open{envoy_cluster_name="outbound|80|v1|a.b.svc.k8s.example.org"}',
    },
    {
      name: 'an SNI cluster',
      sent: 'envoy.cluster.outbound_.80_._.a.b.svc.cluster.local.ssl.versions.TLSv1.3',
      is: 'envoy_cluster_ssl_versions{envoy_cluster_name="outbound_.80_._.a.b.svc.cluster.local",envoy_ssl_version="TLSv1.3"}',
    },
    {
      name: 'an inbound cluster',
      sent: 'envoy.cluster.inbound|9080||.upstream_rq_time',
      is: 'envoy_cluster_upstream_rq_time{envoy_cluster_name="inbound|9080||"}',
    },
    {
      name: 'a match count',
      sent: `envoy.cluster.${REVIEWS}.tlsMode-istio.total_match_count`,
      is: `envoy_cluster_tlsMode_istio_total_match_count{envoy_cluster_name="${REVIEWS}"}`,
    },
    {
      name: 'a stat without _ behind a Kubernetes host',
      sent: `envoy.cluster.${REVIEWS}.http2.trailers`,
      is: `envoy_cluster_http2_trailers{envoy_cluster_name="${REVIEWS}"}`,
    },
    {
      name: 'a stat prefix with an address',
      sent: 'envoy.http.outbound_0.0.0.0_9080.downstream_rq_time',
      is: 'envoy_http_downstream_rq_time{envoy_http_conn_manager_prefix="outbound_0.0.0.0_9080"}',
    },
    {
      name: 'the same with tags, ',
      sent: 'envoy.http.0.0.0_9080.downstream_rq_xx|#envoy.response_code_class:2,envoy.http_conn_manager_prefix:outbound_0',
      is: 'envoy_http_downstream_rq_xx{envoy_http_conn_manager_prefix="outbound_0.0.0.0_9080",envoy_response_code_class="2"}',
    },
    {
      name: 'a stat prefix of a listener',
      sent: 'envoy.listener.http.0.0.0_9080.downstream_rq_xx|#envoy.response_code_class:2,envoy.http_conn_manager_prefix:outbound_0,envoy.listener_address:127.0.10.3_9080',
      is: 'envoy_listener_http_downstream_rq_xx{envoy_http_conn_manager_prefix="outbound_0.0.0.0_9080",envoy_listener_address="127.0.10.3_9080",envoy_response_code_class="2"}',
    },
    {
      name: 'a TCP prefix',
      sent: 'envoy.tcp.default.svc.cluster.local.downstream_cx_total|#envoy.tcp_prefix:outbound|27017||mongodb',
      is: 'envoy_tcp_downstream_cx_total{envoy_tcp_prefix="outbound|27017||mongodb.default.svc.cluster.local"}',
    },
    {
      name: 'a virtual host',
      sent: 'envoy.vhost.default.svc.cluster.local_80.vcluster.vc.upstream_rq|#envoy.response_code:200,envoy.virtual_host:reviews',
      is: 'envoy_vhost_vcluster_upstream_rq{envoy_response_code="200",envoy_virtual_cluster="vc",envoy_virtual_host="reviews.default.svc.cluster.local_80"}',
    },
    {
      name: 'a listener of App Mesh',
      sent: 'envoy.http.ingress.http.8080.downstream_rq_total',
      is: 'envoy_http_downstream_rq_total{appmesh_listener_port="8080",appmesh_listener_protocol="http",envoy_http_conn_manager_prefix="ingress"}',
    },
    {
      name: 'the same with tags of App Mesh',
      sent: 'envoy.http.http.8080.downstream_rq_total|#appmesh.mesh:m,envoy.http_conn_manager_prefix:ingress',
      is: 'envoy_http_downstream_rq_total{appmesh_listener_port="8080",appmesh_listener_protocol="http",appmesh_mesh="m",envoy_http_conn_manager_prefix="ingress"}',
    },
  ])('$name', ({ sent, is }) => {
    expect(shown(sent)).toBe(is)
  })

  test('unless they are wanted as Envoy has them', () => {
    const torn = `envoy_cluster_default_svc_cluster_local_upstream_rq_total{envoy_cluster_name="outbound|9080||reviews"}`
    expect(shown(`envoy.cluster.${REVIEWS}.upstream_rq_total`, { dottedNames: 'none' })).toBe(torn)
    expect(shown('envoy.cluster.default.svc.cluster.local.upstream_rq_total|#envoy.cluster_name:outbound|9080||reviews', { dottedNames: 'none' })).toBe(torn)
  })

  test('and other clusters only when asked for', () => {
    const sent = 'envoy.cluster.a.dotted.name.upstream_rq_total'
    expect(shown(sent)).toBe('envoy_cluster_dotted_name_upstream_rq_total{envoy_cluster_name="a"}')
    expect(shown(sent, { dottedNames: 'all' })).toBe('envoy_cluster_upstream_rq_total{envoy_cluster_name="a.dotted.name"}')
    expect(shown('envoy.cluster.dotted.name.upstream_rq_total|#envoy.cluster_name:a', { dottedNames: 'all' })).toBe(
      'envoy_cluster_upstream_rq_total{envoy_cluster_name="a.dotted.name"}',
    )
  })
})

test("requests that Istio's tags count by code and by class stand under two names", () => {
  expect(shown('envoy.cluster.upstream_rq|#response_code:200,cluster_name:inbound|9080||')).toBe(
    'envoy_cluster_upstream_rq{cluster_name="inbound|9080||",response_code="200"}',
  )
  expect(shown('envoy.cluster.upstream_rq|#response_code_class:2xx,cluster_name:inbound|9080||')).toBe(
    'envoy_cluster_upstream_rq_xx{cluster_name="inbound|9080||",response_code_class="2xx"}',
  )
})

test('tags of App Mesh and of the bootstrap become labels', () => {
  expect(shown('envoy.server.live|#appmesh.mesh:m,appmesh.virtual_node:n')).toBe('envoy_server_live{appmesh_mesh="m",appmesh_virtual_node="n"}')
})

test.for([
  { stat: 'http.a.downstream_rq_time', unit: 'ms' },
  { stat: 'cluster.a.upstream_cx_connect_ms', unit: 'ms' },
  { stat: 'overload.refresh_interval_delay', unit: 'ms' },
  { stat: 'cluster_manager.cds.update_duration', unit: 'ms' },
  { stat: 'server.dispatcher.loop_duration_us', unit: 'us' },
  { stat: 'tls_inspector.bytes_processed', unit: 'By' },
  { stat: 'cluster.a.upstream_rq_body_size', unit: 'By' },
  { stat: 'cluster.a.upstream_rq_headers_count', unit: '' },
  { stat: 'listener.0.0.0.0_80.connections_accepted_per_socket_event', unit: '' },
  { stat: 'cluster.a.upstream_rq_timeout_budget_percent_used', unit: '' },
  { stat: 'cluster.a.something_new', unit: '' },
])('the histogram $stat is in "$unit", though the wire says ms', ({ stat, unit }) => {
  const result = new EnvoyNaming(new PlainNaming()).resolve({ name: `envoy.${stat}`, type: SampleType.timer, tags: [] })
  expect(result).toMatchObject({ unit, scale: 1, isExactName: true, aggregation: { kind: 'explicit' } })
})

test('microseconds that the sink made milliseconds are microseconds again', () => {
  const naming = new EnvoyNaming(new PlainNaming(), { areMicrosScaled: true })
  expect(naming.resolve({ name: 'envoy.server.dispatcher.loop_duration_us', type: SampleType.timer, tags: [] })).toMatchObject({ scale: 1000, unit: 'us' })
  expect(naming.resolve({ name: 'envoy.http.a.downstream_rq_time', type: SampleType.timer, tags: [] })).toMatchObject({ scale: 1, unit: 'ms' })
})

test('the prefix of the sink is not part of the name, and other names are not touched', () => {
  const prefixes = ['envoy', 'productpage.envoy']
  expect(shown('productpage.envoy.server.live', { prefixes })).toBe('envoy_server_live{}')
  expect(shown('envoyer.server.live', { prefixes })).toBe('envoyer.server.live{}')
  expect(shown('envoy.', { prefixes })).toBe('envoy.{}')
})

test('a counter that did not change is told from one that did', () => {
  expect(isZeroDelta(SampleType.counter, 0)).toBe(true)
  expect(isZeroDelta(SampleType.counter, 1)).toBe(false)
  expect(isZeroDelta(SampleType.gauge, 0)).toBe(false)
})

test('no name or tag makes it throw, and the names are those of Prometheus', () => {
  const segment = fc.oneof(
    fc.constantFrom(
      'cluster',
      'http',
      'listener',
      'outbound|80||a',
      'svc',
      'cluster',
      'local',
      'upstream_rq_200',
      'ssl',
      'versions',
      '0',
      '0_80',
      'vhost',
      'vcluster',
      'ingress',
    ),
    anyText,
  )
  const name = fc.array(segment, { maxLength: 8 }).map((segments) => `envoy.${segments.join('.')}`)
  const tag = fc.constantFrom('envoy.cluster_name', 'cluster_name', 'envoy.http_conn_manager_prefix', 'envoy.virtual_host', '__x', 'le')
  const tags = fc.array(fc.tuple(tag, fc.option(fc.string(), { nil: undefined })), { maxLength: 3 })
  const mode = fc.constantFrom('istio', 'all', 'none')
  fc.assert(
    fc.property(name, tags, mode, (sent, pairs, dottedNames) => {
      const raw = { name: sent, type: SampleType.timer, tags: pairs }
      const result = new EnvoyNaming(new PlainNaming(), { dottedNames }).resolve(raw)
      if ('dropped' in result || !result.isExactName) return
      expect(result.name).toMatch(/^[A-Za-z_]\w*$/)
      for (const [key] of result.labels) expect(key).toMatch(/^[A-Za-z_]\w*$/)
    }),
    { numRuns: 2000 },
  )
})
