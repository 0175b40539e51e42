import { writeFile } from 'node:fs/promises'
import { Command, InvalidArgumentError, Option } from 'commander'
import { systemClock } from '../../../lib/clock.ts'
import { parseDuration } from '../../../lib/duration.ts'
import { parseEndpoint } from '../../../lib/endpoint.ts'
import { bookinfoMesh } from './bookinfo.ts'
import { SimulatedCluster } from './kube_cluster.ts'
import { KubeWriter } from './kube_writer.ts'
import { Simulation, type SimulationProgress } from './simulation.ts'
import type { Tracing } from './trace_tree.ts'

interface Options {
  readonly endpoint: string
  readonly rps: number
  readonly duration?: number
  readonly seed: string
  readonly truth?: string
  readonly proxies: number
  readonly connections?: number
  readonly envoyExtensions?: boolean
  readonly kube?: string
  readonly statsd?: string
  readonly tracing?: Tracing
  readonly quiet?: boolean
}

const CONNECT_MS = 10_000

/** `meshscope simulate`: plays Istio's Bookinfo sample against an access-log receiver. */
export function simulateCommand(): Command {
  return new Command('simulate')
    .description('play a service mesh (Bookinfo) against an access-log receiver, with real gRPC streams of Envoy access logs')
    .option('--endpoint <host:port>', 'the receiver; unix:/path for a socket', endpointOption, 'localhost:19001')
    .option('--rps <number>', 'requests per second that reach the gateway; each makes about 5 log entries', positive, 50)
    .option('--duration <time>', 'how long, such as 60s or 5m (default: until Ctrl-C)', durationOption)
    .option('--seed <text>', 'what happens follows from it: same seed, rate and duration, same truth', '1')
    .option('--truth <file>', 'write what was sent and acknowledged, as JSON, at the end')
    .option('--proxies <number>', 'pods per workload, 1 to 200; the mesh has 8 workloads', integer(1, 200), 1)
    .option('--connections <number>', 'TCP connections that all streams share (default: one per pod)', integer(1, 2000))
    .option('--envoy-extensions', 'list 516 extensions in the first message of each stream, as Envoy does (60 KB)')
    .option('--kube <url|file>', 'also create its pods and services in the cluster of this API server or kubeconfig, and remove them at the end')
    .option('--statsd <host:port>', 'also send DogStatsD of the applications over UDP there: bookinfo.requests, bookinfo.request_time', endpointOption)
    .addOption(
      new Option(
        '--tracing <who>',
        'proxies that trace log their spans as custom tags; with applications all log the caller’s span. The truth then lists spans',
      ).choices(['proxies', 'applications']),
    )
    .option('--quiet', 'print problems only')
    .addHelpText(
      'after',
      `
Examples:
  meshscope simulate --rps 200
  meshscope simulate --rps 2000 --duration 60s --truth truth.json
  meshscope simulate --kube ~/.kube/config

With --kube, nodes worker-1 to worker-3, services, endpoint slices, ReplicaSets and pods are made in the namespaces
bookinfo, istio-system and batch, with the addresses that the access logs carry; nothing runs in them. Use a cluster
for tests. The namespaces stay, everything else is removed. The truth then names peers that only addresses tell.
`,
    )
    .action(async (options: Options) => {
      process.exitCode = await simulate(options)
    })
}

async function simulate(options: Options): Promise<number> {
  const cluster = openCluster(options)
  if (typeof cluster === 'number') return cluster
  const simulation = new Simulation({
    endpoint: options.endpoint,
    requestsPerSecond: options.rps,
    durationMs: options.duration,
    seed: options.seed,
    replicas: options.proxies,
    knowledge: cluster === undefined ? 'logs' : 'addresses',
    connections: options.connections,
    withExtensions: options.envoyExtensions === true,
    statsd: options.statsd,
    tracing: options.tracing,
    clock: systemClock,
  })
  // The simulation's own timers would not keep the process alive while the receiver is away.
  const alive = setInterval(() => undefined, 60_000)
  const unhook = stopOnSignals(simulation)
  try {
    await cluster?.create()
    await simulation.connect(CONNECT_MS)
    const progress = options.quiet === true ? undefined : showProgress(simulation)
    await simulation.run()
    progress?.()
    if (options.truth !== undefined) await writeTruth(options.truth, simulation)
    return report(simulation.progress, options)
  } catch (error) {
    process.stderr.write(`meshscope simulate: ${explain(error, options)}\n`)
    return 1
  } finally {
    await cluster?.remove()
    cluster?.close()
    unhook()
    clearInterval(alive)
    simulation.close()
  }
}

