import { Metadata, status } from '@grpc/grpc-js'
import { afterEach, describe, expect, test } from 'vitest'
import { PermanentError, RefusedError } from '../../component/consumer.ts'
import { OtlpExporter } from '../../component/kit/otlp_export/exporter.ts'
import { AttributeSet } from '../../model/attributes.ts'
import { type LogRecords, newLogRecord } from '../../model/log_records.ts'
import { decodeLogs, decodeMetrics, decodeTraces } from '../../model/otlp/decode.ts'
import { encodeLogs } from '../../model/otlp/encode.ts'
import { EncodedLogs } from '../../model/otlp/encoded_logs.ts'
import { encodeExportResponse, encodeStatus } from '../../model/otlp/responses.ts'
import { newSpan } from '../../model/traces.ts'
import { checkedConfig } from '../../test/fakes/checked_config.ts'
import { familyPoints, metricFamily, metricsOf } from '../../test/fakes/metrics.ts'
import { FakeOtlpGrpcServer } from '../../test/fakes/otlp_server.ts'
import { FakeHost, type FakeSettings, fakeSettings } from '../../test/fakes/settings.ts'
import { OtlpGrpcClient } from './client.ts'
import { config, type OtlpGrpcConfig } from './config.ts'
import { failureOf } from './failure.ts'
import { targetOf } from './target.ts'

const HEAD = { resource: { attributes: AttributeSet.of({ 'service.name': 'cart' }) }, scope: { name: 'lib', version: '1' } }
const LOGS: LogRecords = { groups: [{ ...HEAD, records: [newLogRecord({ body: 'one' }), newLogRecord({ body: 'two' })] }] }
const open: { stop(): void | Promise<void> }[] = []
afterEach(async () => {
  for (const thing of open.splice(0).toReversed()) await thing.stop()
})

async function server(): Promise<FakeOtlpGrpcServer> {
  const started = await new FakeOtlpGrpcServer().start()
  open.push(started)
  return started
}

async function exporterTo(endpoint: string, given: object = {}): Promise<{ readonly exporter: OtlpExporter; readonly settings: FakeSettings }> {
  const settings = fakeSettings('exporter', 'otlp_grpc')
  const checked = checkedConfig<OtlpGrpcConfig>(config, {
    endpoint,
    tls: { insecure: true },
    sending_queue: { enabled: false },
    retry_on_failure: { enabled: false },
    ...given,
  })
  const exporter = new OtlpExporter(settings, checked, new OtlpGrpcClient(settings, checked))
  await exporter.start(new FakeHost())
  open.push({ stop: () => exporter.shutdown({ signal: AbortSignal.abort() }) })
  return { exporter, settings }
}

test.for([
  { compression: 'none', isShared: false, isFreed: true },
  { compression: 'none', isShared: true, isFreed: false },
  // Another thread may still read the request when the answer comes.
  { compression: 'gzip', isShared: false, isFreed: false },
])('records that were encoded before arrive whole; their memory is freed then: $isFreed, with $compression, shared: $isShared', async (given) => {
  const to = await server()
  const { exporter } = await exporterTo(`127.0.0.1:${to.port}`, { compression: given.compression, sending_queue: { enabled: true } })
  const bytes = Uint8Array.from(encodeLogs(LOGS))
  const logs = new EncodedLogs(bytes, 2)
  if (given.isShared) logs.share()
  await exporter.consumers.logs?.consume(logs)
  await exporter.shutdown({ signal: new AbortController().signal })
  expect(decodeLogs(to.requests[0]?.body as Buffer).groups[0]?.records.map(({ body }) => body)).toEqual(['one', 'two'])
  expect(bytes.length === 0).toBe(given.isFreed)
})

