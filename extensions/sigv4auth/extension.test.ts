import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, expect, test, vi } from 'vitest'
import { awsConnection } from '../../component/kit/aws/session.ts'
import { HttpSender } from '../../component/kit/http_sender.ts'
import { FakeSecurityTokens } from '../../test/fakes/aws_credentials.ts'
import { checkedConfig } from '../../test/fakes/checked_config.ts'
import { CredentialBook, EXAMPLE_KEY } from '../../test/fakes/cloudwatch_logs/credential_book.ts'
import { checkSignature } from '../../test/fakes/cloudwatch_logs/signature.ts'
import { type FakeSettings, fakeSettings } from '../../test/fakes/settings.ts'
import { config, type Sigv4AuthConfig } from './config.ts'
import { Sigv4Auth } from './extension.ts'
import { serviceOfHost } from './service_host.ts'

const HOUR_MS = 3_600_000
const folder = mkdtempSync(join(tmpdir(), 'sigv4-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const open: { stop(): void | Promise<void> }[] = []
beforeEach(() => {
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) vi.stubEnv(name, undefined)
  const env = { AWS_EC2_METADATA_DISABLED: 'true', AWS_ACCESS_KEY_ID: EXAMPLE_KEY.accessKeyId, AWS_SECRET_ACCESS_KEY: EXAMPLE_KEY.secretAccessKey }
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value)
})
afterEach(async () => {
  vi.unstubAllEnvs()
  for (const thing of open.splice(0).toReversed()) await thing.stop()
})

interface Service {
  readonly url: URL
  /** What each request was answered with: empty when its signature was good. */
  readonly verdicts: string[]
  skewMs: number
}

