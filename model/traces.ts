import { WireType } from '../lib/protobuf/wire.ts'
import type { ProtobufWriter } from '../lib/protobuf/writer.ts'
import { AttributeSet, type Resource, type Scope } from './attributes.ts'
import type { Client } from './client.ts'
import { readAttributes } from './otlp/attribute_run.ts'
import { copyFieldsExcept } from './otlp/copy_except.ts'
import { RawRun } from './otlp/raw_run.ts'
import {
  NO_SPAN_FIELDS,
  readEvents,
  readLinks,
  readSpanFields,
  SPAN_FIELDS,
  type SpanEvent,
  SpanField,
  type SpanFields,
  type SpanKind,
  type SpanLink,
  type SpanStatus,
  writeEvent,
  writeLink,
  writeSpanFields,
} from './otlp/span_fields.ts'

export type { SpanEvent, SpanKind, SpanLink, SpanStatus }

/**
 * A finished span as in OTLP; times are nanoseconds since the epoch. Whoever owns the batch may set its members.
 *
 * A span that came by OTLP is read as far as it is asked for, and written back as it came as far as it was not changed. Its
 * members are accessors, so `{ ...span }` does not copy one: `copy` does, and `newSpan` makes one.
 */
export class Span {
  /** The encoded span; undefined when it was made here. */
  #bytes: Uint8Array | undefined
  #start = 0
  #end = 0
  #fields: SpanFields | undefined
  #attributes: AttributeSet | undefined
  #events: SpanEvent[] | undefined
  #links: SpanLink[] | undefined
  /** Numbers of the encoded fields that hold no longer, as bits. */
  #changed = 0

  /** 32 hex digits. */
  get traceId(): string {
    return this.#read().traceId
  }

  set traceId(value: string) {
    this.#write().traceId = value
  }

  /** 16 hex digits. */
  get spanId(): string {
    return this.#read().spanId
  }

  set spanId(value: string) {
    this.#write().spanId = value
  }

  /** 16 hex digits; empty for a root span. */
  get parentSpanId(): string {
    return this.#read().parentSpanId
  }

  set parentSpanId(value: string) {
    this.#write().parentSpanId = value
  }

  /** W3C `tracestate`; empty when there is none. */
  get traceState(): string {
    return this.#read().traceState
  }

  set traceState(value: string) {
    this.#write().traceState = value
  }

  /** The low 8 bits are the W3C trace flags; bits 8 and 9 tell whether the parent is remote. */
  get flags(): number {
    return this.#read().flags
  }

  set flags(value: number) {
    this.#write().flags = value
  }

  get name(): string {
    return this.#read().name
  }

  set name(value: string) {
    this.#write().name = value
  }

  get kind(): SpanKind {
    return this.#read().kind
  }

  set kind(value: SpanKind) {
    this.#write().kind = value
  }

  get startTimeNs(): bigint {
    return this.#read().startTimeNs
  }

  set startTimeNs(value: bigint) {
    this.#write().startTimeNs = value
  }

  get endTimeNs(): bigint {
    return this.#read().endTimeNs
  }

  set endTimeNs(value: bigint) {
    this.#write().endTimeNs = value
  }

  get droppedAttributesCount(): number {
    return this.#read().droppedAttributesCount
  }

  set droppedAttributesCount(value: number) {
    this.#write().droppedAttributesCount = value
  }

  get droppedEventsCount(): number {
    return this.#read().droppedEventsCount
  }

  set droppedEventsCount(value: number) {
    this.#write().droppedEventsCount = value
  }

  get droppedLinksCount(): number {
    return this.#read().droppedLinksCount
  }

  set droppedLinksCount(value: number) {
    this.#write().droppedLinksCount = value
  }

  get status(): SpanStatus {
    return this.#read().status
  }

  set status(value: SpanStatus) {
    this.#write().status = value
  }

  /** For the developer; empty unless the status is `error`. */
  get statusMessage(): string {
    return this.#read().statusMessage
  }

  set statusMessage(value: string) {
    this.#write().statusMessage = value
  }

