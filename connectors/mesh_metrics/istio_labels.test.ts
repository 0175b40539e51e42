import { describe, expect, test } from 'vitest'
import type { Edge } from '../../model/edges.ts'
import { HTTP_LABELS, istioLabels, MESSAGE_LABELS, type Outcome, TCP_LABELS } from './istio_labels.ts'
import { type FakeEdge, FakeEdges } from './testing.ts'

const OK: Outcome = { protocol: 'http', responseCode: 200, grpcStatus: -1, flags: '-' }
const NODE = { evidence: 'node', workload: 'w', namespace: 'ns' } as const

function edgeOf(given: FakeEdge): Edge {
  const edges = new FakeEdges()
  return edges.get(edges.add(given))
}

function labels(given: FakeEdge, outcome: Partial<Outcome> = {}): Readonly<Record<string, string>> {
  return istioLabels(edgeOf(given), { ...OK, ...outcome })
}

test('requests have 25 labels, TCP 23 and messages 21', () => {
  expect([HTTP_LABELS.length, TCP_LABELS.length, MESSAGE_LABELS.length]).toEqual([25, 23, 21])
  expect(Object.keys(labels({})).sort()).toEqual([...HTTP_LABELS].sort())
})

describe('placeholders', () => {
  test("an Istio proxy's own gaps stay empty, except its principal", () => {
    expect(labels({ source: NODE })).toMatchObject({
      source_workload: 'w',
      source_canonical_service: '',
      source_canonical_revision: '',
      source_app: '',
      source_cluster: '',
      source_principal: 'unknown',
    })
    expect(labels({ reporter: 'destination', destination: NODE })).toMatchObject({ destination_canonical_revision: '', destination_cluster: '' })
  })

  test.for([
    { name: 'a plain Envoy', edge: { role: 'proxy', source: NODE }, workload: 'w' },
    { name: 'an Envoy that never said who it is', edge: { role: 'unknown', source: {} }, workload: 'unknown' },
  ] as const)('$name has no Istio metadata: its gaps are unknown', ({ edge, workload }) => {
    expect(labels(edge)).toMatchObject({ source_workload: workload, source_cluster: 'unknown', source_canonical_revision: 'latest' })
  })

  test("a peer's gaps are unknown, its revision latest", () => {
    const peer = { evidence: 'peer_struct', workload: 'ratings-v1' } as const
    expect(labels({ destination: peer })).toMatchObject({
      destination_workload: 'ratings-v1',
      destination_workload_namespace: 'unknown',
      destination_canonical_revision: 'latest',
      destination_principal: 'unknown',
    })
    expect(labels({ reporter: 'destination', source: peer })).toMatchObject({ source_workload: 'ratings-v1', source_canonical_revision: 'latest' })
  })

  test('a waypoint shows its target as a peer whose missing revision is unknown', () => {
    expect(labels({ role: 'waypoint', reporter: 'waypoint', destination: NODE })).toMatchObject({
      reporter: 'waypoint',
      destination_canonical_revision: 'unknown',
      source_canonical_revision: 'latest',
    })
  })
})

describe('the called service', () => {
  const service = { host: 'a.b.svc.cluster.local', name: 'a', namespace: 'b', evidence: 'cluster' } as const

  test.for([
    { name: 'its host, name and namespace', edge: { service }, expected: ['a.b.svc.cluster.local', 'a', 'b'] },
    {
      name: "the peer's namespace when it has none",
      edge: { service: { ...service, namespace: '' }, destination: { namespace: 'p' } },
      expected: ['a.b.svc.cluster.local', 'a', 'p'],
    },
    { name: 'unknown when there is nothing', edge: {}, expected: ['unknown', 'unknown', 'unknown'] },
    { name: "the server's own canonical name", edge: { reporter: 'destination', destination: { ...NODE, service: 'c' } }, expected: ['c', 'c', 'ns'] },
    {
      name: "the server's own namespace, always",
      edge: { reporter: 'destination', destination: NODE, service },
      expected: ['a.b.svc.cluster.local', 'a', 'ns'],
    },
    {
      name: 'no peer namespace at a waypoint',
      edge: { reporter: 'waypoint', destination: NODE, service: { ...service, namespace: '' } },
      expected: ['a.b.svc.cluster.local', 'a', 'unknown'],
    },
  ] as const)('is $name', ({ edge, expected }) => {
    const { destination_service, destination_service_name, destination_service_namespace } = labels(edge)
    expect([destination_service, destination_service_name, destination_service_namespace]).toEqual(expected)
  })
})

describe('the outcome', () => {
  test.for([
    { outcome: { responseCode: 0 }, code: '0', status: '' },
    { outcome: { protocol: 'grpc', grpcStatus: 0 }, code: '200', status: '0' },
    { outcome: { protocol: 'grpc', grpcStatus: -1 }, code: '200', status: '' },
    { outcome: { protocol: 'http', grpcStatus: 5 }, code: '200', status: '' },
  ] as const)('code $code, status "$status"', ({ outcome, code, status }) => {
    expect(labels({}, outcome)).toMatchObject({
      response_code: code,
      grpc_response_status: status,
      request_protocol: 'protocol' in outcome ? outcome.protocol : 'http',
    })
  })

  test.for([
    { reporter: 'source', mutualTls: true, policy: 'unknown' },
    { reporter: 'unknown', mutualTls: true, policy: 'unknown' },
    { reporter: 'destination', mutualTls: true, policy: 'mutual_tls' },
    { reporter: 'destination', mutualTls: false, policy: 'none' },
    { reporter: 'waypoint', mutualTls: true, policy: 'mutual_tls' },
  ] as const)('reporter $reporter with mutual TLS $mutualTls says $policy', ({ policy, ...edge }) => {
    expect(labels(edge).connection_security_policy).toBe(policy)
  })
})
