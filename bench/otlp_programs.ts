/** Our daemon and the Go Collector as programs that hand log records on by OTLP, to be measured beside each other. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { stringify } from 'yaml'
import { freePort } from '../test/free_port.ts'
import { cpuSeconds, memoryMib, startMeasured, sum } from './daemon_process.ts'
import type { SinkReport } from './otlp_sink.ts'

const START_TIMEOUT_MS = 20_000
const SENT = 'otelcol_exporter_sent_log_records'

/** What comes in, and what is done with it before it goes out by OTLP over gRPC. */
export type Work = 'access_logs' | 'one_edit'

export interface ProgramSettings {
  readonly work: Work
  /** Where it sends to. */
  readonly backendPort: number
  readonly compression: 'none' | 'gzip'
  /** Of the exporter. */
  readonly queue?: object
}

export interface Program {
  readonly name: string
  /** Where it takes access logs or OTLP over gRPC. */
  readonly port: number
  cpuSeconds(): number
  rssMib(): number
  /** Log records that the backend has taken. */
  sent(): Promise<number>
  /** The sum of one metric of its own. */
  own(name: string): Promise<number>
  stop(): Promise<void>
}

export async function startOurs(settings: ProgramSettings & { readonly threads: number; readonly isBuilt: boolean }): Promise<Program> {
  const { threads } = settings
  const daemon = await startMeasured({
    threads,
    isBuilt: settings.isBuilt,
    config: ({ als, own, health }) => ({
      ...componentsOf(settings, als),
      extensions: { health_check: { endpoint: `127.0.0.1:${health}` } },
      service: {
        extensions: ['health_check'],
        workers: { threads },
        telemetry: { metrics: { address: `127.0.0.1:${own}` }, logs: { level: 'error' } },
        pipelines: pipelineOf(settings.work, 'otlp_grpc'),
      },
    }),
  })
  return {
    name: 'meshscope',
    port: daemon.alsPort,
    cpuSeconds: () => daemon.cpuSeconds(),
    rssMib: () => daemon.rssMib(),
    own: (name) => daemon.own(name),
    sent: () => daemon.own(SENT),
    stop: () => daemon.stop(),
  }
}

export async function startCollector(binary: string, settings: ProgramSettings): Promise<Program> {
  const folder = mkdtempSync(join(tmpdir(), 'meshscope-bench-'))
  const [port, own, health] = [await freePort(), await freePort(), await freePort()]
  const reader = { pull: { exporter: { prometheus: { host: '127.0.0.1', port: own } } } }
  const config = {
    ...componentsOf(settings, port),
    extensions: { health_check: { endpoint: `127.0.0.1:${health}` } },
    service: {
      extensions: ['health_check'],
      telemetry: { metrics: { level: 'normal', readers: [reader] }, logs: { level: 'error' } },
      pipelines: pipelineOf(settings.work, 'otlp_grpc'),
    },
  }
  const file = join(folder, 'collector.yaml')
  writeFileSync(file, stringify(config))
  const child = spawn(binary, ['--config', file], { stdio: ['ignore', 'ignore', 'inherit'] })
  const kill = (): unknown => child.kill('SIGKILL')
  process.once('exit', kill)
  await answering(child, `http://127.0.0.1:${health}/`)
  const pid = child.pid ?? 0
  const ownSum = async (name: string): Promise<number> => {
    const page = await (await fetch(`http://127.0.0.1:${own}/metrics`)).text()
    return sum(page, name) + sum(page, `${name}_total`)
  }
  const stop = async (): Promise<void> => {
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGTERM')
    const force = setTimeout(kill, 10_000)
    await ended
    clearTimeout(force)
    process.off('exit', kill)
    rmSync(folder, { recursive: true, force: true })
  }
  return { name: 'Collector', port, cpuSeconds: () => cpuSeconds(pid), rssMib: () => memoryMib(pid, 'VmRSS'), own: ownSum, sent: () => ownSum(SENT), stop }
}

/** The same text for both. */
function componentsOf({ work, backendPort, compression, queue }: ProgramSettings, port: number): object {
  const endpoint = `127.0.0.1:${port}`
  return {
    receivers: work === 'access_logs' ? { envoyals: { endpoint } } : { otlp: { protocols: { grpc: { endpoint } } } },
    processors: work === 'access_logs' ? {} : { attributes: { actions: [{ key: 'cluster', value: 'prod-1', action: 'insert' }] } },
    exporters: {
      otlp_grpc: {
        endpoint: `127.0.0.1:${backendPort}`,
        tls: { insecure: true },
        compression,
        sending_queue: { block_on_overflow: true, ...queue },
      },
    },
  }
}

function pipelineOf(work: Work, exporter: string): object {
  return work === 'access_logs'
    ? { logs: { receivers: ['envoyals'], exporters: [exporter] } }
    : { logs: { receivers: ['otlp'], processors: ['attributes'], exporters: [exporter] } }
}

async function answering(child: ChildProcess, url: string): Promise<void> {
  for (const begun = performance.now(); ; ) {
    const isUp = await fetch(url).then(
      (response) => response.ok,
      () => false,
    )
    if (isUp) return
    if (child.exitCode !== null) throw new Error(`the Collector ended with ${child.exitCode}`)
    if (performance.now() - begun > START_TIMEOUT_MS) throw new Error(`${url} did not answer within ${START_TIMEOUT_MS} ms`)
    await pause(50)
  }
}

export interface Sink {
  readonly port: number
  /** Ends it. */
  report(): Promise<SinkReport>
}

/** Starts a backend that takes everything, in a process of its own. */
export async function startSink(): Promise<Sink> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'otlp_sink.ts')], { stdio: ['pipe', 'pipe', 'inherit'] })
  process.once('exit', () => child.kill('SIGKILL'))
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const port = Number((await lines.next()).value)
  return {
    port,
    report: async () => {
      child.stdin.end()
      const report = JSON.parse(String((await lines.next()).value)) as SinkReport
      // Once in a while Node.js does not come to an end by itself.
      child.kill('SIGKILL')
      return report
    },
  }
}

/** Runs a sender in a process of its own and returns what it prints. */
export async function runSender<Report>(script: string, options: Readonly<Record<string, string | number>>, seconds: number): Promise<Report> {
  const args = Object.entries({ ...options, seconds }).flatMap(([name, value]) => [`--${name}`, String(value)])
  const { stdout } = await promisify(execFile)(process.execPath, [join(import.meta.dirname, script), ...args], { timeout: (seconds + 60) * 1000 })
  return JSON.parse(stdout) as Report
}
