import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { WireFields } from '../../lib/protobuf/wire_fields.ts'
import { ProtobufWriter } from '../../lib/protobuf/writer.ts'
import { AttributeBuffer, AttributeTag, attributeKey } from './attribute_buffer.ts'

/** The attribute as the general writer makes it. */
function encoded(key: string, value: (writer: ProtobufWriter) => void): Uint8Array {
  const writer = new ProtobufWriter()
  writer.open(6).string(1, key).open(2)
  value(writer)
  return writer.close().close().finish()
}

function viewOf(text: string): DataView {
  const bytes = new TextEncoder().encode(text)
  return new DataView(bytes.buffer)
}

test('writes texts as any protobuf encoder does, whatever their length', () => {
  const keys = fc.oneof(fc.string({ maxLength: 60 }), fc.constantFrom('a', 'k'.repeat(43), 'k'.repeat(44), 'k'.repeat(200)))
  const texts = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 100 }),
    fc.nat(40_000).map((length) => 'x'.repeat(length)),
  )
  fc.assert(
    fc.property(keys, texts, fc.nat(7), (key, text, offset) => {
      const out = new AttributeBuffer(AttributeTag.record, 16)
      const from = viewOf(' '.repeat(offset) + text)
      out.text(attributeKey(key), from, offset, from.byteLength)
      expect(Buffer.from(out.slice()).equals(encoded(key, (writer) => writer.string(1, text.toWellFormed())))).toBe(true)
    }),
  )
})

test('writes lists of texts, numbers, doubles, truth values and bytes', () => {
  fc.assert(
    fc.property(
      fc.string({ maxLength: 300 }),
      fc.maxSafeNat(),
      fc.double(),
      fc.boolean(),
      fc.uint8Array({ maxLength: 300 }),
      (text, whole, double, bool, bytes) => {
        const out = new AttributeBuffer(AttributeTag.record, 16)
        const from = viewOf(text)
        out.texts(attributeKey('texts'), from, 0, from.byteLength)
        out.strings(attributeKey('strings'), [text, ''])
        out.integer(attributeKey('integer'), whole)
        out.double(attributeKey('double'), double)
        out.bool(attributeKey('bool'), bool)
        out.binary(attributeKey('binary'), bytes)
        const item = (writer: ProtobufWriter, value: string): void => void writer.open(1).string(1, value).close()
        const all = [
          encoded('texts', (writer) => writer.message(5, () => item(writer, text))),
          encoded('strings', (writer) => writer.message(5, () => [text, ''].forEach((one) => item(writer, one)))),
          encoded('integer', (writer) => writer.varint(3, whole)),
          encoded('double', (writer) => writer.double(4, double)),
          encoded('bool', (writer) => writer.bool(2, bool)),
          encoded('binary', (writer) => writer.bytes(7, bytes)),
        ]
        expect(Buffer.from(out.slice()).equals(Buffer.concat(all))).toBe(true)
      },
    ),
  )
})

test('replaces what is not UTF-8, which receivers refuse', () => {
  const bytes = Uint8Array.from([0x63, 0x61, 0x66, 0xe9, 0x2d, 0x72, 0x61, 0x77])
  const out = new AttributeBuffer(AttributeTag.span)
  out.text(attributeKey('text'), new DataView(bytes.buffer), 0, bytes.length)
  out.texts(attributeKey('texts'), new DataView(bytes.buffer), 0, bytes.length)
  const fields = new WireFields(out.slice())
  const values: string[] = []
  while (fields.next()) values.push(fields.text())
  expect(values.length).toBe(2)
  for (const value of values) expect(value).toContain('caf\ufffd-raw')
})

test('gives the same name the same key', () => {
  expect(attributeKey('http.request.method')).toBe(attributeKey('http.request.method'))
  expect(attributeKey('http.request.method')).not.toBe(attributeKey('http.route'))
})
