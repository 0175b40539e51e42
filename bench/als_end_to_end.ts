/**
 * Access logs over gRPC into the daemon until they are series: entries per CPU second of the whole daemon, the sender
 * not included. `node bench/als_end_to_end.ts [--seconds 5] [--runs 3] [--threads 1,2] [--connections 10,100]
 * [--rates 200000,0] [--built]`; a rate of 0 floods the daemon, which then sheds what it cannot decode in time.
 */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs, promisify } from 'node:util'
import { type MeasuredDaemon, startMeasured } from './daemon_process.ts'
import type { LoadReport } from './load.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '5' },
    runs: { type: 'string', default: '3' },
    threads: { type: 'string', default: '1,2' },
    connections: { type: 'string', default: '10,100' },
    rates: { type: 'string', default: '200000,0' },
    built: { type: 'boolean', default: false },
  },
})
/** Only entries that got through; what is shed under a flood costs time too, and must not look like work done. */
const COUNTED = 'meshscope_connector_log_records'

interface Run {
  /** Entries that became part of a series, per CPU second of the daemon. */
  readonly perCpuSecond: number
  readonly countedPerSecond: number
  readonly sentPerSecond: number
  readonly rssMib: number
  /** Share of what was sent that the daemon shed because it came too fast. */
  readonly shed: number
  readonly senderCpuSeconds: number
}

interface Variant {
  readonly threads: number
  readonly connections: number
  /** Entries per second; 0 for as many as the daemon reads. */
  readonly rate: number
}

const numbers = (list: string): number[] => list.split(',').map(Number)
const medians = new Map<string, number>()
console.log('threads connections     rate    sent/s  counted/s   shed  counted/CPU-s  RSS MiB  sender CPU')
for (const threads of numbers(values.threads)) {
  const daemon = await startMeasured({ threads, isBuilt: values.built })
  console.log(`${String(threads).padStart(7)} idle: ${daemon.rssMib().toFixed(0)} MiB`)
  for (const rate of numbers(values.rates)) {
    for (const connections of numbers(values.connections)) await measureVariant(daemon, { threads, connections, rate })
  }
  await daemon.stop()
}
const [first] = medians.values()
for (const [name, value] of medians) console.log(`${name}: ${kilo(value)} counted per CPU second, ${(value / (first ?? value)).toFixed(2)} x the first`)

async function measureVariant(daemon: MeasuredDaemon, variant: Variant): Promise<void> {
  // The first second fills caches and lets the compiler see the work.
  await measure(daemon, variant, 1)
  const runs: Run[] = []
  for (let i = 0; i < Number(values.runs); i++) runs.push(await measure(daemon, variant, Number(values.seconds)))
  const middle = [...runs].sort((a, b) => a.perCpuSecond - b.perCpuSecond)[runs.length >> 1] as Run
  medians.set(`${variant.threads} threads, ${variant.connections} connections, ${nameOf(variant.rate)}`, middle.perCpuSecond)
  for (const one of runs) print(variant, one, one === middle ? ' median' : '')
}

async function measure(daemon: MeasuredDaemon, variant: Variant, seconds: number): Promise<Run> {
  const before = await daemon.own(COUNTED)
  const cpu = daemon.cpuSeconds()
  const begun = performance.now()
  const report = await sendLoad(daemon.alsPort, variant, seconds)
  // What the daemon still has queued belongs to the work that is measured.
  await quiet(() => daemon.own(COUNTED))
  const wall = (performance.now() - begun) / 1000
  const used = daemon.cpuSeconds() - cpu
  const counted = (await daemon.own(COUNTED)) - before
  if (report.cleanEnds !== variant.connections) console.log(`  only ${report.cleanEnds} of ${variant.connections} streams ended cleanly`)
  return {
    perCpuSecond: counted / used,
    countedPerSecond: counted / wall,
    sentPerSecond: report.entries / report.seconds,
    rssMib: daemon.rssMib(),
    shed: 1 - counted / report.entries,
    senderCpuSeconds: report.cpuSeconds,
  }
}

async function sendLoad(port: number, { connections, rate }: Variant, seconds: number): Promise<LoadReport> {
  const load = ['--endpoint', `127.0.0.1:${port}`, '--connections', String(connections), '--seconds', String(seconds), '--rate', String(rate)]
  const { stdout } = await promisify(execFile)(process.execPath, [join(import.meta.dirname, 'load.ts'), ...load], { timeout: (seconds + 60) * 1000 })
  return JSON.parse(stdout) as LoadReport
}

/** Resolves when a number has stopped changing. */
async function quiet(read: () => Promise<number>): Promise<void> {
  for (let last = await read(); ; ) {
    await pause(100)
    const now = await read()
    if (now === last) return
    last = now
  }
}

function print({ threads, connections, rate }: Variant, run: Run, note: string): void {
  const columns = [
    String(threads).padStart(7),
    String(connections).padStart(12),
    nameOf(rate).padStart(9),
    kilo(run.sentPerSecond).padStart(10),
    kilo(run.countedPerSecond).padStart(11),
    `${(run.shed * 100).toFixed(1)} %`.padStart(7),
    kilo(run.perCpuSecond).padStart(15),
    run.rssMib.toFixed(0).padStart(9),
    `${run.senderCpuSeconds.toFixed(1)} s`.padStart(12),
  ]
  console.log(columns.join('') + note)
}

function nameOf(rate: number): string {
  return rate === 0 ? 'flood' : kilo(rate)
}

function kilo(value: number): string {
  return `${(value / 1000).toFixed(0)} k`
}
