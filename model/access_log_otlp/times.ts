import type { AttributeBuffer } from './attribute_buffer.ts'

/**
 * Writes a fixed64 field with nanoseconds since the epoch, given as whole seconds and the nanoseconds beyond them (which may be
 * more than a second); 64 bits without a bigint. Negative times are written as 0.
 */
export function putNanos(out: AttributeBuffer, tag: number, seconds: number, nanos: number): void {
  out.reserve(9)
  const { at, view } = out
  out.bytes[at] = tag
  out.at = at + 9
  if (seconds < 0) {
    view.setUint32(at + 1, 0, true)
    view.setUint32(at + 5, 0, true)
    return
  }
  // In parts of 16 bits, of which every product is an exact double; without `%`, which is a call of a function of C for doubles.
  const highSeconds = Math.floor(seconds / 0x1_0000)
  const high = highSeconds * 1e9
  const highWord = Math.floor(high / 0x1_0000)
  const low = (high - highWord * 0x1_0000) * 0x1_0000 + (seconds - highSeconds * 0x1_0000) * 1e9 + Math.round(nanos)
  const carried = Math.floor(low / 0x1_0000_0000)
  view.setUint32(at + 1, low - carried * 0x1_0000_0000, true)
  view.setUint32(at + 5, highWord + carried, true)
}
