import { Harness } from '../connectors/mesh_metrics/testing.ts'
import { ByteInterner } from '../lib/intern.ts'
import type { StreamOrigin } from '../model/access_logs.ts'
import { SharedIdentityIndex } from '../model/identity/shared_index.ts'
import { IdentityStore } from '../model/identity/store.ts'
import { identityNeeds } from '../processors/mesh/needs.ts'
import { endpointOf, MESH_DEFAULTS, meshForTest, originOf, podOf, serviceOf } from '../processors/mesh/testing.ts'
import { AccessLogDecoder } from '../receivers/envoyals/decode.ts'
import { parseIdentifier } from '../receivers/envoyals/identifier.ts'
import { ownSchema } from '../test/conformance/als_oracle.ts'
import { meshMessages } from '../test/conformance/als_oracle_messages.ts'

/**
 * What the mesh analysis adds to decoding, without and with the identity index, on the same messages, in turns: `node bench/mesh.ts [rounds]`.
 * Prints the median and the best round in nanoseconds of CPU time per entry of decoding alone, of both, and of a first sight of
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
const counted = meshForTest({}, undefined, new Harness({ semantic: 'istio' }).ingest)
const countedEnriched = meshForTest({}, identities, new Harness({ semantic: 'istio' }).ingest)

/** The pods and services that the messages speak of, there since before the first entry. */
function clusterOf(): SharedIdentityIndex {
  const limits = { memoryMibMax: 64, rememberGoneMs: 60_000, clockSkewMs: 5000, isClusterWide: true }
  const store = new IdentityStore({ ...limits, lookups: identityNeeds(MESH_DEFAULTS).lookups })
  const nowMs = Date.now()
  for (const source of ['pods', 'services', 'endpointslices'] as const) store.beginList(source)
  for (let i = 0; i < 40; i++) {
    const service = `service-${String.fromCharCode(97 + (i % 26))}${i}`
    store.put('services', `default/${service}`, [serviceOf(service, 'default', { addresses: [`10.96.3.${i}`], ports: [9080] })], nowMs)
    const ips = Array.from({ length: 6 }, (_, peer) => `10.1.${i}.${10 + peer}`)
    for (const [n, ip] of ips.entries()) {
      const name = `${service}-v1-${n}`
      const labels = { app: service, version: 'v1' }
      store.put('pods', `default/${name}`, [podOf(`${service}-v1`, { uid: name, name, ips: [ip], labels, startedMs: 1 })], nowMs)
    }
    const endpoints = ips.map((ip, n) => endpointOf(service, 'default', ip, { ports: [9080], pod: `${service}-v1-${n}`, podUid: `${service}-v1-${n}` }))
    store.put('endpointslices', `default/${service}-x`, endpoints, nowMs)
  }
  for (let client = 0; client < 20; client++) {
    const name = `client-v1-${client}`
    store.put('pods', `default/${name}`, [podOf('client-v1', { uid: name, name, ips: [`10.1.7.${client}`], startedMs: 1 })], nowMs)
  }
  // The proxy that reports what came without a node of its own.
  store.put('services', 'shop/reviews', [serviceOf('reviews', 'shop', { ports: [9080] })], nowMs)
  store.put('endpointslices', 'shop/reviews-x', [endpointOf('reviews', 'shop', '10.0.0.1', { ports: [9080] })], nowMs)
  for (const source of ['pods', 'services', 'endpointslices'] as const) store.endList(source, nowMs)
  store.setSynced(true)
  store.publish(nowMs)
  const index = new SharedIdentityIndex()
  index.attach(store.handles)
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
  const from = process.threadCpuUsage()
  const rows = run()
  if (rows !== entries) throw new Error(`BUG: ${rows} of ${entries} entries decoded`)
  const { user, system } = process.threadCpuUsage(from)
  return ((user + system) * 1000) / entries
}

const variants = {
  decode: decodeAll,
  'decode, mesh': decodeAndAnalyse,
  'decode, mesh, index': decodeAndEnrich,
  'all, mesh_metrics': () => analyseWith(counted),
  'all, index, mesh_metrics': () => analyseWith(countedEnriched),
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
const middle = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] as number
for (const [name, all] of taken) {
  process.stdout.write(`${name.padEnd(26)} median ${middle(all).toFixed(0)} ns/entry, best ${Math.min(...all).toFixed(0)} ns/entry\n`)
}
const resolutions = [bench, enriched].map(({ settings }) => settings.telemetry.value('meshscope_mesh_resolutions'))
process.stdout.write(`${resolutions[0]} of ${entries} entries analysed at first sight, ${resolutions[1]} with the index\n`)
const named = enriched.settings.telemetry.value('meshscope_mesh_evidence', { side: 'source', evidence: 'address' })
process.stdout.write(`${named} of them had a source that only the index knows\n`)
// Of each round by itself: what else the machine does slows both down.
function ratio(plain: keyof typeof variants, withIndex: keyof typeof variants): string {
  const others = taken.get(withIndex) ?? []
  return `${(100 * middle((taken.get(plain) ?? []).map((ns, round) => ns / (others[round] ?? Number.NaN)))).toFixed(1)} %`
}
process.stdout.write(`throughput with the index ${ratio('decode, mesh', 'decode, mesh, index')} of that without, `)
process.stdout.write(`${ratio('all, mesh_metrics', 'all, index, mesh_metrics')} with mesh_metrics behind\n`)
