import { shortVarint, skipValue, varintEnd } from '../../lib/protobuf/wire.ts'
import type { ProtobufWriter } from '../../lib/protobuf/writer.ts'

/** Copies the fields of a message that has been checked, unknown ones too, without those whose bits are set in `omitted`. */
export function copyFieldsExcept(writer: ProtobufWriter, bytes: Uint8Array, start: number, end: number, omitted: number): void {
  let runStart = start
  for (let p = start; p < end; ) {
    const byte = bytes[p] as number
    const tag = byte < 128 ? byte : shortVarint(bytes, p, end)
    const valueAt = byte < 128 ? p + 1 : varintEnd(bytes, p, end)
    const length = bytes[valueAt] as number
    const next = (tag & 7) === 2 && length < 128 ? valueAt + 1 + length : skipValue(bytes, valueAt, end, tag)
    if (tag >>> 3 < 32 && ((omitted >>> (tag >>> 3)) & 1) === 1) {
      if (runStart < p) writer.range(bytes, runStart, p)
      runStart = next
    }
    p = next
  }
  if (runStart < end) writer.range(bytes, runStart, end)
}
