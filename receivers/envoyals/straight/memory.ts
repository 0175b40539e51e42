import { PAGE_BYTES } from '../../../lib/wasm/module.ts'

/**
 * Where things lie in the memory that the straight decoder and the columns share, in bytes. The memory never grows: that
 * would detach the arrays over it. Pages that nothing touches take no memory.
 */
export const Place = {
  /** See `Control`. */
  control: 0,
  columns: 1024,
  /** Strings of this run that the cache did not know: see `Miss`. */
  misses: 32 << 10,
  /** Cache of interned strings: see `Slot`, and the bytes of the strings. */
  slots: 64 << 10,
  texts: 256 << 10,
  /** The message that is decoded. */
  message: 2304 << 10,
  /** Behind the longest message. A field that claims to be longer than its message is noticed a few fields late. */
  slack: 3328 << 10,
  end: 5376 << 10,
} as const

export const MEMORY_PAGES = Place.end / PAGE_BYTES
export const TEXTS_BYTES_MAX = Place.message - Place.texts
/** Longer messages take the general way. */
export const MESSAGE_BYTES_MAX = Place.slack - Place.message

/** Words of `Place.control`; those from `upstreamPeerAt` on belong to one entry and are cleared for each. */
export const Control = {
  /** Where the last run stopped. */
  position: 0,
  misses: 4,
  upstreamPeerAt: 8,
  upstreamPeerLength: 12,
  upstreamPeerRank: 16,
  downstreamPeerAt: 20,
  downstreamPeerLength: 24,
  downstreamPeerRank: 28,
  traceRank: 32,
  spanRank: 36,
  grpcStatusRank: 40,
  /** Columns that have been interned and may come a second time: see `Seen`. */
  seen: 44,
} as const
export const ENTRY_STATE = { from: 8, end: 48 } as const

export const Seen = { localSan: 1, peerSan: 2, peerPrincipal: 4, localPrincipal: 8, tagUpstreamCluster: 16, tagUpstreamPrincipal: 32 } as const

/** Words of a record in `Place.misses`: the address of the cell that waits for the id, the string, and the slot for it. */
export const Miss = { cell: 0, at: 4, length: 8, slot: 12, hash: 16, bytes: 32 } as const
export const MISSES_MAX = (Place.slots - Place.misses) / Miss.bytes

/** Words of a slot of the cache. Id 0 means that it is free. */
export const Slot = { hash: 0, id: 4, at: 8, length: 12, bytes: 16 } as const
export const SLOTS = 8192
/** How many slots a string may be in. */
export const PROBES = 4
