import type { SpanKind } from '../../../model/traces.ts'
import { EvaluationError } from './errors.ts'
import { enumField, type FieldTable, idFields, mapField, nanosField, textField, timeField, uint32Field } from './fields.ts'
import type { Item } from './item.ts'

const KINDS = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'] as const satisfies readonly SpanKind[]
const STATUSES = ['unset', 'ok', 'error'] as const

const start = {
  get: ({ span }: Item): bigint => span.startTimeNs,
  set: ({ span }: Item, ns: bigint): void => void (span.startTimeNs = ns),
}
const end = {
  get: ({ span }: Item): bigint => span.endTimeNs,
  set: ({ span }: Item, ns: bigint): void => void (span.endTimeNs = ns),
}

/** Paths below `span`. */
export const SPAN_FIELDS: FieldTable = {
  ...idFields('trace_id', 'span', 32, { get: ({ span }) => span.traceId, set: ({ span }, id) => void (span.traceId = id) }),
  ...idFields('span_id', 'span', 16, { get: ({ span }) => span.spanId, set: ({ span }, id) => void (span.spanId = id) }),
  ...idFields('parent_span_id', 'span', 16, { get: ({ span }) => span.parentSpanId, set: ({ span }, id) => void (span.parentSpanId = id) }),
  trace_state: textField('span', { get: ({ span }) => span.traceState, set: ({ span }, state) => void (span.traceState = state) }),
  name: textField('span', { get: ({ span }) => span.name, set: ({ span }, name) => void (span.name = name) }),
  kind: enumField('span', KINDS, { get: ({ span }) => span.kind, set: ({ span }, kind) => void (span.kind = kind) }),
  'kind.string': textField('span', {
    get: ({ span }) => capitalized(span.kind),
    set: ({ span }, text) => {
      const kind = KINDS.find((name) => capitalized(name) === text)
      if (kind === undefined) throw new EvaluationError(`there is no span kind ${text}`)
      span.kind = kind
    },
  }),
  start_time_unix_nano: nanosField('span', start),
  start_time: timeField('span', start),
  end_time_unix_nano: nanosField('span', end),
  end_time: timeField('span', end),
  attributes: mapField('span', { get: ({ span }) => span.attributes, set: ({ span }, attributes) => void (span.attributes = attributes) }),
  dropped_attributes_count: uint32Field('span', {
    get: ({ span }) => span.droppedAttributesCount,
    set: ({ span }, count) => void (span.droppedAttributesCount = count),
  }),
  dropped_events_count: uint32Field('span', {
    get: ({ span }) => span.droppedEventsCount,
    set: ({ span }, count) => void (span.droppedEventsCount = count),
  }),
  dropped_links_count: uint32Field('span', { get: ({ span }) => span.droppedLinksCount, set: ({ span }, count) => void (span.droppedLinksCount = count) }),
  'status.code': enumField('span', STATUSES, { get: ({ span }) => span.status, set: ({ span }, status) => void (span.status = status) }),
  'status.message': textField('span', { get: ({ span }) => span.statusMessage, set: ({ span }, message) => void (span.statusMessage = message) }),
  flags: uint32Field('span', { get: ({ span }) => span.flags, set: ({ span }, flags) => void (span.flags = flags) }),
}

const eventTime = {
  get: ({ event }: Item): bigint => event.timeNs,
  set: ({ event }: Item, ns: bigint): void => void (event.timeNs = ns),
}

/** Paths below `spanevent`. */
export const SPAN_EVENT_FIELDS: FieldTable = {
  time_unix_nano: nanosField('spanevent', eventTime),
  time: timeField('spanevent', eventTime),
  name: textField('spanevent', { get: ({ event }) => event.name, set: ({ event }, name) => void (event.name = name) }),
  attributes: mapField('spanevent', { get: ({ event }) => event.attributes, set: ({ event }, attributes) => void (event.attributes = attributes) }),
  dropped_attributes_count: uint32Field('spanevent', {
    get: ({ event }) => event.droppedAttributesCount,
    set: ({ event }, count) => void (event.droppedAttributesCount = count),
  }),
}

function capitalized(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1)
}
