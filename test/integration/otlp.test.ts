import { gzipSync, zstdCompressSync } from 'node:zlib'
import { status } from '@grpc/grpc-js'
import { afterEach, describe, expect, test } from 'vitest'
import { PermanentError, RefusedError } from '../../component/consumer.ts'
import type { Signal } from '../../component/signal.ts'
import { AttributeSet } from '../../model/attributes.ts'
import type { Client } from '../../model/client.ts'
import { type LogRecords, newLogRecord } from '../../model/log_records.ts'
import { encodeLogs, encodeMetrics, encodeTraces } from '../../model/otlp/encode.ts'
import { logsJson, metricsJson, tracesJson } from '../../model/otlp/json.ts'
import { newSpan } from '../../model/traces.ts'
import { OtlpGrpcClient } from '../fakes/otlp_client.ts'
import { OtlpRun, type OtlpRunOptions } from '../fakes/otlp_run.ts'
import { sendLines, until } from '../fakes/service_run.ts'

const open: { close(): unknown }[] = []
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.close()
})

async function started(options: OtlpRunOptions = {}): Promise<OtlpRun> {
  const run = new OtlpRun()
  open.push({ close: () => run.stop() })
  await run.start(options)
  return run
}

function clientOf(run: OtlpRun, options: { readonly gzip?: boolean } = {}): OtlpGrpcClient {
  const client = new OtlpGrpcClient(run.port('grpc'), options)
  open.push(client)
  return client
}

const RESOURCE = { attributes: AttributeSet.of({ 'service.name': 'shop', 'host.cpus': 4n }) }
const SCOPE = { name: 'test', version: '1' }
const LOGS = {
  groups: [
    { resource: RESOURCE, scope: SCOPE, records: ['one', 'two'].map((body) => newLogRecord({ body, timeNs: 17n, attributes: AttributeSet.of({ a: body }) })) },
  ],
}
const SPAN = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', name: 'get', startTimeNs: 1n, endTimeNs: 2n }
const TRACES = { groups: [{ resource: RESOURCE, scope: SCOPE, spans: [newSpan(SPAN)] }] }
const POINT = { attributes: AttributeSet.of({ code: '200' }), startTimeNs: 1n, timeNs: 2n, flags: 0, exemplars: [], value: 1 }
const METRICS = {
  groups: [
    { resource: RESOURCE, scope: SCOPE, metrics: [{ type: 'gauge' as const, name: 'g', description: '', unit: '', points: [POINT, { ...POINT, value: 5n }] }] },
  ],
}
const PROTO: Readonly<Record<Signal, () => Uint8Array<ArrayBuffer>>> = {
  logs: () => encodeLogs(LOGS),
  metrics: () => encodeMetrics(METRICS),
  traces: () => encodeTraces(TRACES),
}
const JSON_TEXT: Readonly<Record<Signal, () => string>> = { logs: () => logsJson(LOGS), metrics: () => metricsJson(METRICS), traces: () => tracesJson(TRACES) }
const ITEMS = { logs: ['log_records', 2], metrics: ['metric_points', 2], traces: ['spans', 1] } as const

const WAYS: readonly { readonly name: string; readonly transport: 'grpc' | 'http'; readonly send: (run: OtlpRun, signal: Signal) => Promise<boolean> }[] = [
  { name: 'gRPC', transport: 'grpc', send: async (run, signal) => (await clientOf(run).export(signal, PROTO[signal]())).code === status.OK },
  {
    name: 'gRPC with gzip',
    transport: 'grpc',
    send: async (run, signal) => (await clientOf(run, { gzip: true }).export(signal, PROTO[signal]())).code === status.OK,
  },
  { name: 'HTTP', transport: 'http', send: (run, signal) => posted(run, signal, PROTO[signal](), { 'content-type': 'application/x-protobuf' }) },
  {
    name: 'HTTP with zstd',
    transport: 'http',
    send: (run, signal) =>
      posted(run, signal, Buffer.from(zstdCompressSync(PROTO[signal]())), { 'content-type': 'application/x-protobuf', 'content-encoding': 'zstd' }),
  },
  {
    name: 'HTTP in JSON with gzip',
    transport: 'http',
    send: (run, signal) => posted(run, signal, gzipSync(JSON_TEXT[signal]()), { 'content-type': 'application/json', 'content-encoding': 'gzip' }),
  },
]

