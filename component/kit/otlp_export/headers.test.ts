import { expect, test } from 'vitest'
import { checkHeaders } from './headers.ts'

test('usual headers, and binary metadata, are fine', () => {
  expect(checkHeaders({ 'X-Api-Key': 'a b~', authorization: 'Bearer x', empty: '', 'trace-bin': '\u0001ü' })).toEqual([])
})

test.for([
  { headers: { 'x y': 'SECRET' }, problem: 'not a header name', hint: undefined },
  { headers: { 'x-key': 'abc\n' }, problem: 'not a header value', hint: expect.stringContaining('line break') as string },
  { headers: { 'x-key': 'schlüssel' }, problem: 'not a header value', hint: undefined },
])('$headers has the problem: $problem', ({ headers, problem, hint }) => {
  const [found, ...others] = checkHeaders(headers)
  expect(others).toEqual([])
  expect(found).toMatchObject({ path: ['headers', Object.keys(headers)[0]], problem, ...(hint === undefined ? {} : { hint }) })
  expect(JSON.stringify(found)).not.toContain(Object.values(headers)[0])
})
