import type { Endpoint, KubeNode, Namespace, Pod, Service, WorkloadEntry } from './objects.ts'

/** What may own the address of a workload. */
export type AddressOwner = Pod | Endpoint | WorkloadEntry | KubeNode

/** An answer and how long it holds. */
export interface Found<T> {
  readonly value: T
  /** Since when, milliseconds since the epoch; 0 when it was so before anybody looked. */
  readonly fromMs: number
  /** Until when; `Infinity` while it is so. */
  readonly untilMs: number
}

/**
 * Answers what an address, name or id was at a time: one thread's view of the process's one identity index.
 *
 * Look-ups are synchronous, create no promise and send no message. The objects of answers are immutable and may be
 * kept. A claim that covers `timeMs` wins; with none, the nearest one within the tolerated clock skew, or the last one
 * that ended, within the time that the gone are remembered.
 */
export interface IdentityIndex {
  /**
   * Grows when an answer that this index has given since the last growth (also "not found") may have changed; never
   * for changes that nobody here has asked about. Reading it is cheap enough for every batch, and is what makes
   * changes visible to callers that keep answers.
   */
  readonly version: number
  /** When it last changed; 0 before the first object. */
  readonly changedMs: number
  /** True when every watched resource has been listed completely. */
  readonly isSynced: boolean
  /** True when pods of the whole cluster are known, so that an unknown address is none of its pods. */
  readonly isClusterWide: boolean
  /**
   * The owner of a workload's address. A host-network pod is found with one of its ports only, else the node is. A pod
   * is preferred to the endpoint that points at it. `port` is 0 when it is not known.
   */
  byAddress(ip: string, port: number, timeMs: number): Found<AddressOwner> | undefined
  /** The service of a virtual address (ClusterIP, external, load balancer, ServiceEntry address or CIDR) and port; port 0 is any. */
  serviceByAddress(ip: string, port: number, timeMs: number): Found<Service> | undefined
  podByUid(uid: string): Pod | undefined
  /** `id` is a container id of 64 hex digits, or a prefix of at least 12. */
  podByContainer(id: string): Pod | undefined
  podByName(namespace: string, name: string): Pod | undefined
  /** All pods that the API server has now, also those that have succeeded or failed. Looks through the whole index; needs the look-up `pod_uid`. */
  pods(): readonly Pod[]
  /** `host` as in a cluster name or Host header, without port; a wildcard ServiceEntry host matches. */
  serviceByHost(host: string): Service | undefined
  service(namespace: string, name: string): Service | undefined
  /** The services that lead to an address (their endpoints are there), the best for `port` first (see k8s_metadata's README). */
  servicesOf(ip: string, port: number): readonly Service[]
  node(name: string): KubeNode | undefined
  namespace(name: string): Namespace | undefined
}

/** The kinds of look-ups an index can be asked for; only those that somebody needs are kept. */
export type IdentityLookup = 'address' | 'service_address' | 'pod_uid' | 'container' | 'pod_name' | 'host' | 'endpoints'

/** The API resources that the index can be fed from. */
export type IdentityResource = 'pods' | 'nodes' | 'namespaces' | 'services' | 'endpointslices' | 'serviceentries' | 'workloadentries' | 'replicasets' | 'jobs'

/** A label or annotation that is wanted: one key, or all that a regular expression (RE2) matches entirely. */
export type KeyRule = { readonly key: string } | { readonly pattern: string }

/** What one user of the index wants of it; plain data. The index keeps the union of what all users want, and no more. */
export interface IdentityNeeds {
  readonly lookups: readonly IdentityLookup[]
  readonly resources: readonly IdentityResource[]
  readonly podLabels: readonly KeyRule[]
  readonly podAnnotations: readonly KeyRule[]
  readonly namespaceLabels: readonly KeyRule[]
  readonly namespaceAnnotations: readonly KeyRule[]
  readonly nodeLabels: readonly KeyRule[]
  readonly nodeAnnotations: readonly KeyRule[]
  readonly serviceLabels: readonly KeyRule[]
  /** Container names, ids and images. */
  readonly containers: boolean
  /** What scrape targets are made of (`Pod.discovery`); not wanted without it. */
  readonly discovery?: boolean
  /** Hostnames and the uids of what controls pods (`Pod.details`); not wanted without it. */
  readonly details?: boolean
  /** Attributes (of `extract.metadata`) for which the owners of ReplicaSets and Jobs must be known exactly; none without it. */
  readonly exactOwners?: readonly string[]
  /** How to reach the API server, when the user has settings of its own for it (Collector's `auth_type`, `context`). */
  readonly access?: { readonly authType: 'serviceAccount' | 'kubeConfig' | 'none'; readonly context: string }
  /** The start of the process waits this long for the first complete lists; 0 does not wait. */
  readonly waitForMetadataMs: number
}
