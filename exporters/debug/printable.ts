/**
 * Characters that could make a terminal do something or make text look like other text: control characters (C0, DEL,
 * C1), line separators, bidirectional overrides and marks, other invisible format characters, lone surrogates.
 */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu

/** Text that is safe to print on one line: unsafe characters are shown as escapes such as `\n`, `\x1b` or `\u{202e}`. */
export function printable(text: string): string {
  // The test spares the usual text a copy.
  return text.search(UNSAFE) < 0 ? text : text.replace(UNSAFE, escaped)
}

/** As `printable`, cut to about `charactersMax` characters with an ellipsis. */
export function printableShort(text: string, charactersMax: number): string {
  return text.length <= charactersMax ? printable(text) : `${printable(text.slice(0, charactersMax).toWellFormed())}…`
}

/** As `printable`, in double quotes where spaces, quotes or emptiness would be unclear. */
export function quoted(text: string): string {
  return /^[^\s"\\={},]+$/.test(text) && text.search(UNSAFE) < 0 ? text : `"${printable(text.replaceAll('\\', '\\\\').replaceAll('"', '\\"'))}"`
}

const NAMED: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

function escaped(character: string): string {
  const named = NAMED[character]
  if (named !== undefined) return named
  const code = character.codePointAt(0) as number
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`
}
