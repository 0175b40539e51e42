import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { PermanentError } from '../../component/consumer.ts'
import { AttributeSet } from '../../model/attributes.ts'
import { type LogRecords, newLogRecord } from '../../model/log_records.ts'
import { newSpan } from '../../model/traces.ts'
import { checkedConfig } from '../../test/fakes/checked_config.ts'
import { FakeOtlpHttpServer, type GotRequest } from '../../test/fakes/otlp_server.ts'
import { FakeHost, type FakeSettings, fakeSettings } from '../../test/fakes/settings.ts'
import { config, type ElasticsearchConfig } from './config.ts'
import { ElasticsearchExporter } from './exporter.ts'
import { INDEX_TEMPLATES } from './templates.ts'

const DIRECT = { sending_queue: { enabled: false } }
const open: { stop(): void | Promise<void> }[] = []
afterEach(async () => {
  for (const thing of open.splice(0).toReversed()) await thing.stop()
})

function logs(...bodies: readonly string[]): LogRecords {
  const records = bodies.map((body) => newLogRecord({ body, timeNs: 1_700_000_000_000_000_000n }))
  return { groups: [{ resource: { attributes: AttributeSet.empty }, scope: { name: '', version: '' }, records }] }
}

/** The documents of a bulk request: id and text of the body. */
function documents(request: GotRequest | undefined): { readonly id: string; readonly index: string; readonly text: string }[] {
  const lines = (request?.body.toString().split('\n').slice(0, -1) ?? []).map((line) => JSON.parse(line) as Record<string, Record<string, string>>)
  return lines.flatMap((line, at) =>
    line['create'] === undefined
      ? []
      : [{ id: line['create']['_id'] ?? '', index: line['create']['_index'] ?? '', text: lines[at + 1]?.['body']?.['text'] ?? '' }],
  )
}

/** An answer with a status for every document; 201 where none is told. */
function statuses(request: GotRequest, told: Readonly<Record<string, number>> = {}): { readonly code: number; readonly body: string } {
  const items = documents(request).map(({ text }) => {
    const status = told[text] ?? 201
    return { create: { status, ...(status > 299 ? { error: { type: 'some_exception', reason: `not ${text}` } } : {}) } }
  })
  return { code: 200, body: JSON.stringify({ items }) }
}

async function server(): Promise<FakeOtlpHttpServer> {
  const started = await new FakeOtlpHttpServer().start()
  started.answer = (request) => statuses(request)
  open.push(started)
  return started
}

async function exporterTo(given: object): Promise<{ readonly exporter: ElasticsearchExporter; readonly settings: FakeSettings }> {
  const settings = fakeSettings('exporter', 'elasticsearch')
  const exporter = new ElasticsearchExporter(settings, checkedConfig<ElasticsearchConfig>(config, given))
  await exporter.start(new FakeHost())
  open.push({ stop: () => exporter.shutdown({ signal: AbortSignal.abort() }) })
  return { exporter, settings }
}

/** Lets the waits between attempts pass until something is done. */
async function throughWaits<T>(settings: FakeSettings, work: void | Promise<T>): Promise<T | void> {
  const state = { isDone: false }
  const done = Promise.resolve(work).finally(() => (state.isDone = true))
  done.catch(() => undefined)
  while (!state.isDone) {
    await new Promise(setImmediate)
    settings.clock.advance(100)
  }
  return await done
}

test.each(['gzip', 'none'])('documents are created in one bulk request (compression: %s)', async (compression) => {
  const to = await server()
  const { exporter, settings } = await exporterTo({ ...DIRECT, endpoint: `${to.url}/`, compression, api_key: 'abc', pipeline: 'p' })
  await exporter.consumers.logs?.consume(logs('one', 'two'))
  expect(to.requests[0]?.path).toMatch(/^\/_bulk\?filter_path=.*&pipeline=p$/)
  expect(to.requests[0]?.headers).toMatchObject({ 'content-type': 'application/x-ndjson', authorization: 'ApiKey abc' })
  const got = documents(to.requests[0])
  expect(got.map(({ index, text }) => ({ index, text }))).toEqual([
    { index: 'logs-generic.otel-default', text: 'one' },
    { index: 'logs-generic.otel-default', text: 'two' },
  ])
  expect(got[0]?.id).not.toBe(got[1]?.id)
  expect(settings.telemetry.value('otelcol_exporter_sent_log_records')).toBe(2)
})

test('spans go to their own index, with the password', async () => {
  const to = await server()
  const { exporter } = await exporterTo({ ...DIRECT, endpoints: [to.url], traces_index: 'spans', user: 'elastic', password: 'x' })
  const group = { resource: { attributes: AttributeSet.empty }, scope: { name: '', version: '' }, spans: [newSpan({ name: 'GET' })] }
  await exporter.consumers.traces?.consume({ groups: [group] })
  expect(to.requests[0]?.headers).toMatchObject({ authorization: `Basic ${Buffer.from('elastic:x').toString('base64')}` })
  expect(documents(to.requests[0])[0]?.index).toBe('spans')
})

