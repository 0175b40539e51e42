import { type ChildProcess, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { Command, InvalidArgumentError } from 'commander'
import { systemClock } from '../../lib/clock.ts'
import { parseDuration } from '../../lib/duration.ts'
import { parseEndpoint } from '../../lib/endpoint.ts'
import { openDemoCluster } from './demo_cluster.ts'
import { type FlowSample, flowLine, sampleFlow } from './demo_flow.ts'
import { bookinfoMesh } from './simulate/bookinfo.ts'
import { Simulation } from './simulate/simulation.ts'
import { StopRequests } from './stop_requests.ts'

interface Options {
  readonly rps: number
  readonly duration?: number
  readonly als: string
  readonly statsd: string
  readonly metrics: string
  readonly health: string
  readonly own: string
  readonly explain: string
  readonly kube?: string
}

/** The listeners of deploy/examples/demo.yaml: the flag that moves each, and where its address stands in the config. */
const LISTENERS = [
  { flag: 'als', key: 'receivers.envoyals.endpoint', what: 'access logs' },
  { flag: 'statsd', key: 'receivers.statsd.endpoint', what: 'statsD' },
  { flag: 'metrics', key: 'exporters.prometheus.endpoint', what: 'service metrics' },
  { flag: 'health', key: 'extensions.health_check.endpoint', what: 'health' },
  { flag: 'own', key: 'service.telemetry.metrics.address', what: "the daemon's own metrics" },
  { flag: 'explain', key: 'extensions.k8s_metadata.endpoint', what: 'questions about addresses' },
] as const

const GATEWAY = 'istio-ingressgateway'
const REPLICAS = 1
const DEFAULT_EXPLAIN = 'localhost:13134'
const READY_MS = 30_000
const POLL_MS = 100
/** Longer than the daemon's own drain deadline. */
const STOP_MS = 40_000

/** `meshscope demo` (`npm start`): the daemon and a simulated mesh together, and what flows between them. */
export function demoCommand(): Command {
  return new Command('demo')
    .description('run the daemon with deploy/examples/demo.yaml and a simulated mesh, and show what flows')
    .option('--rps <number>', 'requests per second that reach the simulated gateway', rateOption, 100)
    .option('--duration <time>', 'stop after this time, such as 30s (default: on Ctrl-C)', durationOption)
    .option('--als <host:port>', 'where the daemon takes access logs', endpointOption, 'localhost:19001')
    .option('--statsd <host:port>', 'where it takes statsD (UDP)', endpointOption, 'localhost:8125')
    .option('--metrics <host:port>', 'where it serves service metrics', endpointOption, 'localhost:8889')
    .option('--health <host:port>', 'where it answers health checks', endpointOption, 'localhost:13133')
    .option('--own <host:port>', 'where it serves its own metrics', endpointOption, 'localhost:8888')
    .option('--explain <host:port>', 'where it answers meshscope explain', endpointOption, DEFAULT_EXPLAIN)
    .option('--kube <url|file>', 'use the cluster of this API server or kubeconfig instead of a small API server of its own')
    .action(async (options: Options) => {
      process.exitCode = await demo(options)
    })
}

async function demo(options: Options): Promise<number> {
  const taken = await takenListeners(options)
  if (taken.length > 0) {
    for (const { flag, what } of taken) process.stderr.write(takenMessage(options[flag], flag, what))
    return 1
  }
  const cluster = await openDemoCluster(options.kube, bookinfoMesh(REPLICAS))
  if (cluster === undefined) return 1
  const daemon = new Daemon(options, cluster.overrides)
  const stop = new AbortController()
  const unhook = onStopSignals(stop, daemon)
  try {
    await daemon.ready(`http://${options.health}/readyz`, stop.signal)
    if (!stop.signal.aborted) await play(options, daemon, stop)
    return await daemon.stop()
  } catch (error) {
    process.stderr.write(`meshscope demo: ${error instanceof Error ? error.message : String(error)}\n`)
    await daemon.stop()
    return 1
  } finally {
    await cluster.close()
    unhook()
  }
}

/** Runs the simulated mesh until a signal, the end of `--duration` or the end of the daemon; prints a line a second. */
async function play(options: Options, daemon: Daemon, stop: AbortController): Promise<void> {
  const simulation = new Simulation({
    endpoint: options.als,
    requestsPerSecond: options.rps,
    durationMs: options.duration,
    seed: 'demo',
    replicas: REPLICAS,
    connections: undefined,
    withExtensions: true,
    statsd: options.statsd,
    clock: systemClock,
  })
  const end = (): void => simulation.stop()
  stop.signal.addEventListener('abort', end, { once: true })
  void daemon.ended.then(end)
  try {
    await simulation.connect(READY_MS)
    process.stdout.write(welcome(options))
    const watching = watch(options, stop.signal)
    await simulation.run()
    stop.abort()
    await watching
  } finally {
    stop.signal.removeEventListener('abort', end)
    simulation.close()
  }
  if (daemon.hasEnded) throw new Error(`the daemon ended by itself with exit code ${daemon.exitCode}; its messages are above`)
}

function welcome({ als, statsd, metrics, health, own, explain }: Options): string {
  return `
A simulated mesh (Istio's Bookinfo) sends its access logs and DogStatsD to the daemon, and a Kubernetes API tells whose the
addresses are that the logs do not name. Open, or query with curl:

  service metrics   http://${metrics}/metrics
  health            http://${health}/
  own metrics       http://${own}/metrics

Ask whose an address is:

  npx meshscope explain ip ${bookinfoMesh(REPLICAS).clients[0]?.ip}${explain === DEFAULT_EXPLAIN ? '' : ` --endpoint ${explain}`}

A real Envoy can send its access logs to ${als} (gRPC), and anything its statsD to ${statsd} (UDP), at the same
time. Ctrl-C stops everything.

`
}

/** Prints what flows, once a second, until the signal. */
async function watch({ metrics, own }: Options, signal: AbortSignal): Promise<void> {
  const sources = { metrics: `http://${metrics}/metrics`, own: `http://${own}/metrics` }
  let before: FlowSample | undefined
  while (!signal.aborted) {
    await pause(1000, signal)
    if (signal.aborted) return
    try {
      const now = await sampleFlow(sources)
      if (before !== undefined) process.stdout.write(`${new Date().toTimeString().slice(0, 8)} ${flowLine(before, now, GATEWAY)}\n`)
      before = now
    } catch (error) {
      process.stdout.write(`the daemon does not answer: ${error instanceof Error ? error.message : String(error)}\n`)
    }
  }
}

/** The daemon as a child process. Its messages go where ours go. */
class Daemon {
  readonly #child: ChildProcess
  /** Resolves when the process is gone. */
  readonly ended: Promise<void>
  hasEnded = false
  exitCode = 0

  constructor(options: Options, more: readonly string[]) {
    const launcher = fileURLToPath(new URL('../../bin/meshscope.js', import.meta.url))
    const config = fileURLToPath(new URL('../../deploy/examples/demo.yaml', import.meta.url))
    const overrides = LISTENERS.flatMap(({ flag, key }) => ['--set', `${key}=${options[flag]}`])
    // In a process group of its own: Ctrl-C in a terminal must reach the daemon once, by way of us, not twice.
    this.#child = spawn(process.execPath, [launcher, 'run', '--config', config, ...overrides, ...more], {
      stdio: ['ignore', 'inherit', 'inherit'],
      detached: true,
    })
    this.ended = new Promise((resolve) => {
      const end = (code: number | null): void => {
        this.hasEnded = true
        this.exitCode = code ?? 1
        resolve()
      }
      this.#child.once('exit', end)
      this.#child.once('error', (error) => {
        process.stderr.write(`meshscope demo: cannot start the daemon: ${error.message}\n`)
        end(1)
      })
    })
  }

  /** Resolves when the daemon says that it is ready, or when `signal` aborts; rejects when it ends or takes too long. */
  async ready(url: string, signal: AbortSignal): Promise<void> {
    const deadline = performance.now() + READY_MS
    while (!signal.aborted) {
      if (this.hasEnded) throw new Error(`the daemon did not start (exit code ${this.exitCode}); its message is above`)
      const isReady = await fetch(url, { signal: AbortSignal.timeout(1_000) }).then(
        ({ ok }) => ok,
        () => false,
      )
      if (isReady) return
      if (performance.now() > deadline) throw new Error(`the daemon is not ready after ${READY_MS / 1000} s; see ${url}`)
      await pause(POLL_MS, signal)
    }
  }

  /** Asks the daemon to stop and resolves with what our own exit code should be. */
  async stop(): Promise<number> {
    if (!this.hasEnded) {
      this.#child.kill('SIGTERM')
      const kill = setTimeout(() => this.kill(), STOP_MS)
      await this.ended
      clearTimeout(kill)
    }
    return this.exitCode === 0 ? 0 : 1
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }
}

