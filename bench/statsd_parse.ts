import { ByteInterner } from '../lib/intern.ts'
import { LineParser } from '../receivers/statsd/parse/line_parser.ts'
import type { Dialect, Sample, SampleSink } from '../receivers/statsd/sample.ts'

/**
 * StatsD lines taken apart by their bytes against strings that are split, on the same packets, in turns:
 * `node bench/statsd_parse.ts [dialect] [rounds]`. Prints lines per processor second and nanoseconds per line of the median round:
 * for the parser alone, with the series found by its bytes and added to, and for split and Map, which find and add too.
 */
const dialect = (process.argv[2] ?? 'lenient') as Dialect
const rounds = Number(process.argv[3] ?? 15)
const SERIES = 1000
const LINES_PER_PACKET = 26
const PACKETS = 1000
/** Over the packets in one measurement: the clock of processor time is a coarse one. */
const PASSES = 10

const kinds: Record<string, (series: number) => string> = {
  plain: (series) => `envoy.cluster.shop_${series}.upstream_rq_200:${series % 977}|c`,
  '3 tags': (series) => `envoy.cluster.upstream_rq_time:${series % 977}.5|ms|#env:production,service:shop_${series},region:eu-central-1`,
  '8 tags': (series) =>
    `http.server.requests:${series % 977}|c|@0.5|#env:production,service:shop_${series},region:eu-central-1,zone:b,version:1.27.3,method:GET,route:/api/v1/carts,code:200`,
  Istio: (series) => `envoy.cluster.upstream_rq:${series % 977}|c|#envoy.response_code:200,envoy.cluster_name:outbound|9080||reviews_${series}`,
  'with c: and T': (series) => `page.views:${series % 977}|c|#env:production,service:shop_${series}|c:ci-83c0a99c0a54c0c187f461c7980e9b57|T1656581400`,
  'packed 1:2:3': (series) => `http.latency:${series % 977}:12:13.25|d|#env:production,service:shop_${series}`,
}

function packetsOf(line: (series: number) => string): Buffer[] {
  const packets: Buffer[] = []
  let random = 1
  for (let i = 0; i < PACKETS; i++) {
    const lines: string[] = []
    for (let j = 0; j < LINES_PER_PACKET; j++) {
      random = (Math.imul(random, 1103515245) + 12345) >>> 0
      lines.push(line((random >>> 8) % SERIES))
    }
    packets.push(Buffer.from(lines.join('\n')))
  }
  return packets
}

const parser = new LineParser(dialect)

/** The least a sink does. */
class Counting implements SampleSink {
  lines = 0
  sum = 0
  sample(sample: Sample): void {
    this.sum += sample.value * sample.weight
  }
  event(): void {}
  serviceCheck(): void {}
  rejected(): void {}
  accepted(): void {
    this.lines++
  }
}

/** Finds the series by what stands around the value, and adds. */
class Keyed extends Counting {
  readonly #interner = new ByteInterner()
  readonly #totals = new Float64Array(1 << 16)
  readonly #key = new Uint8Array(4096)
  readonly #view = new DataView(this.#key.buffer)

  override sample(sample: Sample): void {
    const { bytes, nameStart, nameEnd, tags } = sample
    const key = this.#key
    let to = 0
    for (let at = nameStart; at < nameEnd; at++) key[to++] = bytes[at] as number
    key[to++] = sample.type
    if (tags > 0) {
      const end = sample.tagEnd[tags - 1] as number
      for (let at = sample.tagStart[0] as number; at < end; at++) key[to++] = bytes[at] as number
    }
    const id = this.#interner.intern(key, this.#view, 0, to)
    this.#totals[id] = (this.#totals[id] as number) + sample.value * sample.weight
    this.sum += sample.value * sample.weight
  }
}

function byBytes(packets: readonly Buffer[], sink: Counting): number {
  sink.lines = 0
  for (const packet of packets) parser.parsePacket(packet, 0, packet.length, sink)
  return sink.lines
}

function bySplit(packets: readonly Buffer[]): number {
  const totals = new Map<string, number>()
  let lines = 0
  for (const packet of packets) {
    for (const line of packet.toString().split('\n')) {
      const colon = line.indexOf(':')
      const [value = '', type = '', ...sections] = line.slice(colon + 1).split('|')
      let rate = 1
      let tags: string[] = []
      for (const section of sections) {
        if (section.startsWith('@')) rate = Number(section.slice(1))
        else if (section.startsWith('#')) tags = section.slice(1).split(',')
      }
      const key = `${line.slice(0, colon)}|${type}|${tags.join(',')}`
      for (const one of value.split(':')) totals.set(key, (totals.get(key) ?? 0) + Number(one) / rate)
      lines++
    }
  }
  return lines
}

function nanosPerLine(run: () => number): number {
  // Processor time of the whole process: others share the machine.
  const from = process.cpuUsage()
  let lines = 0
  for (let i = 0; i < PASSES; i++) lines += run()
  const { user, system } = process.cpuUsage(from)
  const nanos = (user + system) * 1000
  if (lines !== PASSES * PACKETS * LINES_PER_PACKET) throw new Error(`BUG: ${lines} of ${PASSES * PACKETS * LINES_PER_PACKET} lines`)
  return nanos / lines
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] as number
}

console.log(`dialect ${dialect}, ${SERIES} series, packets of ${LINES_PER_PACKET} lines, median of ${rounds} rounds`)
console.log(`${'lines'.padEnd(16)}${'bytes'.padStart(6)}${'parse'.padStart(20)}${'parse and add'.padStart(20)}${'split and Map'.padStart(20)}`)
for (const [name, line] of Object.entries(kinds)) {
  const packets = packetsOf(line)
  const counting = new Counting()
  const keyed = new Keyed()
  const runs = [() => byBytes(packets, counting), () => byBytes(packets, keyed), () => bySplit(packets)]
  const times = runs.map((): number[] => [])
  for (let round = 0; round < rounds; round++) for (const [i, run] of runs.entries()) (times[i] as number[]).push(nanosPerLine(run))
  const shown = times.map((all) => `${(1e3 / median(all)).toFixed(2)} M/s ${median(all).toFixed(0)} ns`.padStart(20))
  console.log(`${name.padEnd(16)}${String(line(500).length).padStart(6)}${shown.join('')}`)
}
