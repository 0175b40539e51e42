/** Log records and spans as documents, and where they go. Pure: records in, plain objects out. */
import type { AttributeSet, Resource, Scope } from '../../model/attributes.ts'
import type { LogRecord, LogRecords } from '../../model/log_records.ts'
import { type PlainJson, plainJson, plainObject, plainText } from '../../model/plain_json.ts'
import type { Span, Traces } from '../../model/traces.ts'
import { ecsFields } from './ecs.ts'

/** A document and the index or data stream that it goes to. */
export interface BulkDocument {
  readonly index: string
  readonly source: Readonly<Record<string, PlainJson>>
  /** False when nothing tells two such documents apart but that there are two. */
  readonly hasTime: boolean
}

export interface DocumentOptions {
  readonly mode: 'otel' | 'ecs'
  /** Undefined = a data stream that is named by attributes. */
  readonly index: string | undefined
}

interface Head {
  readonly resource: Resource
  readonly scope: Scope
}

/** The documents of all records, in order. `nowNs` is the time of records that have none. */
export function logDocuments(logs: LogRecords, options: DocumentOptions, nowNs: bigint): BulkDocument[] {
  return logs.groups.flatMap((group) => {
    const head = headFields(group)
    return group.records.map((record): BulkDocument => {
      const timeNs = record.timeNs || record.observedNs
      const { index, fields } = target('logs', [record.attributes, group.scope.attributes, group.resource.attributes], options)
      const time = timestamp(timeNs || nowNs)
      const source =
        options.mode === 'otel'
          ? { '@timestamp': time, ...otelLog(record), ...head, ...fields }
          : { '@timestamp': time, ...ecsFields(group.resource.attributes), ...ecsFields(record.attributes), ...ecsLog(record), ...fields }
      return { index, source, hasTime: timeNs > 0n }
    })
  })
}

/** The documents of all spans, in order. */
export function spanDocuments(traces: Traces, options: DocumentOptions): BulkDocument[] {
  return traces.groups.flatMap((group) => {
    const head = headFields(group)
    return group.spans.map((span): BulkDocument => {
      const { index, fields } = target('traces', [span.attributes, group.scope.attributes, group.resource.attributes], options)
      const time = timestamp(span.startTimeNs)
      const source =
        options.mode === 'otel'
          ? { '@timestamp': time, ...otelSpan(span), ...head, ...fields }
          : { '@timestamp': time, ...ecsFields(group.resource.attributes), ...ecsFields(span.attributes), ...ecsSpan(span), ...fields }
      return { index, source, hasTime: true }
    })
  })
}

/** Nanoseconds since the epoch as ISO 8601 with all digits, which fields of type `date` and `date_nanos` take alike. */
export function timestamp(ns: bigint): string {
  const seconds = new Date(Number(ns / 1_000_000_000n) * 1000).toISOString().slice(0, 19)
  return `${seconds}.${String(ns % 1_000_000_000n).padStart(9, '0')}Z`
}

