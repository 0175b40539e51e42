/**
 * All that the dashboards show, running: the daemon with every receiver that has panels, a simulated mesh, a real Envoy that sends its
 * stats by DogStatsD, a small Kubernetes API, a backend for OTLP, and Prometheus with the jobs of the Helm chart.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { openDemoCluster } from '../../../cmd/meshscope/demo_cluster.ts'
import { bookinfoMesh } from '../../../cmd/meshscope/simulate/bookinfo.ts'
import { freePort } from '../../free_port.ts'
import { Child, temporaryFolder } from '../child.ts'
import { COMMANDS, REPOSITORY } from '../daemon.ts'
import { startEnvoy } from '../envoy.ts'
import { http1Driver, tcpDriver } from '../traffic.ts'
import { startUpstreams } from '../upstreams.ts'
import { type PrometheusServer, startPrometheusServer } from './prometheus_server.ts'
import { proxyConfig } from './proxy_config.ts'

export interface StackOptions {
  /** Binaries. */
  readonly prometheus: string
  readonly envoy: string
  /** Files of rules that Prometheus loads. */
  readonly rules: readonly string[]
  /** Requests a second that reach the simulated gateway. */
  readonly requestsPerSecond: number
  /** Seconds between two scrapes. */
  readonly scrapeSeconds: number
}

export interface RunningStack {
  readonly prometheus: PrometheusServer
  /** The documents that the exporters awsemf have written so far. */
  embeddedMetrics(): readonly EmbeddedMetrics[]
  /** A round of what does not flow by itself: requests of all kinds through Envoy (good, failing, retried, timed out, TCP), and OTLP. */
  traffic(): Promise<void>
  stop(): Promise<void>
}

/** What of a document in CloudWatch's embedded metric format says what it is: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html */
export interface EmbeddedMetrics {
  readonly _aws: {
    readonly CloudWatchMetrics: readonly { readonly Dimensions: readonly (readonly string[])[]; readonly Metrics: readonly { readonly Name: string }[] }[]
  }
}

/** Ports of the daemon. */
interface Ports {
  readonly als: number
  readonly statsd: number
  readonly envoyStatsd: number
  readonly metrics: number
  readonly own: number
  readonly health: number
  readonly explain: number
  readonly otlp: number
}

export async function startStack(options: StackOptions): Promise<RunningStack> {
  const closers: (() => Promise<unknown>)[] = []
  const stop = async (): Promise<void> => {
    for (const close of closers.toReversed()) await close()
  }
  try {
    return await start(options, closers, stop)
  } catch (error) {
    await stop()
    throw error
  }
}

async function start(options: StackOptions, closers: (() => Promise<unknown>)[], stop: () => Promise<void>): Promise<RunningStack> {
  const folder = temporaryFolder('dashboards')
  closers.push(async () => folder.remove())
  const backend = await startBackend()
  closers.push(() => backend.stop())
  const cluster = await openDemoCluster(undefined, bookinfoMesh(1))
  if (cluster === undefined) throw new Error('the small Kubernetes API did not start')
  closers.push(() => cluster.close())
  const ports: Ports = {
    als: await freePort(),
    statsd: await freePort(),
    envoyStatsd: await freePort(),
    metrics: await freePort(),
    own: await freePort(),
    health: await freePort(),
    explain: await freePort(),
    otlp: await freePort(),
  }
  const config = join(folder.path, 'meshscope.yaml')
  writeFileSync(config, stringify(daemonConfig(ports, { backend: backend.url, folder: folder.path })))
  const daemon = launch('meshscope', ['run', '--config', config, ...cluster.overrides])
  closers.push(() => daemon.stop())
  const prometheus = await startPrometheusServer({
    binary: options.prometheus,
    jobs: { meshscope: ports.own, 'meshscope-mesh': ports.metrics },
    rules: options.rules,
    scrapeSeconds: options.scrapeSeconds,
  })
  closers.push(() => prometheus.stop())
  await daemon.until('ready', async () => (await fetch(`http://127.0.0.1:${ports.health}/readyz`)).ok)
  const target = ['--endpoint', `127.0.0.1:${ports.als}`, '--statsd', `127.0.0.1:${ports.statsd}`]
  const simulate = launch('simulate', ['simulate', ...target, '--rps', String(options.requestsPerSecond), '--quiet'])
  closers.push(() => simulate.stop())
  const upstreams = await startUpstreams()
  closers.push(() => upstreams.stop())
  const envoy = await startEnvoy(options.envoy, 'dashboards', proxyConfig({ statsd: ports.envoyStatsd, http: upstreams.httpPort, tcp: upstreams.tcpPort }))
  closers.push(() => envoy.stop())
  return {
    prometheus,
    embeddedMetrics: () => documentsIn(folder.path),
    traffic: () => Promise.all([throughEnvoy(envoy.ports), byOtlp(ports.otlp)]).then(() => undefined),
    stop,
  }
}

