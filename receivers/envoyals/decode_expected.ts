import { decodeCustomTag, decodeFilterState } from './decode_maps.ts'
import { decodeAddress, decodeFlags, decodeTls } from './decode_parts.ts'
import { type DecodeState, Field } from './decode_state.ts'

/**
 * The way that the entries of a real Envoy take: fields in ascending order, each in its shortest form, most of them
 * there. One branch per field, each at a place of its own, is what a processor predicts; the general loop with its
 * switch mispredicts at almost every field (bench/als_decode.ts).
 *
 * These functions decode fields as long as they come as expected and return where they stopped, which is where the
 * general loop goes on: at a field out of order, of a longer form, or unknown. They return -1 when a field is malformed.
 * Whatever they do, the loop would do the same.
 */

/** Lengths up to 127 take one byte; `end - 2` and `end - 3` leave room to look at a tag, a length and one byte more. */
const ONE_BYTE = 128

/** `AccessLogCommon`, fields 2 to 15. Fields 6 to 11 and 14 have no columns. */
export function expectedCommon(s: DecodeState, start: number, end: number): number {
  const { bytes: b, logs, row } = s
  const last = end - 2
  let p = start
  let next = 0
  if (p < last && b[p] === 18 && (next = p + 2 + (b[p + 1] as number)) <= end && next - p - 2 < ONE_BYTE) {
    if (!decodeAddress(s, p + 2, next, logs.downstreamRemote, logs.downstreamRemotePort, logs.downstreamRemoteKind)) return -1
    p = next
  }
  if (p < last && b[p] === 26 && (next = p + 2 + (b[p + 1] as number)) <= end && next - p - 2 < ONE_BYTE) {
    if (!decodeAddress(s, p + 2, next, logs.downstreamLocal, logs.downstreamLocalPort, logs.downstreamLocalKind)) return -1
    p = next
  }
  if (p < last && b[p] === 34) {
    next = payloadEnd(b, p + 1, end)
    if (next > end) return p
    if (!decodeTls(s, payloadAt(b, p + 1), next)) return -1
    p = next
  }
  if (p < last && b[p] === 42 && (next = p + 2 + (b[p + 1] as number)) <= end && next - p - 2 < ONE_BYTE) {
    if (!startTime(s, p + 2, next)) return p
    p = next
  }
  // 6 to 11: times without a column.
  for (let tag = 50; tag <= 90; tag += 8) if (p < last && b[p] === tag && (next = p + 2 + (b[p + 1] as number)) <= end && next - p - 2 < ONE_BYTE) p = next
  if (p < last && b[p] === 98 && (next = nanos(s, p, end, logs.lastDownstreamTx)) > 0) p = next
  if (p < last && b[p] === 106 && (next = p + 2 + (b[p + 1] as number)) <= end && next - p - 2 < ONE_BYTE) {
    if (!decodeAddress(s, p + 2, next, logs.upstreamRemote, logs.upstreamRemotePort, logs.upstreamRemoteKind)) return -1
    p = next
  }
  if (p < last && b[p] === 114 && (next = p + 2 + (b[p + 1] as number)) <= end && next - p - 2 < ONE_BYTE) p = next
  if (p < last && b[p] === 122 && (next = p + 2 + (b[p + 1] as number)) <= end && next - p - 2 < ONE_BYTE) {
    logs.upstreamCluster[row] = s.intern(Field.upstreamCluster, p + 2, next)
    p = next
  }
  return expectedCommonFrom16(s, p, end)
}

