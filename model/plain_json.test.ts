import { expect, test } from 'vitest'
import { AttributeSet } from './attributes.ts'
import { plainJson, plainText } from './plain_json.ts'

test('values become what JSON can hold', () => {
  const set = AttributeSet.of({ a: 'text', b: 2n ** 60n, c: 7n, d: Number.NaN, e: [1.5, true, null], f: AttributeSet.of({ g: new Uint8Array([1, 2]) }) })
  expect(plainJson(set)).toEqual({ a: 'text', b: '1152921504606846976', c: 7, d: 'NaN', e: [1.5, true, null], f: { g: 'AQI=' } })
  expect(JSON.parse(plainText(set))).toEqual(plainJson(set))
})

test('text is text without quotes', () => {
  expect([plainText('a'), plainText(null), plainText(5n), plainText([1n])]).toEqual(['a', '', '5', '[1]'])
})
