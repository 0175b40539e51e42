import type { AccessLogs } from '../../model/access_logs.ts'
import { Optional } from './row_facts.ts'

/** The row was not seen before. */
export const MISS = -1
/** The row began before the remembered answer holds: resolve it, but keep what is remembered, which is newer. */
export const TOO_OLD = -2

/** Local, shape, cluster, both peers, both SANs. */
const BASE_WIDTH = 7
/** From when until when an answer holds, milliseconds since the epoch: of entries that began within. */
export interface Validity {
  /** 0 for ever. */
  readonly fromMs: number
  /** `Infinity` for ever. */
  readonly untilMs: number
}

/** Base entry, optional bits, and at most 15 columns of those bits. */
const DETAIL_WIDTH = 17

const FIRST_CAPACITY = 256

/**
 * Remembers which edge a row belongs to, by the integers that make it up: no string is built for a row like one before.
 *
 * Two levels. The base key holds what every answer depends on. Where an answer depended on optional columns as well
 * (`Optional` bits, collected while resolving), the base entry holds those bits and the answer is kept under their values
 * in the second level. Ids mean something in one epoch of their interner only; the owner calls `clear` when that changes.
 */
export class EdgeMemo {
  readonly #entriesMax: number
  readonly #bases = new TupleIndex(BASE_WIDTH)
  readonly #details = new TupleIndex(DETAIL_WIDTH)
  #baseEdges = new Int32Array(FIRST_CAPACITY)
  #baseBits = new Int32Array(FIRST_CAPACITY)
  #detailEdges = new Int32Array(FIRST_CAPACITY)
  #detailFromMs = new Float64Array(FIRST_CAPACITY)
  #detailUntilMs = new Float64Array(FIRST_CAPACITY)

  /** `entriesMax` bounds both levels together; beyond it everything is forgotten. */
  constructor(entriesMax: number) {
    this.#entriesMax = entriesMax
  }

  get size(): number {
    return this.#bases.size + this.#details.size
  }

  clear(): void {
    this.#bases.clear()
    this.#details.clear()
  }

  /** The edge of row `i`, or `MISS` or `TOO_OLD`. */
  find(logs: AccessLogs, i: number, local: number, shape: number): number {
    this.#gatherBase(logs, i, local, shape)
    const base = this.#bases.find()
    if (base < 0) return MISS
    const bits = this.#baseBits[base] as number
    if (bits === 0) return this.#baseEdges[base] as number
    this.#gatherDetail(logs, i, base, bits)
    const detail = this.#details.find()
    if (detail < 0) return MISS
    const fromMs = this.#detailFromMs[detail] as number
    const untilMs = this.#detailUntilMs[detail] as number
    if (fromMs > 0 || untilMs < Number.POSITIVE_INFINITY) {
      const timeMs = logs.startMs(i) || logs.receivedMs
      if (timeMs < fromMs) return TOO_OLD
      if (timeMs >= untilMs) return MISS
    }
    return this.#detailEdges[detail] as number
  }

