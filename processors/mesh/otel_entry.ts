import { ProtobufWriter } from '../../lib/protobuf/writer.ts'
import { ACCESS_LOG_TYPE_NAMES, type AccessLogs, AddressKind, EntryKind, TraceForm } from '../../model/access_logs.ts'
import type { AttributeSet } from '../../model/attributes.ts'
import type { LogRecord } from '../../model/log_records.ts'
import { RESPONSE_FLAG_CODES } from '../../model/response_flags.ts'
import type { OtelLabel } from './otel_labels.ts'

const METHODS = ['', 'GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH']
const PROTOCOLS = ['', 'HTTP/1.0', 'HTTP/1.1', 'HTTP/2', 'HTTP/3']
const TLS_VERSIONS = ['', 'TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3']

const encoder = new TextEncoder()

/** Columns of interned text by the label they are read from. */
const TEXT_COLUMNS = {
  upstream_cluster: 'upstreamCluster',
  route_name: 'routeName',
  authority: 'authority',
  scheme: 'scheme',
  downstream_transport_failure_reason: 'downstreamFailure',
  upstream_transport_failure_reason: 'upstreamFailure',
  requested_server_name: 'sni',
  downstream_local_uri_san: 'localSan',
  downstream_peer_uri_san: 'peerSan',
  upstream_peer_uri_san: 'tagUpstreamPrincipal',
} as const satisfies Partial<Record<OtelLabel, keyof AccessLogs>>

/** Columns of filter state, which hold the bytes of an Any. */
const STATE_COLUMNS = {
  upstream_peer: 'upstreamPeer',
  downstream_peer: 'downstreamPeer',
  peer_principal: 'peerPrincipal',
  local_principal: 'localPrincipal',
} as const satisfies Partial<Record<OtelLabel, keyof AccessLogs>>

const ADDRESS_COLUMNS = {
  downstream_remote_address: ['downstreamRemote', 'downstreamRemotePort', 'downstreamRemoteKind', 2],
  downstream_local_address: ['downstreamLocal', 'downstreamLocalPort', 'downstreamLocalKind', 3],
  upstream_host: ['upstreamRemote', 'upstreamRemotePort', 'upstreamRemoteKind', 13],
  downstream_direct_remote_address: ['directRemote', 'directRemotePort', 'directRemoteKind', 20],
} as const satisfies Partial<Record<OtelLabel, readonly [keyof AccessLogs, keyof AccessLogs, keyof AccessLogs, number]>>

/** Turns labelled log records into rows: fills the columns, and writes each record as the entry that ALS would have sent. */
export class OtelEntryWriter {
  readonly #writer = new ProtobufWriter(64 << 10)
  readonly #texts = new ProtobufWriter(16 << 10)
  #attributes!: AttributeSet
  #logs!: AccessLogs

  /** Fills the rows of `logs`, which must be cleared and large enough, and its message. */
  write(logs: AccessLogs, records: readonly LogRecord[]): void {
    this.#logs = logs
    this.#writer.reset()
    this.#texts.reset()
    for (const [i, record] of records.entries()) {
      this.#attributes = record.attributes
      logs.entryAt[i] = this.#writer.length
      this.#entry(i, record)
      logs.entryEnd[i] = this.#writer.length
    }
    logs.length = records.length
    // Texts of which columns hold the place stand behind the entries.
    const entries = this.#writer.view()
    for (const column of [logs.streamIdAt, logs.requestIdAt, logs.pathAt, logs.traceAt, logs.spanAt]) {
      for (let i = 0; i < logs.length; i++) column[i] = (column[i] as number) + entries.length
    }
    logs.message = Buffer.concat([entries, this.#texts.view()])
  }

  #entry(i: number, record: LogRecord): void {
    const logs = this.#logs
    const isHttp = this.#text('method') !== '' || this.#text('protocol') !== '' || this.#text('response_code') !== ''
    logs.kind[i] = isHttp ? EntryKind.http : EntryKind.tcp
    for (const [label, column] of entriesOf(TEXT_COLUMNS)) logs[column][i] = this.#interned(this.#text(label))
    for (const [label, column] of entriesOf(STATE_COLUMNS)) logs[column][i] = this.#state(this.#text(label))
    this.#times(i, record)
    this.#trace(i, record)
    const writer = this.#writer
    writer.open(1)
    this.#common(i, record)
    writer.close()
    if (isHttp) this.#http(i)
    else {
      logs.tcpReceived[i] = this.#number('bytes_received')
      logs.tcpSent[i] = this.#number('bytes_sent')
      writer.open(2).varint(1, logs.tcpReceived[i]).varint(2, logs.tcpSent[i]).close()
    }
  }

  #times(i: number, { timeNs }: LogRecord): void {
    const logs = this.#logs
    logs.startSeconds[i] = Number(timeNs / 1_000_000_000n)
    logs.startNanos[i] = Number(timeNs % 1_000_000_000n)
    const duration = this.#text('duration')
    if (/^\d+$/.test(duration)) logs.duration[i] = Number(duration) * 1e6
  }

