import { expect, test } from 'vitest'
import { readEntry } from '../../model/access_log_entry.ts'
import { type AccessLogs, EntryClass } from '../../model/access_logs.ts'
import { AttributeSet } from '../../model/attributes.ts'
import type { Edge } from '../../model/edges.ts'
import { type LogRecords, newLogRecord } from '../../model/log_records.ts'
import type { Logs } from '../../model/logs.ts'
import { OTEL_LABELS, type OtelLabel, REQUIRED_LABELS } from './otel_labels.ts'
import { edgeOf, meshForTest } from './testing.ts'

const OUTBOUND: Partial<Record<OtelLabel, string>> = {
  access_log_type: 'DownstreamEnd',
  authority: 'reviews:9080',
  bytes_received: '12',
  bytes_sent: '379',
  downstream_direct_remote_address: '10.244.1.11:52298',
  downstream_local_address: '10.96.71.143:9080',
  downstream_remote_address: '10.244.1.11:52298',
  downstream_wire_bytes_received: '612',
  downstream_wire_bytes_sent: '1234',
  duration: '12',
  method: 'GET',
  path: '/reviews/0?x=1',
  protocol: 'HTTP/1.1',
  request_id: '6a3d9a9c-0000-4000-8000-000000000001',
  response_code: '503',
  response_code_details: 'upstream_reset_before_response_started',
  response_flags: 'UF,URX',
  route_name: 'default',
  scheme: 'http',
  upstream_cluster: 'outbound|9080||reviews.bookinfo.svc.cluster.local',
  upstream_host: '10.244.1.12:9080',
  upstream_local_address: '-',
  upstream_peer: 'type=deployment,workload=reviews-v2,name=reviews-v2-0,namespace=bookinfo,service=reviews,revision=v2,cluster=Kubernetes',
  upstream_request_attempt_count: '3',
  upstream_transport_failure_reason: 'delayed connect error: Connection refused',
  user_agent: 'curl/8',
  x_forwarded_for: '-',
}

const NODE = 'sidecar~10.244.1.11~productpage-v1-6b746f74dc-bcdfg.bookinfo~bookinfo.svc.cluster.local'

function recordsOf(
  labels: readonly Partial<Record<OtelLabel, string>>[],
  resource: Record<string, string> = { node_name: NODE, log_name: 'otel' },
): LogRecords {
  const records = labels.map((own) =>
    newLogRecord({
      timeNs: 1_767_225_600_123_456_789n,
      observedNs: 0n,
      severityNumber: 0,
      severityText: '',
      body: 'text',
      attributes: AttributeSet.of(own as Record<string, string>),
      droppedAttributesCount: 0,
      flags: 0,
      traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
      spanId: '00f067aa0ba902b7',
      eventName: '',
    }),
  )
  const group = { resource: { attributes: AttributeSet.of(resource) }, scope: { name: '', version: '' }, records }
  return { groups: [group], client: { address: '10.244.1.11:40000' } }
}

interface Seen {
  readonly edges: Edge[]
  readonly classes: number[]
  readonly entries: unknown[]
  readonly origins: AccessLogs['origin'][]
  readonly texts: string[][]
  readonly others: LogRecords[]
}

/** What the processor hands on, read while it may be. */
async function analysed(logs: LogRecords): Promise<Seen & { readonly counted: number }> {
  const seen: Seen = { edges: [], classes: [], entries: [], origins: [], texts: [], others: [] }
  const consume = (batch: Logs): void => {
    if ('groups' in batch) {
      seen.others.push(batch)
      return
    }
    seen.origins.push(batch.origin)
    for (let i = 0; i < batch.length; i++) {
      seen.edges.push(edgeOf(batch, i))
      seen.classes.push(batch.entryClass[i] as number)
      seen.entries.push(readEntry(batch, i))
      seen.texts.push([
        batch.textAt(batch.pathAt[i] as number, batch.pathLength[i] as number),
        batch.textAt(batch.requestIdAt[i] as number, batch.requestIdLength[i] as number),
        batch.textAt(batch.traceAt[i] as number, batch.traceLength[i] as number),
        batch.textAt(batch.spanAt[i] as number, batch.spanLength[i] as number),
      ])
    }
  }
  const { mesh, settings } = meshForTest({}, undefined, { consume })
  await mesh.consume(logs)
  return { ...seen, counted: settings.telemetry.value('meshscope_mesh_otel_records') }
}

