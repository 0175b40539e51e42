import { SHORT_TEXT_WORDS } from '../../lib/intern.ts'
import type { AccessLogs } from '../../model/access_logs.ts'
import { Optional } from './row_facts.ts'
import { TupleTable } from './tuple_table.ts'

/** The row was not seen before. */
export const MISS = -1
/** The row began before the remembered answer holds: resolve it, but keep what is remembered, which is newer. */
export const TOO_OLD = -2

/** Local, shape, cluster, both peers, both SANs. */
const BASE_WIDTH = 7
/** Base entry and optional bits, then the columns of those bits. */
const DETAIL_HEAD = 2
/** Every optional column: seven texts and four addresses. */
const DETAIL_WIDTH = DETAIL_HEAD + 7 + 4 * SHORT_TEXT_WORDS
/** An address and some texts: what most answers depend on; with its values such a row fills one cache line. */
const NARROW_WIDTH = 10

/** The value of a row that is its edge. */
const EDGE = 0
/** The value of a base that is its optional bits. */
const BITS = 1
/** The times of a detail. */
const FROM = 0
const UNTIL = 1

/** The optional columns that are not addresses. */
const TEXTS =
  Optional.tagUpstreamCluster |
  Optional.tagUpstreamPrincipal |
  Optional.peerPrincipal |
  Optional.localPrincipal |
  Optional.sni |
  Optional.routeName |
  Optional.authority

/** In the last word of an address's key, its kind and port stand above the length. */
const KIND_SHIFT = 5
const PORT_SHIFT = 7

/** From when until when an answer holds, milliseconds since the epoch: of entries that began within. */
export interface Validity {
  /** 0 for ever. */
  readonly fromMs: number
  /** `Infinity` for ever. */
  readonly untilMs: number
}

/**
 * Remembers which edge a row belongs to, by the integers that make it up: no string is built for a row like one before.
 *
 * Two levels. The base key holds what every answer depends on. Where an answer depended on optional columns as well
 * (`Optional` bits, collected while resolving), the base entry holds those bits and the answer is kept under their values
 * in the second level, addresses as their bytes. Ids mean something in one epoch of their interner only; the owner calls
 * `clear` when that changes.
 */
export class EdgeMemo {
  readonly #entriesMax: number
  readonly #tuple = new Int32Array(DETAIL_WIDTH)
  readonly #bases = new TupleTable(BASE_WIDTH + 1)
  readonly #narrow = new TupleTable(NARROW_WIDTH)
  readonly #wide = new TupleTable(DETAIL_WIDTH + 1)

  /** `entriesMax` bounds both levels together; beyond it everything is forgotten. */
  constructor(entriesMax: number) {
    this.#entriesMax = entriesMax
  }

  get size(): number {
    return this.#bases.size + this.#narrow.size + this.#wide.size
  }

  clear(): void {
    this.#bases.clear()
    this.#narrow.clear()
    this.#wide.clear()
  }