  /** The ids are those of the proxy's own span, as with the custom tags `trace_id` and `span_id`. */
  #trace(i: number, { traceId, spanId }: LogRecord): void {
    if (traceId === '') return
    const logs = this.#logs
    logs.traceForm[i] = TraceForm.tag
    logs.traceLength[i] = this.#placed(traceId, logs.traceAt, i)
    logs.spanLength[i] = this.#placed(spanId, logs.spanAt, i)
  }

  /** `AccessLogCommon`. */
  #common(i: number, { timeNs }: LogRecord): void {
    const logs = this.#logs
    const writer = this.#writer
    for (const [label, [texts, ports, kinds, field]] of entriesOf(ADDRESS_COLUMNS)) {
      const { ip, port, kind } = parseAddress(this.#text(label))
      logs[texts][i] = this.#interned(ip)
      logs[ports][i] = port
      logs[kinds][i] = kind
      writeAddress(writer, field, { ip, port, kind })
    }
    writeAddress(writer, 14, parseAddress(this.#text('upstream_local_address')))
    this.#tls(i)
    writer
      .open(5)
      .varint(1, timeNs / 1_000_000_000n)
      .varint(2, timeNs % 1_000_000_000n)
      .close()
    this.#put(15, 'upstream_cluster')
    this.#flags(i)
    this.#put(18, 'upstream_transport_failure_reason')
    this.#put(19, 'route_name')
    if (!Number.isNaN(logs.duration[i])) {
      const ns = logs.duration[i] as number
      writer
        .open(23)
        .varint(1, Math.floor(ns / 1e9))
        .varint(2, ns % 1e9)
        .close()
    }
    logs.attempts[i] = this.#number('upstream_request_attempt_count')
    if (logs.attempts[i] > 0) writer.varint(24, logs.attempts[i])
    this.#put(25, 'connection_termination_details')
    this.#put(26, 'stream_id')
    logs.streamIdLength[i] = this.#placed(this.#text('stream_id'), logs.streamIdAt, i)
    this.#put(28, 'downstream_transport_failure_reason')
    this.#wireBytes(i)
    const type = ACCESS_LOG_TYPE_NAMES.indexOf(this.#text('access_log_type'))
    logs.logType[i] = Math.max(0, type)
    if (type > 0) writer.varint(33, type)
  }

  #tls(i: number): void {
    const logs = this.#logs
    const writer = this.#writer
    const version = Math.max(0, TLS_VERSIONS.indexOf(this.#text('downstream_tls_version')))
    const local = this.#text('downstream_local_uri_san')
    const peer = this.#text('downstream_peer_uri_san')
    const sni = this.#text('requested_server_name')
    logs.tlsVersion[i] = version
    logs.certificates[i] = (local === '' ? 0 : 1) | (peer === '' ? 0 : 2)
    if (version === 0 && local === '' && peer === '' && sni === '') return
    writer.open(4)
    if (version > 0) writer.varint(1, version)
    if (sni !== '') writer.string(3, sni)
    if (local !== '') writer.open(4).open(1).string(1, local).close().close()
    if (peer !== '') writer.open(5).open(1).string(1, peer).close().close()
    writer.close()
  }

  #flags(i: number): void {
    const codes: readonly string[] = this.#text('response_flags').split(',')
    const bits = RESPONSE_FLAG_CODES.flatMap((code, bit) => (codes.includes(code) ? [bit] : []))
    if (bits.length === 0) return
    let mask = 0
    this.#writer.open(16)
    for (const bit of bits) {
      mask |= 1 << bit
      // `unauthorized_details` is a message with a reason; the others are truth values.
      if (bit === 12) this.#writer.open(13).varint(1, 1).close()
      else this.#writer.bool(bit + 1, true)
    }
    this.#logs.flags[i] = mask >>> 0
    this.#writer.close()
  }

  #wireBytes(i: number): void {
    const logs = this.#logs
    const writer = this.#writer
    const sent = this.#number('downstream_wire_bytes_sent')
    const received = this.#number('downstream_wire_bytes_received')
    // As in ALS, 0 is absent.
    if (sent > 0) {
      logs.downstreamWireSent[i] = sent
      writer.varint(29, sent)
    }
    if (received > 0) {
      logs.downstreamWireReceived[i] = received
      writer.varint(30, received)
    }
  }

  /** `protocol_version`, `request` and `response` of HTTPAccessLogEntry. */
  #http(i: number): void {
    const logs = this.#logs
    const writer = this.#writer
    const method = METHODS.indexOf(this.#text('method'))
    logs.method[i] = Math.max(0, method)
    logs.protocolVersion[i] = Math.max(0, PROTOCOLS.indexOf(this.#text('protocol')))
    if (logs.protocolVersion[i] > 0) writer.varint(2, logs.protocolVersion[i])
    writer.open(3)
    if (method > 0) writer.varint(1, method)
    this.#put(2, 'scheme')
    this.#put(3, 'authority')
    this.#put(5, 'path')
    this.#put(6, 'user_agent')
    this.#put(8, 'x_forwarded_for')
    this.#put(9, 'request_id')
    logs.pathLength[i] = this.#placed(this.#text('path'), logs.pathAt, i)
    logs.requestIdLength[i] = this.#placed(this.#text('request_id'), logs.requestIdAt, i)
    logs.requestBodyBytes[i] = this.#number('bytes_received')
    writer.varint(12, logs.requestBodyBytes[i]).close()
    writer.open(4)
    logs.responseCode[i] = this.#number('response_code')
    if (logs.responseCode[i] > 0) writer.open(1).varint(1, logs.responseCode[i]).close()
    logs.responseBodyBytes[i] = this.#number('bytes_sent')
    writer.varint(3, logs.responseBodyBytes[i])
    const grpc = this.#text('grpc_status')
    if (/^\d{1,4}$/.test(grpc)) {
      logs.isGrpc[i] = 1
      logs.grpcStatus[i] = Number(grpc)
      writer.open(5).string(1, 'grpc-status').string(2, grpc).close()
    }
    this.#put(6, 'response_code_details')
    writer.close()
  }

  /** A label's value; empty when it is not there or `-`. */
  #text(label: OtelLabel): string {
    const value = this.#attributes.get(label)
    return typeof value === 'string' && value !== '-' ? value : ''
  }

  #number(label: OtelLabel): number {
    const text = this.#text(label)
    return /^\d{1,15}$/.test(text) ? Number(text) : 0
  }

  #put(field: number, label: OtelLabel): void {
    const text = this.#text(label)
    if (text !== '') this.#writer.string(field, text)
  }

  #interned(text: string): number {
    const bytes = encoder.encode(text)
    return this.#logs.strings.intern(bytes, new DataView(bytes.buffer), 0, bytes.length)
  }

  /** Filter state as an Any of StringValue, which the reader of peers understands. */
  #state(text: string): number {
    if (text === '') return 0
    const value = new ProtobufWriter().string(1, peerText(text)).finish()
    const any = new ProtobufWriter().string(1, 'type.googleapis.com/google.protobuf.StringValue').bytes(2, value).finish()
    return this.#logs.strings.intern(any, new DataView(any.buffer), 0, any.length)
  }

  /** Puts a text behind the entries and its place into a column; returns its length. */
  #placed(text: string, column: Int32Array, i: number): number {
    const bytes = encoder.encode(text)
    column[i] = this.#texts.length
    this.#texts.raw(bytes)
    return bytes.length
  }
}

