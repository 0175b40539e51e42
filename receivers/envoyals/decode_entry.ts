import { shortVarint, skipValue, varintEnd, varintLow, varintUnsigned } from '../../lib/protobuf/wire.ts'
import { type AccessLogs, EntryKind, LogType } from '../../model/access_logs.ts'
import { decodeRequest, decodeResponse } from './decode_http.ts'
import { decodeCustomTag, decodeFilterState } from './decode_maps.ts'
import { decodeAddress, decodeDuration, decodeFlags, decodeStartTime, decodeTls } from './decode_parts.ts'
import { type DecodeState, enumByte, saturate } from './decode_state.ts'

/**
 * Decodes one `HTTPAccessLogEntry` or `TCPAccessLogEntry` (envoy.data.accesslog.v3 and v2, whose numbers are the same)
 * into row `s.row` of the columns, which must be clear. False when the entry is malformed; the row is garbage then.
 *
 * This is the general way: fields in any order and form, merged as protobuf does. The entries of a real Envoy hardly ever
 * need it (`straight/`), so it is written to be read. Messages without a column (metadata, session ids …) are skipped
 * without a look inside.
 */
export function decodeEntry(s: DecodeState, kind: number, start: number, end: number): boolean {
  const { bytes: b, logs, row } = s
  logs.kind[row] = kind
  logs.entryAt[row] = start
  logs.entryEnd[row] = end
  for (let p = start; p < end; ) {
    const tag = shortVarint(b, p, end)
    if (tag < 0) return false
    p = varintEnd(b, p, end)
    const next = skipValue(b, p, end, tag)
    if (next < 0) return false
    if ((tag & 7) === 2) {
      if (!decodeMessage(s, tag >>> 3, varintEnd(b, p, end), next)) return false
    } else if (tag === 16 && kind === EntryKind.http) logs.protocolVersion[row] = enumByte(varintLow(b, p))
    p = next
  }
  const type = logs.logType[row] as number
  if (type >= LogType.upstreamPoolReady && type <= LogType.upstreamEnd) {
    // Envoy's upstream logs count what came from the upstream as request bytes.
    const fromUpstream = logs.requestBodyBytes[row] as number
    logs.requestBodyBytes[row] = logs.responseBodyBytes[row] as number
    logs.responseBodyBytes[row] = fromUpstream
  }
  return true
}

/** The messages that an entry consists of. */
function decodeMessage(s: DecodeState, field: number, start: number, end: number): boolean {
  const isHttp = s.logs.kind[s.row] === EntryKind.http
  if (field === 1) return decodeCommon(s, start, end)
  if (field === 2 && !isHttp) return decodeConnection(s, start, end)
  if (field === 3 && isHttp) return decodeRequest(s, start, end)
  return field === 4 && isHttp ? decodeResponse(s, start, end) : true
}

/** `AccessLogCommon`: most of what is known of an entry. */
function decodeCommon(s: DecodeState, start: number, end: number): boolean {
  const { bytes: b, logs } = s
  for (let p = start; p < end; ) {
    const tag = shortVarint(b, p, end)
    if (tag < 0) return false
    p = varintEnd(b, p, end)
    const next = skipValue(b, p, end, tag)
    if (next < 0) return false
    if ((tag & 7) === 2) {
      if (!decodeCommonField(s, tag >>> 3, varintEnd(b, p, end), next)) return false
    } else if ((tag & 7) === 0) decodeCommonNumber(logs, s.row, tag >>> 3, varintUnsigned(b, p), varintLow(b, p))
    p = next
  }
  return true
}

/** The length-delimited fields of `AccessLogCommon`. */
function decodeCommonField(s: DecodeState, field: number, p: number, next: number): boolean {
  const { logs } = s
  switch (field) {
    case 2:
      return decodeAddress(s, p, next, logs.downstreamRemote, logs.downstreamRemotePort, logs.downstreamRemoteKind)
    case 3:
      return decodeAddress(s, p, next, logs.downstreamLocal, logs.downstreamLocalPort, logs.downstreamLocalKind)
    case 4:
      return decodeTls(s, p, next)
    case 5:
      return decodeStartTime(s, p, next)
    case 12:
      return decodeDuration(s, p, next, logs.lastDownstreamTx)
    case 13:
      return decodeAddress(s, p, next, logs.upstreamRemote, logs.upstreamRemotePort, logs.upstreamRemoteKind)
    case 15:
      logs.upstreamCluster[s.row] = s.intern(p, next)
      return true
    case 16:
      return decodeFlags(s, p, next)
    case 18:
      logs.upstreamFailure[s.row] = s.intern(p, next)
      return true
    case 19:
      logs.routeName[s.row] = s.intern(p, next)
      return true
    case 20:
      return decodeAddress(s, p, next, logs.directRemote, logs.directRemotePort, logs.directRemoteKind)
    case 21:
      return decodeFilterState(s, p, next)
    case 22:
      return decodeCustomTag(s, p, next)
    case 23:
      return decodeDuration(s, p, next, logs.duration)
    case 26:
      logs.streamIdAt[s.row] = p
      logs.streamIdLength[s.row] = next - p
      return true
    case 28:
      logs.downstreamFailure[s.row] = s.intern(p, next)
      return true
    default:
      return true
  }
}

/** The numbers of `AccessLogCommon`; `low` is the lower half of `value`, for the fields of 32 bits. */
function decodeCommonNumber(logs: AccessLogs, row: number, field: number, value: number, low: number): void {
  switch (field) {
    case 24:
      logs.attempts[row] = saturate(low)
      break
    case 29:
      logs.downstreamWireSent[row] = value
      break
    case 30:
      logs.downstreamWireReceived[row] = value
      break
    case 33:
      logs.logType[row] = enumByte(low)
      break
    default:
  }
}

/** `ConnectionProperties`: 1 received_bytes, 2 sent_bytes. */
function decodeConnection(s: DecodeState, start: number, end: number): boolean {
  const b = s.bytes
  for (let p = start; p < end; ) {
    const tag = shortVarint(b, p, end)
    if (tag < 0) return false
    p = varintEnd(b, p, end)
    const next = skipValue(b, p, end, tag)
    if (next < 0) return false
    if (tag === 8) s.logs.tcpReceived[s.row] = varintUnsigned(b, p)
    else if (tag === 16) s.logs.tcpSent[s.row] = varintUnsigned(b, p)
    p = next
  }
  return true
}
