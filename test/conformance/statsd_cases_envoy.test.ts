import { describe, expect, test } from 'vitest'
import { LineParser } from '../../receivers/statsd/parse/line_parser.ts'
import { rawSeries } from '../../receivers/statsd/parse/raw_series.ts'
import { type Flaw, type RejectReason, type Sample, type SampleSink, SampleType } from '../../receivers/statsd/sample.ts'
import { framesOf, hasCaptures, readShared } from './mesh_captures.ts'

/** Adds up by name and tags what a capture holds. */
class Totals implements SampleSink {
  readonly counters = new Map<string, number>()
  readonly refused: string[] = []
  readonly clusters = new Set<string>()
  lines = 0

  sample(sample: Sample): void {
    const { name, tags } = rawSeries(sample, 'lenient')
    for (const [key, value] of tags) if (key.endsWith('cluster_name')) this.clusters.add(value ?? '')
    if (sample.type !== SampleType.counter) return
    const key = [name, ...tags.map(([tag, value]) => `${tag}=${value}`)].join(' ')
    this.counters.set(key, (this.counters.get(key) ?? 0) + sample.value)
  }

  accepted(): void {
    this.lines++
  }

  rejected(reason: RejectReason, bytes: Uint8Array, start: number, end: number): void {
    this.refused.push(`${reason} ${Buffer.from(bytes.subarray(start, end)).toString()}`)
  }

  flaw(flaw: Flaw, bytes: Uint8Array, start: number, end: number): void {
    this.refused.push(`${flaw} ${Buffer.from(bytes.subarray(start, end)).toString()}`)
  }

  event(): void {
    this.refused.push('event')
  }

  serviceCheck(): void {
    this.refused.push('service check')
  }

  /** The sum of the counters whose name and tags end so. */
  sum(end: string): number {
    let sum = 0
    for (const [key, value] of this.counters) if (key.endsWith(end)) sum += value
    return sum
  }
}

/** `isStream`: the frames are reads of a socket, not datagrams. */
function totalsOf(file: string, isStream = false): Totals {
  const frames = framesOf(readShared(`envoy-capture/${file}`))
  const totals = new Totals()
  const parser = new LineParser('lenient')
  for (const frame of isStream ? [Buffer.concat(frames)] : frames) parser.parsePacket(frame, 0, frame.length, totals)
  return totals
}

describe.skipIf(!hasCaptures)('what a real Envoy sends', () => {
  test.for([
    { file: 'dogstatsd-datagrams.bin', isStream: false },
    { file: 'dogstatsd-unbatched.bin', isStream: false },
    { file: 'graphite-statsd.bin', isStream: false },
    { file: 'statsd-udp.bin', isStream: false },
    { file: 'statsd-tcp.bin', isStream: true },
    { file: 'statsd-tcp-worker.bin', isStream: true },
  ])('is taken to the last line and without a flaw: $file', ({ file, isStream }) => {
    const frames = framesOf(readShared(`envoy-capture/${file}`))
    const text = Buffer.concat(frames.flatMap((frame) => (isStream ? [frame] : [frame, Buffer.from('\n')]))).toString()
    const totals = totalsOf(file, isStream)
    expect(totals.refused).toEqual([])
    expect(totals.lines).toBe(text.split('\n').filter((line) => line !== '').length)
    expect(totals.lines).toBeGreaterThan(60)
  })

  test('keeps the names of clusters whole, with the pipes they end with', () => {
    const { clusters } = totalsOf('dogstatsd-datagrams.bin')
    expect(clusters).toContain('inbound|9080||')
    expect(clusters).toContain('outbound|9080||reviews')
    expect([...clusters].filter((name) => /^(in|out)bound(?!\|\d+\|[^|]*\|)/.test(name))).toEqual([])
  })

  test('adds up to the requests that were sent', () => {
    const totals = totalsOf('statsd-tcp.bin', true)
    const reviews = 'cluster.outbound|9080||reviews.default.svc.cluster.local.upstream_rq'
    expect([totals.sum(`${reviews}_total`), totals.sum(`${reviews}_2xx`), totals.sum(`${reviews}_5xx`)]).toEqual([8, 7, 1])
    expect(totals.sum('cluster.outbound|9080||details.default.svc.cluster.local.upstream_rq_200')).toBe(8)
    expect(totals.sum('cluster.inbound|9080||.upstream_rq_total')).toBe(8)
  })
})
