import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { freePort } from '../free_port.ts'
import { Child, type ExitStatus, type TemporaryFolder, temporaryFolder } from './child.ts'
import type { Sample } from './prometheus.ts'

export const REPOSITORY = join(import.meta.dirname, '..', '..')

/** The command as users run it in a checkout, and as `npm run build` makes it. */
export const COMMANDS = { source: join(REPOSITORY, 'bin', 'meshscope.js'), dist: join(REPOSITORY, 'dist', 'bin', 'meshscope.js') } as const

export interface DaemonOptions {
  /** Ingest workers; 1 unless told otherwise. */
  readonly threads?: number
  /** Merged over the `envoyals` receiver's settings. */
  readonly receiver?: Readonly<Record<string, unknown>>
  readonly connector?: Readonly<Record<string, unknown>>
  /** Ports from an earlier daemon, for one that takes its place. */
  readonly ports?: DaemonPorts
  readonly command?: string
  readonly drainTimeout?: string
  /** Settings of the `k8s_metadata` extension; without them there is none. It answers `explain` on a port of its own. */
  readonly kubernetes?: Readonly<Record<string, unknown>>
  /** Added to the environment. */
  readonly env?: NodeJS.ProcessEnv
}

export interface DaemonPorts {
  readonly als: number
  readonly metrics: number
  readonly own: number
  readonly health: number
  readonly explain: number
}

/** `meshscope run` as a child process, with Envoy access logs in and service metrics out. */
export interface RunningDaemon {
  readonly child: Child
  readonly ports: DaemonPorts
  /** The service metrics as text. */
  scrape(): Promise<string>
  /** The daemon's own telemetry as text. */
  scrapeOwn(): Promise<string>
  stop(signal?: NodeJS.Signals, timeoutMs?: number): Promise<ExitStatus>
}

export interface RunOptions {
  /** Where its files are; removed when it stops. */
  readonly folder: TemporaryFolder
  /** Port on which `health_check` of the config answers. */
  readonly health: number
  readonly command?: string
  readonly env?: NodeJS.ProcessEnv
}

/** `meshscope run` with a config, once it is ready. */
export async function runConfig(
  config: object,
  { folder, health, command = COMMANDS.source, env = process.env }: RunOptions,
): Promise<Pick<RunningDaemon, 'child' | 'stop'>> {
  const file = join(folder.path, 'meshscope.yaml')
  writeFileSync(file, stringify(config))
  const child = new Child({ name: 'meshscope', file: process.execPath, args: [command, 'run', '--config', file], dir: REPOSITORY, env })
  const stop = async (signal: NodeJS.Signals = 'SIGTERM', timeoutMs = 30_000): Promise<ExitStatus> => {
    const status = await child.stop(signal, timeoutMs)
    folder.remove()
    return status
  }
  try {
    await child.until('ready', async () => (await fetch(`http://127.0.0.1:${health}/readyz`)).ok, 60_000)
  } catch (error) {
    await stop('SIGKILL')
    throw error
  }
  return { child, stop }
}

export async function startDaemon(options: DaemonOptions = {}): Promise<RunningDaemon> {
  const folder = temporaryFolder('daemon')
  const ports = options.ports ?? {
    als: await freePort(),
    metrics: await freePort(),
    own: await freePort(),
    health: await freePort(),
    explain: await freePort(),
  }
  const command = options.command ?? COMMANDS.source
  if (!existsSync(command)) throw new Error(`${command} does not exist; run npm run build first`)
  const running = await runConfig(daemonConfig(ports, options), { folder, health: ports.health, command, env: { ...process.env, ...options.env } })
  return {
    ...running,
    ports,
    scrape: () => textOf(`http://127.0.0.1:${ports.metrics}/metrics`),
    scrapeOwn: () => textOf(`http://127.0.0.1:${ports.own}/metrics`),
  }
}

/** The config that the tests run with: what the README shows, on chosen ports. */
export function daemonConfig(ports: DaemonPorts, options: DaemonOptions = {}): object {
  return {
    receivers: { envoyals: { endpoint: `127.0.0.1:${ports.als}`, ...options.receiver } },
    processors: { mesh: {} },
    connectors: { mesh_metrics: { ...options.connector } },
    exporters: { prometheus: { endpoint: `127.0.0.1:${ports.metrics}` } },
    extensions: {
      health_check: { endpoint: `127.0.0.1:${ports.health}` },
      ...(options.kubernetes === undefined ? {} : { k8s_metadata: { endpoint: `127.0.0.1:${ports.explain}`, ...options.kubernetes } }),
    },
    service: {
      extensions: ['health_check', ...(options.kubernetes === undefined ? [] : ['k8s_metadata'])],
      workers: { threads: options.threads ?? 1 },
      ...(options.drainTimeout === undefined ? {} : { drain_timeout: options.drainTimeout }),
      telemetry: { metrics: { address: `127.0.0.1:${ports.own}` } },
      pipelines: {
        logs: { receivers: ['envoyals'], processors: ['mesh'], exporters: ['mesh_metrics'] },
        metrics: { receivers: ['mesh_metrics'], exporters: ['prometheus'] },
      },
    },
  }
}

async function textOf(url: string): Promise<string> {
  const response = await fetch(url, { headers: { accept: 'text/plain' } })
  if (!response.ok) throw new Error(`${url} answered ${response.status}`)
  return await response.text()
}

const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)/
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)",?/g

/** The samples of one name in the text format. Whether the text is right is for promtool and Prometheus to say. */
export function samplesOf(text: string, name: string): readonly Sample[] {
  const found: Sample[] = []
  for (const line of text.split('\n')) {
    const match = line.startsWith(name) ? SAMPLE.exec(line) : null
    if (match?.[1] !== name) continue
    const labels = Object.fromEntries([...(match[2] ?? '').matchAll(LABEL)].map(([, key = '', value = '']) => [key, value]))
    found.push({ labels, value: Number(match[3]) })
  }
  return found
}

/** The sum of a metric's samples whose labels match. */
export function sumOf(text: string, name: string, labels: Readonly<Record<string, string>> = {}): number {
  const wanted = Object.entries(labels)
  return samplesOf(text, name).reduce((sum, sample) => (wanted.every(([key, value]) => sample.labels[key] === value) ? sum + sample.value : sum), 0)
}

/** Sums by the values of some labels, as `sum by (…)` does; keys are the values joined with spaces. */
export function sumBy(samples: readonly Sample[], labels: readonly string[]): Record<string, number> {
  const sums: Record<string, number> = {}
  for (const sample of samples) {
    const key = labels.map((label) => sample.labels[label] ?? '').join(' ')
    sums[key] = (sums[key] ?? 0) + sample.value
  }
  return sums
}
