import { expect, test } from 'vitest'
import { RefusedError } from '../../component/consumer.ts'
import { ProtobufWriter } from '../../lib/protobuf/writer.ts'
import type { AccessLogs } from '../../model/access_logs.ts'
import { AttributeSet } from '../../model/attributes.ts'
import type { LogRecords } from '../../model/log_records.ts'
import { sampleEntries, sampleHttpLogs, sampleTcpLogs, withSampleEdge } from '../../test/fakes/access_logs.ts'
import { attributesOf, RecordsHarness } from './testing.ts'

const START_NS = 1_767_225_600_123_456_789n

test('makes one record of each entry, with times, severity and the attributes of the semantic conventions', async () => {
  const logs = sampleHttpLogs()
  logs.receivedMs = 1_767_225_601_000.5
  const [answered, failed, ...rest] = await new RecordsHarness().records(logs)
  expect(rest).toEqual([])
  expect(answered).toMatchObject({
    timeNs: START_NS,
    observedNs: 1_767_225_601_000_500_000n,
    severityNumber: 9,
    severityText: 'INFO',
    body: null,
    traceId: '',
    spanId: '',
  })
  expect(failed).toMatchObject({ timeNs: START_NS, severityNumber: 17, severityText: 'ERROR' })
  expect(attributesOf(answered as never)).toEqual({
    'envoy.access_log.name': 'http_envoy_accesslog',
    'network.protocol.name': 'http',
    'network.transport': 'tcp',
    'client.address': '10.244.1.11',
    'client.port': 41_616,
    'envoy.upstream_cluster': 'outbound|9080||reviews.bookinfo.svc.cluster.local',
    'envoy.duration': 0.012345678,
    'envoy.upstream_request_attempt_count': 1,
    'http.response.size': 1234,
    'http.request.size': 612,
    'envoy.access_log_type': 'DownstreamEnd',
    'network.protocol.version': '1.1',
    'http.request.method': 'GET',
    'url.scheme': 'http',
    'server.address': 'reviews',
    'server.port': 9080,
    'url.path': '/reviews/0',
    'url.query': 'x=REDACTED',
    'user_agent.original': 'python-requests/2.32.3',
    'envoy.request_id': '6a3d9a9c-0000-4000-8000-000000000001',
    'http.response.status_code': 200,
    'envoy.response_code_details': 'via_upstream',
  })
  expect(attributesOf(failed as never)).toMatchObject({ 'error.type': '503', 'envoy.response_flags': 'UF,URX', 'http.response.status_code': 503 })
})

test('adds who called whom, and the workload that reports as resource', async () => {
  const [group] = await new RecordsHarness().groups(withSampleEdge(sampleHttpLogs()))
  expect(attributesOf(group?.records[0] as never)).toMatchObject({
    'mesh.reporter': 'source',
    'mesh.role': 'sidecar',
    'mesh.direction': 'outbound',
    'mesh.service.host': 'reviews.bookinfo.svc.cluster.local',
    'service.peer.name': 'reviews',
    'service.peer.namespace': 'bookinfo',
    'mesh.source.workload': 'productpage-v1',
    'source.k8s.namespace.name': 'bookinfo',
    'mesh.destination.workload': 'reviews-v2',
    'mesh.destination.service': 'reviews',
    'destination.k8s.namespace.name': 'bookinfo',
  })
  expect(attributesOf(group?.resource as never)).toEqual({
    'k8s.namespace.name': 'bookinfo',
    'k8s.pod.name': 'productpage-v1-6b746f74dc-bcdfg',
    'k8s.pod.ip': '10.244.1.11',
    'service.name': 'productpage-v1',
    'service.namespace': 'bookinfo',
    'mesh.workload': 'productpage-v1',
    'envoy.node.id': 'sidecar~10.244.1.11~productpage-v1-6b746f74dc-bcdfg.bookinfo~bookinfo.svc.cluster.local',
  })
  expect(group?.scope.name).toBe('meshscope/access_log_records')
})

