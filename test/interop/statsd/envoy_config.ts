import { cluster, socket, typed } from '../envoy.ts'

const HCM = 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'

/** An Istio cluster; Envoy's own tags tear such names apart. */
export const ISTIO_CLUSTER = 'outbound|9080||reviews.default.svc.cluster.local'

/** Where each sink sends to. */
export interface SinkPorts {
  readonly udp: number
  readonly tcp: number
  readonly dogstatsd: number
  readonly graphite: number
}

/** One Envoy that proxies to two apps and sends its stats by all four sinks twice a second. */
export function statsdEnvoyConfig(sinks: SinkPorts, appPort: number): object {
  return {
    node: { id: 'sidecar~127.0.2.1~shop.default~default.svc.cluster.local', cluster: 'shop.default' },
    stats_flush_interval: '0.5s',
    stats_sinks: [
      sink('statsd', 'StatsdSink', { address: udp(sinks.udp) }),
      sink('statsd', 'StatsdSink', { tcp_cluster_name: 'statsd_tcp' }),
      sink('dog_statsd', 'DogStatsdSink', { address: udp(sinks.dogstatsd), max_bytes_per_datagram: 1432 }),
      graphite(sinks.graphite),
    ],
    static_resources: {
      listeners: [httpListener('ingress_http', 'shop_v2'), httpListener('egress', ISTIO_CLUSTER), tcpListener('mongo_proxy', 'shop_v2')],
      clusters: [
        cluster({ name: 'statsd_tcp', endpoint: { host: '127.0.0.1', port: sinks.tcp } }),
        cluster({ name: 'shop_v2', endpoint: { host: '127.0.0.1', port: appPort } }),
        cluster({ name: ISTIO_CLUSTER, endpoint: { host: '127.0.0.1', port: appPort } }),
        cluster({ name: 'nobody' }),
      ],
    },
  }
}

function sink(name: string, type: string, fields: object): object {
  return { name: `envoy.stat_sinks.${name}`, typed_config: typed(`envoy.config.metrics.v3.${type}`, fields) }
}

function graphite(port: number): object {
  const config = typed('envoy.extensions.stat_sinks.graphite_statsd.v3.GraphiteStatsdSink', { address: udp(port), max_bytes_per_datagram: 1432 })
  return { name: 'envoy.stat_sinks.graphite_statsd', typed_config: config }
}

function udp(port: number): object {
  return { socket_address: { protocol: 'UDP', address: '127.0.0.1', port_value: port } }
}

/** `/nobody` has a cluster without endpoints, everything else goes to `to`. */
function httpListener(name: string, to: string): object {
  const routes = [
    { match: { prefix: '/nobody' }, route: { cluster: 'nobody' } },
    { match: { prefix: '/' }, route: { cluster: to } },
  ]
  const router = { name: 'envoy.filters.http.router', typed_config: typed('envoy.extensions.filters.http.router.v3.Router') }
  const manager = typed(HCM, { stat_prefix: name, route_config: { name, virtual_hosts: [{ name, domains: ['*'], routes }] }, http_filters: [router] })
  return listener(name, { name: 'envoy.filters.network.http_connection_manager', typed_config: manager })
}

function tcpListener(name: string, to: string): object {
  const proxy = typed('envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy', { stat_prefix: name, cluster: to })
  return listener(name, { name: 'envoy.filters.network.tcp_proxy', typed_config: proxy })
}

function listener(name: string, filter: object): object {
  return { name, address: socket('127.0.0.1', 0), filter_chains: [{ filters: [filter] }] }
}
