import { fixed32At, fixed64At, idAt, lengthAt, payloadStart, textAt } from '../../lib/protobuf/values.ts'
import { skipValue, varintLow, WireType } from '../../lib/protobuf/wire.ts'
import type { ProtobufWriter } from '../../lib/protobuf/writer.ts'
import type { AttributeSet } from '../attributes.ts'
import { readAttributes } from './attribute_run.ts'

export type SpanKind = 'unspecified' | 'internal' | 'server' | 'client' | 'producer' | 'consumer'
export type SpanStatus = 'unset' | 'ok' | 'error'

/** Something that happened during a span. */
export interface SpanEvent {
  timeNs: bigint
  name: string
  attributes: AttributeSet
  droppedAttributesCount: number
}

/** A span that another one is connected with, without being its parent. */
export interface SpanLink {
  /** 32 hex digits. */
  traceId: string
  /** 16 hex digits. */
  spanId: string
  traceState: string
  flags: number
  attributes: AttributeSet
  droppedAttributesCount: number
}

/** What a span says but for its attributes, events and links, which are read apart. */
export interface SpanFields {
  traceId: string
  spanId: string
  parentSpanId: string
  traceState: string
  flags: number
  name: string
  kind: SpanKind
  startTimeNs: bigint
  endTimeNs: bigint
  droppedAttributesCount: number
  droppedEventsCount: number
  droppedLinksCount: number
  status: SpanStatus
  statusMessage: string
}

export const NO_SPAN_FIELDS: SpanFields = {
  traceId: '',
  spanId: '',
  parentSpanId: '',
  traceState: '',
  flags: 0,
  name: '',
  kind: 'unspecified',
  startTimeNs: 0n,
  endTimeNs: 0n,
  droppedAttributesCount: 0,
  droppedEventsCount: 0,
  droppedLinksCount: 0,
  status: 'unset',
  statusMessage: '',
}

/** Field numbers of `Span` (opentelemetry/proto/trace/v1/trace.proto). */
export const SpanField = {
  traceId: 1,
  spanId: 2,
  traceState: 3,
  parentSpanId: 4,
  name: 5,
  kind: 6,
  start: 7,
  end: 8,
  attributes: 9,
  droppedAttributesCount: 10,
  events: 11,
  droppedEventsCount: 12,
  links: 13,
  droppedLinksCount: 14,
  status: 15,
  flags: 16,
} as const

/** All fields but attributes, events and links, as bits. */
export const SPAN_FIELDS =
  Object.values(SpanField).reduce((bits, field) => bits | (1 << field), 0) & ~((1 << SpanField.attributes) | (1 << SpanField.events) | (1 << SpanField.links))

/** In the order of their numbers in OTLP. */
export const SPAN_KINDS: readonly SpanKind[] = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer']
export const SPAN_STATUSES: readonly SpanStatus[] = ['unset', 'ok', 'error']

/** Field numbers of `Span.Event`, `Span.Link` and `Status`. */
const EventField = { time: 1, name: 2, attributes: 3, droppedAttributesCount: 4 } as const
const LinkField = { traceId: 1, spanId: 2, traceState: 3, attributes: 4, droppedAttributesCount: 5, flags: 6 } as const
const StatusField = { message: 2, code: 3 } as const

