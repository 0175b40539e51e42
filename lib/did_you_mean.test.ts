import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { didYouMean, editDistance } from './did_you_mean.ts'

describe('editDistance', () => {
  test.for([
    { a: '', b: '', expected: 0 },
    { a: 'abc', b: 'abc', expected: 0 },
    { a: 'abc', b: 'abd', expected: 1 },
    { a: 'abc', b: 'ab', expected: 1 },
    { a: 'abc', b: 'acb', expected: 1 },
    { a: 'kitten', b: 'sitting', expected: 3 },
    { a: '', b: 'abc', expected: 3 },
  ])('is $expected from "$a" to "$b"', ({ a, b, expected }) => {
    expect(editDistance(a, b)).toBe(expected)
    expect(editDistance(b, a)).toBe(expected)
  })

  test('is zero only for equal texts, and never more than the longer one', () => {
    const text = fc.string({ maxLength: 20 })
    fc.assert(
      fc.property(text, text, (a, b) => {
        const distance = editDistance(a, b)
        expect(distance === 0).toBe(a === b)
        expect(distance).toBeLessThanOrEqual(Math.max(a.length, b.length))
      }),
    )
  })
})

describe('didYouMean', () => {
  const names = ['endpoint', 'transport', 'packet_bytes_max', 'tls']
  test.for([
    { word: 'endpiont', expected: 'endpoint' },
    { word: 'packet-bytes-max', expected: 'packet_bytes_max' },
    { word: 'Transport', expected: 'transport' },
    { word: 'tsl', expected: 'tls' },
    { word: 'verbosity', expected: undefined },
    { word: '', expected: undefined },
  ])('finds $expected for "$word"', ({ word, expected }) => {
    expect(didYouMean(word, names)).toBe(expected)
  })
})
