import { cluster, socket, typed } from '../envoy.ts'

const HCM = 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'

export interface ProxyPorts {
  /** Where the DogStatsD sink sends to. */
  readonly statsd: number
  readonly http: number
  readonly tcp: number
}

/**
 * An Envoy whose stats have what dashboards ask for: retries, timeouts, ejected hosts and limits of connections, so that counters
 * which stay away until something happens are there. It sends only stats that are in use, as Envoy does by StatsD.
 */
export function proxyConfig({ statsd, http, tcp }: ProxyPorts): object {
  const sink = typed('envoy.config.metrics.v3.DogStatsdSink', { address: udp(statsd), max_bytes_per_datagram: 1432 })
  return {
    node: { id: 'shop-v2', cluster: 'shop' },
    stats_flush_interval: '0.5s',
    stats_sinks: [{ name: 'envoy.stat_sinks.dog_statsd', typed_config: sink }],
    static_resources: {
      listeners: [httpListener(), tcpListener()],
      clusters: [
        { ...cluster({ name: 'shop_v2', endpoint: { host: '127.0.0.1', port: http } }), outlier_detection: outliers() },
        cluster({ name: 'mongo', endpoint: { host: '127.0.0.1', port: tcp } }),
        cluster({ name: 'nobody' }),
        // Nobody listens there.
        cluster({ name: 'gone', endpoint: { host: '127.0.0.1', port: 1 } }),
      ],
    },
  }
}

/** A host is ejected for a moment after two failures in a row, and may be although it is the only one. */
function outliers(): object {
  return { consecutive_5xx: 2, interval: '0.5s', base_ejection_time: '0.2s', max_ejection_time: '0.5s', max_ejection_percent: 100 }
}

function udp(port: number): object {
  return { socket_address: { protocol: 'UDP', address: '127.0.0.1', port_value: port } }
}

function httpListener(): object {
  const retry_policy = { retry_on: '5xx', num_retries: 1 }
  const routes = [
    { match: { prefix: '/nobody' }, route: { cluster: 'nobody' } },
    { match: { prefix: '/gone' }, route: { cluster: 'gone' } },
    { match: { prefix: '/hang' }, route: { cluster: 'shop_v2', timeout: '0.1s' } },
    { match: { prefix: '/' }, route: { cluster: 'shop_v2', retry_policy } },
  ]
  const router = { name: 'envoy.filters.http.router', typed_config: typed('envoy.extensions.filters.http.router.v3.Router') }
  const route_config = { name: 'ingress_http', virtual_hosts: [{ name: 'shop', domains: ['*'], routes }] }
  const manager = typed(HCM, { stat_prefix: 'ingress_http', route_config, http_filters: [router] })
  return listener('ingress_http', { name: 'envoy.filters.network.http_connection_manager', typed_config: manager })
}

function tcpListener(): object {
  const proxy = typed('envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy', { stat_prefix: 'mongo_proxy', cluster: 'mongo' })
  return listener('mongo_proxy', { name: 'envoy.filters.network.tcp_proxy', typed_config: proxy })
}

function listener(name: string, filter: object): object {
  return { name, address: socket('127.0.0.1', 0), filter_chains: [{ filters: [filter] }] }
}