/** The cluster that `--kube` names; undefined without it, an exit code when it cannot be used. */
function openCluster({ kube, proxies }: Options): SimulatedCluster | number | undefined {
  if (kube === undefined) return undefined
  const warn = (message: string): void => void process.stderr.write(`meshscope simulate: ${message}\n`)
  try {
    return new SimulatedCluster({ writer: KubeWriter.open(kube, systemClock), mesh: bookinfoMesh(proxies), clock: systemClock, warn })
  } catch (error) {
    warn(`--kube ${kube}: ${messageOf(error)}`)
    return 1
  }
}

async function writeTruth(path: string, simulation: Simulation): Promise<void> {
  try {
    await writeFile(path, `${JSON.stringify(simulation.truth(), null, 2)}\n`)
  } catch (cause) {
    throw new Error(`cannot write the truth to ${path}: ${messageOf(cause)}; choose a path that can be written`, { cause })
  }
}

function explain(error: unknown, options: Options): string {
  const message = messageOf(error)
  if (!message.includes('Failed to connect before the deadline')) return message
  return `no receiver at ${options.endpoint} within ${CONNECT_MS / 1000} s; start the daemon first (meshscope run --config …) or change --endpoint`
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** The first signal ends the simulation cleanly, the second the process. */
function stopOnSignals(simulation: Simulation): () => void {
  let signals = 0
  const stop = (): void => {
    if (++signals > 1) process.exit(130)
    simulation.stop()
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
  return () => {
    process.off('SIGINT', stop)
    process.off('SIGTERM', stop)
  }
}

/** One line a second on a terminal, overwritten in place; nothing elsewhere. Returns what ends it. */
function showProgress(simulation: Simulation): (() => void) | undefined {
  if (!process.stderr.isTTY) return undefined
  let last = simulation.progress
  const timer = setInterval(() => {
    const now = simulation.progress
    process.stderr.write(`\r\u001b[K${statusLine(now, last)}`)
    last = now
  }, 1000)
  return () => {
    clearInterval(timer)
    process.stderr.write('\r\u001b[K')
  }
}

/** What happened between two looks a second apart. */
export function statusLine(now: SimulationProgress, before: SimulationProgress): string {
  const problem = now.lost > before.lost && now.lastProblem !== '' ? `  (${now.lastProblem})` : ''
  return `${now.requests - before.requests} requests/s  ${now.sent - before.sent} entries/s  ${now.streams} streams  ${now.sent} sent  ${now.lost} lost${problem}`
}

function report(progress: SimulationProgress, options: Options): number {
  const { requests, sent, lost, unconfirmed } = progress
  const isClean = lost === 0 && unconfirmed === 0
  if (options.quiet !== true || !isClean) {
    const trouble = isClean
      ? ''
      : `; ${lost} lost because no stream was open, ${unconfirmed} unconfirmed on broken streams (last problem: ${progress.lastProblem || 'receiver unreachable'})`
    process.stderr.write(`meshscope simulate: ${requests} requests, ${sent} entries sent${trouble}\n`)
  }
  return 0
}

function positive(text: string): number {
  const value = Number(text)
  if (!(value > 0 && value <= 100_000)) throw new InvalidArgumentError('expected a number above 0 and up to 100000.')
  return value
}

function integer(low: number, high: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (!Number.isInteger(value) || value < low || value > high) throw new InvalidArgumentError(`expected a whole number from ${low} to ${high}.`)
    return value
  }
}

function durationOption(text: string): number {
  const ms = parseDuration(text)
  if (ms === undefined || ms <= 0) throw new InvalidArgumentError('expected a time with its unit, such as 60s or 1m30s.')
  return ms
}

function endpointOption(text: string): string {
  if (text.startsWith('unix:')) return text
  const endpoint = parseEndpoint(text)
  if (endpoint === undefined || endpoint.host === '' || endpoint.port === 0) throw new InvalidArgumentError('expected host:port, such as localhost:19001.')
  return text
}
