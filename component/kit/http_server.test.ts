import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { Agent, get, type IncomingMessage } from 'node:http'
import { get as getSecure } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { afterEach, describe, expect, it } from 'vitest'
import { FakeClock } from '../../test/fakes/clock.ts'
import { FakeHost, FakeLogger } from '../../test/fakes/settings.ts'
import { createAuthority } from '../../test/interop/certificates.ts'
import { HttpServer, type HttpServerConfig, type HttpServerSettings } from './http_server.ts'

const defaults: HttpServerConfig = {
  endpoint: '127.0.0.1:0',
  read_timeout: '0s',
  read_header_timeout: '1m',
  write_timeout: '30s',
  idle_timeout: '1m',
  keep_alives_enabled: true,
  response_headers: {},
}

const open: HttpServer[] = []
const abort = (): { signal: AbortSignal } => ({ signal: AbortSignal.abort() })

async function started(handle: HttpServerSettings['handle'], config: Partial<HttpServerConfig> = {}) {
  const clock = new FakeClock()
  const log = new FakeLogger()
  const host = new FakeHost()
  const server = new HttpServer({ ...defaults, ...config }, { clock, log, handle })
  open.push(server)
  await server.start(host)
  const [first] = server.addresses
  return { server, clock, log, host, port: first?.port ?? 0, url: `http://127.0.0.1:${first?.port}` }
}

afterEach(async () => {
  for (const server of open.splice(0)) await server.close(abort())
})

describe('HttpServer', () => {
  it('answers with the configured headers and tells the host where', async () => {
    const { url, host, port } = await started((_, response) => void response.end('hello'), { response_headers: { 'X-Frame-Options': 'DENY' } })
    const response = await fetch(url)
    expect(await response.text()).toBe('hello')
    expect(response.headers.get('x-frame-options')).toBe('DENY')
    expect(host.listeners).toEqual([{ configured: '127.0.0.1:0', host: '127.0.0.1', port }])
  })

  it('listens for localhost on both versions of IP with one port', async () => {
    const { server, port } = await started((_, response) => void response.end('hello'), { endpoint: 'localhost:0' })
    expect(server.addresses.length).toBeGreaterThan(0)
    for (const address of server.addresses) {
      expect(address.port).toBe(port)
      const url = address.host.includes(':') ? `http://[${address.host}]:${port}` : `http://${address.host}:${port}`
      expect(await (await fetch(url)).text()).toBe('hello')
    }
  })

  it('says which address is taken and what to do', async () => {
    const { port } = await started((_, response) => void response.end())
    await expect(started((_, response) => void response.end(), { endpoint: `127.0.0.1:${port}` })).rejects.toThrow(
      `cannot listen on tcp 127.0.0.1:${port}: address in use; stop the other listener or change endpoint`,
    )
  })

  it('answers 500 and logs when the handler fails', async () => {
    const { url, log } = await started(() => Promise.reject(new Error('boom')))
    const response = await fetch(url)
    expect(response.status).toBe(500)
    expect(log.lines).toEqual([{ level: 'error', fields: { error: 'boom', path: '/' }, message: 'request failed' }])
  })

  it('cuts a response that takes longer than write_timeout', async () => {
    const requested = Promise.withResolvers<void>()
    const { url, clock } = await started((_, response) => {
      response.write('begin')
      requested.resolve()
    })
    const response = fetch(url).then((answer) => answer.text())
    await requested.promise
    clock.advance(30_000)
    await expect(response).rejects.toThrow('terminated')
  })

  it('lets a running request end when it closes, and drops its kept connection', async () => {
    const requested = Promise.withResolvers<() => void>()
    const { server, url } = await started((_, response) => requested.resolve(() => void response.end('late')))
    const agent = new Agent({ keepAlive: true })
    const request = get(url, { agent })
    const answered = once(request, 'response') as Promise<[IncomingMessage]>
    const finish = await requested.promise
    const closed = server.close({ signal: new AbortController().signal })
    finish()
    const [response] = await answered
    expect((await response.toArray()).join('')).toBe('late')
    await closed
    agent.destroy()
    expect(server.addresses).toEqual([])
  })

  it('cuts what is open when the deadline passes', async () => {
    const requested = Promise.withResolvers<void>()
    const { server, url } = await started(() => requested.resolve())
    const failed = fetch(url).catch((error: Error) => error.message)
    await requested.promise
    const deadline = new AbortController()
    const closed = server.close({ signal: deadline.signal })
    deadline.abort()
    await closed
    expect(await failed).toContain('fetch failed')
  })

  describe('with TLS', () => {
    const hasOpenssl = spawnSync('openssl', ['version']).status === 0
    const tlsDefaults = { min_version: '1.2', max_version: '1.3', cipher_suites: [], curve_preferences: [], reload_interval: '1m' } as const

    it.skipIf(!hasOpenssl)('wants a client certificate when it has an authority for them, and takes new certificates from the files', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'http-server-'))
      try {
        const authority = createAuthority('openssl', folder)
        const [first, second, client] = ['first', 'second', 'client'].map((account) => authority.issue(account)) as [TlsFiles, TlsFiles, TlsFiles]
        const files = { cert_file: join(folder, 'server.pem'), key_file: join(folder, 'server.key'), client_ca_file: first.authority }
        const install = (from: TlsFiles): void => {
          copyFileSync(from.cert, files.cert_file)
          copyFileSync(from.key, files.key_file)
        }
        install(first)
        const { port, clock } = await started((_, response) => void response.end('secret'), { tls: { ...tlsDefaults, ...files } })
        expect(await identityOf(port, client)).toBe('URI:spiffe://cluster.local/ns/default/sa/first')
        await expect(identityOf(port, { authority: client.authority })).rejects.toThrow()
        install(second)
        clock.advance(60_000)
        expect(await identityOf(port, client)).toBe('URI:spiffe://cluster.local/ns/default/sa/second')
      } finally {
        rmSync(folder, { recursive: true })
      }
    })

    it('says which file is missing', async () => {
      const tls = { ...tlsDefaults, cert_file: '/nowhere/server.pem', key_file: '/nowhere/server.key' }
      await expect(started((_, response) => void response.end(), { tls })).rejects.toThrow('cannot read tls.cert_file /nowhere/server.pem: no such file')
    })
  })
})

type TlsFiles = ReturnType<ReturnType<typeof createAuthority>['issue']>

/** Asks for a page over TLS; resolves to the identity that the server showed. */
async function identityOf(port: number, files: Partial<TlsFiles> & Pick<TlsFiles, 'authority'>): Promise<string | undefined> {
  const pair = files.cert === undefined || files.key === undefined ? {} : { cert: readFileSync(files.cert), key: readFileSync(files.key) }
  const request = getSecure({ host: '127.0.0.1', port, agent: false, ca: readFileSync(files.authority), checkServerIdentity: () => undefined, ...pair })
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  const identity = (response.socket as TLSSocket).getPeerCertificate().subjectaltname
  await response.toArray()
  return identity
}
