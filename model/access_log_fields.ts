import { ACCESS_LOG_TYPE_NAMES } from './access_logs.ts'
import { RESPONSE_FLAG_NAMES } from './response_flags.ts'

/** How a field of a protobuf message is read; `oneof` names all members of the group it belongs to. */
export type FieldSpec = { readonly name: string; readonly oneof?: readonly string[] } & (
  | { readonly kind: 'string' | 'number' | 'bool' | 'double' | 'duration' | 'time' | 'wrapper' | 'struct' | 'any' }
  | { readonly kind: 'enum'; readonly names: Readonly<Record<number, string>> }
  | { readonly kind: 'message' | 'list'; readonly of: MessageSpec }
  | { readonly kind: 'map'; readonly of: FieldSpec }
)

/** The fields of a message by number. */
export type MessageSpec = Readonly<Record<number, FieldSpec>>

type Scalar = 'string' | 'number' | 'bool' | 'double' | 'duration' | 'time' | 'wrapper' | 'struct' | 'any'

const scalar = (kind: Scalar, name: string): FieldSpec => ({ kind, name })
const text = (name: string): FieldSpec => scalar('string', name)
const number = (name: string): FieldSpec => scalar('number', name)
const duration = (name: string): FieldSpec => scalar('duration', name)
const message = (name: string, of: MessageSpec): FieldSpec => ({ kind: 'message', name, of })
const map = (name: string, kind: Scalar): FieldSpec => ({ kind: 'map', name, of: scalar(kind, 'value') })
const oneOf = (fields: MessageSpec): MessageSpec => {
  const oneof = Object.values(fields).map(({ name }) => name)
  return Object.fromEntries(Object.entries(fields).map(([field, spec]) => [field, { ...spec, oneof }]))
}
/** Protobuf's JSON name of a field. */
const camelCase = (name: string): string => name.replaceAll(/_(.)/g, (_, letter: string) => letter.toUpperCase())
const named = (name: string, names: readonly string[]): FieldSpec => ({ kind: 'enum', name, names: Object.fromEntries(names.entries()) })

// The tables of spec/als.md §1: Envoy's access-log messages, v3 (v2 has the same numbers).

const SOCKET_ADDRESS: MessageSpec = {
  1: named('protocol', ['TCP', 'UDP']),
  2: text('address'),
  ...oneOf({ 3: number('portValue'), 4: text('namedPort') }),
  5: text('resolverName'),
  6: scalar('bool', 'ipv4Compat'),
  7: text('networkNamespaceFilepath'),
}

const ADDRESS: MessageSpec = oneOf({
  1: message('socketAddress', SOCKET_ADDRESS),
  2: message('pipe', { 1: text('path'), 2: number('mode') }),
  3: message('envoyInternalAddress', { 1: text('serverListenerName'), 2: text('endpointId') }),
})

const CERTIFICATE: MessageSpec = {
  1: { kind: 'list', name: 'subjectAltName', of: oneOf({ 1: text('uri'), 2: text('dns') }) },
  2: text('subject'),
  3: text('issuer'),
}

const TLS: MessageSpec = {
  1: named('tlsVersion', ['VERSION_UNSPECIFIED', 'TLSv1', 'TLSv1_1', 'TLSv1_2', 'TLSv1_3']),
  2: scalar('wrapper', 'tlsCipherSuite'),
  3: text('tlsSniHostname'),
  4: message('localCertificateProperties', CERTIFICATE),
  5: message('peerCertificateProperties', CERTIFICATE),
  6: text('tlsSessionId'),
  7: text('ja3Fingerprint'),
}

const FLAGS: MessageSpec = {
  ...Object.fromEntries(RESPONSE_FLAG_NAMES.map((name, bit) => [bit + 1, scalar('bool', camelCase(name))])),
  13: message('unauthorizedDetails', { 1: named('reason', ['REASON_UNSPECIFIED', 'EXTERNAL_SERVICE']) }),
}