test('logs, metrics and spans arrive at their services, compressed or not', async () => {
  for (const compression of ['gzip', 'none']) {
    const to = await server()
    const { exporter, settings } = await exporterTo(`127.0.0.1:${to.port}`, { compression, headers: { 'X-Api-Key': 'secret' } })
    await exporter.consumers.logs?.consume(LOGS)
    await exporter.consumers.traces?.consume({ groups: [{ ...HEAD, spans: [newSpan({ name: 'GET' })] }] })
    await exporter.consumers.metrics?.consume(metricsOf(familyPoints(metricFamily('calls'), [{ attributes: { code: '200' }, values: [7] }])))
    expect(to.requests.map(({ path }) => path.split('.').at(-1))).toEqual(['LogsService/Export', 'TraceService/Export', 'MetricsService/Export'])
    const [logs, traces, metrics] = to.requests.map(({ body }) => body)
    expect(decodeLogs(logs as Buffer).groups[0]?.records.map(({ body }) => body)).toEqual(['one', 'two'])
    expect(decodeTraces(traces as Buffer).groups[0]?.spans[0]?.name).toBe('GET')
    expect(decodeMetrics(metrics as Buffer).groups[0]?.metrics[0]).toMatchObject({ name: 'calls', type: 'sum', points: [{ value: 7 }] })
    expect(to.requests[0]?.headers['x-api-key']).toBe('secret')
    expect(settings.telemetry.value('otelcol_exporter_sent_log_records')).toBe(2)
    expect(settings.telemetry.value('otelcol_exporter_sent_metric_points')).toBe(1)
    expect(settings.telemetry.value('otelcol_exporter_sent_spans')).toBe(1)
  }
})

test('series come in requests that a server takes, each point once; those made for a scrape do not come at all', async () => {
  const to = await server()
  const { exporter } = await exporterTo(`127.0.0.1:${to.port}`)
  const points = Array.from({ length: 9001 }, (_, i) => ({ attributes: { i: String(i) }, values: [i] }))
  const batch = metricsOf(familyPoints(metricFamily('a'), points.slice(0, 1500)), familyPoints(metricFamily('b'), points))
  await exporter.consumers.metrics?.consume({ ...batch, isOnDemand: true })
  expect(to.requests).toHaveLength(0)
  await exporter.consumers.metrics?.consume(batch)
  const counts = to.requests.map(({ body }) =>
    decodeMetrics(body).groups.flatMap(({ metrics }) => metrics.map(({ name, points: { length } }) => `${name} ${length}`)),
  )
  expect(counts).toEqual([['a 1500', 'b 500'], ['b 2000'], ['b 2000'], ['b 2000'], ['b 2000'], ['b 501']])
  const values = to.requests.flatMap(({ body }) =>
    decodeMetrics(body).groups.flatMap(({ metrics }) =>
      metrics.flatMap(({ name, points: all }) => (name === 'b' ? all.map((p) => ('value' in p ? `${p.attributes.get('i') as string}=${p.value}` : '')) : [])),
    ),
  )
  expect(values).toEqual(points.map((_, i) => `${i}=${i}`))
})

test('what the server did not take is counted and told, and not sent again', async () => {
  const to = await server()
  to.answer = () => encodeExportResponse({ rejected: 1, errorMessage: 'too old' })
  const { exporter, settings } = await exporterTo(`127.0.0.1:${to.port}`)
  await exporter.consumers.logs?.consume(LOGS)
  expect(to.requests).toHaveLength(1)
  expect(settings.telemetry.value('otelcol_exporter_sent_log_records')).toBe(1)
  expect(settings.telemetry.value('meshscope_exporter_dropped_log_records', { reason: 'rejected' })).toBe(1)
  expect(settings.log.lines[0]).toMatchObject({ level: 'warn', fields: { rejected: 1, error: 'too old' } })
})

