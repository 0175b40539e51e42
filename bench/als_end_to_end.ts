/**
 * Access logs over gRPC into the daemon until they are series: entries per CPU second of the whole daemon, the sender
 * not included. `node bench/als_end_to_end.ts [--seconds 5] [--runs 3] [--threads 1,2] [--connections 10,100]`.
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
  },
})

interface Run {
  readonly perCpuSecond: number
  readonly perSecond: number
  readonly rssMib: number
  readonly lost: number
  readonly report: LoadReport
}

const numbers = (list: string): number[] => list.split(',').map(Number)
const medians = new Map<string, number>()
console.log('threads connections  entries/CPU-s      entries/s  RSS MiB  lost  sender CPU')
for (const threads of numbers(values.threads)) {
  const daemon = await startMeasured(threads)
  console.log(`${String(threads).padStart(7)}  idle${' '.repeat(37)}${daemon.rssMib().toFixed(0).padStart(8)}`)
  for (const connections of numbers(values.connections)) {
    const runs: Run[] = []
    await measure(daemon, connections, 1)
    for (let i = 0; i < Number(values.runs); i++) runs.push(await measure(daemon, connections, Number(values.seconds)))
    const middle = [...runs].sort((a, b) => a.perCpuSecond - b.perCpuSecond)[runs.length >> 1] as Run
    medians.set(`${threads} threads, ${connections} connections`, middle.perCpuSecond)
    for (const one of runs) print(threads, connections, one, one === middle ? ' median' : '')
  }
  await daemon.stop()
}
const [first] = medians.values()
for (const [name, value] of medians) console.log(`${name}: ${rate(value)} entries per CPU second, ${(value / (first ?? value)).toFixed(2)} x the first`)

async function measure(daemon: MeasuredDaemon, connections: number, seconds: number): Promise<Run> {
  const before = await daemon.own('meshscope_receiver_received_log_records')
  const counted = await daemon.own('meshscope_connector_log_records')
  const cpu = daemon.cpuSeconds()
  const begun = performance.now()
  const report = await sendLoad(daemon.alsPort, connections, seconds)
  // What the daemon still has queued belongs to the work that is measured.
  await quiet(() => daemon.own('meshscope_receiver_received_log_records'))
  const wall = (performance.now() - begun) / 1000
  const used = daemon.cpuSeconds() - cpu
  const received = (await daemon.own('meshscope_receiver_received_log_records')) - before
  const lost = report.entries - ((await daemon.own('meshscope_connector_log_records')) - counted)
  if (received !== report.entries)
    console.log(`  received ${received} of ${report.entries} entries that were sent; ${report.cleanEnds} of ${connections} streams ended cleanly`)
  return { perCpuSecond: report.entries / used, perSecond: report.entries / Math.min(wall, report.seconds), rssMib: daemon.rssMib(), lost, report }
}

async function sendLoad(port: number, connections: number, seconds: number): Promise<LoadReport> {
  const args = [join(import.meta.dirname, 'load.ts'), '--endpoint', `127.0.0.1:${port}`, '--connections', String(connections), '--seconds', String(seconds)]
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: (seconds + 60) * 1000 })
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

function print(threads: number, connections: number, run: Run, note: string): void {
  const columns = [
    String(threads).padStart(7),
    String(connections).padStart(12),
    rate(run.perCpuSecond).padStart(15),
    rate(run.perSecond).padStart(15),
    run.rssMib.toFixed(0).padStart(9),
    String(run.lost).padStart(6),
    `${run.report.cpuSeconds.toFixed(1)} s`.padStart(12),
  ]
  console.log(columns.join('') + note)
}

function rate(value: number): string {
  return `${(value / 1000).toFixed(0)} k`
}
