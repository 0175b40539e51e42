import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { WireFields } from './wire_fields.ts'
import { ProtobufWriter } from './writer.ts'

test('walks the fields of a message in order', () => {
  const bytes = new ProtobufWriter()
    .varint(1, 300)
    .string(2, 'text')
    .double(3, 1.5)
    .fixed32(4, 7)
    .varint(1000, 2 ** 40)
    .finish()
  const fields = new WireFields(bytes)
  const seen: unknown[] = []
  while (fields.next()) seen.push([fields.field, fields.wire, fields.wire === 0 ? fields.number : fields.wire === 1 ? fields.double() : fields.text()])
  expect(seen).toEqual([
    [1, 0, 300],
    [2, 2, 'text'],
    [3, 1, 1.5],
    [4, 5, ''],
    [1000, 0, 2 ** 40],
  ])
  expect(fields.isBroken).toBe(false)
})

test('walks into nested messages and can start over', () => {
  const inner = new ProtobufWriter().string(1, 'deep').finish()
  const fields = new WireFields(new ProtobufWriter().bytes(3, inner).finish())
  expect(fields.next()).toBe(true)
  const nested = fields.message()
  expect([nested.next(), nested.text()]).toEqual([true, 'deep'])
  fields.reset(inner)
  expect([fields.next(), fields.text(), fields.next()]).toEqual([true, 'deep', false])
})

test.for([
  { name: 'a varint without an end', bytes: [0x08, 0x80] },
  { name: 'a varint of eleven bytes', bytes: [0x08, ...Array<number>(11).fill(0x80)] },
  { name: 'a length beyond the end', bytes: [0x12, 0x05, 0x61] },
  { name: 'a huge length', bytes: [0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f] },
  { name: 'a group', bytes: [0x0b] },
  { name: 'field number 0', bytes: [0x00, 0x01] },
  { name: 'a short fixed64', bytes: [0x09, 1, 2, 3] },
])('stops at $name', ({ bytes }) => {
  const fields = new WireFields(Uint8Array.from(bytes))
  expect(fields.next()).toBe(false)
  expect(fields.isBroken).toBe(true)
})

test('ends on any bytes, without leaving them', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      const fields = new WireFields(bytes)
      let steps = 0
      while (fields.next()) {
        expect(fields.end).toBeLessThanOrEqual(bytes.length)
        expect(++steps).toBeLessThanOrEqual(bytes.length)
      }
    }),
  )
})