describe('a failed call', () => {
  const error = (code: status, metadata = new Metadata()) => Object.assign(new Error('x'), { code, details: 'why', metadata })
  const withRetry = (ms: number): Metadata => {
    const metadata = new Metadata()
    metadata.set('grpc-status-details-bin', Buffer.from(encodeStatus({ code: 8, message: '', retryAfterMs: ms })))
    return metadata
  }

  test.each(['CANCELLED', 'DEADLINE_EXCEEDED', 'ABORTED', 'OUT_OF_RANGE', 'UNAVAILABLE', 'DATA_LOSS'] as const)('with code %s may succeed later', (code) => {
    expect(failureOf(error(status[code]))).toBeInstanceOf(RefusedError)
  })

  test.each([
    'UNKNOWN',
    'INVALID_ARGUMENT',
    'NOT_FOUND',
    'ALREADY_EXISTS',
    'PERMISSION_DENIED',
    'RESOURCE_EXHAUSTED',
    'FAILED_PRECONDITION',
    'UNIMPLEMENTED',
    'INTERNAL',
    'UNAUTHENTICATED',
  ] as const)('with code %s never will', (code) => {
    expect(failureOf(error(status[code]))).toBeInstanceOf(PermanentError)
  })

  test('says when it may be repeated, which makes RESOURCE_EXHAUSTED one that may', () => {
    expect(failureOf(error(status.RESOURCE_EXHAUSTED, withRetry(2500)))).toMatchObject({ name: 'RefusedError', retryAfterMs: 2500 })
    expect(failureOf(error(status.UNAVAILABLE, withRetry(7)))).toMatchObject({ retryAfterMs: 7 })
  })

  test('whose stream was reset without a status may succeed later, whatever the library calls it', () => {
    const reset = (code: status, details: string) => failureOf(Object.assign(error(code), { details, rstCode: 2 }))
    expect(reset(status.INTERNAL, 'Received RST_STREAM with code 2')).toBeInstanceOf(RefusedError)
    expect(reset(status.RESOURCE_EXHAUSTED, 'Bandwidth exhausted or memory limit exceeded')).toBeInstanceOf(RefusedError)
    expect(reset(status.UNIMPLEMENTED, 'Received HTTP status code 404')).toBeInstanceOf(PermanentError)
  })

  test('reaches the pipeline with its reason, over the wire', async () => {
    const to = await server()
    to.answer = () => ({ code: status.RESOURCE_EXHAUSTED, details: 'slow down', metadata: withRetry(1234) })
    const { exporter } = await exporterTo(`http://127.0.0.1:${to.port}`, { tls: {} })
    await expect(exporter.consumers.logs?.consume(LOGS)).rejects.toMatchObject({
      name: 'RefusedError',
      retryAfterMs: 1234,
      message: expect.stringContaining('slow down'),
    })
    to.answer = () => ({ code: status.INVALID_ARGUMENT, details: 'bad bytes' })
    await expect(exporter.consumers.logs?.consume(LOGS)).rejects.toMatchObject({ name: 'PermanentError', message: expect.stringContaining('bad bytes') })
  })

  test('is one to a server that is not there', async () => {
    const { exporter } = await exporterTo('127.0.0.1:1')
    await expect(exporter.consumers.logs?.consume(LOGS)).rejects.toMatchObject({ name: 'RefusedError', message: expect.stringContaining('UNAVAILABLE') })
  })

  test('is one that takes too long; the server sees it cancelled', async () => {
    const to = await server()
    to.answer = () => 'never'
    const { exporter, settings } = await exporterTo(`127.0.0.1:${to.port}`, { timeout: '1s' })
    const sending = exporter.consumers.logs?.consume(LOGS)
    while (to.requests.length === 0) await new Promise(setImmediate)
    settings.clock.advance(1000)
    await expect(sending).rejects.toMatchObject({ name: 'RefusedError', message: expect.stringContaining('no answer within 1000 ms') })
  })
})

test.each([
  ['collector:4317', false, { name: 'dns:collector:4317', isPlain: false }],
  ['http://collector:4317', false, { name: 'dns:collector:4317', isPlain: true }],
  ['https://collector:4317/', true, { name: 'dns:collector:4317', isPlain: false }],
  ['dns:///collector:4317', true, { name: 'dns:collector:4317', isPlain: true }],
  ['[::1]:4317', true, { name: 'dns:[::1]:4317', isPlain: true }],
  ['unix:///run/otel.sock', true, { name: 'unix:/run/otel.sock', isPlain: true }],
] as const)('%s with insecure %s is %j', (endpoint, isInsecure, expected) => {
  expect(targetOf(endpoint, isInsecure)).toMatchObject(expected)
})

test.each(['collector', 'http://collector', 'https://collector:4317/v1/traces', 'collector:0'])('%s is no address', (endpoint) => {
  expect(targetOf(endpoint, true)).toBeUndefined()
})
