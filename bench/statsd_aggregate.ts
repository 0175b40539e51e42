/**
 * Adding samples to statsD series in shared memory, by kind and number of series, beside a Map of label texts: samples per
 * second of CPU time; before that the time of a merge and the memory of a mix of series: `node --expose-gc bench/statsd_aggregate.ts [samples]`.
 */

import { AttributeSet } from '../model/attributes.ts'
import { StatHub } from '../receivers/statsd/aggregate/hub.ts'
import { Control } from '../receivers/statsd/aggregate/layout.ts'
import { SharedStatStore } from '../receivers/statsd/aggregate/shared_store.ts'
import { AGGREGATIONS, seriesSpec } from '../receivers/statsd/aggregate/testing.ts'
import type { Aggregation, SeriesSpec } from '../receivers/statsd/naming/naming.ts'

const samples = Number(process.argv[2] ?? 2_000_000)
const NAMES = 100
const setIntervalMs = 60_000

function newPair(seriesMax: number): { readonly hub: StatHub; readonly store: SharedStatStore } {
  const clock = { now: () => Date.now() }
  const hub = new StatHub({ seriesMax, setIntervalMs, clock, resource: { attributes: AttributeSet.empty }, scope: { name: '', version: '' } })
  const store = new SharedStatStore({ seriesMax, setIntervalMs, send: (message) => hub.receive(message, { worker: 0, life: 0 }) })
  return { hub, store }
}

function spec(kind: Aggregation, i: number): SeriesSpec {
  return seriesSpec(`app.${kind.kind}.${i % NAMES}`, kind, { env: 'prod', service: `s${Math.floor(i / NAMES)}` })
}

/** Series in the order of samples: random, but the same for all variants. */
function orderOf(series: number): Int32Array {
  return Int32Array.from({ length: 1 << 16 }, (_, n) => ((Math.imul(n, 0x9e37_79b1) >>> 5) * 7) % series)
}

function cpuMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}

/** A store whose journal is emptied as fast as it is filled. */
function storeAlone(): SharedStatStore {
  let control: Int32Array = new Int32Array(0)
  return new SharedStatStore({
    seriesMax: 200_000,
    setIntervalMs,
    send: (message) => {
      if (message.kind === 'shard') control = message.buffers.control
      else Atomics.store(control, Control.journalRead, Atomics.load(control, Control.journalWritten))
    },
  })
}

function perSecond(run: (n: number) => void): string {
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < 4; round++) {
    const from = cpuMs()
    for (let n = 0; n < samples; n++) run(n)
    best = Math.min(best, cpuMs() - from)
  }
  return `${(samples / best / 1000).toFixed(1).padStart(6)} M/s`
}

/** What one would write first: a Map from a text of name and labels to an object. */
function mapVariant(series: number, order: Int32Array): string {
  const totals = new Map<string, { total: number; updatedMs: number }>()
  const keys = Array.from({ length: series }, (_, i) => `app.counter.${i % NAMES}|env:prod,service:s${Math.floor(i / NAMES)}`)
  return perSecond((n) => {
    const key = keys[order[n & 0xffff] as number] as string
    const known = totals.get(key)
    if (known === undefined) totals.set(key, { total: 1, updatedMs: n })
    else {
      known.total += 1
      known.updatedMs = n
    }
  })
}

const now = Date.now()
const gc = (globalThis as { gc?: () => void }).gc
gc?.()
const before = process.memoryUsage().rss
const { hub, store } = newPair(200_000)
const order = orderOf(100_000)
const mix = Array.from({ length: 100_000 }, (_, i) => {
  const kind = i % 10 < 6 ? AGGREGATIONS.counter : i % 10 < 8 ? AGGREGATIONS.gauge : AGGREGATIONS.exponential
  return { kind: kind.kind, handle: store.open(spec(kind, i)) }
})
for (let n = 0; n < 2_000_000; n++) {
  const { kind, handle } = mix[n < 100_000 ? n : (order[n & 0xffff] as number)] as (typeof mix)[number]
  if (kind === 'counter') store.add(handle, 1, now)
  else if (kind === 'gauge') store.set(handle, n, now)
  else store.observe(handle, 1 + ((n * 7919) % 1000), 1, now)
}
const times: string[] = []
for (let round = 0; round < 4; round++) {
  const from = cpuMs()
  await hub.collect()
  times.push((cpuMs() - from).toFixed(0))
  for (const { kind, handle } of mix) if (kind === 'counter') store.add(handle, 1, now)
}
gc?.()
console.log(
  `100000 series (60 % counters, 20 % gauges, 20 % exponential histograms), 20 samples each: ${times.join(', ')} ms of CPU time per merge, ` +
    `${((process.memoryUsage().rss - before) / 1048576).toFixed(0)} MiB more than before`,
)
store.close()

for (const series of [1000, 10_000, 100_000]) {
  const orderHere = orderOf(series)
  const lines: string[] = [`Map of texts ${mapVariant(series, orderHere)}`]
  for (const [name, kind] of Object.entries(AGGREGATIONS)) {
    const alone = storeAlone()
    const handles = Int32Array.from({ length: series }, (_, i) => alone.open(spec(kind, i)))
    const handleOf = (n: number): number => handles[orderHere[n & 0xffff] as number] as number
    const member = new TextEncoder().encode('user-0000')
    if (kind.kind === 'counter') lines.push(`${name} ${perSecond((n) => alone.add(handleOf(n), 1, now))}`)
    else if (kind.kind === 'gauge') lines.push(`${name} ${perSecond((n) => alone.set(handleOf(n), n, now))}`)
    else if (kind.kind === 'set') lines.push(`${name} ${perSecond((n) => alone.member(handleOf(n), member, 0, 9, now))}`)
    else lines.push(`${name} ${perSecond((n) => alone.observe(handleOf(n), 1 + ((n * 7919) % 1000), 1, now))}`)
    alone.close()
  }
  console.log(`${String(series).padStart(7)} series: ${lines.join('; ')}`)
}
