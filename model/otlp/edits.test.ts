import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { ProtobufWriter } from '../../lib/protobuf/writer.ts'
import * as arbitrary from '../../test/fakes/otlp_arbitraries.ts'
import { AttributeSet, type AttributeValue } from '../attributes.ts'
import { copyLogRecords, type LogRecord, type LogRecords, newLogRecord } from '../log_records.ts'
import { copyTraces, type Span, type Traces } from '../traces.ts'
import { decodeLogs, decodeTraces } from './decode.ts'
import { encodeLogs, encodeTraces } from './encode.ts'

const TIMEOUT = 30_000

/** What can be done to a set of attributes: twice the same key is as likely as not. */
const attributeEdit = fc.oneof(
  fc.record({ kind: fc.constant('set' as const), key: fc.constantFrom('a', 'b', 'é', ''), value: arbitrary.anyValue }),
  fc.record({ kind: fc.constant('remove' as const), key: fc.constantFrom('a', 'b', 'é', '') }),
  fc.record({ kind: fc.constant('read' as const) }),
)
type AttributeEdit =
  | { readonly kind: 'set'; readonly key: string; readonly value: AttributeValue }
  | { readonly kind: 'remove'; readonly key: string }
  | { readonly kind: 'read' }

function edited(set: AttributeSet, edits: readonly AttributeEdit[]): AttributeSet {
  let result = set
  for (const edit of edits) {
    if (edit.kind === 'set') result = result.with(edit.key, edit.value)
    else if (edit.kind === 'remove') result = result.without(edit.key)
    else expect(result.keys.length).toBe(result.size)
  }
  return result
}

test('attributes that came encoded take edits as plain ones do', { timeout: TIMEOUT }, () => {
  const known = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'é', ''), arbitrary.anyValue).map((entries) => AttributeSet.of(entries))
  fc.assert(
    fc.property(known, fc.array(attributeEdit, { maxLength: 6 }), (plain, edits) => {
      const encoded = encodedForm(plain)
      const ours = edited(encoded, edits)
      const expected = edited(plain, edits)
      for (const key of ['a', 'b', 'c', 'é', '', 'z']) {
        expect(ours.get(key)).toEqual(expected.get(key))
        expect(ours.has(key)).toBe(expected.has(key))
      }
      expect(encodedForm(ours)).toEqual(expected)
      expect(ours).toEqual(expected)
      expect(encoded.detached()).toEqual(plain)
      expect(ours.detached().get('a')).toEqual(expected.get('a'))
      // Sets never change.
      expect(encoded).toEqual(plain)
    }),
  )
})

/** The set as it is after a trip through bytes, under another field number on the way. */
function encodedForm(set: AttributeSet): AttributeSet {
  const writer = new ProtobufWriter()
  set.writeTo(writer, 9)
  const once = AttributeSet.ofWire(writer.finish(), 0, writer.length)
  expect(once.size).toBe(0)
  set.writeTo(writer, 9)
  const { length } = writer
  const nine = AttributeSet.ofWire(writer.finish(), 0, length)
  nine.writeTo(writer, 6)
  const size = writer.length
  return AttributeSet.ofWire(writer.finish(), 0, size)
}

const recordEdits: readonly ((record: LogRecord) => void)[] = [
  (record) => (record.attributes = record.attributes.with('new', 7n)),
  (record) => (record.attributes = AttributeSet.of({ only: true })),
  (record) => (record.body = null),
  (record) => (record.body = ['a', 1n, AttributeSet.of({ x: 2 })]),
  (record) => (record.severityNumber = 17),
  (record) => (record.severityText = ''),
  (record) => (record.timeNs = 5n),
  (record) => (record.observedNs = 0n),
  (record) => (record.flags = 1),
  (record) => (record.traceId = '0af7651916cd43dd8448eb211c80319c'),
  (record) => (record.spanId = ''),
  (record) => (record.eventName = 'changed'),
  (record) => (record.droppedAttributesCount = 300),
  (record) => expect(record.body === undefined).toBe(false),
  (record) => expect(typeof record.traceId).toBe('string'),
]