test('prefers the resource that processors have put on the batch', async () => {
  const logs = sampleHttpLogs()
  logs.resource = { attributes: AttributeSet.of({ 'k8s.pod.uid': 'u1', 'service.name': 'shop' }) }
  const [group] = await new RecordsHarness().groups(logs)
  expect(attributesOf(group?.resource as never)).toMatchObject({ 'k8s.pod.uid': 'u1', 'service.name': 'shop' })
})

test('keeps the records of one workload together in a chunk', async () => {
  const [first, other, again] = [sampleHttpLogs(), sampleTcpLogs(), sampleHttpLogs()]
  again.origin = first.origin
  other.origin = { ...other.origin, nodeId: 'sidecar~10.0.0.9~mongodb-0.db~db.svc.cluster.local' }
  const groups = await new RecordsHarness().groups(first, other, again)
  expect(groups.map(({ records }) => records.length)).toEqual([4, 1])
})

test('makes records of TCP connections', async () => {
  const [record] = await new RecordsHarness().records(sampleTcpLogs())
  expect(record).toMatchObject({ severityNumber: 9, timeNs: 1_767_225_600_000_000_000n })
  expect(attributesOf(record as never)).toEqual({
    'envoy.access_log.name': 'tcp_envoy_accesslog',
    'network.transport': 'tcp',
    'client.address': '10.244.1.16',
    'client.port': 50_123,
    'envoy.upstream_cluster': 'outbound|27017||mongodb.bookinfo.svc.cluster.local',
    'envoy.duration': 42.5,
    'envoy.downstream_wire_bytes_sent': 9150,
    'envoy.downstream_wire_bytes_received': 1320,
    'envoy.access_log_type': 'TcpConnectionEnd',
    'envoy.received_bytes': 1320,
    'envoy.sent_bytes': 9150,
  })
})

/** One HTTP entry of the fields that are written into its common properties, request and response. */
function entry(write: { readonly common?: Write; readonly request?: Write; readonly response?: Write }): AccessLogs {
  return sampleEntries((writer) => {
    writer.open(1).varint(33, 6)
    write.common?.(writer)
    writer.close().open(3)
    write.request?.(writer)
    writer.close().open(4)
    write.response?.(writer)
    writer.close()
  })
}

type Write = (writer: ProtobufWriter) => void

function header(writer: ProtobufWriter, field: number, key: string, value: string): void {
  writer.open(field).string(1, key).string(2, value).close()
}

