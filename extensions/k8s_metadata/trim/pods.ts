import type { Container, Pod } from '../../../model/identity/objects.ts'
import { type OwnedPod, type OwnerReference, type Ownership, ownerOf } from '../owners/owner.ts'
import type { ApiObject } from '../watch/sink.ts'
import { addressesOf, distinctAddresses } from './addresses.ts'
import { discoveryOf } from './discovery.ts'
import { type Fields, fieldsOf, itemsOf, portsOf, textOf, timeOf } from './fields.ts'
import type { Refuse } from './refusals.ts'
import type { WantedTexts } from './wanted_texts.ts'

export interface PodTrim {
  readonly labels: WantedTexts
  readonly annotations: WantedTexts
  readonly containers: boolean
  readonly discovery: boolean
  readonly details: boolean
  readonly refuse: Refuse
  /** Finds the owner when the chain is known exactly; undefined leaves it to the rules. */
  readonly exactOwner?: (controller: OwnerReference) => Ownership | undefined
}

const NO_CONTAINERS: readonly Container[] = Object.freeze([])
const CONTAINER_LISTS = ['containers', 'initContainers', 'ephemeralContainers'] as const
const STATUS_LISTS = ['containerStatuses', 'initContainerStatuses', 'ephemeralContainerStatuses'] as const

/** Keeps of a pod what the index needs. `nowMs` dates the end of a finished pod that does not tell it. */
export function trimPod(object: ApiObject, nowMs: number, options: PodTrim): Pod {
  const { metadata } = object
  const spec = fieldsOf(object['spec'])
  const status = fieldsOf(object['status'])
  const isHostNetwork = spec['hostNetwork'] === true
  const createdMs = timeOf(metadata['creationTimestamp'])
  const ips = addressesOf(status['podIPs'], 'ip', options.refuse)
  const controller = controllerOf(metadata)
  const { workload, replicaSet, job, workloadUid = '' } = ownership(object, { node: textOf(spec['nodeName']), createdMs, controller }, options)
  return {
    kind: 'pod',
    uid: metadata.uid,
    namespace: metadata.namespace,
    name: metadata.name,
    node: textOf(spec['nodeName']),
    serviceAccount: textOf(spec['serviceAccountName']),
    isHostNetwork,
    ips: ips.length > 0 ? ips : distinctAddresses([status['podIP']], options.refuse),
    ports: isHostNetwork ? containerPorts(spec) : [],
    workload,
    replicaSet,
    job,
    containers: options.containers ? containersOf(spec, status) : NO_CONTAINERS,
    labels: options.labels.pick(metadata['labels']),
    annotations: options.annotations.pick(metadata['annotations']),
    ...(options.discovery ? { discovery: discoveryOf(object, controller) } : {}),
    ...(options.details ? { details: { ownerUid: controller?.uid ?? '', workloadUid, hostname: textOf(spec['hostname']) } } : {}),
    createdMs,
    startedMs: timeOf(status['startTime']),
    terminatingMs: terminatingMs(metadata),
    endedMs: endedMs(status, nowMs),
  }
}

/** Addresses of the pod's node as its status tells them. */
export function hostAddresses(object: ApiObject, refuse: Refuse): readonly string[] {
  const status = fieldsOf(object['status'])
  const ips = addressesOf(status['hostIPs'], 'ip', refuse)
  return ips.length > 0 ? ips : distinctAddresses([status['hostIP']], refuse)
}

/** The owner reference that controls an object; undefined when none does. */
export function controllerOf(metadata: Fields): OwnerReference | undefined {
  for (const item of itemsOf(metadata['ownerReferences'])) {
    const { controller, kind, name, uid } = fieldsOf(item)
    if (controller === true && textOf(kind) !== '' && textOf(name) !== '') return { kind: textOf(kind), name: textOf(name), uid: textOf(uid) }
  }
  return undefined
}

function ownership({ metadata }: ApiObject, pod: Pick<OwnedPod, 'node' | 'createdMs' | 'controller'>, options: PodTrim): Ownership {
  const { controller } = pod
  const exact = controller === undefined ? undefined : options.exactOwner?.(controller)
  if (exact !== undefined) return exact
  const { name, namespace } = metadata
  return ownerOf({ ...pod, name, namespace, labels: fieldsOf(metadata['labels']), annotations: fieldsOf(metadata['annotations']) })
}

/** The ports by which a host-network pod can be told from the others on its node. */
function containerPorts(spec: Fields): readonly number[] {
  const ports = new Set<number>()
  for (const list of CONTAINER_LISTS) {
    for (const container of itemsOf(spec[list])) for (const port of portsOf(fieldsOf(container)['ports'], 'containerPort')) ports.add(port)
  }
  return [...ports].sort((a, b) => a - b)
}

function containersOf(spec: Fields, status: Fields): readonly Container[] {
  const ids = new Map<string, { readonly id: string; readonly image: string }>()
  for (const list of STATUS_LISTS) {
    for (const item of itemsOf(status[list])) {
      const { name, containerID, image } = fieldsOf(item)
      // `containerd://<64 hex digits>`
      const id = textOf(containerID)
      ids.set(textOf(name), { id: id.slice(id.indexOf('://') < 0 ? 0 : id.indexOf('://') + 3), image: textOf(image) })
    }
  }
  const containers: Container[] = []
  for (const list of CONTAINER_LISTS) {
    for (const item of itemsOf(spec[list])) {
      const { name, image } = fieldsOf(item)
      const seen = ids.get(textOf(name))
      if (textOf(name) !== '') containers.push({ name: textOf(name), id: seen?.id ?? '', image: textOf(image) === '' ? (seen?.image ?? '') : textOf(image) })
    }
  }
  return containers
}

/** The API server sets the time at which the grace period will be over. */
function terminatingMs(metadata: Fields): number {
  const deletionMs = timeOf(metadata['deletionTimestamp'])
  const graceSeconds = metadata['deletionGracePeriodSeconds']
  return deletionMs === 0 ? 0 : Math.max(1, deletionMs - (typeof graceSeconds === 'number' && graceSeconds > 0 ? graceSeconds * 1000 : 0))
}

/** When a pod that has succeeded or failed came to its end: its last container's, else that of its readiness, else now. */
function endedMs(status: Fields, nowMs: number): number {
  if (status['phase'] !== 'Succeeded' && status['phase'] !== 'Failed') return 0
  let lastMs = 0
  for (const list of STATUS_LISTS) {
    for (const item of itemsOf(status[list])) lastMs = Math.max(lastMs, timeOf(fieldsOf(fieldsOf(fieldsOf(item)['state'])['terminated'])['finishedAt']))
  }
  if (lastMs > 0) return lastMs
  for (const item of itemsOf(status['conditions'])) {
    const { type, status: holds, lastTransitionTime } = fieldsOf(item)
    if (type === 'Ready' && holds === 'False') lastMs = timeOf(lastTransitionTime)
  }
  return lastMs > 0 ? lastMs : nowMs
}
