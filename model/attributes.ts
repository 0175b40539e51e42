import { doubleAt, int64At, lengthAt, payloadStart, textAt } from '../lib/protobuf/values.ts'
import { skipValue, varintIsSet } from '../lib/protobuf/wire.ts'
import { ProtobufWriter } from '../lib/protobuf/writer.ts'

/**
 * A value of an OpenTelemetry attribute, or the body of a log record (OTLP's `AnyValue`): `number` is a double and `bigint`
 * an int64, whatever their size; bytes are a `Uint8Array`; a map is an `AttributeSet`; null is a value that is not set.
 */
export type AttributeValue = string | number | bigint | boolean | null | Uint8Array | AttributeSet | readonly AttributeValue[]

/** True when two values are equal, whatever objects hold them; maps are equal in one order only. */
export function isSameValue(a: AttributeValue | undefined, b: AttributeValue | undefined): boolean {
  if (a === null || b === null || typeof a !== 'object' || typeof b !== 'object') return Object.is(a, b)
  return valueKey(a) === valueKey(b)
}

/** One text per value: equal values of equal types have equal texts, different ones different texts. */
export function valueKey(value: AttributeValue): string {
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value !== 'object') return Object.is(value, -0) || !Number.isFinite(value) ? textKey(value) : JSON.stringify(value)
  if (value === null) return 'null'
  if (value instanceof Uint8Array) return `x${Buffer.from(value.buffer, value.byteOffset, value.length).toString('hex')}`
  if (value instanceof AttributeSet) return `{${value.keys.map((key, i) => `${JSON.stringify(key)}:${valueKey(value.values[i] as AttributeValue)}`).join(',')}}`
  return `[${value.map(valueKey).join(',')}]`
}

/** What JSON cannot tell apart: -0, NaN and the infinities; texts and truth values as JSON has them. */
function textKey(value: string | number | boolean): string {
  if (typeof value !== 'number') return JSON.stringify(value)
  return Object.is(value, -0) ? '-0' : String(value)
}

/**
 * An immutable, ordered list of attributes. Producers of metrics keep one `AttributeSet` per series for as long as the
 * series lives, so consumers may cache what they derive from it (rendered labels, encoded bytes) by its identity.
 *
 * A set that came by OTLP keeps its encoded form: `get`, `with`, `without` and `size` work on that, and encoding it copies it.
 * Asking for `keys` or `values` decodes all of it and lets the memory of the request go, so who keeps such a set for longer
 * than its batch asks for them, or keeps what `detached` returns. Those of resources and scopes are detached already.
 */
export class AttributeSet {
  #keys: readonly string[] | undefined
  #values: readonly AttributeValue[] | undefined
  /** `KeyValue`s as fields of one number below 16, one after the other; undefined when there is no encoded form. */
  #bytes: Uint8Array | undefined
  #start = 0
  #end = 0

  constructor(keys: readonly string[], values: readonly AttributeValue[]) {
    if (keys.length !== values.length) throw new RangeError(`BUG: ${keys.length} attribute keys for ${values.length} values`)
    this.#keys = keys
    this.#values = values
  }

