import { afterEach, expect, test } from 'vitest'
import { PermanentError, RefusedError } from '../../component/consumer.ts'
import { AttributeSet } from '../../model/attributes.ts'
import { newSpan, type Traces } from '../../model/traces.ts'
import { checkedConfig } from '../../test/fakes/checked_config.ts'
import { FakeOtlpHttpServer } from '../../test/fakes/otlp_server.ts'
import { FakeHost, type FakeSettings, fakeSettings } from '../../test/fakes/settings.ts'
import { config, type ZipkinConfig } from './config.ts'
import { ZipkinExporter } from './exporter.ts'

const IDS = { traceId: '0af7651916cd43dd8448eb211c80319c' }
const open: { stop(): void | Promise<void> }[] = []
afterEach(async () => {
  for (const thing of open.splice(0).toReversed()) await thing.stop()
})

function traces(...spanIds: readonly string[]): Traces {
  const resource = { attributes: AttributeSet.of({ 'service.name': 'cart' }) }
  return { groups: [{ resource, scope: { name: '', version: '' }, spans: spanIds.map((spanId) => newSpan({ ...IDS, spanId, name: 'GET' })) }] }
}

async function server(): Promise<FakeOtlpHttpServer> {
  const started = await new FakeOtlpHttpServer().start()
  started.answer = () => ({ code: 202 })
  open.push(started)
  return started
}

async function exporterTo(url: string, given: object): Promise<{ readonly exporter: ZipkinExporter; readonly settings: FakeSettings }> {
  const settings = fakeSettings('exporter', 'zipkin')
  const exporter = new ZipkinExporter(settings, checkedConfig<ZipkinConfig>(config, { endpoint: `${url}/api/v2/spans`, ...given }))
  await exporter.start(new FakeHost())
  open.push({ stop: () => exporter.shutdown({ signal: AbortSignal.abort() }) })
  return { exporter, settings }
}

const DIRECT = { sending_queue: { enabled: false }, retry_on_failure: { enabled: false } }

test.each(['gzip', 'none'])('spans arrive as one array of JSON (compression: %s)', async (compression) => {
  const to = await server()
  const { exporter, settings } = await exporterTo(to.url, { ...DIRECT, compression, headers: { 'X-Tenant': 'a' } })
  await exporter.consumers.traces?.consume(traces('b7ad6b7169203331', 'b7ad6b7169203332'))
  expect(to.requests[0]).toMatchObject({ path: '/api/v2/spans', headers: { 'content-type': 'application/json', 'x-tenant': 'a' } })
  expect(JSON.parse(to.requests[0]?.body.toString() ?? '')).toMatchObject([{ id: 'b7ad6b7169203331' }, { id: 'b7ad6b7169203332' }])
  expect(settings.telemetry.value('otelcol_exporter_sent_spans')).toBe(2)
})

test('requests are joined and split by the queue', async () => {
  const to = await server()
  const { exporter } = await exporterTo(to.url, { sending_queue: { num_consumers: 1, batch: { min_size: 2, max_size: 2 } } })
  await exporter.consumers.traces?.consume(traces('b7ad6b7169203331'))
  await exporter.consumers.traces?.consume(traces('b7ad6b7169203332', 'b7ad6b7169203333', 'b7ad6b7169203334'))
  await exporter.shutdown({ signal: AbortSignal.timeout(5000) })
  const got = to.requests.map(({ body }) => JSON.parse(body.toString()) as { readonly id: string }[])
  expect(Math.max(...got.map((spans) => spans.length))).toBe(2)
  expect(got.flat().map(({ id }) => id.slice(-1))).toEqual(['1', '2', '3', '4'])
})

test('a span without an id is left out and counted, not the request', async () => {
  const to = await server()
  const { exporter, settings } = await exporterTo(to.url, DIRECT)
  await exporter.consumers.traces?.consume(traces('b7ad6b7169203331', ''))
  await exporter.consumers.traces?.consume(traces('0000000000000000'))
  expect(to.requests.length).toBe(1)
  expect(JSON.parse(to.requests[0]?.body.toString() ?? '')).toMatchObject([{ id: 'b7ad6b7169203331' }])
  expect(settings.telemetry.value('meshscope_exporter_dropped_spans', { reason: 'rejected' })).toBe(2)
})

test.each([
  [503, RefusedError],
  [500, RefusedError],
  [400, PermanentError],
  [302, PermanentError],
])('an answer %i is a %o', async (code, kind) => {
  const to = await server()
  to.answer = () => ({ code, headers: { 'retry-after': '7' }, body: 'why' })
  const { exporter } = await exporterTo(to.url, DIRECT)
  const sending = exporter.consumers.traces?.consume(traces('b7ad6b7169203331'))
  await expect(sending).rejects.toBeInstanceOf(kind)
  await expect(sending).rejects.toMatchObject({ message: expect.stringContaining(`HTTP ${code}: why`), ...(code > 499 ? { retryAfterMs: 7000 } : {}) })
})

test('a server that is away may take the spans later', async () => {
  const { exporter } = await exporterTo('http://127.0.0.1:1', DIRECT)
  await expect(exporter.consumers.traces?.consume(traces('b7ad6b7169203331'))).rejects.toMatchObject({
    name: 'RefusedError',
    message: 'nobody listens at 127.0.0.1:1',
  })
})

test('a config needs an endpoint that is a URL', () => {
  expect(() => checkedConfig(config, {})).toThrow('endpoint')
  expect(() => checkedConfig(config, { endpoint: 'zipkin:9411' })).toThrow('not a URL')
})
