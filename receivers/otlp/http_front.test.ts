import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request as plainRequest } from 'node:http'
import { request as secureRequest } from 'node:https'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { UnauthenticatedError } from '../../component/kit/auth.ts'
import { decodeExportResponse, encodeStatus } from '../../model/otlp/responses.ts'
import { OtlpIngestRun, type Reply } from '../../test/fakes/otlp_ingest.ts'
import { until } from '../../test/fakes/service_run.ts'
import { createAuthority } from '../../test/interop/certificates.ts'
import type { FaultKind } from './messages.ts'

const folder = mkdtempSync(join(tmpdir(), 'otlp-http-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const open: { close(): unknown }[] = []
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.close()
})

const BODY = Buffer.from('{"not":"looked at here"}')
const PROTO = { 'content-type': 'application/x-protobuf' }
const JSON_TYPE = { 'content-type': 'application/json' }

async function started(http: object = {}, options: { reply?: Reply; shared?: (id: string) => unknown; pending?: object } = {}) {
  const { pending, ...rest } = options
  const run = await new OtlpIngestRun(
    { protocols: { http: { endpoint: '127.0.0.1:0', ...http } }, ...(pending === undefined ? {} : { pending }) },
    rest,
  ).start()
  open.push({ close: () => run.stop() })
  return { run, port: run.port('http'), url: `http://127.0.0.1:${run.port('http')}` }
}

const post = (url: string, headers: Record<string, string> = PROTO, body: Uint8Array<ArrayBuffer> | Buffer<ArrayBuffer> = BODY): Promise<Response> =>
  fetch(url, { method: 'POST', headers, body, signal: AbortSignal.timeout(10_000) })

/** A connection on which a test writes by hand, and what came back on it. */
async function socketTo(port: number): Promise<{ readonly socket: Socket; readonly text: () => string }> {
  const socket = connect(port, '127.0.0.1')
  let text = ''
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1')
  })
  socket.on('error', () => {})
  open.push({ close: () => socket.destroy() })
  await new Promise<void>((resolve) => socket.once('connect', resolve))
  return { socket, text: () => text }
}

