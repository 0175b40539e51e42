import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { RefusedError } from '../../component/consumer.ts'
import type { ClientAuthenticator, OutgoingRequest } from '../../component/kit/auth.ts'
import { OtlpExporter } from '../../component/kit/otlp_export/exporter.ts'
import { AttributeSet } from '../../model/attributes.ts'
import { newLogRecord } from '../../model/log_records.ts'
import { checkedConfig } from '../../test/fakes/checked_config.ts'
import { FakeOtlpHttpServer } from '../../test/fakes/otlp_server.ts'
import { FakeHost, type FakeSettings, fakeSettings } from '../../test/fakes/settings.ts'
import { createAuthority } from '../../test/interop/certificates.ts'
import { OtlpHttpClient } from './client.ts'
import { config, type OtlpHttpConfig } from './config.ts'

const LOGS = { groups: [{ resource: { attributes: AttributeSet.empty }, scope: { name: '', version: '' }, records: [newLogRecord({ body: 'one' })] }] }
const open: { stop(): void | Promise<void> }[] = []
afterEach(async () => {
  for (const thing of open.splice(0).toReversed()) await thing.stop()
})

async function exporterTo(endpoint: string, given: object, shared?: unknown): Promise<{ readonly exporter: OtlpExporter; readonly settings: FakeSettings }> {
  const settings = { ...fakeSettings('exporter', 'otlp_http'), shared: () => shared }
  const alone = { sending_queue: { enabled: false }, retry_on_failure: { enabled: false } }
  const checked = checkedConfig<OtlpHttpConfig>(config, { endpoint, ...alone, ...given })
  const exporter = new OtlpExporter(settings, checked, new OtlpHttpClient(settings, checked))
  open.push({ stop: () => exporter.shutdown({ signal: AbortSignal.abort() }) })
  await exporter.start(new FakeHost())
  return { exporter, settings }
}

describe.skipIf(spawnSync('openssl', ['version']).status !== 0)('TLS (skipped without openssl)', () => {
  const folder = mkdtempSync(join(tmpdir(), 'otlp-tls-'))
  const other = mkdtempSync(join(tmpdir(), 'otlp-tls-'))
  afterAll(() => [folder, other].forEach((path) => rmSync(path, { recursive: true, force: true })))
  const authority = createAuthority('openssl', folder)
  const server = authority.issue('server', 'collector')
  const client = authority.issue('client')
  const stranger = createAuthority('openssl', other).issue('client')

  async function tlsServer({ wantsCertificate }: { readonly wantsCertificate: boolean }): Promise<FakeOtlpHttpServer> {
    const pair = { cert: readFileSync(server.cert), key: readFileSync(server.key), ca: readFileSync(server.authority) }
    const started = await new FakeOtlpHttpServer({ ...pair, requestCert: wantsCertificate }).start()
    open.push(started)
    return started
  }

  test('the server is known by its authority and its name', async () => {
    const to = await tlsServer({ wantsCertificate: false })
    const tls = { ca_file: server.authority, server_name_override: 'collector' }
    const { exporter } = await exporterTo(to.url, { tls })
    await exporter.consumers.logs?.consume(LOGS)
    expect(to.requests).toHaveLength(1)
    for (const wrong of [{ ...tls, ca_file: stranger.authority }, { ...tls, server_name_override: 'elsewhere' }, { server_name_override: 'collector' }]) {
      const { exporter: refused } = await exporterTo(to.url, { tls: wrong })
      await expect(refused.consumers.logs?.consume(LOGS)).rejects.toBeInstanceOf(RefusedError)
    }
    expect(to.requests).toHaveLength(1)
    const { exporter: careless } = await exporterTo(to.url, { tls: { insecure_skip_verify: true } })
    await careless.consumers.logs?.consume(LOGS)
    expect(to.requests).toHaveLength(2)
  })

  test('a server that wants a certificate gets it, and the new one when the files have changed', async () => {
    const to = await tlsServer({ wantsCertificate: true })
    const files = { cert_file: join(folder, 'mine.pem'), key_file: join(folder, 'mine.key') }
    copyFileSync(stranger.cert, files.cert_file)
    copyFileSync(stranger.key, files.key_file)
    const tls = { ca_file: server.authority, server_name_override: 'collector', ...files }
    const { exporter, settings } = await exporterTo(to.url, { tls })
    await expect(exporter.consumers.logs?.consume(LOGS)).rejects.toBeInstanceOf(RefusedError)
    copyFileSync(client.cert, files.cert_file)
    copyFileSync(client.key, files.key_file)
    settings.clock.advance(60_000)
    await exporter.consumers.logs?.consume(LOGS)
    expect(to.requests).toHaveLength(1)
    expect(settings.log.lines.map(({ message }) => message)).toContain('certificates reloaded')
    await exporter.shutdown({ signal: AbortSignal.abort() })
    expect(settings.clock.pendingTimers).toBe(0)
  })

  test('a certificate that cannot be used is told at the start', async () => {
    const tls = { cert_file: client.cert, key_file: stranger.key }
    await expect(exporterTo('https://127.0.0.1:1', { tls })).rejects.toThrow('cannot use the certificates of tls')
    await expect(exporterTo('https://127.0.0.1:1', { tls: { ca_file: '/nowhere/ca.pem' } })).rejects.toThrow(
      'cannot read tls.ca_file /nowhere/ca.pem: no such file',
    )
  })
})

