import { afterEach, describe, expect, test } from 'vitest'
import { PermanentError, RefusedError } from '../../component/consumer.ts'
import { OtlpExporter } from '../../component/kit/otlp_export/exporter.ts'
import { AttributeSet } from '../../model/attributes.ts'
import { type LogRecords, newLogRecord } from '../../model/log_records.ts'
import { decodeLogs } from '../../model/otlp/decode.ts'
import { parseLogsJson } from '../../model/otlp/json.ts'
import { encodeExportResponse, encodeStatus } from '../../model/otlp/responses.ts'
import { newSpan } from '../../model/traces.ts'
import { checkedConfig } from '../../test/fakes/checked_config.ts'
import { familyPoints, metricFamily, metricsOf } from '../../test/fakes/metrics.ts'
import { FakeOtlpHttpServer } from '../../test/fakes/otlp_server.ts'
import { FakeHost, type FakeSettings, fakeSettings } from '../../test/fakes/settings.ts'
import { endpointOf, OtlpHttpClient } from './client.ts'
import { config, type OtlpHttpConfig } from './config.ts'
import { failureOf } from './failure.ts'

const HEAD = { resource: { attributes: AttributeSet.of({ 'service.name': 'cart' }) }, scope: { name: 'lib', version: '1' } }
const LOGS: LogRecords = { groups: [{ ...HEAD, records: [newLogRecord({ body: 'one' }), newLogRecord({ body: 'two' })] }] }
const open: { stop(): void | Promise<void> }[] = []
afterEach(async () => {
  for (const thing of open.splice(0).toReversed()) await thing.stop()
})

async function server(): Promise<FakeOtlpHttpServer> {
  const started = await new FakeOtlpHttpServer().start()
  open.push(started)
  return started
}

async function exporterTo(endpoint: string, given: object = {}): Promise<{ readonly exporter: OtlpExporter; readonly settings: FakeSettings }> {
  const settings = fakeSettings('exporter', 'otlp_http')
  const checked = checkedConfig<OtlpHttpConfig>(config, { endpoint, sending_queue: { enabled: false }, retry_on_failure: { enabled: false }, ...given })
  const exporter = new OtlpExporter(settings, checked, new OtlpHttpClient(settings, checked))
  await exporter.start(new FakeHost())
  open.push({ stop: () => exporter.shutdown({ signal: AbortSignal.abort() }) })
  return { exporter, settings }
}

describe('requests', () => {
  test.each(['gzip', 'zstd', 'deflate', 'none'])(
    'arrive at the path of their signal, as protobuf, compressed by %s, on one connection',
    async (compression) => {
      const to = await server()
      const { exporter } = await exporterTo(`${to.url}/`, { compression, headers: { 'X-Api-Key': 'secret' } })
      await exporter.consumers.logs?.consume(LOGS)
      await exporter.consumers.traces?.consume({ groups: [{ ...HEAD, spans: [newSpan({ name: 'GET' })] }] })
      await exporter.consumers.metrics?.consume(metricsOf(familyPoints(metricFamily('calls'), [{ attributes: {}, values: [7] }])))
      expect(to.requests.map(({ path }) => path)).toEqual(['/v1/logs', '/v1/traces', '/v1/metrics'])
      expect(to.requests[0]?.headers).toMatchObject({ 'content-type': 'application/x-protobuf', 'x-api-key': 'secret' })
      expect(to.requests[0]?.headers['content-encoding']).toBe(compression === 'none' ? undefined : compression)
      expect(decodeLogs(to.requests[0]?.body as Buffer).groups[0]?.records.map(({ body }) => body)).toEqual(['one', 'two'])
      expect(to.connections).toBe(1)
    },
  )

  test.each([
    ['gzip', 1, 9],
    ['deflate', 1, 9],
    ['zstd', 1, 19],
  ])('are smaller with a higher level of %s', async (compression, low, high) => {
    const to = await server()
    const records = Array.from({ length: 400 }, (_, i) => newLogRecord({ body: `GET /items/${(i * 7919) % 997}?page=${(i * 31) % 17}` }))
    for (const level of [low, high]) {
      const { exporter } = await exporterTo(to.url, { compression, compression_params: { level } })
      await exporter.consumers.logs?.consume({ groups: [{ ...HEAD, records }] })
    }
    const [large = 0, small = 0] = to.requests.map(({ headers }) => Number(headers['content-length']))
    expect(small).toBeLessThan(large)
  })

  test.for([
    { given: { compression: 'none' }, isReadLater: true },
    { given: { compression: 'gzip' }, isReadLater: false },
    { given: { compression: 'none', encoding: 'json' }, isReadLater: false },
  ])('are bytes that a socket may still read after the answer ($given): $isReadLater', ({ given, isReadLater }) => {
    const checked = checkedConfig<OtlpHttpConfig>(config, { endpoint: 'http://127.0.0.1:1', ...given })
    expect(new OtlpHttpClient(fakeSettings('exporter', 'otlp_http'), checked).readsBytesLater).toBe(isReadLater)
  })

  test('go through a proxy when there is one', async () => {
    const [to, proxy] = [await server(), await server()]
    const { exporter } = await exporterTo(to.url, { proxy_url: proxy.url })
    await exporter.consumers.logs?.consume(LOGS)
    expect(proxy.requests.map(({ path }) => path)).toEqual([`${to.url}/v1/logs`])
    expect(to.requests).toEqual([])
  })

  test('have connections of their own when these are not kept', async () => {
    const to = await server()
    const { exporter } = await exporterTo(to.url, { disable_keep_alives: true })
    await exporter.consumers.logs?.consume(LOGS)
    await exporter.consumers.logs?.consume(LOGS)
    expect(to.connections).toBe(2)
  })

  test('are JSON when asked for', async () => {
    const to = await server()
    const { exporter } = await exporterTo(to.url, { encoding: 'json' })
    await exporter.consumers.logs?.consume(LOGS)
    expect(to.requests[0]?.headers['content-type']).toBe('application/json')
    expect(parseLogsJson(to.requests[0]?.body.toString() ?? '').groups[0]?.records.map(({ body }) => body)).toEqual(['one', 'two'])
  })

  test('go to the endpoint of their signal as it is', () => {
    const checked = checkedConfig<OtlpHttpConfig>(config, { endpoint: 'http://a:1/otlp', traces_endpoint: 'https://b:2/own' })
    expect(['logs', 'metrics', 'traces'].map((signal) => endpointOf(checked, signal as 'logs')?.href)).toEqual([
      'http://a:1/otlp/v1/logs',
      'http://a:1/otlp/v1/metrics',
      'https://b:2/own',
    ])
  })
})

