/** A cluster as large as asked for, of which only a few bytes per pod are kept: every object is written when it is wanted. */
import { PodWriter, timestamp } from './kubernetes_pod.ts'

export const CLUSTER_RESOURCES = ['pods', 'nodes', 'namespaces', 'services', 'endpointslices'] as const
export type ClusterResource = (typeof CLUSTER_RESOURCES)[number]

/** One event of a watch, and the object's JSON. */
export interface ClusterEvent {
  readonly resource: ClusterResource
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
  readonly json: string
}

/** What a pod that has been replaced is now. */
export interface Replacement {
  readonly ip: string
  /** The new pod that has the address. */
  readonly pod: string
  readonly events: readonly ClusterEvent[]
}

/** Pods of a Deployment, which has one Service with one EndpointSlice. */
export const REPLICAS = 10
const PODS_PER_NODE = 50
/** The first Deployments share a namespace, so that hosts of their Services are easy to tell. */
const WORKLOADS_OF_DEFAULT = 1000
const NAMESPACES = 100
const NODE_UIDS = 7
const OWNER_UIDS = 8
const PORT = 9080

/**
 * Deployments of ten pods each, called `service-0`, `service-1` and so on, each behind a Service of its name. A pod that is replaced gets the
 * address of the one that was replaced before, so that addresses find new owners all the time.
 */
export class Cluster {
  readonly pods: number
  /** Version of the last change. */
  version = 1000
  readonly #writer = new PodWriter()
  /** How often each pod has been replaced. */
  readonly #lives: Uint16Array
  /** Which address each pod has. */
  readonly #addresses: Uint32Array
  readonly #createdSeconds: Uint32Array
  #freeAddress: number
  #next = 0

  constructor(pods: number, nowSeconds = Math.floor(Date.now() / 1000)) {
    this.pods = pods
    this.#lives = new Uint16Array(pods)
    this.#addresses = Uint32Array.from({ length: pods }, (_, slot) => slot)
    this.#createdSeconds = Uint32Array.from({ length: pods }, (_, slot) => nowSeconds - 3600 - (slot % 86_400))
    this.#freeAddress = pods
  }

  /** How many objects of a resource there are. */
  count(resource: ClusterResource): number {
    switch (resource) {
      case 'pods':
        return this.pods
      case 'nodes':
        return Math.ceil(this.pods / PODS_PER_NODE)
      case 'namespaces':
        return NAMESPACES + 1
      default:
        return Math.ceil(this.pods / REPLICAS)
    }
  }

