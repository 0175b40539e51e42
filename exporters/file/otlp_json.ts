import { AttributeSet, type AttributeValue, type Scope } from '../../model/attributes.ts'
import { lastCell } from '../../model/exponential.ts'
import type { LogRecord, LogRecords } from '../../model/log_records.ts'
import { ExponentialPoint, type FamilyPoints, type MetricFamily, type SeriesMetrics, valuesPerPoint } from '../../model/metrics.ts'
import type { Span, Traces } from '../../model/traces.ts'
import { jsonLine } from './json_line.ts'

/** Most points in one line, so that no line becomes huge and the event loop gets its turn between lines. */
const LINE_POINTS_MAX = 1000

const TEMPORALITY = { delta: 1, cumulative: 2 } as const
const SPAN_KINDS = { unspecified: 0, internal: 1, server: 2, client: 3, producer: 4, consumer: 5 } as const
const SPAN_STATUS = { unset: 0, ok: 1, error: 2 } as const

/**
 * Metrics as lines of OTLP JSON (`{"resourceMetrics": …}`), which the Collector's `otlpjsonfile` receiver can read.
 * A line holds points of one family. See https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding.
 */
export function* metricsJson(metrics: SeriesMetrics): Generator<{ readonly line: string; readonly points: number }> {
  for (const family of metrics.families) {
    for (let from = 0; from < family.series.length; from += LINE_POINTS_MAX) {
      const end = Math.min(family.series.length, from + LINE_POINTS_MAX)
      yield { line: familyJson(family, metrics.timeMs, from, end), points: end - from }
    }
  }
}

function familyJson(points: FamilyPoints, timeMs: number, from: number, end: number): string {
  const { family } = points
  const dataPoints: unknown[] = []
  for (let i = from; i < end; i++) dataPoints.push(pointJson(points, timeMs, i))
  const metric = { name: family.name, description: family.description, unit: family.unit, ...dataJson(family, dataPoints) }
  const scopeMetrics = [{ scope: scopeJson(points.scope), metrics: [metric] }]
  return jsonLine({ resourceMetrics: [{ resource: { attributes: attributesJson(points.resource.attributes) }, scopeMetrics }] })
}

function dataJson({ type, temporality, isMonotonic }: MetricFamily, dataPoints: readonly unknown[]): Record<string, unknown> {
  const aggregationTemporality = TEMPORALITY[temporality]
  switch (type) {
    case 'gauge':
      return { gauge: { dataPoints } }
    case 'sum':
      return { sum: { dataPoints, aggregationTemporality, isMonotonic } }
    case 'summary':
      return { summary: { dataPoints } }
    case 'exponential_histogram':
      return { exponentialHistogram: { dataPoints, aggregationTemporality } }
    case 'histogram':
      return { histogram: { dataPoints, aggregationTemporality } }
    default:
      return type satisfies never
  }
}

function pointJson(points: FamilyPoints, timeMs: number, i: number): Record<string, unknown> {
  const { family, values } = points
  const at = points.offset + i * points.stride
  const exemplar = points.exemplar?.(i)
  const common = {
    attributes: attributesJson(points.series[i] as AttributeSet),
    startTimeUnixNano: nanosText(points.startTimesMs[i] ?? 0),
    timeUnixNano: nanosText(timeMs),
    ...(exemplar === undefined
      ? {}
      : {
          exemplars: [
            {
              timeUnixNano: nanosText(exemplar.timeMs),
              asDouble: numberJson(exemplar.value),
              traceId: exemplar.traceId,
              ...(exemplar.spanId === '' ? {} : { spanId: exemplar.spanId }),
            },
          ],
        }),
  }
  if (family.type === 'exponential_histogram') return { ...common, ...exponentialJson(points, at) }
  if (family.type === 'summary') return { ...common, ...summaryJson(points, at) }
  if (family.type !== 'histogram') return { ...common, asDouble: numberJson(values[at] as number) }
  const bucketCounts: string[] = []
  let count = 0
  for (let b = 0; b <= family.bounds.length; b++) {
    count += Math.round(values[at + b] as number)
    bucketCounts.push(countText(values[at + b] as number))
  }
  const sum = numberJson(values[at + valuesPerPoint(family) - 1] as number)
  return { ...common, count: String(count), sum, bucketCounts, explicitBounds: family.bounds }
}

