/**
 * Log records from access logs in one thread, stage by stage: `node bench/access_log_records.ts [rounds] [stage]`; with a
 * stage (a part of its name) only those.
 *
 * Prints CPU time per entry of decoding, of the `mesh` analysis, of writing the records as OTLP, and of reading them again, as
 * the main thread does where a component looks into them; and how large a record is and how many attributes it has.
 */

import { Ajv } from 'ajv'
import type { ByteMessage } from '../component/kit/byte_link.ts'
import { ByteInterner } from '../lib/intern.ts'
import type { AccessLogs } from '../model/access_logs.ts'
import type { LogRecords } from '../model/log_records.ts'
import { decodeLogs } from '../model/otlp/decode.ts'
import { encodeLogs } from '../model/otlp/encode.ts'
import { type AccessLogRecordsConfig, config } from '../processors/access_log_records/config.ts'
import { AccessLogRecordsIngest } from '../processors/access_log_records/ingest.ts'
import { type MeshConfig, config as meshSchema } from '../processors/mesh/config.ts'
import { MeshProcessor } from '../processors/mesh/processor.ts'
import { AccessLogDecoder } from '../receivers/envoyals/decode.ts'
import { parseIdentifier } from '../receivers/envoyals/identifier.ts'
import { fakeSettings } from '../test/fakes/settings.ts'
import { ENTRIES_PER_MESSAGE, entryMessages, identifierMessage } from './load_messages.ts'

const rounds = Number(process.argv[2] ?? 15)
const only = process.argv[3] ?? ''
const messages = entryMessages({ messages: 600, tuples: 3460 })
const entries = messages.length * ENTRIES_PER_MESSAGE

const decoder = new AccessLogDecoder(new ByteInterner())
decoder.begin(identifierMessage('productpage-v1'))
const identifier = parseIdentifier(decoder.identifier ?? new Uint8Array())
if (identifier === undefined) throw new Error('BUG: the identifier of the benchmark is malformed')
const origin = { id: 1, ...identifier, peer: '127.0.0.1:1', apiVersion: 'v3' } as const

function defaultsOf(schema: object): object {
  const filled = {}
  new Ajv({ useDefaults: true, strict: false, formats: { duration: true, path: true } }).validate(schema, filled)
  return filled
}

/** The records stage; what it sends goes to `then` and is given up at once. */
function records(given: Partial<AccessLogRecordsConfig>, then: (bytes: Uint8Array) => void = () => {}): { consume(logs: AccessLogs): void; shutdown(): void } {
  let outstanding = new Int32Array(1)
  const send = (message: ByteMessage): void => {
    if ('outstanding' in message) outstanding = message.outstanding as Int32Array<ArrayBuffer>
    else {
      then(message.bytes)
      Atomics.sub(outstanding, 0, message.bytes.length)
    }
  }
  return new AccessLogRecordsIngest(
    fakeSettings('processor', 'access_log_records'),
    { ...(defaultsOf(config.schema) as AccessLogRecordsConfig), ...given },
    { worker: 0, send },
  )
}

const meshBefore = (next: { consume(logs: AccessLogs): void }) =>
  new MeshProcessor(fakeSettings('processor', 'mesh'), defaultsOf(meshSchema.schema) as MeshConfig, {
    consume: (logs) => void ('groups' in logs || next.consume(logs)),
  })

const sizes = { bytes: 0, records: 0, attributes: 0 }
function measure(bytes: Uint8Array): void {
  const logs: LogRecords = decodeLogs(bytes)
  sizes.bytes += bytes.length
  for (const group of logs.groups) {
    sizes.records += group.records.length
    for (const record of group.records) sizes.attributes += record.attributes.size
  }
}
const sample = records({}, measure)
const stages = Object.entries({
  decode: { consume: () => {} },
  'decode, records': records({}),
  'decode, mesh': meshBefore({ consume: () => {} }),
  'decode, mesh, records': meshBefore(records({})),
  'decode, mesh, records, read': meshBefore(records({}, (bytes) => void decodeLogs(bytes))),
  'decode, mesh, records, read, written': meshBefore(records({}, (bytes) => void encodeLogs(decodeLogs(bytes)))),
  'decode, mesh, errors only': meshBefore(records({ include: 'errors' })),
  'decode, mesh, body: json': meshBefore(records({ body: 'json' })),
}).filter(([name]) => name.includes(only))

function nsPerEntry(consumer: { consume(logs: AccessLogs): unknown }): number {
  const from = process.threadCpuUsage()
  let sum = 0
  for (const message of messages) {
    decoder.begin(message)
    while (decoder.next()) {
      decoder.logs.origin = origin
      decoder.logs.receivedMs = 1_795_001_000_000
      decoder.logs.edges = undefined
      sum += decoder.logs.length
      consumer.consume(decoder.logs)
    }
  }
  if (sum !== entries) throw new Error(`BUG: ${sum} of ${entries} entries decoded`)
  const { user, system } = process.threadCpuUsage(from)
  return ((user + system) * 1000) / entries
}

nsPerEntry(meshBefore(sample))
sample.shutdown()
const results = new Map<string, number[]>(stages.map(([name]) => [name, []]))
for (const [, consumer] of stages) for (let i = 0; i < 3; i++) nsPerEntry(consumer)
for (let round = 0; round < rounds; round++) for (const [name, consumer] of stages) results.get(name)?.push(nsPerEntry(consumer))

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] as number
console.log(
  `${entries} entries, ${Math.round(sizes.bytes / sizes.records)} bytes and ${(sizes.attributes / sizes.records).toFixed(1)} attributes a record, ${rounds} rounds`,
)
for (const [name, values] of results) {
  const [best, middle] = [Math.min(...values), median(values)]
  console.log(
    `${name.padEnd(38)} ${middle.toFixed(0).padStart(6)} ns/entry median ${best.toFixed(0).padStart(6)} best  ${(1e6 / middle).toFixed(0).padStart(6)} k entries/CPU-s`,
  )
}
