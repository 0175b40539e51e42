import { freePort } from '../../free_port.ts'
import { Child, type ExitStatus, temporaryFolder } from '../child.ts'
import { runConfig, sumOf } from '../daemon.ts'
import { settled } from '../waiting.ts'

export interface StatsdDaemonOptions {
  /** Settings of `statsd` receivers by the names they get; each listens on a port of its own. */
  readonly receivers: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  /** Ingest workers; 2 unless told otherwise, so that every series comes from more than one. */
  readonly threads?: number
}

/** `meshscope run` with StatsD in and one Prometheus page per receiver out. */
export interface StatsdDaemon {
  readonly child: Child
  /** Where receivers listen, by their names. */
  readonly ports: Readonly<Record<string, number>>
  /** What became of the lines of one receiver. */
  scrape(receiver: string): Promise<string>
  /** The counts of one receiver, once it has `received` so many lines or has got no more for 15 s. */
  ledger(receiver: string, received: number): Promise<StatsdLedger>
  stop(): Promise<ExitStatus>
}

/** Where the lines of a receiver went, and its packets. */
export interface StatsdLedger {
  readonly received: number
  readonly accepted: number
  readonly rejected: number
  /** Datagrams that the kernel had no room for. */
  readonly kernelDropped: number
}

export async function startStatsdDaemon({ receivers, threads = 2 }: StatsdDaemonOptions): Promise<StatsdDaemon> {
  const folder = temporaryFolder('statsd')
  const names = Object.keys(receivers)
  const ports: Record<string, number> = {}
  const pages: Record<string, number> = {}
  for (const name of names) {
    ports[name] = await freePort()
    pages[name] = await freePort()
  }
  const [own, health] = [await freePort(), await freePort()]
  const each = (make: (name: string) => readonly [string, unknown]): object => Object.fromEntries(names.map(make))
  const config = {
    receivers: each((name) => [`statsd/${name}`, { endpoint: `127.0.0.1:${ports[name]}`, ...receivers[name] }]),
    exporters: each((name) => [`prometheus/${name}`, { endpoint: `127.0.0.1:${pages[name]}` }]),
    extensions: { health_check: { endpoint: `127.0.0.1:${health}` } },
    service: {
      extensions: ['health_check'],
      workers: { threads },
      telemetry: { metrics: { address: `127.0.0.1:${own}` } },
      pipelines: each((name) => [`metrics/${name}`, { receivers: [`statsd/${name}`], exporters: [`prometheus/${name}`] }]),
    },
  }
  const { child, stop } = await runConfig(config, { folder, health })
  const read = async (receiver: string): Promise<StatsdLedger> => ledgerOf(await textOf(own), `statsd/${receiver}`)
  return {
    child,
    ports,
    stop,
    scrape: (receiver) => textOf(pages[receiver] ?? 0),
    ledger: (receiver, lines) =>
      settled(
        () => read(receiver),
        ({ received }) => received >= lines,
      ),
  }
}

function ledgerOf(own: string, receiver: string): StatsdLedger {
  const sum = (name: string): number => sumOf(own, `meshscope_statsd_${name}`, { receiver })
  return {
    received: sum('received_lines'),
    accepted: sum('accepted_lines'),
    rejected: sum('rejected_lines'),
    kernelDropped: sum('kernel_dropped_packets'),
  }
}

async function textOf(port: number): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`, { headers: { accept: 'text/plain' } })
  if (!response.ok) throw new Error(`port ${port} answered ${response.status}`)
  return await response.text()
}
