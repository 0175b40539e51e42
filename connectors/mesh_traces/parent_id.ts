import { shortVarint, skipValue, varintEnd } from '../../lib/protobuf/wire.ts'
import { type AccessLogs, TraceForm } from '../../model/access_logs.ts'

const encoder = new TextEncoder()
const PARENT_TAG = encoder.encode('parent_span_id')
const B3_PARENT = encoder.encode('x-b3-parentspanid')
const SPAN_ID_DIGITS = 16

/** Fields of the entry: `common_properties` (1) with `custom_tags` (22), `request` (3) with `request_headers` (13). */
const COMMON = 10
const CUSTOM_TAGS = (22 << 3) | 2
const REQUEST = 26
const REQUEST_HEADERS = (13 << 3) | 2

/**
 * Writes the span id (8 bytes) of the proxy's own span's parent, as far as the entry of row `i` tells it, and returns whether it
 * does: the custom tag `parent_span_id` (16 digits, or a whole `traceparent`), the header `x-b3-parentspanid`, or the
 * fourth part of the header `b3`. None of them has a column.
 */
export function readParentId(logs: AccessLogs, i: number, out: Uint8Array, at: number): boolean {
  const { message } = logs
  if (logs.traceForm[i] === TraceForm.b3 && readB3(logs, i, out, at)) return true
  const start = logs.entryAt[i] as number
  const end = logs.entryEnd[i] as number
  return (
    findIn(message, start, end, { outer: COMMON, map: CUSTOM_TAGS, key: PARENT_TAG }, out, at) ||
    findIn(message, start, end, { outer: REQUEST, map: REQUEST_HEADERS, key: B3_PARENT }, out, at)
  )
}

/** `{trace id}-{span id}-{sampled}-{parent span id}`. */
function readB3(logs: AccessLogs, i: number, out: Uint8Array, at: number): boolean {
  const from = logs.traceAt[i] as number
  const text = Buffer.from(logs.message.buffer, logs.message.byteOffset + from, logs.traceLength[i] as number).toString('latin1')
  const parent = text.split('-')[3]
  return parent !== undefined && readDigits(encoder.encode(parent), 0, parent.length, out, at)
}

interface Place {
  readonly outer: number
  readonly map: number
  readonly key: Uint8Array
}

function findIn(bytes: Uint8Array, start: number, end: number, place: Place, out: Uint8Array, at: number): boolean {
  for (let p = start; p < end; ) {
    const tag = shortVarint(bytes, p, end)
    if (tag < 0) return false
    p = varintEnd(bytes, p, end)
    const next = skipValue(bytes, p, end, tag)
    if (next < 0) return false
    if (tag === place.outer && findEntry(bytes, varintEnd(bytes, p, end), next, place, out, at)) return true
    p = next
  }
  return false
}

function findEntry(bytes: Uint8Array, start: number, end: number, { map, key }: Place, out: Uint8Array, at: number): boolean {
  for (let p = start; p < end; ) {
    const tag = shortVarint(bytes, p, end)
    if (tag < 0) return false
    p = varintEnd(bytes, p, end)
    const next = skipValue(bytes, p, end, tag)
    if (next < 0) return false
    if (tag === map) {
      const entryAt = varintEnd(bytes, p, end)
      const valueTag = entryAt + 2 + key.length
      if (isKey(bytes, entryAt, next, key) && bytes[valueTag] === 18) {
        const valueAt = varintEnd(bytes, valueTag + 1, next)
        if (valueAt > 0 && readDigits(bytes, valueAt, next, out, at)) return true
      }
    }
    p = next
  }
  return false
}

/** True when a map entry begins with this key. */
function isKey(bytes: Uint8Array, entryAt: number, end: number, key: Uint8Array): boolean {
  if (entryAt + 2 + key.length >= end || bytes[entryAt] !== 10 || bytes[entryAt + 1] !== key.length) return false
  for (let n = 0; n < key.length; n++) if (bytes[entryAt + 2 + n] !== key[n]) return false
  return true
}

/** 16 hex digits, or those of the span in a `traceparent`; false for anything else and for zeros. */
function readDigits(bytes: Uint8Array, start: number, end: number, out: Uint8Array, at: number): boolean {
  const length = end - start
  const from = length === SPAN_ID_DIGITS ? start : length >= 55 && bytes[start + 35] === 0x2d ? start + 36 : -1
  if (from < 0) return false
  let seen = 0
  for (let n = 0; n < 8; n++) {
    const value = Number.parseInt(String.fromCharCode(bytes[from + n * 2] as number, bytes[from + n * 2 + 1] as number), 16)
    if (!Number.isInteger(value)) return false
    out[at + n] = value
    seen |= value
  }
  return seen !== 0
}
