import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Child, type ExitStatus, temporaryFolder } from './child.ts'

/** A running Envoy with its real ports. */
export interface RunningEnvoy {
  readonly child: Child
  /** `host:port` of the admin interface. */
  readonly admin: string
  /** The port each listener got, by listener name. */
  readonly ports: Readonly<Record<string, number>>
  /** The counters and gauges whose names match; they count admin requests too, so ask for names you know. */
  stats(filter: string): Promise<Readonly<Record<string, number>>>
  /** `/quitquitquit` loses what was not flushed: wait a flush interval before. Removes the folder. */
  stop(signal?: NodeJS.Signals): Promise<ExitStatus>
}

/**
 * Starts Envoy with a config in a folder of its own. `config.admin` is filled in. One worker thread unless told
 * otherwise, because the machine is small and every worker opens streams of its own.
 */
export async function startEnvoy(binary: string, name: string, config: object, concurrency = 1): Promise<RunningEnvoy> {
  const folder = temporaryFolder(`envoy-${name}`)
  const file = join(folder.path, 'envoy.json')
  const adminFile = join(folder.path, 'admin.txt')
  writeFileSync(file, JSON.stringify({ admin: { address: socket('127.0.0.1', 0) }, ...config }, null, 1))
  const args = ['-c', file, '--concurrency', String(concurrency), '--disable-hot-restart', '-l', 'warning', '--admin-address-path', adminFile]
  const child = new Child({ name: `envoy ${name}`, file: binary, args, dir: folder.path })
  try {
    const admin = await child.until('admin address', () => readFileSync(adminFile, 'utf8').trim() || undefined)
    await child.until('ready', async () => (await fetch(`http://${admin}/ready`)).ok)
    return {
      child,
      admin,
      ports: await listenerPorts(admin),
      stats: (filter) => stats(admin, filter),
      stop: async (signal = 'SIGTERM') => {
        const status = await child.stop(signal)
        folder.remove()
        return status
      },
    }
  } catch (error) {
    await child.stop('SIGKILL')
    rmSync(folder.path, { recursive: true, force: true })
    throw error
  }
}

interface ListenerStatuses {
  readonly listener_statuses: readonly { readonly name: string; readonly local_address: { readonly socket_address?: { readonly port_value: number } } }[]
}

async function listenerPorts(admin: string): Promise<Record<string, number>> {
  const response = await fetch(`http://${admin}/listeners?format=json`)
  const { listener_statuses: listeners } = (await response.json()) as ListenerStatuses
  return Object.fromEntries(listeners.map((listener) => [listener.name, listener.local_address.socket_address?.port_value ?? 0]))
}

async function stats(admin: string, filter: string): Promise<Record<string, number>> {
  const text = await (await fetch(`http://${admin}/stats?filter=${encodeURIComponent(filter)}`)).text()
  const found: Record<string, number> = {}
  for (const line of text.split('\n')) {
    const at = line.lastIndexOf(': ')
    if (at > 0) found[line.slice(0, at)] = Number(line.slice(at + 2))
  }
  return found
}

const HCM = 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'
const HTTP_OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions'
const FLUSH = '0.2s'

/** A typed_config with its type URL. */
export function typed(type: string, fields: object = {}): object {
  return { '@type': `type.googleapis.com/${type}`, ...fields }
}

export function socket(address: string, port: number): object {
  return { socket_address: { address, port_value: port } }
}

/** What the logger of one kind of traffic says; the options are those that the README recommends. */
export function accessLog(kind: 'http' | 'tcp', logName = `${kind}_envoy_accesslog`, flushInterval = FLUSH): object {
  const common = {
    log_name: logName,
    transport_api_version: 'V3',
    grpc_service: { envoy_grpc: { cluster_name: 'als' } },
    buffer_flush_interval: flushInterval,
    filter_state_objects_to_log: ['upstream_peer', 'downstream_peer', 'wasm.upstream_peer', 'wasm.downstream_peer', 'envoy.filters.http.grpc_stats'],
    custom_tags: [
      { tag: 'upstream_cluster', value: '%UPSTREAM_CLUSTER%' },
      { tag: 'upstream_principal', value: '%UPSTREAM_PEER_URI_SAN%' },
      { tag: 'trace_id', value: '%TRACE_ID%' },
    ],
  }
  if (kind === 'tcp') {
    const config = typed('envoy.extensions.access_loggers.grpc.v3.TcpGrpcAccessLogConfig', { common_config: common })
    return { name: 'envoy.access_loggers.tcp_grpc', typed_config: config }
  }
  const config = typed('envoy.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig', {
    common_config: common,
    additional_request_headers_to_log: ['content-type', 'traceparent'],
    additional_response_headers_to_log: ['grpc-status'],
    additional_response_trailers_to_log: ['grpc-status'],
  })
  return { name: 'envoy.access_loggers.http_grpc', typed_config: config }
}

