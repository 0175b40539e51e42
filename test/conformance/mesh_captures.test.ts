import { describe, expect, test } from 'vitest'
import { type AccessLogs, EntryClass, LogType } from '../../model/access_logs.ts'
import type { Edge } from '../../model/edges.ts'
import { responseFlagsText } from '../../model/response_flags.ts'
import { edgeOf } from '../../processors/mesh/testing.ts'
import { framesOf, hasCaptures, MeshBench, readShared, readSharedJson } from './mesh_captures.ts'

interface ExpectedEntry {
  readonly count: number
  readonly node: string
  readonly logName: string
  /** `gateway` for a router. */
  readonly direction: string
  /** `external` for the clients of a gateway, which no log names. */
  readonly source: string
  /** Empty where the driver sent to nowhere. */
  readonly destination: string
  /** `?` where a race decides whether it is logged. */
  readonly cluster: string
  readonly code: number | null
  readonly flags: string
  readonly type: string
}

interface Capture {
  readonly streams: readonly { readonly file: string; readonly logName: string; readonly peer: string; readonly entries: number }[]
  readonly expectedEntries: readonly ExpectedEntry[]
}

interface SeenEntry {
  readonly edge: Edge
  readonly entryClass: number
  readonly key: string
  readonly cluster: string
}

const TYPES: Readonly<Record<number, string>> = {
  [LogType.notSet]: 'NotSet',
  [LogType.tcpConnectionEnd]: 'TcpConnectionEnd',
  [LogType.downstreamEnd]: 'DownstreamEnd',
}

/**
 * Where the driver knows more than any field of the entry says: both are local replies without a cluster, one to a Host
 * header of another service, the other TCP without a name. Named by what the entry shows instead.
 */
const UNSAYABLE: readonly { readonly scenario: string; readonly flags: string; readonly destination: string; readonly shown: string }[] = [
  { scenario: 'grpc', flags: 'UH', destination: 'ratings', shown: 'reviews' },
  { scenario: 'tcp', flags: 'UH', destination: 'BlackHoleCluster', shown: '' },
]

const SCENARIOS = [
  { scenario: 'mesh', classes: { final: 230 } },
  { scenario: 'errors', classes: { final: 156 } },
  { scenario: 'grpc', classes: { final: 107 } },
  { scenario: 'tcp', classes: { final: 104, duplicate: 44, refusedHandshake: 4 } },
  { scenario: 'odd', classes: { final: 118 } },
  { scenario: 'peers', classes: { final: 60 } },
] as const

describe.skipIf(!hasCaptures)('captures of a real Envoy', () => {
  test.for(SCENARIOS)('$scenario: every entry is analysed as the driver sent it', ({ scenario, classes }) => {
    const capture = readSharedJson(`envoy-capture/als-${scenario}.json`) as Capture
    const seen: SeenEntry[] = []
    const bench = new MeshBench((logs) => collect(logs, seen))
    for (const stream of capture.streams) bench.stream(framesOf(readShared(`envoy-capture/${stream.file}`)), stream.peer)
    expect(seen).toHaveLength(capture.streams.reduce((sum, stream) => sum + stream.entries, 0))
    expect(unexplained(seen, capture.expectedEntries, scenario)).toEqual({ missing: [], surplus: [] })
    const counted = Object.fromEntries(
      Object.keys(classes).map((name) => [name, seen.filter((entry) => entry.entryClass === EntryClass[name as 'final']).length]),
    )
    expect(counted).toEqual(classes)
  })

  test('an order in which the listener log comes first does not count connections twice', () => {
    const seen: SeenEntry[] = []
    const bench = new MeshBench((logs) => collect(logs, seen))
    for (const log of ['listener', 'tcp']) bench.stream(framesOf(readShared(`envoy-capture/als-tcp.mongodb.${log}.bin`)))
    expect(seen.filter(({ entryClass, edge }) => entryClass === EntryClass.final && edge.source.workload === 'productpage-v1')).toHaveLength(40)
  })

  test('listener logs count when the user says that there is no other log', () => {
    const seen: SeenEntry[] = []
    const bench = new MeshBench((logs) => collect(logs, seen), { config: { listener_logs: 'count' } })
    bench.stream(framesOf(readShared('envoy-capture/als-tcp.mongodb.listener.bin')))
    expect(seen.filter(({ entryClass }) => entryClass === EntryClass.final)).toHaveLength(44)
    expect(seen.filter(({ entryClass }) => entryClass === EntryClass.refusedHandshake)).toHaveLength(4)
  })

  test('most rows are known by their integers alone', () => {
    const seen: SeenEntry[] = []
    const bench = new MeshBench((logs) => collect(logs, seen))
    for (let round = 0; round < 10; round++) bench.stream(framesOf(readShared('envoy-capture/als-mesh.productpage.http.bin')))
    expect(seen).toHaveLength(1180)
    expect(bench.settings.telemetry.value('meshscope_mesh_resolutions')).toBeLessThan(10)
  })
})

