import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../../free_port.ts'
import { Child, type ExitStatus, temporaryFolder } from '../child.ts'
import { runConfig } from '../daemon.ts'

export interface OtlpDaemonOptions {
  /** `otlp` receivers by their names, with one protocol each. */
  readonly receivers: Readonly<Record<string, OtlpReceiverOptions>>
  readonly extensions?: Readonly<Record<string, object>>
  /** Ingest workers; 2 unless told otherwise. */
  readonly threads?: number
}

export interface OtlpReceiverOptions {
  readonly protocol: 'grpc' | 'http'
  /** Settings of the protocol beside its endpoint. */
  readonly listener?: object
  /** Other settings of the receiver. */
  readonly more?: object
}

/** `meshscope run` with OTLP in, and a file for everything that one receiver gets. */
export interface OtlpDaemon {
  readonly child: Child
  /** Where receivers listen, by their names. */
  readonly ports: Readonly<Record<string, number>>
  /** The whole lines in a receiver's file so far. */
  lines(receiver: string): readonly string[]
  /** The daemon's own telemetry as text. */
  scrapeOwn(): Promise<string>
  stop(): Promise<ExitStatus>
}

export async function startOtlpDaemon({ receivers, extensions = {}, threads = 2 }: OtlpDaemonOptions): Promise<OtlpDaemon> {
  const folder = temporaryFolder('otlp')
  const names = Object.keys(receivers)
  const ports: Record<string, number> = {}
  for (const name of names) ports[name] = await freePort()
  const [own, health] = [await freePort(), await freePort()]
  const fileOf = (name: string): string => join(folder.path, `${name}.jsonl`)
  const each = (make: (name: string) => readonly [string, unknown]): object => Object.fromEntries(names.map(make))
  const receiverOf = (name: string): object => {
    const { protocol, listener, more } = receivers[name] as OtlpReceiverOptions
    return { protocols: { [protocol]: { endpoint: `127.0.0.1:${ports[name]}`, ...listener } }, ...more }
  }
  const pipelines = ['logs', 'metrics', 'traces'].flatMap((signal) =>
    names.map((name) => [`${signal}/${name}`, { receivers: [`otlp/${name}`], exporters: [`file/${name}`] }]),
  )
  const config = {
    receivers: each((name) => [`otlp/${name}`, receiverOf(name)]),
    exporters: each((name) => [`file/${name}`, { path: fileOf(name), flush_interval: '100ms' }]),
    extensions: { health_check: { endpoint: `127.0.0.1:${health}` }, ...extensions },
    service: {
      extensions: ['health_check', ...Object.keys(extensions)],
      workers: { threads },
      telemetry: { metrics: { address: `127.0.0.1:${own}` } },
      pipelines: Object.fromEntries(pipelines),
    },
  }
  const { child, stop } = await runConfig(config, { folder, health })
  const lines = (receiver: string): readonly string[] => readFileSync(fileOf(receiver), 'utf8').split('\n').slice(0, -1)
  return { child, ports, stop, lines, scrapeOwn: async () => (await fetch(`http://127.0.0.1:${own}/metrics`)).text() }
}
