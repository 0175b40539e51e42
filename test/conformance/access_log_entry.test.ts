import * as fc from 'fast-check'
import protobuf from 'protobufjs'
import { describe, expect, test } from 'vitest'
import { ByteInterner } from '../../lib/intern.ts'
import { type AccessLogEntry, readEntry } from '../../model/access_log_entry.ts'
import { AccessLogDecoder } from '../../receivers/envoyals/decode.ts'
import { encode, ownSchema, type Plain } from './als_oracle.ts'
import { anyDamage, anyMessage, damaged } from './als_oracle_arbitrary.ts'

const own = ownSchema()

const decoder = new AccessLogDecoder(new ByteInterner())

/** All entries of a message as plain data. */
function entriesOf(message: Uint8Array): AccessLogEntry[] {
  const entries: AccessLogEntry[] = []
  decoder.begin(message)
  while (decoder.next()) for (let i = 0; i < decoder.logs.length; i++) entries.push(readEntry(decoder.logs, i))
  return entries
}

/** A message of the generic library in the form of `readEntry`; written from the schema, not from our tables. */
function expected(type: protobuf.Type, value: Plain): unknown {
  switch (type.fullName) {
    case '.google.protobuf.Duration':
      return seconds(value, (nanos) => `${nanos < 0n ? '-' : ''}${fraction(nanos < 0n ? -nanos : nanos)}s`)
    case '.google.protobuf.Timestamp':
      return seconds(value, (nanos) => `time ${nanos}`)
    case '.google.protobuf.UInt32Value':
      return value['value'] ?? 0
    case '.google.protobuf.Any':
      return expectedAny(value)
    case '.google.protobuf.Struct':
      return 'a struct'
    default:
      return Object.fromEntries(Object.entries(value).map(([key, field]) => [camel(key), expectedField(type.fields[key] as protobuf.Field, field)]))
  }
}

function expectedField(field: protobuf.Field, value: unknown): unknown {
  const type = field.resolvedType
  if (field instanceof protobuf.MapField) {
    return Object.fromEntries(Object.entries(value as Plain).map(([key, item]) => [key, type instanceof protobuf.Type ? expected(type, item as Plain) : item]))
  }
  if (!(type instanceof protobuf.Type)) return value
  return field.repeated ? (value as Plain[]).map((item) => expected(type, item)) : expected(type, value as Plain)
}

function expectedAny(value: Plain): unknown {
  const url = (value['type_url'] ?? '') as string
  const payload = (value['value'] ?? '') as string
  return url.endsWith('/google.protobuf.Struct') ? { '@type': url, value: 'a struct' } : { '@type': url, value: payload }
}

function seconds(value: Plain, format: (nanos: bigint) => string): string {
  return format(BigInt((value['seconds'] ?? 0) as number) * 1_000_000_000n + BigInt((value['nanos'] ?? 0) as number))
}

function fraction(nanos: bigint): string {
  const text = `${nanos / 1_000_000_000n}.${String(nanos % 1_000_000_000n).padStart(9, '0')}`
  return text.replace(/(000)+$/, '').replace(/\.$/, '')
}

function camel(name: string): string {
  return name.replace(/_+(\w)/g, (_, letter: string) => letter.toUpperCase())
}

/** What the schema cannot tell the test is taken out: Structs are compared elsewhere, times as nanoseconds. */
function comparable(value: unknown, key = ''): unknown {
  if (key === 'startTime') return `time ${nanosOfTime(value as string)}`
  if (Array.isArray(value)) return value.map((item) => comparable(item))
  if (typeof value !== 'object' || value === null) return value
  const object = value as Plain
  if (typeof object['@type'] === 'string' && object['@type'].endsWith('/google.protobuf.Struct')) return { '@type': object['@type'], value: 'a struct' }
  return Object.fromEntries(
    Object.entries(object).map(([name, item]) => [
      name,
      key === 'metadata' && name === 'filterMetadata'
        ? Object.fromEntries(Object.keys(item as Plain).map((space) => [space, 'a struct']))
        : comparable(item, name),
    ]),
  )
}

function nanosOfTime(text: string): bigint {
  const [, date, digits = ''] = /^(.*?)(?:\.(\d+))?Z$/.exec(text) as unknown as [string, string, string?]
  return BigInt(Date.parse(`${date}Z`)) * 1_000_000n + BigInt(digits.padEnd(9, '0'))
}

function oracleEntries(message: Uint8Array): unknown[] {
  const options = { longs: Number, enums: String, bytes: String }
  const plain = own.message.toObject(own.message.decode(message), options) as Record<string, Record<string, Plain[]> | undefined>
  return [
    ...(plain['http_logs']?.['log_entry'] ?? []).map((entry) => expected(own.httpEntry, entry)),
    ...(plain['tcp_logs']?.['log_entry'] ?? []).map((entry) => expected(own.tcpEntry, entry)),
  ]
}