  get attributes(): AttributeSet {
    return (this.#attributes ??= this.#bytes === undefined ? AttributeSet.empty : readAttributes(this.#bytes, this.#start, this.#end, ATTRIBUTES_TAG))
  }

  set attributes(value: AttributeSet) {
    this.#attributes = value
    this.#changed |= 1 << SpanField.attributes
  }

  /** Events in an array that may be changed, like its members. */
  get events(): SpanEvent[] {
    // Who has the array may change it, so that what came is written no more.
    this.#changed |= 1 << SpanField.events
    return this.#readEvents()
  }

  set events(value: SpanEvent[]) {
    this.#events = value
    this.#changed |= 1 << SpanField.events
  }

  /** Links in an array that may be changed, like its members. */
  get links(): SpanLink[] {
    this.#changed |= 1 << SpanField.links
    return this.#readLinks()
  }

  set links(value: SpanLink[]) {
    this.#links = value
    this.#changed |= 1 << SpanField.links
  }

  /** A span with the same members, which can be set without effect on this one. */
  copy(): Span {
    const copy = new Span()
    copy.#bytes = this.#bytes
    copy.#start = this.#start
    copy.#end = this.#end
    copy.#fields = this.#fields === undefined ? undefined : { ...this.#fields }
    copy.#attributes = this.#attributes
    copy.#events = this.#events?.map((event) => ({ ...event }))
    copy.#links = this.#links?.map((link) => ({ ...link }))
    copy.#changed = this.#changed
    return copy
  }

  /** Writes the span as field `field` of a message of OTLP. */
  writeTo(writer: ProtobufWriter, field: number): void {
    const bytes = this.#bytes
    if (bytes !== undefined && this.#changed === 0) {
      writer.bytesRange(field, bytes, this.#start, this.#end)
      return
    }
    const changed = bytes === undefined ? -1 : this.#changed
    writer.open(field, this.#end - this.#start)
    if (bytes !== undefined) copyFieldsExcept(writer, bytes, this.#start, this.#end, changed)
    if ((changed & SPAN_FIELDS) !== 0) writeSpanFields(writer, this.#read())
    if ((changed & (1 << SpanField.attributes)) !== 0) this.attributes.writeTo(writer, SpanField.attributes)
    if ((changed & (1 << SpanField.events)) !== 0) for (const event of this.#readEvents()) writeEvent(writer, event)
    if ((changed & (1 << SpanField.links)) !== 0) for (const link of this.#readLinks()) writeLink(writer, link)
    writer.close()
  }

  /** Writes spans one after the other as fields `field` of a message of OTLP; what came side by side and untouched is copied in one go. */
  static writeAll(spans: readonly Span[], writer: ProtobufWriter, field: number): void {
    const run = new RawRun(writer, field)
    for (const span of spans) {
      if (span.#bytes !== undefined && span.#changed === 0) run.add(span.#bytes, span.#start, span.#end)
      else {
        run.flush()
        span.writeTo(writer, field)
      }
    }
    run.flush()
  }

  /** The members as plain data, for tests and messages. */
  toJSON(): unknown {
    return { ...this.#read(), attributes: this.attributes, events: this.#readEvents(), links: this.#readLinks() }
  }

  /** A span that says nothing but `part`. */
  static of({ attributes = AttributeSet.empty, events = [], links = [], ...fields }: SpanPart): Span {
    const span = new Span()
    span.#fields = { ...NO_SPAN_FIELDS, ...fields }
    span.#attributes = attributes
    span.#events = events
    span.#links = links
    return span
  }

  /** The span encoded in `bytes[start, end)`, which have been checked (`otlp/check.ts`) and are not changed any more. */
  static ofWire(bytes: Uint8Array, start: number, end: number): Span {
    const span = new Span()
    span.#bytes = bytes
    span.#start = start
    span.#end = end
    return span
  }

  #read(): SpanFields {
    return (this.#fields ??= readSpanFields(this.#bytes as Uint8Array, this.#start, this.#end))
  }

  #readEvents(): SpanEvent[] {
    return (this.#events ??= this.#bytes === undefined ? [] : readEvents(this.#bytes, this.#start, this.#end))
  }

  #readLinks(): SpanLink[] {
    return (this.#links ??= this.#bytes === undefined ? [] : readLinks(this.#bytes, this.#start, this.#end))
  }

  #write(): SpanFields {
    const fields = this.#read()
    this.#changed |= SPAN_FIELDS
    return fields
  }
}

const ATTRIBUTES_TAG = (SpanField.attributes << 3) | WireType.bytes

/** Members of a span that can be given when it is made. */
export interface SpanPart extends Partial<SpanFields> {
  readonly attributes?: AttributeSet
  readonly events?: SpanEvent[]
  readonly links?: SpanLink[]
}

/** A span that says nothing but `part`. */
export function newSpan(part: SpanPart): Span {
  return Span.of(part)
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
  return { ...traces, groups: traces.groups.map((group) => ({ ...group, spans: group.spans.map((span) => span.copy()) })) }
}
