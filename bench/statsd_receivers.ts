/**
 * Programs that receive StatsD, started to be measured: the daemon as it was built, the statsd_exporter, the Go Collector, and a
 * socket of Node.js that only counts.
 */
import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { freePort } from '../test/free_port.ts'
import { startMeasured, sum } from './daemon_process.ts'
import { startCollector } from './statsd_collector.ts'

/** How packets come. */
export interface Load {
  readonly name: string
  readonly transport: 'udp' | 'tcp'
  readonly lines: number
  /** Packets a second; 0 = all that the stream takes. */
  readonly rate: number
}

/** A receiver under load. */
export interface Receiver {
  readonly name: string
  readonly pid: number
  readonly port: number
  /** Packets a second that it gets at most; one that cannot bear what the others do says so. */
  readonly rateMax: number
  /** Lines that became part of a series. */
  lines(): Promise<number>
  /** Workers that read datagrams; absent for programs that have none. */
  readers?(): Promise<number>
  /** Is told how many lines were sent, in packets of how many. */
  sent?(lines: number, linesPerPacket: number): void
  /** Datagrams that the kernel had no room for, by the receiver's own count; absent when it has none. */
  dropped?(): Promise<number>
  stop(): Promise<void>
}

/** What the statsd_exporter, and the Collector, can bear on one core is about a fifth of what we can. */
const PEER_RATE = { 26: 8000, 1: 30_000 } as const

export interface OursOptions {
  readonly name: string
  readonly threads: number
  /** How many of the workers read datagrams from the start; 0 = all. */
  readonly readers: number
  readonly load: Load
  readonly mapping?: object
}

export async function startOurs({ name, threads, readers, load, mapping }: OursOptions): Promise<Receiver> {
  const statsd = { transport: load.transport, readers, ...(mapping === undefined ? {} : { mapping }) }
  const daemon = await startMeasured({ threads, seriesMax: 200_000, isBuilt: true, statsd })
  return {
    name,
    pid: daemon.pid,
    port: daemon.alsPort,
    rateMax: Number.POSITIVE_INFINITY,
    lines: () => daemon.own('meshscope_statsd_accepted_lines'),
    dropped: () => daemon.own('meshscope_statsd_kernel_dropped_packets'),
    readers: () => daemon.own('meshscope_statsd_readers'),
    stop: () => daemon.stop(),
  }
}

export async function startPeerCollector(binary: string, load: Load): Promise<Receiver> {
  return { name: 'Go Collector', rateMax: peerRate(load), ...(await startCollector(binary, load.transport)) }
}

export async function startExporter(binary: string, load: Load): Promise<Receiver> {
  const folder = mkdtempSync(join(tmpdir(), 'meshscope-bench-'))
  const mapping = join(folder, 'mapping.yml')
  writeFileSync(mapping, 'mappings: []\n')
  const [web, port] = [await freePort(), await freePort()]
  const other = load.transport === 'udp' ? 'tcp' : 'udp'
  // As much room in the kernel as ours asks for.
  const options = ['--statsd.read-buffer=8388608', '--log.level=error', `--statsd.mapping-config=${mapping}`, `--web.listen-address=127.0.0.1:${web}`]
  const listen = [`--statsd.listen-${load.transport}=127.0.0.1:${port}`, `--statsd.listen-${other}=`]
  const child = spawn(binary, [...options, ...listen], { stdio: ['ignore', 'ignore', 'inherit'] })
  const kill = (): unknown => child.kill('SIGKILL')
  process.once('exit', kill)
  const page = async (): Promise<string> => await (await fetch(`http://127.0.0.1:${web}/metrics`)).text()
  for (let attempt = 0; ; attempt++) {
    const isUp = await page().then(
      () => true,
      () => false,
    )
    if (isUp) break
    if (attempt === 100) throw new Error('statsd_exporter did not answer within 10 s')
    await pause(100)
  }
  return {
    name: 'statsd_exporter',
    pid: child.pid ?? 0,
    port,
    rateMax: peerRate(load),
    // Lines without a sample are the empty ones behind each datagram's last LF.
    lines: async () => sum(await page(), 'statsd_exporter_samples_total'),
    stop: async () => {
      const ended = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGTERM')
      await ended
      process.off('exit', kill)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** What no receiver with `node:dgram` can be better than, except by waking up seldomer. */
export async function startBare(load: Load): Promise<Receiver> {
  const port = await freePort()
  const child = fork(join(import.meta.dirname, 'statsd_bare.ts'), [String(port)], { execArgv: [] })
  await once(child, 'message')
  return {
    name: 'node:dgram, only counted',
    pid: child.pid ?? 0,
    port,
    rateMax: Number.POSITIVE_INFINITY,
    lines: async () => {
      child.send('how many?')
      const [datagrams] = (await once(child, 'message')) as [number]
      return datagrams * load.lines
    },
    stop: async () => {
      child.disconnect()
      await once(child, 'exit')
    },
  }
}

function peerRate({ transport, lines }: Load): number {
  return transport === 'tcp' ? Number.POSITIVE_INFINITY : lines === 1 ? PEER_RATE[1] : PEER_RATE[26]
}
