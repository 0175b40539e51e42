import * as fc from 'fast-check'
import protobuf from 'protobufjs'
import { expect, test } from 'vitest'
import { shortVarint, skipValue, varintEnd, varintIsSet, varintLow, varintSigned, varintUnsigned } from './wire.ts'

const bytesOf = (...values: number[]) => Uint8Array.from(values)

test('reads every varint as the generic library writes it', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }), (value) => {
      const unsigned = BigInt.asUintN(64, value)
      const bytes: number[] = []
      for (let rest = unsigned; ; rest >>= 7n) {
        bytes.push(Number(rest & 127n) | (rest > 127n ? 128 : 0))
        if (rest <= 127n) break
      }
      const encoded = Uint8Array.from(bytes)
      expect(varintEnd(encoded, 0, encoded.length)).toBe(encoded.length)
      expect(varintLow(encoded, 0)).toBe(Number(unsigned & 0xffffffffn))
      expect(varintUnsigned(encoded, 0)).toBe(Number(unsigned >> 32n) * 2 ** 32 + Number(unsigned & 0xffffffffn))
      expect(varintSigned(encoded, 0)).toBe(Number(BigInt.asIntN(32, unsigned >> 32n)) * 2 ** 32 + Number(unsigned & 0xffffffffn))
      expect(varintIsSet(encoded, 0)).toBe(unsigned !== 0n)
    }),
  )
})

test.for([
  { name: 'a varint that is cut off', bytes: bytesOf(0x80, 0x80), end: -1 },
  { name: 'a varint of eleven bytes', bytes: bytesOf(...Array<number>(10).fill(0xff), 1), end: -1 },
  { name: 'a zero written with three bytes', bytes: bytesOf(0x80, 0x80, 0), end: 3 },
  { name: 'ten bytes', bytes: bytesOf(...Array<number>(9).fill(0xff), 1), end: 10 },
])('finds the end of $name', ({ bytes, end }) => {
  expect(varintEnd(bytes, 0, bytes.length)).toBe(end)
})

test.for([
  { name: 'five bytes that fit 32 bits', bytes: bytesOf(0xff, 0xff, 0xff, 0xff, 0x0f), value: 0xffffffff },
  { name: 'five bytes that do not fit 32 bits', bytes: bytesOf(0xff, 0xff, 0xff, 0xff, 0x10), value: -1 },
  { name: 'six bytes', bytes: bytesOf(0x80, 0x80, 0x80, 0x80, 0x80, 0), value: -1 },
  { name: 'nothing', bytes: bytesOf(), value: -1 },
])('reads a length of $name', ({ bytes, value }) => {
  expect(shortVarint(bytes, 0, bytes.length)).toBe(value)
})

test.for([
  { name: 'a group with a nested group', tag: 11, bytes: bytesOf(0x08, 1, 0x13, 0x14, 0x0c), end: 5 },
  { name: 'a group closed by another field', tag: 11, bytes: bytesOf(0x14), end: -1 },
  { name: 'a group that stays open', tag: 11, bytes: bytesOf(0x08, 1), end: -1 },
  { name: 'groups nested too deep', tag: 11, bytes: new Uint8Array(300).fill(0x0b), end: -1 },
  { name: 'an end of group without a beginning', tag: 12, bytes: bytesOf(), end: -1 },
  { name: 'wire type 6', tag: 14, bytes: bytesOf(1, 1), end: -1 },
  { name: 'field number 0', tag: 2, bytes: bytesOf(0), end: -1 },
  { name: 'a length over the end', tag: 10, bytes: bytesOf(5, 1, 2), end: -1 },
  { name: 'eight bytes', tag: 9, bytes: new Uint8Array(8), end: 8 },
  { name: 'seven of eight bytes', tag: 9, bytes: new Uint8Array(7), end: -1 },
  { name: 'four bytes', tag: 13, bytes: new Uint8Array(4), end: 4 },
])('skips or refuses $name', ({ tag, bytes, end }) => {
  expect(skipValue(bytes, 0, bytes.length, tag)).toBe(end)
})

test('skips what the generic library skips, on any bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.integer({ min: 0, max: 5 }), fc.integer({ min: 1, max: 3 }), (bytes, wireType, field) => {
      const reader = protobuf.Reader.create(bytes)
      let expected = -1
      try {
        reader.skipType(wireType, 0, field)
        expected = reader.pos
      } catch {
        expected = -1
      }
      expect(skipValue(bytes, 0, bytes.length, (field << 3) | wireType)).toBe(expected)
    }),
    { numRuns: 2000 },
  )
})
