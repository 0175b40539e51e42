import type { StreamOrigin } from '../../model/access_logs.ts'
import { type Party, type ProxyRole, UNKNOWN_PARTY } from '../../model/edges.ts'
import { type IstioNodeId, parseNodeId } from '../../model/istio_node_id.ts'
import { decodeNode, type EnvoyNode } from '../../model/node.ts'
import { objectOf, type StructObject, textOf } from '../../model/struct.ts'
import { ownerName } from './peer.ts'
import type { DnsScope } from './service_host.ts'

/** Who a proxy is, and what its logs are like; one object per proxy, shared by all its streams. */
export interface Local {
  /** Small number that stands for this proxy in cache keys; never reused. */
  readonly id: number
  readonly role: ProxyRole
  /** True for proxies that Istio configures: its naming rules hold. */
  readonly isIstio: boolean
  /** Evidence `node`, or `none` when the stream did not identify itself. */
  readonly party: Party
  readonly serviceAccount: string
  /** True for an Istio proxy that told its node id but neither workload nor labels; `party` is then guessed from the id. */
  readonly isPartial: boolean
  /** The node's metadata as it was sent; undefined unless naming rules may look at it. */
  readonly metadata: StructObject | undefined
  /** Its own addresses. */
  readonly ips: ReadonlySet<string>
  /** Names under which it may be called. */
  readonly names: ReadonlySet<string>
  readonly dns: DnsScope
  /** Where the log stream came from when the proxy did not say who it is; empty otherwise. */
  readonly streamIp: string
  /** Mesh name in AWS App Mesh node ids; empty elsewhere. */
  readonly appMesh: string
  /** True when this Envoy is known to give its log entries types (see `classifyEntry`); learnt from entries, too. */
  typesEntries: boolean
}

/** The first release whose HTTP and TCP logs are known to type every entry. */
const TYPING_ENVOY = 1028

/** Proxies known at a time. Beyond it they are learnt anew, which costs time but loses nothing. */
const PROXIES_MAX = 8192

/** Finds out once per stream who its sender is. */
export class Locals {
  readonly #byOrigin = new WeakMap<StreamOrigin, Local>()
  readonly #byContent = new Map<string, Local>()
  readonly #ips = new Set<string>()
  readonly #keepsMetadata: boolean
  #nextId = 1

  constructor(options: { readonly keepsMetadata: boolean } = { keepsMetadata: false }) {
    this.#keepsMetadata = options.keepsMetadata
  }

  /** True for an address that a proxy known now calls its own. */
  hasAddress(ip: string): boolean {
    return this.#ips.has(ip)
  }

