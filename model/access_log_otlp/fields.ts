import { ACCESS_LOG_TYPE_NAMES } from '../access_logs.ts'

/**
 * What becomes of every field of Envoy's access-log entries (spec: als.md §1) in log records and spans. Names are those of the
 * semantic conventions where there is one, else `envoy.` and the field's name in the protocol. Durations are seconds, sizes
 * bytes. Fields with `isDetail` become attributes only where all detail is wanted.
 */
export type FieldUse = { readonly isDetail?: boolean } & FieldForm

type FieldForm =
  /** One attribute of the field's own value. */
  | {
      readonly as: 'text' | 'scheme' | 'texts' | 'number' | 'double' | 'true' | 'seconds' | 'wrapped' | 'referer' | 'original_path' | 'stream_id'
      readonly attribute: string
    }
  /** An enum; empty names are no attribute. */
  | { readonly as: 'names'; readonly attribute: string; readonly names: readonly string[] }
  | { readonly as: 'cipher'; readonly attribute: string }
  /** `core.Address`: the text under `attribute` and `.address`, the port, if it is not 0, under `.port`. */
  | { readonly as: 'address'; readonly attribute: string }
  /** Subject alternative names as a list. */
  | { readonly as: 'names_list'; readonly attribute: string }
  /** A map; the key is appended to `attribute`. */
  | { readonly as: 'request_headers' | 'response_headers' | 'tags' | 'filter_state' | 'metadata'; readonly attribute: string }
  | { readonly as: 'authority' | 'path' | 'flags' | 'request_body' | 'response_body'; readonly attribute: string }
  | { readonly as: 'message'; readonly of: MessageUse }
  /** Not an attribute; `note` says where it is instead, or why it is left out. */
  | { readonly as: 'none'; readonly note: string }

/** The fields of a message by number. */
export type MessageUse = Readonly<Record<number, FieldUse>>

const text = (attribute: string): FieldUse => ({ as: 'text', attribute })
const number = (attribute: string): FieldUse => ({ as: 'number', attribute })
const seconds = (attribute: string): FieldUse => ({ as: 'seconds', attribute })
const address = (attribute: string): FieldUse => ({ as: 'address', attribute })
const message = (of: MessageUse): FieldUse => ({ as: 'message', of })
const detail = (use: FieldUse): FieldUse => ({ ...use, isDetail: true })
const none = (note: string): FieldUse => ({ as: 'none', note })

function certificate(side: 'client' | 'server'): MessageUse {
  return {
    1: { as: 'names_list', attribute: `envoy.tls.${side}.subject_alt_names` },
    2: text(`tls.${side}.subject`),
    3: text(`tls.${side}.issuer`),
  }
}

const TLS: MessageUse = {
  1: { as: 'names', attribute: 'tls.protocol.version', names: ['', '1', '1.1', '1.2', '1.3'] },
  2: { as: 'cipher', attribute: 'tls.cipher' },
  3: text('envoy.tls.sni'),
  4: message(certificate('server')),
  5: message(certificate('client')),
  6: detail(text('envoy.tls.session_id')),
  7: detail(text('tls.client.ja3')),
}

/** `AccessLogCommon`; of requests the wire bytes have names in the semantic conventions. */
function common(wireSent: string, wireReceived: string): MessageUse {
  return {
    1: { as: 'double', attribute: 'envoy.sample_rate' },
    2: address('client'),
    3: detail(address('network.local')),
    4: message(TLS),
    5: none('the time of the record, the start of the span'),
    6: detail(seconds('envoy.time_to_last_rx_byte')),
    7: detail(seconds('envoy.time_to_first_upstream_tx_byte')),
    8: detail(seconds('envoy.time_to_last_upstream_tx_byte')),
    9: detail(seconds('envoy.time_to_first_upstream_rx_byte')),
    10: detail(seconds('envoy.time_to_last_upstream_rx_byte')),
    11: detail(seconds('envoy.time_to_first_downstream_tx_byte')),
    12: detail(seconds('envoy.time_to_last_downstream_tx_byte')),
    13: address('destination'),
    14: detail(address('envoy.upstream_local')),
    15: text('envoy.upstream_cluster'),
    16: { as: 'flags', attribute: 'envoy.response_flags' },
    17: { as: 'metadata', attribute: 'envoy.metadata.' },
    18: text('envoy.upstream_transport_failure_reason'),
    19: text('envoy.route_name'),
    20: address('source'),
    21: { as: 'filter_state', attribute: 'envoy.filter_state.' },
    22: { as: 'tags', attribute: 'envoy.tag.' },
    23: seconds('envoy.duration'),
    24: number('envoy.upstream_request_attempt_count'),
    25: text('envoy.connection_termination_details'),
    26: { as: 'stream_id', attribute: 'envoy.stream_id' },
    27: { as: 'true', attribute: 'envoy.intermediate_log_entry' },
    28: text('envoy.downstream_transport_failure_reason'),
    29: number(wireSent),
    30: number(wireReceived),
    31: detail(number('envoy.upstream_wire_bytes_sent')),
    32: detail(number('envoy.upstream_wire_bytes_received')),
    33: { as: 'names', attribute: 'envoy.access_log_type', names: ['', ...ACCESS_LOG_TYPE_NAMES.slice(1)] },
  }
}

