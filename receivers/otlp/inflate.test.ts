import { constants, createZstdCompress, deflateSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { assert, constantFrom, property, uint8Array } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { InflateError, inflate, joined, ownMemory } from './inflate.ts'

const LIMIT = 1 << 20
const WAYS = [
  { encoding: 'gzip', compress: gzipSync },
  { encoding: 'zlib', compress: deflateSync },
  { encoding: 'deflate', compress: deflateSync },
  { encoding: 'zstd', compress: zstdCompressSync },
] as const

function faultOf(run: () => unknown): InflateError {
  try {
    run()
  } catch (error) {
    if (error instanceof InflateError) return error
    throw error
  }
  throw new Error('it did not throw')
}

describe.for(WAYS)('$encoding', ({ encoding, compress }) => {
  test('comes back in memory of its own, up to the limit and no further', () => {
    for (const size of [0, 1, 100, 5000, LIMIT]) {
      const plain = inflate(compress(Buffer.alloc(size, 'abc')), encoding, LIMIT)
      expect(plain.length).toBe(size)
      expect(plain.buffer.byteLength).toBe(size)
    }
    expect(faultOf(() => inflate(compress(Buffer.alloc(LIMIT + 1)), encoding, LIMIT)).kind).toBe('too_large')
  })

  test('that is cut off is bad', () => {
    const bytes = compress(Buffer.alloc(1000, 'abc'))
    expect(faultOf(() => inflate(bytes.subarray(0, -1), encoding, LIMIT)).kind).toBe('invalid')
  })
})

test('a window that takes much memory is refused', async () => {
  const compressor = createZstdCompress({ params: { [constants.ZSTD_c_windowLog]: 26 } })
  // Flushed before its end, so that the frame does not say how little is in it.
  compressor.write('abc')
  compressor.flush(constants.ZSTD_e_flush, () => compressor.end())
  const bytes = Buffer.concat(await compressor.toArray())
  expect(zstdDecompressSync(bytes).toString()).toBe('abc')
  const fault = faultOf(() => inflate(bytes, 'zstd', LIMIT))
  expect(fault).toMatchObject({ kind: 'invalid', message: expect.stringContaining('too much memory') as string })
})

test('any bytes are decompressed or bad', () => {
  assert(
    property(uint8Array({ maxLength: 100 }), constantFrom('gzip', 'zlib', 'zstd'), (bytes, encoding) => {
      try {
        expect(inflate(bytes, encoding, LIMIT).length).toBeLessThanOrEqual(LIMIT)
      } catch (error) {
        expect(error).toBeInstanceOf(InflateError)
      }
    }),
    { numRuns: 50 },
  )
})

test('memory is copied only where it is shared', () => {
  const own = new Uint8Array([1, 2, 3])
  expect(ownMemory(own).buffer).toBe(own.buffer)
  const part = own.subarray(1)
  expect(ownMemory(part)).toEqual(part)
  expect(ownMemory(part).buffer.byteLength).toBe(2)
  expect(joined([own, part], 5)).toEqual(new Uint8Array([1, 2, 3, 2, 3]))
})
