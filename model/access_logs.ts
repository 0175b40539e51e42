import { type ByteInterner, writeShortText } from '../lib/intern.ts'
import type { Resource } from './attributes.ts'
import type { EdgeTable } from './edges.ts'

/** `AccessLogType` of envoy.data.accesslog.v3. */
export const LogType = {
  notSet: 0,
  tcpUpstreamConnected: 1,
  tcpPeriodic: 2,
  tcpConnectionEnd: 3,
  downstreamStart: 4,
  downstreamPeriodic: 5,
  downstreamEnd: 6,
  upstreamPoolReady: 7,
  upstreamPeriodic: 8,
  upstreamEnd: 9,
  downstreamTunnelEstablished: 10,
  udpTunnelUpstreamConnected: 11,
  udpPeriodic: 12,
  udpSessionEnd: 13,
  tcpConnectionStart: 14,
} as const

/** The names of `AccessLogType` in the protocol, by number. */
export const ACCESS_LOG_TYPE_NAMES: readonly string[] = [
  'NotSet',
  'TcpUpstreamConnected',
  'TcpPeriodic',
  'TcpConnectionEnd',
  'DownstreamStart',
  'DownstreamPeriodic',
  'DownstreamEnd',
  'UpstreamPoolReady',
  'UpstreamPeriodic',
  'UpstreamEnd',
  'DownstreamTunnelSuccessfullyEstablished',
  'UdpTunnelUpstreamConnected',
  'UdpPeriodic',
  'UdpSessionEnd',
  'TcpConnectionStart',
]

/** Which repeated field of `StreamAccessLogsMessage` an entry came from. */
export const EntryKind = { http: 1, tcp: 2 } as const

/** Which member of the `core.Address` oneof an address column holds. */
export const AddressKind = { none: 0, socket: 1, pipe: 2, internal: 3 } as const

/** How an entry takes part in counting; set by the `mesh` processor (spec: access_log_type, flags, cluster). */
export const EntryClass = {
  /** Not analysed: no mesh processor has seen the batch. */
  unknown: 0,
  /** The end of a request or connection: counts once. */
  final: 1,
  /** The start of a TCP connection or stream. */
  start: 2,
  /** Cumulative byte counters of a connection or stream that goes on. */
  periodic: 3,
  /** One upstream attempt (router `upstream_log`): never a request of its own. */
  attempt: 4,
  /** A second record of a connection that another log reports too (listener-level log). */
  duplicate: 5,
  /** Traffic of the mesh itself (xDS, agent, HBONE internals). */
  infrastructure: 6,
  /** A handshake that was refused: no connection was served. */
  refusedHandshake: 7,
} as const

/** Where the trace id of an entry was found; says how to read the bytes at `traceAt`. */
export const TraceForm = { none: 0, tag: 1, traceparent: 2, b3: 3 } as const

/**
 * What is known of the sender of a stream: the identifier of its first (or latest) message and the transport peer.
 * A new object replaces it when a later message carries another identifier, so its identity is a cache key.
 */
export interface StreamOrigin {
  /** Id that is unique in this thread; never reused. */
  readonly id: number
  /** Bytes of `envoy.config.core.v3.Node` without `extensions`; empty when the stream never identified itself. */
  readonly node: Uint8Array
  readonly nodeId: string
  readonly nodeCluster: string
  readonly logName: string
  /** `ip:port` of the gRPC connection, or `unix`. */
  readonly peer: string
  readonly apiVersion: 'v3' | 'v2'
}

/** Rows at first: the entries of a common message (16 KiB). All are cleared for every message, so more of them cost time. */
const CAPACITY = 32

/**
 * A cell of an address column that nobody has read yet may hold where the text of 1 to 127 bytes stands in the message:
 * `~(offset << ADDRESS_LENGTH_BITS | length)`, which is negative for offsets below 2^24.
 */
export const ADDRESS_LENGTH_BITS = 7
const ADDRESS_LENGTH_MAX = (1 << ADDRESS_LENGTH_BITS) - 1

/** Columns in which NaN means "absent". */
const NAN_COLUMNS = ['lastDownstreamTx', 'duration', 'downstreamWireSent', 'downstreamWireReceived'] as const