function launch(name: string, args: readonly string[]): Child {
  return new Child({ name, file: process.execPath, args: [COMMANDS.source, ...args], dir: REPOSITORY })
}

/** What the daemon runs with: the ways in and out that have panels. */
function daemonConfig(ports: Ports, { backend, folder }: { readonly backend: string; readonly folder: string }): object {
  return {
    receivers: {
      envoyals: { endpoint: `127.0.0.1:${ports.als}` },
      statsd: { endpoint: `127.0.0.1:${ports.statsd}` },
      otlp: { protocols: { http: { endpoint: `127.0.0.1:${ports.otlp}` } } },
      'statsd/envoy': { endpoint: `127.0.0.1:${ports.envoyStatsd}`, profile: 'envoy', aggregation_interval: '1s' },
    },
    processors: { memory_limiter: { limit_mib: 4000 }, mesh: {} },
    connectors: { mesh_metrics: { metrics_flush_interval: '1s' } },
    exporters: {
      prometheus: { endpoint: `127.0.0.1:${ports.metrics}` },
      awsemf: embedded(folder, 'mesh'),
      'awsemf/envoy': embedded(folder, 'envoy_statsd'),
      otlp_http: { endpoint: backend, sending_queue: { storage: 'file_storage' } },
    },
    extensions: {
      health_check: { endpoint: `127.0.0.1:${ports.health}` },
      k8s_metadata: { auth_type: 'none', scope: 'cluster', start_jitter: '0s', endpoint: `127.0.0.1:${ports.explain}` },
      file_storage: { directory: join(folder, 'queue'), create_directory: true },
    },
    service: {
      extensions: ['health_check', 'k8s_metadata', 'file_storage'],
      workers: { threads: 2 },
      telemetry: { metrics: { address: `127.0.0.1:${ports.own}` } },
      pipelines: {
        logs: { receivers: ['envoyals'], processors: ['memory_limiter', 'mesh'], exporters: ['mesh_metrics', 'otlp_http'] },
        'logs/applications': { receivers: ['otlp'], exporters: ['otlp_http'] },
        'metrics/cloudwatch': { receivers: ['mesh_metrics'], exporters: ['awsemf'] },
        'metrics/cloudwatch_envoy': { receivers: ['statsd/envoy'], exporters: ['awsemf/envoy'] },
        metrics: { receivers: ['mesh_metrics', 'statsd', 'statsd/envoy'], exporters: ['prometheus'] },
      },
    },
  }
}

const PRESETS = ['mesh', 'envoy_statsd'] as const

/** The exporter awsemf with one of its presets; into a file, since no CloudWatch can be had. */
function embedded(folder: string, preset: (typeof PRESETS)[number]): object {
  return { namespace: 'Meshscope', metric_declaration_preset: preset, output_destination: 'file', file: { path: join(folder, `${preset}.jsonl`) } }
}

/** Every document that is whole; the last line may still be being written. */
function documentsIn(folder: string): EmbeddedMetrics[] {
  const lines = PRESETS.map((preset) => join(folder, `${preset}.jsonl`)).flatMap((file) =>
    existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : [],
  )
  return lines.map((line) => JSON.parse(line) as EmbeddedMetrics)
}

/** How many requests it takes until the backend refuses one for good. */
const REFUSES_EVERY = 20

/** Takes OTLP requests, but a few, so that a loss is there to be shown. */
async function startBackend(): Promise<{ readonly url: string; stop(): Promise<void> }> {
  let requests = 0
  const server = createServer((request, response) => {
    requests += 1
    const status = requests % REFUSES_EVERY === 0 ? 400 : 200
    request.resume().once('end', () => response.writeHead(status, { 'content-type': 'application/x-protobuf' }).end())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const stop = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, stop }
}

let rounds = 0

async function throughEnvoy(ports: Readonly<Record<string, number>>): Promise<void> {
  rounds += 1
  const driver = http1Driver({ host: '127.0.0.1', port: ports['ingress_http'] ?? 0 })
  const paths = ['/status/200', '/status/200', '/status/200', '/status/302', '/status/404', '/status/500', `/flaky/${rounds}/1`, '/nobody', '/gone', '/hang']
  for (const path of paths) await driver.get(path)
  driver.close()
  const connection = await tcpDriver({ host: '127.0.0.1', port: ports['mongo_proxy'] ?? 0 })
  await connection.close()
}

/** One log record of an application. */
async function byOtlp(port: number): Promise<void> {
  const body = JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords: [{ body: { stringValue: 'order placed' } }] }] }] })
  const response = await fetch(`http://127.0.0.1:${port}/v1/logs`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
  if (!response.ok) throw new Error(`OTLP was answered with ${response.status}: ${await response.text()}`)
}
