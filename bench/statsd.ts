/**
 * StatsD packets into the built daemon until they are series, beside the statsd_exporter: lines per CPU second of the whole process.
 * The sender is not included; what is lost on the way is told. `node bench/statsd.ts [--seconds 5] [--runs 3] [--threads 1,2]
 * [--series 10000,100000] [--exporter PATH] [--rate26 30000] [--rate1 80000] [--only udp26,udp1,tcp,mapping]`, after `npm run build`; the exporter is taken from
 * the cache of the interop tests when it is there. Rates are below what a receiver bears unless a line says that it lost some.
 */
import { execFile, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs, promisify } from 'node:util'
import { cpuSeconds, freePort, memoryMib, startMeasured, sum } from './daemon_process.ts'
import type { StatsdLoadReport } from './statsd_load.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '5' },
    runs: { type: 'string', default: '3' },
    threads: { type: 'string', default: '1,2' },
    series: { type: 'string', default: '10000,100000' },
    exporter: { type: 'string', default: join(homedir(), '.cache', 'meshscope-peers', 'statsd_exporter-0.31.0', 'statsd_exporter') },
    rate26: { type: 'string', default: '30000' },
    rate1: { type: 'string', default: '80000' },
    only: { type: 'string', default: 'udp26,udp1,tcp,mapping' },
  },
})

/** How packets come. */
interface Load {
  readonly name: string
  readonly transport: 'udp' | 'tcp'
  readonly lines: number
  /** Packets a second; 0 = all that the stream takes. */
  readonly rate: number
}

/** Looks at a receiver, 200 ms apart, after which nothing more is awaited. */
const QUIET_LOOKS = 15
const UDP26: Load = { name: '26-line datagrams', transport: 'udp', lines: 26, rate: Number(values.rate26) }
const UDP1: Load = { name: '1-line datagrams', transport: 'udp', lines: 1, rate: Number(values.rate1) }
const TCP: Load = { name: 'TCP', transport: 'tcp', lines: 26, rate: 0 }
/** What statsd_exporter can bear on one core of this kind is about a fifth. */
const EXPORTER_RATE: Readonly<Record<string, number>> = { [UDP26.name]: 8000, [UDP1.name]: 30_000, [TCP.name]: 0 }

/** A receiver under load. */
interface Receiver {
  readonly name: string
  readonly pid: number
  readonly port: number
  /** Lines that became part of a series. */
  lines(): Promise<number>
  /** Datagrams that the kernel had no room for, by the receiver's own count; absent when it has none. */
  dropped?(): Promise<number>
  stop(): Promise<void>
}

interface Run {
  readonly perCpuSecond: number
  readonly perSecond: number
  readonly lost: number
  readonly rssMib: number
  readonly senderShare: number
}

const medians = new Map<string, number>()
console.log('receiver                       packets             series   sent/s    lost   lines/CPU-s  RSS MiB  sender')
const only = new Set(values.only.split(','))
for (const series of values.series.split(',').map(Number)) {
  for (const threads of values.threads.split(',').map(Number)) {
    if (only.has('udp26')) await measureOurs(`${threads} workers`, { threads, series, load: UDP26 })
    if (only.has('udp1')) await measureOurs(`${threads} workers`, { threads, series, load: UDP1 })
    if (only.has('tcp')) await measureOurs(`${threads} workers`, { threads, series, load: TCP })
  }
  if (only.has('mapping')) await measureOurs('1 worker, 100 rules', { threads: 1, series, load: TCP, mapping: mappingOf(100) })
  for (const [key, load] of [
    ['udp26', UDP26],
    ['udp1', UDP1],
    ['tcp', TCP],
  ] as const) {
    if (!only.has(key) || !existsSync(values.exporter)) continue
    const receiver = await startExporter(load)
    await measure(receiver, { ...load, rate: EXPORTER_RATE[load.name] ?? 0 }, series)
    await receiver.stop()
  }
}
for (const [name, value] of medians) {
  const peer = medians.get(name.replace(/^.*?: /, 'statsd_exporter: '))
  if (peer !== undefined && peer !== value) console.log(`${name}: ${(value / peer).toFixed(1)} x statsd_exporter`)
}

interface Variant {
  readonly threads: number
  readonly series: number
  readonly load: Load
  readonly mapping?: object
}

async function measureOurs(name: string, { threads, series, load, mapping }: Variant): Promise<void> {
  const statsd = { transport: load.transport, ...(mapping === undefined ? {} : { mapping }) }
  const daemon = await startMeasured({ threads, seriesMax: 200_000, isBuilt: true, statsd })
  const lines = (): Promise<number> => daemon.own('meshscope_statsd_accepted_lines')
  const dropped = (): Promise<number> => daemon.own('meshscope_statsd_kernel_dropped_packets')
  await measure({ name, pid: daemon.pid, port: daemon.alsPort, lines, dropped, stop: () => daemon.stop() }, load, series)
  await daemon.stop()
}

