/** A small mesh on loopback addresses: productpage's sidecar calls reviews' sidecar, which calls the app. */
import { cluster, httpListener, type RunningEnvoy, sidecarNode, startEnvoy, tcpListener, typed } from './envoy.ts'
import type { Upstreams } from './upstreams.ts'

const PRODUCTPAGE = '127.0.2.1'
const REVIEWS = '127.0.2.2'
/** Where the service addresses of outbound listeners are. */
const SERVICES = '127.0.10.2'
/** Nothing listens on port 1. */
const NOBODY = { host: '127.0.2.9', port: 1 }
const FAULT = 'envoy.extensions.filters.http.fault.v3.HTTPFault'
const RATE_LIMIT = 'envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit'

/** The address that calls of productpage's app come from. */
export const PRODUCTPAGE_ADDRESS = PRODUCTPAGE
export const SERVICE_ADDRESS = SERVICES

export interface Mesh {
  readonly productpage: RunningEnvoy
  readonly reviews: RunningEnvoy
  stop(): Promise<void>
}

/** Starts both sidecars; their access logs go to `alsPort` on 127.0.0.1. */
export async function startMesh(binary: string, alsPort: number, upstreams: Upstreams): Promise<Mesh> {
  const reviews = await startEnvoy(binary, 'reviews', reviewsConfig(alsPort, upstreams))
  try {
    const productpage = await startEnvoy(binary, 'productpage', productpageConfig(alsPort, reviews.ports))
    return {
      productpage,
      reviews,
      stop: async () => {
        await productpage.stop()
        await reviews.stop()
      },
    }
  } catch (error) {
    await reviews.stop('SIGKILL')
    throw error
  }
}

function als(port: number, from: string): object {
  return cluster({ name: 'als', endpoint: { host: '127.0.0.1', port }, http2: true, from })
}

const GRPC_STATS = {
  name: 'envoy.filters.http.grpc_stats',
  typed_config: typed('envoy.extensions.filters.http.grpc_stats.v3.FilterConfig', { emit_filter_state: true, stats_for_all_methods: false }),
}

function reviewsConfig(alsPort: number, upstreams: Upstreams): object {
  const route = (name: string): object => ({ name: 'default', match: { prefix: '/' }, route: { cluster: name, timeout: '0s' } })
  const listeners = [
    httpListener({ name: 'http', address: REVIEWS, direction: 'INBOUND', routes: [route('inbound|9080||')] }),
    httpListener({ name: 'grpc', address: REVIEWS, direction: 'INBOUND', routes: [route('inbound|9090||')], filters: [GRPC_STATS] }),
    tcpListener({ name: 'tcp', address: REVIEWS, direction: 'INBOUND', cluster: 'inbound|27017||', logsTwice: true }),
  ]
  const clusters = [
    als(alsPort, REVIEWS),
    cluster({ name: 'inbound|9080||', endpoint: { host: '127.0.0.1', port: upstreams.httpPort }, from: '127.0.0.6' }),
    cluster({ name: 'inbound|9090||', endpoint: { host: '127.0.0.1', port: upstreams.grpcPort }, http2: true, from: '127.0.0.6' }),
    cluster({ name: 'inbound|27017||', endpoint: { host: '127.0.0.1', port: upstreams.tcpPort }, from: '127.0.0.6' }),
  ]
  return { node: sidecarNode({ app: 'reviews', workload: 'reviews-v1', ip: REVIEWS }), static_resources: { listeners, clusters } }
}

