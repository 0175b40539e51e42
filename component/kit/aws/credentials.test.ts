import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest'
import { FakeContainerCredentials, FakeInstanceMetadata, FakeSecurityTokens } from '../../../test/fakes/aws_credentials.ts'
import { CredentialBook, EXAMPLE_KEY } from '../../../test/fakes/cloudwatch_logs/credential_book.ts'
import { type FakeSettings, fakeSettings } from '../../../test/fakes/settings.ts'
import type { CredentialSource } from './credentials.ts'
import { AwsSession } from './session.ts'
import type { AwsSessionConfig } from './session_schema.ts'

const HOUR_MS = 3_600_000
const folder = mkdtempSync(join(tmpdir(), 'aws-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const open: { stop(): void | Promise<void> }[] = []
afterEach(async () => {
  vi.unstubAllEnvs()
  for (const thing of open.splice(0).toReversed()) await thing.stop()
})

const CONFIG: AwsSessionConfig = {
  shared_credentials_file: [],
  no_verify_ssl: false,
  local_mode: false,
  request_timeout_seconds: 30,
  max_retries: 2,
  imds_retries: 1,
}

/** Nothing of the machine's own: the chain finds only what a test gives it. */
function environment(env: Readonly<Record<string, string>>): void {
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) vi.stubEnv(name, undefined)
  vi.stubEnv('HOME', folder)
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value)
}

async function listening<T extends { listen(): Promise<T>; stop(): Promise<void> }>(server: T): Promise<T> {
  open.push(server)
  return await server.listen()
}

function sourceOf(config: Partial<AwsSessionConfig> = {}, settings: FakeSettings = fakeSettings('exporter', 'awsemf')): CredentialSource {
  const session = new AwsSession(settings, { config: { ...CONFIG, ...config }, region: 'us-east-1', env: process.env })
  session.start()
  open.push({ stop: () => session.close() })
  return session.credentials
}

const OFF = { AWS_EC2_METADATA_DISABLED: 'true', AWS_CONFIG_FILE: '/dev/null', AWS_SHARED_CREDENTIALS_FILE: '/dev/null' }
const STATIC = { ...OFF, AWS_ACCESS_KEY_ID: EXAMPLE_KEY.accessKeyId, AWS_SECRET_ACCESS_KEY: EXAMPLE_KEY.secretAccessKey }

describe('credentials come from', () => {
  test('variables', async () => {
    environment(STATIC)
    expect(await sourceOf().get()).toMatchObject({ accessKeyId: EXAMPLE_KEY.accessKeyId, secretAccessKey: EXAMPLE_KEY.secretAccessKey })
  })

  test('a profile of the credentials file that the settings name', async () => {
    environment(OFF)
    const file = join(folder, 'credentials')
    writeFileSync(file, '[default]\naws_access_key_id=A\naws_secret_access_key=B\n[edge]\naws_access_key_id=C\naws_secret_access_key=D\n')
    expect(await sourceOf({ profile: 'edge', shared_credentials_file: [file] }).get()).toMatchObject({ accessKeyId: 'C', secretAccessKey: 'D' })
  })

  test('the instance, asked once as long as they are good', async () => {
    const book = new CredentialBook()
    const imds = await listening(new FakeInstanceMetadata({ book, ttlMs: HOUR_MS }))
    environment(imds.env)
    const source = sourceOf()
    const [first, second] = await Promise.all([source.get(), source.get()])
    expect(book.look(first.accessKeyId, first.sessionToken ?? '')).toHaveProperty('secret', first.secretAccessKey)
    expect([second.accessKeyId, (await source.get()).accessKeyId, book.issued]).toEqual([first.accessKeyId, first.accessKeyId, 1])
  })

  test('the agent of EKS Pod Identity, with the token that the file has at that time', async () => {
    const book = new CredentialBook()
    const tokenFile = join(folder, 'pod_token')
    writeFileSync(tokenFile, 'first')
    const agent = await listening(new FakeContainerCredentials({ book, ttlMs: HOUR_MS, tokenFile }))
    environment(agent.env)
    const source = sourceOf()
    const before = await source.get()
    writeFileSync(tokenFile, 'second')
    await source.refresh()
    const after = await source.get()
    expect(after.accessKeyId).not.toBe(before.accessKeyId)
    expect(book.issued).toBe(2)
  })

  test('a web identity', async () => {
    const book = new CredentialBook()
    const sts = await listening(new FakeSecurityTokens({ book, ttlMs: HOUR_MS }))
    sts.webIdentities.add('service-account')
    const tokenFile = join(folder, 'web_token')
    writeFileSync(tokenFile, 'service-account')
    environment({ ...sts.env, AWS_ROLE_ARN: 'arn:aws:iam::123456789012:role/mesh', AWS_WEB_IDENTITY_TOKEN_FILE: tokenFile, AWS_ROLE_SESSION_NAME: 'mesh' })
    const { accessKeyId, sessionToken } = await sourceOf().get()
    expect(book.look(accessKeyId, sessionToken ?? '')).toHaveProperty('secret')
    expect(sts.assumed).toEqual([{ action: 'AssumeRoleWithWebIdentity', role: 'arn:aws:iam::123456789012:role/mesh', externalId: '' }])
  })
})

test('without any, what to do is said', async () => {
  environment(OFF)
  await expect(sourceOf().get()).rejects.toThrow(/no AWS credentials: .*; give the pod, task or instance a role, or set AWS_ACCESS_KEY_ID/)
})

describe('a role', () => {
  const ROLE = { role_arn: 'arn:aws:iam::210987654321:role/metrics', external_id: 'partner/7' }

  async function role(book: CredentialBook, settings: FakeSettings): Promise<{ readonly source: CredentialSource; readonly sts: FakeSecurityTokens }> {
    const sts = await listening(new FakeSecurityTokens({ book, ttlMs: HOUR_MS, now: () => settings.clock.now() }))
    environment({ ...STATIC, ...sts.env })
    return { source: sourceOf(ROLE, settings), sts }
  }

  test('is assumed with the credentials that are found, once for many, and again before its own expire', async () => {
    const settings = fakeSettings('exporter', 'awsemf')
    const book = new CredentialBook(() => settings.clock.now())
    const { source, sts } = await role(book, settings)
    const [first] = await Promise.all([source.get(), source.get()])
    expect(sts.assumed).toEqual([{ action: 'AssumeRole', role: ROLE.role_arn, externalId: ROLE.external_id }])
    expect(book.look(first.accessKeyId, first.sessionToken ?? '')).toHaveProperty('secret', first.secretAccessKey)
    settings.clock.advance(HOUR_MS - 240_000)
    // What is still good is used while new ones are asked for.
    expect((await source.get()).accessKeyId).toBe(first.accessKeyId)
    await source.refresh()
    expect((await source.get()).accessKeyId).not.toBe(first.accessKeyId)
    expect(book.issued).toBe(2)
  })

  test('that STS does not give is said with its reason', async () => {
    const settings = fakeSettings('exporter', 'awsemf')
    const { source, sts } = await role(new CredentialBook(() => settings.clock.now()), settings)
    sts.isAway = true
    await expect(source.get()).rejects.toThrow(`cannot assume role_arn ${ROLE.role_arn}: STS: HTTP 503: away`)
  })
})
