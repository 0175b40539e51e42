const encoder = new TextEncoder()

/** Wire types of the protobuf encoding. */
const VARINT = 0
const FIXED64 = 1
const LENGTH_DELIMITED = 2
const FIXED32 = 5

const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER)

/** The loop is faster up to here; below 128, the length is one byte. */
const SHORT_TEXT_MAX = 64

/** From here on, bytes are handed over with their memory rather than copied; and how much of the memory they must fill. */
const TAKEN_BYTES_MIN = 64 << 10
const TAKEN_SHARE_MIN = 0.85

/**
 * Writes protobuf messages by hand, field by field, into one growing buffer.
 *
 * It writes exactly what it is told: a zero or empty value is written too, so callers that want proto3's implicit
 * presence leave the call out. Fields appear in the order of the calls. Lengths of nested messages are put in when the
 * message is closed, always in the shortest form, so the output is what any canonical encoder makes of the same fields.
 * The memory is kept across `reset`, so one writer serves a whole stream of messages.
 * See https://protobuf.dev/programming-guides/encoding/.
 */
export class ProtobufWriter {
  #bytes: Uint8Array<ArrayBuffer>
  #view: DataView
  #at = 0
  /** Size of the next memory, at least. */
  #expected = 0
  /** Where the reserved length of each open message stands, times 8, and how many bytes are reserved for it. */
  readonly #open: number[] = []

  /** `bytesExpected` is only a first guess; the buffer doubles when it is full. */
  constructor(bytesExpected = 256) {
    this.#bytes = new Uint8Array(Math.max(16, bytesExpected))
    this.#view = new DataView(this.#bytes.buffer)
  }

  /** Bytes written since the last `reset`, the reserved length bytes of open messages included. */
  get length(): number {
    return this.#at
  }

  /**
   * The memory that is written to. What stands in it before `length` stays as it is until `reset`, also when the writer has gone
   * on to larger memory, so who never resets a writer may keep ranges of it.
   */
  get memory(): Uint8Array<ArrayBuffer> {
    return this.#bytes
  }

  /** Forgets what was written and keeps the memory. */
  reset(): this {
    this.#at = 0
    this.#open.length = 0
    return this
  }

  /**
   * A field of type uint32, uint64, int32, int64 or enum. Numbers must be safe integers; negative values take ten
   * bytes, as int32 and int64 do.
   */
  varint(field: number, value: number | bigint): this {
    this.#tag(field, VARINT)
    this.#reserve(10)
    if (typeof value === 'number' && value >= 0) {
      if (!Number.isSafeInteger(value)) throw new RangeError(`BUG: field ${field} of a protobuf message got ${value}, not a safe integer`)
      this.#varint(value)
    } else if (typeof value === 'bigint' && value >= 0n && value <= MAX_SAFE) this.#varint(Number(value))
    else this.#varint64(BigInt(value))
    return this
  }

  /** A field of type sint32 (zigzag). */
  sint32(field: number, value: number): this {
    return this.varint(field, ((value << 1) ^ (value >> 31)) >>> 0)
  }

  /** A field of type bool. */
  bool(field: number, value: boolean): this {
    return this.varint(field, value ? 1 : 0)
  }

  /** A field of type double. */
  double(field: number, value: number): this {
    this.#tag(field, FIXED64)
    this.#reserve(8)
    this.#view.setFloat64(this.#at, value, true)
    this.#at += 8
    return this
  }

  /** A field of type fixed64 or sfixed64 (two's complement). */
  fixed64(field: number, value: bigint): this {
    this.#tag(field, FIXED64)
    this.#reserve(8)
    this.#view.setBigUint64(this.#at, BigInt.asUintN(64, value), true)
    this.#at += 8
    return this
  }

  /** A field of type fixed32 or sfixed32 (two's complement). */
  fixed32(field: number, value: number): this {
    this.#tag(field, FIXED32)
    this.#reserve(4)
    this.#view.setInt32(this.#at, value | 0, true)
    this.#at += 4
    return this
  }

