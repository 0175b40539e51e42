import { expect, test } from 'vitest'
import type { ProtobufWriter } from '../../lib/protobuf/writer.ts'
import { type AccessLogs, EntryClass } from '../../model/access_logs.ts'
import { AttributeSet } from '../../model/attributes.ts'
import { type Edge, type Party, UNKNOWN_PARTY, UNKNOWN_SERVICE } from '../../model/edges.ts'
import { newLogRecord } from '../../model/log_records.ts'
import type { Span } from '../../model/traces.ts'
import { sampleEntries } from '../../test/fakes/access_logs.ts'
import { TracesHarness } from './testing.ts'

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const CALLER = '00f067aa0ba902b7'
const TRACEPARENT = `00-${TRACE}-${CALLER}-01`
const START_S = 1_767_225_600
const START_NS = 1_767_225_600_000_000_000n

type Pairs = Readonly<Record<string, string>>

interface Entry {
  readonly tags?: Pairs
  readonly headers?: Pairs
  readonly code?: number
  readonly path?: string
  readonly type?: number
  readonly trailers?: Pairs
  readonly port?: number
}

function put(writer: ProtobufWriter, field: number, pairs: Pairs = {}): void {
  for (const [key, value] of Object.entries(pairs)) writer.open(field).string(1, key).string(2, value).close()
}

/** A batch of one entry of 12 ms. */
function entry({ tags, headers, code = 200, path = '/reviews/0', type = 6, trailers, port = 40_000 }: Entry): AccessLogs {
  return sampleEntries((writer) => {
    writer.open(1)
    writer.message(5, () => writer.varint(1, START_S))
    writer.message(6, () => writer.varint(2, 70_000))
    writer.message(12, () => writer.varint(2, 11_970_000))
    writer.message(20, () => writer.message(1, () => writer.string(2, '10.0.0.1').varint(3, port)))
    put(writer, 22, tags)
    writer.message(23, () => writer.varint(2, 12_000_000))
    writer.varint(33, type).close()
    writer.open(3).varint(1, 1).string(2, 'http').string(3, 'reviews:9080').string(5, path).string(9, 'request-1')
    put(writer, 13, headers)
    writer.close().open(4)
    writer.message(1, () => writer.varint(1, code))
    put(writer, 5, trailers)
    writer.close()
  })
}

/** Says of the rows of a batch who called whom. */
function onEdge(logs: AccessLogs, given: Partial<Omit<Edge, 'source'>> & { readonly source?: Partial<Party> }): AccessLogs {
  const edge: Edge = {
    index: 1,
    role: 'sidecar',
    reporter: 'source',
    direction: 'outbound',
    destination: UNKNOWN_PARTY,
    service: UNKNOWN_SERVICE,
    mutualTls: false,
    ...given,
    source: { ...UNKNOWN_PARTY, ...given.source },
  }
  logs.edges = { epoch: 0, size: 2, get: () => edge }
  logs.edge.fill(1, 0, logs.length)
  logs.entryClass.fill(EntryClass.final, 0, logs.length)
  return logs
}

const client = (logs: AccessLogs): AccessLogs => onEdge(logs, { source: { namespace: 'shop', workload: 'productpage', evidence: 'node' } })
const server = (logs: AccessLogs, source: Partial<Party> = { namespace: 'shop', workload: 'productpage', evidence: 'peer_struct' }): AccessLogs =>
  onEdge(logs, { reporter: 'destination', direction: 'inbound', source })

async function spanOf(logs: AccessLogs, config: object = {}): Promise<Span> {
  const [span, ...rest] = await new TracesHarness(config).spans(logs)
  expect(rest).toEqual([])
  return span as Span
}

test('makes a span of an entry, with times, attributes and events', async () => {
  const span = await spanOf(client(entry({ headers: { traceparent: TRACEPARENT } })))
  expect(span).toMatchObject({ traceId: TRACE, parentSpanId: CALLER, name: 'GET', kind: 'client', flags: 1, status: 'unset', startTimeNs: START_NS })
  expect(span.spanId).toMatch(/^(?!0{16})[0-9a-f]{16}$/)
  expect(span.endTimeNs).toBe(START_NS + 12_000_000n)
  expect(span.events.map(({ name, timeNs }) => [name, timeNs - START_NS])).toEqual([
    ['envoy.last_rx_byte', 70_000n],
    ['envoy.last_downstream_tx_byte', 11_970_000n],
  ])
  expect(span.attributes.get('url.path')).toBe('/reviews/0')
  expect(span.attributes.get('http.response.status_code')).toBe(200n)
  expect(span.attributes.get('mesh.source.workload')).toBe('productpage')
})

