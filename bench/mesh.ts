import { ByteInterner } from '../lib/intern.ts'
import type { StreamOrigin } from '../model/access_logs.ts'
import { meshForTest, originOf } from '../processors/mesh/testing.ts'
import { AccessLogDecoder } from '../receivers/envoyals/decode.ts'
import { parseIdentifier } from '../receivers/envoyals/identifier.ts'
import { ownSchema } from '../test/conformance/als_oracle.ts'
import { meshMessages } from '../test/conformance/als_oracle_messages.ts'

/**
 * What the mesh analysis adds to decoding, on the same messages, in turns: `node bench/mesh.ts [rounds]`. Prints the
 * median and the best round in nanoseconds per entry of decoding alone, of both, and of a first sight of everything.
 */
const rounds = Number(process.argv[2] ?? 15)
const MESSAGES = 600
const ENTRIES_PER_MESSAGE = 25
const messages = meshMessages(ownSchema(), { count: MESSAGES, entriesPerMessage: ENTRIES_PER_MESSAGE })
const entries = MESSAGES * ENTRIES_PER_MESSAGE

const anonymous: StreamOrigin = originOf({ id: 'sidecar~10.0.0.1~reviews-v1-x.shop~shop.svc.cluster.local' })
const origins = messages.map((message, i): StreamOrigin => {
  const decoder = new AccessLogDecoder(new ByteInterner())
  decoder.begin(message)
  const identifier = decoder.identifier === undefined ? undefined : parseIdentifier(decoder.identifier)
  return identifier === undefined ? anonymous : { id: i, ...identifier, peer: '10.0.0.1:40000', apiVersion: 'v3' }
})

const decoder = new AccessLogDecoder(new ByteInterner())
let bench = meshForTest()

function decodeAll(): number {
  let rows = 0
  for (const message of messages) {
    decoder.begin(message)
    while (decoder.next()) rows += decoder.logs.length
  }
  return rows
}

function decodeAndAnalyse(): number {
  let rows = 0
  for (const [i, message] of messages.entries()) {
    decoder.begin(message)
    while (decoder.next()) {
      decoder.logs.origin = origins[i] as StreamOrigin
      void bench.mesh.consume(decoder.logs)
      rows += decoder.logs.length
    }
  }
  return rows
}

function atFirstSight(): number {
  bench = meshForTest()
  return decodeAndAnalyse()
}

function nsPerEntry(run: () => number): number {
  const from = process.hrtime.bigint()
  const rows = run()
  if (rows !== entries) throw new Error(`BUG: ${rows} of ${entries} entries decoded`)
  return Number(process.hrtime.bigint() - from) / entries
}

const variants = { 'decode        ': decodeAll, 'decode, mesh  ': decodeAndAnalyse, 'first sight   ': atFirstSight }
const taken = new Map<string, number[]>()
for (let round = 0; round < rounds + 3; round++) {
  for (const [name, run] of Object.entries(variants)) {
    const ns = nsPerEntry(run)
    // The first rounds warm the compiler up.
    if (round >= 3) taken.set(name, [...(taken.get(name) ?? []), ns])
  }
}
for (const [name, all] of taken) {
  all.sort((a, b) => a - b)
  process.stdout.write(`${name} median ${(all[all.length >> 1] as number).toFixed(0)} ns/entry, best ${(all[0] as number).toFixed(0)} ns/entry\n`)
}
process.stdout.write(`${bench.settings.telemetry.value('meshscope_mesh_resolutions')} of ${entries} entries analysed at first sight\n`)
