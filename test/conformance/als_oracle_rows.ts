import type protobuf from 'protobufjs'
import { readTimes } from '../../model/access_log_times.ts'
import { type AccessLogs, EntryKind } from '../../model/access_logs.ts'
import type { Plain } from './als_oracle.ts'

/** One row of the columns as a plain object: interned ids as text, peers as hex. */
export type Row = Record<string, string | number>

const TEXTS = [
  'upstreamCluster',
  'routeName',
  'authority',
  'scheme',
  'downstreamFailure',
  'upstreamFailure',
  'localSan',
  'peerSan',
  'sni',
  'tagUpstreamCluster',
  'tagUpstreamPrincipal',
] as const
const ADDRESSES = ['downstreamRemote', 'downstreamLocal', 'directRemote', 'upstreamRemote'] as const
const BYTES = ['upstreamPeer', 'downstreamPeer', 'peerPrincipal', 'localPrincipal'] as const
const NUMBERS = [
  'kind',
  'logType',
  'flags',
  'responseCode',
  'protocolVersion',
  'method',
  'attempts',
  'downstreamRemotePort',
  'downstreamRemoteKind',
  'downstreamLocalPort',
  'downstreamLocalKind',
  'directRemotePort',
  'directRemoteKind',
  'upstreamRemotePort',
  'upstreamRemoteKind',
  'tlsVersion',
  'certificates',
  'startSeconds',
  'startNanos',
  'duration',
  'requestHeaderBytes',
  'requestBodyBytes',
  'responseHeaderBytes',
  'responseBodyBytes',
  'downstreamWireSent',
  'downstreamWireReceived',
  'tcpReceived',
  'tcpSent',
  'isGrpc',
  'grpcStatus',
  'grpcRequestMessages',
  'grpcResponseMessages',
  'traceForm',
] as const

/** Row `i` as the hand-written decoder left it. */
export function actualRow(logs: AccessLogs, i: number): Row {
  const row: Row = {}
  for (const name of TEXTS) row[name] = logs.strings.text(logs[name][i] as number)
  for (const name of ADDRESSES) row[name] = logs.strings.text(logs.address(logs[name], i))
  for (const name of BYTES) row[name] = Buffer.from(logs.strings.bytes(logs[name][i] as number)).toString('hex')
  for (const name of NUMBERS) row[name] = logs[name][i] as number
  Object.assign(row, readTimes(logs, i))
  row['streamId'] = logs.textAt(logs.streamIdAt[i] as number, logs.streamIdLength[i] as number)
  row['requestId'] = logs.textAt(logs.requestIdAt[i] as number, logs.requestIdLength[i] as number)
  row['path'] = logs.textAt(logs.pathAt[i] as number, logs.pathLength[i] as number)
  row['trace'] = logs.textAt(logs.traceAt[i] as number, logs.traceLength[i] as number)
  row['span'] = logs.textAt(logs.spanAt[i] as number, logs.spanLength[i] as number)
  return row
}

/** What the library decoded, read with the rules of the columns. Descriptors give camel-case names, .proto files their own. */
class View {
  readonly #fields: Plain

  constructor(message: unknown) {
    this.#fields = (message ?? {}) as Plain
  }

  has(name: string): boolean {
    return this.#value(name) !== undefined
  }

