import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { expandTemplate, re2Fault, re2Pattern, replaceMatches, wholeRe2Pattern } from './re2.ts'

describe('a pattern of RE2 means the same', () => {
  test.for<{ readonly pattern: string; readonly yes: readonly string[]; readonly no: readonly string[] }>([
    { pattern: 'a.c', yes: ['abc', 'a\rc', 'a😀c', 'xabcx'], no: ['a\nc', 'ac'] },
    { pattern: '(?s)a.c', yes: ['a\nc'], no: ['ac'] },
    { pattern: '(?i)straße', yes: ['STRAßE'], no: ['strasse'] },
    { pattern: 'a(?i)b|c', yes: ['aB', 'C'], no: ['AB'] },
    { pattern: 'x(?i:y)z', yes: ['xYz'], no: ['xYZ'] },
    { pattern: '(?i)a(?-i)b', yes: ['Ab'], no: ['AB'] },
    { pattern: '^(?P<year>\\d{4})-(?<month>\\d{2})$', yes: ['2026-11'], no: ['2026-11-01', '٢٠٢٦-11'] },
    { pattern: '(?m)^b$', yes: ['a\nb\nc'], no: ['a\rb\rc', 'ab'] },
    { pattern: '\\Aab\\z', yes: ['ab'], no: ['ab\n', 'xab'] },
    { pattern: '\\w+\\s\\W', yes: ['ab -'], no: ['ab\u00a0-', 'ab c'] },
    { pattern: '[\\w.-]+@[^\\s]+', yes: ['a-b.c@d'], no: ['@ '] },
    { pattern: '[[:alpha:]_]\\S', yes: ['a1', '_x'], no: ['1 ', 'a '] },
    { pattern: '[]a]', yes: [']', 'a'], no: ['b'] },
    { pattern: '[^]a]', yes: ['b'], no: [']'] },
    { pattern: '[a-]', yes: ['-'], no: ['b'] },
    { pattern: '\\pL\\p{Greek}\\P{Lu}', yes: ['aαa'], no: ['1αa', 'aαA'] },
    { pattern: '/user/{id}/x{2}', yes: ['/user/{id}/xx'], no: ['/user/id/xx'] },
    { pattern: 'password\\=[^\\s]*(\\s?)', yes: ['password=abc '], no: ['password:abc'] },
    { pattern: '^\\Qa.b(\\E+$', yes: ['a.b(', 'a.b(('], no: ['aab(', 'a.ba.b('] },
    { pattern: '(?i)^\\W$', yes: ['-', 'é'], no: ['s', 'K'] },
    { pattern: 'b\\z', yes: ['😀b'], no: ['b😀'] },
    { pattern: '\\x41\\x{1F600}\\101', yes: ['A😀A'], no: ['AA'] },
    { pattern: 'a\\-b\\_\\"\\/', yes: ['a-b_"/'], no: ['ab'] },
    { pattern: 'a{2,}?b', yes: ['aaab'], no: ['ab'] },
    { pattern: '\\bfoo\\b', yes: ['a foo b'], no: ['foobar'] },
    { pattern: '', yes: ['', 'a'], no: [] },
  ])('$pattern', ({ pattern, yes, no }) => {
    const compiled = re2Pattern(pattern)
    expect([...yes, ...no].filter((text) => compiled.test(text))).toEqual(yes)
  })
})

