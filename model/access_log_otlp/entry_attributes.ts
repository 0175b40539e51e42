import { varintEnd, varintUnsigned } from '../../lib/protobuf/wire.ts'
import { WireFields } from '../../lib/protobuf/wire_fields.ts'
import { type AccessLogs, EntryKind, LogType } from '../access_logs.ts'
import { GRPC_STATUS_NAMES } from '../grpc_status.ts'
import { responseFlagsText } from '../response_flags.ts'
import { type AttributeBlob, type AttributeBuffer, type AttributeKey, attributeBlob, attributeKey } from './attribute_buffer.ts'
import { cipherName } from './ciphers.ts'
import { type CompiledField, type CompiledUse, compileUse, encodedText, forgetSeen, How } from './compiled_use.ts'
import { EdgeAttributes, type KnownEdge } from './edge_attributes.ts'
import { MapAttributes } from './entry_maps.ts'
import { secondsAt, unsignedAt, wrappedAt } from './field_values.ts'
import { HTTP_USE, TCP_USE } from './fields.ts'
import { FullUrl } from './full_url.ts'
import { errorType } from './outcome.ts'
import { QUERY_BYTES_MAX, REDACTED_QUERY_BYTES_MAX, Redaction, type RedactionOptions, redactQuery } from './redaction.ts'
import { queryFormOf } from './straight/query.ts'
import { StraightAttributes, type TakeField } from './straight/straight_attributes.ts'

/** Different response flags, errors and the like that are kept encoded. */
const TEXTS_MAX = 4096

/** Rows after which their numbers start over. */
const STAMP_MAX = 1 << 29

/** Kinds of entries by their transport. */
const Head = { http: 0, quic: 1, tcp: 2, udp: 3 } as const

const QUESTION = 0x3f
const COLON = 0x3a
const SLASH = 0x2f

const RPC_METHOD = attributeKey('rpc.method')
const RPC_STATUS = attributeKey('rpc.response.status_code')
const GRPC_REQUEST_MESSAGES = attributeKey('envoy.grpc.request_messages')
const GRPC_RESPONSE_MESSAGES = attributeKey('envoy.grpc.response_messages')

export interface EntryAttributesOptions extends RedactionOptions {
  /** Whether fields with `isDetail` become attributes. */
  readonly hasDetail: boolean
  /** Names of custom tags that become attributes. */
  readonly tags: readonly string[]
}

/** Attributes that are made of an entry as a whole, beside those of its fields, and what they say. */
export const DERIVED_ATTRIBUTES: Readonly<Record<string, string>> = {
  'network.protocol.name': '`http` of HTTP entries',
  'network.transport': '`tcp`; `udp` of UDP sessions; `quic` of HTTP/3',
  'tls.protocol.name': '`tls` when the entry has a TLS version',
  'http.request.method': '`_OTHER` when Envoy knows the method by no name',
  'url.full': 'of what a client sent, but for gRPC: scheme, host, path and query, redacted alike',
  'rpc.system.name': '`grpc` when a content type, a status or message counts of gRPC were logged',
  'rpc.method': 'of gRPC: the path without its first slash',
  'rpc.response.status_code': 'of gRPC: the name of the status in trailers or headers, such as `UNAVAILABLE`',
  'error.type': 'of what failed: gRPC status, HTTP status code (from 500 on, for clients from 400 on), or the first response flag by its long name',
  'envoy.access_log.name': 'name of the log in the proxy’s config',
}

/**
 * Writes the attributes of access-log entries straight from the bytes of the message and the columns, without an object or
 * a string per entry in the common case. What becomes of which field stands in `fields.ts`. One for each use: it keeps what
 * it has encoded.
 */
