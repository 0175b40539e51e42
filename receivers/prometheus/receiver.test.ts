import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { RefusedError } from '../../component/consumer.ts'
import { fakeSettings } from '../../test/fakes/settings.ts'
import { createAuthority } from '../../test/interop/certificates.ts'
import { FakeTarget, ReceiverRun } from './testing.ts'

const cleanups: (() => void | Promise<void>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

async function target(answer: (response: ServerResponse, path: string) => void): Promise<FakeTarget> {
  const started = await FakeTarget.start((request, response) => answer(response, request.url ?? ''))
  cleanups.push(() => started.stop())
  return started
}

const page = (text: string, type = 'text/plain; version=0.0.4') => {
  return (response: ServerResponse): void => {
    response.writeHead(200, { 'content-type': type })
    response.end(text)
  }
}

const INTERVAL = { scrape_interval: '10s', scrape_timeout: '10s' }

function run(job: object, global: object = {}): ReceiverRun {
  const started = new ReceiverRun({ global: { ...INTERVAL, ...global }, scrape_configs: [{ job_name: 'mesh', ...job }] })
  started.start()
  cleanups.push(() => started.stop())
  return started
}

const of = (...targets: readonly FakeTarget[]) => ({ static_configs: [{ targets: targets.map(({ address }) => address) }] })

describe('a scrape', () => {
  test('hands on what is on the page, and a report', async () => {
    const envoy = await target(page('# TYPE rq counter\nrq{code="200"} 7\n'))
    const { points, advance, counted } = bound(run({ ...of(envoy), metrics_path: '/stats/prometheus', params: { usedonly: [''], filter: ['rq'] } }))
    await advance(10_000, 1)
    expect(points.map(({ name, value, labels }) => ({ name, value, labels })).filter(({ name }) => name !== 'scrape_duration_seconds')).toEqual([
      { name: 'rq', value: 7, labels: { code: '200' } },
      { name: 'up', value: 1, labels: {} },
      { name: 'scrape_samples_scraped', value: 1, labels: {} },
      { name: 'scrape_samples_post_metric_relabeling', value: 1, labels: {} },
      { name: 'scrape_series_added', value: 1, labels: {} },
    ])
    const [request] = envoy.requests
    expect(request?.url).toBe('/stats/prometheus?filter=rq')
    expect(request?.headers).toMatchObject({ 'accept-encoding': 'gzip', 'x-prometheus-scrape-timeout-seconds': '10' })
    expect(request?.headers.accept).toMatch(/^application\/openmetrics-text;version=1\.0\.0;q=0\.9,.*text\/plain;version=0\.0\.4;q=0\.7,\*\/\*;q=0\.1$/)
    expect(counted('meshscope_prometheus_target_scrapes', { receiver: 'prometheus', job: 'mesh', outcome: 'ok' })).toBe(1)
    expect(counted('otelcol_receiver_accepted_metric_points', { transport: 'http' })).toBe(6)
  })

  test('comes once in each interval, over one connection', async () => {
    const envoy = await target(page('a 1\n'))
    const { advance } = bound(run(of(envoy)))
    for (let i = 0; i < 3; i++) await advance(10_000, 1)
    expect(envoy.requests).toHaveLength(3)
    expect(new Set(envoy.requests.map(({ socket }) => socket.remotePort)).size).toBe(1)
  })

  test('of several targets is spread over the interval, at the same times after each start', () => {
    const targets = Array.from({ length: 20 }, (_, i) => `10.0.0.${i}:15090`)
    const times = (): readonly number[] => {
      const settings = fakeSettings('receiver', 'prometheus')
      const delays: number[] = []
      const after = settings.clock.after.bind(settings.clock)
      settings.clock.after = (delayMs, callback) => {
        delays.push((settings.clock.now() + delayMs) % 10_000)
        return after(delayMs, callback)
      }
      const started = new ReceiverRun({ global: INTERVAL, scrape_configs: [{ job_name: 'mesh', static_configs: [{ targets }] }] }, settings)
      started.start()
      cleanups.push(() => started.stop())
      return delays
    }
    const first = times()
    expect(first).toHaveLength(20)
    expect(new Set(first.map((ms) => Math.floor(ms / 1000))).size).toBeGreaterThan(5)
    expect(times()).toEqual(first)
  })

  test('reads gzip and OpenMetrics', async () => {
    const envoy = await target((response) => {
      response.writeHead(200, { 'content-type': 'application/openmetrics-text; version=1.0.0; charset=utf-8', 'content-encoding': 'gzip' })
      response.end(gzipSync('# TYPE a counter\na_total 4\n# EOF\n'))
    })
    const started = run(of(envoy))
    await started.advance(10_000, 1)
    expect([started.last('a_total'), started.last('up')]).toEqual([4, 1])
  })

  test('follows redirects, without the credentials to another place', async () => {
    const other = await target(page('a 1\n'))
    const first = await target((response, path) => {
      if (path === '/metrics') response.writeHead(302, { location: '/next' }).end()
      else response.writeHead(307, { location: `http://${other.address}/there` }).end()
    })
    const started = run({ ...of(first), basic_auth: { username: 'u', password: 'p' } })
    await started.advance(10_000, 1)
    expect(started.last('a')).toBe(1)
    expect(first.requests.map(({ headers }) => headers.authorization)).toEqual(['Basic dTpw', 'Basic dTpw'])
    expect(other.requests.map(({ url, headers }) => [url, headers.authorization])).toEqual([['/there', undefined]])
  })

  test('shows credentials that stand in a file, read each time', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'meshscope-scrape-'))
    cleanups.push(() => rmSync(folder, { recursive: true }))
    const file = join(folder, 'token')
    const envoy = await target(page('a 1\n'))
    const started = run({ ...of(envoy), authorization: { credentials_file: file } })
    await started.advance(10_000, 1)
    expect(started.last('up')).toBe(0)
    expect(started.counted('meshscope_prometheus_target_scrapes', { outcome: 'credentials' })).toBe(1)
    writeFileSync(file, 'secret\n')
    await started.advance(10_000, 1)
    expect(started.last('up')).toBe(1)
    expect(envoy.requests.map(({ headers }) => headers.authorization)).toEqual(['Bearer secret'])
  })
})

