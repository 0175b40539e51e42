/** A real Envoy's DogStatsD becomes metrics in CloudWatch whose totals are Envoy's own: by moto, and by a service that is stricter. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { FakeCloudWatchLogs } from '../../fakes/cloudwatch_logs/server.ts'
import { CloudWatchMetrics } from '../../fakes/emf_reader.ts'
import { freePort } from '../../free_port.ts'
import { run, temporaryFolder } from '../child.ts'
import { REPOSITORY, samplesOf, sumOf } from '../daemon.ts'
import { type RunningEnvoy, startEnvoy } from '../envoy.ts'
import { statsdEnvoyConfig } from '../statsd/envoy_config.ts'
import { suite } from '../suite.ts'
import { http1Driver } from '../traffic.ts'
import { startUpstreams, type Upstreams } from '../upstreams.ts'
import { settled } from '../waiting.ts'
import { type EmfDaemon, startEmfDaemon } from './daemon.ts'
import { type RunningMoto, startMoto } from './moto.ts'

const STATUSES = { 200: 7, 404: 3, 500: 2, 503: 4 } as const
const REQUESTS = Object.values(STATUSES).reduce((sum, count) => sum + count, 0)
/** Without a label set of its own for every task, so that all is compared. */
const EXPORTER = { namespace: 'Envoy', log_group_name: '/mesh/envoy', log_stream_name: 'test', metric_declaration_preset: 'envoy_statsd' }
const TAGS = { appmesh_mesh: 'apps', appmesh_virtual_node: 'shop' }