test.each([
  ['application/x-protobuf', encodeExportResponse({ rejected: 1, errorMessage: 'too old' })],
  ['application/json', '{"partialSuccess":{"rejectedLogRecords":"1","errorMessage":"too old"}}'],
])('what the server did not take is counted (%s)', async (type, body) => {
  const to = await server()
  to.answer = () => ({ code: 200, headers: { 'content-type': type }, body })
  const { exporter, settings } = await exporterTo(to.url)
  await exporter.consumers.logs?.consume(LOGS)
  expect(settings.telemetry.value('meshscope_exporter_dropped_log_records', { reason: 'rejected' })).toBe(1)
  expect(settings.log.lines[0]).toMatchObject({ fields: { rejected: 1, error: 'too old' } })
})

describe('an answer', () => {
  const answer = (headers: Record<string, string> = {}, body: Buffer = Buffer.alloc(0)) => ({ headers, body, nowMs: Date.UTC(2026, 0, 1) })

  test.each([429, 502, 503, 504])('%i may be repeated', (code) => {
    expect(failureOf(code, answer())).toBeInstanceOf(RefusedError)
  })

  test.each([301, 400, 401, 404, 413, 500, 501])('%i must not', (code) => {
    expect(failureOf(code, answer())).toBeInstanceOf(PermanentError)
  })

  test('says when to come back, in seconds or as a date', () => {
    expect(failureOf(503, answer({ 'retry-after': '30' }))).toMatchObject({ retryAfterMs: 30_000 })
    expect(failureOf(429, answer({ 'retry-after': 'Thu, 01 Jan 2026 00:00:05 GMT' }))).toMatchObject({ retryAfterMs: 5000 })
    expect(failureOf(429, answer({ 'retry-after': 'soon' }))).not.toHaveProperty('retryAfterMs', expect.anything())
  })

  test('says why, in either encoding or in plain text', () => {
    const status = Buffer.from(encodeStatus({ code: 3, message: 'bad bytes' }))
    expect(failureOf(400, answer({ 'content-type': 'application/x-protobuf' }, status)).message).toBe('HTTP 400: bad bytes')
    expect(failureOf(400, answer({ 'content-type': 'application/json' }, Buffer.from('{"code":3,"message":"bad json"}'))).message).toBe('HTTP 400: bad json')
    expect(failureOf(502, answer({}, Buffer.from('<html>'.repeat(100)))).message).toMatch(/^HTTP 502: (?:<html>)+<h…$|^HTTP 502: .{200}…$/)
    expect(failureOf(308, answer({ location: 'https://other/' })).message).toContain('https://other/')
  })
})

test('a server that cuts, is away or is silent may take the request later', async () => {
  const to = await server()
  to.answer = () => 'cut'
  const { exporter, settings } = await exporterTo(to.url, { timeout: '1s' })
  await expect(exporter.consumers.logs?.consume(LOGS)).rejects.toBeInstanceOf(RefusedError)
  to.answer = () => 'never'
  const sending = exporter.consumers.logs?.consume(LOGS)
  while (to.requests.length < 2) await new Promise(setImmediate)
  settings.clock.advance(1000)
  await expect(sending).rejects.toMatchObject({ name: 'RefusedError', message: expect.stringContaining('no answer within') })
  const { exporter: away } = await exporterTo('http://127.0.0.1:1')
  await expect(away.consumers.logs?.consume(LOGS)).rejects.toMatchObject({ name: 'RefusedError', message: 'nobody listens at 127.0.0.1:1' })
})

test('a config needs endpoints that are URLs', () => {
  expect(() => checkedConfig(config, {})).toThrow('no endpoint')
  expect(() => checkedConfig(config, { endpoint: 'collector:4318' })).toThrow('not a URL')
  expect(() => checkedConfig(config, { endpoint: 'http://a:1', proxy_url: 'proxy:3128' })).toThrow('not a URL')
  expect(() => checkedConfig(config, { endpoint: 'http://a:1', compression_params: { level: 10 } })).toThrow('not a level of gzip')
  expect(() => checkedConfig(config, { endpoint: 'http://a:1', compression: 'none', compression_params: { level: 1 } })).toThrow('a level without compression')
  expect(checkedConfig<OtlpHttpConfig>(config, { logs_endpoint: 'http://a/x' }).timeout).toBe('30s')
})
