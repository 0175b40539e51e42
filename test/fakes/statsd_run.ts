import { createSocket } from 'node:dgram'
import { connect } from 'node:net'
import type { GraphSpec } from '../../component/spec.ts'
import { loadConfig } from '../../config/load.ts'
import { UnixDatagramSocket } from '../../receivers/statsd/listen/unix_datagram_socket.ts'
import { ServiceRun, until } from './service_run.ts'
import { statsdTestRegistry } from './statsd_worker.ts'

const WORKER = new URL('./statsd_worker.ts', import.meta.url)
const RECEIVER = 'receivers.statsd'

export interface StatsdRunOptions {
  readonly threads?: number
  /** Settings of the receiver. */
  readonly receiver?: Readonly<Record<string, unknown>>
  /** Other sections of the config, and other pipelines. */
  readonly more?: Readonly<Record<string, object>>
  readonly pipelines?: Readonly<Record<string, object>>
}

/** A daemon that receives statsD and serves Prometheus, in a test. */
export class StatsdRun {
  readonly run = new ServiceRun(statsdTestRegistry, WORKER)
  #spec: GraphSpec | undefined

  async start(options: StatsdRunOptions = {}): Promise<void> {
    this.#spec = statsdSpec(options)
    await this.run.service.start(this.#spec)
  }

  async reload(options: StatsdRunOptions): Promise<void> {
    await this.run.service.reload(statsdSpec(options))
  }

  async stop(): Promise<readonly string[]> {
    return this.run.stop()
  }

  /** The port of the receiver, or of its debug page. */
  port(configured = '127.0.0.1:0'): number {
    const listener = this.run.service.listeners.find((one) => one.address === RECEIVER && one.configured === configured)
    if (listener === undefined) throw new Error(`nobody listens on ${configured}`)
    return listener.port
  }

  value(name: string, labels: Readonly<Record<string, string>> = {}): number {
    return this.run.telemetry.value(`meshscope_statsd_${name}`, labels)
  }

  /** Resolves when so many lines have arrived. */
  async received(lines: number): Promise<void> {
    await until(`${lines} lines have arrived`, () => this.value('received_lines') >= lines)
  }

  /** The samples of the Prometheus page: lines without comments, sorted. */
  async page(): Promise<string[]> {
    const response = await fetch(`http://127.0.0.1:${this.run.port('exporters.prometheus')}/metrics`)
    const lines = (await response.text()).split('\n')
    return lines.filter((line) => line !== '' && !line.startsWith('#')).sort()
  }
}

function statsdSpec({ threads = 0, receiver = {}, more = {}, pipelines = {} }: StatsdRunOptions): GraphSpec {
  const text = JSON.stringify({
    receivers: { statsd: { endpoint: '127.0.0.1:0', ...receiver }, ...more['receivers'] },
    processors: { ...more['processors'] },
    connectors: { ...more['connectors'] },
    exporters: { prometheus: { endpoint: '127.0.0.1:0' }, ...more['exporters'] },
    service: {
      drain_timeout: '5s',
      workers: { threads },
      telemetry: { metrics: { level: 'none' } },
      pipelines: { metrics: { receivers: ['statsd'], exporters: ['prometheus'] }, ...pipelines },
    },
  })
  const { spec, problems } = loadConfig({ sources: [`yaml:${text}`], registry: statsdTestRegistry, env: {} })
  if (spec === undefined) throw new Error(problems.map(({ path, problem }) => `${path}: ${problem}`).join('\n'))
  return spec
}

/** Sends datagrams from one socket, in order. */
export async function sendUdp(port: number, packets: readonly (string | Uint8Array)[], host = '127.0.0.1'): Promise<void> {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4')
  for (const packet of packets) {
    await new Promise<void>((resolve, reject) => socket.send(packet, port, host, (error) => (error === null ? resolve() : reject(error))))
  }
  await new Promise<void>((resolve) => socket.close(() => resolve()))
}

/** Writes pieces to a stream one after the other and ends it; resolves when the other side has closed. */
export function sendStream(
  to: { readonly port: number; readonly host: string } | { readonly path: string },
  pieces: readonly (string | Uint8Array)[],
): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(to, () => {
      for (const piece of pieces) socket.write(piece)
      socket.end()
    })
    socket.setNoDelay(true)
    socket.resume()
    socket.on('error', (error: NodeJS.ErrnoException) => (error.code === 'ECONNRESET' || error.code === 'EPIPE' ? undefined : reject(error)))
    socket.on('close', () => resolve())
  })
}

/** Sends unix datagrams, waiting where the receiver's buffer is full. */
export async function sendUnixDatagrams(path: string, packets: readonly string[]): Promise<void> {
  const socket = new UnixDatagramSocket({ data: () => {}, error: () => {} })
  for (const packet of packets) await socket.send(Buffer.from(packet), path)
  socket.close()
}

/** A packet with its length before it, as DogStatsD clients send it over unix stream sockets. */
export function frame(packet: string): Uint8Array {
  const bytes = Buffer.from(packet)
  const framed = Buffer.alloc(bytes.length + 4)
  framed.writeUInt32LE(bytes.length)
  bytes.copy(framed, 4)
  return framed
}
