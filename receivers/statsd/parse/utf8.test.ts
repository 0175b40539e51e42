import { isUtf8 as isUtf8ByNode } from 'node:buffer'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { isUtf8 } from './utf8.ts'

test.for(['', '61', 'c3a9', 'e0a080', 'ed9fbf', 'ee8080', 'f0908080', 'f48fbfbf'])('takes %s', (hex) => {
  const bytes = Buffer.from(hex, 'hex')
  expect(isUtf8(bytes, 0, bytes.length)).toBe(true)
})

test.for(['80', 'c0af', 'c1bf', 'c3', 'c361', 'e08080', 'e09fbf', 'eda080', 'e282', 'f0808080', 'f08fbfbf', 'f4908080', 'f5808080', 'ff', 'f09f9861'])(
  'does not take %s',
  (hex) => {
    const bytes = Buffer.from(hex, 'hex')
    expect(isUtf8(bytes, 0, bytes.length)).toBe(false)
  },
)

test('says the same as Node of any bytes, anywhere in a buffer', () => {
  const byte = fc.oneof(
    fc.constantFrom(0x61, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc2, 0xe0, 0xe2, 0xed, 0xef, 0xf0, 0xf1, 0xf4),
    fc.integer({ min: 0, max: 255 }),
  )
  fc.assert(
    fc.property(fc.array(byte, { maxLength: 8 }), fc.string({ unit: 'binary', maxLength: 4 }), (all, text) => {
      const bytes = Buffer.concat([Buffer.from(text), Buffer.from(all)])
      expect(isUtf8(bytes, 0, bytes.length)).toBe(isUtf8ByNode(bytes))
      expect(isUtf8(Buffer.concat([Buffer.from([0xc3]), bytes, Buffer.from([0xa9])]), 1, bytes.length + 1)).toBe(isUtf8ByNode(bytes))
    }),
    { numRuns: 3000 },
  )
})
