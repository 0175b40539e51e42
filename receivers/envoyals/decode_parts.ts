import { shortVarint, skipValue, varintEnd, varintIsSet, varintLow, varintSigned } from '../../lib/protobuf/wire.ts'
import { AddressKind } from '../../model/access_logs.ts'
import { type DecodeState, enumByte, saturate } from './decode_state.ts'

/** The small messages inside AccessLogCommon. Field numbers: envoy.config.core.v3.Address, google.protobuf, TLSProperties, ResponseFlags. */

/** `core.Address` into three columns; of several members of its oneof the last wins. False when malformed. */
export function decodeAddress(s: DecodeState, start: number, end: number, text: Int32Array, port: Int32Array, kind: Uint8Array): boolean {
  const b = s.bytes
  const row = s.row
  for (let p = start; p < end; ) {
    const tag = shortVarint(b, p, end)
    if (tag < 0) return false
    p = varintEnd(b, p, end)
    const next = skipValue(b, p, end, tag)
    if (next < 0) return false
    if (tag === 10 || tag === 18 || tag === 26) {
      const member = tag >>> 3
      if (kind[row] !== member) {
        kind[row] = member
        text[row] = 0
        port[row] = 0
      }
      const at = varintEnd(b, p, end)
      if (!(member === AddressKind.socket ? socketAddress(s, at, next, text, port) : namedAddress(s, at, next, member, text))) return false
    }
    p = next
  }
  return true
}

/** `core.SocketAddress`: 2 address, 3 port_value or 4 named_port. */
function socketAddress(s: DecodeState, start: number, end: number, text: Int32Array, port: Int32Array): boolean {
  const b = s.bytes
  for (let p = start; p < end; ) {
    const tag = shortVarint(b, p, end)
    if (tag < 0) return false
    p = varintEnd(b, p, end)
    const next = skipValue(b, p, end, tag)
    if (next < 0) return false
    if (tag === 18) text[s.row] = s.intern(varintEnd(b, p, end), next)
    else if (tag === 24) port[s.row] = saturate(varintLow(b, p))
    else if (tag === 34) port[s.row] = 0
    p = next
  }
  return true
}

/** `core.Pipe` (1 path) and `core.EnvoyInternalAddress` (2 endpoint_id). */
function namedAddress(s: DecodeState, start: number, end: number, member: number, text: Int32Array): boolean {
  const b = s.bytes
  const wanted = member === AddressKind.pipe ? 10 : 18
  for (let p = start; p < end; ) {
    const tag = shortVarint(b, p, end)
    if (tag < 0) return false
    p = varintEnd(b, p, end)
    const next = skipValue(b, p, end, tag)
    if (next < 0) return false
    if (tag === wanted) text[s.row] = s.intern(varintEnd(b, p, end), next)
    p = next
  }
  return true
}

/** A `google.protobuf.Duration` in nanoseconds, merged into what the column holds (NaN = nothing); false when malformed. */
export function decodeDuration(s: DecodeState, start: number, end: number, column: Float64Array): boolean {
  const b = s.bytes
  const before = column[s.row] as number
  let seconds = Number.isNaN(before) ? 0 : Math.trunc(before / 1e9)
  let nanos = Number.isNaN(before) ? 0 : before - seconds * 1e9
  for (let p = start; p < end; ) {
    const tag = shortVarint(b, p, end)
    if (tag < 0) return false
    p = varintEnd(b, p, end)
    const next = skipValue(b, p, end, tag)
    if (next < 0) return false
    if (tag === 8) seconds = varintSigned(b, p)
    else if (tag === 16) nanos = varintLow(b, p) | 0
    p = next
  }
  column[s.row] = seconds * 1e9 + nanos
  return true
}

