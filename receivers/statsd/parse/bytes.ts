/** Bytes that mean something in a statsD line, and the few ways of looking for them. */
export const LF = 0x0a
export const CR = 0x0d
export const HASH = 0x23
export const PLUS = 0x2b
export const COMMA = 0x2c
export const MINUS = 0x2d
export const DOT = 0x2e
export const ZERO = 0x30
export const COLON = 0x3a
export const SEMICOLON = 0x3b
export const EQUALS = 0x3d
export const AT = 0x40
export const UNDERSCORE = 0x5f
export const PIPE = 0x7c

/** The first place of `wanted` in `bytes[start, end)`, or -1. Lines are short: a loop beats the call of `indexOf`. */
export function find(bytes: Uint8Array, wanted: number, start: number, end: number): number {
  for (let at = start; at < end; at++) if (bytes[at] === wanted) return at
  return -1
}

/** The first place of `wanted` in `bytes[start, end)`, or `end`. */
export function findOrEnd(bytes: Uint8Array, wanted: number, start: number, end: number): number {
  const at = find(bytes, wanted, start, end)
  return at < 0 ? end : at
}

/** The first place of either byte in `bytes[start, end)`, or `end`. */
export function findEither(bytes: Uint8Array, one: number, other: number, start: number, end: number): number {
  for (let at = start; at < end; at++) {
    const byte = bytes[at]
    if (byte === one || byte === other) return at
  }
  return end
}

/** The first place at or after `start` that is not blank, at most `end`. */
export function skipBlanks(bytes: Uint8Array, start: number, end: number): number {
  let at = start
  while (at < end && isBlank(bytes[at] as number)) at++
  return at
}

/** The end of `bytes[start, end)` without the blanks before it. */
export function trimEnd(bytes: Uint8Array, start: number, end: number): number {
  let at = end
  while (at > start && isBlank(bytes[at - 1] as number)) at--
  return at
}

/** Space, tab and other white space; NUL too, which clients in C send along. */
function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0 || (byte >= 0x09 && byte <= CR)
}

/** Whether `bytes[start, …)` begins with `text`, which is ASCII, and does so before `end`. */
export function startsWith(bytes: Uint8Array, start: number, end: number, text: string): boolean {
  if (end - start < text.length) return false
  for (let i = 0; i < text.length; i++) if (bytes[start + i] !== text.charCodeAt(i)) return false
  return true
}
