import { EvaluationError } from './errors.ts'
import { expectText } from './expect.ts'
import { type FieldTable, idFields, intField, mapField, nanosField, textField, timeField, uint32Field } from './fields.ts'
import type { Item } from './item.ts'
import { attributeValue, jsonText, type OttlValue } from './values.ts'

const time = {
  get: ({ log }: Item): bigint => log.timeNs,
  set: ({ log }: Item, ns: bigint): void => void (log.timeNs = ns),
}
const observed = {
  get: ({ log }: Item): bigint => log.observedNs,
  set: ({ log }: Item, ns: bigint): void => void (log.observedNs = ns),
}

/** Paths below `log`. */
export const LOG_FIELDS: FieldTable = {
  time_unix_nano: nanosField('log', time),
  time: timeField('log', time),
  observed_time_unix_nano: nanosField('log', observed),
  observed_time: timeField('log', observed),
  severity_number: intField('log', {
    get: ({ log }) => BigInt(log.severityNumber),
    set: ({ log }, value) => void (log.severityNumber = Number(BigInt.asIntN(32, value))),
  }),
  severity_text: textField('log', { get: ({ log }) => log.severityText, set: ({ log }, text) => void (log.severityText = text) }),
  body: {
    touch: 'log',
    type: 'any',
    isIndexed: true,
    get: ({ log }) => log.body,
    set: ({ log }, value) => void (log.body = attributeValue(value)),
  },
  'body.string': {
    touch: 'log',
    type: 'string',
    isIndexed: false,
    get: ({ log }) => bodyText(log.body),
    set: ({ log }, value) => void (log.body = expectText(value)),
  },
  attributes: mapField('log', { get: ({ log }) => log.attributes, set: ({ log }, attributes) => void (log.attributes = attributes) }),
  dropped_attributes_count: uint32Field('log', {
    get: ({ log }) => log.droppedAttributesCount,
    set: ({ log }, count) => void (log.droppedAttributesCount = count),
  }),
  flags: uint32Field('log', { get: ({ log }) => log.flags, set: ({ log }, flags) => void (log.flags = flags) }),
  ...idFields('trace_id', 'log', 32, { get: ({ log }) => log.traceId, set: ({ log }, id) => void (log.traceId = id) }),
  ...idFields('span_id', 'log', 16, { get: ({ log }) => log.spanId, set: ({ log }, id) => void (log.spanId = id) }),
  event_name: textField('log', { get: ({ log }) => log.eventName, set: ({ log }, name) => void (log.eventName = name) }),
}

/** A body as text, as OpenTelemetry writes values that are no text: JSON, bytes as base64, nothing for none. */
function bodyText(body: OttlValue): string {
  if (typeof body === 'string') return body
  if (body === null) return ''
  if (body instanceof Uint8Array) return Buffer.from(body).toString('base64')
  if (typeof body === 'number' && !Number.isFinite(body)) throw new EvaluationError(`${body} has no JSON`)
  return jsonText(body)
}
