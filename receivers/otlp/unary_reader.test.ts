import { array, assert, constantFrom, integer, property, uint8Array } from 'fast-check'
import { expect, test } from 'vitest'
import { type FramingFault, UnaryReader } from './unary_reader.ts'

const LIMIT = 1000

function framed(message: Uint8Array, flags = 0): Uint8Array {
  const bytes = new Uint8Array(5 + message.length)
  bytes[0] = flags
  new DataView(bytes.buffer).setUint32(1, message.length)
  bytes.set(message, 5)
  return bytes
}

/** Writes bytes in pieces that end at `cuts`; the first fault, if there is one. */
function written(reader: UnaryReader, bytes: Uint8Array, cuts: readonly number[]): FramingFault | undefined {
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].toSorted((a, b) => a - b)
  let from = 0
  for (const end of ends) {
    const fault = reader.write(bytes.subarray(from, end))
    if (fault !== undefined) return fault
    from = end
  }
  return undefined
}

test('a message is the same however it is cut', () => {
  assert(
    property(uint8Array({ maxLength: 200 }), constantFrom(0, 1), array(integer({ min: 0, max: 300 })), (message, flags, cuts) => {
      const reader = new UnaryReader(LIMIT)
      expect(written(reader, framed(message, flags), cuts)).toBeUndefined()
      expect([reader.isWhole, reader.isCompressed, reader.filled]).toEqual([true, flags === 1, message.length])
      const bytes = reader.take()
      expect(bytes).toEqual(Uint8Array.from(message))
      expect(bytes.buffer.byteLength).toBe(message.length)
    }),
    { numRuns: 50 },
  )
})

test('any bytes are a message, a part of one, or a fault', () => {
  assert(
    property(uint8Array({ maxLength: 60 }), array(integer({ min: 0, max: 60 })), (bytes, cuts) => {
      const reader = new UnaryReader(LIMIT)
      const fault = written(reader, bytes, cuts)
      expect([undefined, 'too_large', 'invalid']).toContain(fault)
      if (fault === undefined && reader.isWhole) expect(reader.take()).toHaveLength(bytes.length - 5)
    }),
    { numRuns: 50 },
  )
})

test.for<{ name: string; bytes: readonly number[]; fault: FramingFault | undefined; isWhole: boolean }>([
  { name: 'nothing', bytes: [], fault: undefined, isWhole: false },
  { name: 'half a header', bytes: [0, 0, 0], fault: undefined, isWhole: false },
  { name: 'an empty message', bytes: [0, 0, 0, 0, 0], fault: undefined, isWhole: true },
  { name: 'more than its length', bytes: [0, 0, 0, 0, 1, 7, 7], fault: 'invalid', isWhole: false },
  { name: 'unknown flags', bytes: [2, 0, 0, 0, 0], fault: 'invalid', isWhole: false },
  { name: 'a length at the limit', bytes: [0, 0, 0, 3, 232], fault: undefined, isWhole: false },
  { name: 'a length over the limit', bytes: [0, 0, 0, 3, 233], fault: 'too_large', isWhole: false },
  { name: 'a length of four bytes', bytes: [0, 255, 255, 255, 255], fault: 'too_large', isWhole: false },
])('$name', ({ bytes, fault, isWhole }, { expect: check }) => {
  const reader = new UnaryReader(LIMIT)
  check(reader.write(Uint8Array.from(bytes))).toBe(fault)
  if (fault === undefined) check(reader.isWhole).toBe(isWhole)
})
