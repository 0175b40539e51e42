import { varintEnd, varintSigned, varintUnsigned } from '../../lib/protobuf/wire.ts'

/** A varint that is known to end; up to four bytes, nearly all, without a call. */
export function unsignedAt(bytes: Uint8Array, at: number): number {
  let byte = bytes[at] as number
  if (byte < 128) return byte
  let value = byte & 127
  byte = bytes[at + 1] as number
  value |= (byte & 127) << 7
  if (byte < 128) return value
  byte = bytes[at + 2] as number
  value |= (byte & 127) << 14
  if (byte < 128) return value
  byte = bytes[at + 3] as number
  return byte < 128 ? value | (byte << 21) : varintUnsigned(bytes, at)
}

/** A `google.protobuf.Duration` between two offsets, in seconds. */
export function secondsAt(bytes: Uint8Array, start: number, end: number): number {
  let seconds = 0
  let nanos = 0
  for (let p = start; p < end; ) {
    const tag = bytes[p] as number
    const next = (bytes[p + 1] as number) < 128 ? p + 2 : varintEnd(bytes, p + 1, end)
    if (next < 0) break
    if (tag === 16 && next - p <= 5) nanos = unsignedAt(bytes, p + 1)
    else if (tag === 8) seconds = varintSigned(bytes, p + 1)
    else if (tag === 16) nanos = varintSigned(bytes, p + 1)
    p = next
  }
  return seconds === 0 ? nanos / 1e9 : (seconds * 1e9 + nanos) / 1e9
}

/** A `google.protobuf.UInt32Value` between two offsets. */
export function wrappedAt(bytes: Uint8Array, start: number, end: number): number {
  return start + 1 < end && bytes[start] === 8 && varintEnd(bytes, start + 1, end) > 0 ? unsignedAt(bytes, start + 1) : 0
}
