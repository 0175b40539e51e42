import type { IdentityResource } from './index.ts'

/**
 * How the identity index lies in shared memory. One thread, the store's, writes; any thread reads at any time.
 *
 * **Journal**: 32-bit words, only ever appended. An address is the index of a record's first word; 0 is none. A record is
 * complete before its address is published and never changes afterwards. Records:
 * - atoms, interned, so that equal ones have one address: texts, lists of texts and lists of numbers.
 *   `[length << 2 | form]`, then the units of the text (bytes, or 16 bits each when it is wide) or the words of the list;
 * - objects: `[kind | flags << 8 | words << 16] [number of atoms]`, then addresses of atoms, then plain words;
 * - bindings: what is claimed about one key. `[key kind | layout << 8 | flags << 12 | number of claims << 16] [serial]`,
 *   then the words of the key (addresses of atoms for texts), then the claims.
 *
 * **Table**: open addressing, per slot `[address of the key's latest binding] [hash of the key]`. A slot's address is 0 until it
 * is taken; a slot, once taken, belongs to its key until the table is replaced, so that readers need no lock.
 *
 * **Control**: version and settings, the words below.
 */

export const AtomForm = { text: 0, wideText: 1, texts: 2, numbers: 3 } as const
export type AtomForm = (typeof AtomForm)[keyof typeof AtomForm]

/** The words of `control`. */
export const Control = {
  /** Grows with each publication of changes. */
  version: 0,
  flags: 1,
  /** Grows when the ways of looking something up become more: the first wildcard host, a new prefix length. */
  ways: 2,
  seed: 3,
  clockSkewMs: 4,
  rememberGoneMs: 5,
  /** A 64-bit float: two words. */
  changedMs: 6,
  hasWildcards: 8,
  /** One bit for each prefix length that a CIDR of a service has: 0–32. */
  prefixes4: 9,
  /** The same for IPv6: 0–128. */
  prefixes6: 11,
} as const
export const CONTROL_WORDS = 16

export const ControlFlag = { isSynced: 1, isClusterWide: 2 } as const

/** The first address that is not 0. */
export const JOURNAL_START = 2

/** What a key is; the numbers stand in bindings. */
export const KeyKind = {
  address4: 1,
  address6: 2,
  virtual4: 3,
  virtual6: 4,
  cidr4: 5,
  cidr6: 6,
  uid: 7,
  uidText: 8,
  container: 9,
  podName: 10,
  host: 11,
  wildcard: 12,
  node: 13,
  namespace: 14,
  service: 15,
} as const
export type KeyKind = (typeof KeyKind)[keyof typeof KeyKind]

/** Words of a key, by its kind. */
export const KEY_WORDS: readonly number[] = [0, 1, 4, 1, 4, 2, 5, 4, 1, 2, 2, 1, 1, 1, 1, 2]

/** True for keys whose words are addresses of texts. */
export function isTextKey(kind: number): boolean {
  return kind === KeyKind.uidText || kind >= KeyKind.podName
}

/** Words of a claim, by the layout of its binding. All begin with `[address of the object] [rank and flags]`. */
export const ClaimLayout = {
  /** Nothing else: it holds at any time. */
  timeless: 0,
  /** `[from, 2 words]`: it has not ended and nobody is terminating. */
  open: 1,
  /** `[from, 2 words] [until, 2 words] [terminating since, 2 words]`. */
  full: 2,
} as const
export type ClaimLayout = (typeof ClaimLayout)[keyof typeof ClaimLayout]
export const CLAIM_WORDS: readonly number[] = [2, 4, 8, 8]

/** Flag of a binding: who is found depends on the port asked for. */
export const BINDING_BY_PORT = 1

/** Where the first claim of the binding with this first word begins, counted from the binding. */
export function claimsOffset(header: number): number {
  return 2 + (KEY_WORDS[header & 0xff] ?? 0)
}

export function claimWords(header: number): number {
  return CLAIM_WORDS[(header >>> 8) & 3] as number
}

export function claimCount(header: number): number {
  return header >>> 16
}

/** Flags of a claim; its lowest four bits are the rank, smaller is preferred. */
export const ClaimFlag = {
  rank: 15,
  /** The claimant shares the address: it is found with one of its ports only. */
  isHost: 16,
} as const
/** Where the number of the resource that made a claim begins in its flags. */
export const CLAIM_SOURCE_SHIFT = 8

/** The resources by number. */
export const RESOURCES = [
  'pods',
  'nodes',
  'namespaces',
  'services',
  'endpointslices',
  'serviceentries',
  'workloadentries',
  'replicasets',
  'jobs',
] as const satisfies readonly IdentityResource[]

/** Who is preferred to whom at an address. */
export const Rank = { pod: 0, workloadEntry: 1, endpoint: 2, node: 3, service: 0, serviceEntry: 1 } as const

const TIME_OPEN = 0x7fffffff

/** The high word of a time; `Infinity` has one of its own. */
export function timeHigh(ms: number): number {
  return ms === Number.POSITIVE_INFINITY ? TIME_OPEN : ms > 0 ? Math.min(TIME_OPEN - 1, Math.floor(ms / 2 ** 32)) : 0
}

export function timeLow(ms: number): number {
  return ms > 0 && ms !== Number.POSITIVE_INFINITY ? ms | 0 : 0
}

/** The time that stands at `at`, milliseconds since the epoch. */
export function timeAt(words: Int32Array, at: number): number {
  const high = words[at] as number
  return high === TIME_OPEN ? Number.POSITIVE_INFINITY : high * 2 ** 32 + ((words[at + 1] as number) >>> 0)
}