function exponentialJson({ values, family }: FamilyPoints, at: number): Record<string, unknown> {
  const of = (place: number): number => values[at + place] as number
  const buckets = at + ExponentialPoint.buckets
  const used = lastCell(values, buckets, family.bucketsMax ?? 0) + 1
  const bucketCounts = Array.from(values.subarray(buckets, buckets + used), countText)
  // The buckets must add up to the count, also when weights are not integers.
  const count = bucketCounts.reduce((total, text) => total + Number(text), Math.round(of(ExponentialPoint.zeroCount)))
  return {
    count: String(count),
    sum: numberJson(of(ExponentialPoint.sum)),
    ...(count > 0 ? { min: numberJson(of(ExponentialPoint.min)), max: numberJson(of(ExponentialPoint.max)) } : {}),
    scale: of(ExponentialPoint.scale),
    zeroCount: countText(of(ExponentialPoint.zeroCount)),
    positive: { offset: of(ExponentialPoint.firstIndex), bucketCounts },
    negative: { offset: 0, bucketCounts: [] },
  }
}

function summaryJson({ values, family }: FamilyPoints, at: number): Record<string, unknown> {
  const quantileValues = (family.quantiles ?? []).map((quantile, n) => ({ quantile, value: numberJson(values[at + 2 + n] as number) }))
  return { count: countText(values[at] as number), sum: numberJson(values[at + 1] as number), quantileValues }
}

/** Counts are integers in OTLP; weights of sampled observations need not be. */
function countText(count: number): string {
  return String(Math.round(count))
}

/** Spans of a batch as one line of OTLP JSON (`{"resourceSpans": …}`). */
export function tracesJson(traces: Traces): string {
  const resourceSpans = traces.groups.map(({ resource, scope, spans }) => ({
    resource: { attributes: attributesJson(resource.attributes) },
    scopeSpans: [{ scope: scopeJson(scope), spans: spans.map(spanJson) }],
  }))
  return jsonLine({ resourceSpans })
}

function spanJson(span: Span): Record<string, unknown> {
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    ...(span.parentSpanId === '' ? {} : { parentSpanId: span.parentSpanId }),
    name: span.name,
    kind: SPAN_KINDS[span.kind],
    startTimeUnixNano: String(span.startTimeNs),
    endTimeUnixNano: String(span.endTimeNs),
    attributes: attributesJson(span.attributes),
    status: span.status === 'unset' ? {} : { code: SPAN_STATUS[span.status] },
  }
}

/** Log records of a batch as one line of OTLP JSON (`{"resourceLogs": …}`). */
export function logRecordsJson(logs: LogRecords): string {
  const resourceLogs = logs.groups.map(({ resource, scope, records }) => ({
    resource: { attributes: attributesJson(resource.attributes) },
    scopeLogs: [{ scope: scopeJson(scope), logRecords: records.map(logRecordJson) }],
  }))
  return jsonLine({ resourceLogs })
}

function logRecordJson(record: LogRecord): Record<string, unknown> {
  return {
    timeUnixNano: String(record.timeNs),
    observedTimeUnixNano: String(record.observedNs),
    severityNumber: record.severityNumber,
    severityText: record.severityText,
    body: valueJson(record.body),
    attributes: attributesJson(record.attributes),
    ...(record.eventName === '' ? {} : { eventName: record.eventName }),
  }
}

function scopeJson({ name, version }: Scope): Record<string, unknown> {
  return { name, version }
}

function attributesJson(attributes: AttributeSet): unknown[] {
  return attributes.keys.map((key, i) => ({ key, value: valueJson(attributes.values[i] as AttributeValue) }))
}

function valueJson(value: AttributeValue): Record<string, unknown> {
  if (typeof value === 'string') return { stringValue: value }
  if (typeof value === 'boolean') return { boolValue: value }
  if (typeof value === 'bigint') return { intValue: String(value) }
  if (typeof value === 'number') return { doubleValue: numberJson(value) }
  if (value === null) return {}
  if (value instanceof Uint8Array) return { bytesValue: Buffer.from(value).toString('base64') }
  if (value instanceof AttributeSet) return { kvlistValue: { values: attributesJson(value) } }
  return { arrayValue: { values: value.map(valueJson) } }
}

/** Proto3 JSON writes numbers that JSON lacks as text. */
function numberJson(value: number): number | string {
  if (Number.isFinite(value)) return value
  return Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity'
}

/** Nanoseconds since the epoch as decimal text; exact to the microsecond. */
function nanosText(ms: number): string {
  const us = Math.round(ms * 1000)
  return us === 0 ? '0' : `${us}000`
}
