/**
 * Resident memory of the built daemon with many StatsD series: idle, while they come, merged for the first time, scraped, and calm
 * again. `node bench/statsd_memory.ts [--series 100000] [--threads 1] [--readers 1] [--each own|all] [--names few|own] [--rate
 * 20000]`, after `npm run build`; takes about a minute. Each of eight clients sends series of its own, or all of them; these have few
 * names and tags, or each a name of its own. With `--readers 0` all workers read. The rate is in packets of 26 lines a second.
 */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs, promisify } from 'node:util'
import { startMeasured } from './daemon_process.ts'

const { values } = parseArgs({
  options: {
    series: { type: 'string', default: '100000' },
    threads: { type: 'string', default: '1' },
    readers: { type: 'string', default: '1' },
    each: { type: 'string', default: 'all' },
    names: { type: 'string', default: 'few' },
    rate: { type: 'string', default: '20000' },
  },
})
const series = Number(values.series)
/** So often all series are merged, with nobody who scrapes. */
const INTERVAL_S = 10
/** All series were sent by then, from when the sender starts, and before the first merge. */
const UNMERGED_S = 5
const SEND_S = UNMERGED_S + 3 * INTERVAL_S
/** The heap is trimmed by then. */
const CALM_S = 25

const daemon = await startMeasured({
  threads: Number(values.threads),
  seriesMax: 2 * series,
  isBuilt: true,
  statsd: { transport: 'udp', readers: Number(values.readers), aggregation_interval: `${INTERVAL_S}s` },
})
say('idle')
// The clients keep their sockets, and with them their worker.
const sending = send(SEND_S)
await pause(UNMERGED_S * 1000)
say('all series sent, not merged')
await pause(INTERVAL_S * 1000)
say('merged for the first time')
await sending
say('under load since')
await daemon.scrape()
const { ms } = await daemon.scrape()
say(`scraped twice, the second time in ${ms.toFixed(0)} ms`)
await pause(CALM_S * 1000)
say(`calm, with ${await daemon.own('meshscope_statsd_series')} series, read by ${await daemon.own('meshscope_statsd_readers')}`)
await daemon.stop()

function say(what: string): void {
  console.log(`${what.padEnd(50)} ${daemon.rssMib().toFixed(0).padStart(5)} MiB, at most ${daemon.takePeakRssMib().toFixed(0)}`)
}

async function send(seconds: number): Promise<void> {
  const settings = { port: daemon.alsPort, seconds, transport: 'udp', lines: 26, series, rate: Number(values.rate), each: values.each, names: values.names }
  const args = Object.entries(settings).flatMap(([key, value]) => [`--${key}`, String(value)])
  await promisify(execFile)(process.execPath, [join(import.meta.dirname, 'statsd_load.ts'), ...args])
}
