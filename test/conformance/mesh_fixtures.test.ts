import { describe, expect, test } from 'vitest'
import { readTimes, requestOverheadNs, responseOverheadNs, serverLatencyNs, upstreamLatencyNs } from '../../model/access_log_times.ts'
import { type AccessLogs, EntryClass } from '../../model/access_logs.ts'
import type { Edge } from '../../model/edges.ts'
import type { IdentityIndex } from '../../model/identity/index.ts'
import { analyse, edgeOf, fixedAddresses, originOf } from '../../processors/mesh/testing.ts'
import { hasCaptures, MeshBench, readShared, readSharedJson } from './mesh_captures.ts'

interface Analysed {
  readonly edge: Edge
  readonly entryClass: number
  readonly timesNs: readonly number[]
}

function analyseMessage(path: string, index?: IdentityIndex): readonly Analysed[] {
  const rows: Analysed[] = []
  const collect = (logs: AccessLogs): void => {
    for (let i = 0; i < logs.length; i++) {
      const times = readTimes(logs, i)
      const timesNs = [serverLatencyNs(logs, i), upstreamLatencyNs(times), requestOverheadNs(times), responseOverheadNs(times)]
      rows.push({ edge: edgeOf(logs, i), entryClass: logs.entryClass[i] as number, timesNs })
    }
  }
  new MeshBench(collect, index === undefined ? {} : { index }).stream([readShared(path)])
  return rows
}

function one(path: string, index?: IdentityIndex): Analysed {
  const [row, ...more] = analyseMessage(path, index)
  if (row === undefined || more.length > 0) throw new Error(`${path} has ${more.length} more entries than one`)
  return row
}

/** The addresses of SkyWalking's tests. */
const SKYWALKING = fixedAddresses({ '10.44.2.56': 'ingress', '10.44.2.54': 'productpage', '10.44.6.66': 'detail', '10.44.2.55': 'review' })

describe.skipIf(!hasCaptures)('entries captured for SkyWalking', () => {
  test('a gateway calls the product page', () => {
    const { edge, timesNs } = one('synthetic/envoy-ingress.v3.bin', SKYWALKING)
    expect(edge).toMatchObject({ role: 'router', reporter: 'source', mutualTls: false })
    expect([edge.source.workload, edge.destination.workload, edge.service.name]).toEqual(['istio-ingressgateway', 'productpage', 'productpage'])
    expect(Math.floor((timesNs[1] as number) / 1e6)).toBeLessThanOrEqual(1010)
    expect(timesNs[3]).toBe(42_686)
  })

  test('the product page is called from outside the mesh: nobody is named', () => {
    const { edge, timesNs } = one('synthetic/envoy-ingress2sidecar.v3.bin', SKYWALKING)
    expect(edge).toMatchObject({ role: 'sidecar', reporter: 'destination', direction: 'inbound' })
    expect([edge.source.workload, edge.destination.app, edge.service.name]).toEqual(['', 'product', 'productpage'])
    expect(Math.floor((timesNs[0] as number) / 1e6)).toBe(1008)
    expect(timesNs[3]).toBe(121_957)
  })

  test('the server’s side of product page to reviews', () => {
    const { edge, timesNs } = one('synthetic/envoy-mesh-server-sidecar.v3.bin', SKYWALKING)
    expect([edge.reporter, edge.source.workload, edge.destination.workload, edge.service.name]).toEqual(['destination', 'productpage', 'reviews-v1', 'reviews'])
    expect(Math.floor((timesNs[0] as number) / 1e6)).toBe(977)
    expect(timesNs[3]).toBe(147_569)
  })

  test('the client’s side of product page to details', () => {
    const { edge, timesNs } = one('synthetic/envoy-mesh-client-sidecar.v3.bin', SKYWALKING)
    expect([edge.reporter, edge.source.workload, edge.destination.workload, edge.service.name]).toEqual(['source', 'productpage-v1', 'detail', 'details'])
    expect(Math.floor((timesNs[0] as number) / 1e6)).toBe(10)
    expect(timesNs[3]).toBe(169_503)
  })
})