/** Wide columns in which -1 means "absent"; `grpcStatus` is the narrow one. */
const MINUS_ONE_COLUMNS = ['grpcRequestMessages', 'grpcResponseMessages'] as const

/**
 * The entries of one `StreamAccessLogsMessage`, in columns; row `i` of every column is entry `i`.
 *
 * The receiver owns the columns and reuses them for the next message: they are valid until `consume` returns. Columns
 * of the `Int32Array` type that are called "interned" hold ids of `strings`; 0 is the empty string and "absent".
 * Numbers that were not in the entry are 0 unless the column says otherwise. Everything that has no column can be read
 * from the entry's own bytes, `message[entryAt[i], entryEnd[i])`: see `readEntry` and `readTimes`.
 */
export class AccessLogs {
  readonly signal = 'logs'
  readonly strings: ByteInterner
  /** Number of rows. */
  length = 0
  origin!: StreamOrigin
  /** Milliseconds since the epoch when the message was received. */
  receivedMs = 0
  /** Filled by the `mesh` processor; see the `edge` column. */
  edges: EdgeTable | undefined
  /**
   * The entity that all rows are about, the proxy that sent them: set by processors that know it, such as
   * `k8s_attributes`, and reset by the receiver for every message. The object stays the same as long as its attributes
   * do, so its identity is a cache key. Undefined when no processor has seen the batch: see `proxyResource`.
   */
  resource: Resource | undefined
  capacity = CAPACITY

  entryAt = new Int32Array(CAPACITY)
  entryEnd = new Int32Array(CAPACITY)
  /** `EntryKind`. */
  kind = new Uint8Array(CAPACITY)
  /** `LogType`; values above 255 are stored as 255. */
  logType = new Uint8Array(CAPACITY)

  /** Bit `n - 1` is field `n` of `ResponseFlags`; `unauthorized_details` is set by presence. */
  flags = new Uint32Array(CAPACITY)
  /** 0 when there was none. */
  responseCode = new Int32Array(CAPACITY)
  /** `HTTPAccessLogEntry.HTTPVersion`. */
  protocolVersion = new Uint8Array(CAPACITY)
  /** `core.RequestMethod`. */
  method = new Uint8Array(CAPACITY)
  attempts = new Int32Array(CAPACITY)

  /** Interned. */
  upstreamCluster = new Int32Array(CAPACITY)
  /** Interned. */
  routeName = new Int32Array(CAPACITY)
  /** Interned. */
  authority = new Int32Array(CAPACITY)
  /** Interned. */
  scheme = new Int32Array(CAPACITY)
  /** Interned; not empty when the downstream TLS handshake failed. */
  downstreamFailure = new Int32Array(CAPACITY)
  /** Interned; `upstream_transport_failure_reason`. */
  upstreamFailure = new Int32Array(CAPACITY)

  /**
   * Address columns: the text (ip, pipe path or internal endpoint id), the port, and the `AddressKind`. Texts are interned
   * when they are first read: use `address`, not the cell.
   */
  downstreamRemote = new Int32Array(CAPACITY)
  downstreamRemotePort = new Int32Array(CAPACITY)
  downstreamRemoteKind = new Uint8Array(CAPACITY)
  downstreamLocal = new Int32Array(CAPACITY)
  downstreamLocalPort = new Int32Array(CAPACITY)
  downstreamLocalKind = new Uint8Array(CAPACITY)
  directRemote = new Int32Array(CAPACITY)
  directRemotePort = new Int32Array(CAPACITY)
  directRemoteKind = new Uint8Array(CAPACITY)
  upstreamRemote = new Int32Array(CAPACITY)
  upstreamRemotePort = new Int32Array(CAPACITY)
  upstreamRemoteKind = new Uint8Array(CAPACITY)

  /** Interned bytes of the `google.protobuf.Any` under the best of the known peer keys; 0 when none was logged. */
  upstreamPeer = new Int32Array(CAPACITY)
  downstreamPeer = new Int32Array(CAPACITY)
  /** Interned bytes of the Any under `io.istio.peer_principal` and `io.istio.local_principal`. */
  peerPrincipal = new Int32Array(CAPACITY)
  localPrincipal = new Int32Array(CAPACITY)

