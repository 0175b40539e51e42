/** What kind of Envoy reported an entry. */
export type ProxyRole = 'sidecar' | 'router' | 'waypoint' | 'ztunnel' | 'proxy' | 'unknown'

/** Whose side of a call an entry tells: `source` is the client's proxy, `destination` the server's. */
export type Reporter = 'source' | 'destination' | 'waypoint' | 'unknown'

/**
 * Which piece of evidence named a side of a call, or the called service. Only `node` is what a proxy says of itself:
 * its empty fields are really empty, while those of a peer are unknown.
 */
export type Evidence =
  | 'node'
  | 'peer_struct'
  | 'peer_flatbuffer'
  | 'certificate'
  | 'address'
  | 'service_entry'
  | 'cluster'
  | 'sni'
  | 'authority'
  | 'endpoints'
  | 'route'
  | 'none'

/** All kinds of evidence; the order is that of their small integer codes. */
export const EVIDENCE: readonly Evidence[] = [
  'none',
  'node',
  'peer_struct',
  'peer_flatbuffer',
  'certificate',
  'address',
  'cluster',
  'sni',
  'authority',
  'route',
  'service_entry',
  'endpoints',
]

/**
 * What the address of a side is of which no workload is known: a Kubernetes node, a host outside the cluster, the
 * virtual address of a Service, the same host, a proxy that sends logs itself, or none of what is known. Empty when the
 * workload is known, or when there was no index (or no address) to ask.
 */
export type AddressClass = 'node' | 'external' | 'virtual' | 'loopback' | 'mesh_peer' | 'unknown' | ''

/** All classes of addresses; the order is that of their small integer codes. */
export const ADDRESS_CLASSES: readonly AddressClass[] = ['', 'unknown', 'node', 'external', 'virtual', 'loopback', 'mesh_peer']

/** One side of a call. Empty strings are "not known"; consumers choose the placeholder they need. */
export interface Party {
  readonly workload: string
  readonly namespace: string
  /** Canonical service and revision (`service.istio.io/canonical-name`, `-revision`). */
  readonly service: string
  readonly revision: string
  readonly app: string
  readonly version: string
  readonly cluster: string
  /** SPIFFE id. */
  readonly principal: string
  readonly pod: string
  readonly evidence: Evidence
  readonly addressClass: AddressClass
}

/** The service that was called, which is not always the workload that answered. */
export interface CalledService {
  /** Host as in `destination_service`: an FQDN, a host header or a special cluster name. */
  readonly host: string
  /** Short name as in `destination_service_name`. */
  readonly name: string
  readonly namespace: string
  readonly evidence: Evidence
}

/** Who called whom, as one proxy saw it. Immutable; the same facts give the same `Edge` within an epoch. */
export interface Edge {
  /** Index in the table. */
  readonly index: number
  readonly role: ProxyRole
  readonly reporter: Reporter
  readonly direction: 'inbound' | 'outbound' | 'unknown'
  readonly source: Party
  readonly destination: Party
  readonly service: CalledService
  /** True when both sides of the downstream connection proved who they are. */
  readonly mutualTls: boolean
}

/**
 * The edges seen by one `mesh` processor. Consumers may cache by index as long as `epoch` stays the same; it changes
 * only between batches.
 */
export interface EdgeTable {
  readonly epoch: number
  /** Number of edges, the unknown edge 0 included. */
  readonly size: number
  get(index: number): Edge
}

export const UNKNOWN_PARTY: Party = Object.freeze({
  workload: '',
  namespace: '',
  service: '',
  revision: '',
  app: '',
  version: '',
  cluster: '',
  principal: '',
  pod: '',
  evidence: 'none',
  addressClass: '',
})

export const UNKNOWN_SERVICE: CalledService = Object.freeze({ host: '', name: '', namespace: '', evidence: 'none' })
