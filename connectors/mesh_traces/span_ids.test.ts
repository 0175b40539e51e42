import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { IdHash } from './span_ids.ts'

function idOf(role: number, parts: readonly (string | number)[]): string {
  const hash = new IdHash().reset(role)
  for (const part of parts) {
    if (typeof part === 'number') hash.number(part)
    else hash.bytes(Buffer.from(part), 0, Buffer.byteLength(part))
  }
  const out = new Uint8Array(10)
  hash.write(out, 1)
  return Buffer.from(out.subarray(1, 9)).toString('hex')
}

test('the same parts give the same id, in every process', () => {
  expect(idOf(1, ['a', 7])).toBe(idOf(1, ['a', 7]))
  // Fixed for ever: proxies' entries may be read by different versions of the daemon.
  expect(idOf(1, ['4bf92f3577b34da6', '/reviews/0', 1])).toBe('dee9b4d56aad182f')
})

test('where one part ends and the next begins makes a difference, and so does the role', () => {
  expect(idOf(1, ['ab', 'c'])).not.toBe(idOf(1, ['a', 'bc']))
  expect(idOf(1, ['a'])).not.toBe(idOf(2, ['a']))
})

test('ids of many requests do not collide', () => {
  const ids = new Set(Array.from({ length: 100_000 }, (_, n) => idOf(1, [`request-${n}`])))
  expect(ids.size).toBe(100_000)
})

test('no id is all zeros', () => {
  fc.assert(
    fc.property(fc.string(), fc.integer(), (text, number) => {
      expect(idOf(number, [text])).not.toBe('0'.repeat(16))
    }),
  )
})
