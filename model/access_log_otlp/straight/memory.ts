import { PAGE_BYTES } from '../../../lib/wasm/module.ts'

/** Where things lie in the memory of the straight writer, in bytes. It never grows; pages that nothing touches take no memory. */
export const Place = {
  /** See `Control`. */
  control: 0,
  /** Fields that are left to the general way: see `Later`. */
  later: 128,
  /** Keys, whole attributes, and tables of the attributes of enums. */
  texts: 16 << 10,
  /** The message whose entries are written. */
  message: 128 << 10,
  /** Behind the longest message: a field that claims to be longer than its message is noticed a few fields late. */
  slack: 1152 << 10,
  /** Attributes of one entry: what it has in bytes, and at most 128 for each field beside them. */
  out: 3200 << 10,
  /** A query while it is redacted: `REDACTED_QUERY_BYTES_MAX` and a word. */
  query: 6400 << 10,
  /** Where values that were seen before are remembered: see `Slot`. */
  slots: 6464 << 10,
  /** What is remembered: see `Known`. */
  known: 6656 << 10,
  end: 10_752 << 10,
} as const

export const MEMORY_PAGES = Place.end / PAGE_BYTES
/** Entries of longer messages take the general way. */
export const MESSAGE_BYTES_MAX = Place.slack - Place.message

/** Words of `Place.control`; those up to the path are cleared for each entry. Positions are addresses. */
export const Control = {
  later: 0,
  schemeAt: 4,
  schemeLength: 8,
  hostAt: 12,
  hostLength: 16,
  pathAt: 20,
  pathLength: 24,
  requestIdAt: 32,
  requestIdLength: 36,
  /** A double on its way. */
  double: 48,
  /** Where the next value that is remembered goes. */
  knownEnd: 64,
  /** The hash that was computed last. */
  hash: 68,
  /** Eight random bytes, so that nobody can prepare values of one hash. */
  seed: 72,
} as const

/** Words of a record in `Place.later`: the number of the field, the payload, and the end of the message it stands in. */
export const Later = { field: 0, at: 4, end: 8, messageEnd: 12, bytes: 16 } as const
/** An entry with more of them takes the general way. */
export const LATER_MAX = (Place.texts - Place.later) / Later.bytes

/** Words of a slot: the hash, and the address of what is remembered, 0 when that is nothing. */
export const Slot = { hash: 0, known: 4, bytes: 8 } as const
/** The slots that hashes lead to; a few more follow, so that looking on needs no turn. */
export const SLOTS = 16_384
/** Slots that are looked at; a value that finds no place in them is not remembered. */
export const PROBES_MAX = 8
/** Values that are remembered at most: half of the slots. */
export const KNOWN_MAX = SLOTS / 2

/** What is remembered: the number of the field, lengths of value and attributes, then both, each with room up to eight bytes. */
export const Known = { field: 0, length: 4, attributesLength: 8, value: 16 } as const
/** Longer values are not remembered. */
export const KNOWN_BYTES_MAX = 4096