describe('a request', () => {
  test.for([
    { path: '/v1/logs', signal: 'logs' },
    { path: '/v1/metrics', signal: 'metrics' },
    { path: '/v1/traces', signal: 'traces' },
  ])('to $path reaches the other half in memory of its own, and is answered', async ({ path, signal }, { expect: check }) => {
    const { run, url } = await started()
    const response = await post(`${url}${path}?x=1`)
    check(response.status).toBe(200)
    check(response.headers.get('content-type')).toBe('application/x-protobuf')
    check((await response.arrayBuffer()).byteLength).toBe(0)
    const [request] = run.requests
    check(request).toMatchObject({ signal, transport: 'http', format: 'proto', client: { address: check.stringMatching(/^127\.0\.0\.1:\d+$/) as string } })
    check(Buffer.from(request?.bytes ?? []).toString()).toBe(BODY.toString())
    check(request?.bytes.buffer.byteLength).toBe(BODY.length)
    check(run.outcomes({ signal, transport: 'http', outcome: 'accepted' })).toBe(1)
    check(run.settings.telemetry.value('meshscope_otlp_request_bytes')).toBe(BODY.length)
    check(run.settings.telemetry.value('meshscope_otlp_pending_bytes')).toBe(0)
  })

  test('in JSON is answered in JSON', async () => {
    const { run, url } = await started()
    const response = await post(`${url}/v1/logs`, { 'content-type': 'Application/JSON; charset=utf-8' })
    expect(response.headers.get('content-type')).toBe('application/json')
    expect(await response.json()).toEqual({})
    expect(run.requests[0]?.format).toBe('json')
  })

  test.for([
    { signal: 'logs', rejected: 'rejectedLogRecords' },
    { signal: 'metrics', rejected: 'rejectedDataPoints' },
    { signal: 'traces', rejected: 'rejectedSpans' },
  ])('of $signal that is taken in part is answered with what was not', async ({ signal, rejected }, { expect: check }) => {
    const partial = { rejected: 2, errorMessage: '2 of 9 are not OTLP' }
    const { run, url } = await started({}, { reply: () => ({ kind: 'partial', partial }) })
    const inJson = await post(`${url}/v1/${signal}`, JSON_TYPE)
    check([inJson.status, await inJson.json()]).toEqual([200, { partialSuccess: { [rejected]: '2', errorMessage: '2 of 9 are not OTLP' } }])
    const inProto = await post(`${url}/v1/${signal}`)
    check([inProto.status, decodeExportResponse(new Uint8Array(await inProto.arrayBuffer()))]).toEqual([200, partial])
    check(run.outcomes({ signal, outcome: 'partial' })).toBe(2)
  })

  test('goes to the paths of the config', async () => {
    const { run, url } = await started({ logs_url_path: '/logs', traces_url_path: '/' })
    expect((await post(`${url}/logs`)).status).toBe(200)
    expect((await post(url)).status).toBe(200)
    expect(run.requests.map(({ signal }) => signal)).toEqual(['logs', 'traces'])
    const wrong = await post(`${url}/v1/logs`)
    expect(wrong.status).toBe(404)
    expect(await wrong.text()).toBe('not here; logs go to /logs, metrics to /v1/metrics, traces to /\n')
  })

  test.for([
    { encoding: 'gzip', compress: gzipSync },
    { encoding: 'deflate', compress: deflateSync },
    { encoding: 'zlib', compress: deflateSync },
    { encoding: 'zstd', compress: zstdCompressSync },
    { encoding: 'identity', compress: (bytes: Buffer) => bytes },
  ])('may be compressed with $encoding', async ({ encoding, compress }, { expect: check }) => {
    const { run, url } = await started()
    const response = await post(`${url}/v1/logs`, { ...PROTO, 'content-encoding': encoding }, Buffer.from(compress(BODY)))
    check(response.status).toBe(200)
    check(Buffer.from(run.requests[0]?.bytes ?? []).toString()).toBe(BODY.toString())
  })

  test('brings its headers when these are wanted, and gets those of the config', async () => {
    const { run, url } = await started({ include_metadata: true, response_headers: { 'X-Served-By': 'meshscope' } })
    const response = await post(`${url}/v1/logs`, { ...PROTO, 'X-Tenant': 'a' })
    expect(response.headers.get('x-served-by')).toBe('meshscope')
    expect(run.requests[0]?.client.metadata).toMatchObject({ 'x-tenant': ['a'], 'content-type': ['application/x-protobuf'] })
  })

  test('may come over TLS from a client with a certificate only', async () => {
    const authority = createAuthority('openssl', folder)
    const server = authority.issue('server')
    const client = authority.issue('client')
    const { port } = await started({ tls: { cert_file: server.cert, key_file: server.key, client_ca_file: server.authority } })
    const statusWith = (options: object): Promise<number | string> =>
      new Promise((resolve) => {
        const target = { port, host: '127.0.0.1', path: '/v1/logs', method: 'POST', headers: PROTO }
        const request = secureRequest(
          { ...target, ca: readFileSync(server.authority), servername: 'localhost', checkServerIdentity: () => undefined, ...options },
          (response) => {
            response.resume()
            resolve(response.statusCode ?? 0)
          },
        )
        request.on('error', (error) => resolve(error.message))
        request.end(BODY)
      })
    expect(await statusWith({ key: readFileSync(client.key), cert: readFileSync(client.cert) })).toBe(200)
    expect(await statusWith({})).toEqual(expect.any(String))
  })
})

describe('the pipelines’ no', () => {
  test.for<[FaultKind, number, number]>([
    ['refused', 503, 14],
    ['rejected', 400, 3],
    ['invalid', 400, 3],
    ['no_pipeline', 404, 12],
    ['failed', 500, 13],
  ])('is told as it is: %s', async ([kind, status, code], { expect: check }) => {
    const { run, url } = await started({}, { reply: () => ({ kind, message: 'because' }) })
    const inProto = await post(`${url}/v1/logs`)
    check(inProto.status).toBe(status)
    check(inProto.headers.get('content-type')).toBe('application/x-protobuf')
    check(inProto.headers.get('retry-after')).toBe(null)
    check(new Uint8Array(await inProto.arrayBuffer())).toEqual(encodeStatus({ code, message: 'because' }))
    const inJson = await post(`${url}/v1/logs`, JSON_TYPE)
    check(inJson.status).toBe(status)
    check(inJson.headers.get('content-type')).toBe('application/json')
    check(await inJson.json()).toEqual({ code, message: 'because' })
    check(run.outcomes({ signal: 'logs', outcome: kind })).toBe(2)
  })

  test('comes with the delay when there is one', async () => {
    const { url } = await started({}, { reply: () => ({ kind: 'throttled', message: 'queue is full', retryAfterMs: 2500 }) })
    const response = await post(`${url}/v1/logs`, JSON_TYPE)
    expect(response.status).toBe(429)
    expect(response.headers.get('retry-after')).toBe('3')
    expect(await response.json()).toEqual({
      code: 8,
      message: 'queue is full',
      details: [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '2.5s' }],
    })
  })
})

