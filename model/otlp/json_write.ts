import { AttributeSet, type AttributeValue, type EntityRef, type Resource, type Scope } from '../attributes.ts'
import type { DataPoint, ExponentialBuckets, Metric, PointExemplar } from '../data_points.ts'
import type { LogRecord, LogRecords } from '../log_records.ts'
import type { Metrics } from '../metrics.ts'
import type { Span, SpanEvent, SpanLink, Traces } from '../traces.ts'
import { dataPoints } from './convert.ts'
import { TEMPORALITIES } from './point_fields.ts'
import { SPAN_KINDS, SPAN_STATUSES } from './span_fields.ts'

type Json = Record<string, unknown>

/**
 * A batch as one document of OTLP's JSON (a `LogsData`): 64-bit integers as text, ids in hex, enums as numbers. What has its
 * default is left out. See https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding.
 */
export function logsJson(logs: LogRecords): string {
  return JSON.stringify({ resourceLogs: resourcesJson(logs.groups, 'scopeLogs', ({ records }) => ({ logRecords: records.map(recordJson) })) })
}

/** A batch as one `TracesData`; otherwise as `logsJson`. */
export function tracesJson(traces: Traces): string {
  return JSON.stringify({ resourceSpans: resourcesJson(traces.groups, 'scopeSpans', ({ spans }) => ({ spans: spans.map(spanJson) })) })
}

/** A batch as one `MetricsData`; otherwise as `logsJson`. */
export function metricsJson(batch: Metrics): string {
  const { groups } = dataPoints(batch)
  return JSON.stringify({ resourceMetrics: resourcesJson(groups, 'scopeMetrics', ({ metrics }) => ({ metrics: metrics.map(metricJson) })) })
}

function resourcesJson<Group extends { readonly resource: Resource; readonly scope: Scope }>(
  groups: readonly Group[],
  scopes: string,
  items: (group: Group) => Json,
): Json[] {
  const resources: Json[] = []
  for (let i = 0; i < groups.length; ) {
    const { resource } = groups[i] as Group
    const parts: Json[] = []
    for (let group = groups[i]; group !== undefined && group.resource === resource; group = groups[++i]) {
      parts.push({ scope: scopeJson(group.scope), ...items(group), ...schemaUrlJson(group.scope) })
    }
    resources.push({ resource: resourceJson(resource), [scopes]: parts, ...schemaUrlJson(resource) })
  }
  return resources
}

function resourceJson({ attributes, droppedAttributesCount = 0, entityRefs = [] }: Resource): Json {
  return { ...attributesJson(attributes), ...dropped('Attributes', droppedAttributesCount), ...list('entityRefs', entityRefs.map(entityRefJson)) }
}

function entityRefJson({ schemaUrl, type, idKeys, descriptionKeys }: EntityRef): Json {
  return { ...text('schemaUrl', schemaUrl), ...text('type', type), ...list('idKeys', idKeys), ...list('descriptionKeys', descriptionKeys) }
}

function scopeJson({ name, version, attributes = AttributeSet.empty, droppedAttributesCount = 0 }: Scope): Json {
  return { ...text('name', name), ...text('version', version), ...attributesJson(attributes), ...dropped('Attributes', droppedAttributesCount) }
}

function schemaUrlJson({ schemaUrl = '' }: Resource | Scope): Json {
  return text('schemaUrl', schemaUrl)
}

function recordJson(record: LogRecord): Json {
  return {
    ...nanos('timeUnixNano', record.timeNs),
    ...nanos('observedTimeUnixNano', record.observedNs),
    ...number('severityNumber', record.severityNumber),
    ...text('severityText', record.severityText),
    ...(record.body === null ? {} : { body: valueJson(record.body) }),
    ...attributesJson(record.attributes),
    ...dropped('Attributes', record.droppedAttributesCount),
    ...number('flags', record.flags),
    ...text('traceId', record.traceId),
    ...text('spanId', record.spanId),
    ...text('eventName', record.eventName),
  }
}

function spanJson(span: Span): Json {
  return {
    ...text('traceId', span.traceId),
    ...text('spanId', span.spanId),
    ...text('traceState', span.traceState),
    ...text('parentSpanId', span.parentSpanId),
    ...number('flags', span.flags),
    ...text('name', span.name),
    ...number('kind', SPAN_KINDS.indexOf(span.kind)),
    ...nanos('startTimeUnixNano', span.startTimeNs),
    ...nanos('endTimeUnixNano', span.endTimeNs),
    ...attributesJson(span.attributes),
    ...dropped('Attributes', span.droppedAttributesCount),
    ...list('events', span.events.map(eventJson)),
    ...dropped('Events', span.droppedEventsCount),
    ...list('links', span.links.map(linkJson)),
    ...dropped('Links', span.droppedLinksCount),
    status: { ...text('message', span.statusMessage), ...number('code', SPAN_STATUSES.indexOf(span.status)) },
  }
}

function eventJson(event: SpanEvent): Json {
  return {
    ...nanos('timeUnixNano', event.timeNs),
    ...text('name', event.name),
    ...attributesJson(event.attributes),
    ...dropped('Attributes', event.droppedAttributesCount),
  }
}

function linkJson(link: SpanLink): Json {
  return {
    ...text('traceId', link.traceId),
    ...text('spanId', link.spanId),
    ...text('traceState', link.traceState),
    ...attributesJson(link.attributes),
    ...dropped('Attributes', link.droppedAttributesCount),
    ...number('flags', link.flags),
  }
}

