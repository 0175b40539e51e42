import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AttributeSet } from '../attributes.ts'
import { type LogRecordPart, newLogRecord } from '../log_records.ts'
import { OtlpError } from './error.ts'
import { logsJson, parseLogsJson, parseMetricsJson, parseTracesJson } from './json.ts'

function logsOf(record: object): string {
  return JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords: [record] }] }] })
}

/** Built by hand, since `JSON.stringify` cannot. */
function deepLogs(integer: string): string {
  const levels = 20_000
  const body = '{"arrayValue":{"values":['.repeat(levels) + integer + ']}}'.repeat(levels)
  return `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":${body}}]}]}]}`
}

const TRACE = '0af7651916cd43dd8448eb211c80319c'

test.for<{ readonly name: string; readonly text: string; readonly record: LogRecordPart }>([
  { name: '64-bit numbers as text', text: logsOf({ timeUnixNano: '1544712660300000001' }), record: { timeNs: 1_544_712_660_300_000_001n } },
  {
    name: 'long numbers as numbers, exactly',
    text: '{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":1544712660300000001}]}]}]}',
    record: { timeNs: 1_544_712_660_300_000_001n },
  },
  {
    name: 'snake_case',
    text: '{"resource_logs":[{"scope_logs":[{"log_records":[{"severity_number":9,"event_name":"x"}]}]}]}',
    record: { severityNumber: 9, eventName: 'x' },
  },
  { name: 'an enum by name', text: logsOf({ severityNumber: 'SEVERITY_NUMBER_INFO2' }), record: { severityNumber: 10 } },
  { name: 'an enum as text with a number', text: logsOf({ severityNumber: '17' }), record: { severityNumber: 17 } },
  {
    name: 'ids in upper case',
    text: logsOf({ traceId: TRACE.toUpperCase(), spanId: 'B7AD6B7169203331' }),
    record: { traceId: TRACE, spanId: 'b7ad6b7169203331' },
  },
  { name: 'ids of zeros', text: logsOf({ traceId: '0'.repeat(32), spanId: '0'.repeat(16) }), record: {} },
  { name: 'null for what there is not', text: logsOf({ body: null, attributes: null, traceId: null, timeUnixNano: null }), record: {} },
  { name: 'members that nobody knows', text: logsOf({ future: { a: [1] }, severityText: 'A' }), record: { severityText: 'A' } },
  {
    name: 'doubles that JSON lacks',
    text: logsOf({ body: { arrayValue: { values: ['NaN', '-Infinity', '1e3', 5].map((doubleValue) => ({ doubleValue })) } } }),
    record: { body: [Number.NaN, -Infinity, 1000, 5] },
  },
  { name: 'bytes', text: logsOf({ body: { bytesValue: 'AQL/' } }), record: { body: Uint8Array.of(1, 2, 255) } },
  {
    name: 'a value that is not set',
    text: logsOf({ body: {}, attributes: [{ key: 'a' }, { key: 'b', value: {} }] }),
    record: { attributes: AttributeSet.of({ a: null, b: null }) },
  },
  { name: 'half a surrogate pair', text: logsOf({ severityText: 'a\ud800b' }), record: { severityText: 'a\ufffdb' } },
])('reads $name', ({ text, record }) => {
  expect(parseLogsJson(text).groups[0]?.records).toEqual([newLogRecord(record)])
})

const AT = 'resourceLogs[0].scopeLogs[0].logRecords[0].'