  /** A field of type bytes, or an already encoded nested message. The bytes are copied. */
  bytes(field: number, value: Uint8Array): this {
    this.#tag(field, LENGTH_DELIMITED)
    this.#reserve(5 + value.length)
    this.#varint(value.length)
    this.#bytes.set(value, this.#at)
    this.#at += value.length
    return this
  }

  /** A field of type string, in UTF-8; a lone surrogate becomes U+FFFD. */
  string(field: number, value: string): this {
    if (value.length <= SHORT_TEXT_MAX && this.#ascii(field, value)) return this
    this.open(field, value.length)
    // One UTF-16 unit takes at most three bytes.
    this.#reserve(value.length * 3)
    this.#at += encoder.encodeInto(value, this.#bytes.subarray(this.#at)).written
    return this.close()
  }

  /**
   * A message with a string as field 1 and, as field 2, a message with a string as field 1: an entry of many maps. Both texts must be
   * short ASCII; otherwise nothing is written and the result is false.
   */
  textEntry(field: number, key: string, value: string): boolean {
    const size = key.length + value.length + 6
    if (size > 127 || field > 15) return false
    this.#reserve(size + 2)
    const bytes = this.#bytes
    let at = this.#at
    bytes[at] = (field << 3) | LENGTH_DELIMITED
    bytes[at + 1] = size
    bytes[at + 2] = 0x0a
    bytes[at + 3] = key.length
    at += 4
    let units = 0
    for (let i = 0; i < key.length; i++) {
      const unit = key.charCodeAt(i)
      units |= unit
      bytes[at++] = unit
    }
    bytes[at] = 0x12
    bytes[at + 1] = value.length + 2
    bytes[at + 2] = 0x0a
    bytes[at + 3] = value.length
    at += 4
    for (let i = 0; i < value.length; i++) {
      const unit = value.charCodeAt(i)
      units |= unit
      bytes[at++] = unit
    }
    if (units > 0x7f) return false
    this.#at = at
    return true
  }

  /** A field of type bytes from hex digits, two for each byte; what is no digit reads as 0. */
  hex(field: number, digits: string): this {
    const length = digits.length >> 1
    this.#tag(field, LENGTH_DELIMITED)
    this.#reserve(5 + length)
    this.#varint(length)
    for (let i = 0; i < length; i++)
      this.#bytes[this.#at++] = ((HEX_DIGITS[digits.charCodeAt(i * 2)] as number) << 4) | (HEX_DIGITS[digits.charCodeAt(i * 2 + 1)] as number)
    return this
  }

  /** Repeated doubles in packed form. */
  packedDoubles(field: number, values: ArrayLike<number>): this {
    this.open(field, values.length * 8)
    this.#reserve(values.length * 8)
    for (let i = 0; i < values.length; i++, this.#at += 8) this.#view.setFloat64(this.#at, values[i] as number, true)
    return this.close()
  }

  /** Repeated fixed64 in packed form. */
  packedFixed64Bigint(field: number, values: readonly bigint[]): this {
    this.open(field, values.length * 8)
    this.#reserve(values.length * 8)
    for (let i = 0; i < values.length; i++, this.#at += 8) this.#view.setBigUint64(this.#at, values[i] as bigint, true)
    return this.close()
  }

  /** Repeated uint64 in packed form. */
  packedVarint(field: number, values: readonly bigint[]): this {
    this.open(field, values.length)
    this.#reserve(values.length * 10)
    for (let i = 0; i < values.length; i++) this.#varint64(values[i] as bigint)
    return this.close()
  }

  /** `values[from, to)` as repeated uint64 in packed form: rounded, and 0 where they are negative. */
  packedVarintCounts(field: number, values: Float64Array, from: number, to: number): this {
    this.open(field, to - from)
    this.#reserve((to - from) * 10)
    for (let i = from; i < to; i++) this.#varint(wholeCount(values[i] as number))
    return this.close()
  }

  /** Copies fields that are already encoded, tags and all, into the current message. */
  raw(fields: Uint8Array): this {
    this.#reserve(fields.length)
    this.#bytes.set(fields, this.#at)
    this.#at += fields.length
    return this
  }

  /**
   * Copies fields of which some values are put in afterwards, by the three methods below; returns where they begin. That holds until
   * the message that they are in is closed.
   */
  stamp(fields: Uint8Array): number {
    const at = this.#at
    this.#reserve(fields.length)
    this.#copy(fields, 0, fields.length)
    return at
  }

  /** Puts a double where one stands. */
  putDouble(at: number, value: number): void {
    this.#view.setFloat64(at, value, true)
  }

  /** Puts a count where a fixed64 of 0 stands; a safe integer that is not negative. */
  putCount(at: number, value: number): void {
    this.#view.setUint32(at, value <= 0xffff_ffff ? value : value % 0x1_0000_0000, true)
    // A remainder of large numbers is slow, and they are rare.
    if (value > 0xffff_ffff) this.#view.setUint32(at + 4, Math.floor(value / 0x1_0000_0000), true)
  }

  /** Puts `values[from, to)` where so many fixed64 of 0 stand, each as `wholeCount` makes it; returns their sum. */
  putCounts(at: number, values: Float64Array, from: number, to: number): number {
    const view = this.#view
    let sum = 0
    for (let i = from, p = at; i < to; i++, p += 8) {
      const value = values[i] as number
      const low = value >>> 0
      if (low === value) view.setUint32(p, low, true)
      else this.putCount(p, wholeCount(value))
      sum += low === value ? low : wholeCount(value)
    }
    return sum
  }

  /** Copies `bytes[start, end)`, whole fields that are already encoded, into the current message. */
  range(bytes: Uint8Array, start: number, end: number): this {
    this.#reserve(end - start)
    this.#copy(bytes, start, end)
    return this
  }

  /** A field of type bytes, or an already encoded nested message, from `bytes[start, end)`. */
  bytesRange(field: number, bytes: Uint8Array, start: number, end: number): this {
    this.#tag(field, LENGTH_DELIMITED)
    this.#reserve(5 + end - start)
    this.#varint(end - start)
    this.#copy(bytes, start, end)
    return this
  }

  /** A field of type fixed64 from its two halves, each unsigned. */
  fixed64Halves(field: number, low: number, high: number): this {
    this.#tag(field, FIXED64)
    this.#reserve(8)
    this.#view.setUint32(this.#at, low, true)
    this.#view.setUint32(this.#at + 4, high, true)
    this.#at += 8
    return this
  }

  /** A field of type fixed64; the value must be a safe integer that is not negative. */
  fixed64Number(field: number, value: number): this {
    if (value <= 0xffff_ffff) return this.fixed64Halves(field, value, 0)
    return this.fixed64Halves(field, value % 0x1_0000_0000, Math.floor(value / 0x1_0000_0000))
  }

  /** A nested message whose fields are written by `write`. */
  message(field: number, write: () => void): this {
    this.open(field)
    write()
    return this.close()
  }

  /**
   * Begins a nested message (`message` without a function for hot paths). Every `open` needs its `close`. A good guess of its
   * size saves moving it when it turns out to need a longer length.
   */
  open(field: number, bytesExpected = 0): this {
    this.#tag(field, LENGTH_DELIMITED)
    const reserved = bytesExpected < 0x80 ? 1 : varintSize(bytesExpected)
    this.#reserve(reserved)
    this.#open.push(this.#at * 8 + reserved)
    this.#at += reserved
    return this
  }

  /** Ends the message that was opened last. */
  close(): this {
    const opened = this.#open.pop()
    if (opened === undefined) throw new Error('BUG: a protobuf message was closed that was never opened')
    const reserved = opened % 8
    const lengthAt = (opened - reserved) / 8
    const start = lengthAt + reserved
    const length = this.#at - start
    if (length < 0x80 && reserved === 1) {
      this.#bytes[lengthAt] = length
      return this
    }
    // The reserved bytes may be too few or too many for the length: then the content moves.
    const extra = varintSize(length) - reserved
    if (extra !== 0) {
      this.#reserve(Math.max(0, extra))
      this.#bytes.copyWithin(start + extra, start, this.#at)
    }
    const end = this.#at + extra
    this.#at = lengthAt
    this.#varint(length)
    this.#at = end
    return this
  }

  /** The bytes so far as a view that is valid until the next call; every message must be closed. */
  view(): Uint8Array<ArrayBuffer> {
    if (this.#open.length > 0) throw new Error(`BUG: ${this.#open.length} protobuf messages are still open`)
    return this.#bytes.subarray(0, this.#at)
  }

  /** The bytes as a copy that belongs to the caller, and a fresh start. */
  finish(): Uint8Array<ArrayBuffer> {
    const bytes = this.view().slice()
    this.reset()
    return bytes
  }

  /**
   * The bytes as the caller's own, and a fresh start, as `finish` gives them; but many of them, if they nearly fill the memory that they
   * were written to, come in that memory, and the writer goes on in other memory, which it takes for another message of that size.
   */
  take(): Uint8Array<ArrayBuffer> {
    if (this.#at < TAKEN_BYTES_MIN || this.#at < this.#bytes.length * TAKEN_SHARE_MIN) return this.finish()
    const bytes = this.view()
    this.#expected = bytes.length + (bytes.length >> 4)
    this.#use(new Uint8Array(0))
    this.reset()
    return bytes
  }

  #tag(field: number, wireType: number): void {
    this.#reserve(5)
    if (field < 16) this.#bytes[this.#at++] = (field << 3) | wireType
    else this.#varint(field * 8 + wireType)
  }

  /** Writes a varint for which room has been reserved. */
  #varint(value: number): void {
    let rest = value
    while (rest >= 0x8000_0000) {
      this.#bytes[this.#at++] = (rest % 0x80) | 0x80
      rest = Math.floor(rest / 0x80)
    }
    let low = rest | 0
    while (low >= 0x80) {
      this.#bytes[this.#at++] = (low & 0x7f) | 0x80
      low >>>= 7
    }
    this.#bytes[this.#at++] = low
  }

  #varint64(value: bigint): void {
    let low = Number(BigInt.asUintN(32, value))
    let high = Number(BigInt.asUintN(32, value >> 32n))
    while (high !== 0) {
      this.#bytes[this.#at++] = (low & 0x7f) | 0x80
      low = ((low >>> 7) | (high << 25)) >>> 0
      high >>>= 7
    }
    this.#varint(low)
  }

  /** Copies bytes for which room has been reserved; a call of the runtime pays for more than a few only. */
  #copy(bytes: Uint8Array, start: number, end: number): void {
    const at = this.#at
    this.#at += end - start
    const to = this.#bytes
    if (end - start < 32) for (let i = 0; i < end - start; i++) to[at + i] = bytes[start + i] as number
    else to.set(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end), at)
  }

