import { WireFields } from '../lib/protobuf/wire_fields.ts'
import { ANY, type FieldSpec, HTTP_ENTRY, type MessageSpec, TCP_ENTRY } from './access_log_fields.ts'
import { type AccessLogs, EntryKind } from './access_logs.ts'
import { decodeStruct, type StructValue } from './struct.ts'

/** A value in an entry; see `readEntry` for how the types of protobuf appear. */
export type EntryValue = StructValue | EntryObject | readonly EntryValue[]

export interface EntryObject {
  readonly [field: string]: EntryValue
}

/** One log entry as plain data: `commonProperties` and `request`, `response` or `connectionProperties`. */
export type AccessLogEntry = EntryObject

type Open = Record<string, EntryValue>

/**
 * Reads every field of row `i` from the entry's own bytes, in the manner of proto3 JSON: names in lowerCamelCase, enums
 * by name (by number when it is unknown), maps as objects, durations as `0.012s`, times in RFC 3339, an Any as
 * `@type` and, if its type is known, its fields or `value`, otherwise its bytes in base64. Different from JSON's rules,
 * 64-bit integers are numbers, and what is on the wire is shown even when it is the default.
 *
 * For export and display: it allocates freely. It never throws; what is malformed is left out, unknown fields are
 * skipped. Nothing is corrected: of an UpstreamEnd entry the body bytes are swapped as Envoy sends them, other than in
 * the columns. The result shares no memory with the batch.
 */
export function readEntry(logs: AccessLogs, i: number): AccessLogEntry {
  const spec = logs.kind[i] === EntryKind.tcp ? TCP_ENTRY : HTTP_ENTRY
  return readMessage(new WireFields(logs.message, logs.entryAt[i], logs.entryEnd[i]), spec, emptyObject())
}

/** Its objects inherit nothing, so that no key of a map is special; unlike those of `Object.create(null)` they are no slow dictionaries. */
const Bare = function (this: unknown) {} as unknown as new () => Open
Bare.prototype = Object.freeze(Object.create(null))

function emptyObject(): Open {
  return new Bare()
}

/** Reads a message into `object`, merging with what is there as protobuf does with a field that comes twice. */
function readMessage(fields: WireFields, spec: MessageSpec, object: Open): Open {
  while (fields.next()) {
    const field = spec[fields.field]
    if (field === undefined) continue
    const value = readField(fields, field, object[field.name])
    if (value === undefined) continue
    for (const rival of field.oneof ?? []) if (rival !== field.name) delete object[rival]
    object[field.name] = value
  }
  return object
}

/** The value of a field after its next occurrence; undefined when that has another wire type than the field. */
function readField(fields: WireFields, field: FieldSpec, before: EntryValue | undefined): EntryValue | undefined {
  switch (field.kind) {
    case 'double':
      return fields.wire === 1 ? fields.double() : undefined
    case 'number':
      return fields.wire === 0 ? fields.number : undefined
    case 'bool':
      return fields.wire === 0 ? fields.number !== 0 : undefined
    case 'enum':
      return fields.wire === 0 ? (field.names[fields.number] ?? fields.number) : undefined
    default:
      return fields.wire === 2 ? readBytes(fields, field, before) : undefined
  }
}

function readBytes(fields: WireFields, field: FieldSpec, before: EntryValue | undefined): EntryValue | undefined {
  switch (field.kind) {
    case 'string':
      return fields.text()
    case 'duration':
      return durationText(fields.message())
    case 'time':
      return timeText(fields.message())
    case 'wrapper':
      return wrappedNumber(fields.message())
    case 'struct':
      return decodeStruct(fields.payload())
    case 'any':
      return readAny(fields.message())
    case 'map':
      return readMapEntry(fields.message(), field.of, objectOr(before))
    case 'list':
      return [...(Array.isArray(before) ? (before as readonly EntryValue[]) : []), readMessage(fields.message(), field.of, emptyObject())]
    case 'message':
      return readMessage(fields.message(), field.of, objectOr(before))
    default:
      return undefined
  }
}

function objectOr(before: EntryValue | undefined): Open {
  return typeof before === 'object' && before !== null && !Array.isArray(before) ? (before as Open) : emptyObject()
}

function readMapEntry(entry: WireFields, value: FieldSpec, map: Open): Open {
  let key = ''
  let read: EntryValue | undefined
  while (entry.next()) {
    if (entry.field === 1) key = entry.text()
    else if (entry.field === 2) read = readField(entry, value, read)
  }
  map[key] = read ?? (value.kind === 'string' ? '' : emptyObject())
  return map
}