const spanEdits: readonly ((span: Span) => void)[] = [
  (span) => (span.attributes = span.attributes.without('a').with('new', 'x')),
  (span) => (span.name = 'changed'),
  (span) => (span.kind = 'client'),
  (span) => (span.status = 'unset'),
  (span) => (span.statusMessage = 'why'),
  (span) => (span.startTimeNs = 0n),
  (span) => (span.endTimeNs = 9n),
  (span) => (span.traceState = 'a=b'),
  (span) => (span.parentSpanId = ''),
  (span) => (span.traceId = '0af7651916cd43dd8448eb211c80319c'),
  (span) => (span.spanId = 'b7ad6b7169203331'),
  (span) => (span.flags = 257),
  (span) => (span.droppedAttributesCount = 1),
  (span) => (span.droppedEventsCount = 2),
  (span) => (span.droppedLinksCount = 3),
  (span) => span.events.push({ timeNs: 1n, name: 'more', attributes: AttributeSet.empty, droppedAttributesCount: 0 }),
  (span) => (span.links = []),
  (span) => {
    for (const event of span.events) event.attributes = event.attributes.with('in', 'event')
  },
]

test.for([
  {
    name: 'log records',
    batches: arbitrary.logRecords,
    edits: recordEdits,
    decode: decodeLogs,
    encode: encodeLogs,
    copy: copyLogRecords,
    items: (logs: LogRecords) => logs.groups.flatMap(({ records }) => records),
  },
  {
    name: 'spans',
    batches: arbitrary.traces,
    edits: spanEdits,
    decode: decodeTraces,
    encode: encodeTraces,
    copy: copyTraces,
    items: (traces: Traces) => traces.groups.flatMap(({ spans }) => spans),
  },
] as unknown as readonly {
  readonly name: string
  readonly batches: fc.Arbitrary<LogRecords>
  readonly edits: readonly ((item: LogRecord) => void)[]
  readonly decode: (bytes: Uint8Array) => LogRecords
  readonly encode: (batch: LogRecords) => Uint8Array
  readonly copy: (batch: LogRecords) => LogRecords
  readonly items: (batch: LogRecords) => LogRecord[]
}[])('$name that came encoded take edits as plain ones do, and copies take none', { timeout: TIMEOUT }, ({ batches, edits, decode, encode, copy, items }) => {
  const someEdits = fc.array(fc.constantFrom(...edits), { maxLength: 4 })
  fc.assert(
    fc.property(batches, someEdits, someEdits, (plain, first, second) => {
      const bytes = encode(plain)
      const encoded = decode(bytes)
      for (const edit of first) for (const batch of [plain, encoded]) items(batch).forEach(edit)
      const before = [copy(plain), copy(encoded)]
      for (const edit of second) for (const batch of [plain, encoded]) items(batch).forEach(edit)
      expect(decode(encode(encoded))).toEqual(plain)
      expect(encoded).toEqual(plain)
      expect(before[1]).toEqual(before[0])
      expect(decode(encode(before[1] as LogRecords))).toEqual(before[0])
    }),
    { numRuns: 50 },
  )
})

test('fields that nobody knows survive edits of other fields', () => {
  const record = new ProtobufWriter().fixed64(1, 5n).string(30, 'from the future').varint(500, 7).string(12, 'named').finish()
  const bytes = new ProtobufWriter().open(1).open(2).bytes(2, record).close().close().finish()
  const logs = decodeLogs(bytes)
  const only = logs.groups[0]?.records[0] as LogRecord
  only.eventName = 'renamed'
  only.attributes = only.attributes.with('a', 'b')
  const text = Buffer.from(encodeLogs(logs)).toString('latin1')
  expect([text.includes('from the future'), text.includes('renamed'), text.includes('named\n')]).toEqual([true, true, false])
  expect(decodeLogs(encodeLogs(logs)).groups[0]?.records).toEqual([newLogRecord({ timeNs: 5n, eventName: 'renamed', attributes: AttributeSet.of({ a: 'b' }) })])
})

test('attributes between which other fields stand are all found', () => {
  const keyValue = (key: string) => new ProtobufWriter().string(1, key).open(2).varint(3, 1).close().finish()
  const record = new ProtobufWriter().bytes(6, keyValue('a')).fixed64(1, 5n).bytes(6, keyValue('b')).bytes(6, keyValue('c')).finish()
  const only = decodeLogs(new ProtobufWriter().open(1).open(2).bytes(2, record).close().close().finish()).groups[0]?.records[0]
  expect(only?.attributes.with('b', 2n).keys).toEqual(['a', 'b', 'c'])
})
