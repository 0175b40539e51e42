import type { ProtobufWriter } from '../../lib/protobuf/writer.ts'
import type { AttributeSet, AttributeValue } from '../attributes.ts'
import { AttributeSet as Attributes } from '../attributes.ts'
import type { StructValue } from '../struct.ts'
import { isStructObject } from '../struct.ts'

/** Writes one attribute as a `KeyValue` in field `field`. */
export function writeAttribute(writer: ProtobufWriter, field: number, key: string, value: AttributeValue): void {
  writer.open(field).string(1, key)
  if (value !== null) {
    writer.open(2)
    writeValue(writer, value)
    writer.close()
  }
  writer.close()
}

/** Writes all attributes of a set. */
export function writeAttributes(writer: ProtobufWriter, field: number, attributes: AttributeSet): void {
  for (const [i, key] of attributes.keys.entries()) writeAttribute(writer, field, key, attributes.values[i] ?? null)
}

/** The fields of an `AnyValue`. */
function writeValue(writer: ProtobufWriter, value: Exclude<AttributeValue, null>): void {
  if (typeof value === 'string') writer.string(1, value)
  else if (typeof value === 'boolean') writer.bool(2, value)
  else if (typeof value === 'bigint') writer.varint(3, value)
  else if (typeof value === 'number') writer.double(4, value)
  else if (value instanceof Uint8Array) writer.bytes(7, value)
  else if (value instanceof Attributes) {
    writer.open(6)
    writeAttributes(writer, 1, value)
    writer.close()
  } else {
    writer.open(5)
    for (const item of value) {
      writer.open(1)
      if (item !== null) writeValue(writer, item)
      writer.close()
    }
    writer.close()
  }
}

/** A value of a protobuf Struct as an attribute's value: objects are maps, whole numbers stay doubles. */
export function attributeOfStruct(value: StructValue): AttributeValue {
  if (isStructObject(value)) {
    const keys = Object.keys(value)
    return new Attributes(
      keys,
      keys.map((key) => attributeOfStruct(value[key] ?? null)),
    )
  }
  return Array.isArray(value) ? (value as readonly StructValue[]).map(attributeOfStruct) : (value as AttributeValue)
}
