import type { GraphSpec } from '../../component/spec.ts'
import { loadConfig } from '../../config/load.ts'
import { otlpTestRegistry } from './otlp_worker.ts'
import { ServiceRun } from './service_run.ts'
import { type Sunk, sunk } from './sink.ts'

const WORKER = new URL('./otlp_worker.ts', import.meta.url)
const RECEIVER = 'receivers.otlp'
const GRPC = '127.0.0.1:0'
/** Another address than that of gRPC: both have a port of their own, also when the system chooses it. */
const HTTP = '127.0.0.2:0'

export interface OtlpRunOptions {
  readonly threads?: number
  /** Settings of the protocols beside their endpoints. */
  readonly grpc?: Readonly<Record<string, unknown>>
  readonly http?: Readonly<Record<string, unknown>>
  readonly extensions?: Readonly<Record<string, object>>
  /** The signals with a pipeline; all without it. */
  readonly signals?: readonly string[]
  /** With a second receiver by which a worker can be told to do something bad. */
  readonly isFragile?: boolean
}

/** A daemon that receives OTLP, in a test. */
export class OtlpRun {
  readonly run = new ServiceRun(otlpTestRegistry, WORKER)

  async start(options: OtlpRunOptions = {}): Promise<void> {
    await this.run.service.start(specOf(options))
  }

  async reload(options: OtlpRunOptions): Promise<void> {
    await this.run.service.reload(specOf(options))
  }

  stop(timeoutMs?: number): Promise<readonly string[]> {
    return this.run.stop(timeoutMs)
  }

  get sink(): Sunk {
    const sink = sunk.get('fake_sink')
    if (sink === undefined) throw new Error('there is no sink')
    return sink
  }

  port(protocol: 'grpc' | 'http'): number {
    const configured = protocol === 'grpc' ? GRPC : HTTP
    const listener = this.run.service.listeners.find((one) => one.address === RECEIVER && one.configured === configured)
    if (listener === undefined) throw new Error(`nobody listens for ${protocol}`)
    return listener.port
  }

  url(path: string): string {
    return `http://127.0.0.2:${this.port('http')}${path}`
  }
}

function specOf({ threads = 0, grpc = {}, http = {}, extensions = {}, signals = ['logs', 'metrics', 'traces'], isFragile = false }: OtlpRunOptions): GraphSpec {
  const fragile = isFragile
    ? { logs: { receivers: ['fake_lines'], exporters: ['fake_count'] }, counts: { receivers: ['fake_count'], exporters: ['fake_collect'] } }
    : {}
  const text = JSON.stringify({
    receivers: { otlp: { protocols: { grpc: { endpoint: GRPC, ...grpc }, http: { endpoint: HTTP, ...http } } }, ...(isFragile ? { fake_lines: {} } : {}) },
    ...(isFragile ? { connectors: { fake_count: {} } } : {}),
    exporters: { fake_sink: {}, ...(isFragile ? { fake_collect: {} } : {}) },
    extensions,
    service: {
      drain_timeout: '5s',
      workers: { threads },
      telemetry: { metrics: { level: 'none' } },
      extensions: Object.keys(extensions),
      pipelines: {
        ...Object.fromEntries(signals.map((signal) => [signal, { receivers: ['otlp'], exporters: ['fake_sink'] }])),
        ...Object.fromEntries(Object.entries(fragile).map(([name, pipeline]) => [`${name === 'counts' ? 'metrics' : 'logs'}/fragile`, pipeline])),
      },
    },
  })
  const { spec, problems } = loadConfig({ sources: [`yaml:${text}`], registry: otlpTestRegistry, env: {} })
  if (spec === undefined) throw new Error(problems.map(({ path, problem }) => `${path}: ${problem}`).join('\n'))
  return spec
}
