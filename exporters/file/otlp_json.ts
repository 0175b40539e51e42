import type { AttributeSet, AttributeValue, Scope } from '../../model/attributes.ts'
import { type FamilyPoints, type Metrics, valuesPerPoint } from '../../model/metrics.ts'
import type { Span, Traces } from '../../model/traces.ts'
import { jsonLine } from './json_line.ts'

/** Most points in one line, so that no line becomes huge and the event loop gets its turn between lines. */
const LINE_POINTS_MAX = 1000

const TEMPORALITY = { delta: 1, cumulative: 2 } as const
const SPAN_KINDS = { internal: 1, server: 2, client: 3, producer: 4, consumer: 5 } as const
const SPAN_STATUS = { unset: 0, ok: 1, error: 2 } as const

/**
 * Metrics as lines of OTLP JSON (`{"resourceMetrics": …}`), which the Collector's `otlpjsonfile` receiver can read.
 * A line holds points of one family. See https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding.
 */
export function* metricsJson(metrics: Metrics): Generator<{ readonly line: string; readonly points: number }> {
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
  const temporality = { aggregationTemporality: TEMPORALITY[family.temporality] }
  const data =
    family.type === 'gauge'
      ? { gauge: { dataPoints } }
      : family.type === 'sum'
        ? { sum: { dataPoints, ...temporality, isMonotonic: family.isMonotonic } }
        : { histogram: { dataPoints, ...temporality } }
  const metric = { name: family.name, description: family.description, unit: family.unit, ...data }
  const scopeMetrics = [{ scope: scopeJson(points.scope), metrics: [metric] }]
  return jsonLine({ resourceMetrics: [{ resource: { attributes: attributesJson(points.resource.attributes) }, scopeMetrics }] })
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
  if (family.type !== 'histogram') return { ...common, asDouble: numberJson(values[at] as number) }
  const bucketCounts: string[] = []
  let count = 0
  for (let b = 0; b <= family.bounds.length; b++) {
    count += values[at + b] as number
    bucketCounts.push(String(values[at + b]))
  }
  const sum = numberJson(values[at + valuesPerPoint(family) - 1] as number)
  return { ...common, count: String(count), sum, bucketCounts, explicitBounds: family.bounds }
}

/** Spans of a batch as one line of OTLP JSON (`{"resourceSpans": …}`). */
export function tracesJson(traces: Traces): string {
  const scopeSpans = [{ scope: scopeJson(traces.scope), spans: traces.spans.map(spanJson) }]
  return jsonLine({ resourceSpans: [{ resource: { attributes: attributesJson(traces.resource.attributes) }, scopeSpans }] })
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
