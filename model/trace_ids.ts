import { type AccessLogs, TraceForm } from './access_logs.ts'

const TRACE_ID_BYTES = 16
const SPAN_ID_BYTES = 8
const TRACE_BYTES = TRACE_ID_BYTES + SPAN_ID_BYTES
const DASH = 0x2d

/**
 * Reads the trace and span id of row `i` into `out` (16 and 8 bytes) without creating strings. False when the row has
 * no usable trace id; an unusable span id becomes zeros. 64-bit B3 trace ids are padded on the left.
 *
 * Spec: W3C Trace Context `traceparent`, B3 propagation (single and multiple headers).
 */
export function readTraceIds(logs: AccessLogs, i: number, out: Uint8Array): boolean {
  const form = logs.traceForm[i] as number
  const length = logs.traceLength[i] as number
  if (form === TraceForm.none || length === 0) return false
  const bytes = logs.message
  const at = logs.traceAt[i] as number
  out.fill(0, 0, TRACE_BYTES)
  if (form === TraceForm.traceparent) {
    if (length < 55 || bytes[at + 2] !== DASH || bytes[at + 35] !== DASH || !readHex(bytes, at + 3, TRACE_ID_BYTES, out, 0)) return false
    readSpan(bytes, at + 36, out)
    return isSet(out)
  }
  const digits = hexRun(bytes, at, Math.min(length, 33))
  if (digits !== 32 && digits !== 16) return false
  readHex(bytes, at, digits / 2, out, TRACE_ID_BYTES - digits / 2)
  const isSingleB3 = form === TraceForm.b3 && bytes[at + digits] === DASH && length >= digits + 17
  if (isSingleB3) readSpan(bytes, at + digits + 1, out)
  else if (logs.spanLength[i] === 16) readSpan(bytes, logs.spanAt[i] as number, out)
  return isSet(out)
}

function readSpan(bytes: Uint8Array, at: number, out: Uint8Array): void {
  if (!readHex(bytes, at, SPAN_ID_BYTES, out, TRACE_ID_BYTES)) out.fill(0, TRACE_ID_BYTES, TRACE_BYTES)
}

/** An id of zeros means "no trace". */
function isSet(out: Uint8Array): boolean {
  for (let i = 0; i < TRACE_ID_BYTES; i++) if (out[i] !== 0) return true
  return false
}

function hexRun(bytes: Uint8Array, at: number, max: number): number {
  let n = 0
  while (n < max && hexValue(bytes[at + n] as number) >= 0) n++
  return n
}

function readHex(bytes: Uint8Array, at: number, count: number, out: Uint8Array, outAt: number): boolean {
  for (let i = 0; i < count; i++) {
    const high = hexValue(bytes[at + i * 2] as number)
    const low = hexValue(bytes[at + i * 2 + 1] as number)
    if (high < 0 || low < 0) return false
    out[outAt + i] = (high << 4) | low
  }
  return true
}

function hexValue(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const lower = byte | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}

/**
 * The W3C trace flags of row `i`: bit 0 is "sampled". -1 when the context does not say, as with custom tags and B3 in
 * several headers. To be asked only where `readTraceIds` found a trace id.
 */
export function traceFlags(logs: AccessLogs, i: number): number {
  const at = logs.traceAt[i] as number
  const length = logs.traceLength[i] as number
  const bytes = logs.message
  if (logs.traceForm[i] === TraceForm.traceparent) {
    const high = hexValue(bytes[at + 53] as number)
    const low = hexValue(bytes[at + 54] as number)
    return high < 0 || low < 0 ? -1 : (high << 4) | low
  }
  if (logs.traceForm[i] !== TraceForm.b3) return -1
  const stateAt = hexRun(bytes, at, Math.min(length, 33)) + 18
  if (length <= stateAt || bytes[at + stateAt - 1] !== DASH) return -1
  // `d` is debug, which implies sampled.
  const state = bytes[at + stateAt]
  return state === 0x31 || state === 0x64 ? 1 : state === 0x30 ? 0 : -1
}
