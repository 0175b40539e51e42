import { describe, expect, test } from 'vitest'
import { firstResponseFlagName } from '../../model/response_flags.ts'
import { OTEL_HTTP_LABELS, OTEL_LABELS, OTEL_RPC_LABELS, type OtelOutcome, otelLabels } from './otel_labels.ts'
import { type FakeEdge, FakeEdges, fakeLogs, Harness } from './testing.ts'

const OK: OtelOutcome = {
  protocol: 'http',
  responseCode: 200,
  grpcStatus: -1,
  flagsMask: 0,
  method: 1,
  protocolVersion: 2,
  scheme: 'http',
  serverPort: 9080,
}
const PRODUCTPAGE = { evidence: 'node', workload: 'productpage-v1', service: 'productpage', namespace: 'web', version: 'v1' } as const
const REVIEWS = { evidence: 'peer_struct', workload: 'reviews-v2', service: 'reviews', namespace: 'books', version: 'v2' } as const
const CALL: FakeEdge = { source: PRODUCTPAGE, destination: REVIEWS, service: { host: 'reviews.books.svc.cluster.local', name: 'reviews', namespace: 'books' } }

function labels(given: FakeEdge, outcome: Partial<OtelOutcome> = {}): Readonly<Record<string, string>> {
  const edges = new FakeEdges()
  return otelLabels(edges.get(edges.add(given)), { ...OK, ...outcome })
}

test('every label of every metric has a value', () => {
  const made = labels(CALL)
  expect(OTEL_LABELS.filter((label) => made[label] === undefined)).toEqual([])
  expect(new Set(OTEL_HTTP_LABELS).size + new Set(OTEL_RPC_LABELS).size).toBe(OTEL_HTTP_LABELS.length + OTEL_RPC_LABELS.length)
})

test("at the client's proxy the service is the caller and the peer what it called", () => {
  expect(labels(CALL)).toMatchObject({
    'mesh.reporter': 'source',
    'service.name': 'productpage',
    'service.namespace': 'web',
    'service.version': 'v1',
    'service.peer.name': 'reviews',
    'service.peer.namespace': 'books',
    'mesh.source.workload': 'productpage-v1',
    'mesh.destination.workload': 'reviews-v2',
    'server.address': 'reviews.books.svc.cluster.local',
    'server.port': '9080',
  })
})

test("at the server's proxy the service is the called one and the peer its caller", () => {
  expect(labels({ ...CALL, reporter: 'destination' })).toMatchObject({ 'service.name': 'reviews', 'service.version': 'v2', 'service.peer.name': 'productpage' })
})

describe('error.type', () => {
  test.for([
    { name: 'nothing for a success', reporter: 'source', outcome: {}, type: '' },
    { name: 'nothing for a 404 at the server', reporter: 'destination', outcome: { responseCode: 404 }, type: '' },
    { name: 'the code for a 404 at the client', reporter: 'source', outcome: { responseCode: 404 }, type: '404' },
    { name: 'the code for a 503', reporter: 'destination', outcome: { responseCode: 503, flagsMask: 2 }, type: '503' },
    {
      name: 'the flag when there was no response',
      reporter: 'source',
      outcome: { responseCode: 0, flagsMask: 1 << 14 },
      type: 'downstream_connection_termination',
    },
    { name: '_OTHER when there was neither', reporter: 'source', outcome: { responseCode: 0 }, type: '_OTHER' },
    { name: 'the status of a gRPC call at the client', reporter: 'source', outcome: { protocol: 'grpc', grpcStatus: 5 }, type: 'NOT_FOUND' },
    { name: 'nothing for a NOT_FOUND at the server', reporter: 'destination', outcome: { protocol: 'grpc', grpcStatus: 5 }, type: '' },
    { name: 'UNAVAILABLE at the server', reporter: 'destination', outcome: { protocol: 'grpc', grpcStatus: 14 }, type: 'UNAVAILABLE' },
    { name: 'the flag of a TCP connection', reporter: 'source', outcome: { protocol: 'tcp', flagsMask: 1 << 5 }, type: 'upstream_connection_failure' },
    { name: 'nothing for a TCP connection without flags', reporter: 'source', outcome: { protocol: 'tcp' }, type: '' },
  ] as const)('is $name', ({ reporter, outcome, type }) => {
    expect(labels({ ...CALL, reporter }, outcome)['error.type']).toBe(type)
  })

  test('has a name for every flag', () => {
    expect(Array.from({ length: 28 }, (_, bit) => firstResponseFlagName(1 << bit)).filter((name) => name === '')).toEqual([])
    expect(firstResponseFlagName(0)).toBe('')
  })
})

