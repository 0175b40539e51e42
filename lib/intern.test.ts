import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ByteInterner, SHORT_TEXT_WORDS } from './intern.ts'

function interning(interner: ByteInterner): (text: string | Uint8Array) => number {
  return (text) => {
    const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : Uint8Array.from(text)
    return interner.intern(bytes, new DataView(bytes.buffer), 0, bytes.length)
  }
}

describe('ByteInterner', () => {
  test('gives the same id for the same bytes and the text back', () => {
    const interner = new ByteInterner()
    const id = interning(interner)
    const reviews = id('reviews')
    expect(id('reviews')).toBe(reviews)
    expect(id('ratings')).not.toBe(reviews)
    expect(interner.text(reviews)).toBe('reviews')
  })

  test('keeps id 0 for the empty string', () => {
    const interner = new ByteInterner()
    expect(interning(interner)('')).toBe(0)
    expect(interner.text(0)).toBe('')
    expect(interner.bytes(0)).toHaveLength(0)
  })

  test('replaces bytes that are not UTF-8 in the text and keeps them in the bytes', () => {
    const interner = new ByteInterner()
    const id = interning(interner)(Uint8Array.of(0x63, 0xe9))
    expect(interner.text(id)).toBe('c\ufffd')
    expect([...interner.bytes(id)]).toEqual([0x63, 0xe9])
  })

  test('gives keys that are equal for equal bytes only', () => {
    const text = fc.oneof(fc.uint8Array({ maxLength: 20 }), fc.uint8Array({ maxLength: 20, max: 1 }))
    fc.assert(
      fc.property(text, text, (one, other) => {
        const interner = new ByteInterner()
        const keyOf = (bytes: Uint8Array): string => {
          const key = new Int32Array(SHORT_TEXT_WORDS + 2).fill(-1)
          interner.key(interning(interner)(bytes), key, 1)
          expect([key[0], key[SHORT_TEXT_WORDS + 1]]).toEqual([-1, -1])
          return key.join()
        }
        expect(keyOf(one)).toBe(keyOf(one.slice()))
        expect(keyOf(one) === keyOf(other)).toBe(Buffer.compare(one, other) === 0)
      }),
    )
  })

  test('agrees with a map for any strings, across growth of its tables', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 300 }), (strings) => {
        const interner = new ByteInterner()
        const id = interning(interner)
        const known = new Map<string, number>()
        for (const bytes of strings) {
          const key = Buffer.from(bytes).toString('latin1')
          const got = id(bytes)
          expect(got).toBe(known.get(key) ?? got)
          known.set(key, got)
        }
        expect(new Set(known.values()).size).toBe(known.size)
        for (const [key, at] of known) expect(Buffer.from(interner.bytes(at)).toString('latin1')).toBe(key)
      }),
    )
  })

  test('holds more strings than its first tables', () => {
    const interner = new ByteInterner()
    const id = interning(interner)
    const ids = Array.from({ length: 20_000 }, (_, n) => id(`10.0.${n >> 8}.${n & 255}`))
    expect(new Set(ids).size).toBe(20_000)
    expect(interner.text(ids[12_345] as number)).toBe('10.0.48.57')
  })

  test('says when it is full and starts over in a new epoch', () => {
    const interner = new ByteInterner({ entriesMax: 3, bytesMax: 1000 })
    const id = interning(interner)
    for (const text of ['a', 'b', 'c']) id(text)
    expect(interner.isFull).toBe(true)
    interner.renew()
    expect({ epoch: interner.epoch, size: interner.size, isFull: interner.isFull }).toEqual({ epoch: 1, size: 1, isFull: false })
    expect(interner.text(id('z'))).toBe('z')
  })
})
