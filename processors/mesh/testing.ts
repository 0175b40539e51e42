import { Builder, type Offset } from 'flatbuffers'
import type { Consumer } from '../../component/consumer.ts'
import { ByteInterner } from '../../lib/intern.ts'
import { ProtobufWriter } from '../../lib/protobuf/writer.ts'
import { AccessLogs, AddressKind, EntryKind, LogType, type StreamOrigin } from '../../model/access_logs.ts'
import type { Edge } from '../../model/edges.ts'
import type { IdentityIndex } from '../../model/identity/index.ts'
import type { Endpoint, KubeNode, Pod, Service } from '../../model/identity/objects.ts'
import { FakeIdentityIndex } from '../../test/fakes/identity.ts'
import { fakeSettings } from '../../test/fakes/settings.ts'
import type { MeshConfig } from './config.ts'
import { MeshProcessor } from './processor.ts'

/** A JSON-like value for Structs. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }

/** One row of an access-log batch; what is left out is absent. Addresses are `ip:port`, internal ones `internal:ip:port`. */
export interface TestEntry {
  readonly tcp?: boolean
  readonly type?: number
  readonly flags?: number
  readonly code?: number
  readonly startMs?: number
  readonly durationNs?: number
  readonly cluster?: string
  readonly route?: string
  readonly authority?: string
  readonly method?: number
  readonly sni?: string
  readonly localSan?: string
  readonly peerSan?: string
  readonly certificates?: number
  readonly upstreamPeer?: Uint8Array
  readonly downstreamPeer?: Uint8Array
  readonly peerPrincipal?: Uint8Array
  readonly localPrincipal?: Uint8Array
  readonly tagCluster?: string
  readonly tagPrincipal?: string
  readonly downstreamFailure?: string
  readonly tcpBytes?: number
  readonly local?: string
  readonly remote?: string
  readonly direct?: string
  readonly upstream?: string
  /** Bytes of the entry itself, for what has no column. */
  readonly bytes?: Uint8Array
}

let nextOrigin = 1

/** A stream of the proxy with this node id, cluster and metadata. */
export function originOf(node: {
  readonly id?: string
  readonly cluster?: string
  readonly metadata?: Json
  readonly version?: readonly [number, number]
}): StreamOrigin {
  const writer = new ProtobufWriter()
  if (node.id !== undefined) writer.string(1, node.id)
  if (node.cluster !== undefined) writer.string(2, node.cluster)
  if (node.metadata !== undefined) writer.bytes(3, structBytes(node.metadata))
  const { version } = node
  if (version !== undefined) writer.message(8, () => void writer.message(1, () => void writer.varint(1, version[0]).varint(2, version[1])))
  return {
    id: nextOrigin++,
    node: writer.finish(),
    nodeId: node.id ?? '',
    nodeCluster: node.cluster ?? '',
    logName: 'test',
    peer: '10.9.9.9:40000',
    apiVersion: 'v3',
  }
}

/** Bytes of a `google.protobuf.Struct`. */
export function structBytes(value: Json): Uint8Array {
  const writer = new ProtobufWriter()
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return writer.finish()
  for (const [key, field] of Object.entries(value)) writer.message(1, () => void writer.string(1, key).bytes(2, valueBytes(field)))
  return writer.finish()
}

function valueBytes(value: Json): Uint8Array {
  const writer = new ProtobufWriter()
  if (value === null) writer.varint(1, 0)
  else if (typeof value === 'number') writer.double(2, value)
  else if (typeof value === 'string') writer.string(3, value)
  else if (typeof value === 'boolean') writer.bool(4, value)
  else if (Array.isArray(value)) {
    const items: readonly Json[] = value
    writer.message(6, () => {
      for (const item of items) writer.bytes(1, valueBytes(item))
    })
  } else writer.bytes(5, structBytes(value))
  return writer.finish()
}

/** Bytes of a `google.protobuf.Any`. */
export function anyBytes(type: string, value: Uint8Array): Uint8Array {
  return new ProtobufWriter().string(1, `type.googleapis.com/${type}`).bytes(2, value).finish()
}

export function anyStruct(value: Json): Uint8Array {
  return anyBytes('google.protobuf.Struct', structBytes(value))
}

export function anyText(text: string): Uint8Array {
  return anyBytes('google.protobuf.StringValue', new ProtobufWriter().string(1, text).finish())
}

export function anyWrapped(bytes: Uint8Array): Uint8Array {
  return anyBytes('google.protobuf.BytesValue', new ProtobufWriter().bytes(1, bytes).finish())
}

