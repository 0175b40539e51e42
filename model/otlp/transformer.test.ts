import {
  JsonLogsSerializer,
  JsonMetricsSerializer,
  JsonTraceSerializer,
  ProtobufLogsSerializer,
  ProtobufMetricsSerializer,
  ProtobufTraceSerializer,
} from '@opentelemetry/otlp-transformer'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { expect, test } from 'vitest'
import { familyPoints, metricFamily } from '../../test/fakes/metrics.ts'
import { AttributeSet, type Resource } from '../attributes.ts'
import { type LogRecords, newLogRecord } from '../log_records.ts'
import { newSpan, type Traces } from '../traces.ts'
import { dataPoints } from './convert.ts'
import { decodeLogs, decodeMetrics, decodeTraces } from './decode.ts'
import { encodeLogs, encodeMetrics, encodeTraces } from './encode.ts'
import { parseLogsJson, parseMetricsJson, parseTracesJson } from './json.ts'

/** The same telemetry once as ours and once as OpenTelemetry's SDK has it: what comes of both must read the same. */
const MS = Date.UTC(2026, 0, 1)
const hrTime = (ns: number): [number, number] => [MS / 1000, ns]
const nanoseconds = (ns: number): bigint => BigInt(MS) * 1_000_000n + BigInt(ns)
const TRACE = '0af7651916cd43dd8448eb211c80319c'
const SPAN = 'b7ad6b7169203331'
const PARENT = '00f067aa0ba902b7'

const sdkScope = { name: 'lib', version: '1.2.3' }
const scope = sdkScope
const sdkResource = resourceFromAttributes({ 'service.name': 'reviews', replicas: 3, ratio: 0.5, ready: true, zones: ['a', 'b'] })
const resource: Resource = { attributes: AttributeSet.of({ 'service.name': 'reviews', replicas: 3n, ratio: 0.5, ready: true, zones: ['a', 'b'] }) }
const sdkAttributes = { method: 'GET', code: -200, big: Number.MAX_SAFE_INTEGER, share: 0.25, ok: false, tags: ['x', 'ü'] }
const attributes = AttributeSet.of({ method: 'GET', code: -200n, big: BigInt(Number.MAX_SAFE_INTEGER), share: 0.25, ok: false, tags: ['x', 'ü'] })

function bytesOf(bytes: Uint8Array | undefined): Uint8Array {
  if (bytes === undefined) throw new Error('the transformer wrote nothing')
  return bytes
}

function textOf(bytes: Uint8Array | undefined): string {
  return new TextDecoder().decode(bytesOf(bytes))
}

test('logs of the official transformer read as ours', () => {
  const sdk = [
    {
      hrTime: hrTime(7),
      hrTimeObserved: hrTime(999_999_999),
      severityNumber: 13,
      severityText: 'WARN',
      body: { text: 'it fell', depth: 3, list: [1, 'two'] },
      attributes: sdkAttributes,
      spanContext: { traceId: TRACE, spanId: SPAN, traceFlags: 1 },
      eventName: 'fall',
      resource: sdkResource,
      instrumentationScope: sdkScope,
      droppedAttributesCount: 2,
    },
  ] as unknown as Parameters<typeof ProtobufLogsSerializer.serializeRequest>[0]
  const logs: LogRecords = {
    groups: [
      {
        resource,
        scope,
        records: [
          newLogRecord({
            timeNs: nanoseconds(7),
            observedNs: nanoseconds(999_999_999),
            severityNumber: 13,
            severityText: 'WARN',
            body: AttributeSet.of({ text: 'it fell', depth: 3n, list: [1n, 'two'] }),
            attributes,
            droppedAttributesCount: 2,
            flags: 1,
            traceId: TRACE,
            spanId: SPAN,
            eventName: 'fall',
          }),
        ],
      },
    ],
  }
  expect(decodeLogs(bytesOf(ProtobufLogsSerializer.serializeRequest(sdk)))).toEqual(logs)
  expect(parseLogsJson(textOf(JsonLogsSerializer.serializeRequest(sdk)))).toEqual(logs)
  expect(decodeLogs(encodeLogs(logs))).toEqual(logs)
})