  /** Most strings are short ASCII, which a loop writes faster than the encoder; false when it was not (nothing written). */
  #ascii(field: number, text: string): boolean {
    const start = this.#at
    this.#tag(field, LENGTH_DELIMITED)
    this.#reserve(1 + text.length)
    const bytes = this.#bytes
    let at = this.#at
    bytes[at++] = text.length
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i)
      if (unit > 0x7f) {
        this.#at = start
        return false
      }
      bytes[at++] = unit
    }
    this.#at = at
    return true
  }

  #reserve(more: number): void {
    const needed = this.#at + more
    if (needed <= this.#bytes.length) return
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, needed, this.#expected))
    grown.set(this.#bytes.subarray(0, this.#at))
    this.#use(grown)
  }

  #use(memory: Uint8Array<ArrayBuffer>): void {
    this.#bytes = memory
    this.#view = new DataView(memory.buffer)
  }
}

/** A number of observations as an integer from 0 to 2^53 - 1. */
export function wholeCount(value: number): number {
  return value > 0 ? Math.min(Math.round(value), Number.MAX_SAFE_INTEGER) : 0
}

/** The value of each hex digit, by its code. */
const HEX_DIGITS = Uint8Array.from({ length: 256 }, (_, code) => Number.parseInt(`0${String.fromCharCode(code)}`, 16) || 0)

/** Bytes that a value from 0 to 2^53 - 1 takes as a varint. */
export function varintSize(value: number): number {
  let size = 1
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) size++
  return size
}
