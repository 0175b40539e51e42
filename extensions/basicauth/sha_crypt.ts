import { createHash } from 'node:crypto'
import { crypt64 } from './md5_crypt.ts'

/** How often the digest is taken when the text does not say. */
export const DEFAULT_ROUNDS = 5000
const ROUNDS_MIN = 1000

interface Form {
  readonly hash: 'sha256' | 'sha512'
  /** The first triple of bytes in the text, and how each follows from the one before it. */
  readonly triples: number
  readonly step: number
}

const FORMS: Readonly<Record<'$5$' | '$6$', Form>> = {
  $5$: { hash: 'sha256', triples: 10, step: 10 },
  $6$: { hash: 'sha512', triples: 21, step: 21 },
}

/**
 * The SHA based crypt of glibc (https://www.akkadia.org/drepper/SHA-crypt.txt), `$5$` with SHA-256 and `$6$` with SHA-512: the
 * digest part, 43 or 86 characters.
 */
export function shaCrypt(password: string, salt: string, { magic, rounds }: { readonly magic: '$5$' | '$6$'; readonly rounds: number }): string {
  const form = FORMS[magic]
  const digestOf = (parts: readonly Uint8Array[]): Buffer => {
    const hash = createHash(form.hash)
    for (const part of parts) hash.update(part)
    return hash.digest()
  }
  const key = Buffer.from(password)
  const saltBytes = Buffer.from(salt)
  const inner = digestOf([key, saltBytes, key])
  const first: Uint8Array[] = [key, saltBytes, repeated(inner, key.length)]
  for (let bits = key.length; bits > 0; bits >>= 1) first.push((bits & 1) === 1 ? inner : key)
  let digest = digestOf(first)
  const keySequence = repeated(digestOf(Array.from({ length: key.length }, () => key)), key.length)
  const saltSequence = repeated(digestOf(Array.from({ length: 16 + (digest[0] as number) }, () => saltBytes)), saltBytes.length)
  for (let i = 0; i < Math.max(rounds, ROUNDS_MIN); i++) {
    const isOdd = i % 2 === 1
    const round: Uint8Array[] = [isOdd ? keySequence : digest]
    if (i % 3 !== 0) round.push(saltSequence)
    if (i % 7 !== 0) round.push(keySequence)
    round.push(isOdd ? digest : keySequence)
    digest = digestOf(round)
  }
  return textOf(digest, form)
}

/** The digest in the order of the specification: the three bytes of a group move on by one place in the ring every time. */
function textOf(digest: Uint8Array, { hash, triples, step }: Form): string {
  const at = (index: number): number => digest[index] as number
  let text = ''
  for (let i = 0; i < triples; i++) {
    const group = [i, i + step, i + 2 * step]
    // SHA-256 turns its groups to the right from one to the next, SHA-512 to the left.
    const turn = hash === 'sha256' ? (3 - (i % 3)) % 3 : i % 3
    const [a, b, c] = [group[turn % 3], group[(turn + 1) % 3], group[(turn + 2) % 3]] as [number, number, number]
    text += crypt64((at(a) << 16) | (at(b) << 8) | at(c), 4)
  }
  return hash === 'sha256' ? text + crypt64((at(31) << 8) | at(30), 3) : text + crypt64(at(63), 2)
}

function repeated(bytes: Uint8Array, length: number): Uint8Array {
  const out = new Uint8Array(length)
  for (let at = 0; at < length; at += bytes.length) out.set(bytes.subarray(0, Math.min(bytes.length, length - at)), at)
  return out
}