/** The fields of a span in `bytes[start, end)`, which have been checked; enum numbers that nobody knows read as 0. */
export function readSpanFields(bytes: Uint8Array, start: number, end: number): SpanFields {
  const fields = { ...NO_SPAN_FIELDS }
  for (let p = start; p < end; ) {
    const tag = lengthAt(bytes, p)
    p = payloadStart(bytes, p)
    const next = skipValue(bytes, p, end, tag)
    switch (tag >>> 3) {
      case SpanField.traceId:
        fields.traceId = idAt(bytes, payloadStart(bytes, p), next)
        break
      case SpanField.spanId:
        fields.spanId = idAt(bytes, payloadStart(bytes, p), next)
        break
      case SpanField.traceState:
        fields.traceState = textAt(bytes, payloadStart(bytes, p), next)
        break
      case SpanField.parentSpanId:
        fields.parentSpanId = idAt(bytes, payloadStart(bytes, p), next)
        break
      case SpanField.name:
        fields.name = textAt(bytes, payloadStart(bytes, p), next)
        break
      case SpanField.kind:
        fields.kind = SPAN_KINDS[varintLow(bytes, p)] ?? 'unspecified'
        break
      case SpanField.start:
        fields.startTimeNs = fixed64At(bytes, p)
        break
      case SpanField.end:
        fields.endTimeNs = fixed64At(bytes, p)
        break
      case SpanField.droppedAttributesCount:
        fields.droppedAttributesCount = varintLow(bytes, p)
        break
      case SpanField.droppedEventsCount:
        fields.droppedEventsCount = varintLow(bytes, p)
        break
      case SpanField.droppedLinksCount:
        fields.droppedLinksCount = varintLow(bytes, p)
        break
      case SpanField.status:
        readStatus(fields, bytes, payloadStart(bytes, p), next)
        break
      case SpanField.flags:
        fields.flags = fixed32At(bytes, p)
        break
      default:
    }
    p = next
  }
  return fields
}

function readStatus(fields: SpanFields, bytes: Uint8Array, start: number, end: number): void {
  for (let p = start; p < end; ) {
    const tag = lengthAt(bytes, p)
    p = payloadStart(bytes, p)
    const next = skipValue(bytes, p, end, tag)
    if (tag >>> 3 === StatusField.message) fields.statusMessage = textAt(bytes, payloadStart(bytes, p), next)
    else if (tag >>> 3 === StatusField.code) fields.status = SPAN_STATUSES[varintLow(bytes, p)] ?? 'unset'
    p = next
  }
}

/** Calls `read` with each payload of the length-delimited field `field`. */
function eachMessage(bytes: Uint8Array, { start, end }: { start: number; end: number }, field: number, read: (start: number, end: number) => void): void {
  for (let p = start; p < end; ) {
    const tag = lengthAt(bytes, p)
    p = payloadStart(bytes, p)
    const next = skipValue(bytes, p, end, tag)
    if (tag >>> 3 === field) read(payloadStart(bytes, p), next)
    p = next
  }
}

/** The events of a span in `bytes[start, end)`, which have been checked. */
export function readEvents(bytes: Uint8Array, start: number, end: number): SpanEvent[] {
  const events: SpanEvent[] = []
  eachMessage(bytes, { start, end }, SpanField.events, (from, to) => {
    const event: SpanEvent = {
      timeNs: 0n,
      name: '',
      attributes: readAttributes(bytes, from, to, (EventField.attributes << 3) | WireType.bytes),
      droppedAttributesCount: 0,
    }
    for (let p = from; p < to; ) {
      const tag = lengthAt(bytes, p)
      p = payloadStart(bytes, p)
      const next = skipValue(bytes, p, to, tag)
      if (tag >>> 3 === EventField.time) event.timeNs = fixed64At(bytes, p)
      else if (tag >>> 3 === EventField.name) event.name = textAt(bytes, payloadStart(bytes, p), next)
      else if (tag >>> 3 === EventField.droppedAttributesCount) event.droppedAttributesCount = varintLow(bytes, p)
      p = next
    }
    events.push(event)
  })
  return events
}

