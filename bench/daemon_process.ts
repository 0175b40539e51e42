/** The daemon as a process to be measured: started with a config of its own, watched through /proc. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { stringify } from 'yaml'
import { freePort } from '../test/free_port.ts'

const REPOSITORY = join(import.meta.dirname, '..')
const START_TIMEOUT_MS = 30_000

export interface MeasuredDaemon {
  readonly pid: number
  /** Where the receiver listens. */
  readonly alsPort: number
  /** CPU seconds of all threads, user and system; only differences mean something. */
  cpuSeconds(): number
  /** Resident memory in MiB, now. */
  rssMib(): number
  /** The most that it was since the last call. */
  takePeakRssMib(): number
  /** The service metrics; `bytes` as served without compression. */
  scrape(): Promise<{ readonly text: string; readonly ms: number }>
  /** The sum of one metric of the daemon's own telemetry; `name` may go on with the beginning of the labels. */
  own(name: string): Promise<number>
  /** The page of the daemon's own telemetry. */
  ownPage(): Promise<string>
  /** What `meshscope explain` asks, such as `ip=10.0.0.1`; only with `kubeApi`. */
  explain(query: string): Promise<unknown>
  stop(): Promise<void>
}

export interface MeasuredSettings {
  /** Ingest workers. */
  readonly threads: number
  /** Room for this many label tuples. */
  readonly seriesMax?: number
  /** Runs what `npm run build` made, as deployments do; the source needs some 40 MiB more, for the TypeScript it strips. */
  readonly isBuilt: boolean
  /** URL of an API server: the daemon watches its whole cluster and enriches by it. */
  readonly kubeApi?: string
  /** Settings of a `statsd` receiver that takes the place of the one for access logs. */
  readonly statsd?: Readonly<Record<string, unknown>>
  /** Makes the config, in the place of the one that the other settings make; `alsPort` is then where its receiver has to listen. */
  readonly config?: (ports: MeasuredPorts) => object
  /** Options of Node.js, such as `--cpu-prof`. */
  readonly nodeOptions?: readonly string[]
}

