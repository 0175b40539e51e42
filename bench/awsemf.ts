/**
 * Embedded metrics per flush: CPU, block of the event loop and memory for 100,000 series, and beside the Go Collector's awsemf.
 *
 * `node --expose-gc bench/awsemf.ts [encode] [programs] [--series 100000] [--flushes 3] [--collector FILE] [--built]`; both without a
 * name. `encode` is the encoder alone, on series as the daemon's own receivers and connectors hand them on. `programs` sends the same
 * OTLP requests to both programs, which write documents to standard output (a file), without roll-up: a label set has two counters, a
 * gauge and a histogram of ten buckets.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { stringify } from 'yaml'
import { config as schema } from '../exporters/awsemf/config.ts'
import { EmfEncoder } from '../exporters/awsemf/document/encoder.ts'
import { systemClock } from '../lib/clock.ts'
import { AttributeSet } from '../model/attributes.ts'
import type { DataPoints, Metric } from '../model/data_points.ts'
import type { SeriesMetrics } from '../model/metrics.ts'
import { encodeMetrics } from '../model/otlp/encode.ts'
import { checkedConfig } from '../test/fakes/checked_config.ts'
import { familyPoints, metricFamily } from '../test/fakes/metrics.ts'
import { freePort } from '../test/free_port.ts'
import { cpuSeconds, memoryMib } from './daemon_process.ts'
import { cachedCollector } from './statsd_collector.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    series: { type: 'string', default: '100000' },
    flushes: { type: 'string', default: '3' },
    collector: { type: 'string', default: cachedCollector() },
    built: { type: 'boolean', default: false },
  },
})
const series = Number(values.series)
const flushes = Number(values.flushes)
const chosen = (name: string): boolean => positionals.length === 0 || positionals.includes(name)
/** Each label set has as many metrics. */
const METRICS = 4
const SETS_PER_REQUEST = 500
const BOUNDS = [1, 2, 5, 10, 25, 50, 100, 250, 500]
const START_MS = Date.now()

if (chosen('encode')) await encode()
if (chosen('programs')) await programs()

function labels(i: number): AttributeSet {
  return AttributeSet.of({
    reporter: i % 2 === 0 ? 'source' : 'destination',
    source_workload: `workload-${i % 97}`,
    destination_workload: `workload-${i % 89}`,
    destination_service_name: `service-${i}`,
    response_code: String(200 + (i % 5)),
    request_protocol: 'http',
  })
}

/** Series in columns, each with a value that grows by `round`. */
function columns(sets: readonly AttributeSet[], round: number): SeriesMetrics {
  const producer = sets
  const points = (value: (i: number) => readonly number[]) => sets.map((attributes, i) => ({ attributes, values: value(i), startMs: START_MS }))
  const options = { producer, timeMs: START_MS + round * 60_000 }
  const counts = BOUNDS.map((_, i) => round * (i + 1))
  const families = [
    familyPoints(
      metricFamily('requests_total'),
      points((i) => [round * (1 + (i % 7))]),
      options,
    ),
    familyPoints(
      metricFamily('request_bytes_total', { unit: 'By' }),
      points((i) => [round * 1000 * (1 + (i % 11))]),
      options,
    ),
    familyPoints(
      metricFamily('connections', { type: 'gauge', isMonotonic: false }),
      points((i) => [(i + round) % 50]),
      options,
    ),
    familyPoints(
      metricFamily('request_duration', { type: 'histogram', unit: 'ms', bounds: BOUNDS }),
      points(() => [...counts, round, round * 500]),
      options,
    ),
  ]
  return { timeMs: START_MS + round * 60_000, families }
}