describe('an authenticator', () => {
  const authenticator = (client: ClientAuthenticator): object => ({ client })
  const settings = { auth: { authenticator: 'bearertokenauth' } }

  test('adds its proof to every request', async () => {
    const to = await new FakeOtlpHttpServer().start()
    open.push(to)
    let count = 0
    const proof = authenticator({ headers: () => ({ authorization: `Bearer ${++count}` }) })
    const { exporter } = await exporterTo(to.url, { ...settings, headers: { 'x-tenant': 'a' } }, proof)
    await exporter.consumers.logs?.consume(LOGS)
    await exporter.consumers.logs?.consume(LOGS)
    expect(to.requests.map(({ headers }) => [headers['authorization'], headers['x-tenant']])).toEqual([
      ['Bearer 1', 'a'],
      ['Bearer 2', 'a'],
    ])
  })

  test('without a proof at present is asked again with the request', async () => {
    const proof = authenticator({ headers: () => Promise.reject(new RefusedError('the token file is empty')) })
    const { exporter } = await exporterTo('https://127.0.0.1:1', settings, proof)
    await expect(exporter.consumers.logs?.consume(LOGS)).rejects.toMatchObject({ name: 'RefusedError', message: 'the token file is empty' })
  })

  test('sees the request that it signs as it goes over the wire', async () => {
    const to = await new FakeOtlpHttpServer().start()
    open.push(to)
    const seen: OutgoingRequest[] = []
    const proof = authenticator({
      signsRequests: true,
      headers: (request) => {
        seen.push(request)
        return { authorization: 'signed' }
      },
    })
    const { exporter } = await exporterTo(to.url, { ...settings, compression: 'gzip', headers: { 'X-Tenant': 'a' } }, proof)
    await exporter.consumers.logs?.consume(LOGS)
    const [request] = seen
    expect(request).toMatchObject({ method: 'POST', headers: { 'content-encoding': 'gzip', 'x-tenant': 'a', 'content-type': 'application/x-protobuf' } })
    expect(request?.url.href).toBe(`${to.url}/v1/logs`)
    expect(gunzipSync(request?.body ?? Buffer.alloc(0))).toEqual(to.requests[0]?.body)
    expect(to.requests[0]?.headers['authorization']).toBe('signed')
  })

  test('that is refused is sent again at once with another one, and later while there is none', async () => {
    const to = await new FakeOtlpHttpServer().start()
    open.push(to)
    to.answer = () => ({ code: 403 })
    let others = 1
    const proof = authenticator({ headers: () => ({ authorization: `Proof ${others}` }), refused: ({ code }) => code === 403 && others-- > 0 })
    const { exporter } = await exporterTo(to.url, settings, proof)
    await expect(exporter.consumers.logs?.consume(LOGS)).rejects.toMatchObject({ name: 'RefusedError', message: 'HTTP 403' })
    expect(to.requests.map(({ headers }) => headers['authorization'])).toEqual(['Proof 1', 'Proof 0'])
  })
})
