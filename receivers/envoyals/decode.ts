import type { ByteInterner } from '../../lib/intern.ts'
import { shortVarint, skipValue, varintEnd } from '../../lib/protobuf/wire.ts'
import { type AccessLogs, EntryKind } from '../../model/access_logs.ts'
import { decodeEntry } from './decode_entry.ts'
import { DecodeState } from './decode_state.ts'
import { StraightDecoder } from './straight/straight_decoder.ts'

/** Tags of `StreamAccessLogsMessage` and of the lists of entries in it. */
const IDENTIFIER = 10
const HTTP_LOGS = 18
const TCP_LOGS = 26
const LOG_ENTRY = 10

/** A message that repeats its identifier more often than this is not merged further. */
const IDENTIFIER_PARTS_MAX = 16

/**
 * Turns `StreamAccessLogsMessage` bytes into access-log columns. Pure: no socket, no clock, and nothing it is given
 * makes it throw.
 *
 * A message is read in batches of as many rows as the columns hold (an Envoy's message seldom has more):
 *
 *     decoder.begin(message)
 *     while (decoder.next()) consume(decoder.logs)
 *
 * An entry that is malformed is left out and counted. A message whose outer lengths are broken ends where they break:
 * `isFramed` is false then, and the entries before the break have been delivered.
 */
export class AccessLogDecoder {
  readonly logs: AccessLogs
  /** Entries of the current message that were malformed, so far. */
  malformed = 0
  /** False when the current message ended before its end. Complete after the last `next`. */
  isFramed = true
  /** The `Identifier` of the current message, its parts merged; undefined when it carries none. Set by `begin`. */
  identifier: Uint8Array | undefined
  #state: DecodeState
  #bytes: Uint8Array = new Uint8Array(0)
  #at = 0
  #end = 0
  #listEnd = 0
  #kind = 0

  readonly #straight: StraightDecoder
  #isStraight = false

  constructor(strings: ByteInterner) {
    this.#straight = new StraightDecoder(strings)
    this.logs = this.#straight.logs
    this.#state = new DecodeState(this.logs)
  }

  /** Custom tags of the current message that were not UTF-8, so far. */
  get invalidUtf8(): number {
    return this.#state.invalidUtf8
  }

  /** Takes the next message. Its bytes must not change until the last `next`. */
  begin(message: Uint8Array): void {
    this.#bytes = message
    this.#at = 0
    this.#end = message.length
    this.#listEnd = 0
    this.malformed = 0
    this.isFramed = true
    this.identifier = findIdentifier(message)
    this.#state.invalidUtf8 = 0
    this.logs.message = message
    this.#isStraight = this.#straight.begin(message)
  }

  /** Fills the columns with the next entries; false when there are none left. */
  next(): boolean {
    const { logs } = this
    logs.clear()
    let rows = 0
    while (rows < logs.capacity && this.#findList()) {
      if (this.#isStraight) {
        rows = this.#straight.run(this.#at, this.#listEnd, rows, this.#kind)
        this.#at = this.#straight.position
      }
      if (rows < logs.capacity && this.#at < this.#listEnd) rows = this.#decodeNext(rows)
    }
    logs.length = rows
    return rows > 0
  }

  /** Moves into the next list of entries, unless there is one to go on with; false at the end of the message. */
  #findList(): boolean {
    const b = this.#bytes
    while (this.#at >= this.#listEnd) {
      if (this.#at >= this.#end) return false
      const tag = shortVarint(b, this.#at, this.#end)
      const value = tag < 0 ? -1 : varintEnd(b, this.#at, this.#end)
      const next = value < 0 ? -1 : skipValue(b, value, this.#end, tag)
      if (next < 0) return this.#breakOff(false)
      this.#at = next
      if (tag === HTTP_LOGS || tag === TCP_LOGS) {
        this.#kind = tag === HTTP_LOGS ? EntryKind.http : EntryKind.tcp
        this.#at = varintEnd(b, value, this.#end)
        this.#listEnd = next
      }
    }
    return true
  }

  /** Decodes one entry of any form, or passes what is no entry; returns how many rows there are then. */
  #decodeNext(row: number): number {
    const b = this.#bytes
    const end = this.#listEnd
    const tag = shortVarint(b, this.#at, end)
    const value = tag < 0 ? -1 : varintEnd(b, this.#at, end)
    const next = value < 0 ? -1 : skipValue(b, value, end, tag)
    if (next < 0) {
      this.#breakOff(true)
      return row
    }
    this.#at = next
    if (tag !== LOG_ENTRY) return row
    if (this.#state.bytes !== b) this.#state.beginMessage(b)
    this.logs.clearRow(row)
    this.#state.beginRow(row)
    if (decodeEntry(this.#state, this.#kind, varintEnd(b, value, end), next)) return row + 1
    this.malformed++
    this.logs.clearRow(row)
    return row
  }

  #breakOff(inList: boolean): false {
    this.isFramed = false
    // At least the entry at which the list breaks is lost, and counts as one.
    if (inList) this.malformed++
    this.#at = this.#end
    this.#listEnd = 0
    return false
  }
}

/** The identifier of a message, its parts merged as protobuf does (by putting them one after another). */
export function findIdentifier(message: Uint8Array): Uint8Array | undefined {
  const end = message.length
  // Only the first message of a stream has one, in front.
  if (end === 0 || message[0] === HTTP_LOGS || message[0] === TCP_LOGS) {
    const size = shortVarint(message, 1, end)
    if (size >= 0 && varintEnd(message, 1, end) + size === end) return undefined
  }
  const parts: Uint8Array[] = []
  for (let p = 0; p < end && parts.length < IDENTIFIER_PARTS_MAX; ) {
    const tag = shortVarint(message, p, end)
    if (tag < 0) break
    p = varintEnd(message, p, end)
    const next = skipValue(message, p, end, tag)
    if (next < 0) break
    if (tag === IDENTIFIER) parts.push(message.subarray(varintEnd(message, p, end), next))
    p = next
  }
  return parts.length > 1 ? Buffer.concat(parts) : parts[0]
}

/** How many entries a message frames, without looking into them; the entry at which it breaks counts. For shedding. */
export function countEntries(message: Uint8Array): number {
  const end = message.length
  let count = 0
  for (let p = 0; p < end; ) {
    const tag = shortVarint(message, p, end)
    const value = tag < 0 ? -1 : varintEnd(message, p, end)
    const next = value < 0 ? -1 : skipValue(message, value, end, tag)
    if (next < 0) return count
    if (tag === HTTP_LOGS || tag === TCP_LOGS) {
      const found = countList(message, varintEnd(message, value, end), next)
      if (found < 0) return count - found
      count += found
    }
    p = next
  }
  return count
}

/** Negative when the list breaks; the entry at which it does is in the number. */
function countList(message: Uint8Array, start: number, end: number): number {
  let count = 0
  for (let p = start; p < end; ) {
    const tag = shortVarint(message, p, end)
    const value = tag < 0 ? -1 : varintEnd(message, p, end)
    const next = value < 0 ? -1 : skipValue(message, value, end, tag)
    if (next < 0) return -(count + 1)
    if (tag === LOG_ENTRY) count++
    p = next
  }
  return count
}