describe.skipIf(!hasCaptures)('entries of known releases', () => {
  test('a present sidecar calls with a Struct peer', () => {
    const { edge } = one('synthetic/istio129-sidecar-outbound.v3.bin')
    expect(edge).toMatchObject({ role: 'sidecar', reporter: 'source', direction: 'outbound' })
    expect(edge.source).toMatchObject({ workload: 'productpage-v1', namespace: 'bookinfo', cluster: 'Kubernetes', principal: '', evidence: 'node' })
    expect(edge.destination).toMatchObject({
      workload: 'reviews-v3',
      revision: 'v3',
      principal: 'spiffe://cluster.local/ns/bookinfo/sa/bookinfo-reviews',
      evidence: 'peer_struct',
    })
    expect(edge.service).toEqual({ host: 'reviews.bookinfo.svc.cluster.local', name: 'reviews', namespace: 'bookinfo', evidence: 'cluster' })
  })

  test('an older sidecar is called with a FlatBuffer peer over mutual TLS', () => {
    const { edge, entryClass } = one('synthetic/istio120-sidecar-inbound-legacy-peer.v3.bin')
    expect(entryClass).toBe(EntryClass.final)
    expect(edge).toMatchObject({ reporter: 'destination', mutualTls: true })
    expect(edge.source).toMatchObject({
      workload: 'reviews-v3',
      app: 'reviews',
      principal: 'spiffe://cluster.local/ns/bookinfo/sa/bookinfo-reviews',
      evidence: 'peer_flatbuffer',
    })
    expect(edge.destination).toMatchObject({ workload: 'ratings-v1', principal: 'spiffe://cluster.local/ns/bookinfo/sa/bookinfo-ratings' })
    expect(edge.service).toMatchObject({ host: 'ratings.bookinfo.svc.cluster.local', evidence: 'sni' })
  })

  test('a waypoint stands between, and is neither side', () => {
    const { edge } = one('synthetic/istio129-waypoint.v3.bin', fixedAddresses({ '10.244.0.10': 'productpage-v1' }, 'bookinfo'))
    expect(edge).toMatchObject({ role: 'waypoint', reporter: 'waypoint' })
    expect([edge.source.workload, edge.destination.workload, edge.service.host]).toEqual(['productpage-v1', 'reviews-v3', 'reviews.bookinfo.svc.cluster.local'])
  })

  test('a call that found no healthy upstream still has a service', () => {
    const { edge } = one('synthetic/sidecar-outbound-503-UH-no-upstream.v3.bin')
    expect(edge).toMatchObject({ direction: 'outbound', reporter: 'source' })
    expect(edge.service).toEqual({ host: 'reviews.bookinfo.svc.cluster.local', name: 'reviews', namespace: 'bookinfo', evidence: 'authority' })
    expect(edge.destination.evidence).toBe('none')
  })

  test('of a TCP connection only the end is final', () => {
    const rows = analyseMessage('synthetic/tcp-start-periodic-end.v3.bin')
    expect(rows.map(({ entryClass }) => entryClass)).toEqual([EntryClass.start, EntryClass.periodic, EntryClass.periodic, EntryClass.final])
    expect(new Set(rows.map(({ edge }) => edge.index)).size).toBe(1)
  })
})

interface GlooSample {
  readonly workloadRef: { readonly name: string; readonly namespace: string }
  readonly httpLogEntry: {
    readonly commonProperties: Record<string, { readonly socketAddress: { readonly address: string; readonly portValue: number } }> & {
      readonly upstreamCluster: string
      readonly routeName: string
    }
    readonly request: { readonly authority: string }
  }
}

test.skipIf(!hasCaptures)('an entry without an identifier is named by addresses and its cluster', () => {
  const { httpLogEntry, workloadRef } = readSharedJson('gloo/outbound-supergloo-2021-02.json') as GlooSample
  const { commonProperties: common, request } = httpLogEntry
  const address = (name: string): string => {
    const socket = common[name]?.socketAddress
    return `${socket?.address}:${socket?.portValue}`
  }
  const entry = {
    cluster: common.upstreamCluster,
    route: common.routeName,
    authority: request.authority,
    local: address('downstreamLocalAddress'),
    remote: address('downstreamRemoteAddress'),
    direct: address('downstreamDirectRemoteAddress'),
    upstream: address('upstreamRemoteAddress'),
  }
  const index = fixedAddresses({ '192.168.2.19': workloadRef.name, '192.168.2.18': 'reviews-v1' }, workloadRef.namespace)
  const { edge } = analyse(originOf({}), entry, { index })
  expect(edge).toMatchObject({ role: 'unknown', reporter: 'source', direction: 'outbound' })
  expect([edge.source.workload, edge.source.namespace, edge.destination.workload]).toEqual(['ratings-v1', 'bookinfo', 'reviews-v1'])
  expect(edge.service).toMatchObject({ name: 'reviews', namespace: 'bookinfo', evidence: 'cluster' })
})
