import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ProtobufWriter } from '../../lib/protobuf/writer.ts'
import * as arbitrary from '../../test/fakes/otlp_arbitraries.ts'
import { type DataPoints, dataPointCount } from '../data_points.ts'
import { type LogRecords, logRecordCount } from '../log_records.ts'
import { withoutBadItems } from './bad_items.ts'
import { decodeLogs, decodeMetrics, decodeTraces } from './decode.ts'
import { encodeLogs, encodeMetrics } from './encode.ts'
import { OtlpError } from './error.ts'
import { logsJson, parseLogsJson, parseMetricsJson, parseTracesJson } from './json.ts'
import type { MessageName } from './messages.ts'

const writer = (): ProtobufWriter => new ProtobufWriter()
const SHORT_ID = Uint8Array.of(1, 2, 3)
const GOOD_RECORD = writer().fixed64(1, 5n).string(3, 'fine').finish()
const BAD_RECORD = writer().fixed64(1, 6n).bytes(9, SHORT_ID).finish()

function logsOf(...records: readonly Uint8Array[]): Uint8Array {
  const request = writer().open(1).open(2)
  for (const record of records) request.bytes(2, record)
  return request.close().close().finish()
}

/** What is left, and what is said of the rest. */
function salvage(bytes: Uint8Array, name: MessageName): { readonly left: Uint8Array; readonly said: readonly string[] } {
  const said: string[] = []
  return { left: withoutBadItems(bytes, name, ({ message }) => void said.push(message)), said }
}

describe('protobuf', () => {
  test('bad records are left out, with their places', () => {
    const cut = Uint8Array.of(0x1a, 9, 65)
    const { left, said } = salvage(logsOf(GOOD_RECORD, BAD_RECORD, cut, GOOD_RECORD), 'LogsData')
    expect(decodeLogs(left).groups[0]?.records.map(({ severityText }) => severityText)).toEqual(['fine', 'fine'])
    expect(said).toEqual([
      expect.stringMatching(/^byte \d+: LogRecord\.trace_id has 3 bytes; expected 16, or none$/),
      expect.stringMatching(/^byte \d+: LogRecord\.severity_text has a length of 9 bytes/),
    ])
  })

  test('a bad span and a bad data point leave their neighbours', () => {
    const spans = writer().open(1).open(2).bytes(2, writer().bytes(2, SHORT_ID).finish()).bytes(2, writer().string(5, 'get').finish()).close().close()
    const traces = salvage(spans.finish(), 'TracesData')
    expect([decodeTraces(traces.left).groups[0]?.spans.map(({ name }) => name), traces.said.length]).toEqual([['get'], 1])
    const points = writer().open(1).open(2).open(2).string(1, 'm').open(5)
    points.bytes(1, writer().varint(3, 1).finish()).bytes(1, writer().fixed64(3, 7n).double(4, 2.5).finish())
    const metrics = salvage(points.close().close().close().close().finish(), 'MetricsData')
    expect(decodeMetrics(metrics.left).groups[0]?.metrics).toMatchObject([{ name: 'm', type: 'gauge', points: [{ timeNs: 7n, value: 2.5 }] }])
    expect(metrics.said).toEqual([expect.stringContaining('NumberDataPoint.time_unix_nano has wire type 0; expected 1')])
  })

  test('what is wrong outside of items stays wrong, or throws', () => {
    const badScope = writer().open(1).open(2).bytes(1, Uint8Array.of(0x0a, 9)).bytes(2, GOOD_RECORD).close().close().finish()
    const { left, said } = salvage(badScope, 'LogsData')
    expect(() => decodeLogs(left)).toThrow(OtlpError)
    expect(said).toEqual([])
    expect(() => salvage(Uint8Array.of(0x0a, 5, 0), 'LogsData')).toThrow('byte 0: a field that does not fit into its message')
  })

  test('a good request stays as it is, with an item more or less', () => {
    const anyOf = fc.oneof(
      arbitrary.logRecords.map((logs) => ({ name: 'LogsData' as const, bytes: encodeLogs(logs) })),
      arbitrary.dataPoints.map((metrics) => ({ name: 'MetricsData' as const, bytes: encodeMetrics(metrics) })),
    )
    fc.assert(
      fc.property(anyOf, ({ name, bytes }) => {
        const { left, said } = salvage(bytes, name)
        return said.length === 0 && Buffer.compare(left, bytes) === 0
      }),
    )
    fc.assert(
      fc.property(fc.array(fc.boolean()), (areGood) => {
        const { left, said } = salvage(logsOf(...areGood.map((isGood) => (isGood ? GOOD_RECORD : BAD_RECORD))), 'LogsData')
        return logRecordCount(decodeLogs(left)) === areGood.filter(Boolean).length && said.length === areGood.length - logRecordCount(decodeLogs(left))
      }),
    )
  })

  test('throws nothing but OtlpError on any bytes, and what is left has no bad items', () => {
    const damaged = fc.tuple(arbitrary.logRecords, fc.nat(), fc.uint8Array({ maxLength: 3 })).map(([logs, at, insert]) => {
      const bytes = encodeLogs(logs)
      const place = at % (bytes.length + 1)
      return new Uint8Array(Buffer.concat([bytes.subarray(0, place), insert, bytes.subarray(place + insert.length)]))
    })
    fc.assert(
      fc.property(fc.oneof(damaged, fc.uint8Array({ maxLength: 60 })), (bytes) => {
        try {
          return salvage(salvage(bytes, 'LogsData').left, 'LogsData').said.length === 0
        } catch (error) {
          return error instanceof OtlpError
        }
      }),
    )
  })
})

describe('JSON', () => {
  const said: string[] = []
  const reject = ({ message }: OtlpError): void => void said.push(message)

  test('bad records are left out, with their places', () => {
    said.length = 0
    const logs: LogRecords = parseLogsJson(
      JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords: [{ traceId: 'zz' }, { severityText: 'fine' }, { timeUnixNano: 'soon' }] }] }] }),
      reject,
    )
    expect(logs.groups[0]?.records.map(({ severityText }) => severityText)).toEqual(['fine'])
    expect(said).toEqual([expect.stringContaining('logRecords[0].traceId'), expect.stringContaining('logRecords[2].timeUnixNano')])
    expect(JSON.parse(logsJson(logs))).toMatchObject({ resourceLogs: [{ scopeLogs: [{ logRecords: [{ severityText: 'fine' }] }] }] })
  })

  test('a bad span and a bad data point leave their neighbours', () => {
    said.length = 0
    const traces = parseTracesJson(JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [{ spanId: 'x' }, { name: 'get' }] }] }] }), reject)
    expect(traces.groups[0]?.spans.map(({ name }) => name)).toEqual(['get'])
    const dataPoints = [{ asInt: '7' }, { asInt: 'seven' }]
    const metrics: DataPoints = parseMetricsJson(
      JSON.stringify({ resourceMetrics: [{ scopeMetrics: [{ metrics: [{ name: 'm', sum: { dataPoints } }] }] }] }),
      reject,
    )
    expect(dataPointCount(metrics)).toBe(1)
    expect(said).toEqual([expect.stringContaining('spans[0].spanId'), expect.stringContaining('dataPoints[1]')])
  })

  test('without anybody to tell, the first of them makes the whole bad', () => {
    expect(() => parseLogsJson('{"resourceLogs":[{"scopeLogs":[{"logRecords":[{},{"traceId":"zz"}]}]}]}')).toThrow(OtlpError)
  })
})
