import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { RefusedError } from '../../component/consumer.ts'
import type { RequestHeaders } from '../../component/kit/auth.ts'
import { until } from '../../test/fakes/service_run.ts'
import { type FakeSettings, fakeSettings } from '../../test/fakes/settings.ts'
import { type BasicAuthConfig, config } from './config.ts'
import { BasicAuth } from './extension.ts'

const folder = mkdtempSync(join(tmpdir(), 'basicauth-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
let files = 0
function fileWith(text: string): string {
  const path = join(folder, `file${++files}`)
  writeFileSync(path, text)
  return path
}

const open: BasicAuth[] = []
afterEach(() => {
  for (const one of open.splice(0)) one.shutdown()
})

async function started(parts: BasicAuthConfig, settings: FakeSettings = fakeSettings('extension', 'basicauth/x')): Promise<BasicAuth> {
  const extension = new BasicAuth(settings, parts)
  open.push(extension)
  await extension.start()
  return extension
}

const NO_FILES = { username: '', username_file: '', password: '', password_file: '' }
const server = (parts: { file?: string; inline?: string }): BasicAuthConfig => ({ htpasswd: { file: '', inline: '', ...parts } })
const client = (parts: Partial<typeof NO_FILES>): BasicAuthConfig => ({ client_auth: { ...NO_FILES, ...parts } })
const basic = (text: string): RequestHeaders => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` })
const authenticate = async (extension: BasicAuth, headers: RequestHeaders) => extension.shared.server?.authenticate(headers)
const sent = async (extension: BasicAuth) =>
  extension.shared.client?.headers({ method: 'POST', url: new URL('http://localhost/'), headers: {}, body: new Uint8Array(0) })

describe('a listener', () => {
  test('learns the user from the right password', async () => {
    const extension = await started(server({ file: fileWith('joe:$apr1$saltsalt$57M75mtJHnRrcuily51CO0\nann:old\n'), inline: 'ann:pa:ss' }))
    expect(await authenticate(extension, basic('joe:pa:ss wörd'))).toEqual({ username: 'joe' })
    expect(await authenticate(extension, { authorization: basic('ann:pa:ss')['authorization']?.toString().replace('Basic', 'bASIC') })).toEqual({
      username: 'ann',
    })
    await expect(authenticate(extension, basic('ann:old'))).rejects.toThrow('user or password is not valid')
  })

  test.for([
    { name: 'no header', headers: {} },
    { name: 'another scheme', headers: { authorization: 'Bearer abc' } },
    { name: 'no base64', headers: { authorization: 'Basic ***' } },
    { name: 'no colon', headers: basic('joe') },
    { name: 'an unknown user', headers: basic('eve:x') },
    { name: 'a wrong password', headers: basic('joe:y') },
  ])('gets a refusal for $name', async ({ headers }, { expect: check }) => {
    const extension = await started(server({ inline: 'joe:x' }))
    const error = await authenticate(extension, headers).catch((thrown: unknown) => thrown)
    check(error).toMatchObject({ name: 'UnauthenticatedError', challenge: expect.stringMatching(/^Basic realm=/) as string })
    check((error as Error).message).not.toContain('joe')
  })

  test('waits for no more than so many slow checks, and remembers their results', async () => {
    const bcrypt = '$2y$04$TnjywYklQbbZjdjBgBoA4.1aQ3jsbEWqlHcv1QoTeR0FYKwW.55HO'
    const extension = await started(server({ inline: `joe:${bcrypt}` }))
    expect(await authenticate(extension, basic('joe:abc123xyz'))).toEqual({ username: 'joe' })
    const wrong = Array.from({ length: 20 }, (_, i) => authenticate(extension, basic(`joe:wrong${i}`)))
    const known = authenticate(extension, basic('joe:abc123xyz'))
    const outcomes = await Promise.allSettled(wrong)
    const names = outcomes.map((outcome) => (outcome.status === 'rejected' ? (outcome.reason as Error).name : 'taken'))
    expect(names.filter((name) => name === 'UnauthenticatedError')).toHaveLength(8)
    expect(names.filter((name) => name === new RefusedError('').name)).toHaveLength(12)
    expect(await known).toEqual({ username: 'joe' })
  })

  test('follows its file, and keeps the users when it is no good', async () => {
    const file = fileWith('joe:one')
    const settings = fakeSettings('extension', 'basicauth/x')
    const extension = await started(server({ file }), settings)
    const loads = (outcome: string): number => settings.telemetry.value('meshscope_basicauth_file_loads', { outcome })
    writeFileSync(file, 'joe')
    await until('the bad file was looked at', () => loads('failure') === 1)
    expect(await authenticate(extension, basic('joe:one'))).toEqual({ username: 'joe' })
    writeFileSync(file, 'joe:two')
    await until('the good file was taken over', () => loads('success') === 2)
    expect(await authenticate(extension, basic('joe:two'))).toEqual({ username: 'joe' })
    await expect(authenticate(extension, basic('joe:one'))).rejects.toThrow('not valid')
  })

  test('is told what is wrong with its file at the start', async () => {
    await expect(started(server({ file: join(folder, 'missing') }))).rejects.toThrow(/cannot read htpasswd\.file .*missing: ENOENT/)
    await expect(started(server({ file: fileWith('joe:x\n\nann') }))).rejects.toThrow(/file\d+:3: no user; expected user:password/)
  })
})

describe('a client', () => {
  test('sends user and password', async () => {
    expect(await sent(await started(client({ username: 'jöe', password: 'a:b' })))).toEqual(basic('jöe:a:b'))
    expect(await sent(await started(client({ username_file: fileWith('joe\n'), password_file: fileWith('secret\n') })))).toEqual(basic('joe:secret'))
  })

  test('is told what is wrong with its files', async () => {
    await expect(started(client({ username_file: fileWith('\n') }))).rejects.toThrow('no usable user')
    await expect(started(client({ username: 'joe', password_file: join(folder, 'missing') }))).rejects.toThrow('cannot read client_auth.password_file')
  })
})

describe('a config', () => {
  test.for([
    { name: 'nothing', checked: {}, problems: ['no password'] },
    { name: 'both', checked: { ...server({ inline: 'a:b' }), ...client({ username: 'a' }) }, problems: ['given together with htpasswd'] },
    { name: 'an empty htpasswd', checked: server({}), problems: ['no password file'] },
    { name: 'a bad line', checked: server({ inline: 'a:b\nc' }), problems: ['no user in line 2'] },
    { name: 'no user', checked: client({ password: 'x' }), problems: ['no username'] },
    { name: 'a user with a colon', checked: client({ username: 'a:b' }), problems: ['has a colon'] },
    {
      name: 'values and files',
      checked: client({ username: 'a', username_file: '/a', password: 'b', password_file: '/b' }),
      problems: ['given together with username', 'given together with password'],
    },
    { name: 'a good server', checked: server({ inline: 'a:b' }), problems: [] },
    { name: 'a good client', checked: client({ username: 'a' }), problems: [] },
  ])('with $name', ({ checked, problems }, { expect: check }) => {
    check(config.check?.(checked).map(({ problem }) => problem)).toEqual(problems)
  })
})
