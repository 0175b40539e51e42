import { ADDRESS_OFFSET_MAX, AddressKind, unreadAddress } from '../../model/access_logs.ts'
import { decodeCustomTag, decodeFilterState, decodeRequestHeader, decodeResponseHeader } from './decode_maps.ts'
import { decodeAddress, decodeFlags, decodeTls } from './decode_parts.ts'
import { type DecodeState, Field } from './decode_state.ts'

/**
 * The way that the entries of a real Envoy take: fields in ascending order, each in its shortest form, most of them
 * there. One branch per field, each at a place of its own, is what a processor predicts; the general loop with its
 * switch mispredicts at almost every field (bench/als_decode.ts).
 *
 * These functions decode fields as long as they come as expected and return where they stopped, which is where the
 * general loop goes on: at a field out of order, of a longer form, or unknown, and always when the message ends within a few bytes. They return -1
 * when a field is malformed.
 * Whatever they do, the loop would do the same.
 *
 * Four bytes are read at once: `word` holds the tag and the length of the next field, or is 0, which is no field's tag.
 * With `ONE` a tag of one byte and a length below 128 are compared at once, with `TWO` a tag of two bytes and such a
 * length. Constants that other modules export are copied: a look at an import is a load and two checks each time. Sums
 * end in `| 0` because they then need neither a check for overflow nor a conversion when they are kept for later.
 */
const ONE = 0x80ff
const TWO = 0x80ffff
const { upstreamCluster: CLUSTER, routeName: ROUTE, scheme: SCHEME, authority: AUTHORITY } = Field
const SOCKET = AddressKind.socket
const OFFSET_MAX = ADDRESS_OFFSET_MAX

/** How far before the end of the message fields are still read as words; leaves room for a header and a word behind it. */
const WORDS = 8

/** `AccessLogCommon`, fields 2 to 15, of an entry of which nothing is in the columns yet. Fields 6 to 11 and 14 have no columns. */
export function expectedCommon(s: DecodeState, start: number, end: number): number {
  const { view, logs } = s
  const last = lastWord(s, end)
  let p = start | 0
  let next = 0
  let word = wordAt(view, p, last)
  if ((word & ONE) === 18 && (next = end1(p, word)) <= end) {
    if (!address(s, p + 2, next, logs.downstreamRemote, logs.downstreamRemotePort, logs.downstreamRemoteKind)) return -1
    word = wordAt(view, (p = next), last)
  }
  if ((word & ONE) === 26 && (next = end1(p, word)) <= end) {
    if (!address(s, p + 2, next, logs.downstreamLocal, logs.downstreamLocalPort, logs.downstreamLocalKind)) return -1
    word = wordAt(view, (p = next), last)
  }
  if ((word & 0xff) === 34) {
    next = payloadEnd(s.bytes, p + 1, end)
    if (next > end) return p
    if (!decodeTls(s, payloadAt(s.bytes, p + 1), next)) return -1
    word = wordAt(view, (p = next), last)
  }
  if ((word & ONE) === 42 && (next = end1(p, word)) <= end) {
    if (!startTime(s, p + 2, next)) return p
    word = wordAt(view, (p = next), last)
  }
  // 6 to 11: times without a column.
  if ((word & ONE) === 50 && (next = end1(p, word)) <= end) word = wordAt(view, (p = next), last)
  if ((word & ONE) === 58 && (next = end1(p, word)) <= end) word = wordAt(view, (p = next), last)
  if ((word & ONE) === 66 && (next = end1(p, word)) <= end) word = wordAt(view, (p = next), last)
  if ((word & ONE) === 74 && (next = end1(p, word)) <= end) word = wordAt(view, (p = next), last)
  if ((word & ONE) === 82 && (next = end1(p, word)) <= end) word = wordAt(view, (p = next), last)
  if ((word & ONE) === 90 && (next = end1(p, word)) <= end) word = wordAt(view, (p = next), last)
  if ((word & ONE) === 98 && (next = end1(p, word)) <= end) {
    if (!nanos(s, p + 2, next, logs.lastDownstreamTx)) return p
    word = wordAt(view, (p = next), last)
  }
  if ((word & ONE) === 106 && (next = end1(p, word)) <= end) {
    if (!address(s, p + 2, next, logs.upstreamRemote, logs.upstreamRemotePort, logs.upstreamRemoteKind)) return -1
    word = wordAt(view, (p = next), last)
  }
  if ((word & ONE) === 114 && (next = end1(p, word)) <= end) word = wordAt(view, (p = next), last)
  if ((word & ONE) === 122 && (next = end1(p, word)) <= end) {
    const cluster = s.intern(CLUSTER, p + 2, next)
    logs.upstreamCluster[s.row] = cluster
    s.cluster = cluster
    word = wordAt(view, (p = next), last)
  }
  return expectedCommonFrom16(s, p, end)
}

