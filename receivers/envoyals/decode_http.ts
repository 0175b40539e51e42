import { shortVarint, skipValue, varintEnd, varintLow, varintUnsigned } from '../../lib/protobuf/wire.ts'
import { decodeRequestHeader, decodeResponseHeader } from './decode_maps.ts'
import { type DecodeState, enumByte, saturate } from './decode_state.ts'

/** `HTTPRequestProperties` into the columns; false when malformed. */
export function decodeRequest(s: DecodeState, start: number, end: number): boolean {
  const { bytes: b, logs, row } = s
  for (let p = start; p < end; ) {
    const tag = shortVarint(b, p, end)
    if (tag < 0) return false
    p = varintEnd(b, p, end)
    const next = skipValue(b, p, end, tag)
    if (next < 0) return false
    const at = (tag & 7) === 2 ? varintEnd(b, p, end) : p
    switch (tag) {
      case 8:
        logs.method[row] = enumByte(varintLow(b, p))
        break
      case 18:
        logs.scheme[row] = s.intern(at, next)
        break
      case 26:
        logs.authority[row] = s.intern(at, next)
        break
      case 42:
        logs.pathAt[row] = at
        logs.pathLength[row] = next - at
        break
      case 74:
        logs.requestIdAt[row] = at
        logs.requestIdLength[row] = next - at
        break
      case 88:
        logs.requestHeaderBytes[row] = varintUnsigned(b, p)
        break
      case 96:
        logs.requestBodyBytes[row] = varintUnsigned(b, p)
        break
      case 106:
        if (!decodeRequestHeader(s, at, next)) return false
        break
      default:
    }
    p = next
  }
  return true
}

/** `HTTPResponseProperties` into the columns; false when malformed. */
export function decodeResponse(s: DecodeState, start: number, end: number): boolean {
  const { bytes: b, logs, row } = s
  for (let p = start; p < end; ) {
    const tag = shortVarint(b, p, end)
    if (tag < 0) return false
    p = varintEnd(b, p, end)
    const next = skipValue(b, p, end, tag)
    if (next < 0) return false
    if (tag === 10) {
      if (!responseCode(s, varintEnd(b, p, end), next)) return false
    } else if (tag === 16) logs.responseHeaderBytes[row] = varintUnsigned(b, p)
    else if (tag === 24) logs.responseBodyBytes[row] = varintUnsigned(b, p)
    else if (tag === 34 || tag === 42) {
      if (!decodeResponseHeader(s, varintEnd(b, p, end), next, tag === 34 ? 1 : 2)) return false
    }
    p = next
  }
  return true
}

/** `google.protobuf.UInt32Value`. */
function responseCode(s: DecodeState, start: number, end: number): boolean {
  const b = s.bytes
  for (let p = start; p < end; ) {
    const tag = shortVarint(b, p, end)
    if (tag < 0) return false
    p = varintEnd(b, p, end)
    const next = skipValue(b, p, end, tag)
    if (next < 0) return false
    if (tag === 8) s.logs.responseCode[s.row] = saturate(varintLow(b, p))
    p = next
  }
  return true
}