/** A FlatBuffer with a FlatNode, as a proxy's Wasm filter would have made it. */
export function flatNode(
  node: Readonly<Record<'name' | 'namespace' | 'owner' | 'workload' | 'cluster', string>>,
  labels: Readonly<Record<string, string>>,
): Uint8Array {
  const builder = new Builder(256)
  const texts: readonly (readonly [number, Offset])[] = (
    [
      [0, node.name],
      [1, node.namespace],
      [3, node.owner],
      [4, node.workload],
      [9, node.cluster],
    ] as const
  ).map(([slot, text]) => [slot, builder.createString(text)] as const)
  const pairs = Object.entries(labels).map(([key, value]) => {
    const keyAt = builder.createString(key)
    const valueAt = builder.createString(value)
    builder.startObject(2)
    builder.addFieldOffset(0, keyAt, 0)
    builder.addFieldOffset(1, valueAt, 0)
    return builder.endObject()
  })
  builder.startVector(4, pairs.length, 4)
  for (const pair of pairs.toReversed()) builder.addOffset(pair)
  const vector = builder.endVector()
  builder.startObject(11)
  for (const [slot, at] of texts) builder.addFieldOffset(slot, at, 0)
  builder.addFieldOffset(2, vector, 0)
  builder.finish(builder.endObject())
  return builder.asUint8Array()
}

/** Makes batches row by row, as a decoder would. */
export class BatchBuilder {
  readonly logs: AccessLogs
  readonly #strings: ByteInterner

  constructor(strings = new ByteInterner()) {
    this.#strings = strings
    this.logs = new AccessLogs(strings)
  }

  /** Replaces the rows by these. */
  batch(origin: StreamOrigin, entries: readonly TestEntry[]): AccessLogs {
    const { logs } = this
    logs.grow(entries.length)
    logs.clear()
    logs.length = entries.length
    logs.origin = origin
    for (const [i, entry] of entries.entries()) this.#row(i, entry)
    return logs
  }

  #row(i: number, entry: TestEntry): void {
    const { logs } = this
    logs.kind[i] = entry.tcp === true ? EntryKind.tcp : EntryKind.http
    logs.logType[i] = entry.type ?? (entry.tcp === true ? LogType.tcpConnectionEnd : LogType.downstreamEnd)
    logs.flags[i] = entry.flags ?? 0
    logs.responseCode[i] = entry.code ?? 0
    logs.method[i] = entry.method ?? (entry.tcp === true ? 0 : 1)
    logs.certificates[i] = entry.certificates ?? 0
    logs.duration[i] = entry.durationNs ?? 1e6
    logs.tcpReceived[i] = entry.tcpBytes ?? 0
    const startMs = entry.startMs ?? 1_700_000_000_000
    logs.startSeconds[i] = Math.floor(startMs / 1000)
    logs.startNanos[i] = (startMs % 1000) * 1e6
    logs.upstreamCluster[i] = this.#text(entry.cluster)
    logs.routeName[i] = this.#text(entry.route)
    logs.authority[i] = this.#text(entry.authority)
    logs.sni[i] = this.#text(entry.sni)
    logs.localSan[i] = this.#text(entry.localSan)
    logs.peerSan[i] = this.#text(entry.peerSan)
    logs.tagUpstreamCluster[i] = this.#text(entry.tagCluster)
    logs.tagUpstreamPrincipal[i] = this.#text(entry.tagPrincipal)
    logs.downstreamFailure[i] = this.#text(entry.downstreamFailure)
    logs.upstreamPeer[i] = this.#bytes(entry.upstreamPeer)
    logs.downstreamPeer[i] = this.#bytes(entry.downstreamPeer)
    logs.peerPrincipal[i] = this.#bytes(entry.peerPrincipal)
    logs.localPrincipal[i] = this.#bytes(entry.localPrincipal)
    this.#address(i, entry.local, logs.downstreamLocal, logs.downstreamLocalPort, logs.downstreamLocalKind)
    this.#address(i, entry.remote, logs.downstreamRemote, logs.downstreamRemotePort, logs.downstreamRemoteKind)
    this.#address(i, entry.direct, logs.directRemote, logs.directRemotePort, logs.directRemoteKind)
    this.#address(i, entry.upstream, logs.upstreamRemote, logs.upstreamRemotePort, logs.upstreamRemoteKind)
    if (entry.bytes === undefined) return
    logs.message = entry.bytes
    logs.entryAt[i] = 0
    logs.entryEnd[i] = entry.bytes.length
  }

  #address(i: number, text: string | undefined, texts: Int32Array, ports: Int32Array, kinds: Uint8Array): void {
    if (text === undefined) return
    if (text.startsWith('internal:')) {
      kinds[i] = AddressKind.internal
      texts[i] = this.#text(text.slice('internal:'.length))
      return
    }
    const colon = text.lastIndexOf(':')
    kinds[i] = AddressKind.socket
    texts[i] = this.#text(text.slice(0, colon))
    ports[i] = Number(text.slice(colon + 1))
  }

  #text(text: string | undefined): number {
    return text === undefined ? 0 : this.#bytes(Buffer.from(text))
  }

  #bytes(bytes: Uint8Array | undefined): number {
    if (bytes === undefined) return 0
    return this.#strings.intern(bytes, new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0, bytes.length)
  }
}