function readAny(fields: WireFields): EntryValue {
  let type = ''
  let payload = new Uint8Array(0)
  while (fields.next()) {
    if (fields.field === 1) type = fields.text()
    else if (fields.field === 2 && fields.wire === 2) payload = fields.payload().slice()
  }
  const object = emptyObject()
  object['@type'] = type
  const name = type.slice(type.lastIndexOf('/') + 1)
  const known = Object.hasOwn(ANY, name) ? ANY[name] : undefined
  if (known === undefined) object['value'] = base64(payload)
  else if (known === 'struct') object['value'] = decodeStruct(payload)
  else if (known === 'string' || known === 'bytes' || known === 'bool') object['value'] = unwrapped(new WireFields(payload), known)
  else readMessage(new WireFields(payload), known, object)
  return object
}

/** The value of StringValue, BytesValue or BoolValue. */
function unwrapped(fields: WireFields, kind: 'string' | 'bytes' | 'bool'): EntryValue {
  let value: EntryValue = kind === 'bool' ? false : ''
  while (fields.next()) {
    if (fields.field !== 1) continue
    if (kind === 'bool') value = fields.number !== 0
    else value = kind === 'string' ? fields.text() : base64(fields.payload())
  }
  return value
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}

/** The value of UInt32Value and its like. */
function wrappedNumber(fields: WireFields): number {
  let value = 0
  while (fields.next()) if (fields.field === 1 && fields.wire === 0) value = fields.number
  return value
}

/** Seconds and nanoseconds of a Duration or a Timestamp, neither below 0, and less than a second of the latter. */
interface Span {
  readonly seconds: number
  readonly nanos: number
}

/** Seconds (field 1) and nanoseconds (field 2) of Duration and Timestamp; undefined where they are not as they should be, which `nanosOf` reads. */
function spanOf(fields: WireFields): Span | undefined {
  let seconds = 0
  let nanos = 0
  while (fields.next()) {
    if (fields.wire !== 0) continue
    if (fields.field === 1) seconds = fields.number
    else if (fields.field === 2) nanos = fields.number
  }
  return seconds <= SECONDS_MAX && nanos < NANOS ? { seconds, nanos } : undefined
}

const NANOS = 1_000_000_000
/** Below it, `Date` knows the time. */
const SECONDS_MAX = 8_640_000_000_000

/** Both together in nanoseconds, whatever they are. */
function nanosOf(fields: WireFields): bigint {
  let seconds = 0n
  let nanos = 0n
  while (fields.next()) {
    if (fields.wire !== 0) continue
    if (fields.field === 1) seconds = signedOf(fields)
    else if (fields.field === 2) nanos = BigInt.asIntN(32, signedOf(fields))
  }
  return seconds * 1_000_000_000n + nanos
}

/** The current varint as int64; negative ones lie beyond what a number holds exactly. */
function signedOf(fields: WireFields): bigint {
  let value = 0n
  let shift = 0n
  for (const byte of fields.payload()) {
    value |= BigInt(byte & 0x7f) << shift
    shift += 7n
  }
  return BigInt.asIntN(64, value)
}

function durationText(message: WireFields): string {
  const span = spanOf(message)
  if (span !== undefined) return `${span.seconds}${fractionText(span.nanos)}s`
  const nanos = nanosOf(message.again())
  const size = nanos < 0n ? -nanos : nanos
  return `${nanos < 0n ? '-' : ''}${size / 1_000_000_000n}${fractionText(Number(size % 1_000_000_000n))}s`
}

/** RFC 3339; times that no date can hold appear as nanoseconds since the epoch. */
function timeText(message: WireFields): string {
  const span = spanOf(message)
  if (span !== undefined) return `${new Date(span.seconds * 1000).toISOString().slice(0, -5)}${fractionText(span.nanos)}Z`
  const nanos = nanosOf(message.again())
  const fraction = ((nanos % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n
  const date = new Date(Number((nanos - fraction) / 1_000_000n))
  return Number.isNaN(date.getTime()) ? String(nanos) : `${date.toISOString().slice(0, -5)}${fractionText(Number(fraction))}Z`
}

/** A fraction of a second with 3, 6 or 9 digits, or nothing. */
function fractionText(nanos: number): string {
  if (nanos === 0) return ''
  const digits = String(nanos).padStart(9, '0')
  return `.${digits.endsWith('000000') ? digits.slice(0, 3) : digits.endsWith('000') ? digits.slice(0, 6) : digits}`
}