/** The first signal stops everything in order, a later one at once. */
function onStopSignals(stop: AbortController, daemon: Daemon): () => void {
  const requests = new StopRequests(systemClock)
  const onSignal = (): void => {
    const request = requests.next()
    if (request === 'echo') return
    if (request === 'first') {
      process.stdout.write('\nstopping\n')
      stop.abort()
      return
    }
    daemon.kill()
    process.exit(130)
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  return () => {
    process.off('SIGINT', onSignal)
    process.off('SIGTERM', onSignal)
  }
}

async function takenListeners(options: Options): Promise<(typeof LISTENERS)[number][]> {
  const taken: (typeof LISTENERS)[number][] = []
  for (const listener of LISTENERS) if (await isTaken(options[listener.flag], listener.flag === 'statsd')) taken.push(listener)
  return taken
}

function takenMessage(address: string, flag: string, what: string): string {
  const { host, port } = parseEndpoint(address) ?? { host: 'localhost', port: 0 }
  return `meshscope demo: ${address} (${what}): the port is taken\n  hint      stop the program that listens there, or choose another port: npm start -- --${flag} ${host}:${port + 10_000 > 65_535 ? port - 10_000 : port + 10_000}\n`
}

/** True when something listens on the address already; for localhost on either of its addresses. */
async function isTaken(address: string, isUdp: boolean): Promise<boolean> {
  const { host, port } = parseEndpoint(address) ?? { host: 'localhost', port: 0 }
  const hosts = host === 'localhost' ? ['127.0.0.1', '::1'] : [host]
  for (const one of hosts) {
    const problem = await (isUdp ? bindProblem(one, port) : listenProblem(one, port))
    if (problem === 'EADDRINUSE') return true
  }
  return false
}

async function listenProblem(host: string, port: number): Promise<string | undefined> {
  const server = createServer()
  return new Promise((resolve) => {
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'unknown'))
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)))
  })
}

async function bindProblem(host: string, port: number): Promise<string | undefined> {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4')
  return new Promise((resolve) => {
    socket.once('error', (error: NodeJS.ErrnoException) => {
      socket.close()
      resolve(error.code ?? 'unknown')
    })
    socket.bind({ port, address: host, exclusive: true }, () => socket.close(() => resolve(undefined)))
  })
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done, { once: true })
    function done(): void {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
  })
}

function rateOption(text: string): number {
  const value = Number(text)
  if (!(value > 0 && value <= 100_000)) throw new InvalidArgumentError('expected a number above 0 and up to 100000.')
  return value
}

function durationOption(text: string): number {
  const ms = parseDuration(text)
  if (ms === undefined || ms <= 0) throw new InvalidArgumentError('expected a time with its unit, such as 30s.')
  return ms
}

function endpointOption(text: string): string {
  const endpoint = parseEndpoint(text)
  if (endpoint === undefined || endpoint.host === '' || endpoint.port === 0) throw new InvalidArgumentError('expected host:port, such as localhost:8889.')
  return text
}