export const MESH_DEFAULTS: MeshConfig = {
  edges_max: 50_000,
  host_header: 'auto',
  listener_logs: 'auto',
  infrastructure_clusters: [],
  trust_domain: '',
  kubernetes: 'auto',
  cluster_name: '',
  naming: { service: '', service_entry: '', instance: '', rules_file: '' },
  resolve_delay: '0s',
  held_entries_max: 4096,
}

/** A started processor with its telemetry, before `next`; `index` is the identity index of its thread. */
export function meshForTest(config: Partial<MeshConfig> = {}, index?: IdentityIndex, next: Consumer<AccessLogs> = { consume: () => {} }) {
  const settings = { ...fakeSettings('processor', 'mesh'), shared: () => index }
  const mesh = new MeshProcessor(settings, { ...MESH_DEFAULTS, ...config }, next)
  mesh.start()
  return { settings, mesh }
}

/** What a fresh processor makes of one entry. */
export function analyse(
  origin: StreamOrigin,
  entry: TestEntry,
  options: { readonly config?: Partial<MeshConfig>; readonly index?: IdentityIndex } = {},
): { readonly edge: Edge; readonly entryClass: number } {
  const { mesh } = meshForTest(options.config, options.index)
  const logs = new BatchBuilder().batch(origin, [entry])
  void mesh.consume(logs)
  return { edge: edgeOf(logs, 0), entryClass: logs.entryClass[0] as number }
}

/** The edge of row `i` of an analysed batch. */
export function edgeOf(logs: AccessLogs, i: number): Edge {
  if (logs.edges === undefined) throw new Error('the batch was not analysed')
  return logs.edges.get(logs.edge[i] as number)
}

/** An index of pods by address: `ip` to workload, all in one namespace and there for ever. */
export function fixedAddresses(workloads: Readonly<Record<string, string>>, namespace = 'default'): FakeIdentityIndex {
  const index = new FakeIdentityIndex()
  for (const [ip, workload] of Object.entries(workloads)) index.add(podOf(workload, { namespace, ips: [ip] }))
  return index
}

/** A pod of a Deployment in the namespace `default`. */
export function podOf(workload: string, more: Partial<Pod> = {}): Pod {
  return {
    kind: 'pod',
    uid: `uid-${workload}`,
    namespace: 'default',
    name: `${workload}-0`,
    node: 'node-1',
    serviceAccount: '',
    isHostNetwork: false,
    ips: [],
    ports: [],
    workload: { kind: 'Deployment', name: workload, isInferred: false },
    replicaSet: '',
    job: '',
    containers: [],
    labels: {},
    annotations: {},
    createdMs: 0,
    startedMs: 0,
    terminatingMs: 0,
    endedMs: 0,
    ...more,
  }
}

/** A Service `name` in a namespace, with its FQDN. */
export function serviceOf(name: string, namespace: string, more: Partial<Service> = {}): Service {
  return {
    kind: 'service',
    uid: `uid-${namespace}-${name}`,
    namespace,
    name,
    source: 'service',
    hosts: [`${name}.${namespace}.svc.cluster.local`],
    addresses: [],
    ports: [],
    isHeadless: false,
    labels: {},
    ...more,
  }
}

/** What leads from a Service to an address. */
export function endpointOf(service: string, namespace: string, ip: string, more: Partial<Endpoint> = {}): Endpoint {
  return {
    kind: 'endpoint',
    namespace,
    service,
    ip,
    ports: [],
    pod: '',
    podUid: '',
    node: '',
    zone: '',
    workload: { kind: '', name: '', isInferred: false },
    labels: {},
    ...more,
  }
}

export function nodeOf(name: string, ip: string): KubeNode {
  return { kind: 'node', uid: `uid-${name}`, name, ips: [ip], labels: {}, annotations: {} }
}
