import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TruthDocument } from '../../../cmd/meshscope/simulate/truth.ts'
import { freePort } from '../../free_port.ts'
import { type ExitStatus, run, temporaryFolder } from '../child.ts'
import { COMMANDS, REPOSITORY, runConfig } from '../daemon.ts'

/** `meshscope run` with access logs and OTLP in, and one exporter of a test's choice. */
export interface SinkDaemon {
  /** Plays the simulated mesh for 4 s and says what it sent. */
  simulate(...more: readonly string[]): Promise<TruthDocument>
  /** Hands log records over by OTLP as JSON; throws when they are refused. */
  sendLogs(records: readonly object[]): Promise<void>
  /** The daemon's own telemetry as text. */
  scrapeOwn(): Promise<string>
  stop(): Promise<ExitStatus>
}

/** `exporters` gets the name of one exporter; logs go to it as records, or with `traces` the spans that are made of them. */
export async function startSinkDaemon(signal: 'logs' | 'traces', exporters: Readonly<Record<string, object>>): Promise<SinkDaemon> {
  const folder = temporaryFolder('sink')
  const [als, otlp, own, health] = [await freePort(), await freePort(), await freePort(), await freePort()]
  const names = Object.keys(exporters)
  const pipelines =
    signal === 'logs'
      ? { logs: { receivers: ['envoyals', 'otlp'], processors: ['mesh', 'access_log_records'], exporters: names } }
      : {
          logs: { receivers: ['envoyals'], processors: ['mesh'], exporters: ['mesh_traces'] },
          traces: { receivers: ['mesh_traces', 'otlp'], exporters: names },
        }
  const config = {
    receivers: { envoyals: { endpoint: `127.0.0.1:${als}` }, otlp: { protocols: { http: { endpoint: `127.0.0.1:${otlp}` } } } },
    processors: { mesh: {}, ...(signal === 'logs' ? { access_log_records: { include: 'all' } } : {}) },
    ...(signal === 'logs' ? {} : { connectors: { mesh_traces: {} } }),
    exporters,
    extensions: { health_check: { endpoint: `127.0.0.1:${health}` } },
    service: { extensions: ['health_check'], workers: { threads: 1 }, telemetry: { metrics: { address: `127.0.0.1:${own}` } }, pipelines },
  }
  const { stop } = await runConfig(config, { folder, health })
  return {
    stop,
    scrapeOwn: async () => (await fetch(`http://127.0.0.1:${own}/metrics`)).text(),
    sendLogs: async (logRecords) => {
      const body = JSON.stringify({ resourceLogs: [{ resource: {}, scopeLogs: [{ scope: {}, logRecords }] }] })
      const response = await fetch(`http://127.0.0.1:${otlp}/v1/logs`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
      if (!response.ok) throw new Error(`the daemon answered ${response.status}: ${await response.text()}`)
    },
    simulate: async (...more) => {
      const truth = join(folder.path, 'truth.json')
      const args = ['simulate', '--endpoint', `127.0.0.1:${als}`, '--rps', '50', '--duration', '4s', '--truth', truth, '--quiet', ...more]
      const { code, output } = await run({ name: 'simulate', file: process.execPath, args: [COMMANDS.source, ...args], dir: REPOSITORY }, 90_000)
      if (code !== 0) throw new Error(`simulate ended with ${code}: ${output}`)
      return JSON.parse(readFileSync(truth, 'utf8')) as TruthDocument
    },
  }
}
