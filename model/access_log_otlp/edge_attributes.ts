import type { Edge, EdgeTable, Party } from '../edges.ts'
import { AttributeBuffer, attributeKey } from './attribute_buffer.ts'

/** The attributes that tell who called whom, under the names by which they are documented. */
export const EDGE_ATTRIBUTES: Readonly<Record<string, string>> = {
  'mesh.reporter': 'whose proxy tells: `source`, `destination` or `waypoint`',
  'mesh.role': 'kind of proxy: `sidecar`, `router`, `waypoint`, `proxy`',
  'mesh.direction': '`inbound` or `outbound`',
  'mesh.service.host': 'host of the called service',
  'service.peer.name': 'service on the other side: the called one for the source’s proxy, the caller for the destination’s',
  'service.peer.namespace': 'its namespace',
  'mesh.source.workload': 'workload that called',
  'mesh.source.service': 'its canonical service, unless it is the reporter',
  'mesh.source.version': 'its version, unless it is the reporter',
  'mesh.source.principal': 'its SPIFFE id',
  'source.k8s.namespace.name': 'its namespace',
  'source.k8s.pod.name': 'its pod, unless it is the reporter',
  'source.k8s.cluster.name': 'its cluster, unless it is the reporter',
  'mesh.destination.workload': 'workload that was called; the other `destination` attributes are like those of the source',
  'mesh.mutual_tls': 'true when both sides proved who they are',
  'mesh.peer.address_class': 'what the address of a peer without a workload is: `node`, `external`, `virtual`, …',
}

/** True when the proxy saw the call from the client's side. What cannot be told counts as the server's side. */
export function isClientSide(edge: Edge): boolean {
  return edge.reporter === 'source' || (edge.reporter === 'unknown' && edge.direction === 'outbound')
}

/** Edges whose attributes are kept, about a KiB each; beyond it they are encoded anew. */
const KNOWN_MAX = 16_384

/** What is kept of an edge; `heads` and `log` are its user's, for what that makes of the attributes. */
export interface KnownEdge {
  /** Encoded attributes. */
  readonly attributes: Uint8Array
  readonly isClient: boolean
  heads: (Uint8Array | undefined)[]
  log: string
}

/** The attributes of edges, encoded once for each edge of the table's present epoch. */
export class EdgeAttributes {
  readonly #tag: number
  #edges: EdgeTable | undefined
  #epoch = -1
  #known: (KnownEdge | undefined)[] = []
  #count = 0
  readonly #nothing: KnownEdge = { attributes: new Uint8Array(0), isClient: false, heads: [], log: '' }

  /** `tag` is what every attribute begins with (`AttributeTag`). */
  constructor(tag: number) {
    this.#tag = tag
  }

  of(edges: EdgeTable | undefined, index: number): KnownEdge {
    if (edges === undefined || index === 0) return this.#nothing
    if (edges !== this.#edges || edges.epoch !== this.#epoch) {
      this.#edges = edges
      this.#epoch = edges.epoch
      this.#known = []
      this.#count = 0
    }
    const known = this.#known[index]
    return known ?? this.#add(index, edges.get(index))
  }

  #add(index: number, edge: Edge): KnownEdge {
    if (this.#count++ >= KNOWN_MAX) {
      this.#known = []
      this.#count = 1
    }
    const known = this.#encode(edge)
    this.#known[index] = known
    return known
  }

  #encode(edge: Edge): KnownEdge {
    const out = new AttributeBuffer(this.#tag, 1024)
    const isClient = isClientSide(edge)
    const { source, destination, service } = edge
    const put = (key: string, value: string): void => {
      if (value !== '' && value !== 'unknown') out.string(attributeKey(key), value)
    }
    put('mesh.reporter', edge.reporter)
    put('mesh.role', edge.role)
    put('mesh.direction', edge.direction)
    put('mesh.service.host', service.host)
    put('service.peer.name', isClient ? service.name || nameOf(destination) : nameOf(source))
    put('service.peer.namespace', isClient ? service.namespace || destination.namespace : source.namespace)
    putParty(put, 'source', source)
    putParty(put, 'destination', destination)
    if (edge.mutualTls) out.bool(attributeKey('mesh.mutual_tls'), true)
    put('mesh.peer.address_class', isClient ? destination.addressClass : source.addressClass)
    // What a gateway reports is the request that it serves: its errors are a server's.
    return { attributes: out.slice(), isClient: isClient && edge.role !== 'router', heads: [], log: '' }
  }
}

/** What `node` evidence tells is what the proxy says of itself, and in the resource already. */
function putParty(put: (key: string, value: string) => void, side: 'source' | 'destination', party: Party): void {
  put(`mesh.${side}.workload`, party.workload)
  put(`${side}.k8s.namespace.name`, party.namespace)
  put(`mesh.${side}.principal`, party.principal)
  if (party.evidence === 'node') return
  put(`mesh.${side}.service`, party.service)
  put(`mesh.${side}.version`, party.version)
  put(`${side}.k8s.pod.name`, party.pod)
  put(`${side}.k8s.cluster.name`, party.cluster)
}

function nameOf(party: Party): string {
  return party.service || party.app || party.workload
}
