import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { credentials, status } from '@grpc/grpc-js'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { UnauthenticatedError } from '../../component/kit/auth.ts'
import { decodeExportResponse, encodeStatus } from '../../model/otlp/responses.ts'
import { AlsClient } from '../../test/fakes/als_client.ts'
import { exportPath, OtlpGrpcClient } from '../../test/fakes/otlp_client.ts'
import { OtlpIngestRun, type Reply } from '../../test/fakes/otlp_ingest.ts'
import { until } from '../../test/fakes/service_run.ts'
import { createAuthority } from '../../test/interop/certificates.ts'
import type { FaultKind } from './messages.ts'

const folder = mkdtempSync(join(tmpdir(), 'otlp-grpc-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const open: { close(): unknown }[] = []
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.close()
})

const BODY = Buffer.from('not looked at here')

async function started(grpc: object = {}, options: { reply?: Reply; shared?: (id: string) => unknown; pending?: object } = {}) {
  const { pending, ...rest } = options
  const run = await new OtlpIngestRun(
    { protocols: { grpc: { endpoint: '127.0.0.1:0', ...grpc } }, ...(pending === undefined ? {} : { pending }) },
    rest,
  ).start()
  open.push({ close: () => run.stop() })
  const isUnix = 'transport' in grpc
  return { run, port: isUnix ? 0 : run.port('grpc') }
}

function clientOf(...args: ConstructorParameters<typeof OtlpGrpcClient>): OtlpGrpcClient {
  const client = new OtlpGrpcClient(...args)
  open.push(client)
  return client
}

async function rawClientOf(port: number): Promise<AlsClient> {
  const client = await AlsClient.connect({ port })
  open.push({ close: () => client.destroy() })
  return client
}

/** A gRPC frame; `size` when it shall say another length than it has. */
function frame(message: Uint8Array, { isCompressed = false, size = message.length } = {}): Buffer {
  const header = Buffer.alloc(5)
  header.writeUInt8(isCompressed ? 1 : 0)
  header.writeUInt32BE(size, 1)
  return Buffer.concat([header, message])
}