/** `google.protobuf.Timestamp` into the columns of the start time; false when malformed. */
export function decodeStartTime(s: DecodeState, start: number, end: number): boolean {
  const b = s.bytes
  for (let p = start; p < end; ) {
    const tag = shortVarint(b, p, end)
    if (tag < 0) return false
    p = varintEnd(b, p, end)
    const next = skipValue(b, p, end, tag)
    if (next < 0) return false
    if (tag === 8) s.logs.startSeconds[s.row] = varintSigned(b, p)
    else if (tag === 16) s.logs.startNanos[s.row] = varintLow(b, p) | 0
    p = next
  }
  return true
}

/** Highest field of `ResponseFlags` that has a bit. */
const FLAG_MAX = 28
const UNAUTHORIZED_DETAILS = 13

/** `ResponseFlags` into the column of flags; false when malformed. */
export function decodeFlags(s: DecodeState, start: number, end: number): boolean {
  const b = s.bytes
  let flags = s.logs.flags[s.row] as number
  for (let p = start; p < end; ) {
    const tag = shortVarint(b, p, end)
    if (tag < 0) return false
    p = varintEnd(b, p, end)
    const next = skipValue(b, p, end, tag)
    if (next < 0) return false
    const field = tag >>> 3
    const bit = 1 << (field - 1)
    if ((tag & 7) === 0 && field <= FLAG_MAX && field !== UNAUTHORIZED_DETAILS) {
      if (varintIsSet(b, p)) flags |= bit
      else flags &= ~bit
    } else if (field === UNAUTHORIZED_DETAILS && (tag & 7) === 2) flags |= bit
    p = next
  }
  s.logs.flags[s.row] = flags
  return true
}

/** `TLSProperties`: 1 tls_version, 3 tls_sni_hostname, 4 local and 5 peer certificate; false when malformed. */
export function decodeTls(s: DecodeState, start: number, end: number): boolean {
  const b = s.bytes
  const logs = s.logs
  for (let p = start; p < end; ) {
    const tag = shortVarint(b, p, end)
    if (tag < 0) return false
    p = varintEnd(b, p, end)
    const next = skipValue(b, p, end, tag)
    if (next < 0) return false
    if (tag === 8) logs.tlsVersion[s.row] = enumByte(varintLow(b, p))
    else if (tag === 26) logs.sni[s.row] = s.intern(varintEnd(b, p, end), next)
    else if (tag === 34 && !certificate(s, varintEnd(b, p, end), next, logs.localSan, 1)) return false
    else if (tag === 42 && !certificate(s, varintEnd(b, p, end), next, logs.peerSan, 2)) return false
    p = next
  }
  return true
}

/** `CertificateProperties`: 1 subject_alt_name {1 uri, 2 dns}, 2 subject. The first URI goes into `san`. */
function certificate(s: DecodeState, start: number, end: number, san: Int32Array, bit: number): boolean {
  const b = s.bytes
  for (let p = start; p < end; ) {
    const tag = shortVarint(b, p, end)
    if (tag < 0) return false
    p = varintEnd(b, p, end)
    const next = skipValue(b, p, end, tag)
    if (next < 0) return false
    if (tag === 10) {
      if (!subjectAltName(s, varintEnd(b, p, end), next, san, bit)) return false
    } else if (tag === 18 && next > varintEnd(b, p, end)) s.logs.certificates[s.row] = (s.logs.certificates[s.row] as number) | bit
    p = next
  }
  return true
}

function subjectAltName(s: DecodeState, start: number, end: number, san: Int32Array, bit: number): boolean {
  const b = s.bytes
  let uri = 0
  let isNamed = false
  for (let p = start; p < end; ) {
    const tag = shortVarint(b, p, end)
    if (tag < 0) return false
    p = varintEnd(b, p, end)
    const next = skipValue(b, p, end, tag)
    if (next < 0) return false
    if (tag === 10 || tag === 18) {
      const at = varintEnd(b, p, end)
      isNamed = next > at
      uri = tag === 10 ? s.intern(at, next) : 0
    }
    p = next
  }
  if (san[s.row] === 0) san[s.row] = uri
  if (isNamed) s.logs.certificates[s.row] = (s.logs.certificates[s.row] as number) | bit
  return true
}
