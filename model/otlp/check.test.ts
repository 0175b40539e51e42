import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ProtobufWriter } from '../../lib/protobuf/writer.ts'
import * as arbitrary from '../../test/fakes/otlp_arbitraries.ts'
import type { LogRecords } from '../log_records.ts'
import { decodeLogs, decodeMetrics, decodeTraces } from './decode.ts'
import { encodeLogs, encodeMetrics, encodeTraces } from './encode.ts'
import { OtlpError } from './error.ts'
import { logsJson, metricsJson, tracesJson } from './json.ts'

const writer = (): ProtobufWriter => new ProtobufWriter()

/** A request with one record of these bytes. */
function requestOf(record: Uint8Array): Uint8Array {
  return writer().open(1).open(2).bytes(2, record).close().close().finish()
}

function nested(levels: number): Uint8Array {
  let value: Uint8Array = writer().string(1, 'deep').finish()
  for (let level = 0; level < levels; level++) value = writer().open(5).bytes(1, value).close().finish()
  return writer().bytes(5, value).finish()
}

test.for([
  {
    name: 'a length behind the end',
    bytes: Uint8Array.of(0x0a, 5, 0),
    offset: 1,
    message: 'LogsData.resource_logs has a length of 5 bytes, but its message ends after 1',
  },
  {
    name: 'a length in a record that leaves the record',
    bytes: requestOf(Uint8Array.of(0x1a, 9, 65)),
    offset: 7,
    message: 'LogRecord.severity_text has a length of 9 bytes, but its message ends after 1',
  },
  {
    name: 'a length that does not end',
    bytes: Uint8Array.of(0x0a, 0x80),
    offset: 1,
    message: 'LogsData.resource_logs: a length that does not end or is too large',
  },
  {
    name: 'a huge length',
    bytes: Uint8Array.of(0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f),
    offset: 1,
    message: 'LogsData.resource_logs has a length of 4294967295 bytes',
  },
  { name: 'a tag that does not end', bytes: Uint8Array.of(0x80), offset: 0, message: 'LogsData: a field number that does not end or is too large' },
  {
    name: 'field number 0',
    bytes: Uint8Array.of(2, 0),
    offset: 1,
    message: 'LogsData.field 0 ends behind its message, or has a wire type that does not exist',
  },
  { name: 'another wire type', bytes: requestOf(writer().varint(1, 5).finish()), offset: 7, message: 'LogRecord.time_unix_nano has wire type 0; expected 1' },
  { name: 'text as a number', bytes: requestOf(writer().varint(3, 5).finish()), offset: 7, message: 'LogRecord.severity_text has wire type 0; expected 2' },
  {
    name: 'a trace id of 3 bytes',
    bytes: requestOf(
      writer()
        .bytes(9, Uint8Array.of(1, 2, 3))
        .finish(),
    ),
    offset: 8,
    message: 'LogRecord.trace_id has 3 bytes; expected 16, or none',
  },
  {
    name: 'a span id of 16 bytes',
    bytes: requestOf(writer().bytes(10, new Uint8Array(16)).finish()),
    offset: 8,
    message: 'LogRecord.span_id has 16 bytes; expected 8, or none',
  },
  { name: 'a body in 60 lists', bytes: requestOf(nested(60)), offset: expect.any(Number) as number, message: 'messages are nested deeper than 100 levels' },
  {
    name: 'a body in 3,000 lists',
    bytes: requestOf(nested(3_000)),
    offset: expect.any(Number) as number,
    message: 'messages are nested deeper than 100 levels',
  },
  {
    name: 'text that is no protobuf',
    bytes: new TextEncoder().encode('{"resourceLogs":[]}'),
    offset: expect.any(Number) as number,
    message: 'byte 1: LogsData.field 15 ends behind its message',
  },
])('refuses $name', ({ bytes, offset, message }) => {
  expect(() => decodeLogs(bytes)).toThrow(expect.objectContaining({ name: 'OtlpError', offset, message: expect.stringContaining(message) as string }) as Error)
})

test.for([
  {
    name: 'bucket counts that are no multiple of 8 bytes',
    point: writer().bytes(6, new Uint8Array(9)).finish(),
    message: 'HistogramDataPoint.bucket_counts has 9 bytes; expected a multiple of 8',
  },
  { name: 'a count as a varint', point: writer().varint(4, 9).finish(), message: 'HistogramDataPoint.count has wire type 0; expected 1' },
])('refuses $name', ({ point, message }) => {
  expect(() => decodeMetrics(writer().open(1).open(2).open(2).open(9).bytes(1, point).close().close().close().close().finish())).toThrow(message)
})

