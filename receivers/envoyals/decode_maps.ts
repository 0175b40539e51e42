import { isUtf8 } from 'node:buffer'
import { shortVarint, skipValue, varintEnd, varintUnsigned } from '../../lib/protobuf/wire.ts'
import { TraceForm } from '../../model/access_logs.ts'
import type { DecodeState } from './decode_state.ts'
import { hasHighBit, isKeyAt, keyBytes } from './match.ts'

/** The maps of an entry: only the keys that have a column are looked at, by their bytes; no string is made. */

const UPSTREAM_PEER = keyBytes('upstream_peer')
const DOWNSTREAM_PEER = keyBytes('downstream_peer')
const UPSTREAM_PEER_OBJ = keyBytes('upstream_peer_obj')
const DOWNSTREAM_PEER_OBJ = keyBytes('downstream_peer_obj')
const WASM_UPSTREAM_PEER = keyBytes('wasm.upstream_peer')
const WASM_DOWNSTREAM_PEER = keyBytes('wasm.downstream_peer')
const PEER_PRINCIPAL = keyBytes('io.istio.peer_principal')
const LOCAL_PRINCIPAL = keyBytes('io.istio.local_principal')
const GRPC_STATS = keyBytes('envoy.filters.http.grpc_stats')

/** One entry of `filter_state_objects`; false when malformed. Istio's keys in order of preference: peer, peer_obj, wasm.peer. */
export function decodeFilterState(s: DecodeState, start: number, end: number): boolean {
  if (!s.readMapEntry(start, end)) return false
  const b = s.bytes
  const at = s.keyAt
  switch (s.keyEnd - at) {
    case 13:
      if (isKeyAt(b, s.view, at, UPSTREAM_PEER)) upstreamPeer(s, 3)
      break
    case 17:
      if (isKeyAt(b, s.view, at, UPSTREAM_PEER_OBJ)) upstreamPeer(s, 2)
      break
    case 18:
      if (isKeyAt(b, s.view, at, WASM_UPSTREAM_PEER)) upstreamPeer(s, 1)
      break
    case 15:
      if (isKeyAt(b, s.view, at, DOWNSTREAM_PEER)) downstreamPeer(s, 3)
      break
    case 19:
      if (isKeyAt(b, s.view, at, DOWNSTREAM_PEER_OBJ)) downstreamPeer(s, 2)
      break
    case 20:
      if (isKeyAt(b, s.view, at, WASM_DOWNSTREAM_PEER)) downstreamPeer(s, 1)
      break
    case 23:
      if (isKeyAt(b, s.view, at, PEER_PRINCIPAL)) s.logs.peerPrincipal[s.row] = s.intern(s.valueAt, s.valueEnd)
      break
    case 24:
      if (isKeyAt(b, s.view, at, LOCAL_PRINCIPAL)) s.logs.localPrincipal[s.row] = s.intern(s.valueAt, s.valueEnd)
      break
    case 29:
      if (isKeyAt(b, s.view, at, GRPC_STATS)) return grpcStats(s, s.valueAt, s.valueEnd)
      break
    default:
  }
  return true
}

function upstreamPeer(s: DecodeState, rank: number): void {
  if (rank < s.upstreamPeerRank || s.valueAt === s.valueEnd) return
  s.upstreamPeerRank = rank
  s.logs.upstreamPeer[s.row] = s.intern(s.valueAt, s.valueEnd)
}

function downstreamPeer(s: DecodeState, rank: number): void {
  if (rank < s.downstreamPeerRank || s.valueAt === s.valueEnd) return
  s.downstreamPeerRank = rank
  s.logs.downstreamPeer[s.row] = s.intern(s.valueAt, s.valueEnd)
}

/** Any{2 value: grpc_stats FilterObject{1 request_message_count, 2 response_message_count}}; false when the Any is malformed. */
function grpcStats(s: DecodeState, start: number, end: number): boolean {
  const b = s.bytes
  s.logs.isGrpc[s.row] = 1
  s.logs.grpcRequestMessages[s.row] = 0
  s.logs.grpcResponseMessages[s.row] = 0
  for (let p = start; p < end; ) {
    const tag = shortVarint(b, p, end)
    if (tag < 0) return false
    p = varintEnd(b, p, end)
    const next = skipValue(b, p, end, tag)
    if (next < 0) return false
    if (tag === 18) messageCounts(s, varintEnd(b, p, end), next)
    p = next
  }
  return true
}

/** Ends where the message is malformed: an Any's content is no reason to lose an entry. */
function messageCounts(s: DecodeState, start: number, end: number): void {
  const b = s.bytes
  s.logs.grpcRequestMessages[s.row] = 0
  s.logs.grpcResponseMessages[s.row] = 0
  for (let p = start; p < end; ) {
    const tag = shortVarint(b, p, end)
    if (tag < 0) return
    p = varintEnd(b, p, end)
    const next = skipValue(b, p, end, tag)
    if (next < 0) return
    if (tag === 8) s.logs.grpcRequestMessages[s.row] = varintUnsigned(b, p)
    else if (tag === 16) s.logs.grpcResponseMessages[s.row] = varintUnsigned(b, p)
    p = next
  }
}

