/**
 * Decoding, mesh analysis and counting in one thread, stage by stage: `node bench/pipeline.ts [rounds] [tuples]`.
 *
 * Node's type stripping detaches a buffer, after which V8 checks every access to a typed array: the same code compiled
 * beforehand, as the daemon is, takes about 7 % less time.
 */

import { Ajv } from 'ajv'
import { Harness } from '../connectors/mesh_metrics/testing.ts'
import { ByteInterner } from '../lib/intern.ts'
import type { AccessLogs } from '../model/access_logs.ts'
import { config } from '../processors/mesh/config.ts'
import { MeshProcessor } from '../processors/mesh/processor.ts'
import { AccessLogDecoder } from '../receivers/envoyals/decode.ts'
import { parseIdentifier } from '../receivers/envoyals/identifier.ts'
import { fakeSettings } from '../test/fakes/settings.ts'
import { ENTRIES_PER_MESSAGE, entryMessages, identifierMessage } from './load_messages.ts'

const rounds = Number(process.argv[2] ?? 15)
const tuples = Number(process.argv[3] ?? 3460)
const messages = entryMessages({ messages: 600, tuples })
const entries = messages.length * ENTRIES_PER_MESSAGE
const bytes = messages.reduce((sum, message) => sum + message.length, 0)

const decoder = new AccessLogDecoder(new ByteInterner())
decoder.begin(identifierMessage('productpage-v1'))
const identifier = parseIdentifier(decoder.identifier ?? new Uint8Array())
if (identifier === undefined) throw new Error('BUG: the identifier of the benchmark is malformed')
const origin = { id: 1, ...identifier, peer: '127.0.0.1:1', apiVersion: 'v3' } as const
const harness = { istio: new Harness({ semantic: 'istio' }), otel: new Harness({ semantic: 'otel' }) }

const meshConfig = {} as ConstructorParameters<typeof MeshProcessor>[1]
new Ajv({ useDefaults: true, strict: false, formats: { duration: true, path: true } }).validate(config.schema, meshConfig)
const meshBefore = (next: { consume(logs: AccessLogs): void }) => new MeshProcessor(fakeSettings('processor', 'mesh'), meshConfig, next)
const stages = {
  decode: { consume: () => {} },
  'decode, mesh': meshBefore({ consume: () => {} }),
  'decode, mesh, mesh_metrics (istio)': meshBefore(harness.istio.ingest),
  'decode, mesh, mesh_metrics (otel)': meshBefore(harness.otel.ingest),
}

function nsPerEntry(consumer: { consume(logs: AccessLogs): unknown }): number {
  const from = process.hrtime.bigint()
  let sum = 0
  for (const message of messages) {
    decoder.begin(message)
    while (decoder.next()) {
      decoder.logs.origin = origin
      sum += decoder.logs.length
      consumer.consume(decoder.logs)
    }
  }
  if (sum !== entries) throw new Error(`BUG: ${sum} of ${entries} entries decoded`)
  return Number(process.hrtime.bigint() - from) / entries
}

const results = new Map<string, number[]>(Object.keys(stages).map((name) => [name, []]))
for (const consumer of Object.values(stages)) for (let i = 0; i < 3; i++) nsPerEntry(consumer)
for (let round = 0; round < rounds; round++) for (const [name, consumer] of Object.entries(stages)) results.get(name)?.push(nsPerEntry(consumer))

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] as number
const series = (await harness.istio.samples()).filter(({ name }) => name === 'istio_requests_total').length
console.log(`${messages.length} messages, ${entries} entries, ${Math.round(bytes / entries)} bytes each, ${series} label tuples, ${rounds} rounds`)
for (const [name, values] of results) {
  const [best, middle] = [Math.min(...values), median(values)]
  console.log(
    `${name.padEnd(36)} ${middle.toFixed(0).padStart(5)} ns/entry median ${best.toFixed(0).padStart(5)} best  ${(1e3 / middle).toFixed(2)} M entries/s`,
  )
}