export class EntryAttributes {
  readonly #http: CompiledUse
  readonly #tcp: CompiledUse
  readonly #straight: StraightAttributes
  readonly #edges: EdgeAttributes
  readonly #maps: MapAttributes
  readonly #redaction: Redaction
  readonly #fullUrl: FullUrl
  readonly #tag: number
  /** By `Head`. */
  readonly #bases: readonly Uint8Array[]
  readonly #otherMethod: AttributeBlob
  readonly #tls: AttributeBlob
  readonly #grpc: AttributeBlob
  readonly #grpcStatus: readonly AttributeBlob[]
  readonly #errors = new Map<string, Uint8Array>()
  readonly #flags = new Map<number, Uint8Array>()
  readonly #scratch = new Uint8Array(REDACTED_QUERY_BYTES_MAX)
  readonly #scratchView = new DataView(this.#scratch.buffer)
  /** Not a name at first, so that the first log's is a change. */
  #logName = '\u0000'
  #logNameAttribute = new Uint8Array(0) as Uint8Array
  #logs!: AccessLogs
  #out!: AttributeBuffer
  #bytes: Uint8Array = new Uint8Array(0)
  #view: DataView = new DataView(new ArrayBuffer(0))
  #row = 0
  /** Grows with every row, so that fields that come twice are told. */
  #stamp = 0