describe('a request', () => {
  test.for(['logs', 'metrics', 'traces'] as const)('of %s reaches the other half in memory of its own, and is answered', async (signal, { expect: check }) => {
    const { run, port } = await started()
    const answer = await clientOf(port).export(signal, BODY)
    check(answer).toMatchObject({ code: status.OK })
    check(answer.response).toHaveLength(0)
    const [request] = run.requests
    check(request).toMatchObject({ signal, transport: 'grpc', format: 'proto', client: { address: check.stringMatching(/^127\.0\.0\.1:\d+$/) as string } })
    check(Buffer.from(request?.bytes ?? []).toString()).toBe(BODY.toString())
    check(request?.bytes.buffer.byteLength).toBe(BODY.length)
    await until('it is counted', () => run.outcomes({ signal, transport: 'grpc', outcome: 'accepted' }) === 1)
    check(run.settings.telemetry.value('meshscope_otlp_request_bytes')).toBe(BODY.length + 5)
    check(run.settings.telemetry.value('meshscope_otlp_pending_requests')).toBe(0)
    check(run.settings.telemetry.value('meshscope_otlp_pending_bytes')).toBe(0)
  })

  test('may be empty, or large', async () => {
    const { run, port } = await started()
    const client = clientOf(port)
    const large = Buffer.alloc(4 << 20, 'x')
    expect((await client.export('logs', Buffer.alloc(0))).code).toBe(status.OK)
    expect((await client.export('logs', large)).code).toBe(status.OK)
    expect(run.requests.map(({ bytes }) => bytes.length)).toEqual([0, large.length])
    expect(Buffer.compare(Buffer.from(run.requests[1]?.bytes ?? []), large)).toBe(0)
  })

  test('may be compressed by the library', async () => {
    const { run, port } = await started()
    expect((await clientOf(port, { gzip: true }).export('logs', Buffer.alloc(100_000, 'abc'))).code).toBe(status.OK)
    expect(run.requests[0]?.bytes).toHaveLength(100_000)
    expect(run.settings.telemetry.value('meshscope_otlp_request_bytes')).toBeLessThan(10_000)
  })

  test.for([
    { encoding: 'gzip', compress: gzipSync },
    { encoding: 'deflate', compress: deflateSync },
    { encoding: 'zstd', compress: zstdCompressSync },
  ])('may be compressed with $encoding, in pieces', async ({ encoding, compress }, { expect: check }) => {
    const { run, port } = await started()
    const client = await rawClientOf(port)
    const stream = client.open({ path: exportPath('traces'), headers: { 'grpc-encoding': encoding } })
    const bytes = frame(compress(BODY), { isCompressed: true })
    for (const byte of bytes) stream.raw.write(Uint8Array.of(byte))
    stream.raw.end()
    check((await stream.status).code).toBe(status.OK)
    check(Buffer.from(run.requests[0]?.bytes ?? []).toString()).toBe(BODY.toString())
  })

  test('that is taken in part is answered with what was not', async () => {
    const partial = { rejected: 2, errorMessage: `\ud800 2 of 9 ${'x'.repeat(10_000)}` }
    const { run, port } = await started({}, { reply: () => ({ kind: 'partial', partial }) })
    const { code, response } = await clientOf(port).export('logs', BODY)
    expect([code, decodeExportResponse(response ?? BODY)]).toEqual([status.OK, { rejected: 2, errorMessage: `\ufffd 2 of 9 ${'x'.repeat(1015)}` }])
    await until('it is counted', () => run.outcomes({ signal: 'logs', outcome: 'partial' }) === 1)
  })

  test('brings its headers when these are wanted', async () => {
    const { run, port } = await started({ include_metadata: true })
    await clientOf(port).export('logs', BODY, { headers: { 'X-Tenant': 'a' } })
    expect(run.requests[0]?.client.metadata).toMatchObject({ 'x-tenant': ['a'], 'user-agent': [expect.stringContaining('grpc-node') as string] })
  })

  test('may come over a unix socket', async () => {
    const path = join(folder, 'otlp.sock')
    const { run } = await started({ endpoint: path, transport: 'unix' })
    expect((await clientOf(`unix://${path}`).export('logs', BODY)).code).toBe(status.OK)
    expect(run.requests[0]?.client.address).toBe('unix')
  })

  test('may come over TLS from a client with a certificate only', async () => {
    const authority = createAuthority('openssl', folder)
    const server = authority.issue('server')
    const client = authority.issue('client')
    const { port } = await started({ tls: { cert_file: server.cert, key_file: server.key, client_ca_file: server.authority } })
    const ca = readFileSync(server.authority)
    const anyName = { checkServerIdentity: () => undefined }
    const withCertificate = credentials.createSsl(ca, readFileSync(client.key), readFileSync(client.cert), anyName)
    expect((await clientOf(port, { credentials: withCertificate }).export('logs', BODY)).code).toBe(status.OK)
    expect((await clientOf(port, { credentials: credentials.createSsl(ca, null, null, anyName) }).export('logs', BODY)).code).toBe(status.UNAVAILABLE)
  })
})

describe('the pipelines’ no', () => {
  test.for<[FaultKind, number]>([
    ['refused', status.UNAVAILABLE],
    ['rejected', status.INVALID_ARGUMENT],
    ['invalid', status.INVALID_ARGUMENT],
    ['no_pipeline', status.UNIMPLEMENTED],
    ['failed', status.INTERNAL],
  ])('is told as it is: %s', async ([kind, code], { expect: check }) => {
    const { run, port } = await started({}, { reply: () => ({ kind, message: 'because' }) })
    const answer = await clientOf(port).export('logs', BODY)
    check(answer).toMatchObject({ code, details: 'because' })
    check(answer.trailers.get('grpc-status-details-bin')).toEqual([])
    await until('it is counted', () => run.outcomes({ signal: 'logs', outcome: kind }) === 1)
  })

  test('comes with the delay when there is one', async () => {
    const { port } = await started({}, { reply: () => ({ kind: 'throttled', message: 'queue is full', retryAfterMs: 2500 }) })
    const answer = await clientOf(port).export('logs', BODY)
    expect(answer).toMatchObject({ code: status.RESOURCE_EXHAUSTED, details: 'queue is full' })
    const [details] = answer.trailers.get('grpc-status-details-bin')
    expect(details).toEqual(Buffer.from(encodeStatus({ code: status.RESOURCE_EXHAUSTED, message: 'queue is full', retryAfterMs: 2500 })))
  })

  test('may be any text of any length', async () => {
    const { port } = await started({}, { reply: () => ({ kind: 'refused', message: `\ud800 %\n\u0000é${'x'.repeat(100_000)}` }) })
    const answer = await clientOf(port).export('logs', BODY)
    expect(answer.code).toBe(status.UNAVAILABLE)
    expect(answer.details).toMatch(/^\ufffd %\n.éxxx/s)
  })
})

