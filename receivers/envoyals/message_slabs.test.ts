import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { MessageSlabs, type Slab } from './message_slabs.ts'

test('keeps messages as they were until they are released, in whatever order', () => {
  const step = fc.oneof(fc.record({ size: fc.integer({ min: 0, max: 300_000 }) }), fc.record({ release: fc.nat() }))
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const slabs = new MessageSlabs()
      const held: { bytes: Uint8Array; slab: Slab; size: number; mark: number }[] = []
      let mark = 0
      for (const each of steps) {
        if ('size' in each) {
          mark = (mark + 1) & 255
          held.push({ ...slabs.keep(new Uint8Array(each.size).fill(mark)), size: each.size, mark })
        } else if (held.length > 0) {
          const [one] = held.splice(each.release % held.length, 1)
          if (one !== undefined) slabs.release(one.slab)
        }
        const wrong = held.filter(({ bytes, size, mark: own }) => bytes.length !== size || [0, size >> 1, size - 1].some((at) => size > 0 && bytes[at] !== own))
        expect(wrong.length).toBe(0)
      }
    }),
    { numRuns: 25 },
  )
})

test('uses memory again', () => {
  const slabs = new MessageSlabs()
  const memories = new Set<ArrayBufferLike>()
  for (let i = 0; i < 1000; i++) {
    const { bytes, slab } = slabs.keep(new Uint8Array(16_000))
    memories.add(bytes.buffer)
    slabs.release(slab)
  }
  expect(memories.size).toBe(1)
  const kept = Array.from({ length: 200 }, () => slabs.keep(new Uint8Array(16_000)))
  for (const { bytes, slab } of kept) {
    memories.add(bytes.buffer)
    slabs.release(slab)
  }
  expect(memories.size).toBe(4)
  for (let i = 0; i < 200; i++) memories.add(slabs.keep(new Uint8Array(16_000)).bytes.buffer)
  expect(memories.size).toBe(4)
})

test('gives a message that is longer than a slab memory of its own', () => {
  const slabs = new MessageSlabs()
  const { bytes, slab } = slabs.keep(new Uint8Array(3 << 20).fill(7))
  expect([bytes.length, bytes[bytes.length - 1]]).toEqual([3 << 20, 7])
  slabs.release(slab)
  slabs.trim()
  expect(slabs.keep(Uint8Array.of(1)).bytes.buffer.byteLength).toBe(1 << 20)
})
