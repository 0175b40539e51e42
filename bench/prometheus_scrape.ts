import { AttributeSet } from '../model/attributes.ts'
import { LineDecoder } from '../receivers/prometheus/page/line_decoder.ts'
import { PageParser, type PageSink } from '../receivers/prometheus/page/page_parser.ts'
import { parseSeries } from '../receivers/prometheus/page/series_text.ts'
import { TargetSeries } from '../receivers/prometheus/page/target_series.ts'

/**
 * A page of Envoy taken apart: its lines alone, the whole way to points with series that are known from the last scrape, and with labels
 * parsed anew each time, on the same bytes, in turns: `node bench/prometheus_scrape.ts [lines] [rounds]`. Prints lines per processor
 * second of the median round, and the processor time of a piece of work, between two chances for others (one chunk of 16 KiB, or one batch).
 */
const lines = Number(process.argv[2] ?? 100_000)
const rounds = Number(process.argv[3] ?? 9)
const CHUNK_BYTES = 16 << 10

/** Counters, gauges and histograms in the proportions and with the names and label lengths of a sidecar's page. */
function envoyPage(count: number): Buffer {
  const text: string[] = []
  const cluster = (i: number): string => `outbound|9080||reviews-${i}.default.svc.cluster.local`
  const perFamily = Math.max(1, Math.round(count / 50))
  for (let family = 0; text.length < count; family++) {
    const kind = family % 5
    if (kind === 4) {
      text.push(`# TYPE envoy_cluster_upstream_rq_time_${family} histogram`)
      for (let i = 0; i < perFamily / 22; i++) {
        for (const le of [0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000, 3_600_000, '+Inf'])
          text.push(`envoy_cluster_upstream_rq_time_${family}_bucket{envoy_cluster_name="${cluster(i)}",le="${le}"} ${i * 7}`)
        text.push(`envoy_cluster_upstream_rq_time_${family}_sum{envoy_cluster_name="${cluster(i)}"} ${i}.25`)
        text.push(`envoy_cluster_upstream_rq_time_${family}_count{envoy_cluster_name="${cluster(i)}"} ${i * 7}`)
      }
      continue
    }
    text.push(`# TYPE envoy_cluster_upstream_${family} ${kind < 3 ? 'counter' : 'gauge'}`)
    for (let i = 0; i < perFamily; i++) text.push(`envoy_cluster_upstream_${family}{envoy_response_code="200",envoy_cluster_name="${cluster(i)}"} ${i * 31}`)
  }
  return Buffer.from(`${text.slice(0, count).join('\n')}\n`)
}

const page = envoyPage(lines)
let pieces: number[] = []

function timed<T>(run: () => T): T {
  const before = process.threadCpuUsage()
  const result = run()
  const { user, system } = process.threadCpuUsage(before)
  pieces.push((user + system) / 1000)
  return result
}

function push(sink: PageSink): void {
  const [decoder, parser] = [new LineDecoder(), new PageParser(sink, 'text')]
  for (let at = 0; at < page.length; at += CHUNK_BYTES) timed(() => parser.push(decoder.push(page.subarray(at, at + CHUNK_BYTES))))
  parser.push(decoder.end())
}

const target = (): TargetSeries =>
  new TargetSeries({
    labels: new Map([
      ['instance', '10.0.0.1:15090'],
      ['job', 'envoy'],
    ]),
    externalLabels: new Map(),
    resource: { attributes: AttributeSet.of({ 'service.name': 'envoy', 'service.instance.id': '10.0.0.1:15090' }) },
    honorLabels: false,
    honorTimestamps: true,
    relabel: () => true,
    onMalformed: (fault, line) => {
      throw new Error(`BUG: ${fault} in ${line}`)
    },
  })

let points = 0
let scrapes = 0
function scrape(series: TargetSeries): void {
  series.begin(1_700_000_000_000 + 1000 * scrapes++)
  push(series)
  const batches = series.finish()
  for (let next = timed(() => batches.next()); next.done !== true; next = timed(() => batches.next())) {
    for (const { metrics } of next.value.groups) for (const metric of metrics) points += metric.points.length
  }
}

const known = target()
scrape(known)
let labels = 0
const variants: Record<string, () => void> = {
  'lines alone': () => push({ metadata: () => {}, sample: ({ value }) => void (points += value > 0 ? 1 : 0), malformed: () => {} }),
  'to points, series known': () => scrape(known),
  'labels parsed anew': () =>
    push({
      metadata: () => {},
      sample: ({ series }) => {
        const parsed = parseSeries(series)
        if (typeof parsed !== 'string') labels += parsed.labels.size
      },
      malformed: () => {},
    }),
  'to points, first scrape': () => scrape(target()),
}

const seconds = new Map(Object.keys(variants).map((name): [string, number[]] => [name, []]))
const piecesOf = new Map(Object.keys(variants).map((name): [string, number[]] => [name, []]))
for (let round = 0; round < rounds; round++) {
  for (const [name, run] of Object.entries(variants)) {
    pieces = []
    const before = process.threadCpuUsage()
    run()
    const used = process.threadCpuUsage(before)
    seconds.get(name)?.push((used.user + used.system) / 1e6)
    piecesOf.get(name)?.push(...pieces)
  }
}
console.log(`${lines} lines, ${(page.length / 2 ** 20).toFixed(1)} MiB, ${rounds} rounds (${points + labels} seen)`)
for (const [name, all] of seconds) {
  const median = all.sort((a, b) => a - b)[all.length >> 1] as number
  const speed = lines / median
  const sorted = (piecesOf.get(name) ?? []).sort((a, b) => a - b)
  const pieceMs = (share: number): string => (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(1)
  const rate = `${(speed / 1e6).toFixed(2).padStart(6)} M lines/s  ${(1e9 / speed).toFixed(0).padStart(5)} ns/line`
  console.log(`${name.padEnd(26)} ${rate}  pieces: median ${pieceMs(0.5)} ms, 99 % ${pieceMs(0.99)} ms, longest ${pieceMs(1)} ms`)
}
