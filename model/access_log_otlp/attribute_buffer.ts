import { isUtf8 } from 'node:buffer'
import { varintSize } from '../../lib/protobuf/writer.ts'

/** A field `attributes` as a tag: of a LogRecord, of a Span, of the values of a map (`KeyValueList`). */
export const AttributeTag = { record: 0x32, span: 0x4a, event: 0x1a, map: 0x0a } as const

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: false })

/** Room for tags and lengths around one attribute, beside its key and its value. */
const FRAME = 32

/** The key of an attribute, made by `attributeKey`; valid for the life of the thread. */
export type AttributeKey = number

/** All keys one behind the other, so that copying one touches no object of its own. */
let keyView = new DataView(new ArrayBuffer(1 << 14))
let keysUsed = 0
const knownKeys = new Map<string, AttributeKey>()
/** Names that a sender decides about (headers, tags) end here; the one key that they then share says so. */
const KEYS_MAX = 1 << 14
const KEY_ARENA_MAX = (1 << 20) - (1 << 12)
const KEY_BYTES_MAX = 1 << 10
const KEY_LENGTH_BITS = 11
const KEY_LENGTH_MASK = (1 << KEY_LENGTH_BITS) - 1

/**
 * The key of an attribute as it stands in a `KeyValue` (opentelemetry/proto/common/v1), the tag of the value included. The same
 * name gives the same key. Names longer than 1 KiB are cut.
 */
export function attributeKey(name: string): AttributeKey {
  const known = knownKeys.get(name)
  if (known !== undefined) return known
  if (knownKeys.size >= KEYS_MAX || keysUsed > KEY_ARENA_MAX) return attributeKey('envoy.other')
  const text = encoder.encode(name).subarray(0, KEY_BYTES_MAX)
  const bytes = new Uint8Array(text.length + 8)
  bytes[0] = 0x0a
  const at = putVarint(bytes, 1, text.length)
  bytes.set(text, at)
  bytes[at + text.length] = 0x12
  const key = stored(bytes.subarray(0, at + text.length + 1))
  knownKeys.set(name, key)
  return key
}

/** A whole encoded attribute, or several, that is written again and again; valid for the life of the thread. */
export type AttributeBlob = number

const knownBlobs = new Map<string, AttributeBlob>()

/** Remembers encoded attributes of 2 KiB at most. For what few values exist of: 0 when there is no room for more. */
export function attributeBlob(encoded: Uint8Array): AttributeBlob {
  const content = Buffer.from(encoded).toString('latin1')
  const known = knownBlobs.get(content)
  if (known !== undefined) return known
  if (keysUsed > KEY_ARENA_MAX || encoded.length > KEY_LENGTH_MASK || encoded.length === 0) return 0
  const blob = stored(encoded)
  knownBlobs.set(content, blob)
  return blob
}

/** A copy of what an `AttributeKey`, or an `AttributeBlob`, stands for. */
export function encodedBytes(key: AttributeKey): Uint8Array {
  const at = key >>> KEY_LENGTH_BITS
  return new Uint8Array(keyView.buffer).slice(at, at + (key & KEY_LENGTH_MASK))
}

/** Puts bytes behind the keys and returns where they are. */
function stored(content: Uint8Array): number {
  // Words are copied, so the last one may reach beyond the content.
  if (keysUsed + content.length + 8 > keyView.byteLength) {
    const grown = new Uint8Array(Math.max(keyView.byteLength * 2, keysUsed + content.length + 8))
    grown.set(new Uint8Array(keyView.buffer))
    keyView = new DataView(grown.buffer)
  }
  const start = keysUsed
  new Uint8Array(keyView.buffer).set(content, start)
  keysUsed += content.length
  return start * (1 << KEY_LENGTH_BITS) + content.length
}

/**
 * A growing buffer into which attributes are written by hand, one `KeyValue` after the other, without an object or a string
 * on the way. The memory is kept when `at` is set back. Its owner may write into `bytes` from `at` on after `reserve`.
 */
export class AttributeBuffer {
  bytes: Uint8Array<ArrayBuffer>
  view: DataView
  /** Where the next byte goes. */
  at = 0
  /** What every attribute begins with (`AttributeTag`). */
  tag: number

  constructor(tag: number, bytesExpected = 64 << 10) {
    this.tag = tag
    this.bytes = new Uint8Array(bytesExpected)
    this.view = new DataView(this.bytes.buffer)
  }

