/** What stands in place of a value that is not shown, as the semantic conventions advise for `url.query`. */
export const REDACTED = 'REDACTED'

/** What of an entry may carry secrets, and how much of it is shown. Names may hold `*` for any characters and match in any case. */
export interface RedactionOptions {
  /** `values`: names stay, values become `REDACTED`; `whole`: the query is left out; `none`: shown as it is. */
  readonly query: 'values' | 'whole' | 'none'
  /** Names of query parameters whose values are shown. */
  readonly queryAllowed: readonly string[]
  /** Names of logged headers and trailers that become attributes at all. */
  readonly headers: readonly string[]
  /** Names of headers whose values are shown; those of others become `REDACTED`. */
  readonly headersAllowed: readonly string[]
}

/** True for names that one of the patterns matches. */
export function nameMatcher(patterns: readonly string[]): (name: string) => boolean {
  const expressions = patterns.map((pattern) => new RegExp(`^${pattern.split('*').map(escaped).join('.*')}$`, 'is'))
  return (name) => expressions.some((expression) => expression.test(name))
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}

/** Applies `RedactionOptions`. */
export class Redaction {
  readonly query: RedactionOptions['query']
  /** True when no value of a query is shown, so that `redactQuery` does what `queryText` does. */
  readonly isPlain: boolean
  readonly #showsParameter: (name: string) => boolean
  readonly #hasHeader: (name: string) => boolean
  readonly #showsHeader: (name: string) => boolean

  constructor(options: RedactionOptions) {
    this.query = options.query
    this.isPlain = options.query === 'values' && options.queryAllowed.length === 0
    this.#showsParameter = nameMatcher(options.queryAllowed)
    this.#hasHeader = nameMatcher(options.headers)
    this.#showsHeader = nameMatcher(options.headersAllowed)
  }

  /** How a header of a name is treated. Pseudo-headers are left out: they repeat the path, query and all. */
  header(name: string): 'left_out' | 'shown' | 'redacted' {
    if (name.startsWith(':') || !this.#hasHeader(name)) return 'left_out'
    return this.#showsHeader(name) ? 'shown' : 'redacted'
  }

  /** A query string (without `?`) as it may be shown; empty when it is left out. */
  queryText(query: string): string {
    if (this.query === 'none' || query === '') return query
    if (this.query === 'whole') return ''
    return query
      .split('&')
      .map((parameter) => {
        const equals = parameter.indexOf('=')
        // Without `=` it cannot be told whether it is a name or a value.
        if (equals < 0) return parameter === '' || this.#showsParameter(parameter) ? parameter : REDACTED
        const name = parameter.slice(0, equals)
        return equals === parameter.length - 1 || this.#showsParameter(decoded(name)) ? parameter : `${name}=${REDACTED}`
      })
      .join('&')
  }

  /** A path or URL with its query redacted, and without user information and fragment. */
  urlText(url: string): string {
    const fragment = url.indexOf('#')
    const plain = (fragment < 0 ? url : url.slice(0, fragment)).replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/?@]*@/i, `$1${REDACTED}@`)
    if (this.query === 'none') return plain
    const mark = plain.indexOf('?')
    if (mark < 0) return plain
    const query = this.queryText(plain.slice(mark + 1))
    return query === '' ? plain.slice(0, mark) : `${plain.slice(0, mark)}?${query}`
  }
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name)
  } catch {
    return name
  }
}

/** Longest query that `redactQuery` takes, and what it may become. */
export const QUERY_BYTES_MAX = 2048
export const REDACTED_QUERY_BYTES_MAX = QUERY_BYTES_MAX * 5 + REDACTED.length

const AMPERSAND = 0x26
const EQUALS = 0x3d
const REDACTED_BYTES = new TextEncoder().encode(REDACTED)

/** `Redaction.queryText` without a string, where no parameter is shown: writes into `out` from `outAt` on and returns where it ends. */
export function redactQuery(bytes: Uint8Array, start: number, end: number, out: Uint8Array, outAt = 0): number {
  let at = outAt
  for (let p = start; p <= end; p++) {
    const parameterEnd = until(bytes, AMPERSAND, p, end)
    const nameEnd = until(bytes, EQUALS, p, parameterEnd)
    // A parameter without `=` may be a value; an empty value hides nothing.
    if (nameEnd < parameterEnd) {
      while (p <= nameEnd) out[at++] = bytes[p++] as number
    }
    if (p < parameterEnd) for (const byte of REDACTED_BYTES) out[at++] = byte
    if (parameterEnd < end) out[at++] = AMPERSAND
    p = parameterEnd
  }
  return at
}

function until(bytes: Uint8Array, byte: number, start: number, end: number): number {
  let p = start
  while (p < end && bytes[p] !== byte) p++
  return p
}