test.for([
  { side: 'client', of: client, config: {}, url: 'http://reviews:9080/reviews/0?x=REDACTED' },
  { side: 'client', of: client, config: { redact: { query: 'whole' } }, url: 'http://reviews:9080/reviews/0' },
  { side: 'server', of: server, config: {}, url: undefined },
])('tells the full URL of what a $side sent as $url', async ({ of, config, url }, { expect: check }) => {
  const span = await spanOf(of(entry({ headers: { traceparent: TRACEPARENT }, path: '/reviews/0?x=1' })), config)
  check(span.attributes.get('url.full')).toBe(url)
})

test('takes the ids of a tracing proxy from custom tags, and its parent', async () => {
  const tags = { trace_id: TRACE, span_id: 'aaaaaaaaaaaaaaaa', parent_span_id: 'bbbbbbbbbbbbbbbb' }
  expect(await spanOf(server(entry({ tags })))).toMatchObject({ traceId: TRACE, spanId: 'aaaaaaaaaaaaaaaa', parentSpanId: 'bbbbbbbbbbbbbbbb', kind: 'server' })
})

test.for([
  { name: 'a tag with a whole traceparent', entry: { tags: { trace_id: TRACE, span_id: 'aaaaaaaaaaaaaaaa', parent_span_id: TRACEPARENT } }, parent: CALLER },
  { name: 'nothing', entry: { tags: { trace_id: TRACE, span_id: 'aaaaaaaaaaaaaaaa' } }, parent: '' },
  { name: 'zeros', entry: { tags: { trace_id: TRACE, span_id: 'aaaaaaaaaaaaaaaa', parent_span_id: '0000000000000000' } }, parent: '' },
  { name: 'B3 in one header', entry: { headers: { b3: `${TRACE}-aaaaaaaaaaaaaaaa-1-${CALLER}` } }, parent: CALLER },
  {
    name: 'B3 in several headers',
    entry: { headers: { 'x-b3-traceid': TRACE, 'x-b3-spanid': 'aaaaaaaaaaaaaaaa', 'x-b3-parentspanid': CALLER } },
    parent: CALLER,
  },
])('of a tracing proxy the parent comes from $name', async ({ entry: given, parent }) => {
  expect(await spanOf(client(entry(given)), { header_span: 'proxy' })).toMatchObject({ spanId: 'aaaaaaaaaaaaaaaa', parentSpanId: parent })
})

test('links the two sides of a call whose proxies pass the context on', async () => {
  const logged = { headers: { traceparent: TRACEPARENT } }
  const caller = await spanOf(client(entry(logged)))
  const callee = await spanOf(server(entry({ ...logged, port: 41_000 })))
  expect([caller.parentSpanId, callee.parentSpanId]).toEqual([CALLER, caller.spanId])
  expect([caller.kind, callee.kind]).toEqual(['client', 'server'])
  expect(callee.spanId).not.toBe(caller.spanId)
})

test('tells the calls of one caller apart', async () => {
  const ids = await Promise.all(['/a', '/b'].map(async (path) => (await spanOf(client(entry({ path, headers: { traceparent: TRACEPARENT } })))).spanId))
  expect(new Set(ids).size).toBe(2)
})

test('gives every attempt that reached a server a span of its own', async () => {
  const logged = { headers: { traceparent: TRACEPARENT } }
  const [first, second] = [await spanOf(server(entry(logged))), await spanOf(server(entry({ ...logged, port: 40_001 })))]
  expect(first.spanId).not.toBe(second.spanId)
  expect(first.parentSpanId).toBe(second.parentSpanId)
})

