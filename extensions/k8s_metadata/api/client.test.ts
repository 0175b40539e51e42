import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { FakeClock } from '../../../test/fakes/clock.ts'
import { openAccess } from './access.ts'
import { ApiClient, type StreamRequest } from './client.ts'
import type { Access, TlsMaterial } from './credentials.ts'
import { ApiError } from './errors.ts'

const PODS = { group: '', version: 'v1', plural: 'pods', namespace: 'shop' }
const NO_TLS: TlsMaterial = { ca: undefined, cert: undefined, key: undefined, serverName: '', isUnverified: false }
const never = new AbortController().signal
const closers: (() => void)[] = []
const clock = new FakeClock()

afterEach(() => {
  for (const close of closers.splice(0)) close()
})

async function listen(
  server: Pick<Server, 'listen' | 'address' | 'once'> & { close(): unknown; closeAllConnections?: () => void },
  host = '127.0.0.1',
): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, host, resolve)
  })
  closers.push(() => {
    server.close()
    server.closeAllConnections?.()
  })
  return (server.address() as AddressInfo).port
}

async function serve(answer: RequestListener): Promise<string> {
  return `http://127.0.0.1:${await listen(createServer(answer))}`
}

function clientFor(server: string, access: Partial<Access> = {}): ApiClient {
  const client = new ApiClient({ ...openAccess({ authType: 'none', clock, server }), ...access }, { clock })
  closers.push(() => client.close())
  return client
}

async function read(client: ApiClient, more: Partial<StreamRequest> = {}): Promise<string> {
  let text = ''
  await client.stream({ verb: 'list', resource: PODS, query: {}, signal: never, idleMsMax: () => 30_000, ...more }, (chunk) => {
    text += chunk.toString()
  })
  return text
}

