/** Real Envoys proxy a known mix; what a real Prometheus has scraped afterwards equals what was sent. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type RunningDaemon, samplesOf, startDaemon, sumBy } from './daemon.ts'
import { imbalances, ledgerOf } from './ledger.ts'
import { type Mesh, PRODUCTPAGE_ADDRESS, SERVICE_ADDRESS, startMesh } from './mesh.ts'
import { sendGrpc, sendHttp, sendTcp, type TcpTruth } from './mix.ts'
import { type RunningPrometheus, startPrometheus } from './prometheus.ts'
import { checkMetrics } from './promtool.ts'
import { suite } from './suite.ts'
import { tcpDriver } from './traffic.ts'
import { startUpstreams, TCP_ECHO_FACTOR, type Upstreams } from './upstreams.ts'
import { settled, until } from './waiting.ts'

const ROUNDS = 5

suite('counts of a real Envoy', ['envoy', 'prometheus', 'promtool'], (paths) => {
  let daemon: RunningDaemon
  let prometheus: RunningPrometheus
  let upstreams: Upstreams
  let mesh: Mesh

  beforeAll(async () => {
    daemon = await startDaemon({ threads: 2 })
    prometheus = await startPrometheus(paths.prometheus, [`127.0.0.1:${daemon.ports.metrics}`])
    upstreams = await startUpstreams()
    mesh = await startMesh(paths.envoy, daemon.ports.als, upstreams)
  })

  afterAll(async () => {
    await mesh?.stop()
    await upstreams?.stop()
    await prometheus?.stop()
    await daemon?.stop()
  })

  /** Sums in Prometheus once they add up to `expected`, and then after two more scrapes, to show that they stay. */
  async function counted(expression: string, by: readonly string[], expected: number): Promise<Record<string, number>> {
    const read = async (): Promise<Record<string, number>> => sumBy(await prometheus.query(expression), by)
    await settled(read, (sums) => total(sums) >= expected, 20_000)
    await prometheus.scrapedTwice()
    return await read()
  }

  test('every HTTP outcome is counted as often as it was sent, on both sides', async () => {
    const sent = await sendHttp(mesh, upstreams, ROUNDS)
    const by = ['reporter', 'response_code', 'response_flags']
    expect(await counted(`sum by (${by.join(', ')}) (istio_requests_total{request_protocol="http"})`, by, total(sent))).toEqual(sent)
  })

  test('every gRPC status is counted as often as it was sent, on both sides', async () => {
    const sent = await sendGrpc(mesh, ROUNDS)
    const by = ['reporter', 'response_code', 'response_flags', 'grpc_response_status']
    expect(await counted(`sum by (${by.join(', ')}) (istio_requests_total{request_protocol="grpc"})`, by, total(sent))).toEqual(sent)
  })

  test('requests and connections name both services as the sidecars do', async () => {
    const by = ['reporter', 'source_workload', 'destination_service_name', 'destination_service_namespace']
    const found = sumBy(await prometheus.query(`sum by (${by.join(', ')}) (istio_requests_total{response_code="200", response_flags="-"})`), by)
    expect(Object.keys(found)).toContain('source productpage-v1 reviews default')
    expect(Object.keys(found).filter((key) => key.startsWith('destination'))).toEqual(['destination unknown reviews default'])
  })

  let tcp: TcpTruth

  test('TCP connections and bytes are counted exactly, each connection once', async () => {
    tcp = await sendTcp(mesh, ROUNDS)
    expect(await counted('sum by (reporter, response_flags) (istio_tcp_connections_closed_total)', ['reporter', 'response_flags'], total(tcp.closed))).toEqual(
      tcp.closed,
    )
    expect(await counted('sum by (reporter) (istio_tcp_connections_opened_total)', ['reporter'], total(tcp.opened))).toEqual(tcp.opened)
    expect(await counted('sum by (reporter) (istio_tcp_received_bytes_total)', ['reporter'], total(tcp.received))).toEqual(tcp.received)
    expect(await counted('sum by (reporter) (istio_tcp_sent_bytes_total)', ['reporter'], total(tcp.sent))).toEqual(tcp.sent)
  })

  test('the bytes of an open connection show before it closes and are not counted again at its end', async () => {
    const read = async (name: string): Promise<number> => sumBy(samplesOf(await daemon.scrape(), name), ['reporter'])['source'] ?? 0
    const before = { bytes: await read('istio_tcp_received_bytes_total'), opened: await read('istio_tcp_connections_opened_total') }
    const connection = await tcpDriver({ host: SERVICE_ADDRESS, port: mesh.productpage.ports['tcp'] ?? 0, from: PRODUCTPAGE_ADDRESS })
    await connection.exchange(700, 700 * TCP_ECHO_FACTOR)
    await until('bytes of the open connection', async () => (await read('istio_tcp_received_bytes_total')) === before.bytes + 700)
    await connection.exchange(300, 300 * TCP_ECHO_FACTOR)
    await connection.close()
    const closed = (tcp.closed['source -'] ?? 0) + 1
    await until('the end of the connection', async () => {
      const sums = sumBy(samplesOf(await daemon.scrape(), 'istio_tcp_connections_closed_total'), ['reporter', 'response_flags'])
      return sums['source -'] === closed
    })
    expect(await read('istio_tcp_received_bytes_total')).toBe(before.bytes + 1000)
    expect(await read('istio_tcp_connections_opened_total')).toBe(before.opened + 1)
  })

  test('every entry Envoy says it sent was received, and the ledger balances to the item', async () => {
    const flushed = async (): Promise<number> => {
      const stats = await Promise.all([mesh.productpage, mesh.reviews].map((envoy) => envoy.stats('grpc_entries_flushed')))
      return stats.reduce((sum, one) => sum + (one['access_logs.grpc_access_log.grpc_entries_flushed'] ?? 0), 0)
    }
    const ledger = await settled(
      async () => ledgerOf(await daemon.scrapeOwn()),
      ({ received, connector }) => received > 0 && received === connector,
    )
    expect(imbalances(ledger)).toEqual([])
    expect(ledger).toMatchObject({ received: await flushed(), refused: 0, dropped: 0 })
  })

  test('promtool accepts the service metrics', async () => {
    // Istio's standard metric is in milliseconds, and dashboards ask for it by that name.
    const standardName = [/^istio_request_duration_milliseconds use base unit "seconds"/]
    expect(checkMetrics(paths.promtool, await daemon.scrape(), standardName)).toEqual([])
  })

  test("promtool accepts the daemon's own telemetry", async () => {
    // The Collector's names, which dashboards know, have no _total on their counters.
    const collectorNames = [/counter metrics should have "_total" suffix/]
    expect(checkMetrics(paths.promtool, await daemon.scrapeOwn(), collectorNames)).toEqual([])
  })
})

function total(outcomes: Readonly<Record<string, number>>): number {
  return Object.values(outcomes).reduce((sum, value) => sum + value, 0)
}