  get(name: string): View {
    return new View(this.#value(name))
  }

  list(name: string): readonly View[] {
    return ((this.#value(name) ?? []) as unknown[]).map((item) => new View(item))
  }

  map(name: string): Plain {
    return (this.#value(name) ?? {}) as Plain
  }

  text(name: string): string {
    return textOf(this.#value(name))
  }

  number(name: string, absent = 0): number {
    const value = this.#value(name)
    return value === undefined ? absent : numberOf(value)
  }

  #value(name: string): unknown {
    const camel = name.replaceAll(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
    for (const key of [name, camel]) if (Object.hasOwn(this.#fields, key)) return this.#fields[key] ?? undefined
    return undefined
  }
}

/** Texts as they are, flags as `true`. */
function textOf(value: unknown): string {
  return typeof value === 'string' ? value : value === true ? 'true' : ''
}

/** Long or number; rounded in the same two halves as the decoder does it. */
function numberOf(value: unknown): number {
  if (typeof value === 'number') return value
  const { low, high, unsigned } = value as { low: number; high: number; unsigned: boolean }
  return (unsigned ? high >>> 0 : high) * 2 ** 32 + (low >>> 0)
}

const clamp = (value: number) => (value < 0 || value > 255 ? 255 : value)
const saturated = (value: number) => Math.min(value >>> 0, 0x7fffffff)

function addressInto(row: Row, name: string, address: View): void {
  const kinds = { socket_address: 1, pipe: 2, envoy_internal_address: 3 }
  row[name] = ''
  row[`${name}Port`] = 0
  row[`${name}Kind`] = 0
  for (const [member, kind] of Object.entries(kinds)) {
    if (!address.has(member)) continue
    const chosen = address.get(member)
    row[`${name}Kind`] = kind
    row[name] = chosen.text(kind === 1 ? 'address' : kind === 2 ? 'path' : 'endpoint_id')
    row[`${name}Port`] = kind === 1 ? saturated(chosen.number('port_value')) : 0
  }
}

function duration(common: View, name: string): number {
  if (!common.has(name)) return Number.NaN
  const value = common.get(name)
  return value.number('seconds') * 1e9 + value.number('nanos')
}

function certificateInto(row: Row, san: string, bit: number, certificate: View): void {
  const names = certificate.list('subject_alt_name')
  row[san] = names.map((name) => name.text('uri')).find((uri) => uri !== '') ?? ''
  const isNamed = certificate.text('subject') !== '' || names.some((name) => name.text('uri') !== '' || name.text('dns') !== '')
  row['certificates'] = (row['certificates'] as number) | (isNamed ? bit : 0)
}

const FLAGS = [
  'failed_local_healthcheck,no_healthy_upstream,upstream_request_timeout,local_reset,upstream_remote_reset,upstream_connection_failure',
  'upstream_connection_termination,upstream_overflow,no_route_found,delay_injected,fault_injected,rate_limited,unauthorized_details',
  'rate_limit_service_error,downstream_connection_termination,upstream_retry_limit_exceeded,stream_idle_timeout,invalid_envoy_request_headers',
  'downstream_protocol_error,upstream_max_stream_duration_reached,response_from_cache_filter,no_filter_config_found,duration_timeout',
  'upstream_protocol_error,no_cluster_found,overload_manager,dns_resolution_failure,downstream_remote_reset',
]
  .join(',')
  .split(',')

/** The row that the columns must show for an entry which the library decoded. */
export function expectedRow(
  entry: unknown,
  kind: number,
  types: { readonly any: protobuf.Type; readonly grpcStats: (bytes: Uint8Array) => [number, number] },
): Row {
  const view = new View(entry)
  const common = view.get('common_properties')
  const request = kind === EntryKind.http ? view.get('request') : new View({})
  const response = kind === EntryKind.http ? view.get('response') : new View({})
  const tcp = kind === EntryKind.tcp ? view.get('connection_properties') : new View({})
  const type = common.number('access_log_type')
  const isUpstreamLog = type >= 7 && type <= 9
  const row: Row = { kind, logType: clamp(type), certificates: 0 }
  row['flags'] = FLAGS.reduce((bits, flag, i) => {
    const flags = common.get('response_flags')
    const isSet = flag === 'unauthorized_details' ? flags.has(flag) : flags.text(flag) === 'true'
    return (isSet ? bits | (1 << i) : bits) >>> 0
  }, 0)
  row['responseCode'] = saturated(response.get('response_code').number('value'))
  row['protocolVersion'] = kind === EntryKind.http ? clamp(view.number('protocol_version')) : 0
  row['method'] = clamp(request.number('request_method'))
  row['attempts'] = saturated(common.number('upstream_request_attempt_count'))
  row['upstreamCluster'] = common.text('upstream_cluster')
  row['routeName'] = common.text('route_name')
  row['authority'] = request.text('authority')
  row['scheme'] = request.text('scheme')
  row['downstreamFailure'] = common.text('downstream_transport_failure_reason')
  row['upstreamFailure'] = common.text('upstream_transport_failure_reason')
  addressInto(row, 'downstreamRemote', common.get('downstream_remote_address'))
  addressInto(row, 'downstreamLocal', common.get('downstream_local_address'))
  addressInto(row, 'directRemote', common.get('downstream_direct_remote_address'))
  addressInto(row, 'upstreamRemote', common.get('upstream_remote_address'))
  const tls = common.get('tls_properties')
  row['tlsVersion'] = clamp(tls.number('tls_version'))
  row['sni'] = tls.text('tls_sni_hostname')
  certificateInto(row, 'localSan', 1, tls.get('local_certificate_properties'))
  certificateInto(row, 'peerSan', 2, tls.get('peer_certificate_properties'))
  filterStateInto(row, common.map('filter_state_objects'), types)
  tagsInto(row, common.map('custom_tags'), request.map('request_headers'))
  const status = response.map('response_trailers')['grpc-status'] ?? response.map('response_headers')['grpc-status']
  row['grpcStatus'] = typeof status === 'string' && /^\d{1,4}$/.test(status) ? Number(status) : -1
  if (textOf(request.map('request_headers')['content-type']).startsWith('application/grpc')) row['isGrpc'] = 1
  row['startSeconds'] = common.get('start_time').number('seconds')
  row['startNanos'] = common.get('start_time').number('nanos')
  row['lastRx'] = duration(common, 'time_to_last_rx_byte')
  row['firstUpstreamTx'] = duration(common, 'time_to_first_upstream_tx_byte')
  row['lastUpstreamTx'] = duration(common, 'time_to_last_upstream_tx_byte')
  row['firstUpstreamRx'] = duration(common, 'time_to_first_upstream_rx_byte')
  row['lastUpstreamRx'] = duration(common, 'time_to_last_upstream_rx_byte')
  row['firstDownstreamTx'] = duration(common, 'time_to_first_downstream_tx_byte')
  row['lastDownstreamTx'] = duration(common, 'time_to_last_downstream_tx_byte')
  row['duration'] = duration(common, 'duration')
  row['requestHeaderBytes'] = request.number('request_headers_bytes')
  row['responseHeaderBytes'] = response.number('response_headers_bytes')
  row[isUpstreamLog ? 'responseBodyBytes' : 'requestBodyBytes'] = request.number('request_body_bytes')
  row[isUpstreamLog ? 'requestBodyBytes' : 'responseBodyBytes'] = response.number('response_body_bytes')
  row['downstreamWireSent'] = common.number('downstream_wire_bytes_sent', Number.NaN)
  row['downstreamWireReceived'] = common.number('downstream_wire_bytes_received', Number.NaN)
  row['tcpReceived'] = tcp.number('received_bytes')
  row['tcpSent'] = tcp.number('sent_bytes')
  row['streamId'] = common.text('stream_id')
  row['requestId'] = request.text('request_id')
  row['path'] = request.text('path')
  return row
}

function filterStateInto(row: Row, objects: Plain, types: Parameters<typeof expectedRow>[2]): void {
  const encoded = (...keys: string[]) => {
    for (const key of keys) {
      const bytes = objects[key] === undefined ? Buffer.alloc(0) : Buffer.from(types.any.encode(objects[key] as Plain).finish())
      if (bytes.length > 0) return bytes.toString('hex')
    }
    return ''
  }
  row['upstreamPeer'] = encoded('upstream_peer', 'upstream_peer_obj', 'wasm.upstream_peer')
  row['downstreamPeer'] = encoded('downstream_peer', 'downstream_peer_obj', 'wasm.downstream_peer')
  row['peerPrincipal'] = encoded('io.istio.peer_principal')
  row['localPrincipal'] = encoded('io.istio.local_principal')
  row['isGrpc'] = 0
  row['grpcRequestMessages'] = -1
  row['grpcResponseMessages'] = -1
  const stats = objects['envoy.filters.http.grpc_stats']
  if (stats === undefined) return
  const [requests, responses] = types.grpcStats(((stats as Plain)['value'] as Uint8Array | undefined) ?? new Uint8Array(0))
  row['isGrpc'] = 1
  row['grpcRequestMessages'] = requests
  row['grpcResponseMessages'] = responses
}

function tagsInto(row: Row, tags: Plain, headers: Plain): void {
  const text = (map: Plain, key: string) => textOf(map[key])
  row['tagUpstreamCluster'] = text(tags, 'upstream_cluster')
  row['tagUpstreamPrincipal'] = text(tags, 'upstream_principal')
  const traces: [string, number][] = [
    [text(tags, 'trace_id'), 1],
    [text(headers, 'traceparent'), 2],
    [text(headers, 'b3'), 3],
    [text(headers, 'x-b3-traceid'), 3],
  ]
  const found = traces.find(([value]) => value !== '') ?? ['', 0]
  row['trace'] = found[0]
  row['traceForm'] = found[1]
  row['span'] = text(tags, 'span_id') || text(headers, 'x-b3-spanid')
}
