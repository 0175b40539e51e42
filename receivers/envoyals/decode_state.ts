import type { ByteInterner } from '../../lib/intern.ts'
import { shortVarint, skipValue, varintEnd } from '../../lib/protobuf/wire.ts'
import type { AccessLogs } from '../../model/access_logs.ts'

/** Columns whose value is often that of the entry before: a stream comes from one proxy. */
export const Field = { upstreamCluster: 0, routeName: 1, scheme: 2, authority: 3, localSan: 4, peerSan: 5, sni: 6, upstreamPeer: 7, downstreamPeer: 8 } as const

/** Clusters that have guesses of their own; others share with them. */
const CLUSTER_BITS = 10
const CLUSTER_MASK = (1 << CLUSTER_BITS) - 1

/**
 * What the functions that decode one entry share: the message, the row they fill, and how good the finds so far are,
 * for columns that have several sources. One object per decoder, set anew for every message and entry.
 *
 * The functions keep their cursor in a local variable and repeat the few lines that read a tag and a length: a shared
 * cursor object costs 1.65 times as much (bench/als_decode.ts).
 */
export class DecodeState {
  bytes: Uint8Array = new Uint8Array(0)
  /** Over the same memory as `bytes`. */
  view: DataView = new DataView(new ArrayBuffer(0))
  readonly logs: AccessLogs
  row = 0
  /** Ranks of the values that are in the row's columns; 0 = none. A value of equal or higher rank replaces it. */
  upstreamPeerRank = 0
  downstreamPeerRank = 0
  traceRank = 0
  spanRank = 0
  grpcStatusRank = 0
  /** Custom tags that were not UTF-8 since the owner last set it to 0. */
  invalidUtf8 = 0
  /** Where `readMapEntry` found the key and the value; empty ranges when they were missing. */
  keyAt = 0
  keyEnd = 0
  valueAt = 0
  valueEnd = 0

  /** Interned cluster of the row, 0 until it has been found. */
  cluster = 0
  /** True when the row holds nothing of an `AccessLogCommon` yet. */
  isNew = true

  readonly #strings: ByteInterner
  /** By field and cluster: the last string of that field in an entry with that cluster. */
  readonly #guesses = new Int32Array(Object.keys(Field).length << CLUSTER_BITS)
  #epoch = 0

  constructor(logs: AccessLogs) {
    this.logs = logs
    this.#strings = logs.strings
  }

  /**
   * The id of a range of the message in the interner, which is first compared with the last string of the same field: the
   * cluster tells the authority, the route and the peer most of the time.
   */
  intern(field: number, start: number, end: number): number {
    const at = (field << CLUSTER_BITS) | (this.cluster & CLUSTER_MASK)
    const guesses = this.#guesses
    const guess = guesses[at] as number
    const id = this.#strings.intern(this.bytes, this.view, start, end, guess)
    if (id !== guess) guesses[at] = id
    return id
  }

  /** Takes the next message. */
  beginMessage(bytes: Uint8Array): void {
    const { logs } = this
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.invalidUtf8 = 0
    logs.message = bytes
    if (logs.strings.epoch !== this.#epoch) this.#guesses.fill(0)
    this.#epoch = logs.strings.epoch
  }

  beginRow(row: number): void {
    this.row = row
    this.cluster = 0
    this.isNew = true
    this.upstreamPeerRank = 0
    this.downstreamPeerRank = 0
    this.traceRank = 0
    this.spanRank = 0
    this.grpcStatusRank = 0
  }

  /** Finds key and value of a map entry whose values are strings or messages; false when it is malformed. */
  readMapEntry(start: number, end: number): boolean {
    const b = this.bytes
    // Every writer puts the key first, with a short length, and the value second; all else takes the slow way.
    const keySize = end - start > 4 && b[start] === 10 ? (b[start + 1] as number) : 128
    const keyEnd = start + 2 + keySize
    if (keySize < 128 && keyEnd + 2 <= end && b[keyEnd] === 18) {
      const first = b[keyEnd + 1] as number
      const second = keyEnd + 2 < end ? (b[keyEnd + 2] as number) : 128
      const valueAt = first < 128 ? keyEnd + 2 : keyEnd + 3
      const valueSize = first < 128 ? first : second < 128 ? (first & 127) | (second << 7) : -1
      if (valueAt + valueSize === end && valueSize >= 0) {
        this.keyAt = start + 2
        this.keyEnd = keyEnd
        this.valueAt = valueAt
        this.valueEnd = end
        return true
      }
    }
    return this.#readAnyMapEntry(start, end)
  }

  #readAnyMapEntry(start: number, end: number): boolean {
    const b = this.bytes
    this.keyAt = this.keyEnd = this.valueAt = this.valueEnd = start
    for (let p = start; p < end; ) {
      const tag = shortVarint(b, p, end)
      if (tag < 0) return false
      p = varintEnd(b, p, end)
      const next = skipValue(b, p, end, tag)
      if (next < 0) return false
      if (tag === 10) {
        this.keyAt = varintEnd(b, p, end)
        this.keyEnd = next
      } else if (tag === 18) {
        this.valueAt = varintEnd(b, p, end)
        this.valueEnd = next
      }
      p = next
    }
    return true
  }
}

/** The largest value a column of signed 32-bit numbers holds stands for all that are larger. */
export function saturate(unsigned: number): number {
  return unsigned > 0x7fffffff ? 0x7fffffff : unsigned
}

/** An enum value for a column of bytes; 255 stands for all that do not fit. */
export function enumByte(unsigned: number): number {
  return unsigned > 255 ? 255 : unsigned
}