async function measure(receiver: Receiver, load: Load, series: number): Promise<void> {
  // The first second shows every series and lets the compiler see the work.
  await measureOnce(receiver, load, { series, seconds: 2 })
  const runs: Run[] = []
  for (let i = 0; i < Number(values.runs); i++) runs.push(await measureOnce(receiver, load, { series, seconds: Number(values.seconds) }))
  const middle = runs.toSorted((a, b) => a.perCpuSecond - b.perCpuSecond)[runs.length >> 1] as Run
  medians.set(`${receiver.name}: ${load.name}, ${series} series`, middle.perCpuSecond)
  for (const one of runs) {
    const columns = [
      receiver.name.padEnd(30),
      load.name.padEnd(18),
      String(series).padStart(8),
      kilo(one.perSecond).padStart(9),
      `${(one.lost * 100).toFixed(2)} %`.padStart(8),
      kilo(one.perCpuSecond).padStart(13),
      one.rssMib.toFixed(0).padStart(9),
      `${(one.senderShare * 100).toFixed(0)} %`.padStart(8),
    ]
    console.log(columns.join(' ') + (one === middle ? ' median' : ''))
  }
}

async function measureOnce(receiver: Receiver, load: Load, { series, seconds }: { readonly series: number; readonly seconds: number }): Promise<Run> {
  const before = await receiver.lines()
  const droppedBefore = (await receiver.dropped?.()) ?? 0
  const cpu = cpuSeconds(receiver.pid)
  const { lines, seconds: took, cpuSeconds: senderCpu } = await send(receiver.port, load, { series, seconds })
  // What still lies in queues belongs to the work that is measured; what the kernel has dropped is told a little later.
  let taken = 0
  let dropped = 0
  for (let quiet = 0; taken + dropped < lines && quiet < QUIET_LOOKS; quiet++) {
    await pause(200)
    const now = { taken: (await receiver.lines()) - before, dropped: (((await receiver.dropped?.()) ?? 0) - droppedBefore) * load.lines }
    if (now.taken !== taken || now.dropped !== dropped) quiet = 0
    taken = now.taken
    dropped = now.dropped
  }
  const used = cpuSeconds(receiver.pid) - cpu
  if (receiver.dropped !== undefined && taken + dropped !== lines) console.log(`  ${lines} lines were sent, ${taken} taken, ${dropped} dropped by the kernel`)
  return {
    perCpuSecond: taken / used,
    perSecond: lines / took,
    lost: 1 - taken / lines,
    rssMib: memoryMib(receiver.pid, 'VmRSS'),
    senderShare: senderCpu / took,
  }
}

async function send(port: number, load: Load, { series, seconds }: { readonly series: number; readonly seconds: number }): Promise<StatsdLoadReport> {
  const settings = { port, seconds, transport: load.transport, lines: load.lines, series, rate: load.rate }
  const args = Object.entries(settings).flatMap(([key, value]) => [`--${key}`, String(value)])
  const { stdout } = await promisify(execFile)(process.execPath, [join(import.meta.dirname, 'statsd_load.ts'), ...args], { timeout: (seconds + 60) * 1000 })
  return JSON.parse(stdout) as StatsdLoadReport
}

async function startExporter(load: Load): Promise<Receiver> {
  const folder = mkdtempSync(join(tmpdir(), 'meshscope-bench-'))
  const mapping = join(folder, 'mapping.yml')
  writeFileSync(mapping, 'mappings: []\n')
  const [web, port] = [await freePort(), await freePort()]
  const other = load.transport === 'udp' ? 'tcp' : 'udp'
  // As much room in the kernel as ours asks for.
  const options = ['--statsd.read-buffer=8388608', '--log.level=error', `--statsd.mapping-config=${mapping}`, `--web.listen-address=127.0.0.1:${web}`]
  const listen = [`--statsd.listen-${load.transport}=127.0.0.1:${port}`, `--statsd.listen-${other}=`]
  const child = spawn(values.exporter, [...options, ...listen], { stdio: ['ignore', 'ignore', 'inherit'] })
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

/** Rules of which the last one names everything. */
function mappingOf(rules: number): object {
  const globs = Array.from({ length: rules - 1 }, (_, i) => ({ match: `svc${i}.*.*`, name: `svc${i}_$1`, labels: { item: '$2' } }))
  return { mappings: [...globs, { match: 'app.*.*', name: 'app_$1', labels: { item: '$2' } }] }
}

function kilo(value: number): string {
  return `${(value / 1000).toFixed(0)} k`
}
