import { isUtf8 } from 'node:buffer'
import { textAt } from '../../lib/protobuf/values.ts'
import { shortVarint, skipValue, varintEnd, WireType } from '../../lib/protobuf/wire.ts'
import { ProtobufWriter } from '../../lib/protobuf/writer.ts'
import { OtlpError } from './error.ts'
import { FIELD_BITS, fieldName, KINDS, Kind, MESSAGES, type MessageName, messageNumber } from './messages.ts'

/** Deepest nesting of messages, as in other implementations of protobuf; each map or list of attributes takes two levels and more. */
const DEPTH_MAX = 100
/** How deep log records and spans are; data points may be two levels deeper, which the whole request is checked for. */
const ITEM_DEPTH = 3
/** From here on the native check of a text is faster than the loop. */
const LONG_TEXT = 192

const KEY_VALUE = messageNumber('KeyValue')
const KEY_VALUE_KIND = Kind.message + KEY_VALUE
/** The wire type of a field of each kind; of packed numbers, the one that they mostly have. */
const WIRES = Uint8Array.from({ length: Kind.message + MESSAGES.length }, (_, kind) => (kind >= Kind.text ? WireType.bytes : wireOf(kind)))

/**
 * Checks that `bytes` are a message of OTLP, all the way down: lengths, wire types of known fields, lengths of ids, depth. What
 * has been checked can be read later without any care.
 *
 * Returns `bytes`, or a rewritten copy where they hold text that is not UTF-8 (what is wrong becomes U+FFFD) or attributes
 * that are not one key and then one value (the last of each counts). Throws `OtlpError` with the place otherwise.
 */
export function checkedMessage(bytes: Uint8Array, name: MessageName): Uint8Array {
  const check = new MessageCheck(bytes)
  check.message(0, bytes.length, messageNumber(name), 0)
  if (!check.isOdd) return bytes
  const writer = new ProtobufWriter(bytes.length + 64)
  rewrite(writer, bytes, { start: 0, end: bytes.length }, messageNumber(name))
  return writer.view()
}

/** Checks a message inside of another, by its number; throws as `checkedMessage` does. Its depth counts from the outermost message of a request for logs. */
export function checkMessagePart(bytes: Uint8Array, { start, end }: Range, message: number): void {
  new MessageCheck(bytes).message(start, end, message, ITEM_DEPTH)
}

class MessageCheck {
  /** True when something has to be rewritten. */
  isOdd = false
  readonly #bytes: Uint8Array
  readonly #view: DataView

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  message(start: number, end: number, message: number, depth: number): void {
    if (depth > DEPTH_MAX) throw new OtlpError(`byte ${start}: messages are nested deeper than ${DEPTH_MAX} levels`, start)
    const bytes = this.#bytes
    const fields = message << FIELD_BITS
    let p = start
    while (p < end) {
      const tag = bytes[p] as number
      const length = bytes[p + 1] as number
      // Nearly all fields have a tag of one byte, and a length or value of one byte if any.
      if (tag < 128 && length < 128 && tag > 7) {
        const kind = KINDS[fields | (tag >>> 3)] as number
        const wire = tag & 7
        const next = wire === WireType.bytes ? p + 2 + length : p + (wire === WireType.varint ? 2 : 9)
        if (next <= end && wire < 3 && wire === WIRES[kind]) {
          if (kind === KEY_VALUE_KIND) this.#keyValue(p + 2, next, depth + 1)
          else if (kind === Kind.text) this.#text(p + 2, next)
          else if (kind >= Kind.message) this.message(p + 2, next, kind - Kind.message, depth + 1)
          else if (wire === WireType.bytes) this.#bytesOf(p + 2, length, message, tag >>> 3, kind)
          p = next
          continue
        }
      }
      p = this.#field(p, end, message, depth)
    }
  }

