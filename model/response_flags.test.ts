import { expect, test } from 'vitest'
import { RESPONSE_FLAG_CODES, responseFlagsMask, responseFlagsText } from './response_flags.ts'

test('flags are written in the order of their fields, and a dash stands for none', () => {
  expect(responseFlagsText(0)).toBe('-')
  expect(responseFlagsText(responseFlagsMask(['URX', 'UF']))).toBe('UF,URX')
  expect(responseFlagsText(responseFlagsMask(RESPONSE_FLAG_CODES))).toBe(RESPONSE_FLAG_CODES.join(','))
})

test('the bit of a flag is its field number less one', () => {
  expect(responseFlagsMask(['LH'])).toBe(1)
  expect(responseFlagsMask(['NR'])).toBe(1 << 8)
  expect(responseFlagsMask(['DR'])).toBe(1 << 27)
})