const REQUEST: MessageUse = {
  1: {
    as: 'names',
    attribute: 'http.request.method',
    names: ['', 'GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'],
  },
  2: { as: 'scheme', attribute: 'url.scheme' },
  3: { as: 'authority', attribute: 'server' },
  4: { as: 'wrapped', attribute: 'envoy.request_port' },
  5: { as: 'path', attribute: 'url' },
  6: text('user_agent.original'),
  7: { as: 'referer', attribute: 'http.request.header.referer' },
  8: { as: 'texts', attribute: 'http.request.header.x-forwarded-for' },
  9: text('envoy.request_id'),
  10: { as: 'original_path', attribute: 'envoy.original_path' },
  11: detail(number('envoy.request_headers_bytes')),
  12: { as: 'request_body', attribute: 'http.request.body.size' },
  13: { as: 'request_headers', attribute: 'http.request.header.' },
  14: detail(number('envoy.upstream_header_bytes_sent')),
  15: detail(number('envoy.downstream_header_bytes_received')),
}

const RESPONSE: MessageUse = {
  1: { as: 'wrapped', attribute: 'http.response.status_code' },
  2: detail(number('envoy.response_headers_bytes')),
  3: { as: 'response_body', attribute: 'http.response.body.size' },
  4: { as: 'response_headers', attribute: 'http.response.header.' },
  5: { as: 'response_headers', attribute: 'envoy.response_trailer.' },
  6: text('envoy.response_code_details'),
  7: detail(number('envoy.upstream_header_bytes_received')),
  8: detail(number('envoy.downstream_header_bytes_sent')),
}

/** `HTTPAccessLogEntry`. */
export const HTTP_USE: MessageUse = {
  1: message(common('http.response.size', 'http.request.size')),
  2: { as: 'names', attribute: 'network.protocol.version', names: ['', '1.0', '1.1', '2', '3'] },
  3: message(REQUEST),
  4: message(RESPONSE),
}

/** `TCPAccessLogEntry`. */
export const TCP_USE: MessageUse = {
  1: message(common('envoy.downstream_wire_bytes_sent', 'envoy.downstream_wire_bytes_received')),
  2: message({ 1: number('envoy.received_bytes'), 2: number('envoy.sent_bytes') }),
}

/** What a use is in words, for documentation: the attributes, or why there are none. */
export function describeUse(use: FieldUse): string {
  switch (use.as) {
    case 'none':
      return use.note
    case 'message':
      return ''
    case 'address':
      return `\`${use.attribute}.address\`, \`${use.attribute}.port\` unless 0`
    case 'authority':
      return '`server.address`, `server.port`'
    case 'path':
      return '`url.path`, `url.query` (redacted); of gRPC also `rpc.method`'
    case 'request_headers':
    case 'response_headers':
      return `\`${use.attribute}<name>\`, redacted; those with a field of their own and pseudo-headers are left out`
    case 'tags':
      return `\`${use.attribute}<name>\`; \`trace_id\` and \`span_id\` are the ids of the record`
    case 'filter_state':
      return `\`${use.attribute}<name>\` by its type; peers and principals are \`source.*\`, \`destination.*\` and \`mesh.*\` where \`mesh\` stands before, \`envoy.filters.http.grpc_stats\` is \`envoy.grpc.request_messages\` and \`envoy.grpc.response_messages\``
    case 'metadata':
      return `\`${use.attribute}<namespace>\``
    case 'stream_id':
      return `\`${use.attribute}\`, unless it equals the request id`
    case 'names':
      return `\`${use.attribute}\`${use.names[0] === '' ? '' : `, \`${use.names[0]}\` when unspecified`}`
    case 'flags':
      return `\`${use.attribute}\`, short codes as in \`UF,URX\``
    case 'cipher':
      return `\`${use.attribute}\`, the name of the cipher suite`
    default:
      return `\`${use.attribute}\`${use.as === 'referer' || use.as === 'original_path' ? ' (query redacted)' : ''}`
  }
}