suite("a real Envoy's DogStatsD in CloudWatch", ['envoy', 'moto'], (paths) => {
  let upstreams: Upstreams
  let moto: RunningMoto
  let fake: FakeCloudWatchLogs
  let daemon: EmfDaemon
  let envoy: RunningEnvoy
  let page: string
  let before: Readonly<Record<string, number>>

  beforeAll(async () => {
    upstreams = await startUpstreams()
    moto = await startMoto(paths.moto, await freePort())
    fake = await FakeCloudWatchLogs.start()
    daemon = await startEmfDaemon({
      receiver: { profile: 'envoy' },
      exporters: {
        moto: { ...EXPORTER, endpoint: moto.url },
        strict: { ...EXPORTER, endpoint: fake.url, log_retention: 7, tags: { team: 'mesh' } },
      },
    })
    envoy = await startEnvoy(paths.envoy, 'emf', envoyConfig(daemon.port, upstreams.httpPort))
    const driver = http1Driver({ host: '127.0.0.1', port: envoy.ports['ingress_http'] ?? 0 })
    for (const [status, count] of Object.entries(STATUSES)) {
      for (let i = 0; i < count; i++) expect(await driver.get(`/status/${status}`)).toBe(Number(status))
    }
    driver.close()
    const counted = (): number => totalOf(fake.metrics(), 'envoy_cluster_upstream_rq_xx')
    await settled(
      () => Promise.resolve(counted()),
      (requests) => requests >= REQUESTS,
      20_000,
    )
    page = await (await fetch(`http://${envoy.admin}/stats/prometheus?usedonly`)).text()
    before = { sent: sumOf(await daemon.scrapeOwn(), 'otelcol_exporter_sent_metric_points') }
    // What they hold goes out at their ends, first the proxy's, then the daemon's.
    await envoy.stop()
    await daemon.stop()
  }, 120_000)

  afterAll(async () => {
    await envoy?.child.stop('SIGKILL')
    await daemon?.child.stop('SIGKILL')
    await moto?.child.stop()
    await fake?.stop()
    await upstreams?.stop()
  })

  /** The config of the statsD tests with only the DogStatsD sink, and the tags that deploy/aws recommends. */
  function envoyConfig(port: number, appPort: number): object {
    const { stats_sinks: sinks, ...config } = statsdEnvoyConfig({ udp: 1, tcp: 1, dogstatsd: port, graphite: 1 }, appPort) as {
      readonly stats_sinks: readonly { readonly name: string }[]
    }
    const { stats_config: tags } = parse(readFileSync(join(REPOSITORY, 'deploy/aws/envoy-stats.yaml'), 'utf8')) as { readonly stats_config: object }
    return { ...config, stats_sinks: sinks.filter(({ name }) => name === 'envoy.stat_sinks.dog_statsd'), stats_config: tags }
  }

  const peers = ['strict', 'moto'] as const

  async function metricsOf(peer: (typeof peers)[number]): Promise<CloudWatchMetrics> {
    if (peer === 'strict') return fake.metrics()
    const metrics = new CloudWatchMetrics()
    expect(await moto.streams('/mesh/envoy')).toEqual(['test'])
    for (const message of await moto.messages('/mesh/envoy', 'test')) metrics.add(message)
    return metrics
  }

  describe.for(peers)('by %s', (peer) => {
    test('is right in every document', async () => {
      const { problems, data } = await metricsOf(peer)
      expect(problems).toEqual([])
      expect(data.length).toBeGreaterThan(20)
    })

    test.for(['envoy_cluster_upstream_rq_xx', 'envoy_http_downstream_rq_xx', 'envoy_cluster_upstream_cx_tx_bytes_total'])(
      'has the totals of %s',
      async (name) => {
        const metrics = await metricsOf(peer)
        const samples = samplesOf(page, name).filter(({ labels }) => labels['envoy_http_conn_manager_prefix'] !== 'admin')
        expect(samples.length).toBeGreaterThan(0)
        for (const { labels, value } of samples) {
          const found = metrics.statistics({ namespace: 'Envoy', name, dimensions: { ...labels, ...TAGS } })
          expect({ labels, value: found?.sum ?? 0 }).toEqual({ labels, value })
        }
      },
    )

    test('has as many times as requests, with percentiles', async () => {
      const metrics = await metricsOf(peer)
      const times = metrics.statistics({ name: 'envoy_cluster_upstream_rq_time', dimensions: { ...TAGS, envoy_cluster_name: 'shop_v2' } })
      expect(times?.sampleCount).toBe(REQUESTS)
      const [p50, p99] = [times?.percentile(50), times?.percentile(99)]
      expect(p50).toBeGreaterThanOrEqual(times?.min ?? 0)
      expect(p99).toBeLessThanOrEqual(times?.max ?? 0)
      expect(p99).toBeGreaterThanOrEqual(p50 ?? 0)
    })
  })

  test('comes from an Envoy that is configured as in the task definition', async () => {
    const folder = temporaryFolder('envoy-bootstrap')
    const file = join(folder.path, 'envoy.json')
    writeFileSync(file, JSON.stringify({ static_resources: {} }))
    const task = JSON.parse(readFileSync(join(REPOSITORY, 'deploy/aws/task-definition.json'), 'utf8')) as {
      readonly containerDefinitions: readonly { readonly name: string; readonly command?: readonly string[] }[]
    }
    const command = task.containerDefinitions.find(({ name }) => name === 'envoy')?.command ?? []
    const args = command.map((part) => (part === '/etc/envoy/envoy.yaml' ? file : part))
    const checked = await run({ name: 'envoy', file: paths.envoy, args: [...args, '--mode', 'validate', '--disable-hot-restart'] }, 30_000)
    folder.remove()
    expect(checked.output).toContain('OK')
    expect(checked.code).toBe(0)
  })

  test('is sent in compressed, signed batches to a group with retention and tags', async () => {
    const puts = fake.callsOf('PutLogEvents')
    expect(
      puts
        .filter(({ error }) => error !== '')
        .map(({ error }) => error)
        .every((error) => error === 'ResourceNotFoundException'),
    ).toBe(true)
    expect(puts.every(({ headers }) => headers['content-encoding'] === 'gzip' && headers['x-amzn-logs-format'] === 'json/emf')).toBe(true)
    expect(fake.store.groups.get('/mesh/envoy')).toMatchObject({ retentionDays: 7, tags: { team: 'mesh' } })
    expect(await moto.group('/mesh/envoy')).toBeDefined()
    expect(before['sent']).toBeGreaterThan(0)
  })
})

function totalOf(metrics: CloudWatchMetrics, name: string): number {
  return metrics.data.filter((datum) => datum.name === name).reduce((sum, datum) => sum + datum.sum, 0)
}
