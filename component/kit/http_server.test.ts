import { once } from 'node:events'
import { Agent, get, type IncomingMessage } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { FakeClock } from '../../test/fakes/clock.ts'
import { FakeHost, FakeLogger } from '../../test/fakes/settings.ts'
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
})
