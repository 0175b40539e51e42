/**
 * Makes a text fit to be a label value: at most `bytesMax` bytes of UTF-8, cut at the end of a character, and without
 * NUL, which separates values in keys.
 */
export function labelValue(text: string, bytesMax: number): string {
  const clean = text.includes('\u0000') ? text.replaceAll('\u0000', '\uFFFD') : text
  if (!isTooLong(clean, bytesMax)) return clean
  const bytes = Buffer.from(clean)
  let end = bytesMax
  // A byte of the form 10xxxxxx continues a character that began before it.
  while (end > 0 && ((bytes[end] as number) & 0xc0) === 0x80) end--
  return bytes.toString('utf8', 0, end)
}

/** True when `labelValue` would cut the text. */
export function isTooLong(text: string, bytesMax: number): boolean {
  return text.length * 3 > bytesMax && Buffer.byteLength(text) > bytesMax
}
