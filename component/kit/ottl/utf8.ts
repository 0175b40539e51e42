// Lengths and places in texts are bytes of UTF-8 in OTTL.

/** Bytes of the text in UTF-8. */
export function utf8Length(text: string): number {
  return Buffer.byteLength(text)
}

/** The beginning of the text that is at most `bytes` long; a character is never cut. */
export function cutBytes(text: string, bytes: number): string {
  const whole = Buffer.from(text)
  let end = Math.min(bytes, whole.length)
  while (end > 0 && end < whole.length && isContinuation(whole[end])) end--
  return whole.toString('utf8', 0, end)
}

/** The bytes from `start` up to `end`, without parts of characters at both ends. */
export function sliceBytes(text: string, start: number, end: number): string {
  const whole = Buffer.from(text)
  let from = start
  let to = end
  while (from < whole.length && isContinuation(whole[from])) from++
  while (to > from && to < whole.length && isContinuation(whole[to])) to--
  return to <= from ? '' : whole.toString('utf8', from, to)
}

function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80
}
