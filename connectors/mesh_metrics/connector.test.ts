import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { RefusedError } from '../../component/consumer.ts'
import { ByteInterner } from '../../lib/intern.ts'
import { ProtobufWriter } from '../../lib/protobuf/writer.ts'
import { EntryClass, EntryKind, TraceForm } from '../../model/access_logs.ts'
import { AttributeSet } from '../../model/attributes.ts'
import { newLogRecord } from '../../model/log_records.ts'
import type { SeriesMetrics } from '../../model/metrics.ts'
import { RefusingConsumer } from '../../test/fakes/consumers.ts'
import { fakeSettings } from '../../test/fakes/settings.ts'
import { MeshMetricsMain } from './main.ts'
import { FakeEdges, type FakeEntry, fakeLogs, fakeOrigin, Harness, samplesOf, testConfig } from './testing.ts'

const MS = 1e6

describe('requests', () => {
  test('counts a request in all four metrics, with the duration cut to whole milliseconds', async () => {
    const edges = new FakeEdges()
    const edge = edges.add()
    const harness = new Harness()
    harness.ingest.consume(fakeLogs(edges, [{ edge, code: 200, duration: 10.9 * MS, wireReceived: 1200, wireSent: 40 }]))
    const samples = await harness.samples()
    const byName = Object.fromEntries(samples.map((sample) => [sample.name, sample]))
    expect(byName.istio_requests_total?.value).toBe(1)
    expect(byName.istio_request_duration_milliseconds).toMatchObject({ value: 1, sum: 10 })
    expect(byName.istio_request_duration_milliseconds?.buckets[3]).toBe(1)
    expect(byName.istio_request_bytes).toMatchObject({ value: 1, sum: 1200 })
    expect(byName.istio_response_bytes).toMatchObject({ value: 1, sum: 40 })
  })

  test('takes header and body sizes where the proxy logged no wire bytes, and the last byte sent where it logged no duration', async () => {
    const edges = new FakeEdges()
    const harness = new Harness()
    harness.ingest.consume(
      fakeLogs(edges, [{ code: 200, lastDownstreamTx: 7 * MS, requestHeaderBytes: 100, requestBodyBytes: 20, responseHeaderBytes: 30, responseBodyBytes: 4 }]),
    )
    const samples = await harness.samples()
    expect(samples.map(({ name, sum }) => [name, sum])).toEqual([
      ['istio_requests_total', 0],
      ['istio_request_duration_milliseconds', 7],
      ['istio_request_bytes', 120],
      ['istio_response_bytes', 34],
    ])
  })

  test('counts a request without any duration, and says that it has none', async () => {
    const harness = new Harness()
    harness.ingest.consume(fakeLogs(new FakeEdges(), [{ code: 200 }]))
    expect(await harness.sum('istio_requests_total')).toBe(1)
    expect(await harness.sum('istio_request_duration_milliseconds')).toBe(0)
    expect(harness.settings.telemetry.value('meshscope_mesh_metrics_missing_values', { field: 'duration' })).toBe(1)
  })

  test('counts gRPC messages on series without code, status and flags', async () => {
    const edges = new FakeEdges()
    const edge = edges.add()
    const harness = new Harness()
    const call = { edge, code: 200, isGrpc: true, duration: MS, requestMessages: 2, responseMessages: 5 }
    harness.ingest.consume(
      fakeLogs(edges, [
        { ...call, grpcStatus: 0 },
        { ...call, grpcStatus: 14, flags: 2 },
      ]),
    )
    const samples = await harness.samples()
    const messages = samples.filter(({ name }) => name.endsWith('messages_total'))
    expect(messages.map(({ name, value }) => [name, value])).toEqual([
      ['istio_request_messages_total', 4],
      ['istio_response_messages_total', 10],
    ])
    expect(messages[0]?.labels).not.toHaveProperty('response_flags')
    expect(samples.filter(({ name }) => name === 'istio_requests_total').map(({ labels }) => [labels.grpc_response_status, labels.response_flags])).toEqual([
      ['0', '-'],
      ['14', 'UH'],
    ])
    expect(harness.ledger({ reason: 'grpc' })).toBe(2)
  })

  test('keeps code, flags, status and reporter apart, and both sides of a call', async () => {
    const edges = new FakeEdges()
    const client = edges.add({ reporter: 'source' })
    const server = edges.add({ reporter: 'destination' })
    const harness = new Harness()
    const rows: FakeEntry[] = [
      { edge: client, code: 200 },
      { edge: server, code: 200 },
      { edge: client, code: 503, flags: 1 << 5 },
      { edge: client, code: 503, flags: (1 << 5) | (1 << 15) },
      { edge: client },
      { edge: client, code: 200 },
    ]
    harness.ingest.consume(fakeLogs(edges, rows))
    const samples = await harness.samples()
    const counts = samples
      .filter(({ name }) => name === 'istio_requests_total')
      .map(({ labels, value }) => `${labels.reporter} ${labels.response_code} ${labels.response_flags} ${value}`)
    expect(counts.sort()).toEqual(['destination 200 - 1', 'source 0 - 1', 'source 200 - 2', 'source 503 UF 1', 'source 503 UF,URX 1'])
  })
})

