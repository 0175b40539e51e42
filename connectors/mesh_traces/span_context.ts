import { type AccessLogs, type StreamOrigin, TraceForm } from '../../model/access_logs.ts'
import type { Edge, EdgeTable } from '../../model/edges.ts'
import { readTraceIds, traceFlags } from '../../model/trace_ids.ts'
import { readParentId } from './parent_id.ts'
import { IdHash } from './span_ids.ts'

/** `SpanKind` of OTLP. */
export const Kind = { server: 2, client: 3 } as const

/** Why there is no span, or that there is one. */
export const Found = { span: 0, noTraceContext: 1, notSampled: 2 } as const

/** Kinds of derived ids. */
const Role = { caller: 1, server: 2, waypoint: 3 } as const

/** What an edge says about the spans of its entries. */
interface EdgeSpans {
  readonly kind: number
  /** How the span's own id is derived. */
  readonly role: number
  /** True when the caller has a proxy that logs, so that its span is the parent. */
  readonly hasCallerProxy: boolean
  readonly callerNamespace: string
}

/**
 * The ids of the span of an entry. `use` a batch, then `read` its rows; what was read is valid until the next.
 *
 * Where the log tells the proxy's own span (custom tag `span_id`, or headers with `header_span: proxy`), that is the id, and the
 * parent is what the log tells of it, if anything. Where a header tells the caller's span, the id is derived from what
 * both sides of a call log alike: trace, caller's span, request id, method, host, path and the caller's namespace.
 * So the server's proxy knows the id of the client's proxy's span, and names it as parent.
 */
export class SpanContext {
  /** Trace id (16), span id (8) and parent's span id (8). */
  readonly ids = new Uint8Array(32)
  hasParent = false
  /** The W3C trace flags. */
  flags = 0
  kind: number = Kind.server
  readonly #headerIsProxy: boolean
  readonly #keepsUnsampled: boolean
  readonly #hash = new IdHash()
  readonly #logged = new Uint8Array(24)
  #edges: EdgeTable | undefined
  #epoch = -1
  #known: EdgeSpans[] = []
  readonly #nodes = new WeakMap<StreamOrigin, string>()

  constructor(options: { readonly headerIsProxy: boolean; readonly keepsUnsampled: boolean }) {
    this.#headerIsProxy = options.headerIsProxy
    this.#keepsUnsampled = options.keepsUnsampled
  }

  /** Reads row `i`; one of `Found`. */
  read(logs: AccessLogs, i: number): number {
    if (!readTraceIds(logs, i, this.#logged)) return Found.noTraceContext
    const flags = traceFlags(logs, i)
    if (flags >= 0 && (flags & 1) === 0 && !this.#keepsUnsampled) return Found.notSampled
    // Without a word about it, the context is there because somebody records.
    this.flags = flags < 0 ? 1 : flags
    const edge = this.#edge(logs, i)
    this.kind = edge.kind
    this.ids.set(this.#logged.subarray(0, 16))
    const isOwn = (logs.traceForm[i] === TraceForm.tag || this.#headerIsProxy) && isSet(this.#logged)
    if (isOwn) {
      this.ids.set(this.#logged.subarray(16), 16)
      this.hasParent = readParentId(logs, i, this.ids, 24)
    } else this.#derive(logs, i, edge)
    return Found.span
  }

  #derive(logs: AccessLogs, i: number, edge: EdgeSpans): void {
    const { ids } = this
    this.#caller(logs, i, edge).write(ids, 16)
    // The parent of a caller's proxy is what it logged; of a server's proxy the caller's proxy, if there is one.
    this.hasParent = isSet(this.#logged)
    ids.set(this.#logged.subarray(16), 24)
    if (edge.role === Role.caller) return
    if (edge.hasCallerProxy) {
      ids.copyWithin(24, 16, 24)
      this.hasParent = true
    }
    const hash = this.#hash.reset(edge.role).bytes(ids, 0, 24).text(this.#node(logs.origin))
    hash
      .number(logs.startSeconds[i] as number)
      .number(logs.startNanos[i] as number)
      .number(logs.directRemotePort[i] as number)
    hash.write(ids, 16)
  }

  /** The id of the span of the caller's proxy, from what both sides know. */
  #caller(logs: AccessLogs, i: number, edge: EdgeSpans): IdHash {
    const { message } = logs
    const requestAt = logs.requestIdAt[i] as number
    const pathAt = logs.pathAt[i] as number
    const authority = logs.strings.bytes(logs.authority[i] as number)
    return this.#hash
      .reset(Role.caller)
      .bytes(this.#logged, 0, 24)
      .bytes(message, requestAt, requestAt + (logs.requestIdLength[i] as number))
      .bytes(message, pathAt, pathAt + (logs.pathLength[i] as number))
      .bytes(authority, 0, authority.length)
      .number(logs.method[i] as number)
      .text(edge.callerNamespace)
  }

  #node(origin: StreamOrigin): string {
    let node = this.#nodes.get(origin)
    if (node === undefined) {
      node = origin.nodeId || origin.peer
      this.#nodes.set(origin, node)
    }
    return node
  }

  #edge(logs: AccessLogs, i: number): EdgeSpans {
    const { edges } = logs
    if (edges === undefined) return UNKNOWN
    if (edges !== this.#edges || edges.epoch !== this.#epoch) {
      this.#edges = edges
      this.#epoch = edges.epoch
      this.#known = []
    }
    const index = logs.edge[i] as number
    return (this.#known[index] ??= spansOf(edges.get(index)))
  }
}

const UNKNOWN: EdgeSpans = { kind: Kind.server, role: Role.server, hasCallerProxy: false, callerNamespace: '' }

/**
 * A gateway's only entry is of the request that it serves, so it is a server, although it is the caller of the next proxy, too: its id
 * is one that this one can derive.
 */
function spansOf(edge: Edge): EdgeSpans {
  const { source } = edge
  const isCaller = edge.role === 'router' || edge.reporter === 'source' || (edge.reporter === 'unknown' && edge.direction === 'outbound')
  return {
    kind: isCaller && edge.role !== 'router' ? Kind.client : Kind.server,
    role: isCaller ? Role.caller : edge.reporter === 'waypoint' ? Role.waypoint : Role.server,
    hasCallerProxy: source.namespace !== '' && hasProxy(edge),
    callerNamespace: source.namespace,
  }
}

/** Metadata exchange takes an Envoy on the other side; a certificate alone may also be a ztunnel's, which logs nothing. */
function hasProxy({ source, reporter }: Edge): boolean {
  if (source.evidence === 'peer_struct' || source.evidence === 'peer_flatbuffer') return true
  return source.evidence === 'certificate' && reporter !== 'waypoint'
}

function isSet(logged: Uint8Array): boolean {
  for (let n = 16; n < 24; n++) if (logged[n] !== 0) return true
  return false
}