export interface HttpListener {
  readonly name: string
  readonly address: string
  readonly direction: 'INBOUND' | 'OUTBOUND'
  readonly routes: readonly object[]
  /** `["*"]` unless told otherwise. */
  readonly domains?: readonly string[]
  /** Filters before the router. */
  readonly filters?: readonly object[]
  /** The router's log of single attempts, which must never count as requests. */
  readonly logsAttempts?: boolean
  /** Takes only callers with a certificate of the same authority. */
  readonly tls?: TlsFiles
}

/** PEM files of one workload. */
export interface TlsFiles {
  readonly cert: string
  readonly key: string
  readonly authority: string
}

/** An HTTP listener (1.1 and 2 without TLS) on a port the system chooses. */
export function httpListener(listener: HttpListener): object {
  const router = listener.logsAttempts === true ? { upstream_log: [accessLog('http', 'attempts')] } : {}
  const manager = typed(HCM, {
    stat_prefix: listener.name,
    access_log: [accessLog('http')],
    route_config: { name: listener.name, virtual_hosts: [{ name: listener.name, domains: listener.domains ?? ['*'], routes: listener.routes }] },
    http_filters: [
      ...(listener.filters ?? []),
      { name: 'envoy.filters.http.router', typed_config: typed('envoy.extensions.filters.http.router.v3.Router', router) },
    ],
  })
  return networkListener(listener, { name: 'envoy.filters.network.http_connection_manager', typed_config: manager })
}

export interface TcpListener {
  readonly name: string
  readonly address: string
  readonly direction: 'INBOUND' | 'OUTBOUND'
  readonly cluster: string
  /** Also logs at the listener, which repeats every proxied connection without a type. */
  readonly logsTwice?: boolean
  readonly tls?: TlsFiles
}

/** A TCP proxy on a port the system chooses; logs the start, every second and the end of each connection. */
export function tcpListener(listener: TcpListener): object {
  const proxy = typed('envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy', {
    stat_prefix: listener.name,
    cluster: listener.cluster,
    access_log: [accessLog('tcp')],
    access_log_options: { flush_access_log_on_start: true, access_log_flush_interval: '1s' },
  })
  const made = networkListener(listener, { name: 'envoy.filters.network.tcp_proxy', typed_config: proxy })
  return listener.logsTwice === true ? { ...made, access_log: [accessLog('tcp', 'listener_envoy_accesslog')] } : made
}

interface NetworkListener {
  readonly name: string
  readonly address: string
  readonly direction: string
  readonly tls?: TlsFiles
}

function networkListener({ name, address, direction, tls }: NetworkListener, filter: object): object {
  const chain = tls === undefined ? {} : { transport_socket: tlsSocket('Downstream', tls, { require_client_certificate: true }) }
  return { name, address: socket(address, 0), traffic_direction: direction, filter_chains: [{ filters: [filter], ...chain }] }
}

function tlsSocket(side: 'Downstream' | 'Upstream', files: TlsFiles, more: object = {}): object {
  const certificate = { certificate_chain: { filename: files.cert }, private_key: { filename: files.key } }
  const common = { tls_certificates: [certificate], validation_context: { trusted_ca: { filename: files.authority } } }
  const context = typed(`envoy.extensions.transport_sockets.tls.v3.${side}TlsContext`, { common_tls_context: common, ...more })
  return { name: 'envoy.transport_sockets.tls', typed_config: context }
}

export interface StaticCluster {
  readonly name: string
  /** Absent: a cluster without endpoints. */
  readonly endpoint?: { readonly host: string; readonly port: number }
  readonly http2?: boolean
  /** Source address of the connections, as a pod's address in a mesh. */
  readonly from?: string
  /** Connects with this workload's certificate. */
  readonly tls?: TlsFiles
}

export function cluster({ name, endpoint, http2, from, tls }: StaticCluster): object {
  const endpoints = endpoint === undefined ? [] : [{ lb_endpoints: [{ endpoint: { address: socket(endpoint.host, endpoint.port) } }] }]
  const protocol = typed(HTTP_OPTIONS, { explicit_http_config: { http2_protocol_options: {} } })
  return {
    name,
    type: 'STATIC',
    connect_timeout: '1s',
    load_assignment: { cluster_name: name, endpoints },
    ...(http2 === true ? { typed_extension_protocol_options: { [HTTP_OPTIONS]: protocol } } : {}),
    ...(tls === undefined ? {} : { transport_socket: tlsSocket('Upstream', tls) }),
    ...(from === undefined ? {} : { upstream_bind_config: { source_address: { address: from, port_value: 0 } } }),
  }
}

/** The identity a sidecar of Istio sends. */
export function sidecarNode(pod: { readonly app: string; readonly workload: string; readonly ip: string }): object {
  const name = `${pod.workload}-6b746f74dc-9stvs`
  const labels = { app: pod.app, version: 'v1', 'service.istio.io/canonical-name': pod.app, 'service.istio.io/canonical-revision': 'v1' }
  const metadata = { NAME: name, NAMESPACE: 'default', WORKLOAD_NAME: pod.workload, CLUSTER_ID: 'Kubernetes', INSTANCE_IPS: pod.ip, LABELS: labels }
  return { id: `sidecar~${pod.ip}~${name}.default~default.svc.cluster.local`, cluster: `${pod.app}.default`, metadata }
}
