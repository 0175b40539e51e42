import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { freePort } from '../free_port.ts'
import { Child, type ExitStatus, temporaryFolder } from './child.ts'

/** Components by their ids, as in a Collector's config file. */
type Components = Readonly<Record<string, unknown>>

/**
 * A config of the OpenTelemetry Collector, as it stands in its file; `collector/manifest.yaml` says which components there are.
 * In texts `$` begins a variable and is written `$$`.
 */
export interface CollectorConfig {
  readonly receivers: Components
  readonly processors?: Components
  readonly connectors?: Components
  readonly exporters: Components
  readonly extensions?: Components
  readonly service: {
    readonly extensions?: readonly string[]
    readonly pipelines: Readonly<
      Record<string, { readonly receivers: readonly string[]; readonly processors?: readonly string[]; readonly exporters: readonly string[] }>
    >
  }
}

export interface CollectorOptions {
  /** The peer `otelcol`. */
  readonly binary: string
  /** Listeners need ports of their own: `freePort()`. */
  readonly config: CollectorConfig
  /** Added to our environment, such as `AWS_ACCESS_KEY_ID` for `awsemf`. */
  readonly env?: Readonly<Record<string, string>>
}

/** A running Collector. */
export interface RunningCollector {
  /** Its output has what the `debug` exporter writes, and `awsemf` with `output_destination: stdout`. */
  readonly child: Child
  /** Its own metrics as a Prometheus page, such as `otelcol_receiver_accepted_metric_points`. */
  ownMetrics(): Promise<string>
  /** Ends it by SIGTERM; it hands on what it holds. One that has an open access-log stream waits for the client. */
  stop(): Promise<ExitStatus>
}

/** Starts a Collector in a folder of its own, and resolves when all its components are up. */
export async function startCollector({ binary, config, env = {} }: CollectorOptions): Promise<RunningCollector> {
  const folder = temporaryFolder('collector')
  const [health, own] = [await freePort(), await freePort()]
  const file = join(folder.path, 'collector.yaml')
  writeFileSync(file, stringify(withOwnPorts(config, { health, own })))
  // Without the last it looks for the machine's metadata for seconds.
  const environment = { ...process.env, AWS_EC2_METADATA_DISABLED: 'true', ...env }
  const child = new Child({ name: 'otelcol', file: binary, args: ['--config', file], dir: folder.path, env: environment })
  const stop = async (): Promise<ExitStatus> => {
    const status = await child.stop()
    folder.remove()
    return status
  }
  try {
    await child.until('ready', async () => (await fetch(`http://127.0.0.1:${health}/`)).ok)
  } catch (error) {
    await child.stop('SIGKILL')
    folder.remove()
    throw error
  }
  return { child, stop, ownMetrics: async () => await (await fetch(`http://127.0.0.1:${own}/metrics`)).text() }
}

function withOwnPorts(config: CollectorConfig, ports: { readonly health: number; readonly own: number }): object {
  const { extensions, service } = config
  const reader = { pull: { exporter: { prometheus: { host: '127.0.0.1', port: ports.own } } } }
  return {
    ...config,
    extensions: { ...extensions, 'health_check/own': { endpoint: `127.0.0.1:${ports.health}` } },
    service: {
      ...service,
      extensions: [...(service.extensions ?? []), 'health_check/own'],
      telemetry: { metrics: { level: 'normal', readers: [reader] } },
    },
  }
}
