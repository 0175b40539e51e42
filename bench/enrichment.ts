/**
 * What the identity index costs access logs that name the called side by its address only, in one thread: decoding, mesh analysis
 * and counting with and without it, on the messages that `kubernetes_scale` sends. `node bench/enrichment.ts [rounds] [tuples]`.
 *
 * The variants take turns at every tenth of the messages. Of each tenth, the time that one round in ten stays below counts, and the
 * median: on a machine with other work the first is nearer to what the code itself takes.
 */
import { Harness } from '../connectors/mesh_metrics/testing.ts'
import { ByteInterner } from '../lib/intern.ts'
import type { AccessLogs, StreamOrigin } from '../model/access_logs.ts'
import { SharedIdentityIndex } from '../model/identity/shared_index.ts'
import { IdentityStore } from '../model/identity/store.ts'
import { identityNeeds } from '../processors/mesh/needs.ts'
import { MESH_DEFAULTS, meshForTest, podOf } from '../processors/mesh/testing.ts'
import { AccessLogDecoder } from '../receivers/envoyals/decode.ts'
import { parseIdentifier } from '../receivers/envoyals/identifier.ts'
import { entryMessages, identifierMessage } from './load_messages.ts'

const rounds = Number(process.argv[2] ?? 40)
const tuples = Number(process.argv[3] ?? 400)
const MESSAGES = 600
const PART = MESSAGES / 10
const WORKLOADS = 10
const PODS = 5000
const PODS_PER_SERVICE = 10
const HOUR_MS = 3_600_000

const nowMs = Date.now()
const messages = entryMessages({ messages: MESSAGES, tuples, hasAddressesOnly: true, endSeconds: Math.floor(nowMs / 1000) - 60 })
const decoder = new AccessLogDecoder(new ByteInterner())
const origins = Array.from({ length: WORKLOADS }, (_, i) => originOf(i))
const index = indexOfPods()
const nothing = { consume: (): void => {} }
const counted = () => new Harness({ semantic: 'istio' }).ingest
const variants: Readonly<Record<string, { consume(logs: AccessLogs): unknown }>> = {
  decode: nothing,
  'decode, mesh': meshForTest().mesh,
  'decode, mesh, index': meshForTest({}, index).mesh,
  'all, mesh_metrics': meshForTest({}, undefined, counted()).mesh,
  'all, index, mesh_metrics': meshForTest({}, index, counted()).mesh,
}

function originOf(i: number): StreamOrigin {
  decoder.begin(identifierMessage(`client-${i}`))
  const identifier = parseIdentifier(decoder.identifier ?? new Uint8Array())
  if (identifier === undefined) throw new Error('BUG: the identifier of the benchmark is malformed')
  return { id: i + 1, ...identifier, peer: '127.0.0.1:1', apiVersion: 'v3' }
}

/** Ten pods for each service that is called, at the addresses that the messages name. */
function indexOfPods(): SharedIdentityIndex {
  const limits = { memoryMibMax: 64, rememberGoneMs: 60_000, clockSkewMs: 5000, isClusterWide: true }
  const store = new IdentityStore({ ...limits, lookups: identityNeeds(MESH_DEFAULTS).lookups })
  for (const source of ['pods', 'services', 'endpointslices'] as const) store.beginList(source)
  for (let slot = 0; slot < PODS; slot++) {
    const service = `service-${Math.floor(slot / PODS_PER_SERVICE)}`
    const name = `${service}-v1-${slot}`
    const labels = { app: service, version: 'v1' }
    const ips = [`10.${slot >> 16}.${(slot >> 8) & 255}.${slot & 255}`]
    store.put('pods', `default/${name}`, [podOf(`${service}-v1`, { uid: name, name, ips, labels, startedMs: nowMs - HOUR_MS })], nowMs)
  }
  for (const source of ['pods', 'services', 'endpointslices'] as const) store.endList(source, nowMs)
  store.setSynced(true)
  store.publish(nowMs)
  const shared = new SharedIdentityIndex()
  shared.attach(store.handles)
  return shared
}

function nsPerEntry(consumer: { consume(logs: AccessLogs): unknown }, part: number): number {
  const begun = process.hrtime.bigint()
  let rows = 0
  for (let i = part * PART; i < (part + 1) * PART; i++) {
    decoder.begin(messages[i] as Uint8Array)
    while (decoder.next()) {
      decoder.logs.origin = origins[i % WORKLOADS] as StreamOrigin
      rows += decoder.logs.length
      consumer.consume(decoder.logs)
    }
  }
  return Number(process.hrtime.bigint() - begun) / rows
}

const taken = new Map(Object.keys(variants).map((name) => [name, Array.from({ length: MESSAGES / PART }, (): number[] => [])]))
for (let round = -5; round < rounds; round++) {
  for (let part = 0; part < MESSAGES / PART; part++) {
    for (const [name, consumer] of Object.entries(variants)) {
      const ns = nsPerEntry(consumer, part)
      // The first rounds warm the compiler up.
      if (round >= 0) taken.get(name)?.[part]?.push(ns)
    }
  }
}
const at = (values: readonly number[], share: number): number => values.toSorted((a, b) => a - b)[Math.floor(values.length * share)] as number
const mean = (values: readonly number[]): number => values.reduce((sum, one) => sum + one, 0) / values.length
const low = (name: string): number => mean((taken.get(name) ?? []).map((part) => at(part, 0.1)))
for (const [name, parts] of taken) {
  console.log(`${name.padEnd(26)} ${low(name).toFixed(0).padStart(5)} ns/entry low, ${mean(parts.map((part) => at(part, 0.5))).toFixed(0)} median`)
}
const added = low('all, index, mesh_metrics') - low('all, mesh_metrics')
console.log(
  `the index adds ${added.toFixed(0)} ns to an entry; without transport ${((100 * low('all, mesh_metrics')) / low('all, index, mesh_metrics')).toFixed(0)} % of the throughput are left`,
)
