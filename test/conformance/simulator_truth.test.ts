import type { Server } from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { TruthDocument, TruthRow } from '../../cmd/meshscope/simulate/truth.ts'
import type { Sample } from '../../connectors/mesh_metrics/testing.ts'
import { Pipeline } from './istio_golden_pipeline.ts'
import { receiver, type Streams, simulate } from './simulated_streams.ts'

describe('the truth of the simulator', () => {
  const streams: Streams = []
  let server: Server | undefined
  let truth: TruthDocument
  let samples: readonly Sample[]

  beforeAll(async () => {
    const started = await receiver(streams)
    server = started.server
    truth = await simulate(started.endpoint)
    const pipeline = new Pipeline()
    for (const [i, messages] of streams.entries()) {
      pipeline.open(`10.0.0.1:${i}`)
      for (const message of messages) pipeline.take(message)
    }
    samples = await pipeline.harness.samples()
    await pipeline.harness.stop()
  })

  afterAll(() => server?.forceShutdown())

  /** Sums by the labels that the truth has. */
  function sums(
    rows: readonly { readonly labels: Readonly<Record<string, string>>; readonly value: number }[],
    labels: readonly string[],
  ): Record<string, number> {
    const by: Record<string, number> = {}
    for (const { labels: own, value } of rows) {
      if (value === 0) continue
      const key = labels.map((label) => `${label}=${own[label]}`).join(' ')
      by[key] = (by[key] ?? 0) + value
    }
    return by
  }

  function expectEqual(rows: readonly TruthRow[], measure: string, metric: string, part: 'value' | 'sum' = 'value'): void {
    const labels = Object.keys(rows[0]?.labels ?? {})
    const shown = samples.filter(({ name }) => name === metric).map((sample) => ({ labels: sample.labels, value: sample[part] }))
    const sent = rows.map((row) => ({ labels: row.labels, value: row[measure] as number }))
    expect(sent.length).toBeGreaterThan(2)
    expect(sums(shown, labels)).toEqual(sums(sent, labels))
  }

  test('has the same labels in every row', () => {
    const shapes = (rows: readonly TruthRow[]): Set<string> => new Set(rows.map(({ labels }) => Object.keys(labels).join(' ')))
    expect([shapes(truth.http).size, shapes(truth.tcp).size]).toEqual([1, 1])
  })

  test.for([
    { measure: 'count', metric: 'istio_requests_total', part: 'value' },
    { measure: 'durationMs', metric: 'istio_request_duration_milliseconds', part: 'sum' },
    { measure: 'requestBytes', metric: 'istio_request_bytes', part: 'sum' },
    { measure: 'responseBytes', metric: 'istio_response_bytes', part: 'sum' },
  ] as const)('about HTTP $measure is what $metric shows', ({ measure, metric, part }) => {
    expectEqual(truth.http, measure, metric, part)
  })

  test.for([
    { measure: 'opened', metric: 'istio_tcp_connections_opened_total' },
    { measure: 'closed', metric: 'istio_tcp_connections_closed_total' },
    { measure: 'receivedBytes', metric: 'istio_tcp_received_bytes_total' },
    { measure: 'sentBytes', metric: 'istio_tcp_sent_bytes_total' },
  ])('about TCP $measure is what $metric shows', ({ measure, metric }) => {
    expectEqual(truth.tcp, measure, metric)
  })
})