  /** A field of any form; returns where it ends. */
  #field(at: number, end: number, message: number, depth: number): number {
    const tag = shortVarint(this.#bytes, at, end)
    if (tag < 0) this.#fail(at, `${MESSAGES[message]}: a field number that does not end or is too large`)
    const p = varintEnd(this.#bytes, at, end)
    const field = tag >>> 3
    const kind = field >> FIELD_BITS === 0 ? (KINDS[(message << FIELD_BITS) | field] as number) : Kind.unknown
    if (kind >= Kind.text && (tag & 7) === WireType.bytes) return this.#lengthDelimited(p, end, message, field, kind, depth)
    return this.#scalar(p, end, message, tag, kind)
  }

  /** A field with a length; returns where it ends. */
  #lengthDelimited(at: number, end: number, message: number, field: number, kind: number, depth: number): number {
    const bytes = this.#bytes
    let p = at
    let length = at < end ? (bytes[p++] as number) : 128
    if (length >= 128) {
      length = shortVarint(bytes, at, end)
      if (length < 0) this.#fail(at, `${fieldName(message, field)}: a length that does not end or is too large`)
      p = varintEnd(bytes, at, end)
    }
    const next = p + length
    if (next > end) this.#fail(at, `${fieldName(message, field)} has a length of ${length} bytes, but its message ends after ${end - p}`)
    if (kind >= Kind.message) {
      if (kind === KEY_VALUE_KIND) this.#keyValue(p, next, depth + 1)
      else this.message(p, next, kind - Kind.message, depth + 1)
    } else if (kind === Kind.text) this.#text(p, next)
    else this.#bytesOf(p, length, message, field, kind)
    return next
  }

  #bytesOf(at: number, length: number, message: number, field: number, kind: number): void {
    if (kind === Kind.traceId && length !== 16 && length !== 0) this.#fail(at, `${fieldName(message, field)} has ${length} bytes; expected 16, or none`)
    if (kind === Kind.spanId && length !== 8 && length !== 0) this.#fail(at, `${fieldName(message, field)} has ${length} bytes; expected 8, or none`)
    if (kind === Kind.fixed64s && length % 8 !== 0) this.#fail(at, `${fieldName(message, field)} has ${length} bytes; expected a multiple of 8`)
    if (kind !== Kind.varints) return
    for (let p = at; p < at + length; ) {
      const next = varintEnd(this.#bytes, p, at + length)
      if (next < 0) this.#fail(p, `${fieldName(message, field)}: a number that does not end`)
      p = next
    }
  }

  /** A field of fixed size, a varint, or one that nobody knows; returns where it ends. */
  #scalar(at: number, end: number, message: number, tag: number, kind: number): number {
    const wire = tag & 7
    if (kind !== Kind.unknown && wire !== wireOf(kind)) {
      this.#fail(at, `${fieldName(message, tag >>> 3)} has wire type ${wire}; expected ${kind >= Kind.text ? WireType.bytes : wireOf(kind)}`)
    }
    const next = skipValue(this.#bytes, at, end, tag)
    if (next < 0) this.#fail(at, `${fieldName(message, tag >>> 3)} ends behind its message, or has a wire type that does not exist`)
    return next
  }

