/** A real Envoy's `/stats/prometheus`, scraped by us and by a real Prometheus: both have the same series. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freePort } from '../free_port.ts'
import { type ExitStatus, temporaryFolder } from './child.ts'
import { runConfig } from './daemon.ts'
import { cluster, httpListener, type RunningEnvoy, startEnvoy } from './envoy.ts'
import { type RunningPrometheus, startPrometheus } from './prometheus.ts'
import { differences, type Page, readPage } from './statsd/scrape.ts'
import { suite } from './suite.ts'
import { http1Driver } from './traffic.ts'
import { startUpstreams, type Upstreams } from './upstreams.ts'
import { settled } from './waiting.ts'

const STATUSES = { 200: 7, 404: 3, 503: 2 } as const
const PATH = '/stats/prometheus'

/** What changes without traffic or by being looked at, and what each of the two says of its own scrapes. */
const RESTLESS =
  /^envoy_(?:server|dns_cares|main_thread|workers|runtime|thread_local|filesystem|wasm)_|envoy_http_conn_manager_prefix="(?:admin|async-client)"|envoy_cluster_name="als"|^envoy_access_logs_|^envoy_listener_admin|^(?:up|scrape_\w+|target_info)\{/

interface OurDaemon {
  page(): Promise<string>
  stop(): Promise<ExitStatus>
}

/** `meshscope run` that scrapes a target and serves what it says. */
async function startOurs(target: string): Promise<OurDaemon> {
  const folder = temporaryFolder('scrape')
  const [page, own, health] = [await freePort(), await freePort(), await freePort()]
  const job = { job_name: 'meshscope', metrics_path: PATH, static_configs: [{ targets: [target] }] }
  const config = {
    receivers: { prometheus: { config: { global: { scrape_interval: '1s', scrape_timeout: '1s' }, scrape_configs: [job] } } },
    exporters: { prometheus: { endpoint: `127.0.0.1:${page}`, without_scope_info: true } },
    extensions: { health_check: { endpoint: `127.0.0.1:${health}` } },
    service: {
      extensions: ['health_check'],
      workers: { threads: 0 },
      telemetry: { metrics: { address: `127.0.0.1:${own}` } },
      pipelines: { metrics: { receivers: ['prometheus'], exporters: ['prometheus'] } },
    },
  }
  const { stop } = await runConfig(config, { folder, health })
  return { stop, page: async () => await (await fetch(`http://127.0.0.1:${page}/metrics`)).text() }
}

suite('a real Envoy that is scraped', ['envoy', 'prometheus'], (paths) => {
  let upstreams: Upstreams
  let envoy: RunningEnvoy
  let prometheus: RunningPrometheus
  let ours: OurDaemon

  beforeAll(async () => {
    upstreams = await startUpstreams()
    const routes = [{ match: { prefix: '/' }, route: { cluster: 'shop' } }]
    envoy = await startEnvoy(paths.envoy, 'scrape', {
      static_resources: {
        listeners: [httpListener({ name: 'web', address: '127.0.0.1', direction: 'INBOUND', routes })],
        clusters: [
          cluster({ name: 'shop', endpoint: { host: '127.0.0.1', port: upstreams.httpPort } }),
          cluster({ name: 'envoy_accesslog_service' }),
          cluster({ name: 'als' }),
        ],
      },
    })
    const driver = http1Driver({ host: '127.0.0.1', port: envoy.ports['web'] ?? 0 })
    for (const [status, count] of Object.entries(STATUSES)) for (let i = 0; i < count; i++) await driver.get(`/status/${status}`)
    driver.close()
    ours = await startOurs(envoy.admin)
    prometheus = await startPrometheus(paths.prometheus, [envoy.admin], PATH)
  })

  afterAll(async () => {
    await prometheus?.stop()
    await ours?.stop()
    await envoy?.stop()
    await upstreams?.stop()
  })

  const quiet = ({ series }: Pick<Page, 'series'>): Page => ({ series: new Map([...series].filter(([key]) => !RESTLESS.test(key))), types: new Map() })

  async function theirPage(): Promise<Page> {
    const samples = await prometheus.query('{job="meshscope"}')
    const lines = samples.map(({ labels: { __name__: name = '', ...labels }, value }) => {
      const pairs = Object.entries(labels).map(([key, text]) => `${key}="${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`)
      return `${name}{${pairs.join(',')}} ${value === Number.POSITIVE_INFINITY ? '+Inf' : value}`
    })
    return quiet(readPage(lines.join('\n')))
  }

  test('has the same series, labels and values here as in Prometheus', async () => {
    await prometheus.scrapedTwice()
    const both = await settled(
      async () => ({ theirs: await theirPage(), ours: quiet(readPage(await ours.page())) }),
      (pages) => pages.theirs.series.size > 150 && differences(pages.ours, pages.theirs).length === 0,
      20_000,
    )
    expect(both.theirs.series.size).toBeGreaterThan(150)
    expect(differences(both.ours, both.theirs)).toEqual([])
    expect(differences(both.theirs, both.ours)).toEqual([])
    const requests = [...both.ours.series].find(([key]) => key.startsWith('envoy_cluster_upstream_rq_total{') && key.includes('"shop"'))
    expect(requests?.[1]).toBe(Object.values(STATUSES).reduce((sum, count) => sum + count, 0))
  })

  test('ends in both when it is gone', async () => {
    await envoy.stop()
    const left = await settled(
      async () => ({ theirs: (await theirPage()).series.size, ours: quiet(readPage(await ours.page())).series.size }),
      (sizes) => sizes.theirs === 0 && sizes.ours === 0,
      20_000,
    )
    expect(left).toEqual({ theirs: 0, ours: 0 })
    expect(await ours.page()).toMatch(/^up\{.*\} 0/m)
  })
})
