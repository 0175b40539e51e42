import { PAGE_BYTES } from '../../../lib/wasm/module.ts'

/** Where things lie in the memory of the straight writer, in bytes. It never grows; pages that nothing touches take no memory. */
export const Place = {
  /** See `Control`. */
  control: 0,
  /** Fields that are left to the general way: see `Later`. */
  later: 64,
  /** Keys, whole attributes, and tables of the attributes of enums. */
  texts: 16 << 10,
  /** The message whose entries are written. */
  message: 128 << 10,
  /** Behind the longest message: a field that claims to be longer than its message is noticed a few fields late. */
  slack: 1152 << 10,
  /** Attributes of one entry: what it has in bytes, and at most 128 for each field beside them. */
  out: 3200 << 10,
  end: 6400 << 10,
} as const

export const MEMORY_PAGES = Place.end / PAGE_BYTES
/** Entries of longer messages take the general way. */
export const MESSAGE_BYTES_MAX = Place.slack - Place.message

/** Words of `Place.control`; all but the last two are cleared for each entry. Positions are addresses. */
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
} as const

/** Words of a record in `Place.later`: the number of the field, the payload, and the end of the message it stands in. */
export const Later = { field: 0, at: 4, end: 8, messageEnd: 12, bytes: 16 } as const
/** An entry with more of them takes the general way. */
export const LATER_MAX = (Place.texts - Place.later) / Later.bytes