test('reads numbers that could be packed and are not', () => {
  const point = writer().fixed64(6, 3n).fixed64(6, 4n).double(7, 0.5).finish()
  const exponential = writer().open(8).varint(2, 5).varint(2, 300).close().finish()
  const metrics = writer().open(1).open(2)
  metrics.open(2).open(9).bytes(1, point).close().close().open(2).open(10).bytes(1, exponential).close().close()
  const [histogram, other] = decodeMetrics(metrics.close().close().finish()).groups[0]?.metrics ?? []
  expect([histogram?.points[0], other?.points[0]]).toMatchObject([{ bucketCounts: [3n, 4n], bounds: [0.5] }, { positive: { offset: 0, counts: [5n, 300n] } }])
})

test('makes text UTF-8 wherever it stands, and keeps the rest', () => {
  const wrong = Uint8Array.of(65, 0xff, 66)
  const keyValue = writer().bytes(1, wrong).open(2).bytes(1, wrong).close().finish()
  const record = writer().fixed64(1, 5n).bytes(3, wrong).bytes(6, keyValue).bytes(40, wrong).finish()
  const decoded = decodeLogs(requestOf(record))
  expect(decoded.groups[0]?.records[0]).toMatchObject({ timeNs: 5n, severityText: 'A\ufffdB' })
  const encoded = Buffer.from(encodeLogs(decoded))
  expect(decodeLogs(encoded).groups[0]?.records[0]?.attributes.get('A\ufffdB')).toBe('A\ufffdB')
  // Only in a field that nobody knows it may stay.
  expect(encoded.toString('latin1').split('A\xffB').length - 1).toBe(1)
})

test.for([
  { name: 'a value before its key', keyValue: writer().open(2).varint(3, 7).close().string(1, 'k').finish() },
  { name: 'two keys and two values', keyValue: writer().string(1, 'no').open(2).close().string(1, 'k').open(2).varint(3, 7).close().finish() },
  { name: 'an unknown field in between', keyValue: writer().string(1, 'k').varint(9, 1).open(2).varint(3, 7).close().finish() },
])('reads an attribute with $name', ({ keyValue }) => {
  const decoded = decodeLogs(requestOf(writer().bytes(6, keyValue).finish()))
  const attributes = decoded.groups[0]?.records[0]?.attributes
  expect([attributes?.get('k'), attributes?.get('no'), attributes?.keys]).toEqual([7n, undefined, ['k']])
})

/** Bytes of a valid request with some of them changed, cut out or put in. */
function damaged<Batch>(batches: fc.Arbitrary<Batch>, encode: (batch: Batch) => Uint8Array): fc.Arbitrary<Uint8Array> {
  const damage = fc.record({ at: fc.nat(), remove: fc.integer({ min: 0, max: 3 }), insert: fc.uint8Array({ maxLength: 3 }) })
  return fc.tuple(batches, fc.array(damage, { minLength: 1, maxLength: 4 })).map(([batch, damages]) => {
    let bytes = Buffer.from(encode(batch))
    for (const { at, remove, insert } of damages) {
      const place = bytes.length === 0 ? 0 : at % bytes.length
      bytes = Buffer.concat([bytes.subarray(0, place), insert, bytes.subarray(place + remove)])
    }
    return bytes
  })
}

describe.for([
  { name: 'logs', inputs: damaged(arbitrary.logRecords, encodeLogs), decode: decodeLogs, encode: encodeLogs, json: logsJson },
  { name: 'traces', inputs: damaged(arbitrary.traces, encodeTraces), decode: decodeTraces, encode: encodeTraces, json: tracesJson },
  { name: 'metrics', inputs: damaged(arbitrary.dataPoints, encodeMetrics), decode: decodeMetrics, encode: encodeMetrics, json: metricsJson },
] as unknown as readonly {
  readonly name: string
  readonly inputs: fc.Arbitrary<Uint8Array>
  readonly decode: (bytes: Uint8Array) => LogRecords
  readonly encode: (batch: LogRecords) => Uint8Array
  readonly json: (batch: LogRecords) => string
}[])('$name', { timeout: 30_000 }, ({ inputs, decode, encode, json }) => {
  test('are refused with a place or read as a whole, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.oneof(inputs, fc.uint8Array({ maxLength: 60 })), (bytes) => {
        let batch: LogRecords
        try {
          batch = decode(bytes)
        } catch (error) {
          expect(error).toBeInstanceOf(OtlpError)
          expect((error as OtlpError).offset).toBeLessThanOrEqual(bytes.length)
          return
        }
        // Nothing that was let in throws later, and what is written can be read again.
        const text = json(batch)
        expect(json(decode(encode(batch)))).toBe(text)
      }),
      { numRuns: 200 },
    )
  })
})
