import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import type { RequestHeaders } from '../../component/kit/auth.ts'
import { until } from '../../test/fakes/service_run.ts'
import { type FakeSettings, fakeSettings } from '../../test/fakes/settings.ts'
import { type BearerTokenAuthConfig, config } from './config.ts'
import { BearerTokenAuth } from './extension.ts'

const folder = mkdtempSync(join(tmpdir(), 'bearer-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const open: BearerTokenAuth[] = []
afterEach(() => {
  for (const one of open.splice(0)) one.shutdown()
})

const BASE: BearerTokenAuthConfig = { header: 'Authorization', scheme: 'Bearer', token: '', tokens: [], filename: '' }

async function started(
  parts: Partial<BearerTokenAuthConfig>,
  settings: FakeSettings = fakeSettings('extension', 'bearertokenauth/x'),
): Promise<BearerTokenAuth> {
  const extension = new BearerTokenAuth(settings, { ...BASE, ...parts })
  open.push(extension)
  await extension.start()
  return extension
}
const authenticate = async (extension: BearerTokenAuth, headers: RequestHeaders) => extension.shared.server?.authenticate(headers)
const sent = async (extension: BearerTokenAuth) =>
  extension.shared.client?.headers({ method: 'POST', url: new URL('http://localhost/'), headers: {}, body: new Uint8Array(0) })

describe('a listener', () => {
  test.for([
    { name: 'the token', parts: { token: 'abc' }, headers: { authorization: 'Bearer abc' } },
    { name: 'any of several tokens', parts: { tokens: ['abc', 'def'] }, headers: { authorization: ['Bearer def'] } },
    { name: 'another header and scheme', parts: { token: 'abc', header: 'X-Api-Key', scheme: 'Key' }, headers: { 'x-api-key': 'Key abc' } },
    { name: 'a token without scheme', parts: { token: 'abc', scheme: '' }, headers: { authorization: 'abc' } },
  ])('takes $name', async ({ parts, headers }, { expect: check }) => {
    check(await authenticate(await started(parts), headers)).toEqual({})
  })

  test.for([
    { name: 'no header', headers: {}, message: 'missing header authorization' },
    { name: 'another token', headers: { authorization: 'Bearer abd' }, message: 'the token in header authorization is not valid' },
    { name: 'another scheme', headers: { authorization: 'Basic abc' }, message: 'the token in header authorization is not valid' },
    { name: 'only a part', headers: { authorization: 'Bearer' }, message: 'the token in header authorization is not valid' },
  ])('refuses $name', async ({ headers, message }, { expect: check }) => {
    const error = await authenticate(await started({ token: 'abc' }), headers).catch((thrown: unknown) => thrown)
    check(error).toMatchObject({ name: 'UnauthenticatedError', message, challenge: 'Bearer' })
  })
})

test('a client sends the first token', async () => {
  expect(await sent(await started({ token: 'abc' }))).toEqual({ authorization: 'Bearer abc' })
  expect(await sent(await started({ tokens: ['abc', 'def'], header: 'X-Key', scheme: '' }))).toEqual({ 'x-key': 'abc' })
})

describe('a file', () => {
  test('wins over tokens of the config and is followed; one without tokens changes nothing', async () => {
    const filename = join(folder, 'tokens')
    writeFileSync(filename, '\none\n two \n')
    const settings = fakeSettings('extension', 'bearertokenauth/x')
    const extension = await started({ filename, token: 'ignored' }, settings)
    const loads = (outcome: string): number => settings.telemetry.value('meshscope_bearertokenauth_file_loads', { outcome })
    expect(await sent(extension)).toEqual({ authorization: 'Bearer one' })
    expect(await authenticate(extension, { authorization: 'Bearer two' })).toEqual({})
    await expect(authenticate(extension, { authorization: 'Bearer ignored' })).rejects.toThrow('not valid')
    writeFileSync(filename, '\n')
    await until('the empty file was looked at', () => loads('failure') === 1)
    expect(await sent(extension)).toEqual({ authorization: 'Bearer one' })
    writeFileSync(filename, 'three')
    await until('the new token was taken over', () => loads('success') === 2)
    expect(await sent(extension)).toEqual({ authorization: 'Bearer three' })
    await expect(authenticate(extension, { authorization: 'Bearer two' })).rejects.toThrow('not valid')
  })

  test('that cannot be used is told at the start', async () => {
    await expect(started({ filename: join(folder, 'missing') })).rejects.toThrow(/cannot read filename .*missing: ENOENT/)
    const filename = join(folder, 'empty')
    writeFileSync(filename, '\n')
    await expect(started({ filename })).rejects.toThrow('has no token')
  })
})

test.for([
  { parts: {}, problems: ['no token'] },
  { parts: { token: 'a', tokens: ['b'] }, problems: ['given together with token'] },
  { parts: { token: 'a', header: 'X Key' }, problems: ['not a header name'] },
  { parts: { token: 'a', filename: '/tokens' }, problems: [] },
])('a config with $parts has problems $problems', ({ parts, problems }, { expect: check }) => {
  check(config.check?.({ ...BASE, ...parts }).map(({ problem }) => problem)).toEqual(problems)
})