  /** Most attributes are a short key and a short text or number; others are looked at field by field. */
  #keyValue(start: number, end: number, depth: number): void {
    const bytes = this.#bytes
    const keySize = bytes[start + 1] as number
    const valueAt = start + 2 + keySize
    if (valueAt + 4 <= end && bytes[start] === 0x0a && keySize < 128 && bytes[valueAt] === 0x12 && valueAt + 2 + (bytes[valueAt + 1] as number) === end) {
      const tag = bytes[valueAt + 2]
      const size = bytes[valueAt + 3] as number
      if (tag === 0x0a ? size < 128 && valueAt + 4 + size === end : (tag === 0x18 || tag === 0x10) && varintEnd(bytes, valueAt + 3, end) === end) {
        this.#text(start + 2, valueAt)
        if (tag === 0x0a) this.#text(valueAt + 4, end)
        return
      }
    }
    this.message(start, end, KEY_VALUE, depth)
    if (!isKeyThenValue(bytes, start, end)) this.isOdd = true
  }

  #text(start: number, end: number): void {
    if (end - start > LONG_TEXT) {
      if (!isUtf8(this.#bytes.subarray(start, end))) this.isOdd = true
      return
    }
    const view = this.#view
    let p = start
    let high = 0
    for (const eights = end - 8; p <= eights; p += 8) high |= view.getInt32(p, true) | view.getInt32(p + 4, true)
    for (; p < end; p++) high |= this.#bytes[p] as number
    if ((high & 0x80808080) !== 0 && !isUtf8(this.#bytes.subarray(start, end))) this.isOdd = true
  }

  #fail(at: number, what: string): never {
    throw new OtlpError(`byte ${at}: ${what}`, at)
  }
}

function wireOf(kind: number): number {
  switch (kind) {
    case Kind.unknown:
      // None has it, so that fields which nobody knows are looked at with care.
      return WireType.endGroup
    case Kind.varint:
    case Kind.varints:
      return WireType.varint
    case Kind.fixed64:
    case Kind.fixed64s:
      return WireType.fixed64
    case Kind.fixed32:
      return WireType.fixed32
    default:
      return WireType.bytes
  }
}

/** True when a well-formed `KeyValue` has at most a key and then at most a value, and nothing else. */
function isKeyThenValue(bytes: Uint8Array, start: number, end: number): boolean {
  let p = start
  if (bytes[p] === 0x0a) p = skipValue(bytes, p + 1, end, 0x0a)
  if (p < end && bytes[p] === 0x12) p = skipValue(bytes, p + 1, end, 0x12)
  return p === end
}

interface Range {
  readonly start: number
  readonly end: number
}

/** Writes the fields of a message that has been checked, with text made UTF-8 and attributes made a key and a value. */
function rewrite(writer: ProtobufWriter, bytes: Uint8Array, { start, end }: Range, message: number): void {
  let p = start
  while (p < end) {
    const fieldAt = p
    const tag = shortVarint(bytes, p, end)
    p = varintEnd(bytes, p, end)
    const field = tag >>> 3
    const kind = field >> FIELD_BITS === 0 ? (KINDS[(message << FIELD_BITS) | field] as number) : Kind.unknown
    const next = skipValue(bytes, p, end, tag)
    const payload = { start: (tag & 7) === WireType.bytes ? varintEnd(bytes, p, end) : p, end: next }
    if (kind >= Kind.message) {
      writer.open(field, payload.end - payload.start)
      if (kind === KEY_VALUE_KIND) rewriteKeyValue(writer, bytes, payload)
      else rewrite(writer, bytes, payload, kind - Kind.message)
      writer.close()
    } else if (kind === Kind.text) writer.string(field, textAt(bytes, payload.start, payload.end))
    else writer.range(bytes, fieldAt, next)
    p = next
  }
}

function rewriteKeyValue(writer: ProtobufWriter, bytes: Uint8Array, { start, end }: Range): void {
  let key: Range | undefined
  let value: Range | undefined
  for (let p = start; p < end; ) {
    const tag = shortVarint(bytes, p, end)
    p = varintEnd(bytes, p, end)
    const next = skipValue(bytes, p, end, tag)
    if (tag === 0x0a) key = { start: varintEnd(bytes, p, end), end: next }
    else if (tag === 0x12) value = { start: varintEnd(bytes, p, end), end: next }
    p = next
  }
  if (key !== undefined) writer.string(1, textAt(bytes, key.start, key.end))
  if (value === undefined) return
  writer.open(2, value.end - value.start)
  rewrite(writer, bytes, value, messageNumber('AnyValue'))
  writer.close()
}
