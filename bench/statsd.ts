/**
 * StatsD packets into the built daemon until they are series, beside the statsd_exporter, the Go Collector and a socket of Node.js
 * that only counts datagrams: lines per CPU second. Of the whole process, the sender not included; what is lost on the way is told.
 * All receivers of a load run at the same time and get it in turns, so that what else the machine does hits all of them. `node
 * bench/statsd.ts [--seconds 5] [--runs 3] [--threads 1,2] [--series 10000,100000] [--exporter PATH] [--collector PATH] [--rate26
 * 30000] [--rate1 80000] [--each own|all] [--names few|own] [--readers 1] [--only udp26,udp1,tcp,mapping]`, after `npm run build`;
 * the other programs are taken from the cache of the interop tests when they are there. The Collector counts no lines: what the
 * kernel has not dropped counts as taken. `readers` is the receiver's setting, 0 for all workers; the last column says how many read
 * in the end. `mapping` is TCP with one rule and with a hundred. Each of eight clients sends series of its own by UDP, or all of them
 * in turns; series have few names and tags, or each a name of its own.
 */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs, promisify } from 'node:util'
import { cpuSeconds, memoryMib } from './daemon_process.ts'
import { cachedCollector } from './statsd_collector.ts'
import type { StatsdLoadReport } from './statsd_load.ts'
import { type Load, type Receiver, startBare, startExporter, startOurs, startPeerCollector } from './statsd_receivers.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '5' },
    runs: { type: 'string', default: '3' },
    threads: { type: 'string', default: '1,2' },
    series: { type: 'string', default: '10000,100000' },
    exporter: { type: 'string', default: join(homedir(), '.cache', 'meshscope-peers', 'statsd_exporter-0.31.0', 'statsd_exporter') },
    collector: { type: 'string', default: cachedCollector() },
    rate26: { type: 'string', default: '30000' },
    rate1: { type: 'string', default: '80000' },
    each: { type: 'string', default: 'all' },
    names: { type: 'string', default: 'few' },
    readers: { type: 'string', default: '1' },
    only: { type: 'string', default: 'udp26,udp1,tcp,mapping' },
  },
})

/** Looks at a receiver, 200 ms apart, after which nothing more is awaited. */
const QUIET_LOOKS = 15
const TCP: Load = { name: 'TCP', transport: 'tcp', lines: 26, rate: 0 }
const LOADS: Readonly<Record<string, Load>> = {
  udp26: { name: '26-line datagrams', transport: 'udp', lines: 26, rate: Number(values.rate26) },
  udp1: { name: '1-line datagrams', transport: 'udp', lines: 1, rate: Number(values.rate1) },
  tcp: TCP,
  mapping: { ...TCP, name: 'TCP, mapped' },
}

interface Run {
  readonly perCpuSecond: number
  readonly perSecond: number
  readonly lost: number
  readonly rssMib: number
  readonly senderShare: number
  /** Workers that read datagrams; undefined for others than ours, and for streams. */
  readonly readers: number | undefined
}

console.log('receiver                       packets             series   sent/s    lost   lines/CPU-s  RSS MiB  sender readers')
for (const series of values.series.split(',').map(Number)) {
  for (const [key, load] of Object.entries(LOADS)) {
    if (!values.only.split(',').includes(key)) continue
    const receivers = await (key === 'mapping' ? startMapped(load) : startAll(load))
    const medians = await measureInTurns(receivers, load, series)
    for (const receiver of receivers) await receiver.stop()
    compare(medians)
  }
}

async function startAll(load: Load): Promise<Receiver[]> {
  const receivers: Receiver[] = []
  for (const threads of values.threads.split(',').map(Number))
    receivers.push(await startOurs({ name: `${threads} workers`, threads, readers: Number(values.readers), load }))
  if (load.transport === 'udp') receivers.push(await startBare(load))
  if (existsSync(values.exporter)) receivers.push(await startExporter(values.exporter, load))
  if (existsSync(values.collector)) receivers.push(await startPeerCollector(values.collector, load))
  return receivers
}

