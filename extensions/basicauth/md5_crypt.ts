import { createHash } from 'node:crypto'

/** Rounds of the MD5 based crypt, which are fixed. */
const ROUNDS = 1000
/** Which bytes of the digest stand in which group of the text. */
const GROUPS = [
  [0, 6, 12],
  [1, 7, 13],
  [2, 8, 14],
  [3, 9, 15],
  [4, 10, 5],
] as const

/**
 * The MD5 based crypt of FreeBSD (magic `$1$`) and of Apache (`$apr1$`; https://httpd.apache.org/docs/2.4/misc/password_encryptions.html):
 * the digest part, 22 characters.
 */
export function md5Crypt(password: string, salt: string, magic: '$1$' | '$apr1$'): string {
  const key = Buffer.from(password)
  const saltBytes = Buffer.from(salt)
  const inner = md5(key, saltBytes, key)
  const parts: Uint8Array[] = [key, Buffer.from(magic), saltBytes]
  for (let left = key.length; left > 0; left -= 16) parts.push(inner.subarray(0, Math.min(16, left)))
  for (let bits = key.length; bits > 0; bits >>= 1) parts.push((bits & 1) === 1 ? Uint8Array.of(0) : key.subarray(0, 1))
  let digest = md5(...parts)
  for (let i = 0; i < ROUNDS; i++) {
    const isOdd = i % 2 === 1
    const round: Uint8Array[] = [isOdd ? key : digest]
    if (i % 3 !== 0) round.push(saltBytes)
    if (i % 7 !== 0) round.push(key)
    round.push(isOdd ? digest : key)
    digest = md5(...round)
  }
  const text = GROUPS.map(([a, b, c]) => crypt64(((digest[a] as number) << 16) | ((digest[b] as number) << 8) | (digest[c] as number), 4))
  return text.join('') + crypt64(digest[11] as number, 2)
}

function md5(...parts: readonly Uint8Array[]): Buffer {
  const hash = createHash('md5')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

const DIGITS = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** The low 6 × `length` bits of a number in the digits of crypt(3), lowest first. */
export function crypt64(bits: number, length: number): string {
  let text = ''
  for (let left = length, rest = bits; left > 0; left--, rest >>>= 6) text += DIGITS[rest & 63] as string
  return text
}