/** `AccessLogCommon` from field 16 on, where tags take two bytes. */
function expectedCommonFrom16(s: DecodeState, start: number, end: number): number {
  const { view, logs } = s
  const last = lastWord(s, end)
  let p = start | 0
  let next = 0
  let word = wordAt(view, p, last)
  if ((word & TWO) === 0x0182 && (next = end2(p, word)) <= end) {
    if (next > p + 3 && !decodeFlags(s, p + 3, next)) return -1
    word = wordAt(view, (p = next), last)
  }
  if ((word & TWO) === 0x019a && (next = end2(p, word)) <= end) {
    logs.routeName[s.row] = s.intern(ROUTE, p + 3, next)
    word = wordAt(view, (p = next), last)
  }
  if ((word & TWO) === 0x01a2 && (next = end2(p, word)) <= end) {
    if (!address(s, p + 3, next, logs.directRemote, logs.directRemotePort, logs.directRemoteKind)) return -1
    word = wordAt(view, (p = next), last)
  }
  // 21 filter_state_objects, then 22 custom_tags.
  let tag = word & 0xffff
  while (tag === 0x01aa || tag === 0x01b2) {
    next = payloadEnd(s.bytes, p + 2, end)
    if (next > end) return p
    const at = payloadAt(s.bytes, p + 2)
    if (!(tag === 0x01aa ? decodeFilterState(s, at, next) : decodeCustomTag(s, at, next))) return -1
    word = wordAt(view, (p = next), last)
    tag = word & 0xffff
  }
  if ((word & TWO) === 0x01ba && (next = end2(p, word)) <= end) {
    if (!nanos(s, p + 3, next, logs.duration)) return p
    word = wordAt(view, (p = next), last)
  }
  return expectedCommonFrom24(s, p, end)
}

/** `AccessLogCommon` from field 24 on. Fields 31 and 32 have no columns. */
function expectedCommonFrom24(s: DecodeState, start: number, end: number): number {
  const { view, logs, row } = s
  const last = lastWord(s, end)
  let p = start | 0
  let next = 0
  let word = wordAt(view, p, last)
  if ((word & TWO) === 0x01c0) {
    logs.attempts[row] = (word >>> 16) & 127
    word = wordAt(view, (p = (p + 3) | 0), last)
  }
  if ((word & TWO) === 0x01d2 && (next = end2(p, word)) <= end) {
    logs.streamIdAt[row] = p + 3
    logs.streamIdLength[row] = next - p - 3
    word = wordAt(view, (p = next), last)
  }
  if ((word & 0xffff) === 0x01e8) {
    const value = view.getInt32((p + 2) | 0, true)
    const stop = stopBit(value)
    if (stop === 0 || (next = (p + 2 + bytesTo(stop)) | 0) > end) return p
    logs.downstreamWireSent[row] = valueTo(value, stop)
    word = wordAt(view, (p = next), last)
  }
  if ((word & 0xffff) === 0x01f0) {
    const value = view.getInt32((p + 2) | 0, true)
    const stop = stopBit(value)
    if (stop === 0 || (next = (p + 2 + bytesTo(stop)) | 0) > end) return p
    logs.downstreamWireReceived[row] = valueTo(value, stop)
    word = wordAt(view, (p = next), last)
  }
  if ((word & 0xffff) === 0x01f8) {
    if ((next = varintEnd(view, p + 2)) > end) return p
    word = wordAt(view, (p = next), last)
  }
  if ((word & 0xffff) === 0x0280) {
    if ((next = varintEnd(view, p + 2)) > end) return p
    word = wordAt(view, (p = next), last)
  }
  if ((word & TWO) === 0x0288) {
    logs.logType[row] = (word >>> 16) & 127
    p = (p + 3) | 0
  }
  return p
}

