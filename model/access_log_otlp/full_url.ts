import { type AttributeBuffer, attributeKey } from './attribute_buffer.ts'
import { QUERY_BYTES_MAX, REDACTED_QUERY_BYTES_MAX, type Redaction, redactQuery } from './redaction.ts'

const URL_FULL = attributeKey('url.full')
/** Scheme, host and path together; longer URLs go the slow way. */
const PLAIN_BYTES_MAX = 4096

const HASH = 0x23
const SLASH = 0x2f
const QUESTION = 0x3f
const AT = 0x40
const SEPARATOR = [0x3a, SLASH, SLASH]

/**
 * Puts `url.full` together, which the semantic conventions want of clients, from the fields of one row after the other. Redacted
 * as `url.query` is; user information and fragments are never shown. Creates nothing but for long or unusual URLs.
 */
export class FullUrl {
  readonly #redaction: Redaction
  readonly #scratch = new Uint8Array(PLAIN_BYTES_MAX + REDACTED_QUERY_BYTES_MAX)
  readonly #scratchView = new DataView(this.#scratch.buffer)
  #isWanted = false
  #schemeAt = 0
  #schemeEnd = 0
  #hostAt = 0
  #hostEnd = 0
  #pathAt = 0
  #pathEnd = 0

  constructor(redaction: Redaction) {
    this.#redaction = redaction
  }

  /** The next row begins. */
  begin(isWanted: boolean): void {
    this.#isWanted = isWanted
    this.#schemeEnd = this.#schemeAt
    this.#hostEnd = this.#hostAt
    this.#pathEnd = this.#pathAt
  }

  scheme(start: number, end: number): void {
    this.#schemeAt = start
    this.#schemeEnd = end
  }

  /** Host and port as the request has them. */
  host(start: number, end: number): void {
    this.#hostAt = start
    this.#hostEnd = end
  }

  /** Path and query. */
  path(start: number, end: number): void {
    this.#pathAt = start
    this.#pathEnd = end
  }

  /** Writes the attribute of the row, if it has all parts; `bytes` is what their places are in. */
  write(bytes: Uint8Array, out: AttributeBuffer): void {
    if (!this.#isWanted || this.#schemeAt === this.#schemeEnd || this.#hostAt === this.#hostEnd) return
    // Other forms of a request's target are no paths: `*` of OPTIONS, whole URLs of forward proxies.
    if (this.#pathAt === this.#pathEnd || bytes[this.#pathAt] !== SLASH) return
    const length = this.#fill(bytes)
    if (length > 0) out.text(URL_FULL, this.#scratchView, 0, length)
    else out.string(URL_FULL, this.#redaction.urlText(this.#text(bytes)))
  }

  /** Writes the URL into the scratch memory; 0 when it has to go the slow way. */
  #fill(bytes: Uint8Array): number {
    const { query, isPlain } = this.#redaction
    if (this.#schemeEnd - this.#schemeAt + (this.#hostEnd - this.#hostAt) + (this.#pathEnd - this.#pathAt) > PLAIN_BYTES_MAX - SEPARATOR.length) return 0
    const out = this.#scratch
    let at = 0
    for (let p = this.#schemeAt; p < this.#schemeEnd; p++) out[at++] = bytes[p] as number
    for (const byte of SEPARATOR) out[at++] = byte
    for (let p = this.#hostAt; p < this.#hostEnd; p++) {
      // User information, and what no host has.
      if (bytes[p] === AT || bytes[p] === SLASH || bytes[p] === QUESTION || bytes[p] === HASH) return 0
      out[at++] = bytes[p] as number
    }
    let p = this.#pathAt
    for (; p < this.#pathEnd && bytes[p] !== QUESTION; p++) {
      if (bytes[p] === HASH) return 0
      out[at++] = bytes[p] as number
    }
    const isEmpty = p + 1 >= this.#pathEnd
    if (query === 'whole' || (query === 'values' && isEmpty)) return at
    if (query === 'values' && (!isPlain || this.#pathEnd - p > QUERY_BYTES_MAX)) return 0
    for (let q = p; q < this.#pathEnd; q++) if (bytes[q] === HASH) return 0
    if (query === 'values') {
      out[at++] = QUESTION
      return redactQuery(bytes, p + 1, this.#pathEnd, out, at)
    }
    for (; p < this.#pathEnd; p++) out[at++] = bytes[p] as number
    return at
  }

  #text(bytes: Uint8Array): string {
    const textOf = (start: number, end: number): string => Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8')
    return `${textOf(this.#schemeAt, this.#schemeEnd)}://${textOf(this.#hostAt, this.#hostEnd)}${textOf(this.#pathAt, this.#pathEnd)}`
  }
}