/** The encoder alone. What is measured comes after the first flush, which has new series only. */
async function encode(): Promise<void> {
  const sets = Array.from({ length: series / METRICS }, (_, i) => labels(i))
  const dropped: Record<string, number> = {}
  const config = checkedConfig(schema, { namespace: 'bench', max_custom_metrics: 0, retain_initial_value_of_delta_metric: true })
  const encoder = new EmfEncoder(config, { clock: systemClock, onDropped: (reason, points) => void (dropped[reason] = (dropped[reason] ?? 0) + points) })
  console.log(`encoder, ${series} series of ${METRICS} kinds`)
  console.log('flush   CPU s   block ms   documents      MiB   RSS MiB')
  for (let round = 1; round <= flushes + 1; round++) {
    const batch = columns(sets, round)
    globalThis.gc?.()
    const result = await flush(encoder, batch)
    const { cpuS, blockMs, documents, bytes } = result
    const row = [cpuS.toFixed(2), blockMs.toFixed(0), documents, (bytes / 2 ** 20).toFixed(0), (process.memoryUsage.rss() / 2 ** 20).toFixed(0)]
    console.log(`${round === 1 ? 'first' : String(round).padEnd(5)} ${row.map((cell, i) => String(cell).padStart([7, 10, 11, 8, 9][i] ?? 8)).join(' ')}`)
  }
  if (Object.keys(dropped).length > 0) console.log('dropped', dropped)
}

interface Flush {
  readonly cpuS: number
  /** Longest time for which nobody else had the event loop, as CPU time of this thread: what other programs take does not count. */
  readonly blockMs: number
  readonly documents: number
  readonly bytes: number
}

async function flush(encoder: EmfEncoder, batch: SeriesMetrics): Promise<Flush> {
  let [documents, bytes, blockMs] = [0, 0, 0]
  let last = threadMs()
  let isDone = false
  const tick = (): void => {
    const now = threadMs()
    blockMs = Math.max(blockMs, now - last)
    last = now
    if (!isDone) setImmediate(tick)
  }
  setImmediate(tick)
  const begun = process.cpuUsage()
  for await (const slice of encoder.encode(batch)) {
    documents += slice.length
    for (const { json } of slice) bytes += json.length
  }
  const { user, system } = process.cpuUsage(begun)
  tick()
  isDone = true
  return { cpuS: (user + system) / 1e6, blockMs, documents, bytes }
}

function threadMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}

/** One flush as OTLP requests. */
function requests(round: number): readonly Uint8Array<ArrayBuffer>[] {
  const sets = Array.from({ length: series / METRICS }, (_, i) => labels(i))
  const times = { startTimeNs: BigInt(START_MS) * 1_000_000n, timeNs: BigInt(START_MS + round * 1000) * 1_000_000n, flags: 0, exemplars: [] }
  const about = { description: '', unit: '' }
  const counts = [...BOUNDS.map((_, i) => BigInt(round * (i + 1))), BigInt(round)]
  const histogram = {
    count: counts.reduce((sum, count) => sum + count, 0n),
    sum: round * 500,
    min: undefined,
    max: undefined,
    bounds: BOUNDS,
    bucketCounts: counts,
  }
  return Array.from({ length: Math.ceil(sets.length / SETS_PER_REQUEST) }, (_, request) => {
    const some = sets.slice(request * SETS_PER_REQUEST, (request + 1) * SETS_PER_REQUEST)
    const sum = (name: string, value: number): Metric => {
      const points = some.map((attributes) => ({ ...times, attributes, value: value * round }))
      return { ...about, name, type: 'sum', temporality: 'cumulative', isMonotonic: true, points }
    }
    const metrics: Metric[] = [
      sum('requests_total', 3),
      sum('request_bytes_total', 1000),
      { ...about, name: 'connections', type: 'gauge', points: some.map((attributes) => ({ ...times, attributes, value: round % 50 })) },
      {
        ...about,
        name: 'request_duration',
        type: 'histogram',
        temporality: 'cumulative',
        points: some.map((attributes) => ({ ...times, attributes, ...histogram })),
      },
    ]
    const batch: DataPoints = {
      groups: [{ resource: { attributes: AttributeSet.of({ 'service.name': 'bench' }) }, scope: { name: '', version: '' }, metrics }],
    }
    return encodeMetrics(batch)
  })
}

interface Program {
  readonly name: string
  readonly command: readonly string[]
  readonly extra: object
}

async function programs(): Promise<void> {
  const script = join(import.meta.dirname, '..', values.built ? 'dist' : '', 'bin', 'meshscope.js')
  const ours: Program = { name: 'meshscope', command: [process.execPath, script, 'run'], extra: { max_custom_metrics: 0 } }
  console.log(`\notlp -> awsemf to standard output, ${flushes} flushes of ${series} points`)
  console.log('program     CPU s/flush   RSS MiB   peak MiB   documents      MiB')
  const own = await measured(ours)
  if (values.collector === '') return console.log('no Collector; run the interop tests once, or name it with --collector')
  const theirs = await measured({ name: 'Collector', command: [values.collector], extra: {} })
  console.log(`CPU ${(theirs.cpuS / own.cpuS).toFixed(2)} x less than the Collector, peak memory ${(own.peakMib / theirs.peakMib).toFixed(2)} x its`)
}

