import { existsSync, readFileSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import { LineParser } from '../parse/line_parser.ts'
import { rawSeries } from '../parse/raw_series.ts'
import { SampleType } from '../sample.ts'
import { EnvoyNaming, isZeroDelta } from './envoy_naming.ts'
import type { SeriesSpec } from './naming.ts'
import { PlainNaming } from './plain_naming.ts'

const DIRECTORY = new URL('../../../../shared/data/envoy-capture/', import.meta.url)
const isAbsent = !existsSync(DIRECTORY)

/** What one capture gives: for every series its spec, the sum of its values, and the raw names. */
interface Capture {
  readonly series: ReadonlyMap<string, { readonly spec: SeriesSpec; sum: number; samples: number }>
  readonly lines: number
  readonly rejected: number
  readonly zeroDeltas: number
  readonly counters: number
}

function read(file: string, prefix: string, framing: 'datagrams' | 'stream' = 'datagrams'): Capture {
  const parser = new LineParser('lenient')
  const naming = new EnvoyNaming(new PlainNaming(), { prefixes: [prefix] })
  const series = new Map<string, { readonly spec: SeriesSpec; sum: number; samples: number }>()
  const counts = { lines: 0, rejected: 0, zeroDeltas: 0, counters: 0 }
  const packets = packetsOf(readFileSync(new URL(file, DIRECTORY)))
  for (const packet of framing === 'stream' ? [Buffer.concat(packets)] : packets) {
    counts.lines += parser.parsePacket(packet, 0, packet.length, {
      sample(sample) {
        const spec = naming.resolve(rawSeries(sample, 'lenient'))
        if ('dropped' in spec) throw new Error(`dropped: ${spec.dropped}`)
        if (sample.type === SampleType.counter) counts.counters++
        if (isZeroDelta(sample.type, sample.value)) counts.zeroDeltas++
        const key = keyOf(spec)
        const known = series.get(key) ?? { spec, sum: 0, samples: 0 }
        known.sum += sample.value
        known.samples++
        series.set(key, known)
      },
      event: () => undefined,
      serviceCheck: () => undefined,
      rejected: () => void counts.rejected++,
      accepted: () => undefined,
    })
  }
  return { series, ...counts }
}

function packetsOf(file: Buffer): Buffer[] {
  const packets: Buffer[] = []
  for (let at = 0; at < file.length; ) {
    const end = at + 4 + file.readUInt32LE(at)
    packets.push(file.subarray(at + 4, end))
    at = end
  }
  return packets
}

function keyOf({ name, labels }: SeriesSpec): string {
  return `${name}{${labels.map(([key, value]) => `${key}="${value}"`).join(',')}}`
}

const CAPTURES = [
  { file: 'dogstatsd-datagrams.bin', prefix: 'envoy', framing: 'datagrams' },
  { file: 'dogstatsd-unbatched.bin', prefix: 'pp', framing: 'datagrams' },
  { file: 'graphite-statsd.bin', prefix: 'envoy', framing: 'datagrams' },
  { file: 'statsd-udp.bin', prefix: 'productpage.envoy', framing: 'datagrams' },
  { file: 'statsd-tcp.bin', prefix: 'envoy', framing: 'stream' },
  { file: 'statsd-tcp-worker.bin', prefix: 'envoy', framing: 'stream' },
] as const

describe.skipIf(isAbsent)('what a real Envoy sent', () => {
  const captures = new Map<string, Capture>()
  beforeAll(() => {
    for (const { file, prefix, framing } of CAPTURES) captures.set(file, read(file, prefix, framing))
  })
  const capture = (file: string): Capture => captures.get(file) as Capture

  test.for(CAPTURES)('$file has only names of Envoy, whole and with known labels', ({ file }) => {
    const { series, rejected } = capture(file)
    expect(rejected).toBe(0)
    expect(series.size).toBeGreaterThan(10)
    for (const { spec } of series.values()) {
      expect(spec.isExactName).toBe(true)
      expect(spec.name).toMatch(/^envoy_[a-z0-9_]+$/i)
      // Nothing of a torn host, address or pipe is left in a name, but what Istio's stats_tags leave in those of listeners.
      if (!spec.name.startsWith('envoy_listener_http_inbound_') || file !== 'graphite-statsd.bin')
        expect(spec.name).not.toMatch(/svc_cluster_local|_0_0_0_|__|(?:in|out)bound_0/)
      for (const [key, value] of spec.labels) {
        // Istio's own stats_tags, which the sidecar with the Graphite sink had, are without `envoy_`.
        expect(LABELS).toContain(key.replace(/^envoy_/, ''))
        if (key === 'envoy_cluster_name' && value.startsWith('outbound|')) expect(value).toMatch(/\.svc\.cluster\.local(?:-h2)?$/)
        if (key === 'envoy_http_conn_manager_prefix' && value.includes('bound_')) expect(value).toMatch(/^(?:in|out)bound_0\.0\.0\.0_\d+$/)
      }
    }
  })

  test('the same series come out of plain names and of DogStatsD names', () => {
    const plain = capture('statsd-udp.bin').series
    const tagged = capture('dogstatsd-unbatched.bin').series
    const both = [...plain.keys()].filter((key) => tagged.has(key))
    expect(both.length).toBeGreaterThan(300)
    // The TCP statsd cluster and timing of the start are of one run only.
    const onlyPlain = [...plain.keys()].filter((key) => !tagged.has(key) && !key.includes('statsd_tcp'))
    const familiesOfTagged = new Set([...tagged.values()].map(({ spec }) => spec.name))
    expect(onlyPlain.filter((key) => !familiesOfTagged.has(key.slice(0, key.indexOf('{'))))).toEqual([])
  })

  test('the counters are what the driver sent', () => {
    const { series } = capture('statsd-tcp.bin')
    const sum = (key: string): number | undefined => series.get(key)?.sum
    const reviews = 'envoy_cluster_name="outbound|9080||reviews.default.svc.cluster.local"'
    expect(sum(`envoy_cluster_upstream_rq_total{${reviews}}`)).toBe(8)
    expect(sum(`envoy_cluster_upstream_rq_xx{${reviews},envoy_response_code_class="2"}`)).toBe(7)
    expect(sum(`envoy_cluster_upstream_rq_xx{${reviews},envoy_response_code_class="5"}`)).toBe(1)
    expect(sum('envoy_cluster_upstream_rq{envoy_cluster_name="outbound|9080||details.default.svc.cluster.local",envoy_response_code="200"}')).toBe(8)
    expect(sum('envoy_cluster_upstream_cx_connect_fail{envoy_cluster_name="outbound|9083||ratings.default.svc.cluster.local"}')).toBe(2)
    expect(sum('envoy_cluster_upstream_cx_total{envoy_cluster_name="outbound|27017||mongodb.default.svc.cluster.local"}')).toBe(2)
    expect(sum('envoy_access_logs_grpc_access_log_logs_written{}')).toBe(26)
    const worker = capture('statsd-tcp-worker.bin').series
    expect(worker.get(`envoy_cluster_upstream_rq_time{${reviews}}`)?.samples).toBe(8)
  })

  test('about half of the counter lines say that nothing changed', () => {
    const { counters, zeroDeltas } = capture('statsd-tcp.bin')
    expect(zeroDeltas / counters).toBeGreaterThan(0.3)
    expect(zeroDeltas / counters).toBeLessThan(0.9)
  })
})

const LABELS: readonly string[] = [
  'cluster_name',
  'http_conn_manager_prefix',
  'listener_address',
  'response_code',
  'response_code_class',
  'worker_id',
  'ssl_cipher',
  'ssl_curve',
  'ssl_version',
  'ssl_sigalg',
  'tls_certificate',
  'tcp_prefix',
  'cipher_suite',
]