const COMMON: MessageSpec = {
  1: scalar('double', 'sampleRate'),
  2: message('downstreamRemoteAddress', ADDRESS),
  3: message('downstreamLocalAddress', ADDRESS),
  4: message('tlsProperties', TLS),
  5: scalar('time', 'startTime'),
  6: duration('timeToLastRxByte'),
  7: duration('timeToFirstUpstreamTxByte'),
  8: duration('timeToLastUpstreamTxByte'),
  9: duration('timeToFirstUpstreamRxByte'),
  10: duration('timeToLastUpstreamRxByte'),
  11: duration('timeToFirstDownstreamTxByte'),
  12: duration('timeToLastDownstreamTxByte'),
  13: message('upstreamRemoteAddress', ADDRESS),
  14: message('upstreamLocalAddress', ADDRESS),
  15: text('upstreamCluster'),
  16: message('responseFlags', FLAGS),
  17: message('metadata', { 1: map('filterMetadata', 'struct'), 2: map('typedFilterMetadata', 'any') }),
  18: text('upstreamTransportFailureReason'),
  19: text('routeName'),
  20: message('downstreamDirectRemoteAddress', ADDRESS),
  21: map('filterStateObjects', 'any'),
  22: map('customTags', 'string'),
  23: duration('duration'),
  24: number('upstreamRequestAttemptCount'),
  25: text('connectionTerminationDetails'),
  26: text('streamId'),
  27: scalar('bool', 'intermediateLogEntry'),
  28: text('downstreamTransportFailureReason'),
  29: number('downstreamWireBytesSent'),
  30: number('downstreamWireBytesReceived'),
  31: number('upstreamWireBytesSent'),
  32: number('upstreamWireBytesReceived'),
  33: named('accessLogType', ACCESS_LOG_TYPE_NAMES),
}

const REQUEST: MessageSpec = {
  1: named('requestMethod', ['METHOD_UNSPECIFIED', 'GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH']),
  2: text('scheme'),
  3: text('authority'),
  4: scalar('wrapper', 'port'),
  5: text('path'),
  6: text('userAgent'),
  7: text('referer'),
  8: text('forwardedFor'),
  9: text('requestId'),
  10: text('originalPath'),
  11: number('requestHeadersBytes'),
  12: number('requestBodyBytes'),
  13: map('requestHeaders', 'string'),
  14: number('upstreamHeaderBytesSent'),
  15: number('downstreamHeaderBytesReceived'),
}

const RESPONSE: MessageSpec = {
  1: scalar('wrapper', 'responseCode'),
  2: number('responseHeadersBytes'),
  3: number('responseBodyBytes'),
  4: map('responseHeaders', 'string'),
  5: map('responseTrailers', 'string'),
  6: text('responseCodeDetails'),
  7: number('upstreamHeaderBytesReceived'),
  8: number('downstreamHeaderBytesSent'),
}

/** `HTTPAccessLogEntry`. */
export const HTTP_ENTRY: MessageSpec = {
  1: message('commonProperties', COMMON),
  2: named('protocolVersion', ['PROTOCOL_UNSPECIFIED', 'HTTP10', 'HTTP11', 'HTTP2', 'HTTP3']),
  3: message('request', REQUEST),
  4: message('response', RESPONSE),
}

/** `TCPAccessLogEntry`. */
export const TCP_ENTRY: MessageSpec = {
  1: message('commonProperties', COMMON),
  2: message('connectionProperties', { 1: number('receivedBytes'), 2: number('sentBytes') }),
}

/** Message types that are understood inside of an Any, by full name. */
export const ANY: Readonly<Record<string, MessageSpec | 'struct' | 'string' | 'bytes' | 'bool'>> = {
  'google.protobuf.Struct': 'struct',
  'google.protobuf.StringValue': 'string',
  'google.protobuf.BytesValue': 'bytes',
  'google.protobuf.BoolValue': 'bool',
  'envoy.extensions.filters.http.grpc_stats.v3.FilterObject': { 1: number('requestMessageCount'), 2: number('responseMessageCount') },
}
