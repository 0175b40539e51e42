/** Where the running daemon can be asked what flows. */
export interface FlowSources {
  /** URL of the service metrics. */
  readonly metrics: string
  /** URL of the daemon's own metrics. */
  readonly own: string
}

/** Counters of the daemon at one moment. */
export interface FlowSample {
  readonly atMs: number
  /** Access-log entries received since the start. */
  readonly entries: number
  /** Calls since the start, as their clients' proxies saw them, per edge. */
  readonly calls: ReadonlyMap<string, EdgeCalls>
  /** Calls since the start from callers without a proxy, as the servers' proxies saw them, per edge. */
  readonly plainCalls: ReadonlyMap<string, EdgeCalls>
}

/** Calls from a workload to a service. */
export interface EdgeCalls {
  readonly source: string
  readonly service: string
  readonly total: number
  /** Without a response, or answered with 5xx. */
  readonly failed: number
}

const TIMEOUT_MS = 2_000
const LABEL = /([A-Za-z_]\w*)="((?:[^"\\]|\\.)*)"/g

/** Asks the daemon for its counters. Rejects when it does not answer in time. */
export async function sampleFlow(sources: FlowSources): Promise<FlowSample> {
  const [metrics, own] = await Promise.all([textOf(sources.metrics), textOf(sources.own)])
  return { atMs: performance.now(), entries: countEntries(own), calls: countCalls(metrics), plainCalls: countPlainCalls(metrics) }
}

async function textOf(url: string): Promise<string> {
  const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) })
  if (!response.ok) throw new Error(`${url} answers ${response.status}`)
  return response.text()
}

/** The sum of all samples of a metric in the Prometheus text format. */
function countEntries(exposition: string): number {
  let sum = 0
  for (const [, value] of samplesOf(exposition, 'meshscope_receiver_received_log_records')) sum += value
  return sum
}

/** Calls per edge from `istio_requests_total`, seen by the clients' proxies. */
export function countCalls(exposition: string): Map<string, EdgeCalls> {
  return countEdges(exposition, (labels) => labels['reporter'] === 'source')
}

/** Calls per edge from clients that have no proxy, and so no certificate: only their addresses tell who they are. */
export function countPlainCalls(exposition: string): Map<string, EdgeCalls> {
  return countEdges(exposition, (labels) => labels['reporter'] === 'destination' && labels['connection_security_policy'] === 'none')
}

function countEdges(exposition: string, isWanted: (labels: Readonly<Record<string, string>>) => boolean): Map<string, EdgeCalls> {
  const calls = new Map<string, EdgeCalls>()
  for (const [labels, value] of samplesOf(exposition, 'istio_requests_total')) {
    if (!isWanted(labels)) continue
    const source = labels['source_workload'] ?? 'unknown'
    const service = labels['destination_service_name'] ?? 'unknown'
    const key = `${source} ${service}`
    const known = calls.get(key) ?? { source, service, total: 0, failed: 0 }
    const isFailed = /^(0|5\d\d)$/.test(labels['response_code'] ?? '')
    calls.set(key, { source, service, total: known.total + value, failed: known.failed + (isFailed ? value : 0) })
  }
  return calls
}

function* samplesOf(exposition: string, name: string): Generator<readonly [Readonly<Record<string, string>>, number]> {
  for (const line of exposition.split('\n')) {
    if (!line.startsWith(name) || !/^[ {]/.test(line.slice(name.length))) continue
    const end = line.lastIndexOf('}')
    const value = Number(
      line
        .slice(end < 0 ? name.length : end + 1)
        .trim()
        .split(' ')[0],
    )
    const labels = Object.fromEntries([...line.slice(0, end + 1).matchAll(LABEL)].map(([, key, text]) => [key as string, text as string]))
    yield [labels, value]
  }
}

/** What flowed between two samples, as one line for a person. */
export function flowLine(before: FlowSample, now: FlowSample, gateway: string): string {
  const seconds = Math.max(0.001, (now.atMs - before.atMs) / 1000)
  let requests = 0
  let total = 0
  let failed = 0
  let busiest = { name: '-', calls: 0 }
  let plain = { name: '', calls: 0 }
  for (const [key, edge] of now.calls) {
    const then = before.calls.get(key)
    const calls = edge.total - (then?.total ?? 0)
    total += calls
    failed += edge.failed - (then?.failed ?? 0)
    if (edge.source === gateway) requests += calls
    // What comes through the gateway is told by the requests already.
    else if (calls > busiest.calls) busiest = { name: `${edge.source} → ${edge.service}`, calls }
  }
  for (const [key, edge] of now.plainCalls) {
    const calls = edge.total - (before.plainCalls.get(key)?.total ?? 0)
    if (calls > plain.calls) plain = { name: `${edge.source} → ${edge.service}`, calls }
  }
  const share = total === 0 ? 0 : (100 * failed) / total
  const columns = [
    rate((now.entries - before.entries) / seconds, 'entries/s'),
    rate(requests / seconds, 'requests/s'),
    `errors ${share.toFixed(1).padStart(4)} %`,
  ]
  return `${columns.join('   ')}   top edge ${busiest.name}${busiest.calls > 0 ? ` (${Math.round(busiest.calls / seconds)}/s)` : ''}${plain.calls > 0 ? `   by address ${plain.name} (${Math.round(plain.calls / seconds)}/s)` : ''}`
}

function rate(value: number, unit: string): string {
  return `${String(Math.round(value)).padStart(6)} ${unit}`
}
