import { shortVarint, skipValue, varintEnd, varintLow, varintUnsigned } from '../../lib/protobuf/wire.ts'
import { expectedRequest, expectedResponse } from './decode_expected.ts'
import { decodeRequestHeader, decodeResponseHeader } from './decode_maps.ts'
import { type DecodeState, enumByte, Field, saturate } from './decode_state.ts'

/** `HTTPRequestProperties` into the columns; false when malformed. */
export function decodeRequest(s: DecodeState, start: number, end: number): boolean {
  const { bytes: b, logs, row } = s
  for (let p = expectedRequest(s, start, end); p < end; ) {
    let tag = b[p++] as number
    if (tag > 127) {
      tag = shortVarint(b, p - 1, end)
      if (tag < 0) return false
      p = varintEnd(b, p - 1, end)
    }
    if ((tag & 7) === 2) {
      let size = p < end ? (b[p++] as number) : -1
      if (size > 127) {
        const high = p < end ? (b[p++] as number) : 128
        if (high < 128) size = (size & 127) | (high << 7)
        else {
          size = shortVarint(b, p - 2, end)
          p = varintEnd(b, p - 2, end)
        }
      }
      const next = p + size
      if (size < 0 || next > end) return false
      switch (tag >>> 3) {
        case 0:
          return false
        case 2:
          logs.scheme[row] = s.intern(Field.scheme, p, next)
          break
        case 3:
          logs.authority[row] = s.intern(Field.authority, p, next)
          break
        case 5:
          logs.pathAt[row] = p
          logs.pathLength[row] = size
          break
        case 9:
          logs.requestIdAt[row] = p
          logs.requestIdLength[row] = size
          break
        case 13:
          if (!decodeRequestHeader(s, p, next)) return false
          break
        default:
      }
      p = next
    } else if (tag === 8 || tag === 88 || tag === 96) {
      const from = p
      let value = 0
      let byte = 128
      for (let shift = 0; byte > 127 && p < end && shift < 28; shift += 7) {
        byte = b[p++] as number
        value |= (byte & 127) << shift
      }
      if (byte > 127) {
        p = varintEnd(b, from, end)
        if (p < 0) return false
        value = tag === 8 ? varintLow(b, from) : varintUnsigned(b, from)
      }
      if (tag === 8) logs.method[row] = enumByte(value)
      else if (tag === 88) logs.requestHeaderBytes[row] = value
      else logs.requestBodyBytes[row] = value
    } else {
      p = skipValue(b, p, end, tag)
      if (p < 0) return false
    }
  }
  return true
}

/** `HTTPResponseProperties` into the columns; false when malformed. */
export function decodeResponse(s: DecodeState, start: number, end: number): boolean {
  const { bytes: b, logs, row } = s
  for (let p = expectedResponse(s, start, end); p < end; ) {
    let tag = b[p++] as number
    if (tag > 127) {
      tag = shortVarint(b, p - 1, end)
      if (tag < 0) return false
      p = varintEnd(b, p - 1, end)
    }
    if ((tag & 7) === 2) {
      let size = p < end ? (b[p++] as number) : -1
      if (size > 127) {
        size = shortVarint(b, p - 1, end)
        p = varintEnd(b, p - 1, end)
      }
      const next = p + size
      if (size < 0 || next > end) return false
      switch (tag >>> 3) {
        case 0:
          return false
        case 1:
          if (!responseCode(s, p, next)) return false
          break
        case 4:
          if (!decodeResponseHeader(s, p, next, 1)) return false
          break
        case 5:
          if (!decodeResponseHeader(s, p, next, 2)) return false
          break
        default:
      }
      p = next
    } else if (tag === 16 || tag === 24) {
      const from = p
      let value = 0
      let byte = 128
      for (let shift = 0; byte > 127 && p < end && shift < 28; shift += 7) {
        byte = b[p++] as number
        value |= (byte & 127) << shift
      }
      if (byte > 127) {
        p = varintEnd(b, from, end)
        if (p < 0) return false
        value = varintUnsigned(b, from)
      }
      if (tag === 16) logs.responseHeaderBytes[row] = value
      else logs.responseBodyBytes[row] = value
    } else {
      p = skipValue(b, p, end, tag)
      if (p < 0) return false
    }
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