/** Starts `meshscope run` and waits until it is ready. */
export async function startMeasured(settings: MeasuredSettings): Promise<MeasuredDaemon> {
  const folder = mkdtempSync(join(tmpdir(), 'meshscope-bench-'))
  const [als, metrics, own, health, explain] = [await freePort(), await freePort(), await freePort(), await freePort(), await freePort()]
  const file = join(folder, 'meshscope.yaml')
  const ports = { als, metrics, own, health, explain }
  writeFileSync(file, stringify(settings.config?.(ports) ?? config(ports, settings)))
  const args = [...(settings.nodeOptions ?? []), join(REPOSITORY, settings.isBuilt ? 'dist' : '', 'bin', 'meshscope.js'), 'run', '--config', file]
  const child = spawn(process.execPath, args, { cwd: REPOSITORY, stdio: ['ignore', 'ignore', 'inherit'] })
  const kill = (): unknown => child.kill('SIGKILL')
  process.once('exit', kill)
  await ready(child, `http://127.0.0.1:${health}/readyz`)
  const pid = child.pid ?? 0
  return {
    pid,
    alsPort: als,
    cpuSeconds: () => cpuSeconds(pid),
    rssMib: () => memoryMib(pid, 'VmRSS'),
    takePeakRssMib: () => takePeakMib(pid),
    scrape: async () => {
      const begun = performance.now()
      const text = await textOf(`http://127.0.0.1:${metrics}/metrics`)
      return { text, ms: performance.now() - begun }
    },
    own: async (name) => sum(await textOf(`http://127.0.0.1:${own}/metrics`), name),
    ownPage: () => textOf(`http://127.0.0.1:${own}/metrics`),
    explain: async (query) => JSON.parse(await textOf(`http://127.0.0.1:${explain}/explain?${query}`)) as unknown,
    stop: async () => {
      child.kill('SIGTERM')
      const force = setTimeout(kill, 20_000)
      if (child.exitCode === null && child.signalCode === null) await new Promise((resolve) => child.once('exit', resolve))
      clearTimeout(force)
      process.off('exit', kill)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** On 127.0.0.1, free when the daemon is started. */
export interface MeasuredPorts {
  readonly als: number
  readonly metrics: number
  readonly own: number
  readonly health: number
  readonly explain: number
}

/** Access logs in, series out; with Kubernetes, enriched in every ingest worker. */
function config(ports: MeasuredPorts, { threads, seriesMax = 20_000, kubeApi, statsd }: MeasuredSettings): object {
  if (statsd !== undefined) return statsdConfig(ports, { threads, seriesMax, statsd })
  const isEnriched = kubeApi !== undefined
  const index = { auth_type: 'none', api_server: kubeApi, scope: 'cluster', start_jitter: '0s', endpoint: `127.0.0.1:${ports.explain}` }
  return {
    receivers: { envoyals: { endpoint: `127.0.0.1:${ports.als}` } },
    processors: { mesh: {}, ...(isEnriched ? { k8s_attributes: {} } : {}) },
    connectors: { mesh_metrics: { series_max: seriesMax } },
    exporters: { prometheus: { endpoint: `127.0.0.1:${ports.metrics}` } },
    extensions: { health_check: { endpoint: `127.0.0.1:${ports.health}` }, ...(isEnriched ? { k8s_metadata: index } : {}) },
    service: {
      extensions: ['health_check', ...(isEnriched ? ['k8s_metadata'] : [])],
      workers: { threads },
      telemetry: { metrics: { address: `127.0.0.1:${ports.own}` }, logs: { level: 'warn' } },
      pipelines: {
        logs: { receivers: ['envoyals'], processors: [...(isEnriched ? ['k8s_attributes'] : []), 'mesh'], exporters: ['mesh_metrics'] },
        metrics: { receivers: ['mesh_metrics'], exporters: ['prometheus'] },
      },
    },
  }
}

/** StatsD in, series out. */
function statsdConfig(
  ports: MeasuredPorts,
  { threads, seriesMax, statsd }: { readonly threads: number; readonly seriesMax: number; readonly statsd: object },
): object {
  return {
    receivers: { statsd: { endpoint: `127.0.0.1:${ports.als}`, series_max: seriesMax, ...statsd } },
    exporters: { prometheus: { endpoint: `127.0.0.1:${ports.metrics}` } },
    extensions: { health_check: { endpoint: `127.0.0.1:${ports.health}` } },
    service: {
      extensions: ['health_check'],
      workers: { threads },
      telemetry: { metrics: { address: `127.0.0.1:${ports.own}` }, logs: { level: 'warn' } },
      pipelines: { metrics: { receivers: ['statsd'], exporters: ['prometheus'] } },
    },
  }
}

async function ready(child: ChildProcess, url: string): Promise<void> {
  const deadline = performance.now() + START_TIMEOUT_MS
  for (;;) {
    const isReady = await fetch(url).then(
      (response) => response.ok,
      () => false,
    )
    if (isReady) return
    if (child.exitCode !== null) throw new Error(`the daemon ended with ${child.exitCode}`)
    if (performance.now() > deadline) throw new Error(`the daemon was not ready within ${START_TIMEOUT_MS} ms`)
    await pause(50)
  }
}

/**
 * CPU seconds of all threads that a process has now, user and system. The scheduler's own sums, exact to the microsecond:
 * what /proc/<pid>/stat says is guessed from where the clock's ticks fall.
 */
export function cpuSeconds(pid: number): number {
  const tasks = join('/proc', String(pid), 'task')
  const nanoseconds = readdirSync(tasks).map((task) => {
    try {
      return Number(readFileSync(join(tasks, task, 'schedstat'), 'utf8').split(' ')[0])
    } catch (error) {
      // A thread that has ended since the list was read.
      if (isGone(error)) return 0
      throw error
    }
  })
  return nanoseconds.reduce((total, one) => total + one, 0) / 1e9
}

function isGone(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH')
}

/** Resident memory of a process, now or at its highest. */
export function memoryMib(pid: number, field: 'VmRSS' | 'VmHWM'): number {
  const match = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return Number(match?.[1] ?? Number.NaN) / 1024
}

function takePeakMib(pid: number): number {
  const peak = memoryMib(pid, 'VmHWM')
  // Sets the peak back to what it is now: proc(5), clear_refs.
  writeFileSync(`/proc/${pid}/clear_refs`, '5')
  return peak
}

async function textOf(url: string): Promise<string> {
  const response = await fetch(url, { headers: { accept: 'text/plain', 'accept-encoding': 'identity' } })
  if (!response.ok) throw new Error(`${url} answered ${response.status}`)
  return await response.text()
}

/** The sum over all samples of a name in the text format; the name may go on with the beginning of the labels. */
export function sum(text: string, name: string): number {
  let total = 0
  for (const line of text.split('\n')) {
    if (!line.startsWith(name)) continue
    const rest = line.slice(name.length)
    // Another metric may only begin with the same letters.
    if (!/[ {,}]/.test(rest[0] ?? '')) continue
    // Label values may hold spaces and braces, so the value is looked for behind the last brace.
    total += Number(
      rest
        .slice(rest.lastIndexOf('}') + 1)
        .trim()
        .split(' ')[0],
    )
  }
  return total
}
