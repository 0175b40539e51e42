/** A real Envoy's stats by all of its StatsD sinks: our pages have what its own `/stats/prometheus` has. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type RunningEnvoy, startEnvoy } from '../envoy.ts'
import { suite } from '../suite.ts'
import { http1Driver, tcpDriver } from '../traffic.ts'
import { startUpstreams, type Upstreams } from '../upstreams.ts'
import { settled } from '../waiting.ts'
import { type StatsdDaemon, startStatsdDaemon } from './daemon.ts'
import { ISTIO_CLUSTER, statsdEnvoyConfig } from './envoy_config.ts'
import { differences, type Page, readPage } from './scrape.ts'

const SINKS = ['udp', 'tcp', 'dogstatsd', 'graphite'] as const
const STATUSES = { 200: 7, 201: 1, 404: 3, 500: 2, 503: 4 } as const
const REQUESTS = Object.values(STATUSES).reduce((sum, count) => sum + count, 0)

/**
 * What changes without traffic or by being looked at: the server's own time and memory, the admin interface that the test
 * asks, and the connection that the TCP sink sends by.
 */
const RESTLESS =
  /^envoy_(?:server|dns_cares|main_thread|workers|runtime|thread_local|filesystem|statsd)_|envoy_http_conn_manager_prefix="admin"|^envoy_listener_admin|_cluster_name="statsd_tcp"/

suite("a real Envoy's StatsD sinks", ['envoy'], (paths) => {
  let upstreams: Upstreams
  let daemon: StatsdDaemon
  let envoy: RunningEnvoy

  beforeAll(async () => {
    upstreams = await startUpstreams()
    const receivers = { udp: {}, tcp: { transport: 'tcp' }, dogstatsd: {}, graphite: {} }
    daemon = await startStatsdDaemon({
      receivers: Object.fromEntries(Object.entries(receivers).map(([name, settings]) => [name, { profile: 'envoy', ...settings }])),
    })
    const port = (name: string): number => daemon.ports[name] ?? 0
    const sinks = { udp: port('udp'), tcp: port('tcp'), dogstatsd: port('dogstatsd'), graphite: port('graphite') }
    envoy = await startEnvoy(paths.envoy, 'statsd', statsdEnvoyConfig(sinks, upstreams.httpPort))
    for (const listener of ['ingress_http', 'egress']) await sendAll(envoy.ports[listener] ?? 0)
    const connection = await tcpDriver({ host: '127.0.0.1', port: envoy.ports['mongo_proxy'] ?? 0 })
    await connection.close()
  })

  afterAll(async () => {
    await envoy?.stop()
    await daemon?.stop()
    await upstreams?.stop()
  })

  async function envoyPage(): Promise<Page> {
    const text = await (await fetch(`http://${envoy.admin}/stats/prometheus?usedonly`)).text()
    return countersAndGauges(readPage(wholeNames(text)))
  }

  /** Ours, once all of the traffic and the gauges after it have arrived. */
  async function ourPage(sink: string, theirs: Page): Promise<Page> {
    const read = async (): Promise<Page> => countersAndGauges(readPage(await daemon.scrape(sink)))
    return await settled(read, (ours) => differences(ours, theirs).length === 0, 10_000)
  }

  describe.for(SINKS)('by %s', (sink) => {
    test('give the same counters and gauges, with the same labels and values', async () => {
      const theirs = await envoyPage()
      expect(theirs.series.size).toBeGreaterThan(120)
      const requests = (name: string): number | undefined => theirs.series.get(`envoy_cluster_upstream_rq_total{envoy_cluster_name="${name}"}`)
      // The connection through the TCP proxy counts as one.
      expect([requests('shop_v2'), requests(ISTIO_CLUSTER)]).toEqual([REQUESTS + 1, REQUESTS])
      expect(differences(await ourPage(sink, theirs), theirs)).toEqual([])
    })
  })
})

async function sendAll(port: number): Promise<void> {
  const driver = http1Driver({ host: '127.0.0.1', port })
  for (const [status, count] of Object.entries(STATUSES)) {
    for (let i = 0; i < count; i++) expect(await driver.get(`/status/${status}`)).toBe(Number(status))
  }
  expect(await driver.get('/nobody')).toBe(503)
  driver.close()
}

/**
 * Envoy's page with the Istio cluster's name in one piece: its tags take what stands before the first dot, and leave the rest
 * in the metric's name.
 */
function wholeNames(page: string): string {
  const [first = '', ...rest] = ISTIO_CLUSTER.split('.')
  const torn = rest.join('_')
  return page
    .split('\n')
    .map((line) => (line.includes(`_cluster_${torn}_`) ? line.replace(`_${torn}`, '').replace(`="${first}"`, `="${ISTIO_CLUSTER}"`) : line))
    .join('\n')
}

function countersAndGauges({ series, types }: Page): Page {
  const familyOf = (key: string): string => key.slice(0, key.indexOf('{'))
  const isWanted = (type: string | undefined): boolean => type === 'counter' || type === 'gauge'
  return {
    series: new Map([...series].filter(([key]) => isWanted(types.get(familyOf(key))) && !RESTLESS.test(key))),
    types: new Map([...types].filter(([family, type]) => isWanted(type) && !RESTLESS.test(family))),
  }
}
