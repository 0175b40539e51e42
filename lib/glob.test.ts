import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { globPattern } from './glob.ts'

test.for<{ readonly glob: string; readonly yes: readonly string[]; readonly no: readonly string[] }>([
  { glob: '/user/*/list/*', yes: ['/user/1/list/2', '/user/a/b/list/'], no: ['/user/1', 'x/user/1/list/2'] },
  { glob: 'a?c', yes: ['abc'], no: ['ac'] },
  { glob: '{cat,dog}s', yes: ['cats', 'dogs'], no: ['cat,dogs'] },
  { glob: '[a-c]x[!0-9]', yes: ['bxa'], no: ['bx1', 'dxa'] },
  { glob: 'a.b\\*', yes: ['a.b*'], no: ['axb*', 'a.bc'] },
])('matches the glob $glob', ({ glob, yes, no }) => {
  const pattern = globPattern(glob)
  expect([...yes, ...no].filter((text) => pattern.test(text))).toEqual(yes)
})

test('throws nothing but a SyntaxError, on any glob', () => {
  const piece = fc.constantFrom('*', '?', '[', ']', '{', '}', ',', '\\', '!', '-', 'a', 'é', '😀')
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.array(piece).map((parts) => parts.join('')),
      ),
      (glob) => {
        try {
          return globPattern(glob).test('') !== undefined
        } catch (error) {
          return error instanceof SyntaxError
        }
      },
    ),
  )
})
