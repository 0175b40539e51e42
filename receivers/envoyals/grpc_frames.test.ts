import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { GrpcFrames } from './grpc_frames.ts'

/** Writes what comes out of the frames, in order. */
function reader(messageBytesMax = 1000) {
  const seen: string[] = []
  const frames = new GrpcFrames(messageBytesMax, {
    message: (bytes, isCompressed) => seen.push(`${isCompressed ? 'z:' : ''}${Buffer.from(bytes).toString('latin1')}`),
    tooLarge: (size) => seen.push(`too large ${size}`),
    broken: () => seen.push('broken'),
  })
  return { frames, seen }
}

function framed(body: string, flags = 0): Buffer {
  const bytes = Buffer.from(body, 'latin1')
  const header = Buffer.alloc(5)
  header.writeUInt8(flags, 0)
  header.writeUInt32BE(bytes.length, 1)
  return Buffer.concat([header, bytes])
}

test('gives the same messages however the bytes are cut', () => {
  const body = fc.oneof(
    fc.string({ unit: 'binary-ascii', maxLength: 50 }),
    fc.integer({ min: 33_000, max: 70_000 }).map((size) => 'x'.repeat(size)),
  )
  fc.assert(
    fc.property(fc.array(body, { maxLength: 6 }), fc.array(fc.integer({ min: 1, max: 20_000 }), { minLength: 1, maxLength: 20 }), (bodies, cuts) => {
      const { frames, seen } = reader(100_000)
      const bytes = Buffer.concat(bodies.map((text) => framed(text)))
      for (let at = 0, i = 0; at < bytes.length; i++) {
        const size = cuts[i % cuts.length] as number
        expect(frames.write(bytes.subarray(at, at + size))).toBe(0)
        at += size
      }
      expect(seen).toEqual(bodies)
      expect(frames.pendingBytes).toBe(0)
    }),
  )
})

test('never throws on any bytes, and accounts for all of them', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 10 }), (chunks) => {
      let taken = 0
      const frames = new GrpcFrames(20, { message: (bytes) => (taken += bytes.length + 5), tooLarge: () => (taken += 5), broken: () => (taken += 5) })
      let discarded = 0
      let total = 0
      for (const chunk of chunks) {
        discarded += frames.write(chunk)
        total += chunk.length
      }
      expect(taken + discarded + frames.pendingBytes).toBe(total)
    }),
    { numRuns: 2000 },
  )
})

test('passes compressed messages on as such', () => {
  const { frames, seen } = reader()
  frames.write(framed('abc', 1))
  expect(seen).toEqual(['z:abc'])
})

test('skips a message over the limit and reads the next one', () => {
  const { frames, seen } = reader(4)
  expect(frames.write(Buffer.concat([framed('ok'), framed('12345'), framed('also')]))).toBe(5)
  expect(seen).toEqual(['ok', 'too large 5', 'also'])
})

test('gives up at flags that gRPC does not have', () => {
  const { frames, seen } = reader()
  expect(frames.write(Buffer.concat([framed('ok'), framed('bad', 2)]))).toBe(3)
  expect(frames.write(framed('never'))).toBe(10)
  expect(seen).toEqual(['ok', 'broken'])
})
