import { createHash, timingSafeEqual } from 'node:crypto'
import { compare, getRounds } from 'bcryptjs'
import { md5Crypt } from './md5_crypt.ts'
import { DEFAULT_ROUNDS, shaCrypt } from './sha_crypt.ts'

/** Checking a password that took longer would let a few requests occupy a thread. */
const BCRYPT_COST_MAX = 14
const ROUNDS_MAX = 1_000_000

/** The users of a password file, and what is wrong with its other lines. */
export interface Htpasswd {
  /** What stands after the colon, by user; of several lines for one user the first. */
  readonly users: ReadonlyMap<string, string>
  readonly problems: readonly HtpasswdProblem[]
}

/** A line that cannot be used. It holds nothing of the line itself, which may be a password. */
export interface HtpasswdProblem {
  /** From 1. */
  readonly line: number
  readonly problem: string
  readonly expected: string
}

/**
 * Reads lines of `user:password` as the htpasswd program writes them: bcrypt, apr1, SHA-1, crypt(3) with MD5, SHA-256 and
 * SHA-512, or the password itself. Empty lines and those that begin with # are left out.
 */
export function parseHtpasswd(text: string): Htpasswd {
  const users = new Map<string, string>()
  const problems: HtpasswdProblem[] = []
  text.split('\n').forEach((raw, index) => {
    const line = raw.trim()
    if (line === '' || line.startsWith('#')) return
    const colon = line.indexOf(':')
    const fault = colon < 1 ? { problem: 'no user', expected: 'user:password' } : faultOf(line.slice(colon + 1))
    if (fault !== undefined) problems.push({ line: index + 1, ...fault })
    else if (!users.has(line.slice(0, colon))) users.set(line.slice(0, colon), line.slice(colon + 1))
  })
  return { users, problems }
}

const SUPPORTED = 'a hash that starts with $2a$, $2b$ or $2y$ (bcrypt), $apr1$, $1$, $5$, $6$, {SHA} or {SSHA}, or a plain password'
const BCRYPT = /^\$2[aby]\$\d\d\$[./0-9A-Za-z]{53}$/
const MD5_CRYPT = /^(\$apr1\$|\$1\$)([^$]{0,8})\$([./0-9A-Za-z]{22})$/
const SHA_CRYPT = /^(\$5\$|\$6\$)(?:rounds=(\d{1,9})\$)?([^$]{0,16})\$([./0-9A-Za-z]{43}|[./0-9A-Za-z]{86})$/
const SHA1 = /^\{(SHA|SSHA)\}([0-9A-Za-z+/]+={0,2})$/
const SHA1_BYTES = 20

function faultOf(hash: string): Omit<HtpasswdProblem, 'line'> | undefined {
  if (BCRYPT.test(hash)) {
    if (getRounds(hash) <= BCRYPT_COST_MAX) return undefined
    return { problem: 'bcrypt cost too high', expected: `at most ${BCRYPT_COST_MAX}: a check takes as long as 2^cost` }
  }
  const [, , rounds] = SHA_CRYPT.exec(hash) ?? []
  if (rounds !== undefined && Number(rounds) > ROUNDS_MAX) return { problem: 'too many rounds', expected: `at most ${ROUNDS_MAX}` }
  const isKnown = MD5_CRYPT.test(hash) || SHA_CRYPT.test(hash) || isSha1(hash)
  if (isKnown || !/^[${]/.test(hash)) return undefined
  return { problem: 'unknown kind of hash', expected: SUPPORTED }
}

function isSha1(hash: string): boolean {
  const [, kind, digest] = SHA1.exec(hash) ?? []
  if (digest === undefined) return false
  const { length } = Buffer.from(digest, 'base64')
  return kind === 'SHA' ? length === SHA1_BYTES : length > SHA1_BYTES
}

/** True when `password` is the one that `hash`, from `parseHtpasswd`, was made of. A promise where it takes long (bcrypt). */
export function verifyPassword(password: string, hash: string): boolean | Promise<boolean> {
  if (BCRYPT.test(hash)) return compare(password, hash)
  const [, md5Magic, md5Salt = '', md5Digest] = MD5_CRYPT.exec(hash) ?? []
  if (md5Digest !== undefined) return isSame(md5Crypt(password, md5Salt, md5Magic as '$1$' | '$apr1$'), md5Digest)
  const [, magic, rounds, salt = '', digest] = SHA_CRYPT.exec(hash) ?? []
  if (digest !== undefined) {
    const made = shaCrypt(password, salt, { magic: magic as '$5$' | '$6$', rounds: rounds === undefined ? DEFAULT_ROUNDS : Number(rounds) })
    return isSame(made, digest)
  }
  const [, , sha1] = SHA1.exec(hash) ?? []
  if (sha1 !== undefined && isSha1(hash)) {
    const bytes = Buffer.from(sha1, 'base64')
    const made = createHash('sha1').update(password).update(bytes.subarray(SHA1_BYTES)).digest()
    return timingSafeEqual(made, bytes.subarray(0, SHA1_BYTES))
  }
  return isSame(password, hash)
}

/** Compares digests of both, so that the time tells nothing about where they differ. */
function isSame(a: string, b: string): boolean {
  const digestOf = (text: string): Buffer => createHash('sha256').update(text).digest()
  return timingSafeEqual(digestOf(a), digestOf(b))
}
