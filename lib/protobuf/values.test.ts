import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { doubleAt, fixed32At, fixed64At, idAt, int64At, lengthAt, payloadStart, sfixed64At, sint32At, textAt, uint64At, viewOf } from './values.ts'
import { ProtobufWriter } from './writer.ts'

/** Behind another field and in the middle of other memory, as values mostly stand. */
function valueOf(write: (writer: ProtobufWriter) => ProtobufWriter): { bytes: Uint8Array; at: number } {
  const encoded = write(new ProtobufWriter().varint(1, 9)).varint(1, 9).finish()
  const bytes = new Uint8Array(encoded.length + 8).subarray(5)
  bytes.set(encoded)
  return { bytes, at: 3 }
}

test('reads the numbers that the writer writes', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.integer(), fc.double(), (long, integer, double) => {
      const varint = valueOf((writer) => writer.varint(2, long))
      expect([int64At(varint.bytes, varint.at), uint64At(varint.bytes, varint.at)]).toEqual([long, BigInt.asUintN(64, long)])
      const fixed = valueOf((writer) => writer.fixed64(2, long))
      expect([sfixed64At(fixed.bytes, fixed.at), fixed64At(fixed.bytes, fixed.at)]).toEqual([long, BigInt.asUintN(64, long)])
      const zigzag = valueOf((writer) => writer.sint32(2, integer))
      expect(sint32At(zigzag.bytes, zigzag.at)).toBe(integer)
      const short = valueOf((writer) => writer.fixed32(2, integer))
      expect(fixed32At(short.bytes, short.at)).toBe(integer >>> 0)
      const real = valueOf((writer) => writer.double(2, double))
      expect(doubleAt(real.bytes, real.at)).toBe(double)
      expect(viewOf(real.bytes)).toBe(viewOf(real.bytes))
    }),
  )
})

describe('text', () => {
  test('reads as it was written, also when much like it was read before', () => {
    const text = fc.oneof(fc.string({ maxLength: 40 }), fc.string({ unit: 'grapheme' }), fc.constantFrom('a', 'b', 'ab', 'ba', ''))
    fc.assert(
      fc.property(fc.array(text, { minLength: 1 }), (texts) => {
        for (const value of [...texts, ...texts]) {
          const { bytes, at } = valueOf((writer) => writer.string(2, value))
          const start = payloadStart(bytes, at)
          expect(textAt(bytes, start, start + lengthAt(bytes, at))).toBe(value)
        }
      }),
    )
  })

  test.for([
    { name: 'a byte that is none', bytes: [65, 0xff, 66], text: 'A\ufffdB' },
    { name: 'half a character', bytes: [0xc3], text: '\ufffd' },
    { name: 'a surrogate', bytes: [0xed, 0xa0, 0x80], text: '\ufffd\ufffd\ufffd' },
    { name: 'a byte order mark', bytes: [0xef, 0xbb, 0xbf, 65], text: '\ufeffA' },
  ])('with $name becomes U+FFFD where it must', ({ bytes, text }) => {
    const memory = Uint8Array.from(bytes)
    expect([textAt(memory, 0, memory.length), textAt(memory, 0, memory.length)]).toEqual([text, text])
  })
})

test.for([
  { name: 'hex digits', bytes: [0, 0xab, 1], id: '00ab01' },
  { name: 'nothing when all bytes are 0', bytes: [0, 0, 0], id: '' },
  { name: 'nothing when there are none', bytes: [], id: '' },
])('an id is $name', ({ bytes, id }) => {
  expect(idAt(Uint8Array.from(bytes), 0, bytes.length)).toBe(id)
})
