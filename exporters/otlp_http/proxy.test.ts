import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { RefusedError } from '../../component/consumer.ts'
import { OtlpExporter } from '../../component/kit/otlp_export/exporter.ts'
import { AttributeSet } from '../../model/attributes.ts'
import { newLogRecord } from '../../model/log_records.ts'
import { checkedConfig } from '../../test/fakes/checked_config.ts'
import { ConnectProxy, type TunnelAnswer } from '../../test/fakes/connect_proxy.ts'
import { FakeOtlpHttpServer } from '../../test/fakes/otlp_server.ts'
import { FakeHost, fakeSettings } from '../../test/fakes/settings.ts'
import { createAuthority } from '../../test/interop/certificates.ts'
import { OtlpHttpClient } from './client.ts'
import { config, type OtlpHttpConfig } from './config.ts'

const LOGS = { groups: [{ resource: { attributes: AttributeSet.empty }, scope: { name: '', version: '' }, records: [newLogRecord({ body: 'one' })] }] }
const open: { stop(): void | Promise<void> }[] = []
afterEach(async () => {
  for (const thing of open.splice(0).toReversed()) await thing.stop()
})

describe.skipIf(spawnSync('openssl', ['version']).status !== 0)('https through a proxy (skipped without openssl)', () => {
  const folder = mkdtempSync(join(tmpdir(), 'otlp-proxy-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  const authority = createAuthority('openssl', folder)
  const server = authority.issue('server', 'collector')
  const client = authority.issue('client')
  const pair = { cert: readFileSync(server.cert), key: readFileSync(server.key), ca: readFileSync(server.authority) }

  async function collector(options: { readonly requestCert?: boolean } = {}): Promise<FakeOtlpHttpServer> {
    const started = await new FakeOtlpHttpServer({ ...pair, ...options }).start()
    open.push(started)
    return started
  }

  async function proxy(...options: ConstructorParameters<typeof ConnectProxy>): Promise<ConnectProxy> {
    const started = await new ConnectProxy(...options).start()
    open.push(started)
    return started
  }

  async function exporterTo(endpoint: string, proxyUrl: string, given: { readonly tls?: object; readonly timeout?: string } = {}): Promise<OtlpExporter> {
    const settings = fakeSettings('exporter', 'otlp_http')
    const tls = { ca_file: server.authority, server_name_override: 'collector', ...given.tls }
    const alone = { sending_queue: { enabled: false }, retry_on_failure: { enabled: false } }
    const checked = checkedConfig<OtlpHttpConfig>(config, { endpoint, proxy_url: proxyUrl, ...alone, ...given, tls })
    const exporter = new OtlpExporter(settings, checked, new OtlpHttpClient(settings, checked))
    await exporter.start(new FakeHost())
    open.push({ stop: () => exporter.shutdown({ signal: AbortSignal.abort() }) })
    return exporter
  }

  test('goes through a tunnel that is kept, and the server is known by its certificate', async () => {
    const [to, through] = [await collector(), await proxy()]
    const exporter = await exporterTo(to.url, through.url())
    await exporter.consumers.logs?.consume(LOGS)
    await exporter.consumers.logs?.consume(LOGS)
    expect(to.requests.map(({ path }) => path)).toEqual(['/v1/logs', '/v1/logs'])
    expect(through.asked).toEqual([{ target: new URL(to.url).host, authorization: undefined }])
    const stranger = await exporterTo(to.url, through.url(), { tls: { server_name_override: 'elsewhere' } })
    await expect(stranger.consumers.logs?.consume(LOGS)).rejects.toBeInstanceOf(RefusedError)
    expect(to.requests).toHaveLength(2)
  })

  test('shows the proxy who asks, and the server only its own proof', async () => {
    const [to, through] = [await collector({ requestCert: true }), await proxy()]
    const exporter = await exporterTo(to.url, through.url('mesh:s%40cret'), { tls: { cert_file: client.cert, key_file: client.key } })
    await exporter.consumers.logs?.consume(LOGS)
    expect(through.asked[0]?.authorization).toBe(`Basic ${Buffer.from('mesh:s@cret').toString('base64')}`)
    expect(to.requests[0]?.headers).not.toHaveProperty('proxy-authorization')
  })

  test.for<{ name: string; answer: TunnelAnswer; says: RegExp }>([
    { name: 'wants to know who asks', answer: { code: 407, reason: 'Proxy Authentication Required' }, says: /407/ },
    { name: 'cannot reach the server', answer: { code: 502, reason: 'Bad Gateway' }, says: /502/ },
    { name: 'cuts the connection', answer: 'cut', says: /127\.0\.0\.1/ },
  ])('is tried again later when the proxy $name', async ({ answer, says }, { expect: check }) => {
    const [to, through] = [await collector(), await proxy()]
    const exporter = await exporterTo(to.url, through.url('mesh:secret'))
    through.answer = () => answer
    const failure = await exporter.consumers.logs?.consume(LOGS)?.then(
      () => undefined,
      (error: unknown) => error as Error,
    )
    check(failure).toBeInstanceOf(RefusedError)
    check(failure?.message).toMatch(says)
    check(failure?.message).not.toContain('secret')
    check(to.requests).toEqual([])
    through.answer = () => 'open'
    await exporter.consumers.logs?.consume(LOGS)
    check(to.requests).toHaveLength(1)
  })

  test('waits for a proxy that does not answer as long as for a server', async () => {
    const [to, through] = [await collector(), await proxy()]
    through.answer = () => 'never'
    const settings = fakeSettings('exporter', 'otlp_http')
    const tls = { ca_file: server.authority, server_name_override: 'collector' }
    const alone = { sending_queue: { enabled: false }, retry_on_failure: { enabled: false } }
    const checked = checkedConfig<OtlpHttpConfig>(config, { endpoint: to.url, proxy_url: through.url(), tls, ...alone })
    const sender = new OtlpHttpClient(settings, checked)
    sender.start()
    open.push({ stop: () => sender.close() })
    const abort = new AbortController()
    const asked = through.nextAsked()
    const sent = sender.send({ signal: 'logs', bytes: new Uint8Array(0), items: 0 }, { signal: abort.signal })
    await asked
    abort.abort(new Error('time is up'))
    await expect(sent).rejects.toThrow('time is up')
  })

  test('says so when nobody listens where the proxy is to be', async () => {
    const exporter = await exporterTo('https://127.0.0.1:1', 'http://127.0.0.1:2')
    await expect(exporter.consumers.logs?.consume(LOGS)).rejects.toThrow(/proxy|127\.0\.0\.1:2/)
  })
})
