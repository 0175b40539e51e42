/** Encoded OTLP requests of logs as a mesh makes them, for senders and codecs to be measured with. */
import { AttributeSet } from '../model/attributes.ts'
import { newLogRecord } from '../model/log_records.ts'
import { encodeLogs } from '../model/otlp/encode.ts'

const START_MS = Date.UTC(2026, 0, 1)

/** `requests` different requests of `records` records each, with 16 attributes and about 535 bytes a record. */
export function logRequests(requests: number, records: number): readonly Uint8Array<ArrayBuffer>[] {
  const resource = { attributes: AttributeSet.of({ 'service.name': 'reviews', 'k8s.pod.name': 'reviews-v1-7f4c', 'k8s.namespace.name': 'bookinfo' }) }
  const scope = { name: 'bench', version: '1' }
  return Array.from({ length: requests }, (_, request) =>
    encodeLogs({ groups: [{ resource, scope, records: Array.from({ length: records }, (_unused, i) => record(request * records + i)) }] }),
  )
}

function record(i: number): ReturnType<typeof newLogRecord> {
  return newLogRecord({
    timeNs: BigInt(START_MS + i) * 1_000_000n,
    observedNs: BigInt(START_MS + i + 3) * 1_000_000n,
    severityNumber: 9,
    severityText: 'INFO',
    body: `GET /api/v1/products/${i % 500} 200`,
    attributes: AttributeSet.of({
      'http.request.method': i % 3 === 0 ? 'POST' : 'GET',
      'http.response.status_code': BigInt(200 + (i % 7)),
      'url.path': `/api/v1/products/${i % 500}`,
      'url.scheme': 'http',
      'network.protocol.version': '1.1',
      'server.address': 'reviews.bookinfo.svc',
      'server.port': 9080n,
      'client.address': `10.244.1.${i % 200}`,
      'client.port': BigInt(40_000 + (i % 9000)),
      'user_agent.original': 'curl/8.5.0',
      'k8s.pod.name': 'reviews-v1-7f4c',
      'k8s.node.name': 'node-1',
      'tls.established': i % 2 === 0,
      'envoy.response_flags': '-',
      'envoy.upstream_cluster': 'outbound|9080||reviews',
      'envoy.duration_ms': BigInt(i % 977),
    }),
    traceId: i.toString(16).padStart(32, '5'),
    spanId: i.toString(16).padStart(16, '7'),
  })
}