test('spans of the official transformer read as ours', () => {
  const sdk = [
    {
      name: 'GET /reviews',
      // The SDK counts from 0, OTLP from 1.
      kind: 1,
      spanContext: () => ({ traceId: TRACE, spanId: SPAN, traceFlags: 1 }),
      parentSpanContext: { traceId: TRACE, spanId: PARENT, traceFlags: 1, isRemote: true },
      startTime: hrTime(1),
      endTime: hrTime(2_000_000),
      duration: hrTime(0),
      ended: true,
      status: { code: 2, message: 'no' },
      attributes: sdkAttributes,
      links: [{ context: { traceId: TRACE, spanId: PARENT, traceFlags: 0 }, attributes: { why: 'retry' }, droppedAttributesCount: 1 }],
      events: [{ time: hrTime(5), name: 'sent', attributes: { bytes: 12 }, droppedAttributesCount: 0 }],
      resource: sdkResource,
      instrumentationScope: sdkScope,
      droppedAttributesCount: 1,
      droppedEventsCount: 2,
      droppedLinksCount: 3,
    },
  ] as unknown as Parameters<typeof ProtobufTraceSerializer.serializeRequest>[0]
  const span = newSpan({
    traceId: TRACE,
    spanId: SPAN,
    parentSpanId: PARENT,
    // Sampled; whether the parent is remote is known, and it is.
    flags: 0x301,
    name: 'GET /reviews',
    kind: 'server',
    startTimeNs: nanoseconds(1),
    endTimeNs: nanoseconds(2_000_000),
    attributes,
    droppedAttributesCount: 1,
    events: [{ timeNs: nanoseconds(5), name: 'sent', attributes: AttributeSet.of({ bytes: 12n }), droppedAttributesCount: 0 }],
    droppedEventsCount: 2,
    links: [{ traceId: TRACE, spanId: PARENT, traceState: '', flags: 0x100, attributes: AttributeSet.of({ why: 'retry' }), droppedAttributesCount: 1 }],
    droppedLinksCount: 3,
    status: 'error',
    statusMessage: 'no',
  })
  const traces: Traces = { groups: [{ resource, scope, spans: [span] }] }
  expect(decodeTraces(bytesOf(ProtobufTraceSerializer.serializeRequest(sdk)))).toEqual(traces)
  expect(parseTracesJson(textOf(JsonTraceSerializer.serializeRequest(sdk)))).toEqual(traces)
  expect(decodeTraces(encodeTraces(traces))).toEqual(traces)
})

test('metrics of the official transformer read as our series', () => {
  const times = { startTime: hrTime(0), endTime: [MS / 1000 + 15, 0] as [number, number], attributes: sdkAttributes }
  const descriptor = (name: string) => ({ name, description: `About ${name}.`, unit: '1', valueType: 1 })
  const [histogram, exponential, sum] = [0, 1, 3]
  const sdk = {
    resource: sdkResource,
    scopeMetrics: [
      {
        scope: sdkScope,
        metrics: [
          { descriptor: descriptor('requests'), aggregationTemporality: 1, dataPointType: sum, isMonotonic: true, dataPoints: [{ ...times, value: 7.5 }] },
          {
            descriptor: descriptor('duration'),
            aggregationTemporality: 0,
            dataPointType: histogram,
            dataPoints: [{ ...times, value: { buckets: { boundaries: [0.5, 1], counts: [1, 0, 2] }, count: 3, sum: 12.5 } }],
          },
          {
            descriptor: descriptor('size'),
            aggregationTemporality: 1,
            dataPointType: exponential,
            dataPoints: [
              {
                ...times,
                value: {
                  count: 6,
                  sum: 30,
                  min: 0.5,
                  max: 8,
                  scale: 3,
                  zeroCount: 1,
                  positive: { offset: -2, bucketCounts: [2, 0, 3] },
                  negative: { offset: 0, bucketCounts: [] },
                },
              },
            ],
          },
        ],
      },
    ],
  } as unknown as Parameters<typeof ProtobufMetricsSerializer.serializeRequest>[0]
  const point = { attributes, startMs: MS, updatedMs: MS + 15_000 }
  const families = [
    familyPoints(metricFamily('requests', { unit: '1' }), [{ ...point, values: [7.5] }]),
    familyPoints(metricFamily('duration', { unit: '1', type: 'histogram', temporality: 'delta', bounds: [0.5, 1] }), [{ ...point, values: [1, 0, 2, 12.5] }]),
    familyPoints(metricFamily('size', { unit: '1', type: 'exponential_histogram', bucketsMax: 4 }), [
      { ...point, values: [6, 30, 0.5, 8, 1, 3, -2, 2, 0, 3, 0] },
    ]),
  ]
  const series = { timeMs: MS + 15_000, families: families.map((family) => ({ ...family, resource, scope })) }
  const official = bytesOf(ProtobufMetricsSerializer.serializeRequest(sdk))
  expect(decodeMetrics(encodeMetrics(series))).toEqual(decodeMetrics(official))
  expect(dataPoints(series)).toEqual(decodeMetrics(official))
  expect(parseMetricsJson(textOf(JsonMetricsSerializer.serializeRequest(sdk)))).toEqual(decodeMetrics(official))
})