  /** The object with a number, as JSON. */
  json(resource: ClusterResource, index: number): string {
    switch (resource) {
      case 'pods':
        return this.#podJson(index)
      case 'nodes':
        return JSON.stringify(this.#node(index))
      case 'namespaces':
        return JSON.stringify(namespaceObject(index))
      case 'services':
        return JSON.stringify(serviceObject(index))
      default:
        return JSON.stringify(this.#slice(index))
    }
  }

  /** Ends the next pod and starts another in its place: what a watch sees of that, in order. */
  replaceNext(nowSeconds: number): Replacement {
    const slot = this.#next
    // A step that has no factor in common with any usual number of pods: neighbours are of other Deployments.
    this.#next = (this.#next + 7919) % this.pods
    const events: ClusterEvent[] = []
    const pod = (type: ClusterEvent['type'], state: { readonly isStarted?: boolean; readonly deletedSeconds?: number }): void => {
      this.version++
      events.push({ resource: 'pods', type, json: this.#podJson(slot, state) })
    }
    pod('MODIFIED', { deletedSeconds: nowSeconds + 30 })
    pod('DELETED', { deletedSeconds: nowSeconds + 30 })
    const free = this.#freeAddress
    this.#freeAddress = this.#addresses[slot] as number
    this.#addresses[slot] = free
    this.#lives[slot] = ((this.#lives[slot] as number) + 1) & 0xffff
    this.#createdSeconds[slot] = nowSeconds
    pod('ADDED', { isStarted: false })
    pod('MODIFIED', { isStarted: false })
    pod('MODIFIED', {})
    this.version++
    events.push({ resource: 'endpointslices', type: 'MODIFIED', json: JSON.stringify(this.#slice(Math.floor(slot / REPLICAS))) })
    return { ip: addressText(free), pod: this.#podName(slot), events }
  }

  #podJson(slot: number, { isStarted = true, deletedSeconds }: { readonly isStarted?: boolean; readonly deletedSeconds?: number } = {}): string {
    const workload = Math.floor(slot / REPLICAS)
    const node = Math.floor(slot / PODS_PER_NODE)
    return this.#writer.json({
      name: this.#podName(slot),
      namespace: namespaceOf(workload),
      uid: this.#uid(slot),
      resourceVersion: String(this.version),
      workload: workloadName(workload),
      templateHash: templateHash(workload),
      ownerUid: uidOf(OWNER_UIDS, workload),
      node: nodeName(node),
      nodeIp: nodeAddress(node),
      createdSeconds: this.#createdSeconds[slot] as number,
      ...(isStarted ? { ip: addressText(this.#addresses[slot] as number) } : {}),
      ...(deletedSeconds === undefined ? {} : { deletedSeconds }),
    })
  }

  #podName(slot: number): string {
    const workload = Math.floor(slot / REPLICAS)
    return `${workloadName(workload)}-${templateHash(workload)}-${suffix(slot * 65_536 + (this.#lives[slot] as number))}`
  }

  #uid(slot: number): string {
    return uidOf(this.#lives[slot] as number, slot)
  }

  #node(index: number): object {
    const name = nodeName(index)
    return {
      metadata: {
        name,
        uid: uidOf(NODE_UIDS, index),
        resourceVersion: '900',
        labels: { 'kubernetes.io/hostname': name, 'topology.kubernetes.io/zone': `zone-${index % 3}` },
      },
      status: {
        addresses: [
          { type: 'InternalIP', address: nodeAddress(index) },
          { type: 'Hostname', address: name },
        ],
      },
    }
  }

  #slice(index: number): object {
    const name = workloadName(index)
    const slots = Array.from({ length: Math.min(REPLICAS, this.pods - index * REPLICAS) }, (_, at) => index * REPLICAS + at)
    return {
      metadata: {
        name: `${name}-x7k2p`,
        namespace: namespaceOf(index),
        uid: uidOf(OWNER_UIDS + 1, index),
        resourceVersion: String(this.version),
        labels: { 'kubernetes.io/service-name': name, 'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io' },
      },
      addressType: 'IPv4',
      ports: [{ name: 'http', port: PORT, protocol: 'TCP' }],
      endpoints: slots.map((slot) => ({
        addresses: [addressText(this.#addresses[slot] as number)],
        conditions: { ready: true, serving: true, terminating: false },
        nodeName: nodeName(Math.floor(slot / PODS_PER_NODE)),
        targetRef: { kind: 'Pod', namespace: namespaceOf(index), name: this.#podName(slot), uid: this.#uid(slot) },
      })),
    }
  }
}

function namespaceObject(index: number): object {
  const name = index === 0 ? 'default' : `team-${index - 1}`
  return { metadata: { name, uid: uidOf(OWNER_UIDS + 2, index), resourceVersion: '900', labels: { 'kubernetes.io/metadata.name': name } } }
}

function serviceObject(index: number): object {
  const name = workloadName(index)
  const ip = `10.${96 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}`
  return {
    metadata: {
      name,
      namespace: namespaceOf(index),
      uid: uidOf(OWNER_UIDS + 3, index),
      resourceVersion: '950',
      creationTimestamp: timestamp(1_790_000_000),
      labels: { app: name },
    },
    spec: {
      type: 'ClusterIP',
      clusterIP: ip,
      clusterIPs: [ip],
      ipFamilies: ['IPv4'],
      selector: { app: name },
      ports: [{ name: 'http', port: PORT, targetPort: PORT, protocol: 'TCP' }],
    },
  }
}

function workloadName(workload: number): string {
  return `service-${workload}`
}

function namespaceOf(workload: number): string {
  return workload < WORKLOADS_OF_DEFAULT ? 'default' : `team-${workload % NAMESPACES}`
}

function templateHash(workload: number): string {
  return suffix(workload + 7_000_000, 10)
}

function nodeName(node: number): string {
  return `ip-192-168-${node >> 8}-${node & 255}.eu-central-1.compute.internal`
}

function nodeAddress(node: number): string {
  return `192.168.${node >> 8}.${node & 255}`
}

/** Pods have the first addresses of 10.0.0.0/8, in order at first. */
function addressText(address: number): string {
  return `10.${address >> 16}.${(address >> 8) & 255}.${address & 255}`
}

function uidOf(high: number, low: number): string {
  const scattered = Math.imul(low + 1, 0x9e3779b1) >>> 0
  return `${scattered.toString(16).padStart(8, '0')}-${high.toString(16).padStart(4, '0')}-4a7b-9c3d-${low.toString(16).padStart(12, '0')}`
}

const LETTERS = 'bcdfghjklmnpqrstvwxz2456789'

/** As Kubernetes makes random names; different for different numbers. */
function suffix(number: number, length = 5): string {
  let text = ''
  for (let rest = number, at = 0; at < length || rest > 0; at++) {
    text = LETTERS[rest % LETTERS.length] + text
    rest = Math.floor(rest / LETTERS.length)
  }
  return text
}