describe.skipIf(spawnSync('openssl', ['version']).status !== 0)('a scrape by TLS', () => {
  const folder = mkdtempSync(join(tmpdir(), 'meshscope-scrape-tls-'))
  afterAll(() => rmSync(folder, { recursive: true }))

  test('verifies the target and shows a certificate', async () => {
    const authority = createAuthority('openssl', folder)
    const [server, client] = [authority.issue('target', 'target.test'), authority.issue('scraper')]
    const [cert, key, ca] = [server.cert, server.key, server.authority].map((file) => readFileSync(file))
    const envoy = await FakeTarget.start((_request, response) => response.end('a 1\n'), { cert, key, ca, requestCert: true, rejectUnauthorized: true })
    cleanups.push(() => envoy.stop())
    const scraped = async (tls: object): Promise<readonly unknown[]> => {
      const started = run({ ...of(envoy), scheme: 'https', tls_config: tls })
      await started.advance(10_000, 1)
      return [started.last('up'), started.counted('meshscope_prometheus_target_scrapes', { outcome: 'connection' })]
    }
    const shown = { cert_file: client.cert, key_file: client.key }
    expect(await scraped({ ...shown, ca_file: client.authority, server_name: 'target.test' })).toEqual([1, 0])
    expect(await scraped({ ...shown, insecure_skip_verify: true })).toEqual([1, 0])
    expect(await scraped({ ...shown, ca_file: client.authority })).toEqual([0, 1])
    expect(await scraped({ ...shown, server_name: 'target.test' })).toEqual([0, 1])
    expect(await scraped({ ca_file: client.authority, server_name: 'target.test' })).toEqual([0, 1])
    expect(await scraped({ ca_file: join(folder, 'none.pem') })).toEqual([0, 1])
  })
})