describe('what does not count as a request', () => {
  test.for([
    { entryClass: EntryClass.unknown, reason: 'not_analysed' },
    { entryClass: EntryClass.start, reason: 'http_intermediate' },
    { entryClass: EntryClass.periodic, reason: 'http_intermediate' },
    { entryClass: EntryClass.attempt, reason: 'attempt' },
    { entryClass: EntryClass.duplicate, reason: 'duplicate' },
    { entryClass: EntryClass.infrastructure, reason: 'infrastructure' },
    { entryClass: EntryClass.refusedHandshake, reason: 'refused_handshake' },
    { entryClass: 200, reason: 'not_analysed' },
  ])('skips class $entryClass as $reason', async ({ entryClass, reason }) => {
    const harness = new Harness()
    harness.ingest.consume(fakeLogs(new FakeEdges(), [{ entryClass, code: 200 }]))
    expect(await harness.samples()).toEqual([])
    expect(harness.ledger({ outcome: 'skipped', reason })).toBe(1)
    expect(harness.ledger()).toBe(1)
  })

  test('skips a whole batch that no mesh processor has seen', async () => {
    const harness = new Harness()
    harness.ingest.consume(fakeLogs(undefined, [{ code: 200 }, { code: 200 }]))
    expect(await harness.samples()).toEqual([])
    expect(harness.ledger({ outcome: 'skipped', reason: 'not_analysed' })).toBe(2)
  })

  test('counts refused handshakes in a counter of their own', () => {
    const harness = new Harness()
    harness.ingest.consume(fakeLogs(new FakeEdges(), [{ entryClass: EntryClass.refusedHandshake, kind: EntryKind.tcp }]))
    expect(harness.settings.telemetry.value('meshscope_mesh_metrics_refused_handshakes')).toBe(1)
  })
})

describe('limits', () => {
  test('counts what is beyond series_max in the overflow series', async () => {
    const edges = new FakeEdges()
    const harness = new Harness({ series_max: 3 })
    const rows = Array.from({ length: 10 }, (_, i) => ({ edge: edges.add({ service: { host: `h${i}` } }), code: 200, duration: MS }))
    harness.ingest.consume(fakeLogs(edges, rows))
    expect(await harness.sum('istio_requests_total', { otel_metric_overflow: 'true' })).toBe(7)
    expect(await harness.sum('istio_requests_total')).toBe(10)
    expect([harness.ledger({ outcome: 'overflow', reason: 'series_max' }), harness.ledger({ outcome: 'counted' })]).toEqual([7, 3])
  })

  test('cuts long label values at the end of a character, once per new series', async () => {
    const edges = new FakeEdges()
    const edge = edges.add({ service: { host: `${'x'.repeat(15)}ü${'y'.repeat(50)}` } })
    const harness = new Harness({ label_value_length_max: 16 })
    harness.ingest.consume(fakeLogs(edges, [{ edge }, { edge }]))
    expect(await harness.sum('istio_requests_total', { destination_service: 'x'.repeat(15) })).toBe(2)
    expect(harness.settings.telemetry.value('meshscope_mesh_metrics_label_values_cut')).toBe(1)
  })

  test('does not mix up series whose values contain NUL', async () => {
    const edges = new FakeEdges()
    const one = edges.add({ source: { workload: 'a\u0000b', service: 'c', evidence: 'node' } })
    const other = edges.add({ source: { workload: 'a', service: 'b\u0000c', evidence: 'node' } })
    const harness = new Harness()
    harness.ingest.consume(fakeLogs(edges, [{ edge: one }, { edge: other }]))
    const samples = await harness.samples()
    expect(samples.filter(({ name }) => name === 'istio_requests_total')).toHaveLength(2)
  })

  test('ends a series that is idle and starts it again from 0', async () => {
    const edges = new FakeEdges()
    const rows = [0, 1, 2].map((i) => ({ edge: edges.add({ service: { host: `h${i}` } }), code: 200 }))
    const harness = new Harness({ metrics_expiration: '10m' })
    const { clock } = harness.settings
    harness.ingest.consume(fakeLogs(edges, rows))
    expect(await harness.sum('istio_requests_total')).toBe(3)
    clock.advance(9 * 60_000)
    harness.ingest.consume(fakeLogs(edges, rows.slice(0, 1)))
    clock.advance(5 * 60_000)
    expect(await harness.sum('istio_requests_total')).toBe(2)
    harness.ingest.consume(fakeLogs(edges, rows))
    const samples = await harness.samples()
    expect(samples.filter(({ name }) => name === 'istio_requests_total').map(({ value }) => value)).toEqual([3, 1, 1])
  })
})

