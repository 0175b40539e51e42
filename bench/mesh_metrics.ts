/** Counting analysed access logs alone, by number of series and semantic: `node bench/mesh_metrics.ts [rounds]`. */
import { FakeEdges, fakeLogs, fakeOrigin, Harness, tcpEntry } from '../connectors/mesh_metrics/testing.ts'
import { ByteInterner } from '../lib/intern.ts'
import { type AccessLogs, LogType } from '../model/access_logs.ts'

const rounds = Number(process.argv[2] ?? 101)
const ROWS = 25
const BATCHES = 160
const entries = ROWS * BATCHES

const CODES = [200, 200, 404, 503]

/** Batches of requests spread over `tuples` combinations of edge and code. */
function requests(tuples: number): readonly AccessLogs[] {
  const edges = new FakeEdges()
  const numbers = Array.from({ length: tuples / CODES.length }, (_, i) => edges.add({ service: { host: `s${i}.default.svc.cluster.local`, name: `s${i}` } }))
  const [strings, origin] = [new ByteInterner(), fakeOrigin()]
  return Array.from({ length: BATCHES }, (_, batch) => {
    const rows = Array.from({ length: ROWS }, (__, row) => {
      const n = Math.imul(batch * ROWS + row, 2654435761) >>> 8
      const code = CODES[n & 3] as number
      const edge = numbers[(n >> 2) % numbers.length] as number
      return { edge, code, flags: code === 503 ? 2 : 0, duration: (n % 3000) * 1e5, wireReceived: n % 9000, wireSent: n % 90_000, scheme: 'http' }
    })
    return fakeLogs(edges, rows, { strings, origin })
  })
}

/** Batches of periodic entries of 4,000 open connections. */
function connections(): readonly AccessLogs[] {
  const edges = new FakeEdges()
  const [strings, origin, startMs] = [new ByteInterner(), fakeOrigin(), Date.UTC(2026, 0, 1)]
  return Array.from({ length: BATCHES }, (_, batch) => {
    const rows = Array.from({ length: ROWS }, (__, row) => {
      const n = (batch * ROWS + row) % 4000
      const streamId = `4bf92f35-77b3-4da6-a3ce-${String(n).padStart(12, '0')}`
      return tcpEntry(LogType.tcpPeriodic, { streamId, startMs, remotePort: n, wireSent: batch, wireReceived: batch })
    })
    return fakeLogs(edges, rows, { strings, origin })
  })
}

const cases = {
  'istio, 400 series tuples': { semantic: 'istio', batches: requests(400) },
  'istio, 4000 series tuples': { semantic: 'istio', batches: requests(4000) },

  'otel, 4000 series tuples': { semantic: 'otel', batches: requests(4000) },
  'istio, TCP periodic': { semantic: 'istio', batches: connections() },
} as const

for (const [name, { semantic, batches }] of Object.entries(cases)) {
  const harness = new Harness({ semantic })
  const run = (): number => {
    const from = process.hrtime.bigint()
    for (const batch of batches) harness.ingest.consume(batch)
    return Number(process.hrtime.bigint() - from) / entries
  }
  for (let i = 0; i < 5; i++) run()
  const times = Array.from({ length: rounds }, run).sort((a, b) => a - b)
  console.log(
    `${name.padEnd(28)} ${(times[times.length >> 1] as number).toFixed(0).padStart(4)} ns/entry median ${(times[0] as number).toFixed(0).padStart(4)} best`,
  )
  await harness.stop()
}