describe('of an answer in part', () => {
  test('only the documents that the server was too busy for are sent again, under the same ids', async () => {
    const to = await server()
    to.answer = (request) => statuses(request, to.requests.length === 1 ? { two: 429, three: 503, four: 409 } : to.requests.length === 2 ? { three: 429 } : {})
    const { exporter, settings } = await exporterTo({ ...DIRECT, endpoint: to.url })
    await throughWaits(settings, exporter.consumers.logs?.consume(logs('one', 'two', 'three', 'four')))
    const sent = to.requests.map((request) => documents(request))
    expect(sent.map((request) => request.map(({ text }) => text))).toEqual([['one', 'two', 'three', 'four'], ['two', 'three'], ['three']])
    expect(
      new Set(
        sent
          .flat()
          .filter(({ text }) => text === 'three')
          .map(({ id }) => id),
      ).size,
    ).toBe(1)
    expect(settings.telemetry.value('otelcol_exporter_sent_log_records')).toBe(4)
  })

  test('what the server will never take is dropped and counted, with the first reason in the log', async () => {
    const to = await server()
    to.answer = (request) => statuses(request, to.requests.length === 1 ? { two: 400, three: 429 } : { three: 400 })
    const { exporter, settings } = await exporterTo({ ...DIRECT, endpoint: to.url })
    await throughWaits(settings, exporter.consumers.logs?.consume(logs('one', 'two', 'three')))
    expect(settings.telemetry.value('otelcol_exporter_sent_log_records')).toBe(1)
    expect(settings.telemetry.value('meshscope_exporter_dropped_log_records', { reason: 'rejected' })).toBe(2)
    expect(settings.log.lines.find(({ fields }) => 'rejected' in fields)).toMatchObject({ fields: { rejected: 2, error: '400 some_exception: not two' } })
  })
})

test('the same request has the same ids again, but records without a time have not', async () => {
  const to = await server()
  const { exporter } = await exporterTo({ ...DIRECT, endpoint: to.url })
  await exporter.consumers.logs?.consume(logs('one', 'one'))
  await exporter.consumers.logs?.consume(logs('one', 'one'))
  const timeless = (): LogRecords => ({
    groups: [{ resource: { attributes: AttributeSet.empty }, scope: { name: '', version: '' }, records: [newLogRecord({ body: 'one' })] }],
  })
  await exporter.consumers.logs?.consume(timeless())
  await exporter.consumers.logs?.consume(timeless())
  const ids = to.requests.map((request) => documents(request).map(({ id }) => id))
  expect(ids[0]).toEqual(ids[1])
  expect(new Set(ids.flat()).size).toBe(4)
})

test('a server that is away is tried again at the next endpoint', async () => {
  const to = await server()
  const { exporter, settings } = await exporterTo({ ...DIRECT, endpoints: ['http://127.0.0.1:1', to.url] })
  await throughWaits(settings, exporter.consumers.logs?.consume(logs('one')))
  expect(to.requests.length).toBe(1)
})

test.each([
  [401, 'denied', PermanentError],
  [200, '<html>', Error],
])('an answer %i %s is no success', async (code, body, kind) => {
  const to = await server()
  to.answer = () => ({ code, body })
  const { exporter } = await exporterTo({ ...DIRECT, endpoint: to.url, retry_on_failure: { enabled: false } })
  const sending = exporter.consumers.logs?.consume(logs('one'))
  await expect(sending).rejects.toBeInstanceOf(kind)
  await expect(sending).rejects.toThrow(body)
})

describe('index templates', () => {
  test('are installed once, before the first documents; these wait for that', async () => {
    const to = await server()
    let refusals = 1
    to.answer = (request) => (request.path.startsWith('/_bulk') ? statuses(request) : refusals-- > 0 ? { code: 403, body: 'no right' } : { code: 200 })
    const { exporter, settings } = await exporterTo({ ...DIRECT, endpoint: to.url, setup: 'template', compression: 'none' })
    await throughWaits(settings, exporter.consumers.logs?.consume(logs('one')))
    await exporter.consumers.logs?.consume(logs('two'))
    const path = '/_index_template/meshscope-'
    expect(to.requests.map((request) => request.path.split('?')[0])).toEqual([`${path}logs`, `${path}logs`, `${path}traces`, '/_bulk', '/_bulk'])
    expect(JSON.parse(to.requests[1]?.body.toString() ?? '')).toEqual(INDEX_TEMPLATES['meshscope-logs'])
  })

  test.each(Object.entries(INDEX_TEMPLATES))('%s is in deploy/ as it is installed', (name, template) => {
    const file = join(import.meta.dirname, '../../deploy/opensearch', `${name}.json`)
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(template)
  })
})

test.each([
  [{}, 'no endpoint'],
  [{ endpoint: 'es:9200' }, 'not a URL'],
  [{ endpoint: 'http://a', endpoints: ['http://b'] }, 'given together with endpoint'],
  [{ endpoint: 'http://a', user: 'x' }, 'given without password'],
  [{ endpoint: 'http://a', user: 'x', password: 'y', api_key: 'z' }, 'given together with user'],
  [{ endpoint: 'http://a', setup: 'template', mapping: { mode: 'ecs' } }, 'no template for this mapping.mode'],
  [{ endpoint: 'http://a', setup: 'template', logs_index: 'a', traces_index: 'b' }, 'data streams that are not used'],
])('the config %o is refused: %s', (given, problem) => {
  expect(() => checkedConfig(config, given)).toThrow(problem)
})
