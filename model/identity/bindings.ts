import { CLAIMS_MAX } from './claim_rule.ts'
import type { ObjectDecoder } from './decode.ts'
import { OBJECT_HEADER_WORDS } from './encode.ts'
import type { Journal, Moved } from './journal.ts'
import type { Key } from './key.ts'
import {
  BINDING_BY_PORT,
  CLAIM_WORDS,
  ClaimFlag,
  ClaimLayout,
  claimCount,
  claimsOffset,
  claimWords,
  isTextKey,
  KEY_WORDS,
  KeyKind,
  Rank,
  timeAt,
  timeHigh,
  timeLow,
} from './layout.ts'
import { nameOf } from './object_keys.ts'

/** What an object says about one key: that it has been its own since then, until then. */
export interface Claim {
  /** Where the record of the claimant is. */
  readonly object: number
  /** Rank, `ClaimFlag`s and source. */
  readonly flags: number
  readonly fromMs: number
  readonly untilMs: number
  readonly terminatingMs: number
}

/** Claims of one rank about one key that have ended and are remembered. */
const ENDED_MAX = 3
/** The same for host-network pods, of which one address has many. */
const ENDED_HOST_MAX = 16

/** Reads the claims of a binding; none for address 0. */
export function readClaims(words: Int32Array, binding: number): Claim[] {
  const header = words[binding] ?? 0
  const stride = claimWords(header)
  const start = binding + claimsOffset(header)
  const claims: Claim[] = []
  const count = binding === 0 ? 0 : Math.min(claimCount(header), CLAIMS_MAX)
  for (let i = 0; i < count; i++) {
    const at = start + i * stride
    claims.push({
      object: words[at] ?? 0,
      flags: words[at + 1] ?? 0,
      fromMs: stride > 2 ? timeAt(words, at + 2) : 0,
      untilMs: stride > 4 ? timeAt(words, at + 4) : Number.POSITIVE_INFINITY,
      terminatingMs: stride > 4 ? timeAt(words, at + 6) : Number.POSITIVE_INFINITY,
    })
  }
  return claims
}

/**
 * The claims in order: by rank, the newest first, then by name. Of those that have ended, only the last few of each rank;
 * undefined when there are more than fit.
 */
export function orderedClaims(claims: readonly Claim[], decoder: ObjectDecoder): Claim[] | undefined {
  if (claims.length < 2) return [...claims]
  const nameOfClaim = (claim: Claim): string => nameOf(decoder.object(claim.object))
  const sorted = [...claims].sort((one, other) => {
    const order = (one.flags & ClaimFlag.rank) - (other.flags & ClaimFlag.rank) || other.fromMs - one.fromMs
    if (order !== 0) return order
    const [a, b] = [nameOfClaim(one), nameOfClaim(other)]
    return a < b ? -1 : a > b ? 1 : one.object - other.object
  })
  const kept = sorted.filter((claim) => claim.untilMs === Number.POSITIVE_INFINITY || endedAfter(claim, sorted) < endedMax(claim))
  return kept.length <= CLAIMS_MAX ? kept : undefined
}

/** How many claims like this one ended after it. */
function endedAfter(claim: Claim, claims: readonly Claim[]): number {
  const alike = claims.filter((other) => other.untilMs !== Number.POSITIVE_INFINITY && (other.flags & 0xff) === (claim.flags & 0xff))
  return alike.filter((other) => other.untilMs > claim.untilMs || (other.untilMs === claim.untilMs && alike.indexOf(other) < alike.indexOf(claim))).length
}

function endedMax(claim: Claim): number {
  return (claim.flags & ClaimFlag.isHost) === 0 ? ENDED_MAX : ENDED_HOST_MAX
}

/** Appends a binding of the key that `key` is set to; returns its address. */
export function appendBinding(journal: Journal, key: Key, claims: readonly Claim[], serial: number): number {
  const keyWords = KEY_WORDS[key.kind] as number
  // Interned before the record begins, so that it lies in one piece.
  const atoms = key.isText ? [journal.text(key.a), keyWords > 1 ? journal.text(key.b) : 0] : undefined
  const address = reserveBinding(journal, key.kind, claims, serial)
  for (let i = 0; i < keyWords; i++) journal.words[address + 2 + i] = (atoms?.[i] ?? key.words[i]) as number
  return address
}

