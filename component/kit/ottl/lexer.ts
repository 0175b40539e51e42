import { OttlError } from './errors.ts'

/** Longest statement or condition, in UTF-16 units. */
export const STATEMENT_LENGTH_MAX = 65_536

/**
 * A piece of a statement. `value` is what a literal means: the unescaped text of a string, the number of an int or float, the bytes
 * after `0x`. Names are any run of letters, digits and underscores.
 */
export type Token =
  | { readonly kind: 'name' | 'symbol' | 'end'; readonly text: string; readonly offset: number }
  | { readonly kind: 'string'; readonly text: string; readonly offset: number; readonly value: string }
  | { readonly kind: 'int'; readonly text: string; readonly offset: number; readonly value: bigint }
  | { readonly kind: 'float'; readonly text: string; readonly offset: number; readonly value: number }
  | { readonly kind: 'bytes'; readonly text: string; readonly offset: number; readonly value: Uint8Array }

const TOKEN =
  /\s+|(?<bytes>0x[0-9a-fA-F]+)|(?<float>(?:\d+\.\d*|\.\d+)(?:[eE][-+]?\d+)?)|(?<int>\d+)|(?<string>"(?:\\[^]|[^\\"])*")|(?<name>[A-Za-z_][A-Za-z0-9_]*)|(?<symbol>==|!=|>=|<=|=>|[-+*/<>=(){}[\],.:])/y

const INT64_MAX = 2n ** 63n - 1n

/**
 * Cuts OTTL text into tokens, the last of which is `end`. Throws `OttlError` at what is no token.
 * Grammar: https://github.com/open-telemetry/opentelemetry-collector-contrib/blob/main/pkg/ottl/LANGUAGE.md
 */
export function tokenize(text: string): Token[] {
  if (text.length > STATEMENT_LENGTH_MAX) {
    throw new OttlError({ problem: 'statement too long', offset: 0, expected: `at most ${STATEMENT_LENGTH_MAX} characters` })
  }
  const tokens: Token[] = []
  const pattern = new RegExp(TOKEN)
  while (pattern.lastIndex < text.length) {
    const offset = pattern.lastIndex
    const groups = pattern.exec(text)?.groups
    if (groups === undefined) throw unreadable(text, offset)
    const token = tokenOf(groups, text.slice(offset, pattern.lastIndex), offset)
    if (token !== undefined) tokens.push(token)
  }
  tokens.push({ kind: 'end', text: '', offset: text.length })
  return tokens
}

function tokenOf(groups: Readonly<Record<string, string | undefined>>, text: string, offset: number): Token | undefined {
  if (groups['name'] !== undefined) return { kind: 'name', text, offset }
  if (groups['symbol'] !== undefined) return { kind: 'symbol', text, offset }
  if (groups['string'] !== undefined) return { kind: 'string', text, offset, value: unquote(text, offset) }
  if (groups['int'] !== undefined) return { kind: 'int', text, offset, value: int64(text, offset) }
  if (groups['float'] !== undefined) return { kind: 'float', text, offset, value: Number(text) }
  if (groups['bytes'] !== undefined) return { kind: 'bytes', text, offset, value: hexBytes(text.slice(2), offset) }
  return undefined
}

function unreadable(text: string, offset: number): OttlError {
  if (text[offset] === '"') return new OttlError({ problem: 'text without an end', offset, expected: 'a closing "' })
  const char = String.fromCodePoint(text.codePointAt(offset) ?? 0)
  if (char === "'" || char === '`') return new OttlError({ problem: `unexpected ${char}`, offset, hint: 'put text into double quotes' })
  if (char === '&' || char === '|') return new OttlError({ problem: `unexpected ${char}`, offset, hint: `write ${char === '&' ? 'and' : 'or'}` })
  if (char === '!') return new OttlError({ problem: 'unexpected !', offset, hint: 'write not' })
  return new OttlError({ problem: `unexpected ${char}`, offset })
}

function int64(text: string, offset: number): bigint {
  const value = BigInt(text)
  if (value > INT64_MAX) throw new OttlError({ problem: 'number too large', offset, expected: `an integer up to ${INT64_MAX}` })
  return value
}

function hexBytes(digits: string, offset: number): Uint8Array {
  if (digits.length % 2 !== 0) throw new OttlError({ problem: 'odd number of hex digits', offset, expected: 'two digits for each byte' })
  return Uint8Array.from(Buffer.from(digits, 'hex'))
}

const ESCAPES: Readonly<Record<string, string>> = { a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v', '\\': '\\', '"': '"' }

/** The text between quotes with the escapes of Go's string literals (https://go.dev/ref/spec#String_literals). */
function unquote(quoted: string, start: number): string {
  const inner = quoted.slice(1, -1)
  if (!/[\\\n]/.test(inner)) return inner
  const newline = inner.indexOf('\n')
  if (newline >= 0) throw new OttlError({ problem: 'line break inside text', offset: start + 1 + newline, hint: String.raw`write \n for a line break` })
  return inner.replaceAll(/\\(?:x([0-9a-fA-F]{2})|([0-3][0-7]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([^]))/g, (all: string, ...parts: unknown[]) => {
    const [hex, octal, short, long, char] = parts as (string | undefined)[]
    const offset = start + 1 + (parts.find((part) => typeof part === 'number') as number)
    if (char !== undefined) {
      const known = Object.hasOwn(ESCAPES, char) ? ESCAPES[char] : undefined
      if (known === undefined) throw new OttlError({ problem: `unknown escape ${all}`, offset, hint: `write \\${all} for a backslash, as in a pattern` })
      return known
    }
    const code = Number.parseInt(hex ?? short ?? long ?? octal ?? '', octal === undefined ? 16 : 8)
    if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) throw new OttlError({ problem: `no such character ${all}`, offset })
    return String.fromCodePoint(code)
  })
}