  /** Interned; first URI SAN of the downstream connection's certificates. */
  localSan = new Int32Array(CAPACITY)
  peerSan = new Int32Array(CAPACITY)
  /** Interned. */
  sni = new Int32Array(CAPACITY)
  /** `TLSProperties.TLSVersion`. */
  tlsVersion = new Uint8Array(CAPACITY)
  /** Bit 0: a local certificate with a subject or SAN; bit 1: a peer certificate with one. */
  certificates = new Uint8Array(CAPACITY)

  /** Interned custom tags `upstream_cluster` (`%UPSTREAM_CLUSTER%`) and `upstream_principal` (`%UPSTREAM_PEER_URI_SAN%`). */
  tagUpstreamCluster = new Int32Array(CAPACITY)
  tagUpstreamPrincipal = new Int32Array(CAPACITY)

  /** Whole seconds of `start_time` since the epoch, and the nanoseconds within that second. */
  startSeconds = new Float64Array(CAPACITY)
  startNanos = new Int32Array(CAPACITY)
  /** Nanoseconds since `start_time`; NaN when absent. The other times of an entry: `readTimes`. */
  lastDownstreamTx = new Float64Array(CAPACITY)
  duration = new Float64Array(CAPACITY)

  requestHeaderBytes = new Float64Array(CAPACITY)
  requestBodyBytes = new Float64Array(CAPACITY)
  responseHeaderBytes = new Float64Array(CAPACITY)
  responseBodyBytes = new Float64Array(CAPACITY)
  /** Wire bytes; NaN when absent (Envoy omits 0). */
  downstreamWireSent = new Float64Array(CAPACITY)
  downstreamWireReceived = new Float64Array(CAPACITY)
  /** TCP `connection_properties`. */
  tcpReceived = new Float64Array(CAPACITY)
  tcpSent = new Float64Array(CAPACITY)

  /** 1 when a logged request content-type begins with `application/grpc`, or grpc_stats filter state is present. */
  isGrpc = new Uint8Array(CAPACITY)
  /** From trailers, else from headers (trailers-only); -1 when absent or not a number. */
  grpcStatus = new Int16Array(CAPACITY)
  /** From grpc_stats filter state; -1 when it was not logged. */
  grpcRequestMessages = new Float64Array(CAPACITY)
  grpcResponseMessages = new Float64Array(CAPACITY)

  /** Offset and length in `message` of `stream_id`, `request_id` and the path; length 0 when absent. */
  streamIdAt = new Int32Array(CAPACITY)
  streamIdLength = new Int32Array(CAPACITY)
  requestIdAt = new Int32Array(CAPACITY)
  requestIdLength = new Int32Array(CAPACITY)
  pathAt = new Int32Array(CAPACITY)
  pathLength = new Int32Array(CAPACITY)
  /** Offset in `message` of the value that carries the trace id, its length and its `TraceForm`. */
  traceAt = new Int32Array(CAPACITY)
  traceLength = new Int32Array(CAPACITY)
  traceForm = new Uint8Array(CAPACITY)
  /** Offset and length of a span id that was logged apart from the trace id (custom tag `span_id`, `x-b3-spanid`). */
  spanAt = new Int32Array(CAPACITY)
  spanLength = new Int32Array(CAPACITY)

  /** `EntryClass`, set by the `mesh` processor. */
  entryClass = new Uint8Array(CAPACITY)
  /** Index into `edges`, set by the `mesh` processor; 0 is the edge of which nothing is known. */
  edge = new Int32Array(CAPACITY)

  #memory!: { readonly bytes: Uint8Array; readonly columns: readonly Int32Array[] }
  /** What `bytes` are when there are no rows; made when it is first needed. */
  #cleared: Uint8Array | undefined

  #message: Uint8Array = new Uint8Array(0)
  #view: DataView | undefined

  /** The columns lie in `place`, in multiples of eight bytes, until they grow; else in memory of their own. */
  constructor(strings: ByteInterner, place?: { readonly buffer: ArrayBuffer; readonly at: number }) {
    this.strings = strings
    this.#layOut(CAPACITY, place)
    this.clear()
  }

  /** Makes room for at least `rows` rows, keeping what is there. */
  grow(rows: number): void {
    let capacity = this.capacity
    while (capacity < rows) capacity *= 2
    if (capacity === this.capacity) return
    const held = this.capacity
    this.#layOut(capacity)
    this.#clearFrom(held)
  }