test.for([
  { name: 'text that is no JSON', text: '{"resourceLogs":', message: 'not JSON: ' },
  { name: 'a list', text: '[]', message: 'the document: expected an object, found a list' },
  { name: 'a number in place of a list', text: '{"resourceLogs":5}', message: 'resourceLogs: expected a list, found 5' },
  {
    name: 'a negative time',
    text: logsOf({ timeUnixNano: '-1' }),
    message: `${AT}timeUnixNano: expected an integer from 0 to 18446744073709551615, found "-1"`,
  },
  { name: 'half a nanosecond', text: logsOf({ timeUnixNano: 0.5 }), message: `${AT}timeUnixNano: expected an integer` },
  { name: 'a short trace id', text: logsOf({ traceId: '12' }), message: `${AT}traceId: expected 32 hex digits, found "12"` },
  { name: 'a trace id in base64', text: logsOf({ traceId: 'W47/95gDgQPSabYzgT/GDA==' }), message: `${AT}traceId: expected 32 hex digits` },
  {
    name: 'an enum that does not exist',
    text: logsOf({ severityNumber: 'INFO' }),
    message: `${AT}severityNumber: expected a number, or a name such as SEVERITY_NUMBER_TRACE, found "INFO"`,
  },
  { name: 'a body that is text', text: logsOf({ body: 'text' }), message: `${AT}body: expected an object, found "text"` },
  { name: 'an attribute with a number for a key', text: logsOf({ attributes: [{ key: 5 }] }), message: `${AT}attributes[0].key: expected text, found 5` },
  { name: 'an integer beyond 64 bits', text: logsOf({ body: { intValue: '9223372036854775808' } }), message: `${AT}body.intValue: expected an integer` },
  { name: 'a truth value as text', text: logsOf({ body: { boolValue: 'true' } }), message: `${AT}body.boolValue: expected true or false, found "true"` },
  { name: 'long text, cut', text: logsOf({ flags: 'x'.repeat(1000) }), message: `found "${'x'.repeat(59)}…` },
  { name: 'lists within lists', text: deepLogs('1'), message: 'objects are nested deeper than 100 levels' },
  { name: 'lists within lists that hold a long integer', text: deepLogs('12345678901234567890'), message: 'nested' },
])('refuses $name', ({ text, message }) => {
  expect(() => parseLogsJson(text)).toThrow(expect.objectContaining({ name: 'OtlpError', message: expect.stringContaining(message) as string }) as Error)
})

test('says where JSON ends too early', () => {
  expect(() => parseLogsJson('{"a" 5}')).toThrow(expect.objectContaining({ offset: 5 }) as Error)
})

test('leaves out what has its default', () => {
  const groups = [{ resource: { attributes: AttributeSet.empty }, scope: { name: '', version: '' }, records: [newLogRecord({ body: 5n })] }]
  expect(logsJson({ groups })).toBe('{"resourceLogs":[{"resource":{},"scopeLogs":[{"scope":{},"logRecords":[{"body":{"intValue":"5"}}]}]}]}')
})

describe('any JSON', () => {
  const names = [
    'resourceLogs',
    'resourceSpans',
    'resourceMetrics',
    'scopeLogs',
    'scopeSpans',
    'scopeMetrics',
    'logRecords',
    'spans',
    'metrics',
    'resource',
    'scope',
    'attributes',
    'key',
    'value',
    'stringValue',
    'intValue',
    'sum',
    'dataPoints',
    'asInt',
    'body',
    'traceId',
    'status',
    'code',
  ]
  const { json } = fc.letrec<{ json: unknown }>((tie) => ({
    json: fc.oneof(
      { maxDepth: 8 },
      fc.jsonValue({ maxDepth: 1 }),
      fc.array(tie('json'), { maxLength: 2 }),
      fc.dictionary(fc.constantFrom(...names), tie('json'), { maxKeys: 4 }),
    ),
  }))

  test('is read or refused with an OtlpError', () => {
    fc.assert(
      fc.property(json, (value) => {
        for (const parse of [parseLogsJson, parseTracesJson, parseMetricsJson]) {
          try {
            expect(Array.isArray(parse(JSON.stringify(value)).groups)).toBe(true)
          } catch (error) {
            expect(error).toBeInstanceOf(OtlpError)
          }
        }
      }),
      { numRuns: 500 },
    )
  })
})