/** CPU of a flush, and memory, after a first flush that is not counted. */
async function measured({ name, command, extra }: Program): Promise<{ readonly cpuS: number; readonly peakMib: number }> {
  const folder = mkdtempSync(join(tmpdir(), 'meshscope-bench-'))
  const [port, health] = [await freePort(), await freePort()]
  const file = join(folder, 'config.yaml')
  const awsemf = { region: 'us-east-1', namespace: 'bench', output_destination: 'stdout', dimension_rollup_option: 'NoDimensionRollup', ...extra }
  const isOurs = name === 'meshscope'
  const config = {
    receivers: { otlp: { protocols: { http: { endpoint: `127.0.0.1:${port}` } } } },
    exporters: { awsemf },
    extensions: { health_check: { endpoint: `127.0.0.1:${health}` } },
    service: {
      extensions: ['health_check'],
      telemetry: { metrics: { level: 'none' }, logs: { level: 'error' } },
      ...(isOurs ? { workers: { threads: 1 } } : {}),
      pipelines: { metrics: { receivers: ['otlp'], exporters: ['awsemf'] } },
    },
  }
  writeFileSync(file, stringify(config))
  const [program = '', ...args] = command
  const environment = { ...process.env, AWS_EC2_METADATA_DISABLED: 'true', AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: 'x' }
  const written = join(folder, 'documents')
  const output = openSync(written, 'w')
  const child = spawn(program, [...args, '--config', file], { stdio: ['ignore', output, 'inherit'], env: environment })
  closeSync(output)
  const kill = (): unknown => child.kill('SIGKILL')
  process.once('exit', kill)
  try {
    await answering(child, `http://127.0.0.1:${health}/`)
    const pid = child.pid ?? 0
    await send(port, requests(1))
    await idle(pid)
    const before = cpuSeconds(pid)
    for (let round = 2; round <= flushes + 1; round++) {
      await send(port, requests(round))
      await idle(pid)
    }
    const result = { cpuS: (cpuSeconds(pid) - before) / flushes, peakMib: memoryMib(pid, 'VmHWM') }
    const text = readFileSync(written)
    const documents = text.reduce((lines, byte) => lines + Number(byte === 0x0a), 0)
    const row = [result.cpuS.toFixed(2), memoryMib(pid, 'VmRSS').toFixed(0), result.peakMib.toFixed(0), String(documents), (text.length / 2 ** 20).toFixed(0)]
    console.log(`${name.padEnd(12)} ${row.map((cell, i) => cell.padStart([10, 9, 10, 11, 8][i] ?? 8)).join(' ')}`)
    return result
  } finally {
    kill()
    process.off('exit', kill)
    rmSync(folder, { recursive: true, force: true })
  }
}

async function send(port: number, bodies: readonly Uint8Array<ArrayBuffer>[]): Promise<void> {
  for (const body of bodies) {
    const response = await fetch(`http://127.0.0.1:${port}/v1/metrics`, { method: 'POST', headers: { 'content-type': 'application/x-protobuf' }, body })
    if (!response.ok) throw new Error(`the program answered ${response.status}: ${await response.text()}`)
    await response.arrayBuffer()
  }
}

/** Waits until a process has done nothing for a second. */
async function idle(pid: number): Promise<void> {
  for (let before = cpuSeconds(pid); ; ) {
    await pause(1000)
    const now = cpuSeconds(pid)
    if (now - before < 0.03) return
    before = now
  }
}

async function answering(child: ChildProcess, url: string): Promise<void> {
  for (const begun = performance.now(); ; ) {
    const isUp = await fetch(url).then(
      (response) => response.ok,
      () => false,
    )
    if (isUp) return
    if (child.exitCode !== null) throw new Error(`the program ended with ${child.exitCode}`)
    if (performance.now() - begun > 30_000) throw new Error(`${url} did not answer within 30 s`)
    await pause(50)
  }
}
