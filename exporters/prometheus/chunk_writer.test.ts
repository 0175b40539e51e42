import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CHUNK_BYTES, ChunkPool, ChunkWriter, NUMBER_BYTES_MAX } from './chunk_writer.ts'

function written(write: (writer: ChunkWriter) => void): string {
  const writer = new ChunkWriter(new ChunkPool())
  write(writer)
  return writer.take().toString('latin1')
}

describe('ChunkWriter', () => {
  it.each([
    [0, '0'],
    [-0, '0'],
    [9, '9'],
    [10, '10'],
    [999_999_999, '999999999'],
    [1_000_000_000, '1000000000'],
    [1_000_000_007, '1000000007'],
    [999_999_999_999_999, '999999999999999'],
    [9_007_199_254_740_991, '9007199254740991'],
    [-5, '-5'],
    [0.1, '0.1'],
    [1e300, '1e+300'],
    [Number.NaN, 'NaN'],
    [Number.POSITIVE_INFINITY, '+Inf'],
    [Number.NEGATIVE_INFINITY, '-Inf'],
  ])('writes %d as %s', (value, wanted) => {
    expect(written((writer) => writer.number(value))).toBe(wanted)
  })

  it('writes every number so that it reads back the same, within its bound', () => {
    fc.assert(
      fc.property(fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.maxSafeInteger(), fc.nat()), (value) => {
        const text = written((writer) => writer.number(value))
        expect(Number(text)).toBe(value === 0 ? 0 : value)
        expect(text.length).toBeLessThanOrEqual(NUMBER_BYTES_MAX)
      }),
    )
  })

  it.each([
    [1_767_225_600_000, '1767225600.000'],
    [1_767_225_600_042, '1767225600.042'],
    [999, '0.999'],
    [1000.4, '1.000'],
    [1999.6, '2.000'],
  ])('writes %d ms as %s s', (ms, wanted) => {
    expect(written((writer) => writer.seconds(ms))).toBe(wanted)
  })

  it('makes room for what is larger than a chunk once it is empty', () => {
    const writer = new ChunkWriter(new ChunkPool())
    writer.byte(65)
    expect(writer.hasRoom(CHUNK_BYTES)).toBe(false)
    writer.take()
    expect(writer.hasRoom(CHUNK_BYTES * 2)).toBe(true)
    writer.copy(Buffer.alloc(CHUNK_BYTES * 2, 66))
    expect(writer.take().length).toBe(CHUNK_BYTES * 2)
  })
})

describe('ChunkPool', () => {
  it('gives out again what it got back, and nothing of another size', () => {
    const pool = new ChunkPool()
    const chunk = pool.take()
    pool.give(chunk.subarray(0, 10))
    pool.give(Buffer.allocUnsafeSlow(CHUNK_BYTES * 2))
    expect(pool.take().buffer).toBe(chunk.buffer)
    expect(pool.take().length).toBe(CHUNK_BYTES)
  })
})