  /** The sender of a stream; `isNew` tells whether this stream is seen for the first time. */
  of(origin: StreamOrigin): { readonly local: Local; readonly isNew: boolean } {
    const known = this.#byOrigin.get(origin)
    if (known !== undefined) return { local: known, isNew: false }
    const described = describe(origin, this.#keepsMetadata)
    const key = JSON.stringify({ ...described, ips: [...described.ips], names: [...described.names] })
    let local = this.#byContent.get(key)
    if (local === undefined) {
      local = { ...described, id: this.#nextId++ }
      if (this.#byContent.size >= PROXIES_MAX) {
        this.#byContent.clear()
        this.#ips.clear()
      }
      this.#byContent.set(key, local)
      for (const ip of local.ips) this.#ips.add(ip)
    }
    this.#byOrigin.set(origin, local)
    return { local, isNew: true }
  }
}

type Described = Omit<Local, 'id'>

function describe(origin: StreamOrigin, keepsMetadata: boolean): Described {
  const decoded = decodeNode(origin.node)
  const node: EnvoyNode = { ...decoded, id: decoded.id || origin.nodeId, cluster: decoded.cluster || origin.nodeCluster }
  if (node.id === '' && node.cluster === '') return unidentified(origin)
  const istio = parseNodeId(node.id)
  const described = istio === undefined ? plain(node) : ofIstio(node, istio)
  return keepsMetadata ? { ...described, metadata: node.metadata } : described
}

function unidentified(origin: StreamOrigin): Described {
  const streamIp = withoutPort(origin.peer)
  return {
    role: 'unknown',
    isIstio: false,
    party: UNKNOWN_PARTY,
    serviceAccount: '',
    isPartial: false,
    metadata: undefined,
    ips: new Set(streamIp === '' ? [] : [streamIp]),
    names: new Set(),
    dns: { namespace: '', clusterDomain: '' },
    streamIp,
    appMesh: '',
    typesEntries: false,
  }
}

function ofIstio(node: EnvoyNode, id: IstioNodeId): Described {
  const { metadata } = node
  const namespace = textOf(metadata, 'NAMESPACE') || id.namespace || textOf(metadata, 'CONFIG_NAMESPACE')
  // Releases before LABELS put the pod's labels beside the other keys.
  const ownLabels = objectOf(metadata, 'LABELS')
  const labels = ownLabels ?? metadata
  const pod = textOf(metadata, 'NAME') || textOf(metadata, 'POD_NAME') || id.pod
  const workload = textOf(metadata, 'WORKLOAD_NAME') || ownerName(textOf(metadata, 'OWNER')) || workloadOfPod(pod)
  const canonical = textOf(labels, 'service.istio.io/canonical-name')
  const party: Party = {
    workload,
    namespace,
    // The injector sets the label; what Istio takes where it did not is the rule for releases that had no such label.
    service: ownLabels === undefined ? canonical || textOf(labels, 'app.kubernetes.io/name') || textOf(labels, 'app') || workload : canonical,
    revision: textOf(labels, 'service.istio.io/canonical-revision'),
    app: textOf(labels, 'app'),
    version: textOf(labels, 'version'),
    cluster: textOf(metadata, 'CLUSTER_ID'),
    principal: '',
    pod,
    evidence: 'node',
    addressClass: '',
  }
  const ips = [id.ip, ...listOf(textOf(metadata, 'INSTANCE_IPS')), ...listOf(textOf(metadata, 'ISTIO_META_INSTANCE_IPS'))]
  return {
    role: id.role,
    isIstio: true,
    party,
    serviceAccount: textOf(metadata, 'SERVICE_ACCOUNT'),
    isPartial: ownLabels === undefined && canonical === '' && party.app === '' && textOf(metadata, 'WORKLOAD_NAME') === '' && textOf(metadata, 'OWNER') === '',
    metadata: undefined,
    ips: new Set(ips.filter((ip) => ip !== '' && ip !== '0.0.0.0')),
    names: new Set([party.service, party.app, party.workload, node.cluster.split('.', 1)[0] ?? ''].filter((name) => name !== '')),
    dns: { namespace, clusterDomain: clusterDomainOf(id.domain) },
    streamIp: '',
    appMesh: '',
    typesEntries: node.envoyVersion >= TYPING_ENVOY,
  }
}

/**
 * Envoys without Istio. Consul names the service in the node's cluster, App Mesh the virtual node in its id, Envoy
 * Gateway the gateway (`namespace/name`) in its cluster and the pod in its id.
 */
function plain(node: EnvoyNode): Described {
  const appMesh = /^mesh\/([^/]+)\/(?:virtualNode|virtualGateway)\/([^/]+)/.exec(node.id)
  const gateway = /^([^/]+)\/([^/]+)$/.exec(node.cluster)
  const name = appMesh?.[2] ?? gateway?.[2] ?? (node.cluster || node.id)
  const party: Party = {
    ...UNKNOWN_PARTY,
    workload: name,
    namespace: gateway?.[1] ?? textOf(node.metadata, 'namespace'),
    service: name,
    app: textOf(node.metadata, 'app'),
    version: textOf(node.metadata, 'version'),
    pod: appMesh === null && node.id !== name ? node.id : '',
    evidence: 'node',
  }
  return {
    role: 'proxy',
    isIstio: false,
    party,
    serviceAccount: '',
    isPartial: false,
    metadata: undefined,
    ips: new Set(),
    names: new Set([name]),
    dns: { namespace: party.namespace, clusterDomain: '' },
    streamIp: '',
    appMesh: appMesh?.[1] ?? '',
    typesEntries: node.envoyVersion >= TYPING_ENVOY,
  }
}

/** `reviews-v1-545db77b95-wjgng` is a pod of the deployment `reviews-v1`; other names stay as they are. */
function workloadOfPod(pod: string): string {
  return pod.replace(/-[a-z0-9]{6,10}-[a-z0-9]{5}$/, '')
}

/** `default.svc.cluster.local` is the namespace's domain, `cluster.local` the cluster's. */
function clusterDomainOf(domain: string): string {
  const at = domain.indexOf('.svc.')
  return at < 0 ? '' : domain.slice(at + '.svc.'.length)
}

function listOf(text: string): readonly string[] {
  return text.split(',').map((part) => part.trim())
}

function withoutPort(peer: string): string {
  const match = /^(?:\[([^\]]+)\]|([^:]+)|(.*)):\d+$/.exec(peer)
  return match?.[1] ?? match?.[2] ?? match?.[3] ?? ''
}