async function posted(run: OtlpRun, signal: Signal, body: Uint8Array<ArrayBuffer>, headers: Record<string, string>): Promise<boolean> {
  const response = await fetch(run.url(`/v1/${signal}`), { method: 'POST', body, headers })
  return response.status === 200
}

/** What a sink has got, as JSON of OTLP. */
function textsOf(run: OtlpRun): string[] {
  return run.sink.batches.map(({ signal, batch }) => {
    if (signal === 'logs') return logsJson(batch as typeof LOGS)
    return signal === 'metrics' ? metricsJson(batch as typeof METRICS) : tracesJson(batch as typeof TRACES)
  })
}

function clientsOf(run: OtlpRun): (Client | undefined)[] {
  return run.sink.batches.map(({ batch }) => (batch as LogRecords).client)
}

test.for([0, 2])('every way in is the same, with %i workers', async (threads) => {
  const run = await started({ threads })
  const accepted = (name: string, labels: Readonly<Record<string, string>>): number => run.run.telemetry.value(name, labels)
  const requests = { grpc: 0, http: 0 }
  for (const { name, transport, send } of WAYS) {
    requests[transport]++
    for (const signal of ['logs', 'metrics', 'traces'] as const) {
      expect([name, await send(run, signal)]).toEqual([name, true])
      expect(textsOf(run).at(-1)).toBe(JSON_TEXT[signal]())
      const [item, count] = ITEMS[signal]
      expect(accepted(`otelcol_receiver_accepted_${item}`, { receiver: 'otlp', transport })).toBe(count * requests[transport])
      await until('the request is counted', () => accepted('meshscope_otlp_requests', { transport, signal, outcome: 'accepted' }) === requests[transport])
    }
  }
  expect(clientsOf(run).map((client) => client?.address)).toEqual(run.sink.batches.map(() => expect.stringMatching(/^127\.0\.0\.\d:\d+$/) as string))
})

describe('what the pipelines say', () => {
  test.for([0, 2])('reaches the client with %i workers', async (threads) => {
    const run = await started({ threads })
    const client = clientOf(run)
    for (const { error, code } of [
      { error: new RefusedError('no room'), code: status.UNAVAILABLE },
      { error: new RefusedError('queue is full', { retryAfterMs: 1500 }), code: status.RESOURCE_EXHAUSTED },
      { error: new PermanentError('bad data'), code: status.INVALID_ARGUMENT },
      // The graph takes any other error for one of the data.
      { error: new TypeError('broken'), code: status.INVALID_ARGUMENT },
    ]) {
      run.sink.onBatch = () => Promise.reject(error)
      const answer = await client.export('logs', PROTO.logs())
      expect(answer.code).toBe(code)
      expect(answer.trailers.get('grpc-status-details-bin')).toHaveLength(code === status.RESOURCE_EXHAUSTED ? 1 : 0)
    }
    expect(run.sink.batches).toEqual([])
    expect(run.run.telemetry.value('otelcol_receiver_refused_log_records')).toBe(8)
    expect(await client.export('logs', Uint8Array.of(10, 255))).toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: expect.stringMatching(/^request is not OTLP: byte 1: /) as string,
    })
  })

  test('is that there is none of a signal', async () => {
    const run = await started({ signals: ['logs'], threads: 1 })
    const client = clientOf(run)
    expect(await client.export('traces', PROTO.traces())).toMatchObject({
      code: status.UNIMPLEMENTED,
      details: 'no traces pipeline has the receiver otlp, only logs',
    })
    expect((await client.export('logs', PROTO.logs())).code).toBe(status.OK)
    expect(await posted(run, 'metrics', PROTO.metrics(), { 'content-type': 'application/x-protobuf' })).toBe(false)
  })
})

