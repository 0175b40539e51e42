import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import * as arbitrary from '../../test/fakes/otlp_arbitraries.ts'
import { otlpRoot } from '../../test/fakes/otlp_descriptors.ts'
import { AttributeSet } from '../attributes.ts'
import { type LogRecords, newLogRecord } from '../log_records.ts'
import { decodeLogs, decodeMetrics, decodeTraces } from './decode.ts'
import { encodeLogs, encodeMetrics, encodeTraces } from './encode.ts'
import { logsJson, metricsJson, parseLogsJson, parseMetricsJson, parseTracesJson, tracesJson } from './json.ts'

interface Signal<Batch> {
  readonly name: string
  readonly message: string
  readonly batches: fc.Arbitrary<Batch>
  readonly decode: (bytes: Uint8Array) => Batch
  readonly encode: (batch: Batch) => Uint8Array
  readonly parse: (text: string) => Batch
  readonly json: (batch: Batch) => string
}

// The batches' type is the same within one signal, which a table of three cannot say.
const SIGNALS = [
  { name: 'logs', message: 'LogsData', batches: arbitrary.logRecords, decode: decodeLogs, encode: encodeLogs, parse: parseLogsJson, json: logsJson },
  { name: 'traces', message: 'TracesData', batches: arbitrary.traces, decode: decodeTraces, encode: encodeTraces, parse: parseTracesJson, json: tracesJson },
  {
    name: 'metrics',
    message: 'MetricsData',
    batches: arbitrary.dataPoints,
    decode: decodeMetrics,
    encode: encodeMetrics,
    parse: parseMetricsJson,
    json: metricsJson,
  },
] as unknown as readonly Signal<object>[]

/** Each run is a whole batch with everything in it. */
const RUNS = { numRuns: 30 }

describe.for(SIGNALS)('$name', { timeout: 30_000 }, ({ message, batches, decode, encode, parse, json }) => {
  const type = otlpRoot.lookupType(message)

  test('come back from protobuf as they were', () => {
    fc.assert(
      fc.property(batches, (batch) => {
        expect(decode(encode(batch))).toEqual(batch)
      }),
      RUNS,
    )
  })

  test('come back from JSON as they were', () => {
    fc.assert(
      fc.property(batches, (batch) => {
        expect(parse(json(batch))).toEqual(batch)
      }),
      RUNS,
    )
  })

  test('are what protobufjs reads', () => {
    fc.assert(
      fc.property(batches, (batch) => {
        const read = type.toObject(type.decode(encode(batch)), { longs: String, bytes: String, json: true })
        expect(withoutDefaults(idsInHex(read))).toEqual(withoutDefaults(JSON.parse(json(batch))))
      }),
      RUNS,
    )
  })

  test('are read as protobufjs writes them', () => {
    fc.assert(
      fc.property(batches, (batch) => {
        const bytes = type.encode(type.fromObject(idsInBase64(JSON.parse(json(batch))) as object)).finish()
        expect(decode(bytes)).toEqual(batch)
      }),
      RUNS,
    )
  })

  test('are one request when two requests stand one after the other', () => {
    fc.assert(
      fc.property(batches, batches, (one, other) => {
        const { groups } = one as LogRecords
        expect(decode(Buffer.concat([encode(one), encode(other)]))).toEqual({ groups: [...groups, ...(other as LogRecords).groups] })
      }),
      RUNS,
    )
  })

  test('are copied byte for byte when nobody touched them', () => {
    fc.assert(
      fc.property(batches, (batch) => {
        const bytes = encode(batch)
        expect(Buffer.from(encode(decode(bytes))).equals(bytes)).toBe(true)
      }),
      RUNS,
    )
  })
})

test('scopes of one resource share its object, and only these', () => {
  const resource = { attributes: AttributeSet.of({ a: 'b' }) }
  const group = (of: object): LogRecords['groups'][number] => ({
    resource: of as typeof resource,
    scope: { name: '', version: '' },
    records: [newLogRecord({ body: 1n })],
  })
  const { groups } = decodeLogs(encodeLogs({ groups: [group(resource), group(resource), group({ ...resource })] }))
  expect([groups.length, groups[0]?.resource === groups[1]?.resource, groups[1]?.resource === groups[2]?.resource]).toEqual([3, true, false])
})

const ID_KEYS = new Set(['traceId', 'spanId', 'parentSpanId'])

/** protobufjs writes all bytes in base64, OTLP ids in hex. */
function idsInHex(value: unknown): unknown {
  return mapIds(value, (id) => Buffer.from(id, 'base64').toString('hex'))
}

function idsInBase64(value: unknown): unknown {
  return mapIds(value, (id) => Buffer.from(id, 'hex').toString('base64'))
}

function mapIds(value: unknown, map: (id: string) => string): unknown {
  if (Array.isArray(value)) return value.map((one) => mapIds(one, map))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, ID_KEYS.has(key) ? map(one as string) : mapIds(one, map)]))
}

/** Members that may be written or not when they are empty. */
const OPTIONAL = new Set([
  'resourceLogs',
  'resourceSpans',
  'resourceMetrics',
  'scopeSpans',
  'scopeMetrics',
  'resource',
  'scope',
  'status',
  'count',
  'zeroCount',
  'positive',
  'negative',
  'quantile',
  'value',
  'key',
  'sum',
  'dataPoints',
  'scopeLogs',
  'values',
  'logRecords',
  'spans',
  'metrics',
])

function withoutDefaults(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutDefaults)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .map(([key, one]): [string, unknown] => [key, withoutDefaults(one)])
      .filter(([key, one]) => !(OPTIONAL.has(key) && isDefault(one))),
  )
}

function isDefault(value: unknown): boolean {
  return value === 0 || value === '0' || value === '' || (typeof value === 'object' && value !== null && Object.keys(value).length === 0)
}
