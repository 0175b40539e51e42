/** Real Envoys run with what deploy/mesh says as it stands, but for addresses and ports; what they proxy is counted. */
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { freePort } from '../free_port.ts'
import { temporaryFolder } from './child.ts'
import { type RunningDaemon, runConfig, samplesOf, sumBy, sumOf } from './daemon.ts'
import { type RunningEnvoy, startEnvoy } from './envoy.ts'
import { APP_CLUSTER, listAt, objectsIn, onlySnippet, patched, sidecarBootstrap, type Tree } from './mesh_snippets.ts'
import { suite } from './suite.ts'
import { http1Driver, tcpDriver } from './traffic.ts'
import { startUpstreams, TCP_ECHO_FACTOR, type Upstreams } from './upstreams.ts'
import { settled, until } from './waiting.ts'

const REQUESTS = 20
const ALS_CLUSTER = 'outbound|19001||meshscope.observability.svc.cluster.local'

suite('settings of Envoys', ['envoy'], (paths) => {
  const folder = temporaryFolder('snippets')
  let upstreams: Upstreams
  let daemon: Pick<RunningDaemon, 'stop'>
  let ports: { readonly als: number; readonly otlp: number; readonly metrics: number; readonly health: number; readonly own: number }
  let statsd: Socket
  const datagrams: string[] = []
  let envoy: RunningEnvoy | undefined

  beforeAll(async () => {
    ports = { als: await freePort(), otlp: await freePort(), metrics: await freePort(), health: await freePort(), own: await freePort() }
    daemon = await runConfig(config(), { folder, health: ports.health })
    upstreams = await startUpstreams()
    statsd = createSocket('udp4')
    statsd.on('message', (bytes) => datagrams.push(bytes.toString()))
    statsd.bind(0, '127.0.0.1')
    await once(statsd, 'listening')
  })

  afterEach(async () => {
    await envoy?.stop()
  })

  afterAll(async () => {
    statsd?.close()
    await upstreams?.stop()
    await daemon?.stop()
    folder.remove()
  })

  /** Each way in has metrics of a name of its own. */
  function config(): object {
    const endpoint = (port: number): string => `127.0.0.1:${port}`
    const logs = (receiver: string, connector: string): object => ({ receivers: [receiver], processors: ['mesh'], exporters: [connector] })
    return {
      receivers: { envoyals: { endpoint: endpoint(ports.als) }, otlp: { protocols: { grpc: { endpoint: endpoint(ports.otlp) } } } },
      processors: { mesh: {} },
      connectors: { 'mesh_metrics/als': {}, 'mesh_metrics/otel': { metric_prefix: 'otel_' } },
      exporters: { prometheus: { endpoint: endpoint(ports.metrics) } },
      extensions: { health_check: { endpoint: endpoint(ports.health) } },
      service: {
        extensions: ['health_check'],
        workers: { threads: 1 },
        telemetry: { metrics: { address: endpoint(ports.own) } },
        pipelines: {
          'logs/als': logs('envoyals', 'mesh_metrics/als'),
          'logs/otel': logs('otlp', 'mesh_metrics/otel'),
          metrics: { receivers: ['mesh_metrics/als', 'mesh_metrics/otel'], exporters: ['prometheus'] },
        },
      },
    }
  }

  /** The file with every address on this machine: where we listen, where the apps are, and free ports for its listeners. */
  function here(path: string): object {
    const bootstrap = structuredClone(onlySnippet(path)) as Record<string, unknown>
    const taken: Readonly<Record<number, number>> = {
      10000: 0,
      10001: 0,
      8080: upstreams.httpPort,
      5432: upstreams.tcpPort,
      19001: ports.als,
      4317: ports.otlp,
      8125: statsd.address().port,
    }
    delete bootstrap['admin']
    for (const { socket_address: address } of objectsIn(bootstrap)) {
      if (address === undefined) continue
      const socket = address as { address: string; port_value: number }
      const port = taken[socket.port_value]
      if (port === undefined) throw new Error(`${path}: nothing is known of port ${socket.port_value}`)
      Object.assign(socket, { address: '127.0.0.1', port_value: port })
    }
    return bootstrap satisfies Tree
  }

  const scrape = async (): Promise<string> => await (await fetch(`http://127.0.0.1:${ports.metrics}/metrics`)).text()

  async function sendRequests(port: number): Promise<void> {
    const driver = http1Driver({ host: '127.0.0.1', port })
    for (let i = 0; i < REQUESTS; i++) expect(await driver.get(i % 4 === 0 ? '/status/503' : '/')).toBe(i % 4 === 0 ? 503 : 200)
    driver.close()
  }

  test('bootstrap.yaml: requests and connections are counted, and statistics come in datagrams of many lines', async () => {
    const running = await startEnvoy(paths.envoy, 'snippet', here('envoy/bootstrap.yaml'))
    envoy = running
    await sendRequests(running.ports['http'] ?? 0)
    const connection = await tcpDriver({ host: '127.0.0.1', port: running.ports['tcp'] ?? 0 })
    await connection.exchange(500, 500 * TCP_ECHO_FACTOR)
    await connection.close()

    const text = await settled(scrape, (now) => sumOf(now, 'istio_requests_total') >= REQUESTS && sumOf(now, 'istio_tcp_connections_closed_total') >= 1)
    const by = ['reporter', 'source_workload', 'destination_service_name', 'response_code']
    expect(sumBy(samplesOf(text, 'istio_requests_total'), by)).toEqual({ 'source edge shop 200': 15, 'source edge shop 503': 5 })
    expect(sumBy(samplesOf(text, 'istio_tcp_received_bytes_total'), by.slice(0, 3))).toEqual({ 'source edge database': 500 })

    const flushed = await until('a flush of statistics', () => datagrams.find((datagram) => datagram.split('\n').length > 5))
    expect(flushed).toMatch(/^envoy\.[^\n]+\|[cg]/)
    expect(datagrams.some((datagram) => datagram.includes('envoy.cluster_name:shop'))).toBe(true)
    expect(Buffer.byteLength(flushed)).toBeLessThanOrEqual(1432)
  })

  /** A sidecar with the patches, whose cluster for access logs leads to the daemon. */
  async function startSidecar(patches: readonly Tree[]): Promise<RunningEnvoy> {
    const clusters = { [APP_CLUSTER]: upstreams.httpPort, [ALS_CLUSTER]: ports.als }
    envoy = await startEnvoy(paths.envoy, 'sidecar', patched(sidecarBootstrap(clusters), patches))
    return envoy
  }

  test('the EnvoyFilter of Istio: what a sidecar with it proxies is counted', async () => {
    const before = sumOf(await scrape(), 'istio_requests_total')
    const running = await startSidecar(listAt(onlySnippet('istio/envoy_filter.yaml'), 'spec', 'configPatches'))
    await sendRequests(running.ports['http'] ?? 0)
    const text = await settled(scrape, (now) => sumOf(now, 'istio_requests_total') >= before + REQUESTS)
    const called = samplesOf(text, 'istio_requests_total').filter(({ labels }) => labels['destination_service_name'] === 'cart')
    const by = ['reporter', 'source_workload_namespace', 'destination_service_namespace', 'response_code']
    expect(sumBy(called, by)).toEqual({ 'source default shop 200': 15, 'source default shop 503': 5 })
  })

  test('without its authority every stream would be reset, and Envoy would say so in its statistics', async () => {
    const text = JSON.stringify(onlySnippet('istio/envoy_filter.yaml')).replaceAll('"authority":"meshscope.observability.svc.cluster.local"', '"authority":""')
    const running = await startSidecar(listAt(JSON.parse(text), 'spec', 'configPatches'))
    await sendRequests(running.ports['http'] ?? 0)
    const name = `cluster.${ALS_CLUSTER}.http2.rx_reset`
    expect(await until('a reset', async () => ((await running.stats('rx_reset'))[name] ?? 0) > 0)).toBe(true)
  })

  test('bootstrap_otel.yaml: the same requests by OpenTelemetry are counted alike', async () => {
    const running = await startEnvoy(paths.envoy, 'snippet-otel', here('envoy/bootstrap_otel.yaml'))
    envoy = running
    await sendRequests(running.ports['http'] ?? 0)
    const text = await settled(scrape, (now) => sumOf(now, 'otel_requests_total') >= REQUESTS)
    const by = ['reporter', 'source_workload', 'destination_service_name', 'response_code']
    expect(sumBy(samplesOf(text, 'otel_requests_total'), by)).toEqual({ 'source edge shop 200': 15, 'source edge shop 503': 5 })
  })
})
