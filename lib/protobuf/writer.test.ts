import * as fc from 'fast-check'
import protobuf from 'protobufjs'
import { describe, expect, test } from 'vitest'
import { ProtobufWriter, varintSize, wholeCount } from './writer.ts'

const { Everything } = protobuf.parse(`
  syntax = "proto3";
  message Everything {
    optional uint64 count = 1;
    optional int64 signed = 2;
    optional bool flag = 3;
    optional double ratio = 4;
    optional fixed64 time = 5;
    optional fixed32 small = 6;
    optional bytes data = 7;
    optional string text = 8;
    optional Everything child = 16;
    repeated double doubles = 17;
    repeated fixed64 counts = 18;
    map<string, string> tags = 2000;
  }`).root as unknown as { Everything: protobuf.Type }

interface Fields {
  readonly count?: number | undefined
  readonly signed?: bigint | undefined
  readonly flag?: boolean | undefined
  readonly ratio?: number | undefined
  readonly time?: bigint | undefined
  readonly small?: number | undefined
  readonly data?: Uint8Array | undefined
  readonly text?: string | undefined
  readonly child?: Fields | undefined
  readonly doubles?: readonly number[] | undefined
  readonly counts?: readonly number[] | undefined
  readonly tags?: Readonly<Record<string, string>> | undefined
}

function write(writer: ProtobufWriter, fields: Fields): void {
  if (fields.count !== undefined) writer.varint(1, fields.count)
  if (fields.signed !== undefined) writer.varint(2, fields.signed)
  if (fields.flag !== undefined) writer.bool(3, fields.flag)
  if (fields.ratio !== undefined) writer.double(4, fields.ratio)
  if (fields.time !== undefined) writer.fixed64(5, fields.time)
  if (fields.small !== undefined) writer.fixed32(6, fields.small)
  if (fields.data !== undefined) writer.bytes(7, fields.data)
  if (fields.text !== undefined) writer.string(8, fields.text)
  const { child } = fields
  if (child !== undefined) writer.message(16, () => write(writer, child))
  if (fields.doubles !== undefined && fields.doubles.length > 0) writer.packedDoubles(17, fields.doubles)
  if (fields.counts !== undefined && fields.counts.length > 0) writer.packedFixed64Bigint(18, fields.counts.map(BigInt))
  for (const [key, value] of Object.entries(fields.tags ?? {})) writer.message(2000, () => void writer.string(1, key).string(2, value))
}

/** The same fields as protobufjs takes them; 64-bit integers as its Long objects. */
function oracle(fields: Fields): Record<string, unknown> {
  const out: Record<string, unknown> = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
  if (fields.count !== undefined) out['count'] = long(BigInt(fields.count), true)
  if (fields.signed !== undefined) out['signed'] = long(fields.signed, false)
  if (fields.time !== undefined) out['time'] = long(fields.time, true)
  if (fields.counts !== undefined) out['counts'] = fields.counts.map((count) => long(BigInt(count), true))
  if (fields.child !== undefined) out['child'] = oracle(fields.child)
  return out
}

function long(value: bigint, unsigned: boolean): { low: number; high: number; unsigned: boolean } {
  return { low: Number(BigInt.asIntN(32, value)), high: Number(BigInt.asIntN(32, value >> 32n)), unsigned }
}

const { fields } = fc.letrec<{ fields: Fields }>((tie) => ({
  fields: fc.record(
    {
      count: fc.maxSafeNat(),
      signed: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      flag: fc.boolean(),
      ratio: fc.double(),
      time: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      small: fc.nat(),
      data: fc.uint8Array({ maxLength: 400 }),
      text: fc.oneof(fc.string(), fc.string({ unit: 'grapheme', maxLength: 300 })),
      child: fc.option(tie('fields'), { nil: undefined, depthSize: 'small', maxDepth: 5 }),
      doubles: fc.array(fc.double()),
      counts: fc.array(fc.maxSafeNat()),
      tags: fc.dictionary(fc.string({ minLength: 1 }), fc.string(), { maxKeys: 4 }),
    },
    { requiredKeys: [] },
  ),
}))