  get keys(): readonly string[] {
    if (this.#keys === undefined) this.#decode()
    return this.#keys as readonly string[]
  }

  get values(): readonly AttributeValue[] {
    if (this.#values === undefined) this.#decode()
    return this.#values as readonly AttributeValue[]
  }

  get size(): number {
    if (this.#keys !== undefined) return this.#keys.length
    let size = 0
    for (let p = this.#start; p < this.#end; p = entryEnd(this.#bytes as Uint8Array, p)) size++
    return size
  }

  /** The value of `key`, the first one if there are several; undefined when there is none. */
  get(key: string): AttributeValue | undefined {
    if (this.#keys === undefined) {
      const at = this.#find(key)
      return at < 0 ? undefined : decodeEntryValue(this.#bytes as Uint8Array, at)
    }
    const at = this.#keys.indexOf(key)
    return at < 0 ? undefined : (this.#values as readonly AttributeValue[])[at]
  }

  has(key: string): boolean {
    return this.#keys === undefined ? this.#find(key) >= 0 : this.#keys.includes(key)
  }

  /** A set with `key` set to `value`: in its old place when there is one, else at the end. */
  with(key: string, value: AttributeValue): AttributeSet {
    if (this.#keys === undefined) {
      const at = this.#find(key)
      return this.#spliced(at < 0 ? this.#end : at, at < 0 ? this.#end : entryEnd(this.#bytes as Uint8Array, at), key, value)
    }
    const at = this.#keys.indexOf(key)
    const values = this.#values as readonly AttributeValue[]
    return at < 0 ? new AttributeSet([...this.#keys, key], [...values, value]) : new AttributeSet(this.#keys, values.with(at, value))
  }

  /** A set that lacks `key`; the same one when it has no such key. */
  without(key: string): AttributeSet {
    if (this.#keys === undefined) {
      const at = this.#find(key)
      return at < 0 ? this : this.#spliced(at, entryEnd(this.#bytes as Uint8Array, at))
    }
    const at = this.#keys.indexOf(key)
    return at < 0 ? this : new AttributeSet(this.#keys.toSpliced(at, 1), (this.#values as readonly AttributeValue[]).toSpliced(at, 1))
  }

  /** Writes the attributes as a repeated field of `KeyValue`s; `field` is below 16. */
  writeTo(writer: ProtobufWriter, field: number): void {
    const bytes = this.#bytes
    if (bytes === undefined) {
      const [keys, values] = [this.keys, this.values]
      for (let i = 0; i < keys.length; i++) writeKeyValue(writer, field, keys[i] as string, values[i] as AttributeValue)
    } else {
      const start = writer.length
      writer.range(bytes, this.#start, this.#end)
      const tag = (field << 3) | 2
      if (bytes[this.#start] === tag) return
      const { memory, length } = writer
      for (let p = start; p < length; p = entryEnd(memory, p)) memory[p] = tag
    }
  }

  /**
   * Writes the attributes as `writeTo` does, and keeps the encoded form for the next time. For sets that live long, such as those
   * of series.
   */
  writeKept(writer: ProtobufWriter, field: number): void {
    if (this.#bytes === undefined && (this.#keys as readonly string[]).length > 0) {
      kept = roomIn(kept)
      const start = kept.length
      this.writeTo(kept, field)
      this.#bytes = kept.memory
      this.#start = start
      this.#end = kept.length
    }
    this.writeTo(writer, field)
  }

  /** The same attributes, without a hold on the request that they came with; for those that may be kept for longer than it. */
  detached(): AttributeSet {
    const bytes = this.#bytes
    return bytes === undefined ? this : AttributeSet.ofWire(bytes.slice(this.#start, this.#end), 0, this.#end - this.#start)
  }

  /** Plain data, for logs and tests. */
  toJSON(): unknown {
    return { keys: this.keys, values: this.values }
  }

  static get empty(): AttributeSet {
    return EMPTY
  }

  static of(entries: Readonly<Record<string, AttributeValue>>): AttributeSet {
    return new AttributeSet(Object.keys(entries), Object.values(entries))
  }

  /**
   * The attributes that stand in `bytes[start, end)` as fields of one number below 16, each a `KeyValue` that is a key and then
   * a value. The bytes must have been checked (`otlp/check.ts`) and must not be changed any more.
   */
  static ofWire(bytes: Uint8Array, start: number, end: number): AttributeSet {
    if (start === end) return AttributeSet.empty
    const set = new AttributeSet(NONE, NONE)
    set.#keys = undefined
    set.#values = undefined
    set.#bytes = bytes
    set.#start = start
    set.#end = end
    return set
  }

  #find(key: string): number {
    return findEntry(this.#bytes as Uint8Array, this.#start, this.#end, keyBytes(key))
  }

  /** A copy of the encoded form in which `key` and `value`, or nothing, stand in place of the bytes from `from` to `to`. */
  #spliced(from: number, to: number, key?: string, value: AttributeValue = null): AttributeSet {
    const bytes = this.#bytes as Uint8Array
    edited = roomIn(edited)
    const start = edited.length
    edited.range(bytes, this.#start, from)
    if (key !== undefined) writeKeyValue(edited, (bytes[this.#start] as number) >> 3, key, value)
    edited.range(bytes, to, this.#end)
    return AttributeSet.ofWire(edited.memory, start, edited.length)
  }

  #decode(): void {
    const bytes = this.#bytes as Uint8Array
    const keys: string[] = []
    const values: AttributeValue[] = []
    for (let p = this.#start; p < this.#end; ) {
      const end = entryEnd(bytes, p)
      decodeEntry(bytes, p, end, keys, values)
      p = end
    }
    this.#keys = keys
    this.#values = values
    this.#bytes = undefined
  }
}

const NONE: readonly never[] = []
/** Not made in the class itself: there the compiled code names the class before it has its name. */
const EMPTY = new AttributeSet([], [])

/** Memory of encoded sets: of those that came from an edit and go with their batch, and of those that live long. */
let edited = new ProtobufWriter(0)
let kept = new ProtobufWriter(0)
/** Small, since one set that is kept holds all of its chunk. */
const CHUNK_BYTES = 16 << 10

/** A writer with some room: memory is given up chunk by chunk, when no set holds a part of it. */
function roomIn(writer: ProtobufWriter): ProtobufWriter {
  return writer.length + 1024 <= writer.memory.length ? writer : new ProtobufWriter(CHUNK_BYTES)
}

/** Where the entry at `p` of an encoded set ends. */
function entryEnd(bytes: Uint8Array, p: number): number {
  const length = bytes[p + 1] as number
  return length < 128 ? p + 2 + length : payloadStart(bytes, p + 1) + lengthAt(bytes, p + 1)
}

/** Where the first entry with `key` begins; -1 when there is none. */
function findEntry(bytes: Uint8Array, start: number, end: number, key: Uint8Array): number {
  for (let p = start; p < end; ) {
    const next = entryEnd(bytes, p)
    const at = payloadStart(bytes, p + 1)
    if (bytes[at] !== KEY_TAG || at === next) {
      if (key.length === 0) return p
    } else if (lengthAt(bytes, at + 1) === key.length && isSame(bytes, payloadStart(bytes, at + 1), key)) return p
    p = next
  }
  return -1
}

function isSame(bytes: Uint8Array, at: number, key: Uint8Array): boolean {
  // From the end: keys of one record often begin alike.
  for (let i = key.length - 1; i >= 0; i--) if (bytes[at + i] !== key[i]) return false
  return true
}

const KEY_TAG = 0x0a
const VALUE_TAG = 0x12

function decodeEntryKey(bytes: Uint8Array, p: number): string {
  const at = payloadStart(bytes, p + 1)
  if (bytes[at] !== KEY_TAG || at === entryEnd(bytes, p)) return ''
  const start = payloadStart(bytes, at + 1)
  return textAt(bytes, start, start + lengthAt(bytes, at + 1))
}

function decodeEntryValue(bytes: Uint8Array, p: number): AttributeValue {
  const end = entryEnd(bytes, p)
  let at = payloadStart(bytes, p + 1)
  if (at < end && bytes[at] === KEY_TAG) at = payloadStart(bytes, at + 1) + lengthAt(bytes, at + 1)
  return at < end && bytes[at] === VALUE_TAG ? decodeValue(bytes, payloadStart(bytes, at + 1), end) : null
}

/** Decodes the entry at `p`; mostly that is a short key and a short text. */
function decodeEntry(bytes: Uint8Array, p: number, end: number, keys: string[], values: AttributeValue[]): void {
  const keySize = bytes[p + 3] as number
  const valueAt = p + 4 + keySize
  if ((bytes[p + 1] as number) < 128 && bytes[p + 2] === KEY_TAG && keySize < 128 && valueAt + 4 <= end && bytes[valueAt + 2] === STRING_TAG) {
    const textSize = bytes[valueAt + 3] as number
    if (textSize < 128 && valueAt + 4 + textSize === end) {
      keys.push(textAt(bytes, p + 4, valueAt))
      values.push(textAt(bytes, valueAt + 4, end))
      return
    }
  }
  keys.push(decodeEntryKey(bytes, p))
  values.push(decodeEntryValue(bytes, p))
}

/** The `AnyValue` in `bytes[start, end)`, which have been checked; of several values the last one counts. */
export function decodeValue(bytes: Uint8Array, start: number, end: number): AttributeValue {
  let value: AttributeValue = null
  for (let p = start; p < end; ) {
    const tag = lengthAt(bytes, p)
    p = payloadStart(bytes, p)
    const next = skipValue(bytes, p, end, tag)
    if (tag === STRING_TAG) value = textAt(bytes, payloadStart(bytes, p), next)
    else if (tag === BOOL_TAG) value = varintIsSet(bytes, p)
    else if (tag === INT_TAG) value = int64At(bytes, p)
    else if (tag === DOUBLE_TAG) value = doubleAt(bytes, p)
    else if (tag === ARRAY_TAG) value = decodeArray(bytes, payloadStart(bytes, p), next)
    else if (tag === MAP_TAG) value = decodeMap(bytes, payloadStart(bytes, p), next)
    else if (tag === BYTES_TAG) value = bytes.slice(payloadStart(bytes, p), next)
    p = next
  }
  return value
}

const STRING_TAG = 0x0a
const BOOL_TAG = 0x10
const INT_TAG = 0x18
const DOUBLE_TAG = 0x21
const ARRAY_TAG = 0x2a
const MAP_TAG = 0x32
const BYTES_TAG = 0x3a
/** Field 1 of `ArrayValue` and `KeyValueList`. */
const VALUES_TAG = 0x0a

function decodeArray(bytes: Uint8Array, start: number, end: number): AttributeValue[] {
  const values: AttributeValue[] = []
  for (let p = start; p < end; ) {
    const tag = lengthAt(bytes, p)
    p = payloadStart(bytes, p)
    const next = skipValue(bytes, p, end, tag)
    if (tag === VALUES_TAG) values.push(decodeValue(bytes, payloadStart(bytes, p), next))
    p = next
  }
  return values
}

/** Decoded at once: a map is mostly asked for to be looked through, and whoever keeps one must not keep the request. */
function decodeMap(bytes: Uint8Array, start: number, end: number): AttributeSet {
  const keys: string[] = []
  const values: AttributeValue[] = []
  for (let p = start; p < end; ) {
    const tag = lengthAt(bytes, p)
    const next = skipValue(bytes, payloadStart(bytes, p), end, tag)
    if (tag === VALUES_TAG) decodeEntry(bytes, p, next, keys, values)
    p = next
  }
  return keys.length === 0 ? AttributeSet.empty : new AttributeSet(keys, values)
}

/** Writes a `KeyValue` as field `field`. */
export function writeKeyValue(writer: ProtobufWriter, field: number, key: string, value: AttributeValue): void {
  if (typeof value === 'string' && writer.textEntry(field, key, value)) return
  writer.open(field)
  writer.string(1, key)
  writeValue(writer, 2, value)
  writer.close()
}

/** Writes an `AnyValue` as field `field`. */
export function writeValue(writer: ProtobufWriter, field: number, value: AttributeValue): void {
  writer.open(field)
  if (typeof value === 'string') writer.string(1, value)
  else if (typeof value === 'boolean') writer.bool(2, value)
  else if (typeof value === 'bigint') writer.varint(3, value)
  else if (typeof value === 'number') writer.double(4, value)
  else if (value instanceof AttributeSet) {
    writer.open(6)
    value.writeTo(writer, 1)
    writer.close()
  } else if (value instanceof Uint8Array) writer.bytes(7, value)
  else if (value !== null) {
    writer.open(5)
    for (const element of value) writeValue(writer, 1, element)
    writer.close()
  }
  writer.close()
}

const keyEncoder = new TextEncoder()
const KNOWN_KEYS_MAX = 1024
const knownKeys = new Map<string, Uint8Array>()
let lastKey = ''
let lastKeyBytes = new Uint8Array(0)

/** The UTF-8 form of a key; look-ups ask for few different ones. */
function keyBytes(key: string): Uint8Array {
  if (key === lastKey) return lastKeyBytes
  let bytes = knownKeys.get(key)
  if (bytes === undefined) {
    if (knownKeys.size >= KNOWN_KEYS_MAX) knownKeys.clear()
    bytes = keyEncoder.encode(key)
    knownKeys.set(key, bytes)
  }
  lastKey = key
  lastKeyBytes = bytes as Uint8Array<ArrayBuffer>
  return bytes
}

/**
 * The entity that telemetry is about (OpenTelemetry resource). Never changed: who completes it makes a new one. Parts of a
 * batch with the same object belong together.
 */
export interface Resource {
  readonly attributes: AttributeSet
  readonly droppedAttributesCount?: number
  readonly schemaUrl?: string
  /** Which of the attributes identify or describe which entities. */
  readonly entityRefs?: readonly EntityRef[]
}

/** An entity that a resource stands for, by the keys of the resource's attributes that make it up. */
export interface EntityRef {
  readonly schemaUrl: string
  readonly type: string
  readonly idKeys: readonly string[]
  readonly descriptionKeys: readonly string[]
}

/** The instrumentation that made the telemetry (OpenTelemetry instrumentation scope). */
export interface Scope {
  readonly name: string
  readonly version: string
  readonly attributes?: AttributeSet
  readonly droppedAttributesCount?: number
  readonly schemaUrl?: string
}