/** A service that takes requests that are signed for `xray` in `us-east-1`. */
async function service(settings: FakeSettings, book: CredentialBook): Promise<Service> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const nowMs = settings.clock.now() + found.skewMs
      const fault = checkSignature(signed(request, Buffer.concat(chunks)), { book, region: 'us-east-1', service: 'xray', nowMs })
      found.verdicts.push(fault?.type ?? '')
      response.writeHead(fault === undefined ? 200 : 403, { date: new Date(nowMs).toUTCString(), 'x-amzn-errortype': fault?.type ?? '' }).end()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  open.push({ stop: () => void server.close() })
  const found: Service = { url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/traces?a=1`), verdicts: [], skewMs: 0 }
  return found
}

function signed({ method = '', url = '', rawHeaders }: IncomingMessage, body: Buffer) {
  const headers = Array.from({ length: rawHeaders.length / 2 }, (_, i) => [rawHeaders[2 * i] as string, rawHeaders[2 * i + 1] as string] as const)
  return { method, url, headers, body }
}

function senderWith(settings: FakeSettings, given: object): HttpSender {
  const extension = new Sigv4Auth(settings, checkedConfig<Sigv4AuthConfig>(config, given))
  open.push({ stop: () => extension.shutdown() })
  const plain = { shared_credentials_file: [], no_verify_ssl: false, local_mode: false, request_timeout_seconds: 30, max_retries: 2, imds_retries: 1 }
  const sender = new HttpSender(
    { ...settings, shared: () => extension.shared },
    { ...awsConnection(plain), compression: 'gzip', auth: { authenticator: 'sigv4auth' }, answerBytesMax: 1000 },
  )
  sender.start()
  open.push({ stop: () => sender.close() })
  return sender
}

async function post(sender: HttpSender, url: URL): Promise<number> {
  const { code } = await sender.send({ method: 'POST', url, contentType: 'application/json', body: Buffer.from('{}'), signal: new AbortController().signal })
  return code
}

const XRAY = { region: 'us-east-1', service: 'xray' }

test('requests are signed as the service wants them', async () => {
  const settings = fakeSettings('extension', 'sigv4auth')
  const to = await service(settings, new CredentialBook())
  expect(await post(senderWith(settings, XRAY), to.url)).toBe(200)
  expect([to.verdicts, settings.telemetry.value('meshscope_sigv4auth_signed_requests')]).toEqual([[''], 1])
})

test('a clock that is wrong is corrected by that of the service', async () => {
  const settings = fakeSettings('extension', 'sigv4auth')
  const to = await service(settings, new CredentialBook())
  to.skewMs = -20 * 60_000
  const sender = senderWith(settings, XRAY)
  expect([await post(sender, to.url), await post(sender, to.url)]).toEqual([200, 200])
  expect([to.verdicts, settings.telemetry.value('meshscope_sigv4auth_refused_requests')]).toEqual([['InvalidSignatureException', '', ''], 1])
})

test('a role is assumed, and again when its keys have been revoked', async () => {
  const settings = fakeSettings('extension', 'sigv4auth')
  const book = new CredentialBook(() => settings.clock.now())
  const to = await service(settings, book)
  const sts = await new FakeSecurityTokens({ book, ttlMs: HOUR_MS, now: () => settings.clock.now() }).listen()
  open.push(sts)
  for (const [name, value] of Object.entries(sts.env)) vi.stubEnv(name, value)
  const arn = 'arn:aws:iam::210987654321:role/traces'
  const sender = senderWith(settings, { ...XRAY, assume_role: { arn, external_id: 'x', session_name: 'mesh' } })
  expect(await post(sender, to.url)).toBe(200)
  book.expireAll()
  expect(await post(sender, to.url)).toBe(200)
  expect(to.verdicts).toEqual(['', 'ExpiredTokenException', ''])
  expect(sts.assumed).toEqual(Array.from({ length: 2 }, () => ({ action: 'AssumeRole', role: arn, externalId: 'x' })))
})

test('a role is assumed by a web identity, with the token that the file has then', async () => {
  const settings = fakeSettings('extension', 'sigv4auth')
  const book = new CredentialBook(() => settings.clock.now())
  const to = await service(settings, book)
  const sts = await new FakeSecurityTokens({ book, ttlMs: HOUR_MS, now: () => settings.clock.now() }).listen()
  open.push(sts)
  for (const [name, value] of Object.entries(sts.env)) vi.stubEnv(name, value)
  vi.stubEnv('AWS_ACCESS_KEY_ID', undefined)
  const file = join(folder, 'token')
  writeFileSync(file, 'old\n')
  sts.webIdentities.add('new')
  const sender = senderWith(settings, { ...XRAY, assume_role: { arn: 'arn:aws:iam::210987654321:role/traces', web_identity_token_file: file } })
  await expect(post(sender, to.url)).rejects.toThrow('cannot assume role_arn arn:aws:iam::210987654321:role/traces: STS: InvalidIdentityToken')
  writeFileSync(file, 'new\n')
  expect(await post(sender, to.url)).toBe(200)
  expect(sts.assumed.map(({ action }) => action)).toEqual(['AssumeRoleWithWebIdentity'])
})

test.for([
  { given: { region: 'us-east-1' }, message: 'extensions.sigv4auth: 127.0.0.1 does not say which service it is; set service' },
  { given: { service: 'xray' }, message: 'no region; set region, or AWS_REGION' },
])('with $given alone nothing is sent to a host of any name', async ({ given, message }, { expect: check }) => {
  const settings = fakeSettings('extension', 'sigv4auth')
  const to = await service(settings, new CredentialBook())
  await check(post(senderWith(settings, given), to.url)).rejects.toThrow(message)
  check(to.verdicts).toEqual([])
})

test.for([
  { host: 'xray.eu-west-1.amazonaws.com', service: 'xray', region: 'eu-west-1' },
  { host: 'monitoring.eu-central-1.api.aws', service: 'monitoring', region: 'eu-central-1' },
  { host: 'logs.cn-north-1.amazonaws.com.cn', service: 'logs', region: 'cn-north-1' },
  { host: 'aps-workspaces.us-gov-west-1.amazonaws.com', service: 'aps', region: 'us-gov-west-1' },
  { host: 'search-mesh-abc.eu-west-1.es.amazonaws.com', service: 'es', region: 'eu-west-1' },
  { host: 'vpce-1-a.logs.eu-west-1.vpce.amazonaws.com', service: 'logs', region: 'eu-west-1' },
  { host: 'sts.amazonaws.com', service: undefined, region: undefined },
  { host: 'collector.internal', service: undefined, region: undefined },
])('$host is $service in $region', ({ host, service: name, region }, { expect: check }) => {
  const found = serviceOfHost(host)
  check([found.service, found.region]).toEqual([name, region])
})

test.for([
  { given: { region: 'Ireland' }, problem: 'not a region' },
  { given: { assume_role: { arn: 'traces' } }, problem: 'not the ARN of a role' },
  { given: { assume_role: { arn: 'arn:aws:iam::210987654321:role/x', sts_region: 'x' } }, problem: 'not a region' },
  {
    given: { assume_role: { arn: 'arn:aws:iam::210987654321:role/x', external_id: 'x', web_identity_token_file: '/token' } },
    problem: 'given together with web_identity_token_file',
  },
])('$given is $problem', ({ given, problem }, { expect: check }) => {
  check(config.check?.(given).map((found) => found.problem)).toEqual([problem])
})
