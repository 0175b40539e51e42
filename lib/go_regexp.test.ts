import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseGoRegexp } from './go_regexp.ts'

function groupsOf(pattern: string, text: string): (string | undefined)[] | undefined {
  const parsed = parseGoRegexp(pattern)
  if (!('regexp' in parsed)) throw new Error(`${parsed.problem} at ${parsed.at}`)
  const match = parsed.regexp.exec(text)
  return match === null ? undefined : [...match]
}

test.for([
  { name: 'is not anchored', pattern: 'b', text: 'abc', groups: ['b'] },
  { name: 'anchors at the ends of the text only', pattern: '^b$', text: 'a\nb\n', groups: undefined },
  { name: 'anchors at lines with (?m)', pattern: '(?m)^b$', text: 'a\nb\n', groups: ['b'] },
  { name: 'knows \\A and \\z', pattern: '\\Ab\\z', text: 'b', groups: ['b'] },
  { name: 'lets . pass over a line feed with (?s) only', pattern: 'a.b', text: 'a\nb', groups: undefined },
  { name: 'lets . take a carriage return', pattern: 'a.b', text: 'a\rb', groups: ['a\rb'] },
  { name: 'lets . take a line feed with (?s)', pattern: '(?s)a.b', text: 'a\nb', groups: ['a\nb'] },
  { name: 'folds case with (?i)', pattern: '(?i)Foo[a-c]', text: 'fOOB', groups: ['fOOB'] },
  { name: 'ends a flag with its group', pattern: '(?:(?i)a)b', text: 'AB', groups: undefined },
  { name: 'sets flags for one group', pattern: '(?i:a)b', text: 'Ab', groups: ['Ab'] },
  { name: 'unsets flags', pattern: '(?i)a(?-i)b', text: 'AB', groups: undefined },
  { name: 'swaps greed with (?U)', pattern: '(?U)(a+)', text: 'aaa', groups: ['a', 'a'] },
  { name: 'is lazy with +?', pattern: '(a+?)', text: 'aaa', groups: ['a', 'a'] },
  { name: 'counts named groups in order', pattern: '(?P<x>a)(?<y>b)(c)', text: 'abc', groups: ['abc', 'a', 'b', 'c'] },
  { name: 'knows POSIX classes', pattern: '[[:alpha:]_]+[[:^digit:]]', text: '1ab_.', groups: ['ab_.'] },
  { name: 'has a narrow \\s', pattern: 'a\\sb', text: 'a\u00a0b', groups: undefined },
  { name: 'has a negated class in a class', pattern: '[\\D0]+', text: '1a0b2', groups: ['a0b'] },
  { name: 'has a negated class in a negated class', pattern: '[^\\S.]', text: '. ', groups: [' '] },
  { name: 'takes ] first in a class as itself', pattern: '[]a]+', text: 'x]a', groups: [']a'] },
  { name: 'takes - last in a class as itself', pattern: '[a-]+', text: 'x-a', groups: ['-a'] },
  { name: 'quotes with \\Q and \\E', pattern: '\\Qa.b\\E+', text: 'a.bbx', groups: ['a.bb'] },
  { name: 'quotes to the end without \\E', pattern: '\\Qa|b', text: 'xa|b', groups: ['a|b'] },
  { name: 'takes a { that counts nothing as itself', pattern: 'a{,2}', text: 'a{,2}', groups: ['a{,2}'] },
  { name: 'counts', pattern: '^a{2,3}$', text: 'aaa', groups: ['aaa'] },
  { name: 'reads octal, hexadecimal and control escapes', pattern: '\\101\\x42\\x{43}\\t', text: 'ABC\t', groups: ['ABC\t'] },
  { name: 'takes escaped punctuation', pattern: '\\-\\_\\/', text: '-_/', groups: ['-_/'] },
  { name: 'knows Unicode classes', pattern: '\\p{Greek}+\\pL\\P{L}', text: 'αβx1', groups: ['αβx1'] },
  { name: 'repeats an anchor', pattern: '^*a', text: 'ba', groups: ['a'] },
  { name: 'takes one code point at a time', pattern: '^.$', text: '😀', groups: ['😀'] },
  { name: 'repeats what stands before a change of flags', pattern: 'ab(?i){2}C', text: 'abbc', groups: ['abbc'] },
  { name: 'lets groups share a name', pattern: '(?P<n>a)(?P<n>b)', text: 'ab', groups: ['ab', 'a', 'b'] },
  { name: 'fits nothing to nothing', pattern: '', text: 'abc', groups: [''] },
])('an expression in the syntax of Go $name', ({ pattern, text, groups }) => {
  expect(groupsOf(pattern, text)).toEqual(groups)
})

test.for([
  { pattern: 'a(?=b)', problem: 'look-around is not part of the syntax' },
  { pattern: '(?<!a)b', problem: 'look-around is not part of the syntax' },
  { pattern: '(a)\\1', problem: 'back-references are not part of the syntax' },
  { pattern: 'a**', problem: 'invalid nested repetition operator' },
  { pattern: '*a', problem: 'missing argument to repetition operator' },
  { pattern: '(?i)*', problem: 'missing argument to repetition operator' },
  { pattern: '{2}', problem: 'missing argument to repetition operator' },
  { pattern: 'a{2,1}', problem: 'invalid repeat count' },
  { pattern: 'a{1001}', problem: 'invalid repeat count' },
  { pattern: '(a', problem: 'missing closing )' },
  { pattern: 'a)', problem: 'unexpected )' },
  { pattern: '[a', problem: 'missing closing ]' },
  { pattern: '[b-a]', problem: 'invalid character class range' },
  { pattern: '[[:nope:]]', problem: 'invalid character class range' },
  { pattern: '\\p{Nope}', problem: 'unknown character class Nope' },
  { pattern: '\\y', problem: 'invalid escape sequence' },
  { pattern: 'a\\', problem: 'trailing backslash at end of expression' },
  { pattern: '(?P<a-b>b)', problem: 'invalid named capture' },
  { pattern: '(?x)a', problem: 'invalid or unsupported Perl syntax' },
  { pattern: '('.repeat(300), problem: 'expression nests too deeply' },
])('$pattern is refused as in Go: $problem', ({ pattern, problem }) => {
  expect(parseGoRegexp(pattern)).toMatchObject({ problem })
})

test('a repetition inside a repetition is told', () => {
  expect(parseGoRegexp('(a+)*b')).toMatchObject({ isRisky: true })
  expect(parseGoRegexp('(a+)(b*)?c{3}')).toMatchObject({ isRisky: false })
})

test('no text makes it throw, and what it takes can run', () => {
  const pattern = fc.array(fc.constantFrom(...Array.from('ab.*+?()[]{}|^$\\-,12:<>PQEdsWpi'), '(?', '[[:', ':]]', '\\x', '😀'), { maxLength: 12 })
  fc.assert(
    fc.property(pattern, (pieces) => {
      const parsed = parseGoRegexp(pieces.join(''))
      if ('regexp' in parsed) parsed.regexp.test('ab1.,')
      else expect(parsed.problem).not.toBe('not a regular expression')
    }),
    { numRuns: 3000 },
  )
})