describe('caches', () => {
  test('looks edges up anew after their table began a new epoch', async () => {
    const edges = new FakeEdges()
    const harness = new Harness()
    const edge = edges.add({ service: { host: 'before' } })
    harness.ingest.consume(fakeLogs(edges, [{ edge }]))
    edges.renew()
    expect(edges.add({ service: { host: 'after' } })).toBe(edge)
    harness.ingest.consume(fakeLogs(edges, [{ edge }]))
    expect(await harness.sum('istio_requests_total', { destination_service: 'before' })).toBe(1)
    expect(await harness.sum('istio_requests_total', { destination_service: 'after' })).toBe(1)
  })

  test('keeps the edges of two mesh processors apart', async () => {
    const tables = [new FakeEdges(), new FakeEdges()]
    const harness = new Harness()
    for (const [i, edges] of tables.entries()) edges.add({ service: { host: `table-${i}` } })
    for (const edges of [...tables, ...tables]) harness.ingest.consume(fakeLogs(edges, [{ edge: 1 }]))
    expect(await harness.sum('istio_requests_total', { destination_service: 'table-0' })).toBe(2)
    expect(await harness.sum('istio_requests_total', { destination_service: 'table-1' })).toBe(2)
  })

  test('goes on exactly after idle rows were given up', async () => {
    const edges = new FakeEdges()
    const busy = edges.add({ service: { host: 'busy' } })
    const idle = Array.from({ length: 5 }, (_, i) => edges.add({ service: { host: `idle-${i}` } }))
    const harness = new Harness({ metrics_expiration: '1m' })
    harness.ingest.consume(
      fakeLogs(
        edges,
        idle.map((edge) => ({ edge })),
      ),
    )
    for (let i = 0; i < 20; i++) {
      harness.ingest.consume(fakeLogs(edges, [{ edge: busy }]))
      harness.settings.clock.advance(15_000)
    }
    expect(await harness.sum('istio_requests_total', { destination_service: 'busy' })).toBe(20)
  })
})