test('takes trace and span id from traceparent, with its flags', async () => {
  const logs = entry({ request: (writer) => header(writer, 13, 'traceparent', '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01') })
  const [record] = await new RecordsHarness().records(logs)
  expect(record).toMatchObject({ traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7', flags: 1 })
})

test.for([
  { name: 'B3 in one header', write: (w: ProtobufWriter) => header(w, 13, 'b3', '4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1'), flags: 1 },
  {
    name: 'B3 in several headers',
    write: (w: ProtobufWriter) => {
      header(w, 13, 'x-b3-traceid', '4bf92f3577b34da6a3ce929d0e0e4736')
      header(w, 13, 'x-b3-spanid', '00f067aa0ba902b7')
    },
    flags: 0,
  },
])('takes trace and span id from $name', async ({ write, flags }) => {
  const [record] = await new RecordsHarness().records(entry({ request: write }))
  expect(record).toMatchObject({ traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7', flags })
})

test('takes trace and span id from custom tags, which then are no attributes', async () => {
  const logs = entry({
    common: (writer) => {
      header(writer, 22, 'trace_id', '4bf92f3577b34da6a3ce929d0e0e4736')
      header(writer, 22, 'span_id', '00f067aa0ba902b7')
      header(writer, 22, 'tier', 'gold')
    },
  })
  const [record] = await new RecordsHarness().records(logs)
  expect(record).toMatchObject({ traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7' })
  expect(attributesOf(record as never)).toMatchObject({ 'envoy.tag.tier': 'gold' })
  expect(record?.attributes.keys.filter((key) => key.endsWith('_id'))).toEqual([])
})

const HEADERS = entryHeaders()

function entryHeaders(): { readonly request: Write; readonly response: Write } {
  return {
    request: (writer) => {
      writer.string(5, '/a?page=2&token=t').string(7, 'https://x.example/y?secret=s')
      header(writer, 13, ':path', '/a?page=2&token=t')
      header(writer, 13, 'Content-Type', 'application/json')
      header(writer, 13, 'authorization', 'Bearer abc')
    },
    response: (writer) => {
      header(writer, 4, 'set-cookie', 'id=1')
      header(writer, 5, 'grpc-status', '0')
    },
  }
}

test.for([
  {
    name: 'redacts by default',
    config: {},
    expected: {
      'url.query': 'page=REDACTED&token=REDACTED',
      'http.request.header.referer': ['https://x.example/y?secret=REDACTED'],
      'http.request.header.content-type': ['application/json'],
      'http.request.header.authorization': ['REDACTED'],
      'http.response.header.set-cookie': ['REDACTED'],
      'envoy.response_trailer.grpc-status': ['0'],
    },
  },
  {
    name: 'shows what is allowed',
    config: { redact: { query_allowed: ['page'], headers_allowed: ['set-*'] } },
    expected: { 'url.query': 'page=2&token=REDACTED', 'http.request.header.content-type': ['REDACTED'], 'http.response.header.set-cookie': ['id=1'] },
  },
  { name: 'shows the query where that is wanted', config: { redact: { query: 'none' } }, expected: { 'url.query': 'page=2&token=t' } },
])('$name', async ({ config, expected }) => {
  const [record] = await new RecordsHarness(config).records(entry(HEADERS))
  expect(attributesOf(record as never)).toMatchObject(expected)
  expect(record?.attributes.keys.filter((key) => key.includes(':'))).toEqual([])
})

test('leaves out headers that are not wanted', async () => {
  const [record] = await new RecordsHarness({ headers: ['content-type'] }).records(entry(HEADERS))
  expect(record?.attributes.keys.filter((key) => key.includes('header') || key.includes('trailer'))).toEqual([
    'http.request.header.referer',
    'http.request.header.content-type',
  ])
})

test.for([
  {
    name: 'json',
    config: { body: 'json' },
    includes: ['"requestMethod":"GET"', '"path":"/reviews/0?x=REDACTED"', '"workload":"reviews-v2"', '"nodeId":"sidecar~'],
  },
  {
    name: 'text',
    config: { body: 'text' },
    includes: ['"GET /reviews/0?x=REDACTED HTTP11" 200 - via_upstream', '"python-requests/2.32.3"', '10.244.1.11:41616'],
  },
])('has a body of $name when it is wanted, redacted too', async ({ config, includes }) => {
  const [record] = await new RecordsHarness(config).records(withSampleEdge(sampleHttpLogs()))
  for (const part of includes) expect(record?.body).toContain(part)
})

test.for([
  { include: 'all', kept: 2 },
  { include: 'ends', kept: 2 },
  { include: 'warnings', kept: 1 },
  { include: 'errors', kept: 1 },
])('keeps $kept of an answered and a failed request with include: $include', async ({ include, kept }) => {
  const harness = new RecordsHarness({ include })
  expect((await harness.records(sampleHttpLogs())).length).toBe(kept)
  expect(harness.counted('sent')).toBe(kept)
  expect(harness.counted('not_included')).toBe(2 - kept)
})

test('keeps slow ones whatever else is said', async () => {
  const config = { include: 'errors', slower_than: '12ms', sampling: { percentage: 1e-9, failed_percentage: 1e-9 } }
  const records = await new RecordsHarness(config).records(sampleHttpLogs())
  expect(records.length).toBe(2)
  expect(records.flatMap(({ attributes }) => attributes.keys).includes('sampling.weight')).toBe(false)
})

test('samples by trace id as others do, and says how many entries a record stands for', async () => {
  const trace = (randomness: string): AccessLogs =>
    entry({ request: (writer) => header(writer, 13, 'traceparent', `00-4bf92f3577b34da6a3${randomness}-00f067aa0ba902b7-01`) })
  const harness = new RecordsHarness({ sampling: { percentage: 25, failed_percentage: 25 } })
  const records = await harness.records(trace('bfffffffffffff'), trace('c0000000000000'), trace('ffffffffffffff'))
  expect(records.map(({ traceId }) => traceId.slice(18))).toEqual(['c0000000000000', 'ffffffffffffff'])
  expect(records.map((record) => attributesOf(record)['sampling.weight'])).toEqual([4, 4])
  expect(harness.counted('sampled')).toBe(1)
})

test('samples about the wanted share of requests without a trace', async () => {
  const logs = sampleEntries((writer, n) => writer.message(3, () => writer.string(5, '/').string(9, `request-${n}`)), 32)
  const kept = (await new RecordsHarness({ sampling: { percentage: 50, failed_percentage: 50 } }).records(logs)).length
  expect(kept).toBeGreaterThan(8)
  expect(kept).toBeLessThan(24)
})

test('maps gRPC, TLS, filter state, metadata and names that are not UTF-8', async () => {
  const any = (writer: ProtobufWriter, key: string, type: string, value: Uint8Array): void =>
    void writer.open(21).string(1, key).open(2).string(1, `type.googleapis.com/${type}`).bytes(2, value).close().close()
  const logs = entry({
    common: (writer) => {
      writer.open(4).varint(1, 4)
      writer.open(2).varint(1, 0x1301).close()
      writer.string(3, 'outbound_.9080_._.reviews').open(5)
      writer.open(1).string(1, 'spiffe://cluster.local/ns/a/sa/b').close()
      writer.open(1).string(2, 'b.example').close()
      writer.string(2, 'CN=b').close().close()
      writer
        .open(17)
        .open(1)
        .string(1, 'envoy.filters.http.rbac')
        .open(2)
        .open(1)
        .string(1, 'shadow')
        .open(2)
        .string(3, 'denied')
        .close()
        .close()
        .close()
        .close()
        .close()
      any(writer, 'flag', 'google.protobuf.BoolValue', new ProtobufWriter().bool(1, true).finish())
      any(writer, 'team', 'google.protobuf.StringValue', new ProtobufWriter().string(1, 'blue').finish())
      any(
        writer,
        'envoy.filters.http.grpc_stats',
        'envoy.extensions.filters.http.grpc_stats.v3.FilterObject',
        new ProtobufWriter().varint(1, 2).varint(2, 3).finish(),
      )
      writer
        .open(22)
        .string(1, 'raw')
        .bytes(2, Uint8Array.from([0x63, 0xe9]))
        .close()
    },
    request: (writer) => writer.string(5, '/shop.Cart/Add').varint(1, 4),
    response: (writer) => header(writer, 5, 'grpc-status', '14'),
  })
  const [record] = await new RecordsHarness().records(logs)
  const attributes = attributesOf(record as never)
  expect(attributes).toMatchObject({
    'rpc.system.name': 'grpc',
    'rpc.method': 'shop.Cart/Add',
    'rpc.response.status_code': 'UNAVAILABLE',
    'error.type': 'UNAVAILABLE',
    'envoy.grpc.request_messages': 2,
    'envoy.grpc.response_messages': 3,
    'tls.protocol.name': 'tls',
    'tls.protocol.version': '1.3',
    'tls.cipher': 'TLS_AES_128_GCM_SHA256',
    'tls.client.subject': 'CN=b',
    'envoy.tls.client.subject_alt_names': ['spiffe://cluster.local/ns/a/sa/b', 'b.example'],
    'envoy.filter_state.flag': true,
    'envoy.filter_state.team': 'blue',
    'envoy.tag.raw': 'c\ufffd',
    'http.request.method': 'PUT',
  })
  expect((attributes['envoy.metadata.envoy.filters.http.rbac'] as AttributeSet).get('shadow')).toBe('denied')
  expect(record?.severityNumber).toBe(17)
  expect(new Set(record?.attributes.keys).size).toBe(record?.attributes.size)
})

test('has single times and sizes with full detail only', async () => {
  const write = {
    common: (writer: ProtobufWriter) => void writer.open(6).varint(2, 1_500_000).close(),
    request: (writer: ProtobufWriter) => writer.varint(11, 412),
  }
  const [normal] = await new RecordsHarness().records(entry(write))
  const [full] = await new RecordsHarness({ detail: 'full' }).records(entry(write))
  expect(normal?.attributes.keys.some((key) => key.startsWith('envoy.time_to') || key.endsWith('_headers_bytes'))).toBe(false)
  expect(attributesOf(full as never)).toMatchObject({ 'envoy.time_to_last_rx_byte': 0.0015, 'envoy.request_headers_bytes': 412 })
})

test('writes records of every length', async () => {
  for (const length of [10, 90, 16_000, 16_384, 70_000]) {
    const path = `/${'x'.repeat(length)}`
    const [record] = await new RecordsHarness().records(entry({ request: (writer) => writer.string(5, path) }))
    expect(attributesOf(record as never)['url.path']).toBe(path)
  }
})

test('leaves the attributes of an entry out that is larger than a record may be, and counts it', async () => {
  const harness = new RecordsHarness()
  const records = await harness.records(entry({ request: (writer) => writer.string(5, `/${'x'.repeat(3 << 20)}`) }))
  expect(records.map(({ attributes }) => attributes.size)).toEqual([0])
  expect(harness.settings.telemetry.value('meshscope_access_log_records_too_large')).toBe(1)
})

test('sends a chunk 200 ms after its first record', () => {
  const harness = new RecordsHarness()
  harness.ingest.consume(sampleHttpLogs())
  harness.settings.clock.advance(199)
  expect(harness.next.batches.length).toBe(0)
  harness.settings.clock.advance(1)
  expect(harness.next.batches.length).toBe(1)
})

test('drops and counts records while too many are under way', async () => {
  const taken = Promise.withResolvers<void>()
  const harness = new RecordsHarness({}, () => taken.promise)
  const large = entry({ request: (writer) => writer.string(5, `/${'x'.repeat(1 << 20)}`) })
  for (let n = 0; n < 20; n++) harness.ingest.consume(large)
  expect(harness.counted('queue_full')).toBeGreaterThan(10)
  taken.resolve()
  await harness.main.shutdown({ signal: new AbortController().signal })
  expect(harness.counted('sent') + harness.counted('queue_full')).toBe(20)
  harness.ingest.consume(large)
  await harness.main.shutdown({ signal: new AbortController().signal })
  expect(harness.counted('sent') + harness.counted('queue_full')).toBe(21)
})

test('counts records that the rest of the pipeline refuses', async () => {
  const harness = new RecordsHarness({}, () => Promise.reject(new RefusedError('the queue is full')))
  await harness.records(sampleHttpLogs())
  expect(harness.counted('refused')).toBe(2)
  expect(harness.settings.log.lines.map(({ message, fields }) => [message, fields['error']])).toEqual([['chunk refused by the pipeline', 'the queue is full']])
})

test('shutdown does not wait longer than it may', async () => {
  const harness = new RecordsHarness({}, () => new Promise<void>(() => {}))
  harness.ingest.consume(sampleHttpLogs())
  harness.ingest.shutdown()
  await expect(harness.main.shutdown({ signal: AbortSignal.abort() })).resolves.toBeUndefined()
})

test('passes log records on the main thread as they are, and makes records of access logs there at once', async () => {
  const harness = new RecordsHarness()
  const records: LogRecords = { groups: [] }
  await harness.main.consume(records)
  expect(harness.next.batches[0]).toBe(records)
  await harness.main.consume(sampleHttpLogs())
  expect(harness.next.batches.length).toBe(2)
  expect(harness.counted('sent')).toBe(2)
})