describe('a bad request', () => {
  const bomb = (compress: (bytes: Uint8Array) => Buffer): Buffer<ArrayBuffer> => Buffer.from(compress(Buffer.alloc(50 << 20)))
  test.for([
    { name: 'another content type', headers: { 'content-type': 'text/plain' }, status: 415, outcome: 'media_type' },
    { name: 'no content type', headers: {}, status: 415, outcome: 'media_type' },
    { name: 'an unknown encoding', headers: { ...PROTO, 'content-encoding': 'snappy' }, status: 415, outcome: 'encoding' },
    { name: 'another one that the Collector reads', headers: { ...PROTO, 'content-encoding': 'lz4' }, status: 415, outcome: 'encoding' },
    { name: 'two encodings', headers: { ...PROTO, 'content-encoding': 'gzip, gzip' }, status: 415, outcome: 'encoding' },
    { name: 'bad compressed bytes', headers: { ...PROTO, 'content-encoding': 'gzip' }, status: 400, outcome: 'invalid' },
    { name: 'a bomb', headers: { ...PROTO, 'content-encoding': 'gzip' }, body: bomb(gzipSync), status: 413, outcome: 'too_large' },
    { name: 'a bomb of zstd', headers: { ...PROTO, 'content-encoding': 'zstd' }, body: bomb(zstdCompressSync), status: 413, outcome: 'too_large' },
    { name: 'a body that is too large', headers: PROTO, body: Buffer.alloc((20 << 20) + 1), status: 413, outcome: 'too_large' },
  ])('is refused and counted: $name', async ({ headers, body = BODY, status, outcome }, { expect: check }) => {
    const { run, url } = await started()
    const response = await post(`${url}/v1/logs`, headers, body)
    check(response.status).toBe(status)
    check(await response.text()).not.toBe('')
    check(run.outcomes({ outcome })).toBe(1)
    check(run.requests).toEqual([])
    check((await post(`${url}/v1/logs`)).status).toBe(200)
  })

  test('may be one by another method, which is told', async () => {
    const { url } = await started()
    const response = await fetch(`${url}/v1/logs`)
    expect(response.status).toBe(405)
    expect(response.headers.get('allow')).toBe('POST')
  })

  test.for(['snappy', 'x-snappy-framed', 'lz4'])('is told what may be used instead of %s', async (encoding, { expect: check }) => {
    const { url } = await started()
    const response = await post(`${url}/v1/logs`, { ...JSON_TYPE, 'content-encoding': encoding })
    check(await response.json()).toEqual({ code: 12, message: 'unsupported content encoding; use none, gzip, zstd, zlib, deflate' })
  })

  test('may use an encoding that is switched off', async () => {
    const { url } = await started({ compression_algorithms: ['gzip'] })
    expect((await post(`${url}/v1/logs`, { ...PROTO, 'content-encoding': 'gzip' }, gzipSync(BODY))).status).toBe(200)
    const response = await post(`${url}/v1/logs`, JSON_TYPE)
    expect(response.status).toBe(415)
    expect(await response.json()).toMatchObject({ message: 'unsupported content encoding; use gzip' })
  })

  test('without an announced length is refused when it grows too large', async () => {
    const { run, port } = await started({ max_request_body_size: 1000 })
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const request = plainRequest({ port, host: '127.0.0.1', path: '/v1/logs', method: 'POST', headers: PROTO }, (response) => {
        response.resume()
        resolve(response.statusCode)
      })
      request.on('error', reject)
      request.write(Buffer.alloc(600))
      request.write(Buffer.alloc(600))
      request.end()
    })
    expect(status).toBe(413)
    expect(run.outcomes({ outcome: 'too_large' })).toBe(1)
  })

  test('that is cut off is counted, and holds nothing', async () => {
    const { run, port } = await started()
    const { socket } = await socketTo(port)
    socket.write('POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"half')
    await until('half of it is held', () => run.settings.telemetry.value('meshscope_otlp_pending_bytes') === 6)
    socket.destroy()
    await until('it is counted', () => run.outcomes({ outcome: 'cut' }) === 1)
    expect(run.settings.telemetry.value('meshscope_otlp_pending_bytes')).toBe(0)
  })
})

test('too many requests are told to come again', async () => {
  const { run, url } = await started({}, { reply: () => undefined, pending: { requests_max: 1, retry_after: '3s' } })
  const first = post(`${url}/v1/logs`)
  await run.requested(1)
  const second = await post(`${url}/v1/logs`, JSON_TYPE)
  expect(second.status).toBe(429)
  expect(second.headers.get('retry-after')).toBe('3')
  expect(await second.json()).toMatchObject({ message: 'too many requests are under way' })
  run.answer(run.requests[0] as never, { kind: 'accepted' })
  expect((await first).status).toBe(200)
  expect(run.outcomes({ outcome: 'overload' })).toBe(1)
})

