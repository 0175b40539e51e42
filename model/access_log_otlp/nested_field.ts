import type { AttributeBuffer } from './attribute_buffer.ts'

/** Bytes left for the length of a message whose length is not known yet; longer ones make room. */
const LENGTH_BYTES = 2

/** Begins a field that is a message of 128 bytes or more, most of them of less than 16 KiB. Returns what `endField` needs. */
export function beginField(out: AttributeBuffer, tag: number): number {
  out.reserve(64)
  const start = out.at
  out.bytes[start] = tag
  out.at = start + 1 + LENGTH_BYTES
  return start
}

/** Ends the field that began at `start` by putting in its length, which must be below 2 MiB. */
export function endField(out: AttributeBuffer, start: number): void {
  const contentAt = start + 1 + LENGTH_BYTES
  const length = out.at - contentAt
  if (length >= 1 << 14) {
    out.reserve(1)
    out.bytes.copyWithin(contentAt + 1, contentAt, out.at)
    out.at++
    out.bytes[start + 1] = (length & 127) | 128
    out.bytes[start + 2] = ((length >>> 7) & 127) | 128
    out.bytes[start + 3] = length >>> 14
    return
  }
  out.bytes[start + 1] = (length & 127) | 128
  out.bytes[start + 2] = length >>> 7
}