/** `AccessLogCommon` from field 16 on, where tags take two bytes. */
function expectedCommonFrom16(s: DecodeState, start: number, end: number): number {
  const { bytes: b, logs, row } = s
  const last = end - 3
  let p = start
  let next = 0
  if (p < last && b[p] === 130 && b[p + 1] === 1 && (next = p + 3 + (b[p + 2] as number)) <= end && next - p - 3 < ONE_BYTE) {
    if (next > p + 3 && !decodeFlags(s, p + 3, next)) return -1
    p = next
  }
  if (p < last && b[p] === 154 && b[p + 1] === 1 && (next = p + 3 + (b[p + 2] as number)) <= end && next - p - 3 < ONE_BYTE) {
    logs.routeName[row] = s.intern(Field.routeName, p + 3, next)
    p = next
  }
  if (p < last && b[p] === 162 && b[p + 1] === 1 && (next = p + 3 + (b[p + 2] as number)) <= end && next - p - 3 < ONE_BYTE) {
    if (!decodeAddress(s, p + 3, next, logs.directRemote, logs.directRemotePort, logs.directRemoteKind)) return -1
    p = next
  }
  // 21 filter_state_objects, then 22 custom_tags.
  while (p < last && (b[p] === 170 || b[p] === 178) && b[p + 1] === 1) {
    next = payloadEnd(b, p + 2, end)
    if (next > end) return p
    const at = payloadAt(b, p + 2)
    if (!(b[p] === 170 ? decodeFilterState(s, at, next) : decodeCustomTag(s, at, next))) return -1
    p = next
  }
  if (p < last && b[p] === 186 && b[p + 1] === 1 && (next = nanos(s, p + 1, end, logs.duration)) > 0) p = next
  return expectedCommonFrom24(s, p, end)
}

/** `AccessLogCommon` from field 24 on. Fields 31 and 32 have no columns. */
function expectedCommonFrom24(s: DecodeState, start: number, end: number): number {
  const { bytes: b, logs, row } = s
  const last = end - 3
  let p = start
  let next = 0
  if (p < last && b[p] === 192 && b[p + 1] === 1 && (b[p + 2] as number) < 128) {
    logs.attempts[row] = b[p + 2] as number
    p += 3
  }
  if (p < last && b[p] === 210 && b[p + 1] === 1 && (next = p + 3 + (b[p + 2] as number)) <= end && next - p - 3 < ONE_BYTE) {
    logs.streamIdAt[row] = p + 3
    logs.streamIdLength[row] = next - p - 3
    p = next
  }
  if (p < last && b[p] === 232 && b[p + 1] === 1 && (next = small(s, p + 2, end, logs.downstreamWireSent)) > 0) p = next
  if (p < last && b[p] === 240 && b[p + 1] === 1 && (next = small(s, p + 2, end, logs.downstreamWireReceived)) > 0) p = next
  return p
}

/** `HTTPRequestProperties`, fields 1 to 12. Fields 6 to 8 have no columns. */
export function expectedRequest(s: DecodeState, start: number, end: number): number {
  const { bytes: b, logs, row } = s
  const last = end - 2
  let p = start
  let next = 0
  if (p < last && b[p] === 8 && (b[p + 1] as number) < 128) {
    logs.method[row] = b[p + 1] as number
    p += 2
  }
  if (p < last && b[p] === 18 && (next = p + 2 + (b[p + 1] as number)) <= end && next - p - 2 < ONE_BYTE) {
    logs.scheme[row] = s.intern(Field.scheme, p + 2, next)
    p = next
  }
  if (p < last && b[p] === 26 && (next = p + 2 + (b[p + 1] as number)) <= end && next - p - 2 < ONE_BYTE) {
    logs.authority[row] = s.intern(Field.authority, p + 2, next)
    p = next
  }
  if (p < last && b[p] === 42 && (next = p + 2 + (b[p + 1] as number)) <= end && next - p - 2 < ONE_BYTE) {
    logs.pathAt[row] = p + 2
    logs.pathLength[row] = next - p - 2
    p = next
  }
  for (let tag = 50; tag <= 66; tag += 8) if (p < last && b[p] === tag && (next = p + 2 + (b[p + 1] as number)) <= end && next - p - 2 < ONE_BYTE) p = next
  if (p < last && b[p] === 74 && (next = p + 2 + (b[p + 1] as number)) <= end && next - p - 2 < ONE_BYTE) {
    logs.requestIdAt[row] = p + 2
    logs.requestIdLength[row] = next - p - 2
    p = next
  }
  if (p < last && b[p] === 88 && (next = small(s, p + 1, end, logs.requestHeaderBytes)) > 0) p = next
  if (p < last && b[p] === 96 && (next = small(s, p + 1, end, logs.requestBodyBytes)) > 0) p = next
  return p
}