test('a sender is asked who it is', async () => {
  const authenticate = (headers: Readonly<Record<string, unknown>>): { readonly subject: string } => {
    if (headers['authorization'] !== 'Bearer good') throw new UnauthenticatedError('no good token', 'Bearer realm="x"')
    return { subject: 'me' }
  }
  const shared = (): unknown => ({ server: { authenticate } })
  const { run, url } = await started({ auth: { authenticator: 'test' } }, { shared })
  const refused = await post(`${url}/v1/logs`, JSON_TYPE)
  expect(refused.status).toBe(401)
  expect(refused.headers.get('www-authenticate')).toBe('Bearer realm="x"')
  expect(await refused.json()).toEqual({ code: 16, message: 'no good token' })
  expect((await post(`${url}/v1/logs`, { ...PROTO, authorization: 'Bearer good' })).status).toBe(200)
  expect(run.requests.map(({ client: { auth } }) => auth)).toEqual([{ subject: 'me' }])
})

test('an authenticator that breaks is told to the operator, not to the client', async () => {
  const authenticate = (): never => {
    throw new Error('secret reason')
  }
  const { run, url } = await started({ auth: { authenticator: 'test' } }, { shared: () => ({ server: { authenticate } }) })
  const response = await post(`${url}/v1/logs`, JSON_TYPE)
  expect(response.status).toBe(500)
  expect(await response.text()).not.toContain('secret')
  expect(run.settings.log.lines.map(({ message }) => message)).toEqual(['authentication failed'])
})

describe('a script of another origin', () => {
  const cors = { allowed_origins: ['https://*.shop.example', 'http://localhost:3000'], allowed_headers: ['X-Key'], exposed_headers: ['X-Id'], max_age: 600 }
  const ask = (url: string, origin: string, headers = 'x-key, content-type, x-other'): Promise<Response> =>
    fetch(`${url}/v1/logs`, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': headers },
    })

  test('may ask whether it may send', async () => {
    const { run, url } = await started({ cors, auth: { authenticator: 'test' } }, { shared: () => ({ server: { authenticate: () => ({}) } }) })
    const response = await ask(url, 'https://web.shop.example')
    expect(response.status).toBe(204)
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'access-control-allow-origin': 'https://web.shop.example',
      'access-control-allow-credentials': 'true',
      'access-control-allow-methods': 'POST',
      'access-control-allow-headers': 'x-key, content-type',
      'access-control-max-age': '600',
      vary: 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers',
    })
    expect(run.requests).toEqual([])
  })

  test.for(['https://shop.example.evil', 'https://web.shopxexample', 'null'])('is told nothing when it is %s', async (origin, { expect: check }) => {
    const { url } = await started({ cors })
    const response = await ask(url, origin)
    check(response.status).toBe(204)
    check(response.headers.get('access-control-allow-origin')).toBe(null)
    check(response.headers.get('access-control-allow-methods')).toBe(null)
  })

  test('may send, with any header when all are allowed', async () => {
    const { run, url } = await started({ cors: { allowed_origins: ['*'], allowed_headers: ['*'] } })
    expect((await ask(url, 'https://a.example')).headers.get('access-control-allow-headers')).toBe('x-key, content-type, x-other')
    const response = await post(`${url}/v1/logs`, { ...JSON_TYPE, origin: 'https://a.example' })
    expect(response.status).toBe(200)
    expect(response.headers.get('access-control-allow-origin')).toBe('https://a.example')
    expect(run.requests).toHaveLength(1)
  })

  test('is told nothing without the setting', async () => {
    const { url } = await started({ cors: { allowed_origins: [] } })
    expect((await ask(url, 'https://a.example')).status).toBe(405)
  })
})

describe('the end', () => {
  test('waits for open requests', async () => {
    const { run, url } = await started({}, { reply: () => undefined })
    const answer = post(`${url}/v1/logs`)
    await run.requested(1)
    const stopped = run.stop()
    run.answer(run.requests[0] as never, { kind: 'accepted' })
    expect((await answer).status).toBe(200)
    await stopped
    await expect(post(`${url}/v1/logs`)).rejects.toThrow('fetch failed')
  })

  test('does not wait longer than it may', async () => {
    const { run, port } = await started({}, { reply: () => undefined })
    const { socket } = await socketTo(port)
    socket.write('POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}')
    await run.requested(1)
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
    const deadline = new AbortController()
    const stopped = run.stop(deadline.signal)
    deadline.abort()
    await stopped
    await closed
    expect(run.outcomes({ outcome: 'shutdown' })).toBe(1)
    expect(run.settings.telemetry.value('meshscope_otlp_pending_requests')).toBe(0)
  })
})
