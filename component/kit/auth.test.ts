import { describe, expect, test } from 'vitest'
import { checkAuthUses, checkHeaderName, clientAuthenticatorOf, headerOf, serverAuthenticatorOf, useAuthenticator } from './auth.ts'

const server = { authenticate: () => ({}) }
const client = { headers: () => ({}) }
const SHARED: Readonly<Record<string, unknown>> = { both: { server, client }, server: { server }, storage: { open: () => {} } }
const settings = { shared: (id: string): unknown => SHARED[id] }

describe('the authenticator of a block', () => {
  test('is what the extension shares for that side', () => {
    expect(serverAuthenticatorOf(settings, { authenticator: 'both' })).toBe(server)
    expect(clientAuthenticatorOf(settings, { authenticator: 'both' })).toBe(client)
    expect(serverAuthenticatorOf(settings, undefined)).toBeUndefined()
    expect(clientAuthenticatorOf(settings, undefined)).toBeUndefined()
  })

  test('is missed with a sentence', () => {
    for (const authenticator of ['other', 'storage'])
      expect(() => serverAuthenticatorOf(settings, { authenticator })).toThrow(`auth.authenticator ${authenticator} is not an authenticator`)
    expect(() => clientAuthenticatorOf(settings, { authenticator: 'server' })).toThrow('auth.authenticator server has nothing to send')
  })
})

test('a block is a use of the extension it names', () => {
  expect(useAuthenticator(undefined, { side: 'client', path: ['auth'] })).toEqual([])
  expect(useAuthenticator({ authenticator: 'basicauth/x' }, { side: 'client', path: ['auth'] })).toEqual([
    { extension: 'basicauth/x', needs: { side: 'client' }, isOptional: false, named: { as: 'client_authenticator', path: ['auth', 'authenticator'] } },
  ])
})

test('a side that an extension is not configured for is a problem of those that use it', () => {
  const uses = (['server', 'client', 'server'] as const).map((side, i) => ({ address: `receivers.r${i}`, needs: { side } }))
  const problems = checkAuthUses(uses, { server: false, client: true, hints: { server: 'set htpasswd', client: '' } })
  expect(problems.map(({ use, problem, hint }) => [use, problem, hint])).toEqual([
    [0, 'its authenticator cannot check requests that come in', 'set htpasswd'],
    [2, 'its authenticator cannot check requests that come in', 'set htpasswd'],
  ])
})

test('a header is found under any case of its name, the first of several', () => {
  expect(headerOf({ authorization: ['a', 'b'] }, 'Authorization')).toBe('a')
  expect(headerOf({ 'x-key': 'a' }, 'x-key')).toBe('a')
  expect(headerOf({}, 'x-key')).toBeUndefined()
})

test.for([
  { name: 'X-Api_Key.1', count: 0 },
  { name: '', count: 1 },
  { name: 'X Key', count: 1 },
  { name: 'Schlüssel', count: 1 },
  { name: 'a:b', count: 1 },
])('$name is checked as the name of a header', ({ name, count }, { expect: check }) => {
  check(checkHeaderName(name, ['header'])).toHaveLength(count)
})
