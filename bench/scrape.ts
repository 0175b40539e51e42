/**
 * A scrape of many series while access logs arrive: how long it takes, how long it blocks the main thread, and the
 * daemon's memory. `node bench/scrape.ts [--series 100000] [--threads 2] [--rate 20000] [--built]`.
 */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { startMeasured } from './daemon_process.ts'

/** Lines that one label tuple takes in the text format: a counter and three histograms of 20 buckets, sum and count. */
const LINES_PER_TUPLE = 1 + 3 * 22
const SCRAPES = 5
const LOOP_DELAY = 'meshscope_event_loop_delay_seconds{statistic="max"'

const { values } = parseArgs({
  options: {
    series: { type: 'string', default: '100000' },
    threads: { type: 'string', default: '2' },
    rate: { type: 'string', default: '20000' },
    built: { type: 'boolean', default: false },
  },
})
const tuples = Math.ceil(Number(values.series) / LINES_PER_TUPLE)
const daemon = await startMeasured({ threads: Number(values.threads), seriesMax: Math.max(20_000, tuples * 2), isBuilt: values.built })
const load = (seconds: number, rate: number): Promise<{ stdout: string }> => {
  const args = ['--endpoint', `127.0.0.1:${daemon.alsPort}`, '--connections', '8', '--workloads', '1', '--seconds', String(seconds), '--rate', String(rate)]
  const all = [join(import.meta.dirname, 'load.ts'), ...args, '--tuples', String(tuples), '--messages', String(Math.ceil(tuples / 25) * 2)]
  return promisify(execFile)(process.execPath, all, { timeout: (seconds + 60) * 1000 })
}
console.log(`idle: ${daemon.rssMib().toFixed(0)} MiB`)
// First every worker gets every series, then the scrapes are taken under a steady load. A flood would fill queues and
// show their memory instead of that of the series.
await load(4, 60_000)
console.log(`after filling ${tuples} label tuples in ${values.threads} workers: ${daemon.rssMib().toFixed(0)} MiB`)
const steady = load(SCRAPES + 5, Number(values.rate))
for (let i = 0; i < SCRAPES; i++) {
  // Reading the largest delay starts a new measurement.
  await daemon.own(LOOP_DELAY)
  const { text, ms } = await daemon.scrape()
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#')).length
  const blocked = await daemon.own(LOOP_DELAY)
  console.log(
    `scrape ${i + 1}: ${lines} series, ${(text.length / 1e6).toFixed(1)} MB, ${ms.toFixed(0)} ms, longest block of the main loop ${(blocked * 1000).toFixed(0)} ms, RSS ${daemon.rssMib().toFixed(0)} MiB`,
  )
}
await steady
await daemon.stop()