describe('readEntry', () => {
  test('reads every field as the generic library does', () => {
    fc.assert(
      fc.property(anyMessage, (plain) => {
        const message = encode(own.message, plain)
        expect(entriesOf(message).map((entry) => comparable(entry))).toEqual(oracleEntries(message))
      }),
      { numRuns: 500 },
    )
  })

  test('never throws on damaged entries, and gives plain data that JSON can write', () => {
    fc.assert(
      fc.property(anyMessage, anyDamage, (plain, damage) => {
        for (const entry of entriesOf(damaged(encode(own.message, plain), damage))) expect(typeof JSON.stringify(entry)).toBe('string')
      }),
      { numRuns: 2000 },
    )
  })

  test.for([
    { seconds: 0, nanos: 0, shown: '0s' },
    { seconds: 3, nanos: 7, shown: '3.000000007s' },
    { seconds: 0, nanos: 999_999_999, shown: '0.999999999s' },
    { seconds: 1, nanos: 1_500_000_000, shown: '2.500s' },
    { seconds: 2, nanos: -500_000_000, shown: '1.500s' },
    { seconds: -1, nanos: -1000, shown: '-1.000001s' },
    { seconds: 2 ** 43, nanos: 0, shown: '8796093022208s' },
    { seconds: 2 ** 53, nanos: 1_000_000, shown: '9007199254740992.001s' },
  ])('shows a duration of $seconds s and $nanos ns as $shown', ({ seconds: whole, nanos, shown }) => {
    const duration = { seconds: whole, nanos }
    const [entry] = entriesOf(encode(own.message, { http_logs: { log_entry: [{ common_properties: { time_to_last_rx_byte: duration } }] } }))
    expect(entry).toMatchObject({ commonProperties: { timeToLastRxByte: shown } })
  })

  test.for([
    { seconds: 0, nanos: 1, shown: '1970-01-01T00:00:00.000000001Z' },
    { seconds: 1_795_001_000, nanos: 120_000_000, shown: '2026-11-18T11:23:20.120Z' },
    { seconds: -1, nanos: 0, shown: '1969-12-31T23:59:59Z' },
    { seconds: 2 ** 45, nanos: 5, shown: '35184372088832000000005' },
  ])('shows a time of $seconds s and $nanos ns as $shown', ({ seconds: whole, nanos, shown }) => {
    const [entry] = entriesOf(encode(own.message, { http_logs: { log_entry: [{ common_properties: { start_time: { seconds: whole, nanos } } }] } }))
    expect(entry).toMatchObject({ commonProperties: { startTime: shown } })
  })

  test('takes no name of a header for anything else', () => {
    const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty']
    const other = (name: string): string => `${name.slice(0, -1)}X`
    const headers = Object.fromEntries(names.map((name) => [other(name), name]))
    const bytes = Buffer.from(encode(own.message, { http_logs: { log_entry: [{ request: { request_headers: headers } }] } }))
    // The generic library would not write them all under these names.
    for (const name of names) bytes.write(name, bytes.indexOf(other(name)))
    const [entry] = entriesOf(bytes)
    const request = entry?.['request'] as Plain | undefined
    const shown = (request?.['requestHeaders'] ?? {}) as Plain
    expect(Object.keys(shown)).toEqual(names)
    expect(names.map((name) => shown[name])).toEqual(names)
    expect(JSON.parse(JSON.stringify(Object.entries(shown)))).toEqual(names.map((name) => [name, name]))
    expect('valueOf' in shown).toBe(false)
  })

  test('shows known types inside of filter state, and others as base64', () => {
    const any = (type: string, value: Uint8Array): Plain => ({ type_url: `type.googleapis.com/${type}`, value })
    const struct = own.struct.encode(own.struct.fromObject({ fields: { app: { stringValue: 'reviews' }, toString: { boolValue: true } } })).finish()
    const message = encode(own.message, {
      http_logs: {
        log_entry: [
          {
            common_properties: {
              filter_state_objects: {
                peer: any('google.protobuf.Struct', struct),
                text: any('google.protobuf.StringValue', Uint8Array.of(10, 2, 104, 105)),
                flag: any('google.protobuf.BoolValue', Uint8Array.of(8, 1)),
                stats: any('envoy.extensions.filters.http.grpc_stats.v3.FilterObject', Uint8Array.of(8, 3, 16, 4)),
                other: any('constructor', Uint8Array.of(1, 2, 3)),
              },
            },
          },
        ],
      },
    })
    const common = entriesOf(message)[0]?.['commonProperties'] as Plain
    expect(JSON.parse(JSON.stringify(common['filterStateObjects']))).toEqual({
      peer: { '@type': 'type.googleapis.com/google.protobuf.Struct', value: { app: 'reviews', toString: true } },
      text: { '@type': 'type.googleapis.com/google.protobuf.StringValue', value: 'hi' },
      flag: { '@type': 'type.googleapis.com/google.protobuf.BoolValue', value: true },
      stats: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.grpc_stats.v3.FilterObject', requestMessageCount: 3, responseMessageCount: 4 },
      other: { '@type': 'type.googleapis.com/constructor', value: 'AQID' },
    })
  })
})
