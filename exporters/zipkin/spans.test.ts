import { expect, test } from 'vitest'
import { AttributeSet } from '../../model/attributes.ts'
import { newSpan, type Span } from '../../model/traces.ts'
import { type ZipkinSpan, zipkinSpans } from './spans.ts'

const IDS = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' }

function mapped(span: Span, resource: Record<string, string> = { 'service.name': 'cart' }): ZipkinSpan | undefined {
  return zipkinSpans({ groups: [{ resource: { attributes: AttributeSet.of(resource) }, scope: { name: 'envoy', version: '1' }, spans: [span] }] }, 'unknown')[0]
}

test('a span with everything becomes a span of Zipkin', () => {
  const span = newSpan({
    ...IDS,
    parentSpanId: '00f067aa0ba902b7',
    name: 'GET',
    kind: 'client',
    traceState: 'a=b',
    startTimeNs: 1_700_000_000_123_456_789n,
    endTimeNs: 1_700_000_000_125_456_789n,
    status: 'error',
    statusMessage: 'away',
    droppedEventsCount: 2,
    attributes: AttributeSet.of({ 'server.address': '10.0.0.7', 'server.port': 8080n, 'http.response.status_code': 503n, codes: [1n, true] }),
    events: [
      { timeNs: 1_700_000_000_124_000_000n, name: 'sent', attributes: AttributeSet.empty, droppedAttributesCount: 0 },
      { timeNs: 1_700_000_000_125_000_000n, name: 'retry', attributes: AttributeSet.of({ n: 1n }), droppedAttributesCount: 0 },
    ],
    links: [{ ...IDS, traceState: '', flags: 0, attributes: AttributeSet.empty, droppedAttributesCount: 0 }],
  })
  expect(mapped(span, { 'service.name': 'cart', 'k8s.pod.name': 'cart-1' })).toEqual({
    traceId: IDS.traceId,
    id: IDS.spanId,
    parentId: '00f067aa0ba902b7',
    name: 'GET',
    kind: 'CLIENT',
    timestamp: 1_700_000_000_123_456,
    duration: 2000,
    localEndpoint: { serviceName: 'cart' },
    remoteEndpoint: { ipv4: '10.0.0.7', port: 8080 },
    annotations: [
      { timestamp: 1_700_000_000_124_000, value: 'sent' },
      { timestamp: 1_700_000_000_125_000, value: '"retry": {"n":1}' },
    ],
    tags: {
      'k8s.pod.name': 'cart-1',
      'otel.scope.name': 'envoy',
      'otel.scope.version': '1',
      'server.address': '10.0.0.7',
      'server.port': '8080',
      'http.response.status_code': '503',
      codes: '[1,true]',
      'otlp.link.0': `${IDS.traceId}|${IDS.spanId}||{}|0`,
      'w3c.tracestate': 'a=b',
      'otel.dropped_events_count': '2',
      'otel.status_code': 'ERROR',
      error: 'away',
    },
  })
})

test('what a span does not say is left out, and a service without a name gets the default one', () => {
  const span = mapped(newSpan({ ...IDS, name: 'x', kind: 'internal', startTimeNs: 5000n, endTimeNs: 5001n }), {})
  expect(span).toEqual({
    traceId: IDS.traceId,
    id: IDS.spanId,
    name: 'x',
    timestamp: 5,
    duration: 1,
    localEndpoint: { serviceName: 'unknown' },
    tags: { 'otel.scope.name': 'envoy', 'otel.scope.version': '1' },
  })
})

test.each([
  [{ 'peer.service': 'db', 'server.address': 'x' }, { serviceName: 'db' }],
  [
    { 'server.address': 'pay.shop', 'server.port': 443n },
    { serviceName: 'pay.shop', port: 443 },
  ],
  [{ 'network.peer.address': 'fd00::1', 'network.peer.port': 99_999n }, { ipv6: 'fd00::1' }],
  [{ 'http.route': '/' }, undefined],
])('the remote end of %o is %o', (attributes, expected) => {
  const part = { ...IDS, attributes: AttributeSet.of(attributes) }
  expect(mapped(newSpan({ ...part, kind: 'client' }))?.remoteEndpoint).toEqual(expected)
  expect(mapped(newSpan({ ...part, kind: 'server' }))?.remoteEndpoint).toBeUndefined()
})

test('a span that ends before it starts has no duration', () => {
  expect(mapped(newSpan({ ...IDS, startTimeNs: 9000n, endTimeNs: 1000n }))?.duration).toBeUndefined()
})