function target(
  type: 'logs' | 'traces',
  sources: readonly (AttributeSet | undefined)[],
  { mode, index }: DocumentOptions,
): { readonly index: string; readonly fields: Readonly<Record<string, PlainJson>> } {
  if (index !== undefined) return { index, fields: {} }
  const dataset = `${streamPart(sources, 'data_stream.dataset', /[-\\/*?"<>| ,#:]/g) ?? 'generic'}${mode === 'otel' ? '.otel' : ''}`
  const namespace = streamPart(sources, 'data_stream.namespace', /[\\/*?"<>| ,#:]/g) ?? 'default'
  return { index: `${type}-${dataset}-${namespace}`, fields: { data_stream: { type, dataset, namespace } } }
}

/** Longest part of a data stream's name. */
const STREAM_PART_MAX = 90

/** A part of the name of a data stream from the first attributes that have it, without what names must not hold. */
function streamPart(sources: readonly (AttributeSet | undefined)[], key: string, forbidden: RegExp): string | undefined {
  for (const attributes of sources) {
    const text = plainText(attributes?.get(key) ?? null)
    if (text !== '') return text.toLowerCase().replace(forbidden, '_').slice(0, STREAM_PART_MAX)
  }
  return undefined
}

function headFields({ resource, scope }: Head): Record<string, PlainJson> {
  return {
    resource: { attributes: plainObject(resource.attributes), ...(resource.schemaUrl ? { schema_url: resource.schemaUrl } : {}), ...dropped(resource) },
    scope: {
      ...(scope.name === '' ? {} : { name: scope.name }),
      ...(scope.version === '' ? {} : { version: scope.version }),
      ...(scope.attributes === undefined || scope.attributes.size === 0 ? {} : { attributes: plainObject(scope.attributes) }),
      ...(scope.schemaUrl ? { schema_url: scope.schemaUrl } : {}),
      ...dropped(scope),
    },
  }
}

function otelLog(record: LogRecord): Record<string, PlainJson> {
  const { body, severityNumber, severityText, traceId, spanId, eventName, observedNs } = record
  return {
    ...(observedNs === 0n ? {} : { observed_timestamp: timestamp(observedNs) }),
    ...(severityNumber === 0 ? {} : { severity_number: severityNumber }),
    ...(severityText === '' ? {} : { severity_text: severityText }),
    ...(body === null ? {} : { body: isStructured(plainJson(body)) ? { structured: plainJson(body) } : { text: plainText(body) } }),
    ...(traceId === '' ? {} : { trace_id: traceId }),
    ...(spanId === '' ? {} : { span_id: spanId }),
    ...(eventName === '' ? {} : { event_name: eventName }),
    attributes: plainObject(record.attributes),
    ...dropped(record),
  }
}

function ecsLog({ body, severityNumber, severityText, traceId, spanId, eventName }: LogRecord): Record<string, PlainJson> {
  return {
    ...(body === null ? {} : { message: plainText(body) }),
    ...(severityText === '' ? {} : { 'log.level': severityText }),
    ...(severityNumber === 0 ? {} : { 'event.severity': severityNumber }),
    ...(traceId === '' ? {} : { 'trace.id': traceId }),
    ...(spanId === '' ? {} : { 'span.id': spanId }),
    ...(eventName === '' ? {} : { 'event.action': eventName }),
  }
}

function otelSpan(span: Span): Record<string, PlainJson> {
  const { events, links, parentSpanId, traceState, statusMessage } = span
  return {
    trace_id: span.traceId,
    span_id: span.spanId,
    ...(parentSpanId === '' ? {} : { parent_span_id: parentSpanId }),
    ...(traceState === '' ? {} : { trace_state: traceState }),
    name: span.name,
    kind: KINDS[span.kind],
    duration: durationNs(span),
    status: { code: STATUSES[span.status], ...(statusMessage === '' ? {} : { message: statusMessage }) },
    attributes: plainObject(span.attributes),
    ...(events.length === 0
      ? {}
      : {
          events: events.map((event) => ({
            '@timestamp': timestamp(event.timeNs),
            name: event.name,
            attributes: plainObject(event.attributes),
            ...dropped(event),
          })),
        }),
    ...(links.length === 0
      ? {}
      : {
          links: links.map((link) => ({
            trace_id: link.traceId,
            span_id: link.spanId,
            trace_state: link.traceState,
            attributes: plainObject(link.attributes),
            ...dropped(link),
          })),
        }),
    ...dropped(span),
    ...(span.droppedEventsCount === 0 ? {} : { dropped_events_count: span.droppedEventsCount }),
    ...(span.droppedLinksCount === 0 ? {} : { dropped_links_count: span.droppedLinksCount }),
  }
}

function ecsSpan(span: Span): Record<string, PlainJson> {
  return {
    'trace.id': span.traceId,
    'span.id': span.spanId,
    ...(span.parentSpanId === '' ? {} : { 'parent.id': span.parentSpanId }),
    'span.name': span.name,
    'span.kind': KINDS[span.kind],
    'event.duration': durationNs(span),
    'event.outcome': OUTCOMES[span.status],
    ...(span.statusMessage === '' ? {} : { 'error.message': span.statusMessage }),
  }
}

const KINDS = { unspecified: 'Unspecified', internal: 'Internal', server: 'Server', client: 'Client', producer: 'Producer', consumer: 'Consumer' } as const
const STATUSES = { unset: 'Unset', ok: 'Ok', error: 'Error' } as const
const OUTCOMES = { unset: 'success', ok: 'success', error: 'failure' } as const

function durationNs({ startTimeNs, endTimeNs }: Span): number {
  return endTimeNs < startTimeNs ? 0 : Number(endTimeNs - startTimeNs)
}

function dropped({ droppedAttributesCount: count }: { readonly droppedAttributesCount?: number }): Record<string, PlainJson> {
  return count ? { dropped_attributes_count: count } : {}
}

function isStructured(value: PlainJson): boolean {
  return typeof value === 'object' && value !== null
}
