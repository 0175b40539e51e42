import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { ByteClass } from './scan.ts'

test.for([':', ',|', ':,|#', ':=|', ':[]#,|', ':#,;=[]{}|'])('ends a run at one of %j, at blanks and beyond ASCII, and nowhere else', (ends) => {
  const bytes = new ByteClass(ends)
  const alphabet = fc.oneof(
    { weight: 20, arbitrary: fc.constantFrom(...Buffer.from('abcXYZ019._-/')) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 255 }) },
  )
  fc.assert(
    fc.property(fc.array(alphabet, { maxLength: 40 }), fc.nat(40), fc.nat(40), (all, a, b) => {
      const buffer = Uint8Array.from(all)
      const start = Math.min(a, b, all.length)
      const end = Math.min(Math.max(a, b), all.length)
      let expected = start
      while (expected < end && isPlain(all[expected] as number, ends)) expected++
      expect(bytes.skip(buffer, new DataView(buffer.buffer), start, end)).toBe(expected)
    }),
    { numRuns: 500 },
  )
})

function isPlain(byte: number, ends: string): boolean {
  return byte > 0x20 && byte < 0x7f && !ends.includes(String.fromCharCode(byte))
}
