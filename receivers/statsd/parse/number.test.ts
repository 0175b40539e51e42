import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseDecimal, parseWhole } from './number.ts'

function parse(text: string): number {
  const bytes = Buffer.from(`x${text}y`)
  return parseDecimal(bytes, 1, bytes.length - 1)
}

test.for([
  '0',
  '-0',
  '+5',
  '5.',
  '.5',
  '-.5',
  '1e3',
  '1E+3',
  '2.5e-3',
  '00012',
  '18446744073709551616',
  '0.1',
  '123456789012345',
  '1234567890123456789',
  '5e-324',
  '1.7976931348623157e308',
])('reads %s', (text) => {
  expect(parse(text)).toBe(Number(text))
})

test.for([
  '',
  '+',
  '-',
  '.',
  '-.',
  'e5',
  '1e',
  '1e+',
  '1.2.3',
  '0x10',
  '0x1p-2',
  '1_000',
  '1,000',
  ' 1',
  '1 ',
  'NaN',
  'Infinity',
  '-inf',
  '1e400',
  '--1',
  '1-',
  'é',
])('does not take %j for a number', (text) => {
  expect(parse(text)).toBeNaN()
})

test('reads every number as JavaScript does, to the last bit', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }).map(String), fc.stringMatching(/^[+-]?\d{0,25}\.?\d{1,25}(e[+-]?\d{1,2})?$/)),
      (text) => {
        expect(parse(text)).toBe(Number(text))
      },
    ),
    { numRuns: 2000 },
  )
})

test('takes for a number only what is a finite decimal', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...Array.from('0123456789+-.eE_x ,N')), maxLength: 12 }), (text) => {
      const isDecimal = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text) && Number.isFinite(Number(text))
      expect(parse(text)).toBe(isDecimal ? Number(text) : Number.NaN)
    }),
    { numRuns: 2000 },
  )
})

test('reads whole numbers up to 2^53 - 1', () => {
  const whole = (text: string): number => parseWhole(Buffer.from(text), 0, text.length)
  expect(['0', '1656581400', '9007199254740991'].map(whole)).toEqual([0, 1656581400, Number.MAX_SAFE_INTEGER])
  expect(['', '-1', '1.5', '9007199254740992', '99999999999999999999', '1e3'].map(whole)).toEqual([-1, -1, -1, -1, -1, -1])
})