/** `HTTPResponseProperties`, fields 1 to 3. */
export function expectedResponse(s: DecodeState, start: number, end: number): number {
  const { bytes: b, logs, row } = s
  const last = end - 4
  let p = start
  let next = 0
  // UInt32Value with a code from 128 to 16383.
  if (p < last && b[p] === 10 && b[p + 1] === 3 && b[p + 2] === 8 && (b[p + 3] as number) > 127 && (b[p + 4] as number) < 128) {
    logs.responseCode[row] = ((b[p + 3] as number) & 127) | ((b[p + 4] as number) << 7)
    p += 5
  }
  if (p < last && b[p] === 16 && (next = small(s, p + 1, end, logs.responseHeaderBytes)) > 0) p = next
  if (p < last && b[p] === 24 && (next = small(s, p + 1, end, logs.responseBodyBytes)) > 0) p = next
  return p
}

/** Where the payload whose length of one or two bytes stands at `at` begins. */
function payloadAt(b: Uint8Array, at: number): number {
  return (b[at] as number) < 128 ? at + 1 : at + 2
}

/** Where that payload ends; beyond `end` when it does not end before, or its length takes more than two bytes. */
function payloadEnd(b: Uint8Array, at: number, end: number): number {
  const first = b[at] as number
  if (first < 128) return at + 1 + first
  const second = at + 1 < end ? (b[at + 1] as number) : 128
  return second < 128 ? at + 2 + ((first & 127) | (second << 7)) : end + 1
}

/** By number of bytes of a varint: which bits of a word are its own, and which of them say that it goes on. */
const OWN = Int32Array.of(0, 0xff, 0xffff, 0xffffff, -1, -1)
const GOES_ON = Int32Array.of(0, 0, 0x80, 0x8080, 0x808080, 0x80808080)
const HIGH_BITS = 0x80808080 | 0

/** The payload bits of the varint bytes in a word, put together: 28 bits. */
function joined(word: number): number {
  return (word & 0x7f) | ((word >>> 1) & 0x3f80) | ((word >>> 2) & 0x1fc000) | ((word >>> 3) & 0xfe00000)
}

/**
 * A Duration below a second, which is nanoseconds alone, whose tag ends at `at`; without a loop. Returns the position
 * behind it, or 0 when it has another form or the column has a value to merge with.
 */
function nanos(s: DecodeState, at: number, end: number, column: Float64Array): number {
  const b = s.bytes
  const bytes = (b[at + 1] as number) - 1
  const from = at + 3
  if (bytes < 1 || bytes > 5 || from + bytes > end || b[at + 2] !== 16 || from + 4 > b.length || !Number.isNaN(column[s.row])) return 0
  const word = s.view.getInt32(from, true) & (OWN[bytes] as number)
  if ((word & HIGH_BITS) !== GOES_ON[bytes]) return 0
  let value = joined(word)
  if (bytes === 5) {
    const top = b[from + 4] as number
    if (top > 7) return 0
    value |= top << 28
  }
  column[s.row] = value
  return from + bytes
}

/** A varint of one to four bytes at `at` into `column`. Returns the position behind it, or 0 when it is longer. */
function small(s: DecodeState, at: number, end: number, column: Float64Array): number {
  if (at + 4 > end) return 0
  const word = s.view.getInt32(at, true)
  const stops = ~word & HIGH_BITS
  if (stops === 0) return 0
  const bytes = (32 - Math.clz32(stops & -stops)) >>> 3
  column[s.row] = joined(word & (OWN[bytes] as number))
  return at + bytes
}

/** A Timestamp with seconds of five bytes (1978 to 2106) and nanoseconds; false when it has another form. */
function startTime(s: DecodeState, at: number, end: number): boolean {
  const b = s.bytes
  if (end - at < 8 || b[at] !== 8 || b[at + 6] !== 16) return false
  const word = s.view.getInt32(at + 1, true)
  const top = b[at + 5] as number
  if ((word & HIGH_BITS) !== HIGH_BITS || top > 15) return false
  let fraction = 0
  let p = at + 7
  let byte = 128
  for (let shift = 0; byte > 127 && p < end && shift < 35; shift += 7) {
    byte = b[p++] as number
    fraction |= (byte & 127) << shift
  }
  if (p !== end || byte > 127 || (p - at === 12 && byte > 7)) return false
  s.logs.startSeconds[s.row] = joined(word) + top * 0x10000000
  s.logs.startNanos[s.row] = fraction
  return true
}