test.for([
  { name: 'unknown', source: {} },
  { name: 'known by its address only', source: { namespace: 'shop', workload: 'productpage', evidence: 'address' } },
] as const)('the logged span is the parent where the caller is $name, and may have no proxy', async ({ source }) => {
  expect(await spanOf(server(entry({ headers: { traceparent: TRACEPARENT } }), source))).toMatchObject({ parentSpanId: CALLER })
})

test('a gateway is a server and the parent of the next proxy; a waypoint stands between', async () => {
  const logged = { headers: { traceparent: TRACEPARENT } }
  const source = { namespace: 'istio-system', workload: 'gateway' } as const
  const gateway = await spanOf(onEdge(entry(logged), { role: 'router', source: { ...source, evidence: 'node' } }))
  const waypoint = await spanOf(onEdge(entry(logged), { role: 'waypoint', reporter: 'waypoint', source: { ...source, evidence: 'peer_struct' } }))
  const callee = await spanOf(server(entry(logged), { ...source, evidence: 'peer_struct' }))
  expect([gateway.kind, gateway.parentSpanId]).toEqual(['server', CALLER])
  expect([waypoint.kind, waypoint.parentSpanId, callee.parentSpanId]).toEqual(['server', gateway.spanId, gateway.spanId])
  expect(new Set([gateway.spanId, waypoint.spanId, callee.spanId]).size).toBe(3)
})

test.for([
  { name: 'a server with 404', side: server, given: { code: 404 }, status: 'unset' },
  { name: 'a client with 404', side: client, given: { code: 404 }, status: 'error' },
  { name: 'a server with 503', side: server, given: { code: 503 }, status: 'error' },
  { name: 'a server with gRPC NOT_FOUND', side: server, given: { trailers: { 'grpc-status': '5' } }, status: 'unset' },
  { name: 'a client with gRPC NOT_FOUND', side: client, given: { trailers: { 'grpc-status': '5' } }, status: 'error' },
  { name: 'a server with gRPC INTERNAL', side: server, given: { trailers: { 'grpc-status': '13' } }, status: 'error' },
])('the status of $name is $status', async ({ side, given, status }) => {
  expect((await spanOf(side(entry({ ...given, headers: { traceparent: TRACEPARENT } })))).status).toBe(status)
})

test('names gRPC spans by the procedure', async () => {
  const logged = { path: '/shop.Cart/Add', trailers: { 'grpc-status': '0' }, headers: { traceparent: TRACEPARENT } }
  expect((await spanOf(client(entry(logged)))).name).toBe('shop.Cart/Add')
})

test.for([
  { name: 'without a trace context', given: {}, outcome: 'no_trace_context' },
  { name: 'with a malformed one', given: { headers: { traceparent: '00-zz' } }, outcome: 'no_trace_context' },
  { name: 'that was not sampled', given: { headers: { traceparent: `00-${TRACE}-${CALLER}-00` } }, outcome: 'not_sampled' },
])('invents no span of a request $name, and counts it', async ({ given, outcome }) => {
  const harness = new TracesHarness()
  expect(await harness.spans(client(entry(given)))).toEqual([])
  expect(harness.counted(outcome)).toBe(1)
})

test('keeps what was not sampled where that is wanted', async () => {
  const span = await spanOf(client(entry({ headers: { traceparent: `00-${TRACE}-${CALLER}-00` } })), { unsampled: 'keep' })
  expect(span.flags).toBe(0)
})

test('makes no spans of starts and of log records, and counts them', async () => {
  const harness = new TracesHarness()
  const started = entry({ type: 4, headers: { traceparent: TRACEPARENT } })
  const record = newLogRecord({ timeNs: 0n, observedNs: 0n, severityNumber: 9, severityText: '', body: null, attributes: AttributeSet.empty })
  harness.ingest.consume({ groups: [{ resource: { attributes: AttributeSet.empty }, scope: { name: '', version: '' }, records: [record] }] })
  expect(await harness.spans(started)).toEqual([])
  expect([harness.counted('not_an_end'), harness.counted('not_access_logs')]).toEqual([1, 1])
})

test('leaves events out where they are not wanted', async () => {
  expect((await spanOf(client(entry({ headers: { traceparent: TRACEPARENT } })), { events: false })).events).toEqual([])
})
