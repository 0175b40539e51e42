import { Server, ServerCredentials, type ServerReadableStream, type sendUnaryData } from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { STREAM_METHOD } from '../../cmd/meshscope/simulate/als_stream.ts'
import { Simulation } from '../../cmd/meshscope/simulate/simulation.ts'
import type { TruthDocument, TruthRow } from '../../cmd/meshscope/simulate/truth.ts'
import type { Sample } from '../../connectors/mesh_metrics/testing.ts'
import { FakeClock } from '../fakes/clock.ts'
import { Pipeline } from './istio_golden_pipeline.ts'

/** Messages of the streams of one simulation, by stream. */
type Streams = Buffer[][]

async function receiver(streams: Streams): Promise<{ readonly server: Server; readonly endpoint: string }> {
  const server = new Server({ 'grpc.max_receive_message_length': -1 })
  const identity = (bytes: Buffer): Buffer => bytes
  const method = { path: STREAM_METHOD, requestStream: true, responseStream: false }
  const serde = { requestSerialize: identity, requestDeserialize: identity, responseSerialize: identity, responseDeserialize: identity }
  const handler = (call: ServerReadableStream<Buffer, Buffer>, callback: sendUnaryData<Buffer>): void => {
    const messages: Buffer[] = []
    streams.push(messages)
    call.on('data', (bytes: Buffer) => void messages.push(bytes))
    call.on('end', () => callback(null, Buffer.alloc(0)))
  }
  server.addService({ StreamAccessLogs: { ...method, ...serde } }, { StreamAccessLogs: handler })
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => (error === null ? resolve(bound) : reject(error)))
  })
  return { server, endpoint: `127.0.0.1:${port}` }
}

/** Runs a simulated minute and a half on a clock that is moved by hand. */
async function simulate(endpoint: string): Promise<TruthDocument> {
  const clock = new FakeClock()
  const options = { requestsPerSecond: 100, durationMs: 90_000, seed: 'truth', replicas: 2, connections: 3, withExtensions: true }
  const simulation = new Simulation({ endpoint, ...options, clock })
  await simulation.connect(5_000)
  const running = simulation.run()
  // Not further: the clock also has the deadline by which streams must have ended.
  while (simulation.progress.requests < 9_000) {
    clock.advance(100)
    await new Promise((resolve) => {
      setImmediate(resolve)
    })
  }
  await running
  simulation.close()
  return simulation.truth()
}

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