async function startMapped(load: Load): Promise<Receiver[]> {
  const receivers: Receiver[] = []
  for (const rules of [1, 100]) receivers.push(await startOurs({ name: `1 worker, ${rules} rules`, threads: 1, readers: 1, load, mapping: mappingOf(rules) }))
  return receivers
}

/** Medians by the name of the receiver. */
async function measureInTurns(receivers: readonly Receiver[], load: Load, series: number): Promise<Map<string, number>> {
  const runs = new Map<Receiver, Run[]>(receivers.map((receiver) => [receiver, []]))
  // The first seconds show every series and let the compiler see the work.
  for (const receiver of receivers) await measureOnce(receiver, load, { series, seconds: 2 })
  for (let i = 0; i < Number(values.runs); i++) {
    for (const [receiver, done] of runs) done.push(await measureOnce(receiver, load, { series, seconds: Number(values.seconds) }))
  }
  const medians = new Map<string, number>()
  for (const [{ name }, done] of runs) {
    const middle = done.toSorted((a, b) => a.perCpuSecond - b.perCpuSecond)[done.length >> 1] as Run
    medians.set(name, middle.perCpuSecond)
    for (const one of done) console.log(`${rowOf(name, load, series, one)}${one === middle ? ' median' : ''}`)
  }
  return medians
}

function rowOf(name: string, load: Load, series: number, one: Run): string {
  return [
    name.padEnd(30),
    load.name.padEnd(18),
    String(series).padStart(8),
    kilo(one.perSecond).padStart(9),
    `${(one.lost * 100).toFixed(2)} %`.padStart(8),
    kilo(one.perCpuSecond).padStart(13),
    one.rssMib.toFixed(0).padStart(9),
    `${(one.senderShare * 100).toFixed(0)} %`.padStart(8),
    (one.readers === undefined ? '' : String(one.readers)).padStart(7),
  ].join(' ')
}

/** Everything beside the others of the same turns. */
function compare(medians: ReadonlyMap<string, number>): void {
  const [[base = '', least = 0] = []] = medians
  for (const [name, value] of medians) if (name !== base) console.log(`  ${base}: ${(least / value).toFixed(2)} x ${name}`)
}

async function measureOnce(receiver: Receiver, load: Load, { series, seconds }: { readonly series: number; readonly seconds: number }): Promise<Run> {
  const before = await receiver.lines()
  const droppedBefore = (await receiver.dropped?.()) ?? 0
  const cpu = cpuSeconds(receiver.pid)
  const rate = Math.min(load.rate, receiver.rateMax)
  const { lines, seconds: took, cpuSeconds: senderCpu } = await send(receiver.port, { ...load, rate }, { series, seconds })
  receiver.sent?.(lines, load.lines)
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
    readers: load.transport === 'udp' ? await receiver.readers?.() : undefined,
  }
}

async function send(port: number, load: Load, { series, seconds }: { readonly series: number; readonly seconds: number }): Promise<StatsdLoadReport> {
  const settings = { port, seconds, transport: load.transport, lines: load.lines, series, rate: load.rate, each: values.each, names: values.names }
  const args = Object.entries(settings).flatMap(([key, value]) => [`--${key}`, String(value)])
  const { stdout } = await promisify(execFile)(process.execPath, [join(import.meta.dirname, 'statsd_load.ts'), ...args], { timeout: (seconds + 60) * 1000 })
  return JSON.parse(stdout) as StatsdLoadReport
}

/** Rules of which the last one names everything. */
function mappingOf(rules: number): object {
  const globs = Array.from({ length: rules - 1 }, (_, i) => ({ match: `svc${i}.*.*`, name: `svc${i}_$1`, labels: { item: '$2' } }))
  return { mappings: [...globs, { match: 'app.*.*', name: 'app_$1', labels: { item: '$2' } }] }
}

function kilo(value: number): string {
  return `${(value / 1000).toFixed(0)} k`
}
