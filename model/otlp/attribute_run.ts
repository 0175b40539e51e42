import { lengthAt, payloadStart } from '../../lib/protobuf/values.ts'
import { skipValue } from '../../lib/protobuf/wire.ts'
import { ProtobufWriter } from '../../lib/protobuf/writer.ts'
import { AttributeSet } from '../attributes.ts'

/** The attributes of a message that has been checked: its fields with the one-byte tag `tag`. */
export function readAttributes(bytes: Uint8Array, start: number, end: number, tag: number): AttributeSet {
  let from = -1
  let to = -1
  for (let p = start; p < end; ) {
    const byte = bytes[p] as number
    const valueAt = byte < 128 ? p + 1 : payloadStart(bytes, p)
    const length = bytes[valueAt] as number
    const next = (byte & 7) === 2 && byte < 128 && length < 128 ? valueAt + 1 + length : skipValue(bytes, valueAt, end, lengthAt(bytes, p))
    if (byte === tag) {
      if (from < 0) from = p
      else if (to !== p) return scattered(bytes, start, end, tag)
      to = next
    }
    p = next
  }
  return from < 0 ? AttributeSet.empty : AttributeSet.ofWire(bytes, from, to)
}

/** Attributes between which other fields stand, which is allowed and rare, moved together. */
function scattered(bytes: Uint8Array, start: number, end: number, tag: number): AttributeSet {
  const writer = new ProtobufWriter(end - start)
  for (let p = start; p < end; ) {
    const next = skipValue(bytes, payloadStart(bytes, p), end, lengthAt(bytes, p))
    if (bytes[p] === tag) writer.range(bytes, p, next)
    p = next
  }
  return AttributeSet.ofWire(writer.memory, 0, writer.length)
}
