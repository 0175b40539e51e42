import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ByteInterner } from '../../lib/intern.ts'
import { type AccessLogEntry, type EntryValue, readEntry } from '../../model/access_log_entry.ts'
import { type FieldSpec, HTTP_ENTRY, type MessageSpec, TCP_ENTRY } from '../../model/access_log_fields.ts'
import { type FieldUse, HTTP_USE, type MessageUse, TCP_USE } from '../../model/access_log_otlp/fields.ts'
import { type AccessLogs, EntryKind, LogType } from '../../model/access_logs.ts'
import type { LogRecord } from '../../model/log_records.ts'
import { attributesOf, RecordsHarness } from '../../processors/access_log_records/testing.ts'
import { originOf } from '../../processors/mesh/testing.ts'
import { AccessLogDecoder } from '../../receivers/envoyals/decode.ts'
import { encode, ownSchema } from './als_oracle.ts'
import { anyDamage, anyMessage, damaged } from './als_oracle_arbitrary.ts'
import { framesOf, hasCaptures, MeshBench, readShared, readSharedJson } from './mesh_captures.ts'

/** Records are compared with what the general reader of entries says, which is another program over the same bytes. */

interface Pair {
  readonly entry: AccessLogEntry
  readonly isTcp: boolean
  readonly isAttempt: boolean
}

/** What the batches of a test held, and the records that were made of them. */
class Recorder {
  readonly pairs: Pair[] = []
  readonly #harness = new RecordsHarness({ detail: 'full', redact: { query: 'none', headers_allowed: ['*'] } })

  readonly take = (logs: AccessLogs): void => {
    for (let i = 0; i < logs.length; i++) {
      const isAttempt = logs.logType[i] === LogType.upstreamEnd
      this.pairs.push({ entry: readEntry(logs, i), isTcp: logs.kind[i] === EntryKind.tcp, isAttempt })
    }
    this.#harness.ingest.consume(logs)
  }

  async records(): Promise<readonly LogRecord[]> {
    return this.#harness.records()
  }
}

/** The attributes that are a field's value and nothing else. */
function plainAttributes(entry: AccessLogEntry, spec: MessageSpec, use: MessageUse): Record<string, unknown> {
  return Object.assign(
    {},
    ...Object.entries(spec).map(([number, field]) => {
      const value = entry[field.name]
      const own = use[Number(number)]
      return value === undefined || own === undefined ? {} : attributeOf(value, field, own)
    }),
  ) as Record<string, unknown>
}

function attributeOf(value: EntryValue, field: FieldSpec, use: FieldUse): Record<string, unknown> {
  switch (use.as) {
    case 'message':
      return field.kind === 'message' ? plainAttributes(value as AccessLogEntry, field.of, use.of) : {}
    case 'text':
      return value === '' ? {} : { [use.attribute]: value }
    case 'number':
    case 'wrapped':
    case 'double':
      return { [use.attribute]: value }
    case 'seconds':
      return { [use.attribute]: Number((value as string).slice(0, -1)) }
    case 'names': {
      const number = field.kind === 'enum' ? Object.entries(field.names).find(([, name]) => name === value)?.[0] : undefined
      const name = number === undefined ? JSON.stringify(value) : use.names[Number(number)]
      return name === '' ? {} : { [use.attribute]: name }
    }
    default:
      return {}
  }
}

async function check(recorder: Recorder): Promise<void> {
  const records = await recorder.records()
  expect(records.length).toBe(recorder.pairs.length)
  for (const [n, { entry, isTcp }] of recorder.pairs.entries()) {
    const record = records[n] as LogRecord
    const attributes = attributesOf(record)
    const expected = isTcp ? plainAttributes(entry, TCP_ENTRY, TCP_USE) : plainAttributes(entry, HTTP_ENTRY, HTTP_USE)
    for (const [key, value] of Object.entries(expected)) expect([key, attributes[key]]).toEqual([key, value])
    expect(record.attributes.keys.length).toBe(new Set(record.attributes.keys).size)
  }
}

const decoder = new AccessLogDecoder(new ByteInterner())
const origin = originOf({ id: 'sidecar~10.0.0.1~a.b~b.svc.cluster.local' })

function decodeInto(recorder: Recorder, message: Uint8Array): void {
  decoder.begin(message)
  while (decoder.next()) {
    decoder.logs.origin = origin
    recorder.take(decoder.logs)
  }
}

test('says of any message what the general reader says', async () => {
  await fc.assert(
    fc.asyncProperty(anyMessage, async (message) => {
      const recorder = new Recorder()
      decodeInto(recorder, encode(ownSchema().message, message))
      await check(recorder)
    }),
    { numRuns: 25 },
  )
})

test('makes well-formed records of damaged messages', async () => {
  await fc.assert(
    fc.asyncProperty(anyMessage, anyDamage, async (message, damage) => {
      const recorder = new Recorder()
      decodeInto(recorder, damaged(encode(ownSchema().message, message), damage))
      const records = await recorder.records()
      expect(records.length).toBe(recorder.pairs.length)
      for (const record of records) expect(attributesOf(record)).toBeTypeOf('object')
    }),
    { numRuns: 25 },
  )
})

interface Capture {
  readonly streams: readonly { readonly file: string; readonly peer: string; readonly entries: number }[]
}

describe.skipIf(!hasCaptures)('records of what a real Envoy sent', () => {
  test.for(['mesh', 'errors', 'grpc', 'tcp', 'odd', 'peers'])('%s: one of every entry, with what it says', async (scenario) => {
    const recorder = new Recorder()
    const bench = new MeshBench(recorder.take)
    const { streams } = readSharedJson(`envoy-capture/als-${scenario}.json`) as Capture
    for (const { file, peer } of streams) bench.stream(framesOf(readShared(`envoy-capture/${file}`)), peer)
    expect(recorder.pairs.length).toBe(streams.reduce((sum, { entries }) => sum + entries, 0))
    await check(recorder)
  })
})
