import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { WireFields } from '../../lib/protobuf/wire_fields.ts'
import { AttributeBuffer, AttributeTag } from './attribute_buffer.ts'
import { FullUrl } from './full_url.ts'
import { Redaction, type RedactionOptions } from './redaction.ts'

const VALUES: RedactionOptions = { query: 'values', queryAllowed: [], headers: [], headersAllowed: [] }

interface Request {
  readonly scheme?: string
  readonly host?: string
  readonly path?: string
}

/** The attribute of a client's request; undefined when there is none. */
function urlOf({ scheme = 'https', host = 'shop.example', path = '/' }: Request, options: RedactionOptions = VALUES, isWanted = true): string | undefined {
  const url = new FullUrl(new Redaction(options))
  const [schemeBytes, hostBytes, pathBytes] = [scheme, host, path].map((text) => Buffer.from(text)) as [Buffer, Buffer, Buffer]
  // A request before it must leave nothing behind.
  const bytes = new Uint8Array(Buffer.concat([Buffer.from('httpold/old?a=b'), schemeBytes, hostBytes, pathBytes]))
  url.begin(true)
  url.scheme(0, 4)
  url.host(4, 7)
  url.path(7, 15)
  url.write(bytes, new AttributeBuffer(AttributeTag.map))
  const hostAt = 15 + schemeBytes.length
  const pathAt = hostAt + hostBytes.length
  url.begin(isWanted)
  if (scheme !== '') url.scheme(15, hostAt)
  if (host !== '') url.host(hostAt, pathAt)
  if (path !== '') url.path(pathAt, bytes.length)
  const out = new AttributeBuffer(AttributeTag.map)
  url.write(bytes, out)
  const fields = new WireFields(out.slice())
  if (!fields.next()) return undefined
  const keyValue = fields.message()
  expect([keyValue.next(), keyValue.text()]).toEqual([true, 'url.full'])
  keyValue.next()
  const value = keyValue.message()
  value.next()
  return value.text()
}

describe('the full URL', () => {
  test.for<{ name: string; request: Request; options?: Partial<RedactionOptions>; url: string }>([
    { name: 'scheme, host and path', request: { path: '/reviews/0' }, url: 'https://shop.example/reviews/0' },
    { name: 'a port', request: { scheme: 'http', host: 'shop:8080' }, url: 'http://shop:8080/' },
    { name: 'IPv6', request: { host: '[fd00::1]:443' }, url: 'https://[fd00::1]:443/' },
    { name: 'a query without its values', request: { path: '/a?token=t&x' }, url: 'https://shop.example/a?token=REDACTED&REDACTED' },
    {
      name: 'allowed parameters',
      request: { path: '/a?token=t&page=2' },
      options: { queryAllowed: ['page'] },
      url: 'https://shop.example/a?token=REDACTED&page=2',
    },
    { name: 'no query', request: { path: '/a?token=t' }, options: { query: 'whole' }, url: 'https://shop.example/a' },
    { name: 'a query as it is', request: { path: '/a?token=t' }, options: { query: 'none' }, url: 'https://shop.example/a?token=t' },
    { name: 'no empty query', request: { path: '/a?' }, url: 'https://shop.example/a' },
    { name: 'no user information', request: { host: 'me:secret@shop' }, url: 'https://REDACTED@shop/' },
    { name: 'no fragment', request: { path: '/a#secret' }, url: 'https://shop.example/a' },
    { name: 'no fragment behind a query', request: { path: '/a?b=c#secret' }, options: { query: 'none' }, url: 'https://shop.example/a?b=c' },
    { name: 'a long path', request: { path: `/${'é'.repeat(3000)}?t=1` }, url: `https://shop.example/${'é'.repeat(3000)}?t=REDACTED` },
    { name: 'a long query', request: { path: `/?${'t=1&'.repeat(1000)}` }, url: `https://shop.example/?${'t=REDACTED&'.repeat(1000)}` },
  ])('has $name', ({ request, options, url }) => {
    expect(urlOf(request, { ...VALUES, ...options })).toBe(url)
  })

  test.for<{ name: string; request: Request; isWanted?: boolean }>([
    { name: 'a scheme', request: { scheme: '' } },
    { name: 'a host', request: { host: '' } },
    { name: 'a path', request: { path: '' } },
    { name: 'a target that is a path', request: { path: '*' } },
    { name: 'a client', request: {}, isWanted: false },
  ])('is not made without $name', ({ request, isWanted }) => {
    expect(urlOf(request, VALUES, isWanted)).toBeUndefined()
  })

  test('is the same, whether it is put together from bytes or from text', () => {
    const piece = fc.string({ unit: fc.constantFrom('a', '=', '&', '?', '#', '@', '/', ':', 'é'), maxLength: 12 })
    const options = fc.constantFrom<RedactionOptions>(VALUES, { ...VALUES, query: 'none' }, { ...VALUES, query: 'whole' })
    fc.assert(
      fc.property(piece, piece, options, (host, path, redaction) => {
        const expected = new Redaction(redaction).urlText(`http://h${host}/${path}`)
        return urlOf({ scheme: 'http', host: `h${host}`, path: `/${path}` }, redaction) === expected
      }),
    )
  })
})