/** `HTTPRequestProperties`. Fields 6 to 8, 14 and 15 have no columns. */
export function expectedRequest(s: DecodeState, start: number, end: number): number {
  const { view, logs, row } = s
  const last = lastWord(s, end)
  let p = start | 0
  let next = 0
  let word = wordAt(view, p, last)
  if ((word & ONE) === 8) {
    logs.method[row] = (word >>> 8) & 127
    word = wordAt(view, (p = (p + 2) | 0), last)
  }
  if ((word & ONE) === 18 && (next = end1(p, word)) <= end) {
    logs.scheme[row] = s.intern(SCHEME, p + 2, next)
    word = wordAt(view, (p = next), last)
  }
  if ((word & ONE) === 26 && (next = end1(p, word)) <= end) {
    logs.authority[row] = s.intern(AUTHORITY, p + 2, next)
    word = wordAt(view, (p = next), last)
  }
  if ((word & ONE) === 42 && (next = end1(p, word)) <= end) {
    logs.pathAt[row] = p + 2
    logs.pathLength[row] = next - p - 2
    word = wordAt(view, (p = next), last)
  }
  if ((word & ONE) === 50 && (next = end1(p, word)) <= end) word = wordAt(view, (p = next), last)
  if ((word & ONE) === 58 && (next = end1(p, word)) <= end) word = wordAt(view, (p = next), last)
  if ((word & ONE) === 66 && (next = end1(p, word)) <= end) word = wordAt(view, (p = next), last)
  if ((word & ONE) === 74 && (next = end1(p, word)) <= end) {
    logs.requestIdAt[row] = p + 2
    logs.requestIdLength[row] = next - p - 2
    word = wordAt(view, (p = next), last)
  }
  if ((word & 0xff) === 88) {
    const value = view.getInt32((p + 1) | 0, true)
    const stop = stopBit(value)
    if (stop === 0 || (next = (p + 1 + bytesTo(stop)) | 0) > end) return p
    logs.requestHeaderBytes[row] = valueTo(value, stop)
    word = wordAt(view, (p = next), last)
  }
  if ((word & 0xff) === 96) {
    const value = view.getInt32((p + 1) | 0, true)
    const stop = stopBit(value)
    if (stop === 0 || (next = (p + 1 + bytesTo(stop)) | 0) > end) return p
    logs.requestBodyBytes[row] = valueTo(value, stop)
    word = wordAt(view, (p = next), last)
  }
  while ((word & 0xff) === 106) {
    next = payloadEnd(s.bytes, p + 1, end)
    if (next > end) return p
    if (!decodeRequestHeader(s, payloadAt(s.bytes, p + 1), next)) return -1
    word = wordAt(view, (p = next), last)
  }
  if ((word & 0xff) === 112) {
    if ((next = varintEnd(view, p + 1)) > end) return p
    word = wordAt(view, (p = next), last)
  }
  if ((word & 0xff) === 120 && (next = varintEnd(view, p + 1)) <= end) p = next
  return p
}

