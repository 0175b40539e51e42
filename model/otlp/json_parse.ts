import type { EntityRef, Resource, Scope } from '../attributes.ts'
import type { DataPoints, Metric } from '../data_points.ts'
import { type LogRecord, type LogRecords, newLogRecord } from '../log_records.ts'
import { newSpan, type Span, type SpanEvent, type SpanLink, type Traces } from '../traces.ts'
import { type RejectItem, readItems } from './bad_items.ts'
import { metricOf } from './json_points.ts'
import { type JsonFields, parseJson } from './json_value.ts'
import { SPAN_KINDS, SPAN_STATUSES } from './span_fields.ts'

const KIND_NAMES = SPAN_KINDS.map((kind) => kind.toUpperCase())
const STATUS_NAMES = SPAN_STATUSES.map((status) => status.toUpperCase())
const SEVERITY_NAMES = [
  'UNSPECIFIED',
  ...['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'].flatMap((level) => ['', '2', '3', '4'].map((step) => level + step)),
]

/**
 * Reads a `LogsData` (an `ExportLogsServiceRequest`) in OTLP's JSON. Throws `OtlpError`, whose message names the place in the
 * document. As liberal as the Collector: names in lowerCamelCase or snake_case, 64-bit numbers as text or numbers, enums as
 * numbers or names, ids in hex digits of either case; members that nobody knows are ignored. With `reject`, records that are
 * none are left out instead of refusing the whole.
 */
export function parseLogsJson(text: string, reject?: RejectItem): LogRecords {
  const groups = groupsOf(parseJson(text), 'resourceLogs', 'scopeLogs', (fields) => ({ records: readItems(fields.objects('logRecords'), recordOf, reject) }))
  return { groups }
}

/** Reads a `TracesData` in OTLP's JSON; otherwise as `parseLogsJson`. */
export function parseTracesJson(text: string, reject?: RejectItem): Traces {
  return { groups: groupsOf(parseJson(text), 'resourceSpans', 'scopeSpans', (fields) => ({ spans: readItems(fields.objects('spans'), spanOf, reject) })) }
}

/** Reads a `MetricsData` in OTLP's JSON; otherwise as `parseLogsJson`, with data points as its items. */
export function parseMetricsJson(text: string, reject?: RejectItem): DataPoints {
  const read = (fields: JsonFields): { readonly metrics: Metric[] } => ({ metrics: fields.objects('metrics').map((metric) => metricOf(metric, reject)) })
  return { groups: groupsOf(parseJson(text), 'resourceMetrics', 'scopeMetrics', read) }
}

function groupsOf<Items>(
  document: JsonFields,
  resources: string,
  scopes: string,
  read: (fields: JsonFields) => Items,
): ({ resource: Resource; scope: Scope } & Items)[] {
  return document.objects(resources).flatMap((fields) => {
    const resource = resourceOf(fields)
    return fields.objects(scopes).map((part) => ({ resource, scope: scopeOf(part), ...read(part) }))
  })
}

function resourceOf(fields: JsonFields): Resource {
  const resource = fields.object('resource')
  const entityRefs = resource.objects('entityRefs').map(entityRefOf)
  return {
    attributes: resource.attributes('attributes'),
    ...droppedAttributes(resource),
    ...(entityRefs.length === 0 ? {} : { entityRefs }),
    ...schemaUrlOf(fields),
  }
}

function entityRefOf(fields: JsonFields): EntityRef {
  return { schemaUrl: fields.text('schemaUrl'), type: fields.text('type'), idKeys: fields.texts('idKeys'), descriptionKeys: fields.texts('descriptionKeys') }
}

function scopeOf(fields: JsonFields): Scope {
  const scope = fields.object('scope')
  const attributes = scope.attributes('attributes')
  return {
    name: scope.text('name'),
    version: scope.text('version'),
    ...(attributes.size === 0 ? {} : { attributes }),
    ...droppedAttributes(scope),
    ...schemaUrlOf(fields),
  }
}

function droppedAttributes(fields: JsonFields): { readonly droppedAttributesCount?: number } {
  const droppedAttributesCount = fields.uint32('droppedAttributesCount')
  return droppedAttributesCount === 0 ? {} : { droppedAttributesCount }
}

function schemaUrlOf(fields: JsonFields): { readonly schemaUrl?: string } {
  const schemaUrl = fields.text('schemaUrl')
  return schemaUrl === '' ? {} : { schemaUrl }
}

function recordOf(fields: JsonFields): LogRecord {
  return newLogRecord({
    timeNs: fields.uint64('timeUnixNano'),
    observedNs: fields.uint64('observedTimeUnixNano'),
    severityNumber: fields.enumeration('severityNumber', 'SEVERITY_NUMBER_', SEVERITY_NAMES),
    severityText: fields.text('severityText'),
    body: fields.value('body'),
    attributes: fields.attributes('attributes'),
    droppedAttributesCount: fields.uint32('droppedAttributesCount'),
    flags: fields.uint32('flags'),
    traceId: fields.id('traceId', 16),
    spanId: fields.id('spanId', 8),
    eventName: fields.text('eventName'),
  })
}

function spanOf(fields: JsonFields): Span {
  const status = fields.object('status')
  return newSpan({
    traceId: fields.id('traceId', 16),
    spanId: fields.id('spanId', 8),
    parentSpanId: fields.id('parentSpanId', 8),
    traceState: fields.text('traceState'),
    flags: fields.uint32('flags'),
    name: fields.text('name'),
    kind: SPAN_KINDS[fields.enumeration('kind', 'SPAN_KIND_', KIND_NAMES)] ?? 'unspecified',
    startTimeNs: fields.uint64('startTimeUnixNano'),
    endTimeNs: fields.uint64('endTimeUnixNano'),
    attributes: fields.attributes('attributes'),
    droppedAttributesCount: fields.uint32('droppedAttributesCount'),
    events: fields.objects('events').map(eventOf),
    droppedEventsCount: fields.uint32('droppedEventsCount'),
    links: fields.objects('links').map(linkOf),
    droppedLinksCount: fields.uint32('droppedLinksCount'),
    status: SPAN_STATUSES[status.enumeration('code', 'STATUS_CODE_', STATUS_NAMES)] ?? 'unset',
    statusMessage: status.text('message'),
  })
}

function eventOf(fields: JsonFields): SpanEvent {
  return {
    timeNs: fields.uint64('timeUnixNano'),
    name: fields.text('name'),
    attributes: fields.attributes('attributes'),
    droppedAttributesCount: fields.uint32('droppedAttributesCount'),
  }
}

function linkOf(fields: JsonFields): SpanLink {
  return {
    traceId: fields.id('traceId', 16),
    spanId: fields.id('spanId', 8),
    traceState: fields.text('traceState'),
    flags: fields.uint32('flags'),
    attributes: fields.attributes('attributes'),
    droppedAttributesCount: fields.uint32('droppedAttributesCount'),
  }
}
