import { createSocket } from 'node:dgram'
import { EXAMPLE_KEY } from '../../fakes/cloudwatch_logs/credential_book.ts'
import { freePort } from '../../free_port.ts'
import { Child, type ExitStatus, temporaryFolder } from '../child.ts'
import { runConfig } from '../daemon.ts'

export interface EmfDaemonOptions {
  /** Settings of `awsemf` exporters by their names; each gets all metrics. */
  readonly exporters: Readonly<Record<string, object>>
  /** Settings of the `statsd` receiver; it hands on three times a second. */
  readonly receiver?: object
  readonly processors?: Readonly<Record<string, object>>
  /** Added to the environment; the example keys of AWS's documentation when it has none. */
  readonly env?: Readonly<Record<string, string>>
}

/** `meshscope run` with statsD in and documents out. */
export interface EmfDaemon {
  readonly child: Child
  readonly port: number
  /** The daemon's own telemetry as text. */
  scrapeOwn(): Promise<string>
  /** What the health page says, as text. */
  health(): Promise<string>
  /** Sends lines by UDP, in one datagram. */
  send(...lines: readonly string[]): Promise<void>
  stop(signal?: NodeJS.Signals): Promise<ExitStatus>
}

const EXAMPLE_ENV = { AWS_ACCESS_KEY_ID: EXAMPLE_KEY.accessKeyId, AWS_SECRET_ACCESS_KEY: EXAMPLE_KEY.secretAccessKey, AWS_EC2_METADATA_DISABLED: 'true' }
/** What a test must not take from the machine that it runs on. */
const CREDENTIALS = /^AWS_/

export async function startEmfDaemon({ exporters, receiver = {}, processors = {}, env = EXAMPLE_ENV }: EmfDaemonOptions): Promise<EmfDaemon> {
  const folder = temporaryFolder('emf')
  const [port, own, health] = [await freePort(), await freePort(), await freePort()]
  const ids = Object.keys(exporters).map((name) => `awsemf/${name}`)
  const config = {
    receivers: { statsd: { endpoint: `127.0.0.1:${port}`, aggregation_interval: '300ms', ...receiver } },
    processors,
    exporters: Object.fromEntries(Object.entries(exporters).map(([name, settings]) => [`awsemf/${name}`, { region: 'us-east-1', ...settings }])),
    extensions: { health_check: { endpoint: `127.0.0.1:${health}` } },
    service: {
      extensions: ['health_check'],
      workers: { threads: 1 },
      telemetry: { metrics: { address: `127.0.0.1:${own}` } },
      pipelines: { metrics: { receivers: ['statsd'], processors: Object.keys(processors), exporters: ids } },
    },
  }
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !CREDENTIALS.test(name)))
  const running = await runConfig(config, { folder, health, env: { ...inherited, ...env } })
  return {
    ...running,
    port,
    scrapeOwn: async () => await (await fetch(`http://127.0.0.1:${own}/metrics`)).text(),
    health: async () => await (await fetch(`http://127.0.0.1:${health}/`)).text(),
    send: async (...lines) => {
      const socket = createSocket('udp4')
      await new Promise<void>((resolve, reject) => socket.send(lines.join('\n'), port, '127.0.0.1', (error) => (error === null ? resolve() : reject(error))))
      socket.close()
    },
  }
}