function metricJson(metric: Metric): Json {
  const metadata = list(
    'metadata',
    (metric.metadata ?? []).map(([key, value]) => ({ key, value: valueJson(value) })),
  )
  return { ...text('name', metric.name), ...text('description', metric.description), ...text('unit', metric.unit), ...dataJson(metric), ...metadata }
}

function dataJson(metric: Metric): Json {
  const data = { dataPoints: metric.points.map(pointJson) }
  switch (metric.type) {
    case 'gauge':
      return { gauge: data }
    case 'sum':
      return {
        sum: { ...data, ...number('aggregationTemporality', TEMPORALITIES.indexOf(metric.temporality)), ...(metric.isMonotonic ? { isMonotonic: true } : {}) },
      }
    case 'histogram':
      return { histogram: { ...data, ...number('aggregationTemporality', TEMPORALITIES.indexOf(metric.temporality)) } }
    case 'exponential_histogram':
      return { exponentialHistogram: { ...data, ...number('aggregationTemporality', TEMPORALITIES.indexOf(metric.temporality)) } }
    case 'summary':
      return { summary: data }
    case 'none':
      return {}
    default:
      return metric satisfies never
  }
}

function pointJson(point: DataPoint): Json {
  return {
    ...attributesJson(point.attributes),
    ...nanos('startTimeUnixNano', point.startTimeNs),
    ...nanos('timeUnixNano', point.timeNs),
    ...number('flags', point.flags),
    ...('quantiles' in point ? {} : list('exemplars', point.exemplars.map(exemplarJson))),
    ...pointValuesJson(point),
  }
}

function pointValuesJson(point: DataPoint): Json {
  if ('value' in point) return numberValueJson(point.value)
  const count = { count: String(point.count) }
  if ('quantiles' in point) {
    const quantiles = point.quantiles.map(({ quantile, value }) => ({ quantile: doubleJson(quantile), value: doubleJson(value) }))
    return { ...count, sum: doubleJson(point.sum), ...list('quantileValues', quantiles) }
  }
  const totals = { ...count, ...optionalDouble('sum', point.sum), ...optionalDouble('min', point.min), ...optionalDouble('max', point.max) }
  if ('bounds' in point) return { ...totals, ...list('bucketCounts', point.bucketCounts.map(String)), ...list('explicitBounds', point.bounds.map(doubleJson)) }
  return {
    ...totals,
    ...number('scale', point.scale),
    zeroCount: String(point.zeroCount),
    positive: bucketsJson(point.positive),
    negative: bucketsJson(point.negative),
    ...(point.zeroThreshold === 0 ? {} : { zeroThreshold: doubleJson(point.zeroThreshold) }),
  }
}

function bucketsJson({ offset, counts }: ExponentialBuckets): Json {
  return { ...number('offset', offset), ...list('bucketCounts', counts.map(String)) }
}

function exemplarJson(exemplar: PointExemplar): Json {
  return {
    ...(exemplar.filteredAttributes.size === 0 ? {} : { filteredAttributes: keyValuesJson(exemplar.filteredAttributes) }),
    ...nanos('timeUnixNano', exemplar.timeNs),
    ...numberValueJson(exemplar.value),
    ...text('spanId', exemplar.spanId),
    ...text('traceId', exemplar.traceId),
  }
}

function numberValueJson(value: number | bigint | null): Json {
  if (value === null) return {}
  return typeof value === 'bigint' ? { asInt: String(value) } : { asDouble: doubleJson(value) }
}

function attributesJson(attributes: AttributeSet): Json {
  return attributes.size === 0 ? {} : { attributes: keyValuesJson(attributes) }
}

/** The attributes as a list of `KeyValue`s in OTLP's JSON. */
export function keyValuesJson(attributes: AttributeSet): Json[] {
  return attributes.keys.map((key, i) => ({ key, value: valueJson(attributes.values[i] as AttributeValue) }))
}

/** A value as an `AnyValue` in OTLP's JSON. */
export function valueJson(value: AttributeValue): Json {
  if (typeof value === 'string') return { stringValue: value }
  if (typeof value === 'boolean') return { boolValue: value }
  if (typeof value === 'bigint') return { intValue: String(value) }
  if (typeof value === 'number') return { doubleValue: doubleJson(value) }
  if (value === null) return {}
  if (value instanceof Uint8Array) return { bytesValue: Buffer.from(value.buffer, value.byteOffset, value.length).toString('base64') }
  if (value instanceof AttributeSet) return { kvlistValue: { values: keyValuesJson(value) } }
  return { arrayValue: { values: value.map(valueJson) } }
}

/** Proto3 JSON writes numbers that JSON lacks as text; -0 would lose its sign. */
function doubleJson(value: number): number | string {
  if (Object.is(value, -0)) return '-0'
  return Number.isFinite(value) ? value : String(value)
}

function text(name: string, value: string): Json {
  return value === '' ? {} : { [name]: value }
}

function number(name: string, value: number): Json {
  return value === 0 ? {} : { [name]: value }
}

function nanos(name: string, value: bigint): Json {
  return value === 0n ? {} : { [name]: String(value) }
}

function list(name: string, values: readonly unknown[]): Json {
  return values.length === 0 ? {} : { [name]: values }
}

function optionalDouble(name: string, value: number | undefined): Json {
  return value === undefined ? {} : { [name]: doubleJson(value) }
}

function dropped(what: 'Attributes' | 'Events' | 'Links', count: number): Json {
  return number(`dropped${what}Count`, count)
}
