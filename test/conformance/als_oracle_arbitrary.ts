import * as fc from 'fast-check'
import type { Plain } from './als_oracle.ts'

/** Random plain messages with every field of the access log schema, and random damage to their bytes. */

const text = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 12 }), fc.constantFrom('', 'default', 'x'.repeat(130), 'y'.repeat(17_000)))
const uint32 = fc.oneof(fc.integer({ min: 0, max: 200 }), fc.integer({ min: 0, max: 0xffffffff }), fc.constantFrom(127, 128, 16_383, 16_384))
const uint64 = fc.oneof(uint32, fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }))
const enumNumber = fc.oneof(fc.integer({ min: 0, max: 14 }), fc.constantFrom(200, 255, 256, 70_000))

function some(fields: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<Plain> {
  return fc.record(fields, { requiredKeys: [] }) as fc.Arbitrary<Plain>
}

const duration = some({ seconds: fc.integer({ min: -5, max: 1_000_000 }), nanos: fc.integer({ min: -999_999_999, max: 999_999_999 }) })
const address = fc.oneof(
  some({
    socket_address: some({
      protocol: fc.constantFrom(0, 1),
      address: fc.oneof(fc.constantFrom('10.1.2.3', 'fd00::1'), text),
      port_value: uint32,
      resolver_name: text,
    }),
  }),
  fc.record({ socket_address: some({ address: text, named_port: text }) }),
  some({ pipe: some({ path: text, mode: uint32 }) }),
  some({ envoy_internal_address: some({ server_listener_name: text, endpoint_id: text }) }),
) as fc.Arbitrary<Plain>
const any = some({ type_url: fc.constantFrom('type.googleapis.com/google.protobuf.Struct', 'x'), value: fc.uint8Array({ maxLength: 200 }) })
const grpcStats = fc
  .tuple(fc.integer({ min: 1, max: 127 }), fc.integer({ min: 1, max: 127 }))
  .map(([requests, responses]) => ({ type_url: 'type.googleapis.com/stats', value: Uint8Array.of(8, requests, 16, responses) }))
const filterState = some({
  upstream_peer: any,
  downstream_peer: any,
  upstream_peer_obj: any,
  downstream_peer_obj: any,
  'wasm.upstream_peer': any,
  'wasm.downstream_peer': any,
  'io.istio.peer_principal': any,
  'io.istio.local_principal': any,
  'envoy.filters.http.grpc_stats': grpcStats,
  other: any,
})
const customTags = some({ upstream_cluster: text, upstream_principal: text, trace_id: text, span_id: text, tag: text })
const requestHeaders = some({
  'content-type': fc.oneof(fc.constantFrom('application/grpc', 'application/grpc+proto', 'text/html'), text),
  traceparent: text,
  'x-b3-traceid': text,
  'x-b3-spanid': text,
  b3: text,
  'x-other': text,
})
const responseHeaders = some({ 'grpc-status': fc.oneof(fc.constantFrom('0', '14', '16', '-1', '00000'), text), 'content-type': text })
const names = fc.array(fc.oneof(some({ uri: text }), some({ dns: text })), { maxLength: 3 })
const certificate = some({ subject_alt_name: names, subject: text, issuer: text })
const flagNames =
  'failed_local_healthcheck no_healthy_upstream upstream_request_timeout local_reset upstream_remote_reset upstream_connection_failure upstream_connection_termination upstream_overflow no_route_found delay_injected fault_injected rate_limited rate_limit_service_error downstream_connection_termination upstream_retry_limit_exceeded stream_idle_timeout invalid_envoy_request_headers downstream_protocol_error upstream_max_stream_duration_reached response_from_cache_filter no_filter_config_found duration_timeout upstream_protocol_error no_cluster_found overload_manager dns_resolution_failure downstream_remote_reset'.split(
    ' ',
  )
const flags = some({ ...Object.fromEntries(flagNames.map((name) => [name, fc.boolean()])), unauthorized_details: some({ reason: fc.constantFrom(0, 1) }) })

const common = some({
  sample_rate: fc.double({ noNaN: true }),
  downstream_remote_address: address,
  downstream_local_address: address,
  tls_properties: some({
    tls_version: enumNumber,
    tls_cipher_suite: some({ value: uint32 }),
    tls_sni_hostname: text,
    local_certificate_properties: certificate,
    peer_certificate_properties: certificate,
    tls_session_id: text,
    ja3_fingerprint: text,
  }),
  start_time: some({ seconds: fc.integer({ min: -10, max: 4_000_000_000 }), nanos: fc.integer({ min: 0, max: 999_999_999 }) }),
  time_to_last_rx_byte: duration,
  time_to_first_upstream_tx_byte: duration,
  time_to_last_upstream_tx_byte: duration,
  time_to_first_upstream_rx_byte: duration,
  time_to_last_upstream_rx_byte: duration,
  time_to_first_downstream_tx_byte: duration,
  time_to_last_downstream_tx_byte: duration,
  upstream_remote_address: address,
  upstream_local_address: address,
  upstream_cluster: text,
  response_flags: flags,
  metadata: some({ typed_filter_metadata: some({ a: any }) }),
  upstream_transport_failure_reason: text,
  route_name: text,
  downstream_direct_remote_address: address,
  filter_state_objects: filterState,
  custom_tags: customTags,
  duration,
  upstream_request_attempt_count: uint32,
  connection_termination_details: text,
  stream_id: text,
  intermediate_log_entry: fc.boolean(),
  downstream_transport_failure_reason: text,
  downstream_wire_bytes_sent: uint64,
  downstream_wire_bytes_received: uint64,
  upstream_wire_bytes_sent: uint64,
  upstream_wire_bytes_received: uint64,
  access_log_type: enumNumber,
})

const httpEntry = some({
  common_properties: common,
  protocol_version: enumNumber,
  request: some({
    request_method: enumNumber,
    scheme: text,
    authority: text,
    port: some({ value: uint32 }),
    path: text,
    user_agent: text,
    referer: text,
    forwarded_for: text,
    request_id: text,
    original_path: text,
    request_headers_bytes: uint64,
    request_body_bytes: uint64,
    request_headers: requestHeaders,
    upstream_header_bytes_sent: uint64,
    downstream_header_bytes_received: uint64,
  }),
  response: some({
    response_code: some({ value: uint32 }),
    response_headers_bytes: uint64,
    response_body_bytes: uint64,
    response_headers: responseHeaders,
    response_trailers: responseHeaders,
    response_code_details: text,
    upstream_header_bytes_received: uint64,
    downstream_header_bytes_sent: uint64,
  }),
})

const tcpEntry = some({ common_properties: common, connection_properties: some({ received_bytes: uint64, sent_bytes: uint64 }) })

/** A `StreamAccessLogsMessage` as a plain object. */
export const anyMessage: fc.Arbitrary<Plain> = fc
  .tuple(
    fc.option(some({ node: some({ id: text, cluster: text, user_agent_name: text }), log_name: text }), { nil: undefined, freq: 4 }),
    fc.oneof(
      fc.array(httpEntry, { maxLength: 4 }).map((entries) => ({ http_logs: { log_entry: entries } })),
      fc.array(tcpEntry, { maxLength: 4 }).map((entries) => ({ tcp_logs: { log_entry: entries } })),
    ),
  )
  .map(([identifier, logs]) => (identifier === undefined ? { ...logs } : { identifier, ...logs }))

/** One change to some bytes; positions are taken modulo the length. */
export interface Damage {
  readonly kind: 'set' | 'insert' | 'remove' | 'repeat' | 'cut'
  readonly at: number
  readonly value: number
}

export const anyDamage: fc.Arbitrary<readonly Damage[]> = fc.array(
  fc.record({
    kind: fc.constantFrom<Damage['kind'][]>('set', 'set', 'insert', 'remove', 'repeat', 'cut'),
    at: fc.nat({ max: 1 << 20 }),
    value: fc.oneof(fc.integer({ min: 0, max: 255 }), fc.constantFrom(0, 1, 0x0a, 0x12, 0x1a, 0x7f, 0x80, 0xff)),
  }),
  { minLength: 1, maxLength: 4 },
)

/** A damaged copy of `bytes`; never longer than twice their length plus one per damage. */
export function damaged(bytes: Uint8Array, damages: readonly Damage[]): Uint8Array {
  let result = Buffer.from(bytes)
  for (const { kind, at, value } of damages) {
    const p = result.length === 0 ? 0 : at % result.length
    if (kind === 'insert') result = Buffer.concat([result.subarray(0, p), Uint8Array.of(value), result.subarray(p)])
    else if (kind === 'remove') result = Buffer.concat([result.subarray(0, p), result.subarray(p + 1 + (value & 7))])
    else if (kind === 'cut') result = result.subarray(0, p)
    else if (kind === 'repeat' && result.length < 2 * bytes.length)
      result = Buffer.concat([result.subarray(0, p), result.subarray(p, p + value), result.subarray(p)])
    else if (result.length > 0) result[p] = value
  }
  return result
}
