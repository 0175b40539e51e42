import { AttributeSet, type AttributeValue } from '../../../model/attributes.ts'
import { LogRecord, type LogRecordPart, newLogRecord } from '../../../model/log_records.ts'
import { newSpan, Span, type SpanPart } from '../../../model/traces.ts'
import { compileCondition, compileStatement } from './compile.ts'
import { CONTEXTS, type ContextName } from './contexts.ts'
import { Item, type MetricHeader } from './item.ts'
import { parseCondition, parseStatement } from './parser.ts'

/** A log record; what is not given is as empty as it can be, but for time, severity and body. */
export function logRecord(given: LogRecordPart = {}): LogRecord {
  return newLogRecord({ timeNs: 1_700_000_000_123_456_789n, severityNumber: 9, severityText: 'INFO', body: 'hello', ...given })
}

/** A span of two seconds without a parent; what is not given is as empty as it can be. */
export function spanOf(given: SpanPart = {}): Span {
  return newSpan({
    traceId: '0102030405060708090a0b0c0d0e0f10',
    spanId: '0102030405060708',
    name: 'GET /',
    kind: 'server',
    startTimeNs: 1_000_000_000n,
    endTimeNs: 3_000_000_000n,
    ...given,
  })
}

/** A value as plain data that tests can compare: sets of attributes, whose members are private, as objects. */
export function plain(value: unknown): unknown {
  if (value instanceof AttributeSet) return Object.fromEntries(value.keys.map((key, i) => [key, plain(value.values[i])]))
  if (Array.isArray(value)) return value.map(plain)
  if (value instanceof LogRecord || value instanceof Span) return plain(value.toJSON())
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, plain(member)]))
}

/** An item with a log, a span with an event, and a sum with a point, all of one resource and scope. */
export function itemWith(attributes: Readonly<Record<string, AttributeValue>> = {}, body: AttributeValue = 'hello'): Item {
  const set = AttributeSet.of(attributes)
  const item = new Item()
  item.resource = { resource: { attributes: AttributeSet.of({ 'service.name': 'shop' }) } }
  item.scope = { scope: { name: 'lib', version: '1.0' } }
  item.log = logRecord({ attributes: set, body })
  item.span = spanOf({ attributes: set })
  item.event = { timeNs: 2_000_000_000n, name: 'retry', attributes: set, droppedAttributesCount: 0 }
  const metric: MetricHeader = { name: 'requests', description: 'Requests.', unit: '1', type: 'sum', temporality: 'cumulative', isMonotonic: true }
  item.metric = metric
  item.point = { attributes: set, startTimeNs: 1n, timeNs: 2n, flags: 0, exemplars: [], value: 5n }
  item.points = [item.point]
  return item
}

/** Runs a statement on an item, which it gives back. */
export function run(text: string, context: ContextName = 'log', item = itemWith()): Item {
  compileStatement(parseStatement(text), text, { context: CONTEXTS[context], needsContextNames: false }).run(item)
  return item
}

/** Tests a condition on an item. */
export function holds(text: string, context: ContextName = 'log', item = itemWith()): boolean {
  return compileCondition(parseCondition(text), text, { context: CONTEXTS[context], needsContextNames: false }).test(item)
}
