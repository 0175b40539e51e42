import { createSocket } from 'node:dgram'
import { systemClock } from '../../../lib/clock.ts'
import { Simulation } from '../simulate/simulation.ts'

const CONNECT_MS = 5_000
/** Enough for nearly every edge and answer of the simulated mesh. */
const MESH_MS = 1_500
const MESH_REQUESTS_PER_SECOND = 200

/** Sends the access logs of a simulated mesh, and resolves when the receiver has taken them all. */
export async function sendAccessLogs(port: number): Promise<void> {
  const options = { requestsPerSecond: MESH_REQUESTS_PER_SECOND, durationMs: MESH_MS, seed: 'explain', replicas: 1, connections: 2, withExtensions: false }
  const simulation = new Simulation({ endpoint: `127.0.0.1:${port}`, ...options, clock: systemClock })
  try {
    await simulation.connect(CONNECT_MS)
    await simulation.run()
  } finally {
    simulation.close()
  }
}

const MESH = ['appmesh.mesh:apps', 'appmesh.virtual_node:shop']
const CLUSTERS = ['cds_egress_apps_cart', 'cds_egress_apps_payments']
const CODES = [200, 404, 503]

/** What an Envoy with the tags of a mesh sends as DogStatsD in one flush: requests, times, connections, memory. */
export function envoyLines(): readonly string[] {
  const tagged = (line: string, ...tags: readonly string[]): string => `${line}|#${[...MESH, ...tags].join(',')}`
  const clusters = CLUSTERS.flatMap((name) => {
    const cluster = `envoy.cluster_name:${name}`
    return [
      tagged('envoy.cluster.upstream_rq_total:30|c', cluster),
      ...CODES.map((code) => tagged('envoy.cluster.upstream_rq:10|c', cluster, `envoy.response_code:${code}`)),
      ...CODES.map((code) => tagged('envoy.cluster.upstream_rq_xx:10|c', cluster, `envoy.response_code_class:${String(code)[0]}`)),
      ...[4, 9, 12, 31].map((ms) => tagged(`envoy.cluster.upstream_rq_time:${ms}|h`, cluster)),
      tagged('envoy.cluster.upstream_cx_active:3|g', cluster),
      tagged('envoy.cluster.membership_healthy:2|g', cluster),
    ]
  })
  const listener = 'envoy.http_conn_manager_prefix:ingress'
  const downstream = [
    tagged('envoy.http.downstream_rq_total:60|c', listener),
    ...CODES.map((code) => tagged('envoy.http.downstream_rq_xx:20|c', listener, `envoy.response_code_class:${String(code)[0]}`)),
    ...[5, 14, 40].map((ms) => tagged(`envoy.http.downstream_rq_time:${ms}|h`, listener)),
    tagged('envoy.http.downstream_cx_active:4|g', listener),
  ]
  return [...clusters, ...downstream, tagged('envoy.server.memory_allocated:5242880|g'), tagged('envoy.server.uptime:60|g')]
}

/** What applications send: counts, times and a gauge. */
export function applicationLines(): readonly string[] {
  const calls = ['cart', 'payments'].flatMap((service) => CODES.map((code) => `service:${service},code:${code}`))
  return [...calls.flatMap((tags) => [`shop.requests:10|c|#${tags}`, `shop.request_time:4:9:31|ms|#${tags}`]), 'shop.carts_open:17|g']
}

/** Sends lines to a UDP port of this machine, one in each datagram. */
export async function sendLines(port: number, lines: readonly string[]): Promise<void> {
  const socket = createSocket('udp4')
  try {
    for (const line of lines) {
      await new Promise<void>((resolve, reject) => socket.send(line, port, '127.0.0.1', (error) => (error === null ? resolve() : reject(error))))
    }
  } finally {
    socket.close()
  }
}