describe('a bad request', () => {
  test.for([
    { name: 'an unknown compression', encoding: 'snappy', bytes: frame(BODY, { isCompressed: true }), code: status.UNIMPLEMENTED, outcome: 'encoding' },
    { name: 'bad compressed bytes', encoding: 'gzip', bytes: frame(BODY, { isCompressed: true }), code: status.INVALID_ARGUMENT, outcome: 'invalid' },
    { name: 'two messages', encoding: 'identity', bytes: Buffer.concat([frame(BODY), frame(BODY)]), code: status.INVALID_ARGUMENT, outcome: 'invalid' },
    { name: 'no message', encoding: 'identity', bytes: Buffer.alloc(0), code: status.INVALID_ARGUMENT, outcome: 'invalid' },
    { name: 'half a message', encoding: 'identity', bytes: frame(BODY, { size: 100 }), code: status.INVALID_ARGUMENT, outcome: 'invalid' },
    { name: 'no frame', encoding: 'identity', bytes: Buffer.from('hello'), code: status.INVALID_ARGUMENT, outcome: 'invalid' },
    {
      name: 'a bomb',
      encoding: 'gzip',
      bytes: frame(gzipSync(Buffer.alloc(50 << 20)), { isCompressed: true }),
      code: status.RESOURCE_EXHAUSTED,
      outcome: 'too_large',
    },
    {
      name: 'a bomb of zstd',
      encoding: 'zstd',
      bytes: frame(zstdCompressSync(Buffer.alloc(50 << 20)), { isCompressed: true }),
      code: status.RESOURCE_EXHAUSTED,
      outcome: 'too_large',
    },
  ])('is refused and counted: $name', async ({ encoding, bytes, code, outcome }, { expect: check }) => {
    const { run, port } = await started()
    const client = await rawClientOf(port)
    const stream = client.open({ path: exportPath('logs'), headers: { 'grpc-encoding': encoding } })
    stream.raw.end(bytes)
    check((await stream.status).code).toBe(code)
    check(run.outcomes({ outcome })).toBe(1)
    check(run.requests).toEqual([])
    // The connection is none the worse for it.
    const next = client.open({ path: exportPath('logs') })
    next.raw.end(frame(BODY))
    check((await next.status).code).toBe(status.OK)
  })

  test('over the limit is refused at its header, and need not be sent', async () => {
    const { run, port } = await started({ max_recv_msg_size_mib: 1 })
    const client = await rawClientOf(port)
    const stream = client.open({ path: exportPath('logs') })
    stream.raw.write(frame(BODY, { size: (1 << 20) + 1 }))
    const { code, message } = await stream.status
    expect(code).toBe(status.RESOURCE_EXHAUSTED)
    expect(message).toBe('message of 1048577 bytes is larger than max_recv_msg_size_mib allows (1048576 bytes)')
    expect(run.outcomes({ outcome: 'too_large' })).toBe(1)
    expect((await clientOf(port).export('logs', Buffer.alloc(3 << 20))).code).toBe(status.RESOURCE_EXHAUSTED)
    expect((await clientOf(port).export('logs', BODY)).code).toBe(status.OK)
  })

  test('to another method is not known', async () => {
    const { port } = await started()
    const client = await rawClientOf(port)
    const stream = client.open({ path: '/opentelemetry.proto.collector.logs.v1.LogsService/Import' })
    stream.raw.end(frame(BODY))
    expect((await stream.status).code).toBe(status.UNIMPLEMENTED)
  })
})

describe('too many requests', () => {
  test('are told to come again, and others have their place when one is done', async () => {
    const { run, port } = await started({}, { reply: () => undefined, pending: { requests_max: 1, retry_after: '3s' } })
    const client = clientOf(port)
    const first = client.export('logs', BODY)
    await run.requested(1)
    const second = await client.export('logs', BODY)
    expect(second).toMatchObject({ code: status.RESOURCE_EXHAUSTED, details: 'too many requests are under way' })
    expect(second.trailers.get('grpc-status-details-bin')).toHaveLength(1)
    run.answer(run.requests[0] as never, { kind: 'accepted' })
    expect((await first).code).toBe(status.OK)
    const third = client.export('logs', BODY)
    await run.requested(2)
    run.answer(run.requests[1] as never, { kind: 'accepted' })
    expect((await third).code).toBe(status.OK)
    await until('all is counted', () => run.outcomes({ outcome: 'accepted' }) === 2 && run.outcomes({ outcome: 'overload' }) === 1)
  })

  test('count by their bytes, too, compressed and not', async () => {
    const { run, port } = await started({ max_recv_msg_size_mib: 1 }, { reply: () => undefined, pending: { bytes_max: 1 << 20 } })
    const client = clientOf(port)
    const first = client.export('logs', Buffer.alloc(600_000))
    await run.requested(1)
    expect((await client.export('logs', Buffer.alloc(600_000))).code).toBe(status.RESOURCE_EXHAUSTED)
    expect((await clientOf(port, { gzip: true }).export('logs', Buffer.alloc(600_000))).code).toBe(status.RESOURCE_EXHAUSTED)
    run.answer(run.requests[0] as never, { kind: 'accepted' })
    expect((await first).code).toBe(status.OK)
    await until('all is given back', () => run.settings.telemetry.value('meshscope_otlp_pending_bytes') === 0)
  })
})