  /** Makes sure that `more` bytes can be written from `at` on. */
  reserve(more: number): void {
    const needed = this.at + more
    if (needed <= this.bytes.length) return
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, needed))
    grown.set(this.bytes.subarray(0, this.at))
    this.bytes = grown
    this.view = new DataView(grown.buffer)
  }

  /** An attribute with the text `from[start, end)`; bytes that are not UTF-8, which receivers refuse, become U+FFFD. */
  text(key: AttributeKey, from: DataView, start: number, end: number): void {
    const length = (end - start) | 0
    let at = 0
    if (length < 80 && (key & KEY_LENGTH_MASK) < 44) {
      // All lengths take one byte: nearly always so.
      this.reserve(256)
      const { view } = this
      const keyLength = key & KEY_LENGTH_MASK
      at = this.at
      this.#start = at
      view.setUint8(at, this.tag)
      view.setUint8(at + 1, keyLength + length + 3)
      copyKey(view, at + 2, key >>> KEY_LENGTH_BITS, keyLength)
      at = (at + 2 + keyLength) | 0
      view.setUint8(at, length + 2)
      view.setUint8(at + 1, 0x0a)
      view.setUint8(at + 2, length)
      at = (at + 3) | 0
    } else {
      at = this.#begin(key, length, 1 + sizeOf(length) + length)
      this.bytes[at] = 0x0a
      at = putVarint(this.bytes, at + 1, length)
    }
    this.at = at + length
    if ((copy(this.view, at, from, start, end) & 0x80) !== 0 && !isUtf8(this.bytes.subarray(at, at + length))) {
      const text = decoder.decode(this.bytes.slice(at, at + length))
      this.at = this.#start
      this.string(key, text)
    }
  }

  /** An attribute with a list of one text. */
  texts(key: AttributeKey, from: DataView, start: number, end: number): void {
    const length = end - start
    const item = 1 + sizeOf(length) + length
    const list = 1 + sizeOf(item) + item
    const valueAt = this.#begin(key, length, 1 + sizeOf(list) + list)
    const { bytes } = this
    bytes[valueAt] = 0x2a
    let at = putVarint(bytes, valueAt + 1, list)
    bytes[at] = 0x0a
    at = putVarint(bytes, at + 1, item)
    bytes[at] = 0x0a
    at = putVarint(bytes, at + 1, length)
    this.at = at + length
    if ((copy(this.view, at, from, start, end) & 0x80) !== 0 && !isUtf8(bytes.subarray(at, at + length))) {
      const text = decoder.decode(bytes.slice(at, at + length))
      this.at = this.#start
      this.strings(key, [text])
    }
  }

  /** An attribute with a text that is a string already. */
  string(key: AttributeKey, text: string): void {
    const bytes = encoder.encode(text)
    this.text(key, new DataView(bytes.buffer), 0, bytes.length)
  }

  /** An attribute with a list of texts. */
  strings(key: AttributeKey, texts: readonly string[]): void {
    const items = new AttributeBuffer(0, 256)
    for (const text of texts) items.#item(encoder.encode(text))
    this.list(key, items)
  }

  /** An attribute with a list whose items (`ArrayValue`'s fields) have been written into `items`. */
  list(key: AttributeKey, items: AttributeBuffer): void {
    this.#wrapped(key, 0x2a, items)
  }

  /** An attribute with a map whose entries have been written into `entries` as attributes with `AttributeTag.map`. */
  map(key: AttributeKey, entries: AttributeBuffer): void {
    this.#wrapped(key, 0x32, entries)
  }

  /** An attribute with bytes. */
  binary(key: AttributeKey, value: Uint8Array): void {
    const valueAt = this.#begin(key, value.length, 1 + sizeOf(value.length) + value.length)
    this.bytes[valueAt] = 0x3a
    const at = putVarint(this.bytes, valueAt + 1, value.length)
    this.bytes.set(value, at)
    this.at = at + value.length
  }

  /** An attribute with an integer from 0 to 2^53. */
  integer(key: AttributeKey, value: number): void {
    const size = sizeOf(value)
    const valueAt = this.#begin(key, 0, 1 + size)
    this.bytes[valueAt] = 0x18
    this.at = putVarint(this.bytes, valueAt + 1, value)
  }

  /** An attribute with an integer whose varint is `from[start, end)`. */
  varint(key: AttributeKey, from: Uint8Array, start: number, end: number): void {
    const length = end - start
    let at = this.#begin(key, length, 1 + length)
    const { bytes } = this
    bytes[at++] = 0x18
    for (let p = start; p < end; p++) bytes[at++] = from[p] as number
    this.at = at
  }

  /** An attribute with a double. */
  double(key: AttributeKey, value: number): void {
    const valueAt = this.#begin(key, 0, 9)
    this.bytes[valueAt] = 0x21
    this.view.setFloat64(valueAt + 1, value, true)
    this.at = valueAt + 9
  }

  /** An attribute with a truth value. */
  bool(key: AttributeKey, value: boolean): void {
    const valueAt = this.#begin(key, 0, 2)
    this.bytes[valueAt] = 0x10
    this.bytes[valueAt + 1] = value ? 1 : 0
    this.at = valueAt + 2
  }

  /** Copies attributes that were given to `attributeBlob` with this buffer's tag. */
  blob(blob: AttributeBlob): void {
    const length = blob & KEY_LENGTH_MASK
    this.reserve(length + 8)
    copyKey(this.view, this.at, blob >>> KEY_LENGTH_BITS, length)
    this.at += length
  }

  /** Copies what is encoded already: whole attributes with this buffer's tag, or any other fields. */
  raw(encoded: Uint8Array): void {
    const { length } = encoded
    this.reserve(length)
    const { bytes } = this
    const { at } = this
    if (length > 96) bytes.set(encoded, at)
    else for (let i = 0; i < length; i++) bytes[at + i] = encoded[i] as number
    this.at = at + length
  }

  /** The same for a part of a buffer, of which no object is made. */
  part(from: Buffer, start: number, end: number): void {
    this.reserve(end - start)
    from.copy(this.bytes, this.at, start, end)
    this.at += end - start
  }

  /** What was written from `start` on, as a copy. */
  slice(start = 0): Uint8Array<ArrayBuffer> {
    return this.bytes.slice(start, this.at)
  }

  /** Where the attribute that is being written began. */
  #start = 0

  /** Tag, length, key and length of the value; returns where the value goes, for which room is reserved. */
  #begin(key: AttributeKey, contentBytes: number, value: number): number {
    const keyLength = key & KEY_LENGTH_MASK
    this.reserve(contentBytes + keyLength + FRAME)
    const { at, bytes } = this
    this.#start = at
    bytes[at] = this.tag
    const size = keyLength + sizeOf(value) + value
    if (size < 128) {
      // The length of the value is shorter still.
      bytes[at + 1] = size
      copyKey(this.view, at + 2, key >>> KEY_LENGTH_BITS, keyLength)
      bytes[at + 2 + keyLength] = value
      return at + 3 + keyLength
    }
    const keyAt = putVarint(bytes, at + 1, size)
    copyKey(this.view, keyAt, key >>> KEY_LENGTH_BITS, keyLength)
    return putVarint(bytes, keyAt + keyLength, value)
  }

  #wrapped(key: AttributeKey, valueTag: number, content: AttributeBuffer): void {
    const { at: length } = content
    const valueAt = this.#begin(key, length, 1 + sizeOf(length) + length)
    this.bytes[valueAt] = valueTag
    const at = putVarint(this.bytes, valueAt + 1, length)
    this.bytes.set(content.bytes.subarray(0, length), at)
    this.at = at + length
  }

  /** One text of an `ArrayValue`. */
  #item(text: Uint8Array): void {
    this.reserve(text.length + FRAME)
    const { bytes } = this
    bytes[this.at] = 0x0a
    let at = putVarint(bytes, this.at + 1, 1 + sizeOf(text.length) + text.length)
    bytes[at] = 0x0a
    at = putVarint(bytes, at + 1, text.length)
    bytes.set(text, at)
    this.at = at + text.length
  }
}

