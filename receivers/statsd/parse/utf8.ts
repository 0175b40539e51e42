/**
 * Whether `bytes[start, end)` is UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF. By hand,
 * because the built-in one wants a view, an object per line.
 */
export function isUtf8(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; ) {
    const first = bytes[at] as number
    const length = first < 0x80 ? 1 : lengthAfter(first)
    if (length === 0 || at + length > end) return false
    if (length > 1) {
      const second = bytes[at + 1] as number
      if (second < lowestSecond(first) || second > highestSecond(first)) return false
      for (let i = 2; i < length; i++) if (((bytes[at + i] as number) & 0xc0) !== 0x80) return false
    }
    at += length
  }
  return true
}

/** The length of a character that begins with a byte beyond ASCII; 0 when none does. */
function lengthAfter(first: number): number {
  if (first < 0xc2 || first > 0xf4) return 0
  if (first < 0xe0) return 2
  return first < 0xf0 ? 3 : 4
}

function lowestSecond(first: number): number {
  if (first === 0xe0) return 0xa0
  return first === 0xf0 ? 0x90 : 0x80
}

function highestSecond(first: number): number {
  if (first === 0xed) return 0x9f
  return first === 0xf4 ? 0x8f : 0xbf
}