  /**
   * Keeps the edge of row `i`. `bits` are the optional columns its answer depended on; rows that began outside of
   * `validity` do not get it. An answer without such columns is kept only if it holds for ever.
   */
  keep(logs: AccessLogs, i: number, key: { readonly local: number; readonly shape: number; readonly bits: number }, edge: number, validity: Validity): void {
    if (key.bits === 0 && (validity.fromMs > 0 || validity.untilMs < Number.POSITIVE_INFINITY)) return
    if (this.size >= this.#entriesMax) this.clear()
    this.#gatherBase(logs, i, key.local, key.shape)
    let base = this.#bases.find()
    const isNew = base < 0
    if (isNew) base = this.#bases.add()
    this.#baseEdges = room(this.#baseEdges, base)
    this.#baseBits = room(this.#baseBits, base)
    // Other values of the same columns may have led the analysis on to further ones: the union of both decides.
    const bits = key.bits | (isNew ? 0 : (this.#baseBits[base] as number))
    this.#baseBits[base] = bits
    this.#baseEdges[base] = edge
    if (bits === 0) return
    this.#gatherDetail(logs, i, base, bits)
    let detail = this.#details.find()
    if (detail < 0) detail = this.#details.add()
    this.#detailEdges = room(this.#detailEdges, detail)
    this.#detailFromMs = room(this.#detailFromMs, detail)
    this.#detailEdges[detail] = edge
    this.#detailUntilMs = room(this.#detailUntilMs, detail)
    this.#detailFromMs[detail] = validity.fromMs
    this.#detailUntilMs[detail] = validity.untilMs
  }

  #gatherBase(logs: AccessLogs, i: number, local: number, shape: number): void {
    const tuple = this.#bases.tuple
    tuple[0] = local
    tuple[1] = shape
    tuple[2] = logs.upstreamCluster[i] as number
    tuple[3] = logs.upstreamPeer[i] as number
    tuple[4] = logs.downstreamPeer[i] as number
    tuple[5] = logs.localSan[i] as number
    tuple[6] = logs.peerSan[i] as number
  }

  /** Writes the columns of `bits` one after another; as the bits stand in front, no two selections look alike. */
  #gatherDetail(logs: AccessLogs, i: number, base: number, bits: number): void {
    const tuple = this.#details.tuple
    tuple[0] = base
    tuple[1] = bits
    let n = 2
    if ((bits & Optional.tagUpstreamCluster) !== 0) tuple[n++] = logs.tagUpstreamCluster[i] as number
    if ((bits & Optional.tagUpstreamPrincipal) !== 0) tuple[n++] = logs.tagUpstreamPrincipal[i] as number
    if ((bits & Optional.peerPrincipal) !== 0) tuple[n++] = logs.peerPrincipal[i] as number
    if ((bits & Optional.localPrincipal) !== 0) tuple[n++] = logs.localPrincipal[i] as number
    if ((bits & Optional.sni) !== 0) tuple[n++] = logs.sni[i] as number
    if ((bits & Optional.routeName) !== 0) tuple[n++] = logs.routeName[i] as number
    if ((bits & Optional.authority) !== 0) tuple[n++] = logs.authority[i] as number
    if ((bits & Optional.downstreamLocal) !== 0) {
      tuple[n++] = logs.address(logs.downstreamLocal, i)
      tuple[n++] = ((logs.downstreamLocalPort[i] as number) << 2) | (logs.downstreamLocalKind[i] as number)
    }
    if ((bits & Optional.directRemote) !== 0) {
      tuple[n++] = logs.address(logs.directRemote, i)
      tuple[n++] = logs.directRemoteKind[i] as number
    }
    if ((bits & Optional.downstreamRemote) !== 0) {
      tuple[n++] = logs.address(logs.downstreamRemote, i)
      tuple[n++] = logs.downstreamRemoteKind[i] as number
    }
    if ((bits & Optional.upstreamRemote) !== 0) {
      tuple[n++] = logs.address(logs.upstreamRemote, i)
      tuple[n++] = ((logs.upstreamRemotePort[i] as number) << 2) | (logs.upstreamRemoteKind[i] as number)
    }
    this.#details.length = n
  }
}

/**
 * Numbers tuples of integers from 0 up. The caller writes a tuple into `tuple`, sets its `length` unless it is always
 * the width, then asks for it or adds it. Tuples of different lengths must differ before the shorter one's end.
 */
class TupleIndex {
  readonly tuple: Int32Array
  length: number
  readonly #width: number
  #count = 0
  #keys: Int32Array
  #hashes: Int32Array
  #slots = new Int32Array(FIRST_CAPACITY * 2)
  #mask = FIRST_CAPACITY * 2 - 1
  #hash = 0
  #slot = 0

  constructor(width: number) {
    this.#width = width
    this.length = width
    this.tuple = new Int32Array(width)
    this.#keys = new Int32Array(width * FIRST_CAPACITY)
    this.#hashes = new Int32Array(FIRST_CAPACITY)
  }

  get size(): number {
    return this.#count
  }

  clear(): void {
    this.#count = 0
    this.#slots.fill(0)
  }

  /** The number of `tuple`, or -1; leaves the place where `add` would put it. */
  find(): number {
    const { tuple, length } = this
    let hash = length
    for (let k = 0; k < length; k++) {
      hash = Math.imul(hash ^ (tuple[k] as number), 0x9e3779b1)
      hash = (hash << 15) | (hash >>> 17)
    }
    hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b)
    hash ^= hash >>> 13
    this.#hash = hash
    const slots = this.#slots
    const mask = this.#mask
    let slot = hash & mask
    for (let entry = (slots[slot] as number) - 1; entry >= 0; entry = (slots[slot] as number) - 1) {
      if (this.#hashes[entry] === hash && this.#holds(entry)) return entry
      slot = (slot + 1) & mask
    }
    this.#slot = slot
    return -1
  }

  #holds(entry: number): boolean {
    const { tuple, length } = this
    const keys = this.#keys
    const at = entry * this.#width
    for (let k = 0; k < length; k++) if (keys[at + k] !== tuple[k]) return false
    return true
  }

  /** Adds `tuple` where the preceding `find` did not find it; returns its number. */
  add(): number {
    const entry = this.#count++
    this.#keys = room(this.#keys, (entry + 1) * this.#width - 1)
    this.#hashes = room(this.#hashes, entry)
    this.#keys.set(this.tuple, entry * this.#width)
    this.#hashes[entry] = this.#hash
    this.#slots[this.#slot] = entry + 1
    if (this.#count * 2 > this.#mask) this.#rehash()
    return entry
  }

  #rehash(): void {
    this.#slots = new Int32Array(this.#slots.length * 2)
    this.#mask = this.#slots.length - 1
    for (let entry = 0; entry < this.#count; entry++) {
      let slot = (this.#hashes[entry] as number) & this.#mask
      while (this.#slots[slot] !== 0) slot = (slot + 1) & this.#mask
      this.#slots[slot] = entry + 1
    }
  }
}

/** The array itself, or a longer copy in which `index` exists. */
function room<T extends Int32Array | Float64Array>(array: T, index: number): T {
  if (index < array.length) return array
  const grown = new (array.constructor as new (length: number) => T)(Math.max(array.length * 2, index + 1))
  grown.set(array)
  return grown
}