/** The links of a span in `bytes[start, end)`, which have been checked. */
export function readLinks(bytes: Uint8Array, start: number, end: number): SpanLink[] {
  const links: SpanLink[] = []
  eachMessage(bytes, { start, end }, SpanField.links, (from, to) => {
    const attributes = readAttributes(bytes, from, to, (LinkField.attributes << 3) | WireType.bytes)
    const link: SpanLink = { traceId: '', spanId: '', traceState: '', flags: 0, attributes, droppedAttributesCount: 0 }
    for (let p = from; p < to; ) {
      const tag = lengthAt(bytes, p)
      p = payloadStart(bytes, p)
      const next = skipValue(bytes, p, to, tag)
      const field = tag >>> 3
      if (field === LinkField.traceId) link.traceId = idAt(bytes, payloadStart(bytes, p), next)
      else if (field === LinkField.spanId) link.spanId = idAt(bytes, payloadStart(bytes, p), next)
      else if (field === LinkField.traceState) link.traceState = textAt(bytes, payloadStart(bytes, p), next)
      else if (field === LinkField.droppedAttributesCount) link.droppedAttributesCount = varintLow(bytes, p)
      else if (field === LinkField.flags) link.flags = fixed32At(bytes, p)
      p = next
    }
    links.push(link)
  })
  return links
}

/** Writes the fields of a span but its attributes, events and links; what has its default is left out. */
export function writeSpanFields(writer: ProtobufWriter, fields: SpanFields): void {
  if (fields.traceId !== '') writer.hex(SpanField.traceId, fields.traceId)
  if (fields.spanId !== '') writer.hex(SpanField.spanId, fields.spanId)
  if (fields.traceState !== '') writer.string(SpanField.traceState, fields.traceState)
  if (fields.parentSpanId !== '') writer.hex(SpanField.parentSpanId, fields.parentSpanId)
  if (fields.name !== '') writer.string(SpanField.name, fields.name)
  if (fields.kind !== 'unspecified') writer.varint(SpanField.kind, SPAN_KINDS.indexOf(fields.kind))
  if (fields.startTimeNs !== 0n) writer.fixed64(SpanField.start, fields.startTimeNs)
  if (fields.endTimeNs !== 0n) writer.fixed64(SpanField.end, fields.endTimeNs)
  if (fields.droppedAttributesCount !== 0) writer.varint(SpanField.droppedAttributesCount, fields.droppedAttributesCount >>> 0)
  if (fields.droppedEventsCount !== 0) writer.varint(SpanField.droppedEventsCount, fields.droppedEventsCount >>> 0)
  if (fields.droppedLinksCount !== 0) writer.varint(SpanField.droppedLinksCount, fields.droppedLinksCount >>> 0)
  if (fields.status !== 'unset' || fields.statusMessage !== '') {
    writer.open(SpanField.status)
    if (fields.statusMessage !== '') writer.string(StatusField.message, fields.statusMessage)
    if (fields.status !== 'unset') writer.varint(StatusField.code, SPAN_STATUSES.indexOf(fields.status))
    writer.close()
  }
  if (fields.flags !== 0) writer.fixed32(SpanField.flags, fields.flags)
}

/** Writes an event of a span. */
export function writeEvent(writer: ProtobufWriter, event: SpanEvent): void {
  writer.open(SpanField.events)
  if (event.timeNs !== 0n) writer.fixed64(EventField.time, event.timeNs)
  if (event.name !== '') writer.string(EventField.name, event.name)
  event.attributes.writeTo(writer, EventField.attributes)
  if (event.droppedAttributesCount !== 0) writer.varint(EventField.droppedAttributesCount, event.droppedAttributesCount >>> 0)
  writer.close()
}

/** Writes a link of a span. */
export function writeLink(writer: ProtobufWriter, link: SpanLink): void {
  writer.open(SpanField.links)
  if (link.traceId !== '') writer.hex(LinkField.traceId, link.traceId)
  if (link.spanId !== '') writer.hex(LinkField.spanId, link.spanId)
  if (link.traceState !== '') writer.string(LinkField.traceState, link.traceState)
  link.attributes.writeTo(writer, LinkField.attributes)
  if (link.droppedAttributesCount !== 0) writer.varint(LinkField.droppedAttributesCount, link.droppedAttributesCount >>> 0)
  if (link.flags !== 0) writer.fixed32(LinkField.flags, link.flags)
  writer.close()
}
