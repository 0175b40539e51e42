import { WireFields } from '../lib/protobuf/wire_fields.ts'

/** A value of `google.protobuf.Struct` as plain data. Objects have no prototype, so that no key is special. */
export type StructValue = string | number | boolean | null | readonly StructValue[] | StructObject

export interface StructObject {
  readonly [key: string]: StructValue
}

/** Deeper values read as null; node metadata nests three levels. */
const DEPTH_MAX = 16

/**
 * Reads the bytes of a `google.protobuf.Struct`. Never throws: what is malformed is left out. Of a key that comes twice
 * the last value counts, as in protobuf maps.
 */
export function decodeStruct(bytes: Uint8Array): StructObject {
  return readStruct(new WireFields(bytes), 0)
}

/** The text under `key`, or an empty string when it is absent or not text. */
export function textOf(object: StructObject, key: string): string {
  const value = object[key]
  return typeof value === 'string' ? value : ''
}

/** The object under `key`, or undefined when it is absent or not an object. */
export function objectOf(object: StructObject, key: string): StructObject | undefined {
  const value = object[key]
  return isStructObject(value) ? value : undefined
}

export function isStructObject(value: unknown): value is StructObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function readStruct(fields: WireFields, depth: number): StructObject {
  const object = Object.create(null) as Record<string, StructValue>
  while (fields.next()) {
    if (fields.field !== 1) continue
    const entry = fields.message()
    let key = ''
    let value: StructValue = null
    while (entry.next()) {
      if (entry.field === 1) key = entry.text()
      else if (entry.field === 2) value = readValue(entry.message(), depth + 1)
    }
    object[key] = value
  }
  return object
}

function readValue(fields: WireFields, depth: number): StructValue {
  let value: StructValue = null
  if (depth > DEPTH_MAX) return value
  while (fields.next()) {
    if (fields.field === 2) value = fields.double()
    else if (fields.field === 3) value = fields.text()
    else if (fields.field === 4) value = fields.number !== 0
    else if (fields.field === 5) value = readStruct(fields.message(), depth)
    else if (fields.field === 6) value = readList(fields.message(), depth)
  }
  return value
}

function readList(fields: WireFields, depth: number): readonly StructValue[] {
  const list: StructValue[] = []
  while (fields.next()) if (fields.field === 1) list.push(readValue(fields.message(), depth + 1))
  return list
}
