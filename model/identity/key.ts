import { finished, mixed, textHash, wordsHash } from './hash.ts'
import { parseIp, prefixBits } from './ip.ts'
import { isTextKey, KEY_WORDS, KeyKind } from './layout.ts'

/** Hex digits of a container id that stand in its key. */
export const CONTAINER_DIGITS = 12

/**
 * A key to look for, reused for one look-up after another: setting it creates nothing. Each `set…` returns false when the
 * text cannot be a key of that kind.
 */
export class Key {
  kind: KeyKind = KeyKind.host
  /** Words of a key that is no text. */
  readonly words = new Int32Array(5)
  /** Texts of a key that is one. */
  a = ''
  b = ''
  hash = 0
  readonly #ip = new Int32Array(4)

  setAddress(ip: string, seed: number): boolean {
    const family = parseIp(ip, this.words)
    this.kind = family === 4 ? KeyKind.address4 : KeyKind.address6
    return family !== 0 && this.#hashWords(seed)
  }

  /** An address that a service has, without prefix length. */
  setVirtual(ip: string, seed: number): boolean {
    const family = parseIp(ip, this.words)
    this.kind = family === 4 ? KeyKind.virtual4 : KeyKind.virtual6
    return family !== 0 && this.#hashWords(seed)
  }

  /** The block of `bits` that the address in `ip` is in. */
  setBlock(ip: Int32Array, family: 4 | 6, bits: number, seed: number): boolean {
    this.kind = family === 4 ? KeyKind.cidr4 : KeyKind.cidr6
    this.words[0] = bits
    const words = family === 4 ? 1 : 4
    for (let i = 0; i < words; i++) {
      const kept = Math.min(32, Math.max(0, bits - i * 32))
      this.words[i + 1] = kept === 0 ? 0 : (ip[i] as number) & (-1 << (32 - kept))
    }
    return this.#hashWords(seed)
  }

  /** A block as text, `10.0.0.0/8`. */
  setCidr(cidr: string, seed: number): boolean {
    const slash = cidr.indexOf('/')
    const family = slash < 0 ? 0 : parseIp(cidr.slice(0, slash), this.#ip)
    const bits = family === 0 ? -1 : prefixBits(cidr, slash, family)
    return family !== 0 && bits >= 0 && this.setBlock(this.#ip, family, bits, seed)
  }

  setUid(uid: string, seed: number): boolean {
    if (uid === '') return false
    if (!parseUuid(uid, this.words, 0)) return this.setTexts(KeyKind.uidText, uid, '', seed)
    this.kind = KeyKind.uid
    return this.#hashWords(seed)
  }

  /** `id`: at least twelve hex digits, of which the first twelve make the key. */
  setContainer(id: string, seed: number): boolean {
    if (id.length < CONTAINER_DIGITS) return false
    const high = hexWord(id, 0, 6)
    const low = hexWord(id, 6, 6)
    if (high < 0 || low < 0) return false
    this.kind = KeyKind.container
    this.words[0] = high
    this.words[1] = low
    return this.#hashWords(seed)
  }

  setTexts(kind: KeyKind, a: string, b: string, seed: number): boolean {
    this.kind = kind
    this.a = a
    this.b = b
    const first = textHash(seed, a)
    this.hash = finished(mixed(mixed(first, KEY_WORDS[kind] === 2 ? textHash(seed, b) : 0), kind))
    return true
  }

  /** What the words of this key are. */
  get isText(): boolean {
    return isTextKey(this.kind)
  }

  #hashWords(seed: number): boolean {
    this.hash = wordsHash(seed ^ this.kind, this.words, 0, KEY_WORDS[this.kind] as number)
    return true
  }
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))
const UUID_LENGTH = 36
const HEX_ZERO = 0x30
const HEX_NINE = 0x39

/** Reads a UUID in lower case, as Kubernetes writes it, into four words; false for any other text. */
export function parseUuid(text: string, words: Int32Array, at: number): boolean {
  if (text.length !== UUID_LENGTH) return false
  let digits = 0
  let word = 0
  for (let i = 0; i < UUID_LENGTH; i++) {
    const code = text.charCodeAt(i)
    if (i === 8 || i === 13 || i === 18 || i === 23) {
      if (code !== 0x2d) return false
      continue
    }
    const digit = lowerHexDigit(code)
    if (digit < 0) return false
    word = (word << 4) | digit
    if (++digits % 8 === 0) words[at + digits / 8 - 1] = word
  }
  return true
}

/** The text of the UUID in four words. */
export function formatUuid(words: ArrayLike<number>, at: number): string {
  const hex = hexText(words, at, 4)
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

/** Reads 64 hex digits in lower case into eight words; false for any other text. */
export function parseContainerId(text: string, words: number[]): boolean {
  if (text.length !== 64) return false
  for (let i = 0; i < 64; i += 4) if (hexWord(text, i, 4) < 0) return false
  for (let i = 0; i < 64; i += 8) words.push((hexWord(text, i, 4) << 16) | hexWord(text, i + 4, 4))
  return true
}

/** The digits of `count` words. */
export function hexText(words: ArrayLike<number>, at: number, count: number): string {
  let text = ''
  for (let i = at; i < at + count; i++) {
    const word = words[i] as number
    text += `${HEX[word >>> 24] as string}${HEX[(word >>> 16) & 255] as string}${HEX[(word >>> 8) & 255] as string}${HEX[word & 255] as string}`
  }
  return text
}

/** The number that up to seven hex digits are; -1 when one is none. */
function hexWord(text: string, at: number, count: number): number {
  let word = 0
  for (let i = at; i < at + count; i++) {
    const digit = lowerHexDigit(text.charCodeAt(i))
    if (digit < 0) return -1
    word = (word << 4) | digit
  }
  return word
}

function lowerHexDigit(code: number): number {
  if (code >= HEX_ZERO && code <= HEX_NINE) return code - HEX_ZERO
  return code >= 0x61 && code <= 0x66 ? code - 0x57 : -1
}