const TAG_UPSTREAM_CLUSTER = keyBytes('upstream_cluster')
const TAG_UPSTREAM_PRINCIPAL = keyBytes('upstream_principal')
const TAG_TRACE_ID = keyBytes('trace_id')
const TAG_SPAN_ID = keyBytes('span_id')

/** One entry of `custom_tags`; false when malformed. Envoy copies header bytes into values as they are, UTF-8 or not. */
export function decodeCustomTag(s: DecodeState, start: number, end: number): boolean {
  if (!s.readMapEntry(start, end)) return false
  const b = s.bytes
  const at = s.keyAt
  if (hasHighBit(b, s.view, s.valueAt, s.valueEnd) && !isUtf8(b.subarray(s.valueAt, s.valueEnd))) s.invalidUtf8++
  switch (s.keyEnd - at) {
    case 7:
      if (isKeyAt(b, s.view, at, TAG_SPAN_ID)) spanId(s, 2)
      break
    case 8:
      if (isKeyAt(b, s.view, at, TAG_TRACE_ID)) traceId(s, TraceForm.tag, 4)
      break
    case 16:
      if (isKeyAt(b, s.view, at, TAG_UPSTREAM_CLUSTER)) s.logs.tagUpstreamCluster[s.row] = s.intern(s.valueAt, s.valueEnd)
      break
    case 18:
      if (isKeyAt(b, s.view, at, TAG_UPSTREAM_PRINCIPAL)) s.logs.tagUpstreamPrincipal[s.row] = s.intern(s.valueAt, s.valueEnd)
      break
    default:
  }
  return true
}

function traceId(s: DecodeState, form: number, rank: number): void {
  if (rank < s.traceRank || s.valueAt === s.valueEnd) return
  s.traceRank = rank
  s.logs.traceForm[s.row] = form
  s.logs.traceAt[s.row] = s.valueAt
  s.logs.traceLength[s.row] = s.valueEnd - s.valueAt
}

function spanId(s: DecodeState, rank: number): void {
  if (rank < s.spanRank || s.valueAt === s.valueEnd) return
  s.spanRank = rank
  s.logs.spanAt[s.row] = s.valueAt
  s.logs.spanLength[s.row] = s.valueEnd - s.valueAt
}

const CONTENT_TYPE = keyBytes('content-type')
const GRPC_TYPE = keyBytes('application/grpc')
const TRACEPARENT = keyBytes('traceparent')
const B3_TRACE_ID = keyBytes('x-b3-traceid')
const B3_SPAN_ID = keyBytes('x-b3-spanid')
const B3 = keyBytes('b3')

/** One entry of `request_headers`; false when malformed. Envoy logs header names in lower case. */
export function decodeRequestHeader(s: DecodeState, start: number, end: number): boolean {
  if (!s.readMapEntry(start, end)) return false
  const b = s.bytes
  const at = s.keyAt
  switch (s.keyEnd - at) {
    case 2:
      if (isKeyAt(b, s.view, at, B3)) traceId(s, TraceForm.b3, 2)
      break
    case 11:
      if (isKeyAt(b, s.view, at, TRACEPARENT)) traceId(s, TraceForm.traceparent, 3)
      else if (isKeyAt(b, s.view, at, B3_SPAN_ID)) spanId(s, 1)
      break
    case 12:
      if (isKeyAt(b, s.view, at, CONTENT_TYPE)) {
        if (s.valueEnd - s.valueAt >= GRPC_TYPE.bytes.length && isKeyAt(b, s.view, s.valueAt, GRPC_TYPE)) s.logs.isGrpc[s.row] = 1
      } else if (isKeyAt(b, s.view, at, B3_TRACE_ID)) traceId(s, TraceForm.b3, 1)
      break
    default:
  }
  return true
}

const GRPC_STATUS = keyBytes('grpc-status')

/** One entry of `response_trailers` (rank 2) or `response_headers` (rank 1); false when malformed. */
export function decodeResponseHeader(s: DecodeState, start: number, end: number, rank: number): boolean {
  if (!s.readMapEntry(start, end)) return false
  if (rank < s.grpcStatusRank || s.keyEnd - s.keyAt !== GRPC_STATUS.bytes.length || !isKeyAt(s.bytes, s.view, s.keyAt, GRPC_STATUS)) return true
  s.grpcStatusRank = rank
  s.logs.grpcStatus[s.row] = smallNumber(s.bytes, s.valueAt, s.valueEnd)
  return true
}

/** The number written in up to four decimal digits; -1 for anything else. */
function smallNumber(b: Uint8Array, start: number, end: number): number {
  if (end === start || end - start > 4) return -1
  let value = 0
  for (let p = start; p < end; p++) {
    const digit = (b[p] as number) - 48
    if (digit < 0 || digit > 9) return -1
    value = value * 10 + digit
  }
  return value
}