/** `HTTPResponseProperties`. Fields 6 to 8 have no columns. */
export function expectedResponse(s: DecodeState, start: number, end: number): number {
  const { view, logs, row } = s
  const last = lastWord(s, end)
  let p = start | 0
  let next = 0
  let word = wordAt(view, p, last)
  // UInt32Value with a code from 128 to 16383: the word ends in the first byte of the code, which is above 127.
  if ((word | 0x7f000000) === (0xff08030a | 0) && p + 5 <= end) {
    const high = s.bytes[p + 4] as number
    if (high > 127) return p
    logs.responseCode[row] = ((word >>> 24) & 127) | (high << 7)
    word = wordAt(view, (p = (p + 5) | 0), last)
  }
  if ((word & 0xff) === 16) {
    const value = view.getInt32((p + 1) | 0, true)
    const stop = stopBit(value)
    if (stop === 0 || (next = (p + 1 + bytesTo(stop)) | 0) > end) return p
    logs.responseHeaderBytes[row] = valueTo(value, stop)
    word = wordAt(view, (p = next), last)
  }
  if ((word & 0xff) === 24) {
    const value = view.getInt32((p + 1) | 0, true)
    const stop = stopBit(value)
    if (stop === 0 || (next = (p + 1 + bytesTo(stop)) | 0) > end) return p
    logs.responseBodyBytes[row] = valueTo(value, stop)
    word = wordAt(view, (p = next), last)
  }
  // 4 response_headers, then 5 response_trailers.
  let tag = word & 0xff
  while (tag === 34 || tag === 42) {
    next = payloadEnd(s.bytes, p + 1, end)
    if (next > end) return p
    if (!decodeResponseHeader(s, payloadAt(s.bytes, p + 1), next, tag === 34 ? 1 : 2)) return -1
    word = wordAt(view, (p = next), last)
    tag = word & 0xff
  }
  if ((word & ONE) === 50 && (next = end1(p, word)) <= end) word = wordAt(view, (p = next), last)
  if ((word & 0xff) === 56) {
    if ((next = varintEnd(view, p + 1)) > end) return p
    word = wordAt(view, (p = next), last)
  }
  if ((word & 0xff) === 64 && (next = varintEnd(view, p + 1)) <= end) p = next
  return p
}

/** The last place at which a field may be read as a word: its header lies within the field's message, the word in `bytes`. */
function lastWord(s: DecodeState, end: number): number {
  const words = (s.bytes.length - WORDS) | 0
  const fields = (end - 3) | 0
  return fields < words ? fields : words
}

/** The four bytes at `at`, the first one lowest; 0 behind `last`. */
function wordAt(view: DataView, at: number, last: number): number {
  return at <= last ? view.getInt32(at, true) : 0
}

/** Where a field at `p` with a tag of one byte and a length below 128 ends. */
function end1(p: number, word: number): number {
  return (p + 2 + ((word >>> 8) & 127)) | 0
}

/** The same with a tag of two bytes. */
function end2(p: number, word: number): number {
  return (p + 3 + ((word >>> 16) & 127)) | 0
}

/** Where the payload whose length of one or two bytes stands at `at` begins. */
function payloadAt(b: Uint8Array, at: number): number {
  return (b[at] as number) < 128 ? at + 1 : at + 2
}

/** Where that payload ends; beyond `end` when it does not end before, or its length takes more than two bytes. */
function payloadEnd(b: Uint8Array, at: number, end: number): number {
  const first = b[at] as number
  if (first < 128) return (at + 1 + first) | 0
  const second = at + 1 < end ? (b[at + 1] as number) : 128
  return second < 128 ? (at + 2 + ((first & 127) | (second << 7))) | 0 : end + 1
}

/** The bits that say "goes on" in four bytes of a varint. */
const HIGH_BITS = 0x80808080 | 0
const LONG = 0x7fffffff

