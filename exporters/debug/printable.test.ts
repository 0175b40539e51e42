import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { printable, printableShort, quoted } from './printable.ts'

test.for([
  { text: 'GET /reviews/0?x=1 ü → 日本 🙂', shown: 'GET /reviews/0?x=1 ü → 日本 🙂' },
  { text: '\u001b[2J\u001b]0;title\u0007', shown: '\\x1b[2J\\x1b]0;title\\x07' },
  { text: 'a\r\nfake log line\t', shown: 'a\\r\\nfake log line\\t' },
  { text: '\u009b31m', shown: '\\x9b31m' },
  { text: 'user\u202egnp.exe', shown: 'user\\u{202e}gnp.exe' },
  { text: 'zero\u200bwidth\u2028line', shown: 'zero\\u{200b}width\\u{2028}line' },
  { text: 'lone \ud800 half', shown: 'lone \\u{d800} half' },
])('shows $text without its effects', ({ text, shown }) => {
  expect(printable(text)).toBe(shown)
})

test('leaves nothing in any text that a terminal could act upon', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(printable(text)).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u)
      expect(quoted(text)).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u)
    }),
  )
})

test('cuts long texts, never inside of a character', () => {
  expect(printableShort('abcdef', 3)).toBe('abc…')
  expect(printableShort('ab🙂', 3)).toBe('ab\ufffd…')
})

test('quotes what would be unclear without', () => {
  expect(['plain/text:1', '', 'two words', 'a"b\\c', 'a=b'].map(quoted)).toEqual(['plain/text:1', '""', '"two words"', '"a\\"b\\\\c"', '"a=b"'])
})