async function failure(promise: Promise<unknown>): Promise<ApiError> {
  const error = await promise.then(
    () => new Error('it succeeded'),
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(ApiError)
  return error as ApiError
}

describe('a request', () => {
  test('asks for compressed lists below the path of the server, and counts bytes as on the network', async () => {
    const body = 'x'.repeat(100_000)
    const packed = gzipSync(body)
    const asked: unknown[] = []
    const server = await serve((request, response) => {
      asked.push([request.url, request.headers['accept-encoding'], request.headers['user-agent']])
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(packed)
    })
    const client = clientFor(`${server}/k8s/clusters/c-1/`)
    let bytes = 0
    const onBytes = (count: number): void => {
      bytes += count
    }
    expect(await read(client, { query: { limit: '5', fieldSelector: 'spec.nodeName=a' }, onBytes })).toBe(body)
    expect(asked).toEqual([['/k8s/clusters/c-1/api/v1/namespaces/shop/pods?limit=5&fieldSelector=spec.nodeName%3Da', 'gzip', 'meshscope']])
    expect([bytes, client.bytesReceived]).toEqual([packed.length, packed.length])
  })

  test('gets a document', async () => {
    const server = await serve((request, response) => response.end(JSON.stringify({ path: request.url })))
    expect(await clientFor(server).get('/version', never)).toEqual({ path: '/version' })
  })

  test('keeps its connection for the next one', async () => {
    const ports = new Set<number | undefined>()
    const server = await serve((request, response) => {
      ports.add(request.socket.remotePort)
      response.end('{}')
    })
    const client = clientFor(server)
    await read(client)
    await new Promise((resolve) => setImmediate(resolve))
    await read(client)
    expect(ports.size).toBe(1)
  })

  const status = (code: number, more: object = {}): string => JSON.stringify({ kind: 'Status', code, message: `message ${code}`, ...more })
  test.for([
    {
      code: 401,
      body: status(401),
      kind: 'unauthorized',
      message: 'the API server does not accept the credentials for list of pods in namespace shop: message 401; expected a valid token or client certificate',
    },
    {
      code: 403,
      body: status(403),
      kind: 'forbidden',
      message: 'RBAC: missing list on pods in namespace shop: message 403; meshscope rbac prints the rights that the config needs',
    },
    { code: 404, body: '404 page not found\n', kind: 'not_found', message: 'the API server does not serve pods in namespace shop: 404 page not found' },
    {
      code: 410,
      body: status(410, { reason: 'Expired' }),
      kind: 'expired',
      message: 'list of pods in namespace shop failed with status 410 Expired: message 410',
    },
    { code: 422, body: status(422), kind: 'unsupported', message: 'list of pods in namespace shop failed with status 422: message 422' },
    { code: 429, body: status(429, { details: { retryAfterSeconds: 3 } }), kind: 'throttled', retryAfterMs: 3000 },
    { code: 429, body: status(429, { details: { retryAfterSeconds: 3 } }), header: '1', kind: 'throttled', retryAfterMs: 1000 },
    { code: 503, body: 'busy', header: 'Thu, 01 Jan 2026 00:00:20 GMT', kind: 'unavailable', retryAfterMs: 20_000 },
    { code: 503, body: '<html>', header: '86400', kind: 'unavailable', retryAfterMs: 300_000 },
    {
      code: 504,
      body: status(504, { details: { causes: [{ reason: 'ResourceVersionTooLarge' }], retryAfterSeconds: 1 } }),
      kind: 'version_too_large',
      retryAfterMs: 1000,
    },
    { code: 302, body: '', kind: 'unavailable', message: 'list of pods in namespace shop failed with status 302' },
  ])('answered with $code is an error of kind $kind', async ({ code, body, header, kind, message, retryAfterMs }) => {
    const server = await serve((_, response) => response.writeHead(code, header === undefined ? {} : { 'retry-after': header }).end(body))
    const error = await failure(read(clientFor(server)))
    expect([error.kind, error.retryAfterMs]).toEqual([kind, retryAfterMs])
    if (message !== undefined) expect(error.message).toBe(message)
  })

  test('that is refused is made once more with credentials that are read anew', async () => {
    const asked: unknown[] = []
    const server = await serve((request, response) => {
      asked.push(request.headers.authorization)
      response.writeHead(request.headers.authorization === 'Bearer new' ? 200 : 401).end('fine')
    })
    let token = 'old'
    const credentials = async () => ({ headers: { authorization: `Bearer ${token}` }, tls: NO_TLS })
    const client = clientFor(server, {
      credentials,
      expire: () => {
        token = 'new'
      },
    })
    expect(await read(client)).toBe('fine')
    expect(asked).toEqual(['Bearer old', 'Bearer new'])
  })

  test('without credentials is an error of kind access', async () => {
    const client = clientFor('http://127.0.0.1:1', { credentials: () => Promise.reject(new Error('token: no such file')) })
    expect(await failure(read(client))).toMatchObject({ kind: 'access', message: 'token: no such file' })
  })

  test('to nobody says what to look for', async () => {
    const port = await listen(createServer())
    for (const close of closers.splice(0)) close()
    const error = await failure(read(clientFor(`http://127.0.0.1:${port}`)))
    expect([error.kind, error.message]).toEqual([
      'connection',
      `cannot talk to the API server http://127.0.0.1:${port}: connection refused; is it running, and is the address right?`,
    ])
  })

  test('that is not answered is given up after 65 seconds', async () => {
    const asked = Promise.withResolvers<void>()
    const client = clientFor(await serve(() => asked.resolve()))
    const failed = failure(read(client))
    await asked.promise
    clock.advance(65_000)
    expect(await failed).toMatchObject({ kind: 'idle', message: expect.stringContaining('did not answer within 65 s') as string })
  })

  test('on whose answer nothing comes is given up', async () => {
    const client = clientFor(await serve((_, response) => response.writeHead(200).flushHeaders()))
    const open = Promise.withResolvers<void>()
    const failed = failure(read(client, { verb: 'watch', idleMsMax: () => 150_000, onOpen: open.resolve }))
    await open.promise
    clock.advance(149_999)
    expect(clock.pendingTimers).toBe(1)
    clock.advance(1)
    expect(await failed).toMatchObject({ kind: 'idle' })
    expect(clock.pendingTimers).toBe(0)
  })

  test.for([
    { name: 'a body that breaks off', headers: { 'content-length': '100' }, body: Buffer.from('short'), kind: 'connection' },
    { name: 'compressed data that breaks off', headers: { 'content-encoding': 'gzip' }, body: gzipSync('x'.repeat(1000)).subarray(0, 20), kind: 'malformed' },
    { name: 'bad compressed data', headers: { 'content-encoding': 'gzip' }, body: Buffer.from('not gzip at all'), kind: 'malformed' },
  ])('with $name is an error of kind $kind', async ({ headers, body, kind }) => {
    const server = await serve((request, response) => {
      response.writeHead(200, headers as Record<string, string>)
      if ('content-length' in headers) response.write(body, () => request.socket.destroy())
      else response.end(body)
    })
    expect((await failure(read(clientFor(server)))).kind).toBe(kind)
  })

  test('to something that speaks no HTTP fails', async () => {
    const port = await listen(createTcpServer((socket) => socket.end('SSH-2.0-OpenSSH_9.9\r\n')) as unknown as Server)
    expect(await failure(read(clientFor(`http://127.0.0.1:${port}`)))).toMatchObject({
      kind: 'connection',
      message: expect.stringContaining('does not speak HTTP') as string,
    })
  })

  test('that is aborted rejects with the reason, before, during and after the answer', async () => {
    const client = clientFor(await serve((request, response) => (request.url?.includes('body') === true ? response.write('x') : undefined)))
    const reason = new Error('stopped')
    await expect(read(client, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    const waiting = new AbortController()
    const unanswered = read(client, { signal: waiting.signal })
    setImmediate(() => waiting.abort(reason))
    await expect(unanswered).rejects.toBe(reason)
    const reading = new AbortController()
    await expect(read(client, { query: { body: '1' }, signal: reading.signal, onBytes: () => reading.abort(reason) })).rejects.toBe(reason)
    expect(clock.pendingTimers).toBe(0)
  })

  test('passes on what its reader throws', async () => {
    const client = clientFor(await serve((_, response) => response.end('x')))
    const request = { verb: 'list' as const, resource: PODS, query: {}, signal: never, idleMsMax: () => 1000 }
    const refuse = (): void => {
      throw new RangeError('enough')
    }
    await expect(client.stream(request, refuse)).rejects.toThrow(RangeError)
  })
})

describe.skipIf(spawnSync('openssl', ['version']).status !== 0)('TLS (skipped without openssl)', () => {
  let folder: string
  const pem = (name: string): string => readFileSync(join(folder, name), 'utf8')

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'client-tls-'))
    for (const authority of ['one', 'two']) {
      openssl('req', '-x509', ...NEW_KEY, '-keyout', `${authority}.key`, '-out', `${authority}.pem`, '-subj', `/CN=${authority}`, '-days', '1')
      writeFileSync(join(folder, 'names.ext'), 'subjectAltName=DNS:kubernetes,IP:127.0.0.1\n')
      for (const name of ['server', 'agent']) {
        openssl('req', ...NEW_KEY, '-keyout', `${authority}-${name}.key`, '-out', 'request.csr', '-subj', `/CN=${name}`)
        const signer = ['-CA', `${authority}.pem`, '-CAkey', `${authority}.key`, '-CAcreateserial', '-days', '1', '-extfile', 'names.ext']
        openssl('x509', '-req', '-in', 'request.csr', ...signer, '-out', `${authority}-${name}.pem`)
      }
    }
  })

  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

  function openssl(...args: readonly string[]): void {
    const { status, stderr, error } = spawnSync('openssl', args, { cwd: folder, encoding: 'utf8', timeout: 30_000 })
    if (status !== 0) throw new Error(`openssl ${args[0]} ended with ${status}: ${error?.message ?? stderr}`)
  }

  /** A server with a certificate of authority `one` that answers with the name in the client's certificate. */
  async function serveTls(): Promise<string> {
    const options = { cert: pem('one-server.pem'), key: pem('one-server.key'), ca: pem('one.pem'), requestCert: true, rejectUnauthorized: false }
    const server = createSecureServer(options, (request, response) => {
      const socket = request.socket as unknown as { authorized: boolean; getPeerCertificate(): { subject?: { CN?: string } } }
      response.end(`${socket.getPeerCertificate().subject?.CN ?? 'nobody'} ${socket.authorized}`)
    })
    return `https://127.0.0.1:${await listen(server)}`
  }

  function clientWith(server: string, tls: () => Partial<TlsMaterial>, expire = (): void => {}): ApiClient {
    return clientFor(server, { server, credentials: async () => ({ headers: {}, tls: { ...NO_TLS, ...tls() } }), expire })
  }

  test('shows the client certificate and checks the server by its authority', async () => {
    const server = await serveTls()
    const tls = { ca: pem('one.pem'), cert: pem('one-agent.pem'), key: pem('one-agent.key') }
    expect(await read(clientWith(server, () => tls))).toBe('agent true')
    expect(await read(clientWith(server, () => ({ ca: pem('one.pem'), serverName: 'kubernetes' })))).toBe('nobody false')
    expect(await read(clientWith(server, () => ({ isUnverified: true })))).toBe('nobody false')
  })

  test.for([
    { name: 'another authority', ca: 'two.pem', serverName: '', message: 'its certificate is not signed by the known authority' },
    { name: 'another name', ca: 'one.pem', serverName: 'elsewhere', message: 'its certificate is for another name; set tls-server-name' },
  ])('refuses a server of $name, and looks at the files again', async ({ ca, serverName, message }) => {
    let expired = 0
    const client = clientWith(
      await serveTls(),
      () => ({ ca: pem(ca), serverName }),
      () => {
        expired++
      },
    )
    expect(await failure(read(client))).toMatchObject({ kind: 'connection', message: expect.stringContaining(message) as string })
    expect(expired).toBe(1)
  })

  test('uses certificates that were replaced for the next request, and the old ones while the new do not fit together', async () => {
    const server = await serveTls()
    let tls: Partial<TlsMaterial> = { ca: pem('one.pem'), cert: pem('two-agent.pem'), key: pem('two-agent.key') }
    const client = clientWith(server, () => tls)
    expect(await read(client)).toBe('agent false')
    tls = { ...tls, cert: pem('one-agent.pem') }
    expect(await read(client)).toBe('agent false')
    tls = { ...tls, key: pem('one-agent.key') }
    expect(await read(client)).toBe('agent true')
  })

  test('says when certificate and key do not fit together', async () => {
    const tls = { cert: pem('one-agent.pem'), key: pem('two-agent.key') }
    const error = await failure(read(clientWith(await serveTls(), () => tls)))
    expect([error.kind, error.message]).toEqual(['access', expect.stringContaining('expected PEM certificates and an unencrypted key that fits') as string])
  })

  test('speaks to IPv6 addresses', async () => {
    const server = createSecureServer({ cert: pem('one-server.pem'), key: pem('one-server.key') }, (_, response) => response.end('six'))
    const url = `https://[::1]:${await listen(server, '::1')}`
    expect(await read(clientWith(url, () => ({ ca: pem('one.pem'), serverName: 'kubernetes' })))).toBe('six')
  })
})