describe('a sender', () => {
  const authenticator = {
    server: {
      authenticate: async (headers: Readonly<Record<string, unknown>>) => {
        await Promise.resolve()
        if (String(headers['authorization']) !== 'Bearer good') throw new UnauthenticatedError('no good token', 'Bearer')
        return { subject: 'me' }
      },
    },
  }
  const shared = (id: string): unknown => (id === 'test/auth' ? authenticator : undefined)

  test('is asked who it is', async () => {
    const { run, port } = await started({ auth: { authenticator: 'test/auth' } }, { shared })
    const client = clientOf(port)
    expect(await client.export('logs', BODY, { headers: { authorization: 'Bearer bad' } })).toMatchObject({
      code: status.UNAUTHENTICATED,
      details: 'no good token',
    })
    expect((await client.export('logs', BODY)).code).toBe(status.UNAUTHENTICATED)
    expect((await client.export('logs', BODY, { headers: { authorization: 'Bearer good' } })).code).toBe(status.OK)
    expect(run.requests.map(({ client: { auth } }) => auth)).toEqual([{ subject: 'me' }])
    expect(run.outcomes({ outcome: 'unauthenticated' })).toBe(2)
  })

  test('cannot be asked when there is no such authenticator', async () => {
    await expect(started({ auth: { authenticator: 'other' } }, { shared })).rejects.toThrow('auth.authenticator other is not an authenticator')
  })

  test('that leaves in the middle is counted, and holds nothing', async () => {
    const { run, port } = await started()
    const client = await rawClientOf(port)
    const stream = client.open({ path: exportPath('logs') })
    stream.raw.write(frame(BODY, { size: 100_000 }))
    await until('the half message is held', () => run.settings.telemetry.value('meshscope_otlp_pending_bytes') === BODY.length)
    client.destroy()
    await until('it is counted', () => run.outcomes({ outcome: 'cut' }) === 1)
    expect(run.settings.telemetry.value('meshscope_otlp_pending_bytes')).toBe(0)
    expect(run.settings.telemetry.value('meshscope_otlp_pending_requests')).toBe(0)
  })

  test('that gives up waiting does not give up what it sent', async () => {
    const { run, port } = await started({}, { reply: () => undefined })
    const answer = clientOf(port).export('logs', BODY, { deadlineMs: 200 })
    await run.requested(1)
    expect((await answer).code).toBe(status.DEADLINE_EXCEEDED)
    expect(run.settings.telemetry.value('meshscope_otlp_pending_requests')).toBe(1)
    run.answer(run.requests[0] as never, { kind: 'accepted' })
    await until('it is counted', () => run.outcomes({ outcome: 'accepted' }) === 1)
  })
})

describe('the end', () => {
  test('waits for open requests', async () => {
    const { run, port } = await started({}, { reply: () => undefined })
    const answer = clientOf(port).export('logs', BODY)
    await run.requested(1)
    const stopped = run.stop()
    run.answer(run.requests[0] as never, { kind: 'accepted' })
    expect((await answer).code).toBe(status.OK)
    await stopped
    expect(run.outcomes({ outcome: 'accepted' })).toBe(1)
    expect((await clientOf(port).export('logs', BODY)).code).toBe(status.UNAVAILABLE)
  })

  test('does not wait longer than it may', async () => {
    const { run, port } = await started({}, { reply: () => undefined })
    const answer = clientOf(port).export('logs', BODY)
    await run.requested(1)
    const deadline = new AbortController()
    const stopped = run.stop(deadline.signal)
    deadline.abort()
    await stopped
    expect((await answer).code).toBe(status.UNAVAILABLE)
    expect(run.outcomes({ outcome: 'shutdown' })).toBe(1)
    expect(run.settings.telemetry.value('meshscope_otlp_pending_requests')).toBe(0)
  })
})
