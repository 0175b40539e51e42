/**
 * The objects of the identity index: what is kept of Kubernetes and Istio API objects. Immutable, plain data; texts are
 * empty and times 0 where the API object does not say. All times are milliseconds since the epoch.
 */
export type IdentityObject = Pod | Endpoint | KubeNode | Service | Namespace | WorkloadEntry

/** What controls a pod, after the owner rules (a ReplicaSet of a Deployment counts as the Deployment). */
export interface Workload {
  /** Such as Deployment, StatefulSet, DaemonSet, Job, CronJob, Rollout, ReplicaSet, Pod; empty when unknown. */
  readonly kind: string
  readonly name: string
  /** True when the name was derived from the pod's name, without seeing an owner reference. */
  readonly isInferred: boolean
}

export interface Container {
  readonly name: string
  /** 64 hex digits, without the runtime's prefix; empty while it has not started. */
  readonly id: string
  readonly image: string
}

/** Labels or annotations, only those that somebody needs. */
export type Texts = Readonly<Record<string, string>>

/** A port that a container of a pod declares. */
export interface ContainerPort {
  /** Name of the container. */
  readonly container: string
  readonly name: string
  readonly port: number
  /** TCP, UDP or SCTP. */
  readonly protocol: string
}

/** What the discovery of scrape targets wants of a pod beside the rest. */
export interface PodDiscovery {
  /** Pending, Running, Succeeded, Failed or Unknown. */
  readonly phase: string
  /** `true`, `false` or `unknown`, as in the condition Ready. */
  readonly ready: string
  readonly hostIp: string
  /** The owner reference that controls it, such as its ReplicaSet. */
  readonly controllerKind: string
  readonly controllerName: string
  /** In the order of the containers. */
  readonly ports: readonly ContainerPort[]
  /** Names of the containers that are init containers. */
  readonly initContainers: readonly string[]
}

/** What few ask for of a pod. */
export interface PodDetails {
  /** Of the owner reference that controls it, such as its ReplicaSet. */
  readonly ownerUid: string
  /** Of what controls that owner, such as the Deployment of its ReplicaSet; empty when nothing does, or it is not known. */
  readonly workloadUid: string
  /** `spec.hostname`. */
  readonly hostname: string
}

export interface Pod {
  readonly kind: 'pod'
  readonly uid: string
  readonly namespace: string
  readonly name: string
  readonly node: string
  readonly serviceAccount: string
  /** Shares the node's addresses: it is found by address only together with one of its `ports`. */
  readonly isHostNetwork: boolean
  /** Every `status.podIPs`, normalised (no `::ffff:`, IPv6 in its shortest form). */
  readonly ips: readonly string[]
  /** `containerPort`s of host-network pods; empty for others. */
  readonly ports: readonly number[]
  readonly workload: Workload
  /** The ReplicaSet and Job between the pod and its workload, if any. */
  readonly replicaSet: string
  readonly job: string
  readonly containers: readonly Container[]
  readonly labels: Texts
  readonly annotations: Texts
  readonly createdMs: number
  /** `status.startTime`: since then its addresses may be its own. */
  readonly startedMs: number
  /** `metadata.deletionTimestamp` less the grace period: when it began to terminate. */
  readonly terminatingMs: number
  /** When it had succeeded or failed and its addresses became free. */
  readonly endedMs: number
  /** Only when somebody needs it. */
  readonly discovery?: PodDiscovery
  /** Only when somebody needs it. */
  readonly details?: PodDetails
}

/** An endpoint of an EndpointSlice, or of a ServiceEntry: what serves a Service at an address. */
export interface Endpoint {
  readonly kind: 'endpoint'
  /** The service it belongs to, in its namespace. */
  readonly namespace: string
  readonly service: string
  readonly ip: string
  readonly ports: readonly number[]
  /** The pod that it is, if the slice says so. */
  readonly pod: string
  readonly podUid: string
  readonly node: string
  readonly zone: string
  readonly workload: Workload
  readonly labels: Texts
}

export interface KubeNode {
  readonly kind: 'node'
  readonly uid: string
  readonly name: string
  readonly ips: readonly string[]
  readonly labels: Texts
  readonly annotations: Texts
}

/** A Service, or a host of an Istio ServiceEntry. */
export interface Service {
  readonly kind: 'service'
  readonly uid: string
  readonly namespace: string
  readonly name: string
  readonly source: 'service' | 'service_entry'
  /** FQDN (`reviews.default.svc.cluster.local`), or the hosts of a ServiceEntry. */
  readonly hosts: readonly string[]
  /** ClusterIPs, external IPs and load-balancer addresses, or the addresses of a ServiceEntry; a CIDR is `ip/bits`. */
  readonly addresses: readonly string[]
  readonly ports: readonly number[]
  readonly isHeadless: boolean
  readonly labels: Texts
}

export interface Namespace {
  readonly kind: 'namespace'
  readonly uid: string
  readonly name: string
  readonly labels: Texts
  readonly annotations: Texts
}

/** An Istio WorkloadEntry: a workload outside of Kubernetes (a VM). */
export interface WorkloadEntry {
  readonly kind: 'workload_entry'
  readonly uid: string
  readonly namespace: string
  readonly name: string
  readonly ip: string
  readonly serviceAccount: string
  readonly workload: Workload
  readonly labels: Texts
}