test('reads labelled records as access logs: who called whom, and the entry as ALS would have sent it', async () => {
  const { edges, classes, entries, texts, others, counted, origins } = await analysed(recordsOf([OUTBOUND]))
  expect([others.length, counted, classes]).toEqual([0, 1, [EntryClass.final]])
  expect(edges[0]).toMatchObject({
    role: 'sidecar',
    reporter: 'source',
    direction: 'outbound',
    source: { workload: 'productpage-v1', namespace: 'bookinfo' },
    destination: { workload: 'reviews-v2', namespace: 'bookinfo', service: 'reviews', revision: 'v2', evidence: 'peer_struct' },
    service: { host: 'reviews.bookinfo.svc.cluster.local' },
  })
  expect(origins[0]).toMatchObject({ nodeId: NODE, logName: 'otel', peer: '10.244.1.11:40000' })
  expect(texts).toEqual([['/reviews/0?x=1', '6a3d9a9c-0000-4000-8000-000000000001', '4bf92f3577b34da6a3ce929d0e0e4736', '00f067aa0ba902b7']])
  expect(JSON.parse(JSON.stringify(entries[0]))).toEqual({
    commonProperties: {
      downstreamRemoteAddress: { socketAddress: { address: '10.244.1.11', portValue: 52_298 } },
      downstreamLocalAddress: { socketAddress: { address: '10.96.71.143', portValue: 9080 } },
      upstreamRemoteAddress: { socketAddress: { address: '10.244.1.12', portValue: 9080 } },
      downstreamDirectRemoteAddress: { socketAddress: { address: '10.244.1.11', portValue: 52_298 } },
      startTime: '2026-01-01T00:00:00.123456789Z',
      upstreamCluster: 'outbound|9080||reviews.bookinfo.svc.cluster.local',
      responseFlags: { upstreamConnectionFailure: true, upstreamRetryLimitExceeded: true },
      upstreamTransportFailureReason: 'delayed connect error: Connection refused',
      routeName: 'default',
      duration: '0.012s',
      upstreamRequestAttemptCount: 3,
      downstreamWireBytesSent: 1234,
      downstreamWireBytesReceived: 612,
      accessLogType: 'DownstreamEnd',
    },
    protocolVersion: 'HTTP11',
    request: {
      requestMethod: 'GET',
      scheme: 'http',
      authority: 'reviews:9080',
      path: '/reviews/0?x=1',
      userAgent: 'curl/8',
      requestId: '6a3d9a9c-0000-4000-8000-000000000001',
      requestBodyBytes: 12,
    },
    response: { responseCode: 503, responseBodyBytes: 379, responseCodeDetails: 'upstream_reset_before_response_started' },
  })
})

test('reads TCP connections, mutual TLS and principals', async () => {
  const { edges, entries } = await analysed(
    recordsOf([
      {
        access_log_type: 'TcpConnectionEnd',
        bytes_received: '1320',
        bytes_sent: '9150',
        downstream_local_address: '10.244.1.11:27017',
        downstream_local_uri_san: 'spiffe://cluster.local/ns/bookinfo/sa/productpage',
        downstream_peer_uri_san: 'spiffe://cluster.local/ns/bookinfo/sa/ratings',
        downstream_remote_address: '[fd00::2]:50123',
        downstream_tls_version: 'TLSv1.3',
        response_flags: '-',
        upstream_cluster: 'inbound|27017||',
      },
    ]),
  )
  expect(edges[0]).toMatchObject({
    reporter: 'destination',
    direction: 'inbound',
    mutualTls: true,
    source: { principal: 'spiffe://cluster.local/ns/bookinfo/sa/ratings' },
  })
  expect(entries[0]).toMatchObject({
    commonProperties: { tlsProperties: { tlsVersion: 'TLSv1_3' }, downstreamRemoteAddress: { socketAddress: { address: 'fd00::2', portValue: 50_123 } } },
    connectionProperties: { receivedBytes: 1320, sentBytes: 9150 },
  })
})

test('takes the proxy from attributes of Kubernetes where Envoy does not tell its node', async () => {
  const { origins } = await analysed(
    recordsOf([OUTBOUND], { 'k8s.pod.name': 'gw-0', 'k8s.namespace.name': 'edge', 'k8s.pod.ip': '10.0.0.7', proxy_type: 'router' }),
  )
  expect(origins[0]?.nodeId).toBe('router~10.0.0.7~gw-0.edge~edge.svc.cluster.local')
})

test.for(REQUIRED_LABELS)('hands records without %s on as they came', async (label) => {
  const { [label]: _, ...rest } = OUTBOUND
  const logs = recordsOf([rest])
  const { others, entries } = await analysed(logs)
  expect(entries).toEqual([])
  expect(others[0]?.groups[0]).toBe(logs.groups[0])
})

test('tells access logs from other records of the same group', async () => {
  const { others, entries } = await analysed(recordsOf([{}, OUTBOUND, {}]))
  expect(entries.length).toBe(1)
  expect(others.map(({ groups }) => groups.map(({ records }) => records.length))).toEqual([[2]])
})

test('makes several batches of many records', async () => {
  const { origins, entries } = await analysed(recordsOf(Array.from({ length: 600 }, () => OUTBOUND)))
  expect([origins.length, entries.length]).toEqual([3, 600])
})

test('survives labels that are anything', async () => {
  const labels = Object.fromEntries((Object.keys(OTEL_LABELS) as OtelLabel[]).map((label) => [label, '\u0000:"[]99999999999999999999,=;{']))
  const { entries } = await analysed(recordsOf([labels, Object.fromEntries(Object.keys(OTEL_LABELS).map((label) => [label, '']))]))
  expect(entries.length).toBe(2)
})

test('the README lists every label', async () => {
  const { readFile } = await import('node:fs/promises')
  const readme = await readFile(new URL('README.md', import.meta.url), 'utf8')
  for (const [label, format] of Object.entries(OTEL_LABELS)) expect(readme).toContain(`${label}: "${format}"`)
})
