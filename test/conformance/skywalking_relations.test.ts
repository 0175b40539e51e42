import { expect, test } from 'vitest'
import { readTimes, requestOverheadNs, responseOverheadNs, serverLatencyNs } from '../../model/access_log_times.ts'
import type { AccessLogs } from '../../model/access_logs.ts'
import type { Edge } from '../../model/edges.ts'
import type { Pod } from '../../model/identity/objects.ts'
import { edgeOf, MESH_DEFAULTS, podOf } from '../../processors/mesh/testing.ts'
import { FakeIdentityIndex } from '../fakes/identity.ts'
import { hasCaptures, MeshBench, readShared } from './mesh_captures.ts'

/** What SkyWalking's own tests take these addresses for, as pods that bear the names; the first two as their proxies call themselves. */
const PODS: readonly (readonly [ip: string, service: string, more: Partial<Pod>])[] = [
  ['10.44.2.56', 'ingress', { namespace: 'istio-system', name: 'istio-ingressgateway-699c7dc774-hjxq5' }],
  ['10.44.2.54', 'productpage', { name: 'product-v1-d66dcfdc5-kh6v7' }],
  ['10.44.2.55', 'review', { name: 'reviews-v1-d66dcfdc5-kh6v7' }],
  ['10.44.6.66', 'detail', { name: 'details-v1-6d5b9c7f4-x2x2x' }],
]

/** Its K8S_SERVICE_NAME_RULE without the namespace, with the labels that its code falls back to. */
const K8S_SERVICE_NAME_RULE = '${pod.metadata.labels.(service.istio.io/canonical-name),pod.metadata.labels.(app.kubernetes.io/name),pod.metadata.labels.app}'

interface Relation {
  readonly detectPoint: 'client' | 'server'
  readonly source: string
  readonly destination: string
  readonly latencyMs: number
  readonly internalRequestNs: number
  readonly internalResponseNs: number
}

function relationOf(edge: Edge, logs: AccessLogs): Relation {
  const times = readTimes(logs, 0)
  const isClient = edge.reporter === 'source'
  const toMs = (ns: number): number => Math.floor(ns / 1e6)
  return {
    detectPoint: isClient ? 'client' : 'server',
    source: edge.source.service || 'UNKNOWN',
    destination: edge.destination.service,
    // SkyWalking's formulas, of whole milliseconds.
    latencyMs: isClient ? toMs(times.lastUpstreamRx) - toMs(times.firstUpstreamTx) : toMs(serverLatencyNs(logs, 0)),
    internalRequestNs: requestOverheadNs(times),
    internalResponseNs: responseOverheadNs(times),
  }
}

function relationsOf(file: string): readonly Relation[] {
  const index = new FakeIdentityIndex()
  for (const [ip, service, more] of PODS) index.add(podOf(service, { ips: [ip], labels: { 'service.istio.io/canonical-name': service }, ...more }))
  const relations: Relation[] = []
  const onBatch = (logs: AccessLogs): void => {
    for (let i = 0; i < logs.length; i++) relations.push(relationOf(edgeOf(logs, i), logs))
  }
  const naming = { ...MESH_DEFAULTS.naming, service: K8S_SERVICE_NAME_RULE }
  new MeshBench(onBatch, { config: { naming }, index }).stream([readShared(`synthetic/${file}.v3.bin`)])
  return relations
}

test.skipIf(!hasCaptures).for<{ readonly file: string; readonly relation: Partial<Relation> }>([
  {
    // Of the gateway's own client, UNKNOWN, there is no relation here: see the README of the processor.
    file: 'envoy-ingress',
    relation: { detectPoint: 'client', source: 'ingress', destination: 'productpage', latencyMs: 1010, internalRequestNs: 869_250 - 31_206 },
  },
  {
    file: 'envoy-ingress2sidecar',
    relation: { detectPoint: 'server', source: 'UNKNOWN', destination: 'productpage', latencyMs: 1008, internalResponseNs: 121_957 },
  },
  {
    file: 'envoy-mesh-server-sidecar',
    relation: { detectPoint: 'server', source: 'productpage', destination: 'review', latencyMs: 977, internalResponseNs: 147_569 },
  },
  {
    file: 'envoy-mesh-client-sidecar',
    relation: { detectPoint: 'client', source: 'productpage', destination: 'detail', latencyMs: 8, internalResponseNs: 169_503 },
  },
])('$file has the relation that SkyWalking finds in it', ({ file, relation }) => {
  expect(relationsOf(file)).toMatchObject([relation])
})