describe('a failed scrape', () => {
  test.for<readonly [string, (response: ServerResponse) => void, object]>([
    ['status', (response) => response.writeHead(503).end('no'), {}],
    ['content_type', page('<html>', 'text/html'), {}],
    ['cut', page('a 1\n', 'application/openmetrics-text; version=1.0.0'), {}],
    ['cut', (response) => void response.writeHead(200, { 'content-length': '100' }).write('a 1\n', () => response.destroy()), {}],
    ['encoding', (response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end('no gzip'), {}],
    ['encoding', (response) => response.writeHead(200, { 'content-encoding': 'br' }).end('x'), {}],
    ['too_large', page('a 1\n'.repeat(1000)), { body_size_limit: '1KB' }],
    ['sample_limit', page('a 1\nb 2\nc 3\n'), { sample_limit: 2 }],
    ['status', (response) => response.writeHead(302, { location: '/metrics' }).end(), {}],
    ['connection', (response) => void response.destroy(), {}],
  ])('is down, says so, and ends its series: %s', async ([outcome, answer, job]) => {
    let isBroken = false
    const envoy = await target((response) => (isBroken ? answer(response) : page('a 1\n')(response)))
    const started = run({ ...of(envoy), ...job })
    await started.advance(10_000, 1)
    isBroken = true
    await started.advance(10_000, 1)
    expect(started.points.filter(({ name }) => name === 'a').map(({ isEnded }) => isEnded)).toEqual([false, true])
    expect(started.last('up')).toBe(0)
    expect(started.counted('meshscope_prometheus_target_scrapes', { outcome })).toBe(1)
    expect(started.settings.log.lines.filter(({ level }) => level === 'warn')).toMatchObject([
      { fields: { reason: outcome }, message: 'target cannot be scraped' },
    ])
    isBroken = false
    await started.advance(10_000, 1)
    expect([started.last('a'), started.last('up')]).toEqual([1, 1])
  })

  test('that takes too long is ended', async () => {
    const asked = Promise.withResolvers<void>()
    const envoy = await target(() => asked.resolve())
    const started = run(of(envoy))
    started.settings.clock.advance(10_000)
    await asked.promise
    await started.advance(10_000, 1)
    expect(started.last('up')).toBe(0)
    expect(started.last('scrape_duration_seconds')).toBeGreaterThanOrEqual(10)
    expect(started.counted('meshscope_prometheus_target_scrapes', { outcome: 'timeout' })).toBe(1)
  })

  test('does not harm other targets', async () => {
    const [good, bad] = [await target(page('a 1\n')), await target((response) => void response.destroy())]
    const started = run(of(good, bad))
    await started.advance(10_000, 2)
    expect([started.last('up', good.address), started.last('up', bad.address)]).toEqual([1, 0])
  })
})

test('a line that cannot be read is counted and logged once, and the others are kept', async () => {
  const envoy = await target(page('a 1\nb{x= 2\nc 3\n'))
  const started = run(of(envoy))
  await started.advance(10_000, 1)
  await started.advance(10_000, 1)
  expect([started.last('a'), started.last('c'), started.last('up')]).toEqual([1, 3, 1])
  expect(started.counted('meshscope_prometheus_malformed_lines', { reason: 'labels' })).toBe(2)
  expect(started.settings.log.lines.filter(({ message }) => message.startsWith('page'))).toMatchObject([{ fields: { line: 'b{x= 2' } }])
})

test('reports go on under the resource that target_info says', async () => {
  let version = '1'
  const envoy = await target((response) => page(`target_info{version="${version}"} 1\n`)(response))
  const started = run(of(envoy))
  await started.advance(10_000, 1)
  version = '2'
  await started.advance(10_000, 2)
  expect(started.points.filter(({ name }) => name === 'up').map(({ value, isEnded, version: said }) => [value, isEnded, said])).toEqual([
    [1, false, '1'],
    [null, true, '1'],
    [1, false, '2'],
  ])
})

test('points that the pipeline refuses are counted', async () => {
  const envoy = await target(page('a 1\n'))
  const started = run(of(envoy))
  started.refusal = new RefusedError('full')
  await started.advance(10_000, 1)
  expect(started.counted('otelcol_receiver_refused_metric_points')).toBe(6)
  expect(started.counted('otelcol_receiver_accepted_metric_points')).toBe(0)
})

test('targets that relabelling drops, or that are none, are counted', () => {
  const rules = [
    { source_labels: ['__address__'], regex: 'drop:.*', action: 'drop' },
    { source_labels: ['__address__'], regex: 'bad:1', target_label: '__address__', replacement: 'a/b' },
  ]
  const started = run({ static_configs: [{ targets: ['a:1', 'a:1', 'drop:1', 'bad:1'] }], relabel_configs: rules })
  const state = (name: string): number => started.counted('meshscope_prometheus_targets', { state: name })
  expect(['active', 'duplicate', 'dropped', 'invalid'].map(state)).toEqual([1, 1, 1, 1])
})

/** Methods that can be taken out of the object. */
function bound(started: ReceiverRun) {
  return { points: started.points, advance: started.advance.bind(started), counted: started.counted.bind(started) }
}
