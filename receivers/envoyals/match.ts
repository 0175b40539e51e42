const encoder = new TextEncoder()

/** A map key that the decoder looks for: its bytes, and the same as words that overlap at the end. */
export interface Key {
  readonly bytes: Uint8Array
  readonly words: Int32Array
}

/** The key that is written so. */
export function keyBytes(key: string): Key {
  const bytes = encoder.encode(key)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const words = Int32Array.from({ length: bytes.length < 4 ? 0 : (bytes.length + 3) >> 2 }, (_, i) => view.getInt32(Math.min(i * 4, bytes.length - 4), true))
  return { bytes, words }
}

/** True when `key` stands at `at`; the caller has compared the lengths. `view` is a DataView over `bytes`. */
export function isKeyAt(bytes: Uint8Array, view: DataView, at: number, key: Key): boolean {
  const { words } = key
  const last = words.length - 1
  if (last < 0) {
    for (let i = 0; i < key.bytes.length; i++) if (bytes[at + i] !== key.bytes[i]) return false
    return true
  }
  for (let i = 0; i < last; i++) if (view.getInt32(at + i * 4, true) !== words[i]) return false
  return view.getInt32(at + key.bytes.length - 4, true) === words[last]
}

/** True when any byte of the range is not ASCII; `view` is a DataView over `bytes`. */
export function hasHighBit(bytes: Uint8Array, view: DataView, start: number, end: number): boolean {
  let at = start
  for (const last = end - 4; at <= last; at += 4) if ((view.getInt32(at, true) & 0x80808080) !== 0) return true
  for (; at < end; at++) if ((bytes[at] as number) > 127) return true
  return false
}