describe('who sends', () => {
  const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`

  test.for([0, 2])('is checked by extensions with %i workers', async (threads) => {
    const run = await started({
      threads,
      grpc: { auth: { authenticator: 'bearertokenauth/edge' } },
      http: { auth: { authenticator: 'basicauth' }, include_metadata: true },
      extensions: {
        'bearertokenauth/edge': { token: 'good' },
        bearertokenauth: { token: 'other' },
        basicauth: { htpasswd: { inline: 'joe:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=' } },
      },
    })
    const client = clientOf(run)
    const grpcCode = async (authorization: string): Promise<number> => (await client.export('logs', PROTO.logs(), { headers: { authorization } })).code
    expect(await grpcCode('Bearer other')).toBe(status.UNAUTHENTICATED)
    expect(await grpcCode('Bearer good')).toBe(status.OK)
    const headers = { 'content-type': 'application/x-protobuf' }
    expect(await posted(run, 'logs', PROTO.logs(), headers)).toBe(false)
    expect(await posted(run, 'logs', PROTO.logs(), { ...headers, authorization: basic('joe:wrong') })).toBe(false)
    expect(await posted(run, 'logs', PROTO.logs(), { ...headers, authorization: basic('joe:password') })).toBe(true)
    expect(clientsOf(run).map((sender) => sender?.auth)).toEqual([undefined, { username: 'joe' }])
    expect(run.run.telemetry.value('meshscope_otlp_requests', { outcome: 'unauthenticated' })).toBe(3)
  })

  test('cannot be checked by what is not there, or is for clients', () => {
    const run = new OtlpRun()
    const start = (extensions: Readonly<Record<string, object>>) => run.start({ grpc: { auth: { authenticator: 'basicauth' } }, extensions })
    return Promise.all([
      expect(start({})).rejects.toThrow(/receivers\.otlp\.protocols\.grpc\.auth\.authenticator: /),
      expect(start({ basicauth: { client_auth: { username: 'joe', password: 'x' } } })).rejects.toThrow(
        'receivers.otlp: its authenticator cannot check requests',
      ),
    ])
  })
})

describe('an end', () => {
  test.for([0, 2])('waits for what is open, with %i workers', async (threads) => {
    const run = await started({ threads })
    let proceed!: () => void
    const entered = new Promise<void>((isIn) => {
      run.sink.onBatch = () => {
        isIn()
        return new Promise<void>((resolve) => (proceed = resolve))
      }
    })
    const answer = clientOf(run).export('logs', PROTO.logs())
    await entered
    const stopped = run.stop()
    proceed()
    expect((await answer).code).toBe(status.OK)
    expect(await stopped).toEqual([])
  })

  test('of a worker ends its requests, and the next one takes new ones', async () => {
    const run = await started({ threads: 1, isFragile: true })
    let proceed!: () => void
    run.sink.onBatch = () => new Promise<void>((resolve) => (proceed = resolve))
    const client = clientOf(run)
    const answer = client.export('logs', PROTO.logs())
    await until('the request is in the pipeline', () => run.run.telemetry.value('meshscope_otlp_pending_requests') === 1)
    await sendLines(run.run.port('receivers.fake_lines'), [{ do: 'exit' }])
    expect((await answer).code).toBe(status.UNAVAILABLE)
    proceed()
    run.sink.onBatch = () => {}
    await until('the next worker answers', async () => (await client.export('logs', PROTO.logs())).code === status.OK)
  })

  test('of a config lets its requests end, and the new one listens in time', async () => {
    const run = await started({ threads: 2 })
    const client = clientOf(run)
    let sent = 0
    let taken = 0
    const done = new AbortController()
    const sending = (async () => {
      while (!done.signal.aborted) {
        sent++
        if ((await client.export('logs', PROTO.logs())).code === status.OK) taken++
      }
    })()
    await until('requests are coming', () => taken > 5)
    await run.reload({ threads: 2, grpc: { max_recv_msg_size_mib: 5 } })
    const before = taken
    await until('requests are coming again', () => taken > before + 5)
    done.abort()
    await sending
    expect(taken).toBe(sent)
    expect(run.run.telemetry.value('otelcol_receiver_accepted_log_records')).toBe(2 * taken)
  })
})
