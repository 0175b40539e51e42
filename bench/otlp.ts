/**
 * Log records out by OTLP per CPU second of the whole program, beside the Go Collector: access logs to OTLP, and OTLP to OTLP with
 * one attribute added; and memory under a dead backend.
 *
 * `node bench/otlp.ts [als] [relay] [dead] [--seconds 5] [--runs 3] [--threads 1] [--rates 100000,15000] [--compression none]
 * [--collector FILE] [--built]`; all three without a name. Senders and backend are processes of their own and not counted. `--rates` are access logs per
 * second for us and for the Collector: what is measured is the cost of work that is done, not of work that is shed.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { freePort } from '../test/free_port.ts'
import type { LoadReport } from './load.ts'
import type { OtlpLoadReport } from './otlp_load.ts'
import { type Program, type ProgramSettings, runSender, startCollector, startOurs, startSink, type Work } from './otlp_programs.ts'
import { cachedCollector } from './statsd_collector.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '5' },
    runs: { type: 'string', default: '3' },
    threads: { type: 'string', default: '1' },
    rates: { type: 'string', default: '100000,15000' },
    connections: { type: 'string', default: '10' },
    compression: { type: 'string', default: 'none' },
    collector: { type: 'string', default: cachedCollector() },
    built: { type: 'boolean', default: false },
  },
})
const seconds = Number(values.seconds)
const compression = values.compression === 'gzip' ? 'gzip' : 'none'
const [ourRate = 0, theirRate = 0] = values.rates.split(',').map(Number)
const own = { threads: Number(values.threads), isBuilt: values.built }
const chosen = (name: string): boolean => positionals.length === 0 || positionals.includes(name)
/** What the queue may hold under a dead backend. */
const QUEUE_BYTES = 64 << 20

if (chosen('als')) await compare('access_logs')
if (chosen('relay')) await compare('one_edit')
if (chosen('dead')) for (const work of ['one_edit', 'access_logs'] as const) await underDeadBackend(work)

interface Run {
  readonly sent: number
  readonly perCpuSecond: number
  readonly perSecond: number
  readonly offered: number
  readonly senderCpuSeconds: number
}

async function compare(work: Work): Promise<void> {
  console.log(`\n${work === 'access_logs' ? 'envoyals -> otlp_grpc' : 'otlp -> attributes (one insert) -> otlp_grpc'}, compression ${compression}`)
  console.log('program      offered/s     sent/s    lost   sent/CPU-s  RSS MiB  bytes/record  attributes  sender CPU')
  const ours = await measured(work, ourRate, (settings) => startOurs({ ...settings, ...own }))
  if (values.collector === '') return console.log('no Collector; run the interop tests once, or name it with --collector')
  const theirs = await measured(work, theirRate, (settings) => startCollector(values.collector, settings))
  console.log(`${(ours / theirs).toFixed(2)} x the Collector`)
}

/** The median of records that the backend has taken per CPU second of the program. */
async function measured(work: Work, rate: number, start: (settings: ProgramSettings) => Promise<Program>): Promise<number> {
  const sink = await startSink()
  const program = await start({ work, backendPort: sink.port, compression })
  // The first seconds fill caches and let the compiler see the work.
  await run(program, { work, rate, time: 3 })
  const runs: Run[] = []
  for (let i = 0; i < Number(values.runs); i++) runs.push(await run(program, { work, rate, time: seconds }))
  const rss = program.rssMib()
  const sent = await program.sent()
  await program.stop()
  const { bytes, attributes } = await sink.report()
  const middle = runs.toSorted((a, b) => a.perCpuSecond - b.perCpuSecond)[runs.length >> 1] as Run
  for (const one of runs) {
    const columns = [
      program.name.padEnd(10),
      kilo(one.offered).padStart(11),
      kilo(one.perSecond).padStart(10),
      `${(100 * Math.max(0, 1 - one.sent / one.offered / seconds)).toFixed(1)} %`.padStart(7),
      kilo(one.perCpuSecond).padStart(12),
      rss.toFixed(0).padStart(8),
      (bytes / sent).toFixed(0).padStart(13),
      String(attributes).padStart(11),
      `${one.senderCpuSeconds.toFixed(1)} s`.padStart(11),
    ]
    console.log(columns.join(' ') + (one === middle ? ' median' : ''))
  }
  return middle.perCpuSecond
}

async function run(program: Program, { work, rate, time }: { readonly work: Work; readonly rate: number; readonly time: number }): Promise<Run> {
  const before = await program.sent()
  const cpu = program.cpuSeconds()
  const begun = performance.now()
  const { items, cpuSeconds } = await send(program, { work, rate, time })
  await quiet(() => program.sent())
  const wall = (performance.now() - begun) / 1000
  const sent = (await program.sent()) - before
  const used = program.cpuSeconds() - cpu
  return { sent, perCpuSecond: sent / used, perSecond: sent / wall, offered: items / time, senderCpuSeconds: cpuSeconds }
}

async function send(
  { port }: Program,
  { work, rate, time }: { readonly work: Work; readonly rate: number; readonly time: number },
): Promise<{ readonly items: number; readonly cpuSeconds: number }> {
  const endpoint = `127.0.0.1:${port}`
  if (work === 'access_logs') {
    const { entries, cpuSeconds } = await runSender<LoadReport>('load.ts', { endpoint, connections: values.connections, rate }, time)
    return { items: entries, cpuSeconds }
  }
  const { accepted, refused, cpuSeconds } = await runSender<OtlpLoadReport>('otlp_load.ts', { endpoint }, time)
  return { items: accepted + refused, cpuSeconds }
}

/** Resolves when a number has stopped changing. */
async function quiet(read: () => Promise<number>): Promise<void> {
  for (let last = await read(); ; ) {
    await pause(400)
    const now = await read()
    if (now === last) return
    last = now
  }
}

/** Sends more than the queue holds while nobody listens behind the daemon, and looks at its memory. */
async function underDeadBackend(work: Work): Promise<void> {
  const queue = { sizer: 'bytes', queue_size: QUEUE_BYTES, block_on_overflow: false }
  const program = await startOurs({ work, backendPort: await freePort(), compression, queue, ...own })
  const idle = program.rssMib()
  let peak = idle
  const watch = setInterval(() => (peak = Math.max(peak, program.rssMib())), 100)
  await send(program, { work, rate: 0, time: seconds })
  await pause(500)
  clearInterval(watch)
  const [queued, queueBytes, refused] = [
    await program.own('meshscope_exporter_queued_items'),
    await program.own('otelcol_exporter_queue_size'),
    await program.own('otelcol_exporter_enqueue_failed_log_records'),
  ]
  console.log(`\n${work} for ${seconds} s while the backend is dead, a queue of ${QUEUE_BYTES / 2 ** 20} MiB:`)
  console.log(`RSS ${idle.toFixed(0)} MiB idle, ${peak.toFixed(0)} MiB at most, ${program.rssMib().toFixed(0)} MiB at the end`)
  console.log(`${queued} records in the queue, ${(queueBytes / 2 ** 20).toFixed(1)} MiB; ${refused} refused`)
  await program.stop()
}

function kilo(value: number): string {
  return `${(value / 1000).toFixed(1)} k`
}
