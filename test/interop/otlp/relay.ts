import { freePort } from '../../free_port.ts'
import { Child, type ExitStatus, temporaryFolder } from '../child.ts'
import { runConfig } from '../daemon.ts'

export interface RelayOptions {
  /** By their ids; all signals go to each. */
  readonly exporters: Readonly<Record<string, object>>
  /** Beside `health_check`. */
  readonly extensions?: Readonly<Record<string, object>>
  readonly processors?: Readonly<Record<string, object>>
  /** Of an earlier one whose place it takes. */
  readonly ports?: RelayPorts
  readonly drainTimeout?: string
}

export interface RelayPorts {
  /** OTLP over gRPC. */
  readonly otlp: number
  readonly own: number
  readonly health: number
}

/** `meshscope run` between a sender and a backend: OTLP over gRPC in, and out by exporters. */
export interface Relay {
  readonly child: Child
  readonly ports: RelayPorts
  /** The daemon's own telemetry as text. */
  scrapeOwn(): Promise<string>
  stop(signal?: NodeJS.Signals): Promise<ExitStatus>
}

/** Starts one and resolves when it is ready. */
export async function startRelay(options: RelayOptions): Promise<Relay> {
  const folder = temporaryFolder('relay')
  const ports = options.ports ?? { otlp: await freePort(), own: await freePort(), health: await freePort() }
  const running = await runConfig(configOf(options, ports), { folder, health: ports.health })
  return { ...running, ports, scrapeOwn: async () => await (await fetch(`http://127.0.0.1:${ports.own}/metrics`)).text() }
}

function configOf({ exporters, extensions = {}, processors = {}, drainTimeout }: RelayOptions, ports: RelayPorts): object {
  const pipeline = { receivers: ['otlp'], processors: Object.keys(processors), exporters: Object.keys(exporters) }
  return {
    receivers: { otlp: { protocols: { grpc: { endpoint: `127.0.0.1:${ports.otlp}` } } } },
    processors,
    exporters,
    extensions: { health_check: { endpoint: `127.0.0.1:${ports.health}` }, ...extensions },
    service: {
      extensions: ['health_check', ...Object.keys(extensions)],
      workers: { threads: 1 },
      ...(drainTimeout === undefined ? {} : { drain_timeout: drainTimeout }),
      telemetry: { metrics: { address: `127.0.0.1:${ports.own}` } },
      pipelines: { logs: pipeline, metrics: pipeline, traces: pipeline },
    },
  }
}
