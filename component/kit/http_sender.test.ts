import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { FakeOtlpHttpServer } from '../../test/fakes/otlp_server.ts'
import { fakeSettings } from '../../test/fakes/settings.ts'
import { createAuthority } from '../../test/interop/certificates.ts'
import { PermanentError, RefusedError } from '../consumer.ts'
import type { ClientAuthenticator, OutgoingRequest } from './auth.ts'
import { type HttpAnswer, HttpSender, type HttpSenderOptions, httpFailure } from './http_sender.ts'
import type { TlsClientConfig } from './tls_client.ts'

const TLS = { insecure: false, insecure_skip_verify: false, min_version: '1.2', max_version: '1.3', cipher_suites: [], reload_interval: '0s' }
const open: { stop(): void }[] = []
afterEach(() => {
  for (const thing of open.splice(0).toReversed()) thing.stop()
})

interface Given extends Partial<Omit<HttpSenderOptions, 'tls'>> {
  readonly tls?: object
  readonly shared?: unknown
}

function senderOf({ tls, shared, ...given }: Given = {}): HttpSender {
  const settings = { ...fakeSettings('exporter', 'some'), shared: () => shared }
  const fullTls = { ...TLS, include_system_ca_certs_pool: false, ...tls } as TlsClientConfig
  const sender = new HttpSender(settings, { headers: {}, compression: 'none', answerBytesMax: 100, ...given, tls: fullTls })
  sender.start()
  open.push({ stop: () => sender.close() })
  return sender
}

async function send(sender: HttpSender, url: string, signal = new AbortController().signal): Promise<HttpAnswer> {
  return await sender.send({ method: 'POST', url: new URL('/path', url), contentType: 'text/plain', body: Buffer.from('body'), signal })
}

async function server(...options: ConstructorParameters<typeof FakeOtlpHttpServer>): Promise<FakeOtlpHttpServer> {
  const started = await new FakeOtlpHttpServer(...options).start()
  open.push(started)
  return started
}

test('connections are kept, and of a long answer the beginning', async () => {
  const to = await server()
  to.answer = () => ({ code: 418, body: 'x'.repeat(1000) })
  const sender = senderOf({ headers: { 'X-Key': 'k' } })
  const answers = [await send(sender, to.url), await send(sender, to.url)]
  expect(answers.map(({ code, body }) => [code, body.length])).toEqual([
    [418, 100],
    [418, 100],
  ])
  expect(to.connections).toBe(1)
  expect(to.requests[0]?.headers).toMatchObject({ 'x-key': 'k', 'content-type': 'text/plain', 'user-agent': 'meshscope' })
})

test('an authenticator sees what is sent and adds its proof', async () => {
  const to = await server()
  const seen: OutgoingRequest[] = []
  const client: ClientAuthenticator = {
    headers: (request) => {
      seen.push(request)
      return { authorization: 'Signed' }
    },
  }
  await send(senderOf({ auth: { authenticator: 'sign' }, shared: { client }, compression: 'gzip' }), to.url)
  expect(to.requests[0]?.headers['authorization']).toBe('Signed')
  expect(seen[0]).toMatchObject({ method: 'POST', headers: { 'content-encoding': 'gzip' } })
})

test('what is refused for its proof is sent again with another proof, not more than twice', async () => {
  const to = await server()
  to.answer = () => ({ code: 403, body: 'expired' })
  let proofs = 0
  const told: string[] = []
  const authenticator: ClientAuthenticator = {
    headers: () => ({ authorization: `Proof ${++proofs}` }),
    refused: ({ url, code, body }) => told.push(`${url.pathname} ${code} ${Buffer.from(body).toString()}`) > 0,
  }
  const { code } = await send(senderOf({ authenticator }), to.url)
  expect([code, told]).toEqual([403, ['/path 403 expired', '/path 403 expired']])
  expect(to.requests.map(({ headers }) => headers['authorization'])).toEqual(['Proof 1', 'Proof 2', 'Proof 3'])
})

test('a connection that is cut is refused, one that was given up says why', async () => {
  const to = await server()
  to.answer = () => 'cut'
  await expect(send(senderOf(), to.url)).rejects.toBeInstanceOf(RefusedError)
  await expect(send(senderOf(), to.url, AbortSignal.abort(new Error('too late')))).rejects.toThrow('too late')
})

test('an answer is a failure for now or for ever', () => {
  const options = { retryable: new Set([503]), nowMs: Date.UTC(2026, 0, 1) }
  const answer = (code: number, headers: HttpAnswer['headers'] = {}): HttpAnswer => ({ code, headers, body: Buffer.from('why') })
  expect(httpFailure(answer(503, { 'retry-after': 'Thu, 01 Jan 2026 00:00:05 GMT' }), options)).toMatchObject({ message: 'HTTP 503: why', retryAfterMs: 5000 })
  expect(httpFailure(answer(400), options)).toBeInstanceOf(PermanentError)
  expect(httpFailure(answer(307, { location: 'https://b/' }), options).message).toContain('https://b/')
})

describe.skipIf(spawnSync('openssl', ['version']).status !== 0)('TLS (skipped without openssl)', () => {
  const folder = mkdtempSync(join(tmpdir(), 'http-sender-tls-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  const pair = createAuthority('openssl', folder).issue('server', 'backend')

  test('the server is known by its authority and its name', async () => {
    const to = await server({ cert: readFileSync(pair.cert), key: readFileSync(pair.key) })
    const good = { ca_file: pair.authority, server_name_override: 'backend' }
    expect((await send(senderOf({ tls: good }), to.url)).code).toBe(200)
    for (const wrong of [{ ...good, server_name_override: 'elsewhere' }, { server_name_override: 'backend' }])
      await expect(send(senderOf({ tls: wrong }), to.url)).rejects.toBeInstanceOf(RefusedError)
    expect(to.requests).toHaveLength(1)
  })
})