/** The lowest bit of a word at which a varint stops; 0 when it has more than four bytes. */
function stopBit(word: number): number {
  const stops = ~word & HIGH_BITS
  return stops & -stops
}

/** How many bytes of a word belong to the varint that stops at that bit. */
function bytesTo(stop: number): number {
  return (32 - Math.clz32(stop)) >>> 3
}

/** Where the varint at `at` ends; beyond any message when it has more than four bytes. */
function varintEnd(view: DataView, at: number): number {
  const stop = stopBit(view.getInt32(at, true))
  return stop === 0 ? LONG : (at + bytesTo(stop)) | 0
}

/** The value of the varint that stops at that bit. */
function valueTo(word: number, stop: number): number {
  return joined(word & (stop | (stop - 1)))
}

/** The payload bits of the varint bytes in a word, put together: 28 bits. */
function joined(word: number): number {
  return (word & 0x7f) | ((word >>> 1) & 0x3f80) | ((word >>> 2) & 0x1fc000) | ((word >>> 3) & 0xfe00000)
}

/** An address of the one form Envoy writes for TCP, socket_address{address, port_value}, into clear cells; false when malformed. */
function address(s: DecodeState, at: number, end: number, text: Int32Array, port: Int32Array, kind: Uint8Array): boolean {
  const { view, row } = s
  const size = end - at
  // Both lengths are below 128.
  const word = size > 7 ? view.getInt32(at, true) : 0
  const textEnd = (at + 4 + (word >>> 24)) | 0
  if ((word & 0x80ff80ff) === 0x12000a && (word & 0xff00) === (size - 2) << 8 && textEnd + 2 <= end && textEnd + 5 <= s.bytes.length && at + 4 <= OFFSET_MAX) {
    const value = view.getInt32(textEnd + 1, true)
    const stop = stopBit(value)
    if (s.bytes[textEnd] === 24 && stop !== 0 && textEnd + 1 + bytesTo(stop) === end && word >>> 24 > 0) {
      kind[row] = SOCKET
      text[row] = unreadAddress(at + 4, word >>> 24)
      port[row] = valueTo(value, stop)
      return true
    }
  }
  return decodeAddress(s, at, end, text, port, kind)
}

/** A Duration below a second, which is nanoseconds alone, into a clear cell; false when it has another form. */
function nanos(s: DecodeState, at: number, end: number, column: Float64Array): boolean {
  if (end - at < 2 || at + 5 > s.bytes.length || s.bytes[at] !== 16) return false
  const word = s.view.getInt32(at + 1, true)
  const stop = stopBit(word)
  if (stop !== 0) {
    column[s.row] = valueTo(word, stop)
    return at + 1 + bytesTo(stop) === end
  }
  const top = end === at + 6 ? (s.bytes[at + 5] as number) : 8
  if (top > 7) return false
  column[s.row] = joined(word) | (top << 28)
  return true
}

/** A Timestamp with seconds of five bytes (1978 to 2106) and nanoseconds; false when it has another form. */
function startTime(s: DecodeState, at: number, end: number): boolean {
  const b = s.bytes
  const { view } = s
  if (end - at < 8 || b[at] !== 8 || b[at + 6] !== 16 || at + 11 > b.length) return false
  const seconds = view.getInt32(at + 1, true)
  const top = b[at + 5] as number
  if ((seconds & HIGH_BITS) !== HIGH_BITS || top > 15) return false
  const word = view.getInt32(at + 7, true)
  const stop = stopBit(word)
  let fraction = 0
  if (stop !== 0) {
    if (at + 7 + bytesTo(stop) !== end) return false
    fraction = valueTo(word, stop)
  } else {
    const last = end === at + 12 ? (b[at + 11] as number) : 8
    if (last > 7) return false
    fraction = joined(word) | (last << 28)
  }
  s.logs.startSeconds[s.row] = joined(seconds) + top * 0x10000000
  s.logs.startNanos[s.row] = fraction
  return true
}
