import { AttributeSet, type Resource, type Scope } from './attributes.ts'
import type { Client } from './client.ts'

export type SpanKind = 'unspecified' | 'internal' | 'server' | 'client' | 'producer' | 'consumer'

/** A finished span as in OTLP; times are nanoseconds since the epoch. Whoever owns the batch may set its members. */
export interface Span {
  /** 32 hex digits. */
  traceId: string
  /** 16 hex digits. */
  spanId: string
  /** 16 hex digits; empty for a root span. */
  parentSpanId: string
  /** W3C `tracestate`; empty when there is none. */
  traceState: string
  /** The low 8 bits are the W3C trace flags; bits 8 and 9 tell whether the parent is remote. */
  flags: number
  name: string
  kind: SpanKind
  startTimeNs: bigint
  endTimeNs: bigint
  attributes: AttributeSet
  droppedAttributesCount: number
  events: SpanEvent[]
  droppedEventsCount: number
  links: SpanLink[]
  droppedLinksCount: number
  status: 'unset' | 'ok' | 'error'
  /** For the developer; empty unless the status is `error`. */
  statusMessage: string
}

/** A span that says nothing but `part`. */
export function newSpan(part: Partial<Span>): Span {
  return {
    traceId: '',
    spanId: '',
    parentSpanId: '',
    traceState: '',
    flags: 0,
    name: '',
    kind: 'unspecified',
    startTimeNs: 0n,
    endTimeNs: 0n,
    attributes: AttributeSet.empty,
    droppedAttributesCount: 0,
    events: [],
    droppedEventsCount: 0,
    links: [],
    droppedLinksCount: 0,
    status: 'unset',
    statusMessage: '',
    ...part,
  }
}

/** Something that happened during a span. */
export interface SpanEvent {
  timeNs: bigint
  name: string
  attributes: AttributeSet
  droppedAttributesCount: number
}

/** A span that another one is connected with, without being its parent. */
export interface SpanLink {
  traceId: string
  spanId: string
  traceState: string
  flags: number
  attributes: AttributeSet
  droppedAttributesCount: number
}

/** The spans of one resource and scope. */
export interface SpanGroup {
  resource: Resource
  scope: Scope
  spans: Span[]
}

/** A batch of spans. */
export interface Traces {
  readonly groups: SpanGroup[]
  readonly client?: Client
}

/** Number of spans in all groups. */
export function spanCount(traces: Traces): number {
  let count = 0
  for (const { spans } of traces.groups) count += spans.length
  return count
}

/** A copy whose groups, spans, events and links can be changed; attribute sets and resources, which never change, are shared. */
export function copyTraces(traces: Traces): Traces {
  return { ...traces, groups: traces.groups.map((group) => ({ ...group, spans: group.spans.map(copySpan) })) }
}

function copySpan(span: Span): Span {
  return { ...span, events: span.events.map((event) => ({ ...event })), links: span.links.map((link) => ({ ...link })) }
}