function collect(logs: AccessLogs, into: SeenEntry[]): void {
  for (let i = 0; i < logs.length; i++) {
    const edge = edgeOf(logs, i)
    const nodeId = logs.origin.nodeId
    const node = nodeId.startsWith('router~') ? 'gateway' : (/~([a-z]+)-/.exec(nodeId)?.[1] ?? '')
    const flags = responseFlagsText(logs.flags[i] as number).replace('-', '')
    const direction = edge.role === 'router' ? 'gateway' : edge.direction
    const code = logs.kind[i] === 2 ? null : logs.responseCode[i]
    const key = [node, logs.origin.logName, direction, code, flags, TYPES[logs.logType[i] as number]].join(' ')
    into.push({ edge, entryClass: logs.entryClass[i] as number, key, cluster: logs.strings.text(logs.upstreamCluster[i] as number) })
  }
}

/** Expected entries that nothing was seen of, and seen ones that nothing expects. */
function unexplained(seen: readonly SeenEntry[], expected: readonly ExpectedEntry[], scenario: string): { missing: string[]; surplus: string[] } {
  // The exact ones first: an expectation without a destination would take any.
  const open = expected.map((entry) => ({ entry, left: entry.count })).sort((a, b) => vagueness(a.entry) - vagueness(b.entry))
  const surplus: string[] = []
  for (const one of seen) {
    const match = open.find(({ entry, left }) => left > 0 && isMatch(one, entry, scenario))
    if (match === undefined) surplus.push(`${one.key} ${one.cluster}: ${one.edge.source.workload} to ${one.edge.service.name}`)
    else match.left--
  }
  return { missing: open.filter(({ left }) => left > 0).map(({ entry, left }) => `${left} of ${JSON.stringify(entry)}`), surplus }
}

function vagueness(entry: ExpectedEntry): number {
  return (entry.destination === '' ? 1 : 0) + (entry.cluster === '?' ? 1 : 0)
}

function isMatch(one: SeenEntry, entry: ExpectedEntry, scenario: string): boolean {
  const key = [entry.node, entry.logName, entry.direction, entry.code, entry.flags, entry.type].join(' ')
  if (one.key !== key || (entry.cluster !== '?' && entry.cluster !== one.cluster)) return false
  return isSource(one, entry.source) && isDestination(one, entry, scenario)
}

function isSource({ edge, entryClass }: SeenEntry, source: string): boolean {
  if (source === 'external') return edge.role === 'router' && edge.source.workload === 'istio-ingressgateway'
  // The listener log of a refused handshake carries somebody's metadata; it is not counted.
  if (source.startsWith('unknown(')) return edge.source.workload === '' || entryClass === EntryClass.duplicate
  // The lab's TCP peers carry a fixed metadata object; where it is not the caller's, the certificate names the account.
  return edge.source.workload === source || (edge.source.evidence === 'certificate' && edge.source.principal.includes(`/sa/${source}`))
}

function isDestination({ edge }: SeenEntry, entry: ExpectedEntry, scenario: string): boolean {
  const unsayable = UNSAYABLE.find((other) => other.scenario === scenario && other.flags === entry.flags && other.destination === entry.destination)
  if (unsayable !== undefined && entry.cluster === '') return edge.service.name === unsayable.shown
  if (entry.destination === '') return edge.destination.workload === ''
  return edge.destination.workload === entry.destination || edge.service.name === entry.destination
}
