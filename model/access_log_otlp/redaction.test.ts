import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { QUERY_BYTES_MAX, REDACTED_QUERY_BYTES_MAX, Redaction, redactQuery } from './redaction.ts'

const plain = { query: 'values', queryAllowed: [], headers: ['*'], headersAllowed: ['content-*'] } as const

test.for([
  { name: 'values', given: 'user=jane&token=abc', shown: 'user=REDACTED&token=REDACTED' },
  { name: 'parameters without a name, which may be values', given: 'eyJhbGciOi', shown: 'REDACTED' },
  { name: 'nothing of empty values', given: 'a=&b=&&c', shown: 'a=&b=&&REDACTED' },
  { name: 'all behind the first =', given: 'a=b=c', shown: 'a=REDACTED' },
])('redacts $name of a query', ({ given, shown }) => {
  expect(new Redaction(plain).queryText(given)).toBe(shown)
})

test('shows the values of allowed parameters, whose names may be encoded', () => {
  const redaction = new Redaction({ ...plain, queryAllowed: ['page', 'sort*', 'a b'] })
  expect(redaction.queryText('page=2&sort_by=x&a%20b=1&id=7&%zz=1')).toBe('page=2&sort_by=x&a%20b=1&id=REDACTED&%zz=REDACTED')
})

test.for([
  { query: 'values', shown: '/a?b=REDACTED' },
  { query: 'whole', shown: '/a' },
  { query: 'none', shown: '/a?b=c' },
] as const)('treats the query of a path with query: $query', ({ query, shown }) => {
  expect(new Redaction({ ...plain, query }).urlText('/a?b=c')).toBe(shown)
})

test('leaves user information and fragments out of URLs', () => {
  expect(new Redaction(plain).urlText('https://jane:secret@shop.example/x?y=z#access_token=1')).toBe('https://REDACTED@shop.example/x?y=REDACTED')
})

test('shows allowed headers, redacts others and leaves out those that are not wanted', () => {
  const redaction = new Redaction({ ...plain, headers: ['content-*', 'x-*', 'authorization'] })
  expect(['content-type', 'authorization', 'x-user', 'cookie', ':path'].map((name) => redaction.header(name))).toEqual([
    'shown',
    'redacted',
    'redacted',
    'left_out',
    'left_out',
  ])
})

test('redacts bytes as it redacts text, and within the bound', () => {
  const out = new Uint8Array(REDACTED_QUERY_BYTES_MAX)
  const query = fc.string({ unit: fc.constantFrom('a', 'b', '=', '&', '%', '?', 'é'), maxLength: 60 })
  fc.assert(
    fc.property(query, (text) => {
      const bytes = Buffer.from(`/?${text}`)
      const length = redactQuery(bytes, 2, bytes.length, out)
      expect(Buffer.from(out.subarray(0, length)).toString()).toBe(new Redaction(plain).queryText(text))
    }),
  )
  for (const worst of ['a&', 'a', '=a&', '&']) {
    const bytes = Buffer.from(worst.repeat(QUERY_BYTES_MAX).slice(0, QUERY_BYTES_MAX))
    expect(redactQuery(bytes, 0, bytes.length, out)).toBeLessThanOrEqual(out.length)
  }
})