/** Bytes of a varint; `varintSize` without its loop for what is common. */
function sizeOf(value: number): number {
  return value < 128 ? 1 : value < 16_384 ? 2 : varintSize(value)
}

/** Writes a varint for which room has been reserved and returns the position behind it. */
export function putVarint(bytes: Uint8Array, at: number, value: number): number {
  let rest = value
  let p = at
  while (rest >= 0x8000_0000) {
    bytes[p++] = (rest % 128) | 128
    rest = Math.floor(rest / 128)
  }
  let low = rest | 0
  while (low >= 128) {
    bytes[p++] = (low & 127) | 128
    low >>>= 7
  }
  bytes[p++] = low
  return p
}

/** Copies a key by words; what the last one writes beyond it is overwritten by the value. */
function copyKey(to: DataView, at: number, keyAt: number, length: number): void {
  const from = keyView
  for (let n = 0; n < length; n = (n + 4) | 0) to.setInt32(at + n, from.getInt32(keyAt + n, true), true)
}

/** Copies `from[start, end)` to `at`, four bytes at a time; bit 7 of the result tells whether any byte is not ASCII. */
function copy(to: DataView, at: number, from: DataView, start: number, end: number): number {
  let seen = 0
  let p = start
  let q = at
  const last = end - 4
  if (p > last) {
    for (; p < end; p++, q++) {
      const byte = from.getUint8(p)
      seen |= byte
      to.setUint8(q, byte)
    }
    return seen
  }
  for (; p < last; p += 4, q += 4) {
    const word = from.getInt32(p, true)
    seen |= word
    to.setInt32(q, word, true)
  }
  // The last word overlaps the one before it unless the length is a multiple of four.
  const word = from.getInt32(last, true)
  to.setInt32(q + last - p, word, true)
  seen |= word
  return (seen | (seen >>> 8) | (seen >>> 16) | (seen >>> 24)) & 0x80
}