/** Appends a binding with the key of another one in the same journal; returns its address. */
export function rewriteBinding(journal: Journal, binding: number, claims: readonly Claim[], serial: number): number {
  const kind = (journal.words[binding] as number) & 0xff
  const address = reserveBinding(journal, kind, claims, serial)
  for (let i = 0; i < (KEY_WORDS[kind] as number); i++) journal.words[address + 2 + i] = journal.words[binding + 2 + i] as number
  return address
}

/** Copies a binding into another journal, together with what it speaks of. */
export function copyBinding(journal: Journal, from: Journal, binding: number, moved: Moved): number {
  const header = from.words[binding] as number
  const keyWords = isTextKey(header & 0xff) ? (KEY_WORDS[header & 0xff] as number) : 0
  const stride = claimWords(header)
  const start = claimsOffset(header)
  const words = bindingWords(header)
  // What it speaks of goes first, so that the binding lies in one piece.
  for (let i = 0; i < keyWords; i++) journal.copyAtom(from, from.words[binding + 2 + i] as number, moved)
  for (let at = start; at < words; at += stride) copyObject(journal, from, from.words[binding + at] as number, moved)
  const copy = journal.copy(from.words, binding, words)
  for (let i = 2; i < 2 + keyWords; i++) journal.words[copy + i] = moved.get(from.words[binding + i] as number)
  for (let at = start; at < words; at += stride) journal.words[copy + at] = moved.get(from.words[binding + at] as number)
  return copy
}

/** Copies an object into another journal, unless it is there. */
export function copyObject(journal: Journal, from: Journal, object: number, moved: Moved): number {
  const known = moved.get(object)
  if (known !== 0) return known
  const firstAtom = object + OBJECT_HEADER_WORDS
  const atoms = from.words[object + 1] as number
  for (let i = 0; i < atoms; i++) journal.copyAtom(from, from.words[firstAtom + i] as number, moved)
  const copy = journal.copy(from.words, object, (from.words[object] as number) >>> 16)
  for (let i = 0; i < atoms; i++) journal.words[copy + OBJECT_HEADER_WORDS + i] = moved.get(from.words[firstAtom + i] as number)
  moved.set(object, copy)
  return copy
}

/** Words of a binding. */
export function bindingWords(header: number): number {
  return claimsOffset(header) + claimCount(header) * claimWords(header)
}

/** Appends a binding whose key words are still to be written. */
function reserveBinding(journal: Journal, kind: number, claims: readonly Claim[], serial: number): number {
  const layout = layoutOf(claims)
  const stride = CLAIM_WORDS[layout] as number
  const header = kind | (layout << 8) | (isByPort(kind, claims) ? BINDING_BY_PORT << 12 : 0) | (claims.length << 16)
  const address = journal.reserve(bindingWords(header))
  const { words } = journal
  words[address] = header
  words[address + 1] = serial
  let at = address + claimsOffset(header)
  for (const claim of claims) {
    words[at] = claim.object
    words[at + 1] = claim.flags
    if (layout !== ClaimLayout.timeless) writeTime(words, at + 2, claim.fromMs)
    if (layout === ClaimLayout.full) {
      writeTime(words, at + 4, claim.untilMs)
      writeTime(words, at + 6, claim.terminatingMs)
    }
    at += stride
  }
  return address
}

function layoutOf(claims: readonly Claim[]): ClaimLayout {
  const open = Number.POSITIVE_INFINITY
  if (claims.some(({ untilMs, terminatingMs }) => untilMs !== open || terminatingMs !== open)) return ClaimLayout.full
  return claims.some(({ fromMs }) => fromMs !== 0) ? ClaimLayout.open : ClaimLayout.timeless
}

function isByPort(kind: number, claims: readonly Claim[]): boolean {
  if (kind >= KeyKind.virtual4 && kind <= KeyKind.cidr6) return true
  if (kind > KeyKind.address6) return false
  return claims.some(({ flags }) => (flags & ClaimFlag.isHost) !== 0 || (flags & ClaimFlag.rank) === Rank.node)
}

function writeTime(words: Int32Array, at: number, ms: number): void {
  words[at] = timeHigh(ms)
  words[at + 1] = timeLow(ms)
}
