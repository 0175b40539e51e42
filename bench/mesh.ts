import { ByteInterner } from '../lib/intern.ts'
import type { StreamOrigin } from '../model/access_logs.ts'
import type { IdentityIndex } from '../model/identity/index.ts'
import { endpointOf, meshForTest, originOf, podOf, serviceOf } from '../processors/mesh/testing.ts'
import { AccessLogDecoder } from '../receivers/envoyals/decode.ts'
import { parseIdentifier } from '../receivers/envoyals/identifier.ts'
import { ownSchema } from '../test/conformance/als_oracle.ts'
import { meshMessages } from '../test/conformance/als_oracle_messages.ts'
import { FakeIdentityIndex } from '../test/fakes/identity.ts'

/**
 * What the mesh analysis adds to decoding, without and with the identity index, on the same messages, in turns: `node bench/mesh.ts [rounds]`.
 * Prints the median and the best round in nanoseconds per entry of decoding alone, of both, and of a first sight of
 * everything. Three of four entries name no peer, and every address has an owner in the index.
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
const identities = clusterOf()
let bench = meshForTest()
let enriched = meshForTest({}, identities)

/** The pods and services that the messages speak of. */
function clusterOf(): IdentityIndex {
  const index = new FakeIdentityIndex()
  for (let i = 0; i < 40; i++) {
    const service = `service-${String.fromCharCode(97 + (i % 26))}${i}`
    index.add(serviceOf(service, 'default', { addresses: [`10.96.3.${i}`], ports: [9080] }))
    for (let peer = 10; peer < 16; peer++) {
      const ip = `10.1.${i}.${peer}`
      index.add(podOf(`${service}-v1`, { name: `${service}-v1-${peer}`, ips: [ip], labels: { app: service, version: 'v1' } }))
      index.add(endpointOf(service, 'default', ip, { ports: [9080] }))
    }
  }
  for (let client = 0; client < 20; client++) index.add(podOf('client-v1', { name: `client-v1-${client}`, ips: [`10.1.7.${client}`] }))
  return index
}

function decodeAll(): number {
  let rows = 0
  for (const message of messages) {
    decoder.begin(message)
    while (decoder.next()) rows += decoder.logs.length
  }
  return rows
}

function decodeAndAnalyse(): number {
  return analyseWith(bench)
}

function decodeAndEnrich(): number {
  return analyseWith(enriched)
}

function analyseWith({ mesh }: typeof bench): number {
  let rows = 0
  for (const [i, message] of messages.entries()) {
    decoder.begin(message)
    while (decoder.next()) {
      decoder.logs.origin = origins[i] as StreamOrigin
      void mesh.consume(decoder.logs)
      rows += decoder.logs.length
    }
  }
  return rows
}

function atFirstSight(): number {
  bench = meshForTest()
  return decodeAndAnalyse()
}

function enrichedAtFirstSight(): number {
  enriched = meshForTest({}, identities)
  return decodeAndEnrich()
}

function nsPerEntry(run: () => number): number {
  const from = process.hrtime.bigint()
  const rows = run()
  if (rows !== entries) throw new Error(`BUG: ${rows} of ${entries} entries decoded`)
  return Number(process.hrtime.bigint() - from) / entries
}

const variants = {
  decode: decodeAll,
  'decode, mesh': decodeAndAnalyse,
  'decode, mesh, index': decodeAndEnrich,
  'first sight': atFirstSight,
  'first sight, index': enrichedAtFirstSight,
}
const taken = new Map<string, number[]>()
for (let round = 0; round < rounds + 3; round++) {
  for (const [name, run] of Object.entries(variants)) {
    const ns = nsPerEntry(run)
    // The first rounds warm the compiler up.
    if (round >= 3) taken.set(name, [...(taken.get(name) ?? []), ns])
  }
}
const best = (name: keyof typeof variants): number => Math.min(...(taken.get(name) ?? []))
for (const [name, all] of taken) {
  all.sort((a, b) => a - b)
  process.stdout.write(`${name.padEnd(20)} median ${(all[all.length >> 1] as number).toFixed(0)} ns/entry, best ${(all[0] as number).toFixed(0)} ns/entry\n`)
}
const resolutions = [bench, enriched].map(({ settings }) => settings.telemetry.value('meshscope_mesh_resolutions'))
process.stdout.write(`${resolutions[0]} of ${entries} entries analysed at first sight, ${resolutions[1]} with the index\n`)
const named = enriched.settings.telemetry.value('meshscope_mesh_evidence', { side: 'source', evidence: 'address' })
process.stdout.write(`${named} of them had a source that only the index knows\n`)
process.stdout.write(`throughput with the index ${((100 * best('decode, mesh')) / best('decode, mesh, index')).toFixed(1)} % of that without (best rounds)\n`)
