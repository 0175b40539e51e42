/** Access logs and OTLP records are documents in a real OpenSearch: all of them, once, also when it was away. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freePort } from '../../free_port.ts'
import { temporaryFolder } from '../child.ts'
import { sumOf } from '../daemon.ts'
import { suite } from '../suite.ts'
import { settled, until } from '../waiting.ts'
import { type SinkDaemon, startSinkDaemon } from './daemon.ts'
import { type SinkServer, startOpenSearch } from './servers.ts'

const WAIT_MS = 120_000

interface Found {
  readonly hits: { readonly hits: readonly { readonly _source: Readonly<Record<string, unknown>> }[] }
  readonly aggregations?: { readonly by: { readonly buckets: readonly { readonly key: string | number; readonly doc_count: number }[] } }
}

let nextTime = 1_800_000_000_000_000_000n

/** A record for a data stream of its own. */
function record(dataset: string, attributes: object): object {
  const fields = { ...attributes, 'data_stream.dataset': { stringValue: dataset } }
  return { timeUnixNano: String(nextTime++), attributes: Object.entries(fields).map(([key, value]) => ({ key, value })) }
}

suite('documents in OpenSearch', ['java', 'opensearch'], (paths) => {
  const folder = temporaryFolder('opensearch')
  let ports: { readonly httpPort: number; readonly transportPort: number }
  let server: SinkServer
  let daemon: SinkDaemon

  beforeAll(async () => {
    ports = { httpPort: await freePort(), transportPort: await freePort() }
    server = await startOpenSearch(paths, { folder: folder.path, ...ports })
    daemon = await startSinkDaemon('logs', {
      elasticsearch: {
        endpoint: `http://127.0.0.1:${ports.httpPort}`,
        setup: 'template',
        retry_on_failure: { initial_interval: '500ms', max_interval: '1s', max_elapsed_time: '0s' },
      },
    })
  })

  afterAll(async () => {
    await daemon?.stop()
    await server?.child.stop('SIGTERM', 60_000)
    folder.remove()
  })

  async function count(dataset: string): Promise<number> {
    const index = `logs-${dataset}.otel-default`
    await server.ask(`/${index}/_refresh`, {})
    return ((await server.ask(`/${index}/_count`)) as { readonly count: number }).count
  }

  /** How many documents there are once there are as many as expected. */
  async function counted(dataset: string, expected: number): Promise<number> {
    return await settled(
      () => count(dataset).catch(() => 0),
      (now) => now >= expected,
      WAIT_MS,
    )
  }

  test('every access log is one, with its fields', async () => {
    const { entries } = await daemon.simulate()
    expect(entries).toMatchObject({ lost: 0, unconfirmed: 0 })
    expect(await counted('generic', entries.confirmed)).toBe(entries.confirmed)
    const query = {
      size: 1,
      query: { term: { 'attributes.http.response.status_code': 200 } },
      aggs: { by: { terms: { field: 'resource.attributes.service.name', size: 50 } } },
    }
    const { hits, aggregations } = (await server.ask('/logs-generic.otel-default/_search', query)) as Found
    expect(hits.hits[0]?._source).toMatchObject({
      '@timestamp': expect.stringMatching(/^20.*\.\d{9}Z$/),
      severity_text: 'INFO',
      attributes: { 'http.request.method': expect.any(String), 'url.path': expect.any(String) },
      data_stream: { dataset: 'generic.otel' },
    })
    expect(aggregations?.by.buckets.map(({ key }) => key)).toEqual(expect.arrayContaining(['productpage', 'reviews']))
  })

  test('one that does not fit the mapping is lost and counted, the others of its request are not', async () => {
    await daemon.sendLogs([record('conflict', { place: { stringValue: 'text' } })])
    expect(await counted('conflict', 1)).toBe(1)
    // The templates let values of a wrong type pass; a field that would have to be text and an object does not.
    const below = record('conflict', { 'place.name': { stringValue: 'x' } })
    await daemon.sendLogs([record('conflict', { place: { stringValue: 'more' } }), below, record('conflict', {})])
    expect(await counted('conflict', 3)).toBe(3)
    const own = await settled(
      () => daemon.scrapeOwn(),
      (text) => droppedOf(text, 'rejected') > 0,
    )
    expect(droppedOf(own, 'rejected')).toBe(1)
  })

  test('none is lost and none is there twice when the server was away', async () => {
    await server.child.stop('SIGTERM', 60_000)
    for (let request = 0; request < 20; request++) await daemon.sendLogs(Array.from({ length: 10 }, (_, n) => record('away', { n: { intValue: String(n) } })))
    await until('attempts that fail', async () => sumOf(await daemon.scrapeOwn(), 'meshscope_exporter_failed_attempts') > 0)
    server = await startOpenSearch(paths, { folder: folder.path, ...ports })
    expect(await counted('away', 200)).toBe(200)
    expect(droppedOf(await daemon.scrapeOwn(), 'retries_exhausted')).toBe(0)
    // Nothing is on its way any more that could come twice.
    const queued = await settled(
      async () => sumOf(await daemon.scrapeOwn(), 'meshscope_exporter_queued_items'),
      (items) => items === 0,
    )
    expect(queued).toBe(0)
    expect(await count('away')).toBe(200)
  })
})

function droppedOf(text: string, reason: string): number {
  return sumOf(text, 'meshscope_exporter_dropped_log_records', { reason })
}
