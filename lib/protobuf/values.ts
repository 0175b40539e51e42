import { varintEnd, varintHigh, varintLow } from './wire.ts'

/** Longer texts are not worth comparing with what was read before. */
const SHORT_TEXT_MAX = 32
const KNOWN_TEXTS = 4096

/** Texts that were read lately, at a place that their bytes give: names and small values come again and again. */
const known: string[] = Array.from({ length: KNOWN_TEXTS }, () => '')

// Views of the memory that was read last. Readers go from field to field of one message, so there is nearly always one.
let lastBytes = new Uint8Array(0)
let lastView: DataView = new DataView(lastBytes.buffer)
let lastBuffer = Buffer.from(lastBytes.buffer)

function look(bytes: Uint8Array): void {
  lastBytes = bytes as Uint8Array<ArrayBuffer>
  lastView = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  lastBuffer = Buffer.from(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.length)
}

/** A DataView over the memory of `bytes`, the same one for calls in a row. */
export function viewOf(bytes: Uint8Array): DataView {
  if (bytes !== lastBytes) look(bytes)
  return lastView
}

/** The text at `bytes[start, end)`; what is not UTF-8 becomes U+FFFD. */
export function textAt(bytes: Uint8Array, start: number, end: number): string {
  const length = end - start
  if (length === 0) return ''
  if (length > SHORT_TEXT_MAX) {
    if (bytes !== lastBytes) look(bytes)
    return lastBuffer.toString('utf8', start, end)
  }
  let hash = length
  for (let p = start; p < end; p++) hash = Math.imul(hash ^ (bytes[p] as number), 0x01000193)
  const place = (hash ^ (hash >>> 15)) & (KNOWN_TEXTS - 1)
  const candidate = known[place] as string
  if (candidate.length === length && isText(candidate, bytes, start)) return candidate
  if (bytes !== lastBytes) look(bytes)
  const text = lastBuffer.toString('utf8', start, end)
  // Text with more bytes than units would never be found again.
  if (text.length === length) known[place] = text
  return text
}

/** Compares ASCII text; other text of as many units as bytes does not exist. */
function isText(text: string, bytes: Uint8Array, start: number): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) !== bytes[start + i]) return false
  return true
}

/** Lower-case hex digits of the bytes; empty when all of them are 0. */
export function idAt(bytes: Uint8Array, start: number, end: number): string {
  let any = 0
  for (let p = start; p < end; p++) any |= bytes[p] as number
  if (any === 0) return ''
  if (bytes !== lastBytes) look(bytes)
  return lastBuffer.toString('hex', start, end)
}

/** The fixed64 at `at`. */
export function fixed64At(bytes: Uint8Array, at: number): bigint {
  if (bytes !== lastBytes) look(bytes)
  return lastView.getBigUint64(at, true)
}

/** The sfixed64 at `at`. */
export function sfixed64At(bytes: Uint8Array, at: number): bigint {
  if (bytes !== lastBytes) look(bytes)
  return lastView.getBigInt64(at, true)
}

/** The fixed32 at `at`. */
export function fixed32At(bytes: Uint8Array, at: number): number {
  if (bytes !== lastBytes) look(bytes)
  return lastView.getUint32(at, true)
}

/** The double at `at`. */
export function doubleAt(bytes: Uint8Array, at: number): number {
  if (bytes !== lastBytes) look(bytes)
  return lastView.getFloat64(at, true)
}

/** The int64 varint at `at`, whose end must have been checked. */
export function int64At(bytes: Uint8Array, at: number): bigint {
  const byte = bytes[at] as number
  if (byte < 128) return BigInt(byte)
  const high = varintHigh(bytes, at) | 0
  return high === 0 ? BigInt(varintLow(bytes, at)) : (BigInt(high) << 32n) | BigInt(varintLow(bytes, at))
}

/** The uint64 varint at `at`, whose end must have been checked. */
export function uint64At(bytes: Uint8Array, at: number): bigint {
  return BigInt.asUintN(64, int64At(bytes, at))
}

/** The sint32 varint (zigzag) at `at`, whose end must have been checked. */
export function sint32At(bytes: Uint8Array, at: number): number {
  const raw = varintLow(bytes, at)
  return (raw >>> 1) ^ -(raw & 1)
}

/** Where the payload of the length-delimited field begins whose length stands at `at`, in bytes that have been checked. */
export function payloadStart(bytes: Uint8Array, at: number): number {
  return (bytes[at] as number) < 128 ? at + 1 : varintEnd(bytes, at, bytes.length)
}

/** The length that stands at `at`, in bytes that have been checked. */
export function lengthAt(bytes: Uint8Array, at: number): number {
  const byte = bytes[at] as number
  return byte < 128 ? byte : varintLow(bytes, at)
}