describe('a pattern that RE2 or JavaScript does not have is told', () => {
  test.for<{ readonly pattern: string; readonly message: RegExp }>([
    { pattern: 'a(?=b)', message: /^look-around is not part of the syntax$/ },
    { pattern: '(?<!a)b', message: /^look-around is not part of the syntax$/ },
    { pattern: '(a)\\1', message: /^back-references are not part of the syntax$/ },
    { pattern: '(a', message: /^missing closing \)$/ },
    { pattern: 'a)', message: /^unexpected \)$/ },
    { pattern: '[a', message: /^missing closing \]$/ },
    { pattern: '*a', message: /^missing argument to repetition operator$/ },
    { pattern: '(?i){2}', message: /^missing argument to repetition operator$/ },
    { pattern: 'a**', message: /^invalid nested repetition operator$/ },
    { pattern: 'a{1001}', message: /^invalid repeat count$/ },
    { pattern: '\\C', message: /^invalid escape sequence$/ },
    { pattern: '\\pX', message: /^unknown character class X$/ },
    { pattern: '[z-a]', message: /^invalid character class range$/ },
    { pattern: '(a+)+$', message: /repeats a repetition, which can take exponential time/ },
    { pattern: '((?:\\w*))*', message: /exponential time/ },
    { pattern: 'a\\', message: /^trailing backslash at end of expression$/ },
    { pattern: '('.repeat(300), message: /^expression nests too deeply$/ },
  ])('$pattern', ({ pattern, message }) => {
    expect(() => re2Pattern(pattern)).toThrow(SyntaxError)
    expect(() => re2Pattern(pattern)).toThrow(message)
  })
})

test('throws nothing but a SyntaxError, on any pattern', { timeout: 60_000 }, () => {
  const piece = fc.constantFrom(
    '(',
    ')',
    '[',
    ']',
    '{',
    '}',
    '?',
    '*',
    '+',
    '|',
    '\\',
    'p',
    'Q',
    'E',
    'x',
    '1',
    ',',
    '-',
    '^',
    '$',
    '.',
    ':',
    'P',
    '<',
    '>',
    'a',
    'é',
    '😀',
  )
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.array(piece).map((parts) => parts.join('')),
      ),
      (pattern) => {
        try {
          re2Pattern(pattern)
        } catch (error) {
          if (!(error instanceof SyntaxError)) throw error
        }
      },
    ),
    { numRuns: 300 },
  )
})

test.for([
  { template: '$1-$2', text: 'b-c' },
  { template: '${1}x$$', text: 'bx$' },
  { template: '$1x', text: '' },
  { template: '${name}!$9', text: 'c!' },
  { template: '$', text: '$' },
])('fills in $template', ({ template, text }) => {
  expect(expandTemplate(template, ['bc', 'b', 'c'], { name: 'c' })).toBe(text)
})

test('replaces all matches', () => {
  expect(replaceMatches('a1b22', re2Pattern('\\d+', 'g'), ([match]) => `<${match}>`)).toBe('a<1>b<22>')
  expect(replaceMatches('abc', re2Pattern('x*', 'g'), () => '-')).toBe('-a-b-c-')
  expect(replaceMatches('baac', re2Pattern('a*', 'g'), () => '-')).toBe('-b-c-')
})

test('finds nothing wrong with what it can compile, and says what is wrong with the rest', () => {
  expect([re2Fault('(?is)x(?P<y>z)'), re2Fault('(a')]).toEqual([undefined, 'missing closing )'])
})

test.for([
  { pattern: 'app\\.([a-z]+)', text: 'app.name', groups: ['name'] },
  { pattern: '(?P<what>[a-z]+)-(\\d+)', text: 'label-1', groups: ['label', '1'] },
  { pattern: '(?i)TEAM', text: 'team', groups: [] },
  { pattern: 'a|b', text: 'b', groups: [] },
])('matches the whole of a text: $pattern', ({ pattern, text, groups }) => {
  expect(wholeRe2Pattern(pattern).exec(text)?.slice(1)).toEqual(groups)
  expect(wholeRe2Pattern(pattern).exec(`${text}_`)).toBeNull()
})

test('has names for groups, each once, as far as JavaScript can', () => {
  const match = re2Pattern('(?P<n>a)(?P<n>b)(?P<1x>c)(?P<m>d)').exec('abcd')
  expect({ ...match?.groups }).toEqual({ n: 'a', m: 'd' })
})
