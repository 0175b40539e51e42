import { AttributeSet, type AttributeValue } from '../../../model/attributes.ts'
import type { LogRecord } from '../../../model/log_records.ts'
import type { Span } from '../../../model/traces.ts'
import { compileCondition, compileStatement } from './compile.ts'
import { CONTEXTS, type ContextName } from './contexts.ts'
import { Item, type MetricHeader } from './item.ts'
import { parseCondition, parseStatement } from './parser.ts'

/** A log record; what is not given is as empty as it can be. */
export function logRecord(given: Partial<LogRecord> = {}): LogRecord {
  return {
    timeNs: 1_700_000_000_123_456_789n,
    observedNs: 0n,
    severityNumber: 9,
    severityText: 'INFO',
    body: 'hello',
    attributes: AttributeSet.empty,
    droppedAttributesCount: 0,
    flags: 0,
    traceId: '',
    spanId: '',
    eventName: '',
    ...given,
  }
}

/** A span; what is not given is as empty as it can be. */
export function spanOf(given: Partial<Span> = {}): Span {
  return {
    traceId: '0102030405060708090a0b0c0d0e0f10',
    spanId: '0102030405060708',
    parentSpanId: '',
    traceState: '',
    flags: 0,
    name: 'GET /',
    kind: 'server',
    startTimeNs: 1_000_000_000n,
    endTimeNs: 3_000_000_000n,
    attributes: AttributeSet.empty,
    droppedAttributesCount: 0,
    events: [],
    droppedEventsCount: 0,
    links: [],
    droppedLinksCount: 0,
    status: 'unset',
    statusMessage: '',
    ...given,
  }
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
