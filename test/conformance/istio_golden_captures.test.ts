import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { Sample } from '../../connectors/mesh_metrics/testing.ts'
import { DATA, framesOf, hasData, Pipeline } from './istio_golden_pipeline.ts'

interface Expected {
  readonly count: number
  readonly node: string
  readonly kind: 'http' | 'tcp'
  readonly code: number | null
  readonly flags: string
  readonly type: string
  readonly cluster: string
  readonly direction: string
  readonly case?: string
}

interface Scenario {
  readonly streams: readonly { readonly file: string; readonly peer: string; readonly entries: number; readonly opened: number }[]
  readonly expectedEntries: readonly Expected[]
}

/** Labels that Kiali groups by; a series that lacks one is not shown (spec: als.md §5.4). */
const KIALI_LABELS = [
  'source_cluster',
  'source_workload_namespace',
  'source_workload',
  'source_canonical_service',
  'source_canonical_revision',
  'destination_cluster',
  'destination_service_namespace',
  'destination_service',
  'destination_service_name',
  'destination_workload_namespace',
  'destination_workload',
  'destination_canonical_service',
  'destination_canonical_revision',
]

function scenario(name: string): Scenario {
  return JSON.parse(readFileSync(new URL(`envoy-capture/als-${name}.json`, DATA), 'utf8')) as Scenario
}

async function play(name: string): Promise<{ readonly pipeline: Pipeline; readonly samples: readonly Sample[]; readonly entries: number }> {
  const pipeline = new Pipeline()
  let entries = 0
  for (const stream of scenario(name).streams) {
    pipeline.open(stream.peer)
    for (const frame of framesOf(`envoy-capture/${stream.file}`)) entries += pipeline.take(frame)
  }
  return { pipeline, samples: await pipeline.harness.samples(), entries }
}

/** Sums by a key, as a sorted list of lines. */
function tally(items: readonly (readonly [key: string, count: number])[]): string[] {
  const sums = new Map<string, number>()
  for (const [key, count] of items) sums.set(key, (sums.get(key) ?? 0) + count)
  return [...sums]
    .filter(([, count]) => count > 0)
    .map(([key, count]) => `${key} = ${count}`)
    .sort()
}

describe.skipIf(!hasData)('captures of a real Envoy', () => {
  test.for(['mesh', 'errors', 'grpc', 'odd', 'peers', 'tcp'])('%s: requests by code and flags equal what was sent', async (name) => {
    const { samples, pipeline, entries } = await play(name)
    const counted = samples
      .filter((sample) => sample.name === 'istio_requests_total')
      .map(({ labels, value }) => [`${labels.response_code} ${labels.response_flags}`, value] as const)
    const sent = scenario(name)
      .expectedEntries.filter(({ kind, type }) => kind === 'http' && type === 'DownstreamEnd')
      .map(({ code, flags, count }) => [`${code ?? 0} ${flags || '-'}`, count] as const)
    expect(tally(counted)).toEqual(tally(sent))
    expect(pipeline.harness.ledger()).toBe(entries)
    await pipeline.harness.stop()
  })

  test.for(['mesh', 'tcp'])('%s: TCP connections equal what was sent, without refused handshakes and listener-level duplicates', async (name) => {
    const { samples, pipeline } = await play(name)
    const counted = (metric: string) =>
      tally(samples.filter((sample) => sample.name === metric).map(({ labels, value }) => [`${labels.reporter} ${labels.response_flags}`, value] as const))
    // The race of a refused handshake is written as cluster "?"; a connection that no filter chain took is only in the listener's log.
    const sent = scenario(name)
      .expectedEntries.filter(
        ({ kind, type, cluster, flags }) => kind === 'tcp' && cluster !== '?' && (type === 'TcpConnectionEnd' || (type === 'NotSet' && flags === 'NR')),
      )
      .map(({ flags, count, direction }) => [`${direction === 'inbound' ? 'destination' : 'source'} ${flags || '-'}`, count] as const)
    const closed = counted('istio_tcp_connections_closed_total')
    expect(closed).toEqual(tally(sent))
    expect(counted('istio_tcp_connections_opened_total')).toEqual(closed)
    await pipeline.harness.stop()
  })

  test('every series has the labels that Kiali groups by', async () => {
    for (const name of ['mesh', 'grpc', 'tcp']) {
      const { samples, pipeline } = await play(name)
      const edges = samples.filter((sample) => sample.name !== 'istio_build')
      expect(edges.length).toBeGreaterThan(0)
      // A gateway's and a sidecar's own values come from its node, which these captures fill.
      const lacking = edges.flatMap(({ labels }) => KIALI_LABELS.filter((label) => labels[label] === undefined || labels[label] === ''))
      expect(lacking).toEqual([])
      await pipeline.harness.stop()
    }
  })

  test('gRPC calls carry their status, and messages are counted for both sides', async () => {
    const { samples, pipeline } = await play('grpc')
    const requests = samples.filter((sample) => sample.name === 'istio_requests_total')
    expect(new Set(requests.map(({ labels }) => labels.request_protocol))).toEqual(new Set(['grpc']))
    const unavailable = requests.filter(({ labels }) => labels.response_flags === 'UT')
    expect(unavailable.map(({ labels }) => labels.grpc_response_status)).toEqual(['14'])
    const messages = samples.filter((sample) => sample.name === 'istio_request_messages_total')
    expect(new Set(messages.map(({ labels }) => labels.reporter))).toEqual(new Set(['source', 'destination']))
    await pipeline.harness.stop()
  })

  test('the same series come out of 0, 1, 2 and 4 ingest halves', async () => {
    const results: string[][] = []
    for (const workers of [1, 2, 4]) {
      const pipeline = new Pipeline({ workers })
      let stream = 0
      for (const name of ['mesh', 'errors', 'grpc']) {
        for (const { file, peer } of scenario(name).streams) {
          pipeline.open(peer)
          for (const frame of framesOf(`envoy-capture/${file}`)) pipeline.take(frame, stream % workers)
          stream++
        }
      }
      results.push((await pipeline.harness.samples()).map((sample) => JSON.stringify(sample)).sort())
      await pipeline.harness.stop()
    }
    expect(results[1]).toEqual(results[0])
    expect(results[2]).toEqual(results[0])
  })
})

describe.skipIf(!hasData)('synthetic streams', () => {
  test('a TCP connection with start, periodic and end entries is one connection with its last byte counts', async () => {
    const pipeline = new Pipeline()
    pipeline.open('10.244.0.40:1')
    pipeline.take(readFileSync(new URL('synthetic/tcp-start-periodic-end.v3.bin', DATA)))
    const samples = await pipeline.harness.samples()
    const tcp = samples.filter(({ name }) => name.startsWith('istio_tcp'))
    expect(tcp.map(({ name, value }) => [name, value])).toEqual([
      ['istio_tcp_connections_opened_total', 1],
      ['istio_tcp_connections_closed_total', 1],
      ['istio_tcp_sent_bytes_total', 9100],
      ['istio_tcp_received_bytes_total', 1800],
    ])
    expect(tcp[0]?.labels).toMatchObject({ reporter: 'destination', destination_workload: 'mongodb-v1', request_protocol: 'tcp', response_flags: '-' })
    expect(samples.find(({ name }) => name === 'istio_build')?.labels).toEqual({ component: 'proxy', tag: '1.29.0' })
    await pipeline.harness.stop()
  })
})
