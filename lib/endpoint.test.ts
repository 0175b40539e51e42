import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { endpointsConflict, parseEndpoint } from './endpoint.ts'

describe('parseEndpoint', () => {
  test.for([
    { text: 'localhost:4317', expected: { host: 'localhost', port: 4317 } },
    { text: ':0', expected: { host: '', port: 0 } },
    { text: '[::1]:65535', expected: { host: '::1', port: 65_535 } },
    { text: '[fe80::1%eth0]:1', expected: { host: 'fe80::1%eth0', port: 1 } },
    { text: 'my-host.example.org:80', expected: { host: 'my-host.example.org', port: 80 } },
  ])('takes $text apart', ({ text, expected }) => {
    expect(parseEndpoint(text)).toEqual(expected)
  })

  test.for([
    '',
    'localhost',
    '4317',
    'localhost:',
    'localhost:65536',
    'localhost:-1',
    '::1:80',
    '[localhost]:80',
    '[]:80',
    'a b:80',
    'http://a:80',
    'a:80/x',
    '-:1',
    'a:http',
  ])('refuses "%s"', (text) => {
    expect(parseEndpoint(text)).toBeUndefined()
  })

  test('never throws on any text', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const endpoint = parseEndpoint(text)
        expect(endpoint === undefined || endpoint.port <= 65_535).toBe(true)
      }),
    )
  })
})

describe('endpointsConflict', () => {
  test.for([
    { a: 'localhost:1', b: 'localhost:1', expected: true },
    { a: 'localhost:1', b: '127.0.0.1:1', expected: true },
    { a: 'localhost:1', b: '[::1]:1', expected: true },
    { a: 'localhost:1', b: '[0:0:0:0:0:0:0:1]:1', expected: true },
    { a: '127.0.0.1:1', b: '[::1]:1', expected: false },
    { a: '10.0.0.1:1', b: '0.0.0.0:1', expected: true },
    { a: '10.0.0.1:1', b: ':1', expected: true },
    { a: '10.0.0.1:1', b: '[::]:1', expected: true },
    { a: 'localhost:1', b: 'localhost:2', expected: false },
    { a: 'localhost:0', b: 'localhost:0', expected: false },
    { a: 'Host:1', b: 'host:1', expected: true },
  ])('of $a and $b is $expected', ({ a, b, expected }) => {
    const left = parseEndpoint(a)
    const right = parseEndpoint(b)
    expect(left !== undefined && right !== undefined && endpointsConflict(left, right)).toBe(expected)
    expect(left !== undefined && right !== undefined && endpointsConflict(right, left)).toBe(expected)
  })
})