describe('ProtobufWriter', () => {
  test('writes the bytes that protobufjs writes', () => {
    const writer = new ProtobufWriter(16)
    fc.assert(
      fc.property(fields, (value) => {
        write(writer, value)
        expect(Buffer.from(writer.finish()).toString('hex')).toBe(Buffer.from(Everything.encode(oracle(value)).finish()).toString('hex'))
      }),
    )
  })

  test.for([
    { value: 0, hex: '0800' },
    { value: 127, hex: '087f' },
    { value: 128, hex: '088001' },
    { value: 2 ** 31 - 1, hex: '08ffffffff07' },
    { value: 2 ** 31, hex: '088080808008' },
    { value: 2 ** 32, hex: '088080808010' },
    { value: Number.MAX_SAFE_INTEGER, hex: '08ffffffffffffff0f' },
    { value: -1, hex: '08ffffffffffffffffff01' },
    { value: 2n ** 64n - 1n, hex: '08ffffffffffffffffff01' },
  ])('writes $value as a varint', ({ value, hex }) => {
    expect(Buffer.from(new ProtobufWriter().varint(1, value).finish()).toString('hex')).toBe(hex)
  })

  test.for([127, 128, 16_383, 16_384, 2_097_152])('puts in the length of a nested message of %i bytes', (size) => {
    const inner = new Uint8Array(size).fill(7)
    const bytes = new ProtobufWriter().open(1).raw(inner).close().varint(2, 5).finish()
    const reader = protobuf.Reader.create(bytes)
    expect(reader.uint32()).toBe(10)
    expect(reader.bytes().length).toBe(size)
    expect([reader.uint32(), reader.uint32(), reader.pos]).toEqual([16, 5, bytes.length])
  })

  test.for([
    { name: 'too small', guess: 0, size: 300 },
    { name: 'too large', guess: 70_000, size: 3 },
    { name: 'right', guess: 300, size: 290 },
  ])('writes the shortest length when the guess of a size is $name', ({ guess, size }) => {
    const inner = new Uint8Array(size).fill(7)
    const expected = new ProtobufWriter().varint(3, 1).bytes(1, inner).varint(2, 5).finish()
    expect(new ProtobufWriter(16).varint(3, 1).open(1, guess).raw(inner).close().varint(2, 5).finish()).toEqual(expected)
  })

  test.for([{ size: 0 }, { size: 5 }, { size: 31 }, { size: 32 }, { size: 5000 }])('copies $size bytes out of others', ({ size }) => {
    const source = Uint8Array.from({ length: size + 20 }, (_, i) => i)
    const part = source.slice(10, 10 + size)
    expect(new ProtobufWriter(16).range(source, 10, 10 + size).finish()).toEqual(part)
    expect(new ProtobufWriter(16).bytesRange(7, source, 10, 10 + size).finish()).toEqual(new ProtobufWriter().bytes(7, part).finish())
  })

  test.for([
    { name: 'short texts', field: 6, key: 'http.request.method', value: 'GET', isWritten: true },
    { name: 'empty texts', field: 15, key: '', value: '', isWritten: true },
    { name: 'a key that is not ASCII', field: 6, key: 'é', value: 'GET', isWritten: false },
    { name: 'a value that is not ASCII', field: 6, key: 'a', value: 'ü', isWritten: false },
    { name: 'as much as one byte can count', field: 6, key: 'a'.repeat(60), value: 'b'.repeat(61), isWritten: true },
    { name: 'one more', field: 6, key: 'a'.repeat(60), value: 'b'.repeat(62), isWritten: false },
    { name: 'a field number of two bytes', field: 16, key: 'a', value: 'b', isWritten: false },
  ])('writes an entry of $name at once, or not at all', ({ field, key, value, isWritten }) => {
    const writer = new ProtobufWriter(16).varint(1, 1)
    expect(writer.textEntry(field, key, value)).toBe(isWritten)
    const slow = new ProtobufWriter().varint(1, 1)
    if (isWritten) slow.open(field).string(1, key).open(2).string(1, value).close().close()
    expect(writer.finish()).toEqual(slow.finish())
  })

  test('writes ids from hex digits of either case', () => {
    expect([...new ProtobufWriter().hex(1, '00aFfF').finish()]).toEqual([0x0a, 3, 0x00, 0xaf, 0xff])
    expect([...new ProtobufWriter().hex(1, 'zz').finish()]).toEqual([0x0a, 1, 0])
  })

  test('writes numbers that are packed, signed or in halves as protobufjs does', () => {
    const { Numbers } = protobuf.parse(`
      syntax = "proto3";
      message Numbers { repeated fixed64 a = 1; repeated uint64 b = 2; sint32 c = 3; fixed64 d = 4; repeated fixed64 e = 5; repeated uint64 f = 6; }`)
      .root as unknown as {
      Numbers: protobuf.Type
    }
    const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
    const count = fc.oneof(fc.maxSafeNat(), fc.double({ min: 0, max: 1e9, noNaN: true }))
    fc.assert(
      fc.property(fc.array(uint64, { minLength: 1 }), fc.integer(), fc.maxSafeNat(), fc.array(count, { minLength: 1 }), (longs, signed, large, counts) => {
        const values = Float64Array.from([7, ...counts, 7])
        const bytes = new ProtobufWriter().packedFixed64Bigint(1, longs).packedVarint(2, longs).sint32(3, signed).fixed64Number(4, large)
        const form = new ProtobufWriter().packedDoubles(5, new Float64Array(counts.length))
        const firstAt = form.length - counts.length * 8
        const at = bytes.stamp(form.finish())
        expect(bytes.putCounts(at + firstAt, values, 1, counts.length + 1)).toBe(counts.reduce((sum, value) => sum + Math.round(value), 0))
        bytes.packedVarintCounts(6, values, 1, counts.length + 1)
        const [a, e] = [longs.map(String), counts.map((value) => String(Math.round(value)))]
        expect(Numbers.toObject(Numbers.decode(bytes.finish()), { longs: String, defaults: true })).toEqual({ a, b: a, c: signed, d: String(large), e, f: e })
      }),
    )
  })

  test('puts values into fields that stand there already', () => {
    const form = new ProtobufWriter().fixed64Number(1, 0).double(2, 0).finish()
    const put = (count: number, ratio: number): Uint8Array => {
      const writer = new ProtobufWriter(16).string(9, 'before')
      const at = writer.stamp(form)
      writer.putCount(at + 1, count)
      writer.putDouble(at + 10, ratio)
      return writer.finish()
    }
    const counts = [0, 1, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER]
    for (const count of counts) expect(put(count, -0.5)).toEqual(new ProtobufWriter().string(9, 'before').fixed64Number(1, count).double(2, -0.5).finish())
    const odd = Float64Array.from([-3, Number.NaN, 0.4, 0.5, 1e300, -0])
    const writer = new ProtobufWriter()
    expect(writer.putCounts(writer.stamp(new Uint8Array(48)), odd, 0, 6)).toBe(Number.MAX_SAFE_INTEGER + 1)
    expect([...new BigUint64Array(writer.finish().buffer)]).toEqual([0n, 0n, 0n, 1n, BigInt(Number.MAX_SAFE_INTEGER), 0n])
  })

  test('hands many bytes over in their memory when they nearly fill it, and goes on in memory for as many', () => {
    const writer = new ProtobufWriter(100_000)
    const fill = (bytes: number, value: number): Uint8Array => writer.raw(new Uint8Array(bytes).fill(value)).take()
    const copied = fill(80_000, 1)
    expect(copied.buffer.byteLength).toBe(80_000)
    const taken = fill(90_000, 2)
    expect([taken.length, taken.buffer.byteLength]).toEqual([90_000, 100_000])
    const next = fill(92_000, 3)
    expect([next.length, next.buffer.byteLength]).toEqual([92_000, 95_625])
    const [small, last] = [fill(10, 4), fill(3, 5)]
    expect([copied, taken, next, small, last].map((bytes) => [bytes[0], bytes.at(-1)])).toEqual([1, 2, 3, 4, 5].map((value) => [value, value]))
    expect(writer.length).toBe(0)
  })

  test('counts nothing where there is no count', () => {
    expect([-3, Number.NaN, 0.4, 0.5, 1e300].map(wholeCount)).toEqual([0, 0, 0, 1, Number.MAX_SAFE_INTEGER])
  })

  test('leaves what it wrote where it was when it goes on to larger memory', () => {
    const writer = new ProtobufWriter(16).string(1, 'first')
    const { memory } = writer
    writer.string(2, 'x'.repeat(100))
    expect([Buffer.from(memory.subarray(2, 7)).toString(), writer.memory === memory, Buffer.from(writer.memory.subarray(2, 7)).toString()]).toEqual([
      'first',
      false,
      'first',
    ])
  })

  test('keeps its memory and forgets its content at a reset', () => {
    const writer = new ProtobufWriter().open(1).string(2, 'left open').reset()
    expect(writer.length).toBe(0)
    expect([...writer.varint(1, 1).view()]).toEqual([8, 1])
    expect([...writer.finish()]).toEqual([8, 1])
    expect(writer.length).toBe(0)
  })

  test('refuses numbers that are not integers, and messages that are not closed', () => {
    expect(() => new ProtobufWriter().varint(1, 1.5)).toThrow('field 1 of a protobuf message got 1.5')
    expect(() => new ProtobufWriter().varint(1, 2 ** 53)).toThrow('not a safe integer')
    expect(() => new ProtobufWriter().close()).toThrow('never opened')
    expect(() => new ProtobufWriter().open(1).finish()).toThrow('1 protobuf messages are still open')
  })
})

test('varintSize tells how many bytes a value takes', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (value) => {
      expect(varintSize(value)).toBe(new ProtobufWriter().varint(1, value).length - 1)
    }),
  )
})
