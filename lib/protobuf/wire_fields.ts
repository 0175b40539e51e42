const decoder = new TextDecoder('utf-8', { fatal: false })

/**
 * Walks the fields of one protobuf message, one `next()` at a time. It never throws: on bytes that are not a message
 * `next()` returns false and `isBroken` says so, and what came before stays valid. For slow paths that read a message
 * once; hot paths decode by hand.
 */
export class WireFields {
  /** Number of the current field. */
  field = 0
  /** Wire type of the current field: 0 varint, 1 fixed64, 2 bytes, 5 fixed32. Groups end the walk as broken. */
  wire = 0
  /** A varint's value; exact up to 2^53. */
  number = 0
  /** Where the current field's payload begins and ends in `bytes`. */
  start = 0
  end = 0
  isBroken = false
  bytes: Uint8Array
  #from: number
  #at: number
  #limit: number

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.bytes = bytes
    this.#from = start
    this.#at = start
    this.#limit = end
  }

  /** Starts over with another message, so that one walker can serve many. */
  reset(bytes: Uint8Array, start = 0, end = bytes.length): this {
    this.bytes = bytes
    this.#from = start
    this.#at = start
    this.#limit = end
    this.isBroken = false
    return this
  }

  next(): boolean {
    if (this.isBroken || this.#at >= this.#limit) return false
    const tag = this.#varint()
    this.field = Math.floor(tag / 8)
    this.wire = tag % 8
    this.start = this.#at
    if (this.wire === 0) this.number = this.#varint()
    else if (this.wire === 2) {
      const length = this.#varint()
      this.start = this.#at
      this.#at += length
    } else if (this.wire === 1) this.#at += 8
    else if (this.wire === 5) this.#at += 4
    else this.isBroken = true
    if (this.#at > this.#limit || this.field === 0) this.isBroken = true
    this.end = this.#at
    return !this.isBroken
  }

  /** The payload as text; bytes that are not UTF-8 become U+FFFD. */
  text(): string {
    return this.wire === 2 ? decoder.decode(this.payload()) : ''
  }

  /** The payload's bytes, not copied. */
  payload(): Uint8Array {
    return this.bytes.subarray(this.start, this.end)
  }

  /** A walker over the payload as a message; empty when the field is not length-delimited. */
  message(): WireFields {
    return new WireFields(this.bytes, this.start, this.wire === 2 ? this.end : this.start)
  }

  /** A walker over the same message, from its start. */
  again(): WireFields {
    return new WireFields(this.bytes, this.#from, this.#limit)
  }

  /** The payload of a fixed64 field as a double. */
  double(): number {
    if (this.wire !== 1) return 0
    return new DataView(this.bytes.buffer, this.bytes.byteOffset + this.start, 8).getFloat64(0, true)
  }

  #varint(): number {
    let value = 0
    let scale = 1
    for (let i = 0; i < 10; i++) {
      if (this.#at >= this.#limit) break
      const byte = this.bytes[this.#at++] as number
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
      scale *= 128
    }
    this.isBroken = true
    return value
  }
}
