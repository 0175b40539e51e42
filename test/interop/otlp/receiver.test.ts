/** The Go Collector's OTLP exporters into our receiver, over every transport, encoding and compression that both know. */
import { status } from '@grpc/grpc-js'
import { type Arbitrary, sample } from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Signal } from '../../../component/signal.ts'
import { dataPointCount } from '../../../model/data_points.ts'
import { logRecordCount } from '../../../model/log_records.ts'
import { encodeLogs, encodeMetrics, encodeTraces } from '../../../model/otlp/encode.ts'
import { logsJson, metricsJson, tracesJson } from '../../../model/otlp/json.ts'
import { spanCount } from '../../../model/traces.ts'
import { dataPoints, logRecords, traces } from '../../fakes/otlp_arbitraries.ts'
import { OtlpGrpcClient } from '../../fakes/otlp_client.ts'
import { freePort } from '../../free_port.ts'
import { type RunningCollector, startCollector } from '../collector.ts'
import { sumOf } from '../daemon.ts'
import { suite } from '../suite.ts'
import { settled } from '../waiting.ts'
import { type OtlpDaemon, type OtlpReceiverOptions, startOtlpDaemon } from './daemon.ts'

/** How batches go from the Collector to us. */
const WAYS: Readonly<Record<string, { readonly protocol: 'grpc' | 'http'; readonly exporter: object }>> = {
  grpc_plain: { protocol: 'grpc', exporter: { compression: 'none' } },
  grpc_gzip: { protocol: 'grpc', exporter: {} },
  grpc_zstd: { protocol: 'grpc', exporter: { compression: 'zstd' } },
  http_plain: { protocol: 'http', exporter: { compression: 'none' } },
  http_gzip: { protocol: 'http', exporter: {} },
  http_zstd: { protocol: 'http', exporter: { compression: 'zstd' } },
  http_deflate: { protocol: 'http', exporter: { compression: 'deflate' } },
  json_plain: { protocol: 'http', exporter: { encoding: 'json', compression: 'none' } },
  json_zlib: { protocol: 'http', exporter: { encoding: 'json', compression: 'zlib' } },
  busy: { protocol: 'grpc', exporter: { retry_on_failure: { initial_interval: '20ms', max_interval: '100ms' } } },
}
const TOKEN = 'let me in'
const PATIENCE = '120s'
const SEED = 20_261_123
const BATCHES = 40

interface Batch {
  readonly signal: Signal
  readonly bytes: Uint8Array
  /** The same in JSON. */
  readonly text: string
}

/** Batches with items, for the Collector drops others, and without numbers that JSON does not have, with which the Collector's JSON cannot do much either. */
function batchesOf<T>(
  signal: Signal,
  arbitrary: Arbitrary<T>,
  codec: { readonly encode: (batch: T) => Uint8Array; readonly json: (batch: T) => string; readonly count: (batch: T) => number },
): Batch[] {
  return sample(arbitrary, { numRuns: 4 * BATCHES, seed: SEED })
    .filter((batch) => codec.count(batch) > 0)
    .map((batch) => ({ signal, bytes: codec.encode(batch), text: codec.json(batch) }))
    .filter(({ text }) => !/NaN|Infinity/.test(text))
    .slice(0, BATCHES)
}

/** Texts of JSON without what is written in more than one way, such as U+2028. */
function inOrder(texts: readonly string[]): string[] {
  return texts.map((text) => JSON.stringify(JSON.parse(text))).toSorted()
}

suite("the Go Collector's OTLP exporters and our receiver", ['otelcol'], (paths) => {
  let collector: RunningCollector
  let daemon: OtlpDaemon
  let client: OtlpGrpcClient
  const sent = [
    ...batchesOf('logs', logRecords, { encode: encodeLogs, json: logsJson, count: logRecordCount }),
    ...batchesOf('metrics', dataPoints, { encode: encodeMetrics, json: metricsJson, count: dataPointCount }),
    ...batchesOf('traces', traces, { encode: encodeTraces, json: tracesJson, count: spanCount }),
  ]

  beforeAll(async () => {
    const receiverOf = (name: string): OtlpReceiverOptions => ({
      protocol: WAYS[name]?.protocol ?? 'grpc',
      listener: { auth: { authenticator: 'bearertokenauth' }, ...(WAYS[name]?.protocol === 'http' ? { write_timeout: PATIENCE } : {}) },
      more: name === 'busy' ? { pending: { requests_max: 1, retry_after: '20ms' } } : {},
    })
    daemon = await startOtlpDaemon({
      receivers: Object.fromEntries(Object.keys(WAYS).map((name) => [name, receiverOf(name)])),
      extensions: { bearertokenauth: { token: TOKEN } },
    })
    const port = await freePort()
    const headers = { authorization: `Bearer ${TOKEN}` }
    const exporters = Object.fromEntries(
      Object.entries(WAYS).map(([name, { protocol, exporter }]) => {
        const address = `127.0.0.1:${daemon.ports[name]}`
        // What is sent twice because the machine is busy would arrive twice.
        const common = { headers, tls: { insecure: true }, timeout: PATIENCE, sending_queue: { num_consumers: 2 }, ...exporter }
        return protocol === 'grpc'
          ? [`otlp_grpc/${name}`, { endpoint: address, ...common }]
          : [`otlp_http/${name}`, { endpoint: `http://${address}`, ...common }]
      }),
    )
    const pipeline = { receivers: ['otlp'], exporters: Object.keys(exporters) }
    collector = await startCollector({
      binary: paths.otelcol,
      config: {
        receivers: { otlp: { protocols: { grpc: { endpoint: `127.0.0.1:${port}` } } } },
        exporters,
        service: { pipelines: { logs: pipeline, metrics: pipeline, traces: pipeline } },
      },
    })
    client = new OtlpGrpcClient(port)
    for (const { signal, bytes } of sent) expect(await client.export(signal, bytes)).toMatchObject({ code: status.OK })
  })

  afterAll(async () => {
    client?.close()
    await collector?.stop()
    await daemon?.stop()
  })

  test.for(Object.keys(WAYS))('%s brings every batch once and unchanged', async (name) => {
    const lines = await settled(
      async () => daemon.lines(name),
      ({ length }) => length >= sent.length,
      60_000,
    )
    expect(sent.length).toBe(3 * BATCHES)
    expect(inOrder(lines)).toEqual(inOrder(sent.map(({ text }) => text)))
  })

  test('nothing was refused for good, and what had to wait came again', async () => {
    const own = await daemon.scrapeOwn()
    const requests = (outcome: string): number => sumOf(own, 'meshscope_otlp_requests', { outcome })
    expect(requests('accepted')).toBe(sent.length * Object.keys(WAYS).length)
    const expected = new Set(['accepted', 'overload'])
    const others = [...own.matchAll(/^meshscope_otlp_requests\{.*outcome="(\w+)".*\} (\d+)$/gm)].filter(
      ([, outcome = '', count]) => !expected.has(outcome) && count !== '0',
    )
    expect(others.map(([line]) => line)).toEqual([])
    expect(sumOf(own, 'meshscope_otlp_requests', { outcome: 'overload', receiver: 'otlp/busy' })).toBeGreaterThan(0)
    expect(requests('overload')).toBe(sumOf(own, 'meshscope_otlp_requests', { outcome: 'overload', receiver: 'otlp/busy' }))
  })
})