test('methods, versions and statuses outside the conventions stay few', () => {
  expect(labels(CALL, { method: 0 })['http.request.method']).toBe('_OTHER')
  expect(labels(CALL, { method: 77 })['http.request.method']).toBe('_OTHER')
  expect(labels(CALL, { protocolVersion: 3 })['network.protocol.version']).toBe('2')
  expect(labels(CALL, { protocolVersion: 9 })['network.protocol.version']).toBe('')
  expect(labels(CALL, { protocol: 'grpc', grpcStatus: 99 })['rpc.response.status_code']).toBe('99')
  expect(labels(CALL, { responseCode: 0, serverPort: 0 })).toMatchObject({ 'http.response.status_code': '', 'server.port': '' })
})

describe('the metrics', () => {
  test('server and client durations are apart, in seconds, and gRPC has its own', async () => {
    const edges = new FakeEdges()
    const client = edges.add(CALL)
    const server = edges.add({ ...CALL, reporter: 'destination' })
    const harness = new Harness({ semantic: 'otel' })
    const rows = [
      { edge: client, code: 200, duration: 30e6, requestBodyBytes: 100, responseBodyBytes: 5000, scheme: 'https' },
      { edge: client, code: 200, duration: 30e6, scheme: 'https' },
      { edge: server, code: 500, duration: 2.5e9, method: 3 },
      { edge: server, code: 200, duration: 4e6, isGrpc: true, grpcStatus: 0, requestMessages: 1 },
      { edge: client, code: 200, duration: 6e6, isGrpc: true, grpcStatus: 14 },
    ]
    harness.ingest.consume(fakeLogs(edges, rows))
    const samples = (await harness.samples()).map(({ name, value, sum, labels: own }) => [name, value, sum, own['mesh.reporter']])
    expect(samples).toEqual([
      ['http.server.request.duration', 1, 2.5, 'destination'],
      ['http.server.request.body.size', 1, 0, 'destination'],
      ['http.server.response.body.size', 1, 0, 'destination'],
      ['http.client.request.duration', 2, 0.06, 'source'],
      ['http.client.request.body.size', 2, 100, 'source'],
      ['http.client.response.body.size', 2, 5000, 'source'],
      ['rpc.server.call.duration', 1, 0.004, 'destination'],
      ['rpc.client.call.duration', 1, 0.006, 'source'],
    ])
    expect(harness.ledger({ outcome: 'counted' })).toBe(5)
  })

  test('have only the attributes that are known', async () => {
    const edges = new FakeEdges()
    const harness = new Harness({ semantic: 'otel' })
    harness.ingest.consume(fakeLogs(edges, [{ edge: edges.add(CALL), code: 200, duration: 1e6 }]))
    const [sample] = await harness.samples()
    expect(Object.keys(sample?.labels ?? {})).toEqual(OTEL_HTTP_LABELS.filter((label) => label !== 'error.type' && label !== 'url.scheme'))
  })

  test('method, version, scheme, port and code tell series apart', async () => {
    const edges = new FakeEdges()
    const edge = edges.add(CALL)
    const harness = new Harness({ semantic: 'otel' })
    const row = { edge, code: 200, duration: 1e6, scheme: 'http' }
    const rows = [row, row, { ...row, method: 3 }, { ...row, protocolVersion: 3 }, { ...row, scheme: 'https' }, { ...row, localPort: 1 }, { ...row, code: 201 }]
    harness.ingest.consume(fakeLogs(edges, rows))
    const durations = (await harness.samples()).filter(({ name }) => name === 'http.client.request.duration')
    expect(durations.map(({ value }) => value)).toEqual([2, 1, 1, 1, 1, 1])
  })
})
