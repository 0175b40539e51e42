const encoder = new TextEncoder()

/** The bytes of a map key that the decoder looks for. */
export function keyBytes(key: string): Uint8Array {
  return encoder.encode(key)
}

/** True when `key` stands at `at`; the caller has compared the lengths. */
export function bytesAt(bytes: Uint8Array, at: number, key: Uint8Array): boolean {
  for (let i = 0; i < key.length; i++) if (bytes[at + i] !== key[i]) return false
  return true
}

/** True when any byte of the range is not ASCII; `view` is a DataView over `bytes`. */
export function hasHighBit(bytes: Uint8Array, view: DataView, start: number, end: number): boolean {
  let at = start
  for (const last = end - 4; at <= last; at += 4) if ((view.getInt32(at, true) & 0x80808080) !== 0) return true
  for (; at < end; at++) if ((bytes[at] as number) > 127) return true
  return false
}