  /** Removes all rows and sets every cell to what "absent" means in its column. */
  clear(): void {
    this.length = 0
    const { bytes } = this.#memory
    if (this.#cleared === undefined) {
      bytes.fill(0)
      this.#clearFrom(0)
      this.#cleared = bytes.slice()
    } else bytes.set(this.#cleared)
  }

  /** Sets every cell of one row to what "absent" means in its column. */
  clearRow(i: number): void {
    for (const column of this.#memory.columns) column[i] = 0
    for (const name of NAN_COLUMNS) this[name][i] = Number.NaN
    for (const name of MINUS_ONE_COLUMNS) this[name][i] = -1
    this.grpcStatus[i] = -1
  }

  #clearFrom(row: number): void {
    for (const name of NAN_COLUMNS) this[name].fill(Number.NaN, row)
    for (const name of MINUS_ONE_COLUMNS) this[name].fill(-1, row)
    this.grpcStatus.fill(-1, row)
  }

  /** Moves all columns into one block of memory: clearing seventy columns one by one would cost a tenth of the decoding. */
  #layOut(capacity: number, place?: { readonly buffer: ArrayBuffer; readonly at: number }): void {
    const columns = this as unknown as Record<string, Int32Array>
    const names = Object.keys(columns).filter((name) => ArrayBuffer.isView(columns[name]))
    // The widest first, so that each begins at a multiple of its width.
    names.sort((a, b) => (columns[b] as Int32Array).BYTES_PER_ELEMENT - (columns[a] as Int32Array).BYTES_PER_ELEMENT)
    let size = 0
    for (const name of names) size += (columns[name] as Int32Array).BYTES_PER_ELEMENT * capacity
    const buffer = place?.buffer ?? new ArrayBuffer(size)
    const start = place?.at ?? 0
    let at = start
    for (const name of names) {
      const old = columns[name] as Int32Array
      const column = new (old.constructor as new (buffer: ArrayBuffer, at: number, length: number) => Int32Array)(buffer, at, capacity)
      column.set(old)
      columns[name] = column
      at += column.byteLength
    }
    this.#memory = { bytes: new Uint8Array(buffer, start, size), columns: names.map((name) => columns[name] as Int32Array) }
    this.#cleared = undefined
    this.capacity = capacity
  }

  /** The message the rows were decoded from. */
  get message(): Uint8Array {
    return this.#message
  }

  set message(bytes: Uint8Array) {
    this.#message = bytes
    this.#view = undefined
  }

  /** The interned text of row `i` of an address column, such as `logs.address(logs.directRemote, i)`. */
  address(column: Int32Array, i: number): number {
    const cell = column[i] as number
    if (cell >= 0) return cell
    const at = ~cell >>> ADDRESS_LENGTH_BITS
    const bytes = this.#message
    this.#view ??= new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const id = this.strings.intern(bytes, this.#view, at, at + (~cell & ADDRESS_LENGTH_MAX))
    column[i] = id
    return id
  }

  /**
   * Writes `SHORT_TEXT_WORDS` words that stand for the text of row `i` of an address column and for no other in this epoch
   * of `strings`, from `to[at]` on. The last is 31 at most, and all are 0 when the column is empty. Short texts, which
   * are nearly all, need not be interned for that.
   */
  addressKey(column: Int32Array, i: number, to: Int32Array, at: number): void {
    const cell = column[i] as number
    if (cell >= 0) {
      this.strings.key(cell, to, at)
      return
    }
    const start = ~cell >>> ADDRESS_LENGTH_BITS
    const bytes = this.#message
    this.#view ??= new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    if (!writeShortText(this.#view, start, ~cell & ADDRESS_LENGTH_MAX, to, at)) this.strings.key(this.address(column, i), to, at)
  }

  /** Milliseconds since the epoch when row `i` began. */
  startMs(i: number): number {
    return (this.startSeconds[i] as number) * 1000 + Math.floor((this.startNanos[i] as number) / 1e6)
  }

  /** The text between two offsets of the message; for the few readers that need it. */
  textAt(at: number, length: number): string {
    return Buffer.from(this.message.buffer, this.message.byteOffset + at, length).toString('utf8')
  }
}
