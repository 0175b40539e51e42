import { fixed32At, fixed64At, idAt, lengthAt, payloadStart, textAt } from '../../lib/protobuf/values.ts'
import { skipValue, varintIsSet, varintLow } from '../../lib/protobuf/wire.ts'

/** Walks the fields of messages that have been checked (`check.ts`), so that nothing can go wrong on the way. */
export class CheckedFields {
  /** Number of the current field. */
  field = 0
  /** Where the current field begins, its tag included. */
  at = 0
  /** Where the value begins: behind the tag, and behind the length if there is one. */
  start = 0
  /** Where the current field ends. */
  end = 0
  readonly bytes: Uint8Array
  /** Where the message ends. */
  readonly limit: number
  #isLengthDelimited = false

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.bytes = bytes
    this.end = start
    this.limit = end
  }

  next(): boolean {
    const { bytes, end } = this
    if (end >= this.limit) return false
    const tag = lengthAt(bytes, end)
    const valueAt = payloadStart(bytes, end)
    this.at = end
    this.field = tag >>> 3
    this.#isLengthDelimited = (tag & 7) === 2
    if (this.#isLengthDelimited) {
      this.start = payloadStart(bytes, valueAt)
      this.end = this.start + lengthAt(bytes, valueAt)
    } else {
      this.start = valueAt
      this.end = skipValue(bytes, valueAt, this.limit, tag)
    }
    return true
  }

  /** False for a repeated number that is not packed. */
  get isLengthDelimited(): boolean {
    return this.#isLengthDelimited
  }

  text(): string {
    return textAt(this.bytes, this.start, this.end)
  }

  /** Hex digits of an id. */
  id(): string {
    return idAt(this.bytes, this.start, this.end)
  }

  fixed64(): bigint {
    return fixed64At(this.bytes, this.start)
  }

  fixed32(): number {
    return fixed32At(this.bytes, this.start)
  }

  /** A varint of type uint32. */
  uint32(): number {
    return varintLow(this.bytes, this.start)
  }

  bool(): boolean {
    return varintIsSet(this.bytes, this.start)
  }

  /** The fields of the current field, which is a message. */
  message(): CheckedFields {
    return new CheckedFields(this.bytes, this.start, this.end)
  }
}
