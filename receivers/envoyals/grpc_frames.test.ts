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

/** How chunks of one stream may lie in memory: each by itself, one behind the other, or with a header of HTTP/2 before each. */
const LAYOUTS = {
  'by themselves': (chunks: readonly Buffer[]) => chunks.map((chunk) => Buffer.from(new Uint8Array(chunk).buffer)),
  'one behind the other': (chunks: readonly Buffer[]) => laidOut(chunks, 0),
  'as frames of HTTP/2': (chunks: readonly Buffer[]) => laidOut(chunks, 9),
  'far from each other': (chunks: readonly Buffer[]) => laidOut(chunks, 16),
} as const

function laidOut(chunks: readonly Buffer[], gap: number): Buffer[] {
  const bytes = chunks.reduce((sum, chunk) => sum + gap + chunk.length, 0)
  const memory = Buffer.alloc(bytes, '#')
  let at = 0
  return chunks.map((chunk) => {
    at += gap
    chunk.copy(memory, at)
    at += chunk.length
    return memory.subarray(at - chunk.length, at)
  })
}

test.for(Object.entries(LAYOUTS))('gives the same messages however the bytes are cut, with chunks that lie %s', ([, layOut]) => {
  const body = fc.oneof(
    fc.string({ unit: 'binary-ascii', maxLength: 50 }),
    fc.integer({ min: 4000, max: 70_000 }).map((size) => Array.from({ length: size }, (_, i) => String.fromCharCode(33 + ((i * size) % 89))).join('')),
  )
  const cuts = fc.array(fc.integer({ min: 1, max: 20_000 }), { minLength: 1, maxLength: 20 })
  fc.assert(
    fc.property(fc.array(body, { maxLength: 6 }), cuts, ([...bodies], sizes) => {
      const { frames, seen } = reader(100_000)
      const bytes = Buffer.concat(bodies.map((text) => framed(text)))
      const chunks: Buffer[] = []
      for (let at = 0; at < bytes.length; ) {
        const size = sizes[chunks.length % sizes.length] as number
        chunks.push(bytes.subarray(at, at + size))
        at += size
      }
      for (const chunk of layOut(chunks)) expect(frames.write(chunk)).toBe(0)
      expect(seen.length).toBe(bodies.length)
      // Not by `toEqual`, which takes seconds to show how two long texts differ.
      expect(seen.findIndex((text, i) => text !== bodies[i])).toBe(-1)
      expect(frames.pendingBytes).toBe(0)
    }),
    { numRuns: 25 },
  )
})

test('knows how much of a message has come', () => {
  const { frames, seen } = reader(100_000)
  const bytes = framed('x'.repeat(20_000))
  const pending = [4, 5, 10_005, 15_005, 20_004].map((end, i, ends) => {
    frames.write(Buffer.from(bytes.subarray(ends[i - 1] ?? 0, end)))
    return frames.pendingBytes
  })
  expect(pending).toEqual([4, 5, 10_005, 15_005, 20_004])
  frames.write(bytes.subarray(20_004))
  expect([seen.length, frames.pendingBytes]).toEqual([1, 0])
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
