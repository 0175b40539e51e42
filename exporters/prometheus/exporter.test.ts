import { once } from 'node:events'
import { type ClientRequest, get, type IncomingMessage, request } from 'node:http'
import { connect } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { afterEach, describe, expect, it } from 'vitest'
import type { FamilyPoints } from '../../model/metrics.ts'
import { parseExposition } from '../../test/fakes/exposition.ts'
import { familyPoints, metricFamily, metricsOf } from '../../test/fakes/metrics.ts'
import { FakeHost, type FakeSettings, fakeSettings } from '../../test/fakes/settings.ts'
import { config, type PrometheusConfig } from './config.ts'
import { PrometheusExporter } from './exporter.ts'
import { prometheusExporter } from './factory.ts'

const defaults: PrometheusConfig = {
  endpoint: '127.0.0.1:0',
  path: '/metrics',
  namespace: '',
  const_labels: {},
  send_timestamps: false,
  metric_expiration: '5m',
  enable_open_metrics: true,
  created_samples: true,
  add_metric_suffixes: true,
  resource_to_telemetry_conversion: { enabled: false, exclude_service_attributes: false },
  without_scope_info: false,
  series_max: 100_000,
  read_timeout: '0s',
  read_header_timeout: '1m',
  write_timeout: '30s',
  idle_timeout: '1m',
  keep_alives_enabled: true,
  response_headers: {},
}
const OPEN_METRICS = 'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1'

/** A host whose refresh a test can hold up. */
class SlowHost extends FakeHost {
  hold: Promise<void> = Promise.resolve()

  override async refresh(): Promise<void> {
    await super.refresh()
    await this.hold
  }
}

const open: PrometheusExporter[] = []

interface Running {
  readonly exporter: PrometheusExporter
  readonly settings: FakeSettings
  readonly host: SlowHost
  readonly url: string
  readonly port: number
  readonly consume: (...families: FamilyPoints[]) => void
}

async function started(changes: Partial<PrometheusConfig> = {}): Promise<Running> {
  const settings = fakeSettings('exporter', 'prometheus')
  const exporter = new PrometheusExporter(settings, { ...defaults, ...changes })
  const host = new SlowHost()
  open.push(exporter)
  await exporter.start(host)
  const port = exporter.addresses[0]?.port ?? 0
  return {
    exporter,
    settings,
    host,
    port,
    url: `http://127.0.0.1:${port}/metrics`,
    consume: (...families) => void exporter.consumers.metrics?.consume(metricsOf(...families)),
  }
}

function hits(value = 3, count = 1) {
  return familyPoints(
    metricFamily('hits'),
    Array.from({ length: count }, (_, i) => ({ attributes: { i, filler: `${i} `.repeat(20) }, values: [value] })),
    { producer: {} },
  )
}

async function bodyOf(sent: ClientRequest): Promise<{ readonly response: IncomingMessage; readonly body: Buffer }> {
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  return { response, body: Buffer.concat((await response.toArray()) as Buffer[]) }
}

/** Lines that are not comments; for bodies too large to be parsed in a test. */
function samplesIn(text: string): number {
  return text.split('\n').filter((line) => line.startsWith('hits_total{')).length
}

afterEach(async () => {
  for (const exporter of open.splice(0)) await exporter.shutdown({ signal: AbortSignal.abort() })
})