function productpageConfig(alsPort: number, reviews: RunningEnvoy['ports']): object {
  const fqdn = 'reviews.default.svc.cluster.local'
  const http = { domains: ['reviews', 'reviews:*'], logsAttempts: true, filters: [faultFilter(), rateLimitFilter(), GRPC_STATS] }
  const listeners = [
    httpListener({ name: 'http', address: SERVICES, direction: 'OUTBOUND', routes: httpRoutes(fqdn), ...http }),
    httpListener({ name: 'grpc', address: SERVICES, direction: 'OUTBOUND', routes: grpcRoutes(fqdn), filters: [GRPC_STATS] }),
    tcpListener({ name: 'tcp', address: SERVICES, direction: 'OUTBOUND', cluster: `outbound|27017||${fqdn}` }),
    tcpListener({ name: 'tcp-uf', address: SERVICES, direction: 'OUTBOUND', cluster: `outbound|9083||${fqdn}` }),
    tcpListener({ name: 'tcp-uh', address: SERVICES, direction: 'OUTBOUND', cluster: `outbound|9081||${fqdn}` }),
  ]
  const to = (name: string): { host: string; port: number } => ({ host: REVIEWS, port: reviews[name] ?? 0 })
  const clusters = [
    als(alsPort, PRODUCTPAGE),
    cluster({ name: `outbound|9080||${fqdn}`, endpoint: to('http'), from: PRODUCTPAGE }),
    cluster({ name: `outbound|9090||${fqdn}`, endpoint: to('grpc'), http2: true, from: PRODUCTPAGE }),
    cluster({ name: `outbound|27017||${fqdn}`, endpoint: to('tcp'), from: PRODUCTPAGE }),
    cluster({ name: `outbound|9081||${fqdn}` }),
    cluster({ name: `outbound|9083||${fqdn}`, endpoint: NOBODY, from: PRODUCTPAGE }),
  ]
  return { node: sidecarNode({ app: 'productpage', workload: 'productpage-v1', ip: PRODUCTPAGE }), static_resources: { listeners, clusters } }
}

function faultFilter(): object {
  return { name: 'envoy.filters.http.fault', typed_config: typed(FAULT) }
}

function rateLimitFilter(): object {
  return { name: 'envoy.filters.http.local_ratelimit', typed_config: typed(RATE_LIMIT, { stat_prefix: 'rate_limit' }) }
}

const ALWAYS = { numerator: 100, denominator: 'HUNDRED' }

function httpRoutes(fqdn: string): object[] {
  const reviews = `outbound|9080||${fqdn}`
  const retry = { retry_on: '5xx', num_retries: 2, retry_back_off: { base_interval: '0.01s', max_interval: '0.02s' } }
  const delay = { fixed_delay: '0.02s', percentage: ALWAYS }
  const abort = (status: number): object => ({ http_status: status, percentage: ALWAYS })
  const fault = (fields: object): object => ({ typed_per_filter_config: { 'envoy.filters.http.fault': typed(FAULT, fields) } })
  const always = (key: string): object => ({ default_value: ALWAYS, runtime_key: key })
  const limit = typed(RATE_LIMIT, {
    stat_prefix: 'two_only',
    token_bucket: { max_tokens: 2, tokens_per_fill: 1, fill_interval: '3600s' },
    filter_enabled: always('rate_limit_enabled'),
    filter_enforced: always('rate_limit_enforced'),
  })
  const to = (name: string, fields: object = {}, more: object = {}): object => ({
    name,
    match: { prefix: `/${name}` },
    route: { cluster: reviews, timeout: '10s', ...fields },
    ...more,
  })
  return [
    to('uh', { cluster: `outbound|9081||${fqdn}` }),
    to('uf', { cluster: `outbound|9083||${fqdn}` }),
    to('hang/ut', { timeout: '0.2s' }),
    to('flaky', { retry_policy: retry }),
    to('fi', {}, fault({ abort: abort(555) })),
    to('delay', {}, fault({ delay })),
    to('both', {}, fault({ delay, abort: abort(503) })),
    to('limited', {}, { typed_per_filter_config: { 'envoy.filters.http.local_ratelimit': limit } }),
    { name: 'direct', match: { prefix: '/direct' }, direct_response: { status: 200 } },
    { name: 'default', match: { prefix: '/' }, route: { cluster: reviews, timeout: '10s' } },
  ]
}

function grpcRoutes(fqdn: string): object[] {
  const to = (prefix: string, name: string, timeout = '10s'): object => ({ name: 'grpc', match: { prefix }, route: { cluster: name, timeout } })
  return [to('/interop.Echo/Nobody', `outbound|9081||${fqdn}`), to('/interop.Echo/Slow', `outbound|9090||${fqdn}`, '0.2s'), to('/', `outbound|9090||${fqdn}`)]
}

/** One Envoy that answers by itself and logs: a source of many entries per second. */
export function loadSourceConfig(alsPort: number): object {
  const routes = [{ name: 'direct', match: { prefix: '/' }, direct_response: { status: 200 } }]
  const clusters = [als(alsPort, PRODUCTPAGE)]
  const listeners = [httpListener({ name: 'http', address: '127.0.0.1', direction: 'OUTBOUND', routes })]
  return { node: sidecarNode({ app: 'productpage', workload: 'productpage-v1', ip: PRODUCTPAGE }), static_resources: { listeners, clusters } }
}
