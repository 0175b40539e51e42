/** Wire types of the protobuf encoding. https://protobuf.dev/programming-guides/encoding/ */
export const WireType = { varint: 0, fixed64: 1, bytes: 2, startGroup: 3, endGroup: 4, fixed32: 5 } as const

/** Deepest nesting of groups that is skipped; deeper ones count as malformed, as in other implementations. */
const GROUP_DEPTH_MAX = 100

/**
 * Position after the varint at `at`; -1 when it does not end before `end` or has more than ten bytes.
 *
 * The functions of this file are the slow half of hand-written decoders: position and value are asked for one after the
 * other, so that neither an object nor a shared cursor is needed. Decoders handle one and two bytes themselves.
 */
export function varintEnd(bytes: Uint8Array, at: number, end: number): number {
  // Not Math.min, which compares as floating point here.
  const last = at + 10 < end ? at + 10 : end
  for (let p = at; p < last; p++) if ((bytes[p] as number) < 128) return p + 1
  return -1
}

/** Low 32 bits of the varint at `at`, unsigned. Its end must have been checked with `varintEnd`. */
export function varintLow(bytes: Uint8Array, at: number): number {
  let value = 0
  let p = at
  for (let shift = 0; shift < 35; shift += 7) {
    const byte = bytes[p++] as number
    value |= (byte & 127) << shift
    if (byte < 128) break
  }
  return value >>> 0
}

/** High 32 bits of the varint at `at`, unsigned. Its end must have been checked with `varintEnd`. */
export function varintHigh(bytes: Uint8Array, at: number): number {
  let p = at
  for (let skipped = 0; skipped < 4; skipped++) if ((bytes[p++] as number) < 128) return 0
  // Byte 4 carries bits 28 to 34; its upper three payload bits are the lowest of the high half.
  let value = ((bytes[p] as number) & 127) >> 4
  for (let shift = 3; (bytes[p++] as number) >= 128 && shift < 32; shift += 7) value |= ((bytes[p] as number) & 127) << shift
  return value >>> 0
}

/** The varint at `at` as an unsigned 64-bit number; exact up to 2^53. */
export function varintUnsigned(bytes: Uint8Array, at: number): number {
  return varintHigh(bytes, at) * 0x1_0000_0000 + varintLow(bytes, at)
}

/** The varint at `at` as a signed 64-bit number; exact up to ±2^53. */
export function varintSigned(bytes: Uint8Array, at: number): number {
  return (varintHigh(bytes, at) | 0) * 0x1_0000_0000 + varintLow(bytes, at)
}

/** True when the varint at `at` is not zero; a bool is true whatever bit is set. */
export function varintIsSet(bytes: Uint8Array, at: number): boolean {
  return (varintLow(bytes, at) | varintHigh(bytes, at)) !== 0
}

/**
 * The tag or length at `at`, which both are 32-bit varints; -1 when it does not end before `end`, is longer than five
 * bytes or does not fit 32 bits. Ask `varintEnd` for the position behind it.
 */
export function shortVarint(bytes: Uint8Array, at: number, end: number): number {
  const next = varintEnd(bytes, at, end)
  if (next < 0 || next - at > 5 || (next - at === 5 && (bytes[at + 4] as number) > 15)) return -1
  return varintLow(bytes, at)
}

/**
 * Position after the value of a field that nobody reads; `at` is just behind its tag. -1 when the value does not end
 * before `end`, the wire type does not exist, the field number is 0, or a group is not closed.
 */
export function skipValue(bytes: Uint8Array, at: number, end: number, tag: number): number {
  if (tag >>> 3 === 0) return -1
  switch (tag & 7) {
    case WireType.varint:
      return varintEnd(bytes, at, end)
    case WireType.fixed64:
      return at + 8 <= end ? at + 8 : -1
    case WireType.fixed32:
      return at + 4 <= end ? at + 4 : -1
    case WireType.bytes: {
      const size = shortVarint(bytes, at, end)
      if (size < 0) return -1
      const next = varintEnd(bytes, at, end) + size
      return next <= end ? next : -1
    }
    case WireType.startGroup:
      return skipGroup(bytes, at, end, tag)
    default:
      return -1
  }
}

/** Iterative, so that hostile nesting costs no stack: the fields of the open groups are on a small list. */
function skipGroup(bytes: Uint8Array, at: number, end: number, tag: number): number {
  const open = [tag >>> 3]
  let p = at
  while (open.length > 0) {
    const inner = shortVarint(bytes, p, end)
    if (inner < 0 || inner >>> 3 === 0) return -1
    p = varintEnd(bytes, p, end)
    const wireType = inner & 7
    if (wireType === WireType.endGroup) {
      if (open.pop() !== inner >>> 3) return -1
    } else if (wireType === WireType.startGroup) {
      if (open.length === GROUP_DEPTH_MAX) return -1
      open.push(inner >>> 3)
    } else {
      p = skipValue(bytes, p, end, inner)
      if (p < 0) return -1
    }
  }
  return p
}