  /** `tag` is what every attribute begins with (`AttributeTag`). */
  constructor(tag: number, options: EntryAttributesOptions) {
    this.#tag = tag
    const text = (key: string, value: string): Uint8Array => encodedText(tag, key, value)
    const http = text('network.protocol.name', 'http')
    this.#bases = [
      Buffer.concat([http, text('network.transport', 'tcp')]),
      Buffer.concat([http, text('network.transport', 'quic')]),
      text('network.transport', 'tcp'),
      text('network.transport', 'udp'),
    ]
    this.#otherMethod = attributeBlob(text('http.request.method', '_OTHER'))
    this.#tls = attributeBlob(text('tls.protocol.name', 'tls'))
    this.#grpc = attributeBlob(text('rpc.system.name', 'grpc'))
    this.#grpcStatus = GRPC_STATUS_NAMES.map((name) => attributeBlob(text('rpc.response.status_code', name)))
    this.#http = compileUse(HTTP_USE, tag, options.hasDetail)
    this.#tcp = compileUse(TCP_USE, tag, options.hasDetail)
    this.#redaction = new Redaction(options)
    const uses = { http: { use: HTTP_USE, compiled: this.#http }, tcp: { use: TCP_USE, compiled: this.#tcp } }
    this.#straight = new StraightAttributes(uses, { tag, query: queryFormOf(this.#redaction) })
    this.#edges = new EdgeAttributes(tag)
    this.#fullUrl = new FullUrl(this.#redaction)
    this.#maps = new MapAttributes(this.#redaction, options.tags)
  }

  /** What is shown and what is not; for bodies. */
  get redaction(): Redaction {
    return this.#redaction
  }

  /** Takes the batch of the next rows. */
  begin(logs: AccessLogs): void {
    this.#logs = logs
    if (logs.message !== this.#bytes) {
      this.#bytes = logs.message
      this.#view = new DataView(logs.message.buffer, logs.message.byteOffset, logs.message.byteLength)
    }
    if (logs.origin.logName !== this.#logName) {
      this.#logName = logs.origin.logName
      this.#logNameAttribute = this.#logName === '' ? new Uint8Array(0) : encodedText(this.#tag, 'envoy.access_log.name', this.#logName)
    }
    this.#maps.begin(logs, this.#view)
    this.#straight.begin(logs)
  }

  /** Whether row `i` tells of a call from the client's side. */
  isClient(i: number): boolean {
    return this.#edges.of(this.#logs.edges, this.#logs.edge[i] as number).isClient
  }

  /** Writes all attributes of row `i` of the batch; `out.tag` must be the tag this was made with. */
  write(i: number, out: AttributeBuffer): void {
    const logs = this.#logs
    this.#out = out
    this.#row = i
    if (++this.#stamp > STAMP_MAX) this.#startOver()
    const isTcp = logs.kind[i] === EntryKind.tcp
    const edge = this.#edges.of(logs.edges, logs.edge[i] as number)
    out.raw(this.#head(edge, isTcp, logs, i))
    const isGrpc = logs.isGrpc[i] !== 0 || (logs.grpcStatus[i] as number) >= 0
    if (!isTcp) this.#request(logs, i, isGrpc)
    this.#fullUrl.begin(edge.isClient && !isTcp && !isGrpc)
    const error = errorType(logs, i, edge.isClient)
    if (error !== '') out.raw(this.#errorAttribute(error))
    if (logs.tlsVersion[i] !== 0) out.blob(this.#tls)
    if (!this.#straight.write(logs, i, out, this.#fullUrl, this.#take)) {
      this.#walk(isTcp ? this.#tcp : this.#http, logs.entryAt[i] as number, logs.entryEnd[i] as number)
    }
    this.#fullUrl.write(this.#bytes, out)
  }

  /** What all entries of an edge, a transport and a log begin with, in one piece. */
  #head(edge: KnownEdge, isTcp: boolean, logs: AccessLogs, i: number): Uint8Array {
    const form = isTcp ? (isUdp(logs.logType[i] as number) ? Head.udp : Head.tcp) : logs.protocolVersion[i] === 4 ? Head.quic : Head.http
    if (edge.log !== this.#logName) {
      edge.log = this.#logName
      edge.heads = []
    }
    return (edge.heads[form] ??= Buffer.concat([this.#logNameAttribute, this.#bases[form] as Uint8Array, edge.attributes]))
  }

  /** What the straight way leaves. */
  readonly #take: TakeField = (field, at, end, messageEnd) => this.#field(field, at, end, messageEnd)

  /** Keeps the numbers of rows small integers, which cost no memory. */
  #startOver(): void {
    this.#stamp = 1
    forgetSeen(this.#http)
    forgetSeen(this.#tcp)
  }

  #request(logs: AccessLogs, i: number, isGrpc: boolean): void {
    const out = this.#out
    if (logs.method[i] === 0 && logs.pathLength[i] !== 0) out.blob(this.#otherMethod)
    if (!isGrpc) return
    const status = logs.grpcStatus[i] as number
    out.blob(this.#grpc)
    if (status >= 0 && status < this.#grpcStatus.length) out.blob(this.#grpcStatus[status] as AttributeBlob)
    else if (status >= 0) out.string(RPC_STATUS, String(status))
    const at = logs.pathAt[i] as number
    const length = logs.pathLength[i] as number
    if (length > 1 && this.#bytes[at] === SLASH) {
      const mark = this.#find(QUESTION, at, at + length)
      out.text(RPC_METHOD, this.#view, at + 1, mark < 0 ? at + length : mark)
    }
    if ((logs.grpcRequestMessages[i] as number) >= 0) out.integer(GRPC_REQUEST_MESSAGES, logs.grpcRequestMessages[i] as number)
    if ((logs.grpcResponseMessages[i] as number) >= 0) out.integer(GRPC_RESPONSE_MESSAGES, logs.grpcResponseMessages[i] as number)
  }

  /** The fields of a message between two offsets; ends where it is malformed, which a decoder has ruled out. */
  #walk(use: CompiledUse, start: number, end: number): void {
    const bytes = this.#bytes
    let p = start
    while (p < end) {
      let tag = bytes[p++] as number
      if (tag >= 128) {
        const next = (bytes[p] as number) < 128 ? p + 1 : varintEnd(bytes, p - 1, end)
        if (next < 0) return
        tag = unsignedAt(bytes, p - 1)
        p = next
      }
      const wire = tag & 7
      let at = p
      if (wire === 2) {
        let size = bytes[p++] as number
        if (size >= 128) {
          const next = (bytes[p] as number) < 128 ? p + 1 : varintEnd(bytes, p - 1, end)
          if (next < 0) return
          size = unsignedAt(bytes, p - 1)
          p = next
        }
        at = p
        p += size
      } else if (wire === 0) {
        if ((bytes[p++] as number) >= 128) {
          p = varintEnd(bytes, p - 1, end)
          if (p < 0) return
        }
      } else if (wire === 1) p += 8
      else if (wire === 5) p += 4
      else return
      if (p > end) return
      const number = tag >>> 3
      const field = number < use.length ? use[number] : undefined
      if (field === undefined || wire !== field.wire) continue
      if (!field.isRepeated) {
        if (field.seen === this.#stamp) continue
        field.seen = this.#stamp
      }
      this.#field(field, at, p, end)
    }
  }

  #field(field: CompiledField, at: number, end: number, messageEnd: number): void {
    const out = this.#out
    const { key } = field
    switch (field.how) {
      case How.message:
        this.#walk(field.nested, at, end)
        break
      case How.text:
        if (at < end) out.text(key, this.#view, at, end)
        break
      case How.texts:
        if (at < end) out.texts(key, this.#view, at, end)
        break
      case How.number:
        out.varint(key, this.#bytes, at, end)
        break
      case How.seconds:
        out.double(key, secondsAt(this.#bytes, at, end))
        break
      case How.names: {
        const value = unsignedAt(this.#bytes, at)
        const encoded = field.encoded[value]
        if (encoded === undefined) out.string(key, String(value))
        else if (encoded > 0) out.blob(encoded)
        break
      }
      case How.address:
        this.#address(key, field.otherKey, at, end)
        break
      case How.wrapped:
        out.integer(key, wrappedAt(this.#bytes, at, end))
        break
      case How.requestBody:
        out.integer(key, this.#logs.requestBodyBytes[this.#row] as number)
        break
      case How.responseBody:
        out.integer(key, this.#logs.responseBodyBytes[this.#row] as number)
        break
      case How.scheme:
        if (at < end) out.text(key, this.#view, at, end)
        this.#fullUrl.scheme(at, end)
        break
      case How.path:
        this.#fullUrl.path(at, end)
        this.#path(key, field.otherKey, at, end)
        break
      case How.query:
        this.#query(key, at, end)
        break
      case How.authority:
        this.#fullUrl.host(at, end)
        this.#authority(key, field.otherKey, at, end)
        break
      default:
        this.#rareField(field, at, end, messageEnd)
    }
  }

  #rareField(field: CompiledField, at: number, end: number, messageEnd: number): void {
    const out = this.#out
    const { key } = field
    switch (field.how) {
      case How.double:
        out.double(key, this.#view.getFloat64(at, true))
        break
      case How.true:
        if (varintUnsigned(this.#bytes, at) !== 0) out.bool(key, true)
        break
      case How.cipher:
        out.string(key, cipherName(wrappedAt(this.#bytes, at, end)))
        break
      case How.flags:
        if (this.#logs.flags[this.#row] !== 0) out.raw(this.#flagsAttribute(this.#logs.flags[this.#row] as number))
        break
      case How.streamId:
        if (at < end && !this.#isRequestId(at, end)) out.text(key, this.#view, at, end)
        break
      case How.namesList:
        out.strings(key, this.#alternativeNames(at, end, messageEnd))
        break
      case How.referer:
        if (at < end) out.strings(key, [this.#redaction.urlText(this.#decoded(at, end))])
        break
      case How.originalPath:
        if (at < end) out.string(key, this.#redaction.urlText(this.#decoded(at, end)))
        break
      default:
        this.#maps.write(field.how, field.prefix, at, end, out)
    }
  }

  /** `SubjectAltName {1 uri, 2 dns}`: the one between the first two offsets, and those that follow it in the certificate. */
  #alternativeNames(at: number, end: number, messageEnd: number): string[] {
    const first = new WireFields(this.#bytes, at, end)
    const names = first.next() ? [first.text()] : []
    const rest = new WireFields(this.#bytes, end, messageEnd)
    while (rest.next()) {
      const name = rest.message()
      if (rest.field === 1 && name.next()) names.push(name.text())
    }
    return names
  }

  /** `core.Address`: `{1 socket_address {2 address, 3 port_value}, 2 pipe {1 path}, 3 envoy_internal_address {1 listener, 2 endpoint_id}}`. */
  #address(addressKey: AttributeKey, portKey: AttributeKey, start: number, end: number): void {
    const bytes = this.#bytes
    const form = bytes[start] as number
    const bodyEnd = start < end ? varintEnd(bytes, start + 1, end) : -1
    if (bodyEnd < 0 || (form !== 10 && form !== 18 && form !== 26)) return
    let textAt = 0
    let textEnd = 0
    let port = 0
    for (let p = bodyEnd; p < end; ) {
      const tag = bytes[p] as number
      const next = (bytes[p + 1] as number) < 128 ? p + 2 : varintEnd(bytes, p + 1, end)
      if (next < 0) break
      const value = unsignedAt(bytes, p + 1)
      if ((tag & 7) === 2) {
        p = next + value
        if (p > end) break
        if (tag === (form === 18 ? 10 : 18) || (form === 26 && textAt === 0)) {
          textAt = next
          textEnd = p
        }
      } else {
        if (tag === 24 && form === 10) port = value
        p = next
      }
    }
    if (textAt < textEnd) this.#out.text(addressKey, this.#view, textAt, textEnd)
    if (port > 0) this.#out.integer(portKey, port)
  }

  #path(pathKey: AttributeKey, queryKey: AttributeKey, start: number, end: number): void {
    if (start === end) return
    const mark = this.#find(QUESTION, start, end)
    this.#out.text(pathKey, this.#view, start, mark < 0 ? end : mark)
    if (mark >= 0 && mark + 1 < end) this.#query(queryKey, mark + 1, end)
  }

  #query(key: AttributeKey, start: number, end: number): void {
    const redaction = this.#redaction
    if (redaction.query === 'none') this.#out.text(key, this.#view, start, end)
    else if (redaction.isPlain && end - start < QUERY_BYTES_MAX) {
      this.#out.text(key, this.#scratchView, 0, redactQuery(this.#bytes, start, end, this.#scratch))
    } else {
      const query = redaction.queryText(this.#decoded(start, end))
      if (query !== '') this.#out.string(key, query)
    }
  }

  /** `host`, `host:port`, `[v6]:port`. */
  #authority(hostKey: AttributeKey, portKey: AttributeKey, start: number, end: number): void {
    if (start === end) return
    const bytes = this.#bytes
    let colon = end - 1
    let port = 0
    let scale = 1
    for (; colon > start; colon--) {
      const digit = (bytes[colon] as number) - 48
      if (digit < 0 || digit > 9) break
      port += digit * scale
      scale *= 10
    }
    const hasPort =
      bytes[colon] === COLON && colon > start && colon < end - 1 && port < 65_536 && (bytes[colon - 1] === 0x5d || this.#find(COLON, start, end) === colon)
    this.#out.text(hostKey, this.#view, start, hasPort ? colon : end)
    if (hasPort) this.#out.integer(portKey, port)
  }

  #isRequestId(at: number, end: number): boolean {
    const logs = this.#logs
    const length = end - at
    if (logs.requestIdLength[this.#row] !== length) return false
    const bytes = this.#bytes
    const other = logs.requestIdAt[this.#row] as number
    for (let n = 0; n < length; n++) if (bytes[at + n] !== bytes[other + n]) return false
    return true
  }

  #flagsAttribute(mask: number): Uint8Array {
    let encoded = this.#flags.get(mask)
    if (encoded === undefined) {
      if (this.#flags.size >= TEXTS_MAX) this.#flags.clear()
      encoded = encodedText(this.#tag, 'envoy.response_flags', responseFlagsText(mask))
      this.#flags.set(mask, encoded)
    }
    return encoded
  }

  #errorAttribute(error: string): Uint8Array {
    let encoded = this.#errors.get(error)
    if (encoded === undefined) {
      if (this.#errors.size >= TEXTS_MAX) this.#errors.clear()
      encoded = encodedText(this.#tag, 'error.type', error)
      this.#errors.set(error, encoded)
    }
    return encoded
  }

  #find(byte: number, start: number, end: number): number {
    const bytes = this.#bytes
    for (let p = start; p < end; p++) if (bytes[p] === byte) return p
    return -1
  }

  #decoded(start: number, end: number): string {
    return Buffer.from(this.#bytes.buffer, this.#bytes.byteOffset + start, end - start).toString('utf8')
  }
}

function isUdp(logType: number): boolean {
  return logType === LogType.udpTunnelUpstreamConnected || logType === LogType.udpPeriodic || logType === LogType.udpSessionEnd
}