/** Istio prints peers as `key=value,…`, or as JSON when they are logged TYPED; both as JSON. */
function peerText(text: string): string {
  if (!/^\w+=[^,]*(,\w+=[^,]*)+$/.test(text)) return text
  return JSON.stringify(Object.fromEntries(text.split(',').map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)])))
}

interface ParsedAddress {
  readonly ip: string
  readonly port: number
  readonly kind: number
}

const NO_ADDRESS: ParsedAddress = { ip: '', port: 0, kind: AddressKind.none }

/** `ip:port`, `[ipv6]:port`, an IP alone, the path of a pipe, or `envoy://listener/endpoint`. */
function parseAddress(text: string): ParsedAddress {
  if (text === '') return NO_ADDRESS
  if (text.startsWith('/') || text.startsWith('@')) return { ip: text, port: 0, kind: AddressKind.pipe }
  if (text.startsWith('envoy://')) return { ip: text.slice(text.lastIndexOf('/') + 1), port: 0, kind: AddressKind.internal }
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text)
  return match === null ? { ip: text, port: 0, kind: AddressKind.socket } : { ip: match[1] ?? match[2] ?? '', port: Number(match[3]), kind: AddressKind.socket }
}

/** `core.Address`. */
function writeAddress(writer: ProtobufWriter, field: number, { ip, port, kind }: ParsedAddress): void {
  if (kind === AddressKind.none) return
  writer.open(field)
  if (kind === AddressKind.socket) writer.open(1).string(2, ip).varint(3, port).close()
  else if (kind === AddressKind.pipe) writer.open(2).string(1, ip).close()
  else writer.open(3).string(2, ip).close()
  writer.close()
}

function entriesOf<K extends string, V>(object: Readonly<Record<K, V>>): [K, V][] {
  return Object.entries(object) as [K, V][]
}
