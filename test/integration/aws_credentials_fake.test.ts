/** The official provider of credentials takes what the fakes give out. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { FakeContainerCredentials, FakeInstanceMetadata, FakeSecurityTokens } from '../fakes/aws_credentials.ts'
import { CredentialBook, EXAMPLE_KEY } from '../fakes/cloudwatch_logs/credential_book.ts'

const HOUR = 3_600_000
const ROLE = 'arn:aws:iam::123456789012:role/emf'
const folder = mkdtempSync(join(tmpdir(), 'aws-credentials-'))
const stops: (() => Promise<void> | void)[] = []

afterEach(async () => {
  vi.unstubAllEnvs()
  for (const stop of stops.splice(0)) await stop()
})

async function provided(env: Readonly<Record<string, string>>): Promise<{ readonly accessKeyId: string; readonly expiration?: Date }> {
  for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN', 'AWS_PROFILE']) vi.stubEnv(name, undefined)
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value)
  const { defaultProvider } = await import('@aws-sdk/credential-provider-node')
  return await defaultProvider({ clientConfig: { region: 'us-east-1' } })()
}

test('from the metadata service of an instance, which wants a session', async () => {
  const book = new CredentialBook()
  const fake = await new FakeInstanceMetadata({ book, ttlMs: HOUR }).listen()
  stops.push(() => fake.stop())
  const found = await provided(fake.env)
  expect(book.look(found.accessKeyId, 'token+of/1==')).toMatchObject({ secret: expect.any(String) })
  expect(fake.requests[0]).toBe('PUT /latest/api/token')
  expect((await fetch(`${fake.url}/latest/meta-data/placement/region`)).status).toBe(401)
})

test('from the agent of ECS', async () => {
  const book = new CredentialBook()
  const fake = await new FakeContainerCredentials({ book, ttlMs: HOUR }).listen()
  stops.push(() => fake.stop())
  expect(await provided(fake.env)).toMatchObject({ accessKeyId: 'ASIAEXAMPLE000000001', expiration: expect.any(Date) })
})

test('from the agent of EKS Pod Identity, with the token that its file has at that time', async () => {
  stops.push(() => rmSync(folder, { recursive: true, force: true }))
  const book = new CredentialBook()
  const tokenFile = join(folder, 'token')
  const fake = await new FakeContainerCredentials({ book, ttlMs: HOUR, tokenFile }).listen()
  stops.push(() => fake.stop())
  for (const token of ['first', 'second']) {
    writeFileSync(tokenFile, token)
    expect(await provided(fake.env)).toMatchObject({ accessKeyId: expect.stringMatching(/^ASIAEXAMPLE/) })
  }
  expect((await fetch(`${fake.url}/v1/credentials`, { headers: { authorization: 'first' } })).status).toBe(401)
})

test('from the security token service, with the token of a service account', async () => {
  const web = mkdtempSync(join(tmpdir(), 'aws-web-identity-'))
  stops.push(() => rmSync(web, { recursive: true }))
  const book = new CredentialBook()
  const fake = await new FakeSecurityTokens({ book, ttlMs: HOUR }).listen()
  stops.push(() => fake.stop())
  writeFileSync(join(web, 'token'), 'service-account')
  const env = { ...fake.env, AWS_ROLE_ARN: ROLE, AWS_WEB_IDENTITY_TOKEN_FILE: join(web, 'token') }
  await expect(provided(env)).rejects.toThrow('Token is not known')
  fake.webIdentities.add('service-account')
  expect(await provided(env)).toMatchObject({ accessKeyId: 'ASIAEXAMPLE000000001' })
  expect(fake.assumed).toEqual([{ action: 'AssumeRoleWithWebIdentity', role: ROLE, externalId: '' }])
})

test('from the security token service, for another role with keys that sign', async () => {
  const web = mkdtempSync(join(tmpdir(), 'aws-role-'))
  stops.push(() => rmSync(web, { recursive: true }))
  const book = new CredentialBook()
  const fake = await new FakeSecurityTokens({ book, ttlMs: HOUR }).listen()
  stops.push(() => fake.stop())
  const { accessKeyId, secretAccessKey } = EXAMPLE_KEY
  writeFileSync(
    join(web, 'config'),
    `[profile other]\nrole_arn = ${ROLE}\nsource_profile = own\nexternal_id = x\n[profile own]\naws_access_key_id = ${accessKeyId}\naws_secret_access_key = ${secretAccessKey}\n`,
  )
  expect(await provided({ ...fake.env, AWS_CONFIG_FILE: join(web, 'config'), AWS_PROFILE: 'other' })).toMatchObject({ accessKeyId: 'ASIAEXAMPLE000000001' })
  expect(fake.assumed).toEqual([{ action: 'AssumeRole', role: ROLE, externalId: 'x' }])
})

test('while a place is away nobody gets any', async () => {
  const fake = await new FakeContainerCredentials({ book: new CredentialBook(), ttlMs: HOUR }).listen()
  stops.push(() => fake.stop())
  fake.isAway = true
  await expect(provided(fake.env)).rejects.toThrow('Could not load credentials')
})