describe('exemplars', () => {
  const traceparent = { form: TraceForm.traceparent, value: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' }

  test('keeps the trace of one request per series and second, on the duration', async () => {
    const edges = new FakeEdges()
    const harness = new Harness()
    const other = { form: TraceForm.traceparent, value: traceparent.value.replace('4bf9', 'ffff') }
    harness.ingest.consume(
      fakeLogs(edges, [
        { code: 200, duration: 5 * MS, trace: traceparent },
        { code: 200, duration: 9 * MS, trace: other },
      ]),
    )
    await harness.main.flush()
    const { families } = harness.next.batches[0] as SeriesMetrics
    const exemplars = families.map(({ family, exemplar }) => [family.name, exemplar?.(0)])
    expect(Object.fromEntries(exemplars)).toEqual({
      istio_requests_total: undefined,
      istio_request_duration_milliseconds: {
        value: 5,
        timeMs: harness.settings.clock.now(),
        traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
        spanId: '00f067aa0ba902b7',
      },
      istio_request_bytes: undefined,
      istio_response_bytes: undefined,
    })
  })

  test('takes none when they are switched off', async () => {
    const harness = new Harness({ exemplars: { enabled: false } })
    harness.ingest.consume(fakeLogs(new FakeEdges(), [{ code: 200, duration: 5 * MS, trace: traceparent }]))
    await harness.main.flush()
    expect(harness.next.batches[0]?.families[1]?.exemplar?.(0)).toBeUndefined()
  })
})

test('leaves log records that are no access logs to others, and counts them', async () => {
  const harness = new Harness()
  const record = newLogRecord({ timeNs: 0n, observedNs: 0n, severityNumber: 9, severityText: '', body: null, attributes: AttributeSet.empty })
  harness.ingest.consume({ groups: [{ resource: { attributes: AttributeSet.empty }, scope: { name: '', version: '' }, records: [record] }] })
  expect(harness.ledger({ outcome: 'skipped', reason: 'not_access_logs' })).toBe(1)
})

describe('config', () => {
  test('leaves out metrics that are switched off, and says so when nothing is left', async () => {
    const off = { enabled: false }
    const harness = new Harness({ metrics: { requests: off, request_duration: off, request_bytes: off, response_bytes: off, tcp_sent_bytes: off } })
    harness.ingest.consume(fakeLogs(new FakeEdges(), [{ code: 200 }, { code: 200, isGrpc: true, requestMessages: 1 }]))
    const samples = await harness.samples()
    expect(samples.map(({ name }) => name)).toEqual(['istio_request_messages_total', 'istio_response_messages_total'])
    expect(harness.ledger({ outcome: 'skipped', reason: 'metrics_disabled' })).toBe(1)
    expect(harness.ledger({ outcome: 'counted', reason: 'grpc' })).toBe(1)
  })

  test('adds series up over labels that are left out', async () => {
    const edges = new FakeEdges()
    const harness = new Harness({ labels: { exclude: ['response_flags', 'response_code'] }, metric_prefix: 'mesh_' })
    harness.ingest.consume(fakeLogs(edges, [{ code: 200 }, { code: 503, flags: 2 }]))
    const requests = (await harness.samples()).filter(({ name }) => name === 'mesh_requests_total')
    expect(requests.map(({ value }) => value)).toEqual([2])
    expect(Object.keys(requests[0]?.labels ?? {})).toHaveLength(23)
  })

  test('takes other buckets', async () => {
    const harness = new Harness({ histogram: { duration_buckets: [1, 100] } })
    harness.ingest.consume(fakeLogs(new FakeEdges(), [{ duration: MS }, { duration: 50 * MS }, { duration: 101 * MS }]))
    const duration = (await harness.samples()).find(({ name }) => name === 'istio_request_duration_milliseconds')
    expect(duration?.buckets).toEqual([1, 1, 1])
  })
})

describe('istio_build', () => {
  function nodeOf(version: string): Uint8Array {
    const writer = new ProtobufWriter()
    const field = (key: string, value: string) =>
      writer.message(1, () => {
        writer.string(1, key)
        writer.message(2, () => writer.string(3, value))
      })
    writer.message(3, () => {
      field('NAME', 'a')
      field('ISTIO_VERSION', version)
    })
    return writer.finish()
  }

  test('shows every version of the proxies once', async () => {
    const harness = new Harness()
    for (const version of ['1.29.0', '1.28.1', '1.29.0'])
      harness.ingest.consume(fakeLogs(new FakeEdges(), [{ code: 200 }], { origin: fakeOrigin({ node: nodeOf(version) }) }))
    harness.ingest.consume(fakeLogs(new FakeEdges(), [{ code: 200 }]))
    const builds = (await harness.samples()).filter(({ name }) => name === 'istio_build')
    expect(builds.map(({ labels, value }) => [labels, value])).toEqual([
      [{ component: 'proxy', tag: '1.29.0' }, 1],
      [{ component: 'proxy', tag: '1.28.1' }, 1],
    ])
  })
})

describe('the main half', () => {
  test('hands all series on by itself every metrics_flush_interval', async () => {
    const flushed = Promise.withResolvers<SeriesMetrics>()
    const harness = new Harness({ metrics_flush_interval: '20s' }, 1, flushed.resolve)
    harness.ingest.consume(fakeLogs(new FakeEdges(), [{ code: 200 }]))
    harness.settings.clock.advance(20_000)
    expect(samplesOf(await flushed.promise)[0]).toMatchObject({ name: 'istio_requests_total', value: 1 })
    await harness.stop()
    expect(harness.settings.clock.pendingTimers).toBe(0)
  })

  test('passes a refusal on to who asked, and only counts it when it was the timer', async () => {
    const settings = fakeSettings('connector', 'mesh_metrics/x')
    const main = new MeshMetricsMain(settings, testConfig(), new RefusingConsumer<SeriesMetrics>(new RefusedError('full')))
    main.start()
    settings.clock.advance(15_000)
    await expect(main.flush()).rejects.toThrow('full')
    expect(settings.telemetry.value('meshscope_mesh_metrics_flush_failures', { connector: 'mesh_metrics/x' })).toBe(1)
    await main.shutdown()
  })

  test('keeps what a worker had counted when the worker is gone, and adds its successor', async () => {
    const harness = new Harness({}, 2)
    const edges = new FakeEdges()
    for (const ingest of harness.ingests) ingest.consume(fakeLogs(edges, [{ code: 200 }, { code: 404 }]))
    harness.main.gone({ worker: 1, life: 1 })
    expect(await harness.sum('istio_requests_total')).toBe(4)
    harness.ingests[0]?.consume(fakeLogs(edges, [{ code: 200 }]))
    expect(await harness.sum('istio_requests_total', { response_code: '200' })).toBe(3)
  })

  test('stops safely twice and without a start', async () => {
    const harness = new Harness()
    await harness.stop()
    await expect(harness.stop()).resolves.toBeUndefined()
  })
})

describe('any split of the entries', () => {
  const entry = fc.record({
    edge: fc.integer({ min: 0, max: 6 }),
    code: fc.constantFrom(0, 200, 404, 503),
    flags: fc.constantFrom(0, 2, 1 << 5),
    isGrpc: fc.boolean(),
    grpcStatus: fc.constantFrom(-1, 0, 14),
    requestMessages: fc.constantFrom(-1, 1, 3),
    duration: fc.integer({ min: 0, max: 5e9 }),
    wireReceived: fc.integer({ min: 0, max: 1e6 }),
    worker: fc.integer({ min: 0, max: 3 }),
    entryClass: fc.constantFrom(EntryClass.final, EntryClass.final, EntryClass.attempt, EntryClass.periodic),
  })

  test.for(['istio', 'otel'] as const)('over 1 to 4 ingest halves gives the same series, which add up to the entries (%s)', async (semantic) => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(entry, { maxLength: 8 }), { maxLength: 8 }), fc.integer({ min: 1, max: 4 }), async (batches, workers) => {
        const results = []
        for (const count of [1, workers]) {
          const harness = new Harness({ semantic, series_max: 100 }, count)
          // Every worker has its own strings and edges, as in the daemon.
          const tables = harness.ingests.map(() => ({ strings: new ByteInterner(), edges: tableOf(6) }))
          for (const rows of batches)
            for (const [worker, { strings, edges }] of tables.entries()) {
              const own = rows.filter((row) => row.worker % count === worker)
              harness.ingests[worker]?.consume(fakeLogs(edges, own, { strings }))
            }
          results.push((await harness.samples()).map((sample) => JSON.stringify(sample)).sort())
          const all = batches.flat()
          const finals = all.filter(({ entryClass }) => entryClass === EntryClass.final).length
          expect(harness.ledger()).toBe(all.length)
          expect(harness.ledger({ outcome: 'counted' })).toBe(finals)
          if (semantic === 'istio') expect(await harness.sum('istio_requests_total')).toBe(finals)
        }
        // Sums of seconds are rounded in another order; of milliseconds and bytes they are exact.
        if (semantic === 'istio') expect(results[1]).toEqual(results[0])
        else expect(results[1]).toHaveLength((results[0] as string[]).length)
      }),
      { numRuns: 30 },
    )
  })

  function tableOf(size: number): FakeEdges {
    const edges = new FakeEdges()
    for (let i = 0; i < size; i++) edges.add({ reporter: i % 2 === 0 ? 'source' : 'destination', service: { host: `s${i}`, name: `s${i}` } })
    return edges
  }
})
