import { describe, expect, test } from 'vitest'
import { AttributeSet } from '../../model/attributes.ts'
import { type LogRecordPart, newLogRecord } from '../../model/log_records.ts'
import { newSpan, type SpanPart } from '../../model/traces.ts'
import { type BulkDocument, type DocumentOptions, logDocuments, spanDocuments, timestamp } from './documents.ts'

const IDS = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' }
const OTEL: DocumentOptions = { mode: 'otel', index: undefined }
const ECS: DocumentOptions = { mode: 'ecs', index: 'mine' }
const TIME = 1_700_000_000_123_456_789n
const HEAD = { resource: { attributes: AttributeSet.of({ 'service.name': 'cart', 'k8s.pod.name': 'cart-1' }) }, scope: { name: 'envoy', version: '' } }

function log(part: LogRecordPart, options: DocumentOptions): BulkDocument | undefined {
  return logDocuments({ groups: [{ ...HEAD, records: [newLogRecord(part)] }] }, options, TIME)[0]
}

function span(part: SpanPart, options: DocumentOptions): BulkDocument | undefined {
  return spanDocuments({ groups: [{ ...HEAD, spans: [newSpan({ ...IDS, ...part })] }] }, options)[0]
}

const RECORD: LogRecordPart = {
  ...IDS,
  timeNs: TIME,
  severityNumber: 17,
  severityText: 'ERROR',
  body: 'away',
  eventName: 'request',
  attributes: AttributeSet.of({ 'http.response.status_code': 503n, 'exception.type': 'X' }),
}

describe('a log record', () => {
  test('is nested and named as in OpenTelemetry', () => {
    expect(log(RECORD, OTEL)).toEqual({
      index: 'logs-generic.otel-default',
      hasTime: true,
      source: {
        '@timestamp': '2023-11-14T22:13:20.123456789Z',
        severity_number: 17,
        severity_text: 'ERROR',
        body: { text: 'away' },
        trace_id: IDS.traceId,
        span_id: IDS.spanId,
        event_name: 'request',
        attributes: { 'http.response.status_code': 503, 'exception.type': 'X' },
        resource: { attributes: { 'service.name': 'cart', 'k8s.pod.name': 'cart-1' } },
        scope: { name: 'envoy' },
        data_stream: { type: 'logs', dataset: 'generic.otel', namespace: 'default' },
      },
    })
  })

  test('is flat and named as in the Elastic Common Schema', () => {
    expect(log(RECORD, ECS)).toEqual({
      index: 'mine',
      hasTime: true,
      source: {
        '@timestamp': '2023-11-14T22:13:20.123456789Z',
        'service.name': 'cart',
        'kubernetes.pod.name': 'cart-1',
        'http.response.status_code': 503,
        'error.type': 'X',
        message: 'away',
        'log.level': 'ERROR',
        'event.severity': 17,
        'trace.id': IDS.traceId,
        'span.id': IDS.spanId,
        'event.action': 'request',
      },
    })
  })

  test('without a time has that of its observation, else of its sending', () => {
    expect(log({ observedNs: 5n }, OTEL)).toMatchObject({ hasTime: true, source: { '@timestamp': timestamp(5n), observed_timestamp: timestamp(5n) } })
    expect(log({}, OTEL)).toMatchObject({ hasTime: false, source: { '@timestamp': timestamp(TIME) } })
  })

  test('with a body of fields keeps them', () => {
    expect(log({ body: AttributeSet.of({ a: 1n }) }, OTEL)?.source['body']).toEqual({ structured: { a: 1 } })
    expect(log({ body: AttributeSet.of({ a: 1n }) }, ECS)?.source['message']).toBe('{"a":1}')
  })

  test('may name its data stream, as far as names may be', () => {
    const attributes = AttributeSet.of({ 'data_stream.dataset': 'Mesh-Access/Log', 'data_stream.namespace': 'team-a' })
    expect(log({ attributes }, OTEL)?.index).toBe('logs-mesh_access_log.otel-team-a')
    expect(log({ attributes }, { mode: 'ecs', index: undefined })?.index).toBe('logs-mesh_access_log-team-a')
  })
})

describe('a span', () => {
  const part: SpanPart = {
    name: 'GET',
    kind: 'client',
    parentSpanId: '00f067aa0ba902b7',
    startTimeNs: TIME,
    endTimeNs: TIME + 1500n,
    status: 'error',
    statusMessage: 'away',
  }

  test('is nested and named as in OpenTelemetry', () => {
    const events = [{ timeNs: TIME, name: 'sent', attributes: AttributeSet.of({ n: 1n }), droppedAttributesCount: 0 }]
    const links = [{ ...IDS, traceState: '', flags: 0, attributes: AttributeSet.empty, droppedAttributesCount: 2 }]
    expect(span({ ...part, events, links }, OTEL)).toMatchObject({
      index: 'traces-generic.otel-default',
      source: {
        '@timestamp': '2023-11-14T22:13:20.123456789Z',
        trace_id: IDS.traceId,
        span_id: IDS.spanId,
        parent_span_id: '00f067aa0ba902b7',
        name: 'GET',
        kind: 'Client',
        duration: 1500,
        status: { code: 'Error', message: 'away' },
        events: [{ name: 'sent', attributes: { n: 1 } }],
        links: [{ trace_id: IDS.traceId, dropped_attributes_count: 2 }],
        resource: { attributes: { 'service.name': 'cart' } },
      },
    })
  })

  test('is flat and named as in the Elastic Common Schema', () => {
    expect(span(part, ECS)?.source).toMatchObject({
      'trace.id': IDS.traceId,
      'parent.id': '00f067aa0ba902b7',
      'span.name': 'GET',
      'event.duration': 1500,
      'event.outcome': 'failure',
      'error.message': 'away',
      'service.name': 'cart',
    })
  })
})