describe('PrometheusExporter', () => {
  it('serves text format to whoever asks for nothing else', async () => {
    const { url, consume, settings, host } = await started()
    consume(hits())
    const response = await fetch(url)
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
    expect(parseExposition(await response.text()).sum('hits_total')).toBe(3)
    expect(host.refreshes).toBe(1)
    expect(settings.telemetry.value('otelcol_exporter_sent_metric_points', { exporter: 'prometheus' })).toBe(1)
    expect(settings.telemetry.value('meshscope_prometheus_scrapes', { outcome: 'ok', format: 'text' })).toBe(1)
    expect(settings.telemetry.value('meshscope_prometheus_series')).toBe(1)
  })

  it.each([
    [OPEN_METRICS, true, 'application/openmetrics-text; version=1.0.0; charset=utf-8'],
    [OPEN_METRICS, false, 'text/plain; version=0.0.4; charset=utf-8'],
    [
      'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.7,text/plain;version=0.0.4;q=0.4,*/*;q=0.3',
      true,
      'application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores',
    ],
    [
      'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,text/plain;q=0.1',
      true,
      'text/plain; version=0.0.4; charset=utf-8',
    ],
    ['application/openmetrics-text;version=2.0.0, text/plain;q=0.2', true, 'text/plain; version=0.0.4; charset=utf-8'],
    ['application/openmetrics-text;q=0.1, text/plain', true, 'text/plain; version=0.0.4; charset=utf-8'],
    ['image/png', true, 'text/plain; version=0.0.4; charset=utf-8'],
  ])('answers Accept: %s with OpenMetrics enabled = %s by %s', async (accept, isEnabled, wanted) => {
    const { url, consume } = await started({ enable_open_metrics: isEnabled })
    consume(hits())
    const response = await fetch(url, { headers: { Accept: accept } })
    expect(response.headers.get('content-type')).toBe(wanted)
    expect(parseExposition(await response.text()).format).toBe(wanted.startsWith('text') ? 'text' : 'openmetrics')
  })

  it('compresses for clients that accept gzip', async () => {
    const { url, consume } = await started()
    consume(hits(3, 5000))
    const plain = await bodyOf(get(url, { headers: { 'Accept-Encoding': 'gzip;q=0, br' } }))
    const zipped = await bodyOf(get(url, { headers: { 'Accept-Encoding': 'br;q=1, gzip;q=0.8' } }))
    expect(plain.response.headers['content-encoding']).toBeUndefined()
    expect(zipped.response.headers['content-encoding']).toBe('gzip')
    expect(gunzipSync(zipped.body).equals(plain.body)).toBe(true)
    expect(parseExposition(plain.body.toString()).samples.length).toBe(5000)
  })

  it('renders once for scrapes that come together', async () => {
    const { url, consume, settings, host } = await started()
    consume(hits())
    const gate = Promise.withResolvers<void>()
    host.hold = gate.promise
    const scrapes = [fetch(url), fetch(url), fetch(url)]
    // All three have been read when a request that was sent after them is answered.
    await fetch(new URL('/', url))
    gate.resolve()
    const texts = await Promise.all(scrapes.map(async (sent) => (await sent).text()))
    expect(new Set(texts).size).toBe(1)
    expect(host.refreshes).toBe(1)
    expect(settings.telemetry.value('meshscope_prometheus_scrapes', { outcome: 'ok' })).toBe(3)
  })

  it('does not wait longer for the newest values than the scraper does', async () => {
    const { url, consume, settings, host } = await started()
    consume(hits())
    const asked = Promise.withResolvers<void>()
    host.refresh = () => {
      asked.resolve()
      return new Promise(() => {})
    }
    const text = fetch(url, { headers: { 'X-Prometheus-Scrape-Timeout-Seconds': '2' } }).then((response) => response.text())
    await asked.promise
    settings.clock.advance(1200)
    expect(parseExposition(await text).sum('hits_total')).toBe(3)
    expect(settings.telemetry.value('meshscope_prometheus_stale_renderings', { reason: 'timeout' })).toBe(1)
  })

  it('goes on serving every list of a producer that has several in one family', async () => {
    const { url, consume } = await started()
    const family = metricFamily('hits')
    const producer = {}
    const listOf = (key: string) => familyPoints(family, [{ attributes: { [key]: 'a' }, values: [1] }], { producer })
    const lists = ['x', 'y', 'z'].map(listOf)
    const page = async (): Promise<string> => await (await fetch(url)).text()
    consume(...lists)
    const first = await page()
    expect(samplesIn(first)).toBe(3)
    // The same lists come again with every refresh, and may come in another order.
    consume(...lists)
    expect(await page()).toBe(first)
    consume(...lists.toReversed())
    expect(samplesIn(await page())).toBe(3)
  })

  it('serves what it has when its producers fail', async () => {
    const { url, consume, settings, host } = await started()
    consume(hits())
    host.refresh = () => Promise.reject(new Error('boom'))
    expect(parseExposition(await (await fetch(url)).text()).sum('hits_total')).toBe(3)
    expect(settings.telemetry.value('meshscope_prometheus_stale_renderings', { reason: 'error' })).toBe(1)
    expect(settings.log.lines).toMatchObject([{ level: 'warn', fields: { error: 'boom' } }])
  })

  it('counts a client that goes away and serves the next one', async () => {
    const { url, port, consume, settings } = await started()
    consume(hits(3, 60_000))
    const socket = connect(port, '127.0.0.1')
    socket.write('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n')
    await once(socket, 'readable')
    socket.destroy()
    expect(samplesIn(await (await fetch(url)).text())).toBe(60_000)
    await expect.poll(() => settings.telemetry.value('meshscope_prometheus_scrapes', { outcome: 'aborted' })).toBe(1)
  })

  it('gives a client that reads slowly everything, without holding up others', async () => {
    const { url, consume } = await started()
    consume(hits(3, 60_000))
    const slow = get(url)
    const [response] = (await once(slow, 'response')) as [IncomingMessage]
    response.pause()
    expect(samplesIn(await (await fetch(url)).text())).toBe(60_000)
    expect(samplesIn(Buffer.concat((await response.toArray()) as Buffer[]).toString())).toBe(60_000)
  })

  it('counts series that clash, tells about them once, and serves the rest', async () => {
    const { url, consume, settings } = await started()
    const points = [
      { attributes: { 'a.b': '1' }, values: [1] },
      { attributes: { a_b: '1' }, values: [2] },
    ]
    consume(familyPoints(metricFamily('hits'), points, { producer: {} }))
    for (let scrape = 0; scrape < 3; scrape++) expect(parseExposition(await (await fetch(url)).text()).sum('hits_total')).toBe(1)
    expect(settings.telemetry.value('meshscope_prometheus_series_rejected', { exporter: 'prometheus', reason: 'duplicate' })).toBe(1)
    expect(settings.log.lines).toMatchObject([{ message: 'series are not exposed', fields: { metric: 'hits_total', reason: 'duplicate' } }])
  })

  it('expires single series on its timer and stops it at shutdown', async () => {
    const { exporter, url, consume, settings } = await started({ metric_expiration: '10s' })
    consume(familyPoints(metricFamily('hits'), [{ attributes: {}, values: [1] }]))
    settings.clock.advance(10_001)
    expect(await (await fetch(url)).text()).toBe('')
    await exporter.shutdown({ signal: AbortSignal.abort() })
    expect(settings.clock.pendingTimers).toBe(0)
  })

  it.each([
    ['GET', '/', 200, '/metrics'],
    ['GET', '/other', 404, 'metrics are at /metrics'],
    ['POST', '/metrics', 405, 'use GET'],
    ['HEAD', '/metrics', 200, ''],
    ['GET', '/metrics?x=1', 200, ''],
  ])('answers %s %s with %d', async (method, path, status, text) => {
    const { port } = await started()
    const { response, body } = await bodyOf(request({ port, method, path, host: '127.0.0.1' }).end())
    expect(response.statusCode).toBe(status)
    expect(body.toString()).toContain(text)
    expect(response.headers.allow).toBe(status === 405 ? 'GET, HEAD' : undefined)
  })

  it('adds what the configuration says to every name and series', async () => {
    const { url, consume } = await started({
      namespace: 'mesh',
      const_labels: { region: 'eu' },
      resource_constant_labels: { included: ['k8s.*'], excluded: ['k8s.pod.*'] },
      resource_to_telemetry_conversion: { enabled: false, exclude_service_attributes: false },
      translation_strategy: 'UnderscoreEscapingWithoutSuffixes',
    })
    const resource = { 'k8s.pod.name': 'p', 'k8s.namespace.name': 'n', 'service.name': 's' }
    consume(familyPoints(metricFamily('hits', { unit: 's' }), [{ attributes: {}, values: [1] }], { resource, producer: {} }))
    expect(parseExposition(await (await fetch(url)).text()).samples).toEqual([
      { name: 'mesh_hits', labels: { job: 's', k8s_namespace_name: 'n', region: 'eu' }, value: 1 },
      { name: 'mesh_target_info', labels: { job: 's', k8s_namespace_name: 'n', k8s_pod_name: 'p', region: 'eu' }, value: 1 },
    ])
  })

  it('is safe to shut down without start', async () => {
    const exporter = new PrometheusExporter(fakeSettings('exporter', 'prometheus'), defaults)
    await exporter.shutdown({ signal: AbortSignal.abort() })
    expect(exporter.addresses).toEqual([])
  })
})

describe('config', () => {
  it.each([
    [{ endpoint: 'nowhere' }, 'endpoint', 'not an address'],
    [{ metric_expiration: '-5m' }, 'metric_expiration', 'negative duration'],
    [{ translation_strategy: 'NoTranslation' as const }, 'translation_strategy', 'not supported'],
  ])('refuses %j', (changes, key, problem) => {
    const problems = config.check?.({ ...defaults, ...changes }) ?? []
    expect(problems.map((found) => found.path)).toEqual([[key]])
    expect(problems[0]?.problem).toContain(problem)
    expect(problems[0]?.expected).toBeTruthy()
  })

  it('takes the defaults, and tells which address it listens on', () => {
    expect(config.check?.(defaults)).toEqual([])
    expect(prometheusExporter.listens?.(defaults)).toEqual([{ network: 'tcp', address: '127.0.0.1:0', path: ['endpoint'] }])
  })
})