  /** The edge of row `i`, or `MISS` or `TOO_OLD`. */
  find(logs: AccessLogs, i: number, local: number, shape: number): number {
    this.#gatherBase(logs, i, local, shape)
    const base = this.#bases.find(this.#tuple, BASE_WIDTH)
    if (base < 0) return MISS
    const bits = this.#bases.value(base, BITS)
    if (bits === 0) return this.#bases.value(base, EDGE)
    const length = this.#gatherDetail(logs, i, base, bits)
    const details = length > NARROW_WIDTH ? this.#wide : this.#narrow
    const detail = details.find(this.#tuple, length)
    if (detail < 0) return MISS
    const fromMs = details.time(detail, FROM)
    const untilMs = details.time(detail, UNTIL)
    if (fromMs > 0 || untilMs < Number.POSITIVE_INFINITY) {
      const timeMs = logs.startMs(i) || logs.receivedMs
      if (timeMs < fromMs) return TOO_OLD
      if (timeMs >= untilMs) return MISS
    }
    return details.value(detail, EDGE)
  }

  /**
   * Keeps the edge of row `i`. `bits` are the optional columns its answer depended on; rows that began outside of
   * `validity` do not get it. An answer without such columns is kept only if it holds for ever.
   */
  keep(logs: AccessLogs, i: number, key: { readonly local: number; readonly shape: number; readonly bits: number }, edge: number, validity: Validity): void {
    if (key.bits === 0 && (validity.fromMs > 0 || validity.untilMs < Number.POSITIVE_INFINITY)) return
    if (this.size >= this.#entriesMax) this.clear()
    this.#gatherBase(logs, i, key.local, key.shape)
    const bases = this.#bases
    let base = bases.find(this.#tuple, BASE_WIDTH)
    if (base < 0) base = bases.add(this.#tuple, BASE_WIDTH)
    // Other values of the same columns may have led the analysis on to further ones: the union of both decides.
    const bits = key.bits | bases.value(base, BITS)
    bases.setValue(base, BITS, bits)
    bases.setValue(base, EDGE, edge)
    if (bits === 0) return
    const length = this.#gatherDetail(logs, i, base, bits)
    const details = length > NARROW_WIDTH ? this.#wide : this.#narrow
    let detail = details.find(this.#tuple, length)
    if (detail < 0) detail = details.add(this.#tuple, length)
    details.setValue(detail, EDGE, edge)
    details.setTime(detail, FROM, validity.fromMs)
    details.setTime(detail, UNTIL, validity.untilMs)
  }

  #gatherBase(logs: AccessLogs, i: number, local: number, shape: number): void {
    const tuple = this.#tuple
    tuple[0] = local
    tuple[1] = shape
    tuple[2] = logs.upstreamCluster[i] as number
    tuple[3] = logs.upstreamPeer[i] as number
    tuple[4] = logs.downstreamPeer[i] as number
    tuple[5] = logs.localSan[i] as number
    tuple[6] = logs.peerSan[i] as number
  }

  /** Writes the columns of `bits` one after another; as the bits stand in front, no two selections look alike. Returns the length. */
  #gatherDetail(logs: AccessLogs, i: number, base: number, bits: number): number {
    const tuple = this.#tuple
    tuple[0] = base
    tuple[1] = bits
    let n = DETAIL_HEAD
    if ((bits & TEXTS) !== 0) {
      if ((bits & Optional.tagUpstreamCluster) !== 0) tuple[n++] = logs.tagUpstreamCluster[i] as number
      if ((bits & Optional.tagUpstreamPrincipal) !== 0) tuple[n++] = logs.tagUpstreamPrincipal[i] as number
      if ((bits & Optional.peerPrincipal) !== 0) tuple[n++] = logs.peerPrincipal[i] as number
      if ((bits & Optional.localPrincipal) !== 0) tuple[n++] = logs.localPrincipal[i] as number
      if ((bits & Optional.sni) !== 0) tuple[n++] = logs.sni[i] as number
      if ((bits & Optional.routeName) !== 0) tuple[n++] = logs.routeName[i] as number
      if ((bits & Optional.authority) !== 0) tuple[n++] = logs.authority[i] as number
    }
    if ((bits & Optional.downstreamLocal) !== 0)
      n = this.#address(logs, i, n, logs.downstreamLocal, logs.downstreamLocalKind[i] as number, logs.downstreamLocalPort[i] as number)
    if ((bits & Optional.directRemote) !== 0) n = this.#address(logs, i, n, logs.directRemote, logs.directRemoteKind[i] as number, 0)
    if ((bits & Optional.downstreamRemote) !== 0) n = this.#address(logs, i, n, logs.downstreamRemote, logs.downstreamRemoteKind[i] as number, 0)
    if ((bits & Optional.upstreamRemote) !== 0)
      n = this.#address(logs, i, n, logs.upstreamRemote, logs.upstreamRemoteKind[i] as number, logs.upstreamRemotePort[i] as number)
    return n
  }

  #address(logs: AccessLogs, i: number, at: number, column: Int32Array, kind: number, port: number): number {
    const end = at + SHORT_TEXT_WORDS
    logs.addressKey(column, i, this.#tuple, at)
    this.#tuple[end - 1] = (this.#tuple[end - 1] as number) | (kind << KIND_SHIFT) | (port << PORT_SHIFT)
    return end
  }
}
