/** Two real Envoys with mTLS between them: both sides' identities, and handshakes that fail. */
import { connect as tlsConnect } from 'node:tls'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createAuthority, spiffeId } from './certificates.ts'
import { temporaryFolder } from './child.ts'
import { type RunningDaemon, samplesOf, startDaemon, sumBy, sumOf } from './daemon.ts'
import { cluster, httpListener, type RunningEnvoy, sidecarNode, startEnvoy, type TlsFiles, tcpListener } from './envoy.ts'
import { ledgerOf } from './ledger.ts'
import { PRODUCTPAGE_ADDRESS, SERVICE_ADDRESS } from './mesh.ts'
import { suite } from './suite.ts'
import { http1Driver, tcpDriver } from './traffic.ts'
import { startUpstreams, TCP_ECHO_FACTOR, type Upstreams } from './upstreams.ts'
import { until } from './waiting.ts'

const REVIEWS = '127.0.2.2'
const REQUESTS = 20

suite('mutual TLS', ['envoy', 'openssl'], (paths) => {
  const folder = temporaryFolder('certificates')
  let daemon: RunningDaemon
  let upstreams: Upstreams
  let reviews: RunningEnvoy
  let productpage: RunningEnvoy

  beforeAll(async () => {
    const authority = createAuthority(paths.openssl, folder.path)
    daemon = await startDaemon()
    upstreams = await startUpstreams()
    reviews = await startEnvoy(paths.envoy, 'reviews', server(authority.issue('bookinfo-reviews')))
    productpage = await startEnvoy(paths.envoy, 'productpage', client(authority.issue('bookinfo-productpage')))
  })

  afterAll(async () => {
    await productpage?.stop()
    await reviews?.stop()
    await upstreams?.stop()
    await daemon?.stop()
    folder.remove()
  })

  const als = (from: string): object => cluster({ name: 'als', endpoint: { host: '127.0.0.1', port: daemon.ports.als }, http2: true, from })

  function server(tls: TlsFiles): object {
    const routes = [{ match: { prefix: '/' }, route: { cluster: 'inbound|9080||' } }]
    const listeners = [
      httpListener({ name: 'http', address: REVIEWS, direction: 'INBOUND', routes, tls }),
      tcpListener({ name: 'tcp', address: REVIEWS, direction: 'INBOUND', cluster: 'inbound|27017||', tls }),
    ]
    const clusters = [
      als(REVIEWS),
      cluster({ name: 'inbound|9080||', endpoint: { host: '127.0.0.1', port: upstreams.httpPort } }),
      cluster({ name: 'inbound|27017||', endpoint: { host: '127.0.0.1', port: upstreams.tcpPort } }),
    ]
    return { node: sidecarNode({ app: 'reviews', workload: 'reviews-v1', ip: REVIEWS }), static_resources: { listeners, clusters } }
  }

  function client(tls: TlsFiles): object {
    const name = (port: number): string => `outbound|${port}||reviews.default.svc.cluster.local`
    const to = (listener: string): { host: string; port: number } => ({ host: REVIEWS, port: reviews.ports[listener] ?? 0 })
    const routes = [{ match: { prefix: '/' }, route: { cluster: name(9080) } }]
    const listeners = [
      httpListener({ name: 'http', address: SERVICE_ADDRESS, direction: 'OUTBOUND', routes }),
      tcpListener({ name: 'tcp', address: SERVICE_ADDRESS, direction: 'OUTBOUND', cluster: name(27017) }),
    ]
    const clusters = [
      als(PRODUCTPAGE_ADDRESS),
      cluster({ name: name(9080), endpoint: to('http'), from: PRODUCTPAGE_ADDRESS, tls }),
      cluster({ name: name(27017), endpoint: to('tcp'), from: PRODUCTPAGE_ADDRESS, tls }),
    ]
    const node = sidecarNode({ app: 'productpage', workload: 'productpage-v1', ip: PRODUCTPAGE_ADDRESS })
    return { node, static_resources: { listeners, clusters } }
  }

  test('requests carry the identities of both sides, and the server side says mutual_tls', async () => {
    const driver = http1Driver({ host: SERVICE_ADDRESS, port: productpage.ports['http'] ?? 0, from: PRODUCTPAGE_ADDRESS })
    for (let i = 0; i < REQUESTS; i++) expect(await driver.get('/status/200')).toBe(200)
    driver.close()
    await until('both sides of every request', async () => sumOf(await daemon.scrape(), 'istio_requests_total') === REQUESTS * 2)
    const samples = samplesOf(await daemon.scrape(), 'istio_requests_total')
    expect(sumBy(samples, ['reporter', 'connection_security_policy', 'destination_principal'])).toEqual({
      [`source unknown ${spiffeId('bookinfo-reviews')}`]: REQUESTS,
      [`destination mutual_tls ${spiffeId('bookinfo-reviews')}`]: REQUESTS,
    })
    const served = samples.filter(({ labels }) => labels['reporter'] === 'destination')
    expect(sumBy(served, ['source_principal', 'source_workload_namespace'])).toEqual({ [`${spiffeId('bookinfo-productpage')} default`]: REQUESTS })
  })

  test('a TCP connection whose handshake is refused is not counted as one that was served', async () => {
    const before = ledgerOf(await daemon.scrapeOwn()).received
    const stranger = tlsConnect({ host: REVIEWS, port: reviews.ports['tcp'] ?? 0, rejectUnauthorized: false })
    stranger.on('error', () => undefined).resume()
    await new Promise<void>((resolve) => stranger.once('close', () => resolve()))
    const served = await tcpDriver({ host: SERVICE_ADDRESS, port: productpage.ports['tcp'] ?? 0, from: PRODUCTPAGE_ADDRESS })
    await served.exchange(10, 10 * TCP_ECHO_FACTOR)
    await served.close()
    // Start and end of the served connection on both sides, and at least the end of the refused one.
    await until('all five entries', async () => ledgerOf(await daemon.scrapeOwn()).received >= before + 5)
    await until('the end on both sides', async () => sumOf(await daemon.scrape(), 'istio_tcp_connections_closed_total') >= 2)
    const text = await daemon.scrape()
    expect(sumBy(samplesOf(text, 'istio_tcp_connections_closed_total'), ['reporter'])).toEqual({ source: 1, destination: 1 })
    expect(sumBy(samplesOf(text, 'istio_tcp_connections_opened_total'), ['reporter'])).toEqual({ source: 1, destination: 1 })
  })
})
