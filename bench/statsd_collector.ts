/** The Go Collector's statsd receiver as a program to be measured. */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { stringify } from 'yaml'
import { freePort } from '../test/free_port.ts'

const CACHE = join(homedir(), '.cache', 'meshscope-peers')
const START_TIMEOUT_MS = 10_000
const STOP_TIMEOUT_MS = 3000
/** About the length of a line of the load, with what the kernel keeps of it. */
const LINE_BYTES = 50
/** The state of a listening TCP socket in /proc/net/tcp. */
const LISTENS = '0A'

/** The Collector that the interop tests have built; empty when they have not. */
export function cachedCollector(): string {
  const folder = existsSync(CACHE) ? readdirSync(CACHE).find((name) => name.startsWith('otelcol-')) : undefined
  return folder === undefined ? '' : join(CACHE, folder, 'otelcol-peer')
}

export interface MeasuredCollector {
  readonly pid: number
  readonly port: number
  /** Lines that are not in the kernel any more, of those that `sent` has told of: the Collector itself does not count lines. */
  lines(): Promise<number>
  /** Datagrams that the kernel had no room for. */
  dropped(): Promise<number>
  sent(lines: number, linesPerPacket: number): void
  stop(): Promise<void>
}

/** Starts a Collector that keeps what it gets by statsD for a Prometheus page, with one series for all ports of a sender. */
export async function startCollector(binary: string, transport: 'udp' | 'tcp'): Promise<MeasuredCollector> {
  const folder = mkdtempSync(join(tmpdir(), 'meshscope-bench-'))
  const [port, page, health] = [await freePort(), await freePort(), await freePort()]
  const statsd = {
    endpoint: `127.0.0.1:${port}`,
    transport,
    aggregation_interval: '10s',
    is_monotonic_counter: true,
    enable_ip_only_aggregation: true,
    timer_histogram_mapping: [{ statsd_type: 'timing', observer_type: 'histogram' }],
  }
  const config = {
    extensions: { health_check: { endpoint: `127.0.0.1:${health}` } },
    receivers: { statsd },
    processors: { delta_to_cumulative: {} },
    exporters: { prometheus: { endpoint: `127.0.0.1:${page}` } },
    service: {
      extensions: ['health_check'],
      telemetry: { metrics: { level: 'none' }, logs: { level: 'error' } },
      pipelines: { metrics: { receivers: ['statsd'], processors: ['delta_to_cumulative'], exporters: ['prometheus'] } },
    },
  }
  const file = join(folder, 'collector.yaml')
  writeFileSync(file, stringify(config))
  const child = spawn(binary, ['--config', file], { stdio: ['ignore', 'ignore', 'inherit'] })
  const kill = (): unknown => child.kill('SIGKILL')
  process.once('exit', kill)
  await answering(`http://127.0.0.1:${health}/`)
  let told = 0
  let size = 1
  return {
    pid: child.pid ?? 0,
    port,
    sent: (lines, linesPerPacket) => {
      told += lines
      size = linesPerPacket
    },
    lines: async () => {
      const { drops, waitingBytes } = socketsOf(port, transport)
      return told - drops * size - Math.ceil(waitingBytes / LINE_BYTES)
    },
    dropped: async () => socketsOf(port, transport).drops,
    stop: async () => {
      const ended = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGTERM')
      // With a TCP connection it once had it does not end by itself.
      const force = setTimeout(kill, STOP_TIMEOUT_MS)
      await ended
      clearTimeout(force)
      process.off('exit', kill)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function answering(url: string): Promise<void> {
  for (const begun = performance.now(); ; ) {
    const isUp = await fetch(url).then(
      (response) => response.ok,
      () => false,
    )
    if (isUp) return
    if (performance.now() - begun > START_TIMEOUT_MS) throw new Error(`${url} did not answer within ${START_TIMEOUT_MS} ms`)
    await pause(50)
  }
}

/** What the kernel says of the sockets of a port: datagrams dropped, and bytes that wait (proc(5), /proc/net/udp and tcp). */
function socketsOf(port: number, transport: 'udp' | 'tcp'): { readonly drops: number; readonly waitingBytes: number } {
  const hex = port.toString(16).toUpperCase().padStart(4, '0')
  let drops = 0
  let waitingBytes = 0
  for (const line of readFileSync(`/proc/net/${transport}`, 'latin1').split('\n')) {
    const columns = line.trim().split(/\s+/)
    if (columns[1]?.endsWith(`:${hex}`) !== true) continue
    // Of a listening socket this is the number of connections that nobody has accepted yet.
    if (columns[3] !== LISTENS) waitingBytes += Number.parseInt(columns[4]?.split(':')[1] ?? '0', 16)
    if (transport === 'udp') drops += Number(columns.at(-1) ?? 0)
  }
  return { drops, waitingBytes }
}
