import { shortVarint, skipValue, varintEnd } from '../../lib/protobuf/wire.ts'
import type { AccessLogs } from '../../model/access_logs.ts'

/**
 * What the functions that decode one entry share: the message, the row they fill, and how good the finds so far are,
 * for columns that have several sources. One object per decoder, set anew for every message and entry.
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

  constructor(logs: AccessLogs) {
    this.logs = logs
  }

  /** The id of a range of the message in the interner. */
  intern(start: number, end: number): number {
    return this.logs.strings.intern(this.bytes, this.view, start, end)
  }

  /** Takes the message of the next rows. */
  beginMessage(bytes: Uint8Array): void {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  beginRow(row: number): void {
    this.row = row
    this.upstreamPeerRank = 0
    this.downstreamPeerRank = 0
    this.traceRank = 0
    this.spanRank = 0
    this.grpcStatusRank = 0
  }

  /** Finds key and value of a map entry whose values are strings or messages; false when it is malformed. */
  readMapEntry(start: number, end: number): boolean {
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
