import type { AttributeValue } from '../../model/attributes.ts'
import type { KeyRule } from '../../model/identity/index.ts'
import type { Container, Pod } from '../../model/identity/objects.ts'
import { containerId } from './association.ts'
import { FieldRules } from './field_rules.ts'
import { parseImage, qualifiedName } from './image.ts'
import type { MetadataName } from './metadata.ts'
import type { K8sAttributesConfig } from './schema.ts'

/** Labels that name a service, the weaker first (OpenTelemetry semantic conventions, Kubernetes attributes). */
const SERVICE_NAME_LABELS = ['app.kubernetes.io/name', 'app.kubernetes.io/instance'] as const
const SERVICE_VERSION_LABEL = 'app.kubernetes.io/version'

/** The end of the name of a Deployment's ReplicaSet. */
const TEMPLATE_HASH = /^(.+)-[a-z0-9]{10}$/

/** Attributes on their way into a resource. */
export type Attributes = Map<string, AttributeValue>

/** Makes resource attributes out of pods and their containers, by the rules of a config. */
export class PodAttributes {
  readonly #wanted: ReadonlySet<string>
  readonly #labels: FieldRules
  readonly #annotations: FieldRules
  readonly #guessesDeployment: boolean

  constructor(config: Pick<K8sAttributesConfig, 'extract'>) {
    this.#wanted = new Set(config.extract.metadata)
    this.#labels = FieldRules.of(config, 'labels', 'pod')
    this.#annotations = FieldRules.of(config, 'annotations', 'pod')
    this.#guessesDeployment = config.extract.deployment_name_from_replicaset
  }

  /** The labels that are needed of pods. */
  get labelKeys(): readonly KeyRule[] {
    const name = this.#wants('service.name') ? SERVICE_NAME_LABELS.map((key) => ({ key })) : []
    const version = this.#wants('service.version') ? [{ key: SERVICE_VERSION_LABEL }] : []
    return [...this.#labels.keys, ...name, ...version]
  }

  /** The annotations that are needed of pods. */
  get annotationKeys(): readonly KeyRule[] {
    return this.#annotations.keys
  }

  /** The attributes of a pod. Annotations outdo labels, and these what follows from the pod's other fields. */
  of(pod: Pod, clusterUid: string): Attributes {
    const all: Attributes = new Map()
    const deployment = this.#deploymentOf(pod)
    const values: Readonly<Partial<Record<MetadataName, string>>> = {
      'k8s.namespace.name': pod.namespace,
      'k8s.pod.name': pod.name,
      'k8s.pod.uid': pod.uid,
      'k8s.pod.ip': pod.ips[0] ?? '',
      'k8s.pod.hostname': pod.details?.hostname ?? '',
      'k8s.pod.start_time': rfc3339(pod.createdMs),
      'k8s.deployment.name': deployment,
      'k8s.replicaset.name': pod.replicaSet,
      'k8s.statefulset.name': workloadOf(pod, 'StatefulSet'),
      'k8s.daemonset.name': workloadOf(pod, 'DaemonSet'),
      'k8s.cronjob.name': workloadOf(pod, 'CronJob'),
      'k8s.job.name': pod.job || workloadOf(pod, 'Job'),
      'k8s.node.name': pod.node,
      'k8s.cluster.uid': clusterUid,
      'service.namespace': pod.namespace,
      'service.name': deployment || pod.workload.name || pod.name,
      ...ownerUids(pod),
    }
    for (const [name, value] of Object.entries(values)) if (value !== '' && this.#wanted.has(name)) all.set(name, value)
    this.#labels.apply(pod.labels, all)
    if (this.#wants('service.name')) for (const key of SERVICE_NAME_LABELS) setText(all, 'service.name', pod.labels[key])
    if (this.#wants('service.version')) setText(all, 'service.version', pod.labels[SERVICE_VERSION_LABEL])
    this.#annotations.apply(pod.annotations, all)
    return all
  }

  /** The attributes of a container of a pod, as far as the resource does not say otherwise; see `containerOf`. */
  ofContainer(pod: Pod, container: Container, hasRestartCount: boolean): Attributes {
    const all: Attributes = new Map()
    const image = parseImage(container.image)
    const { digest } = image
    const values: Readonly<Partial<Record<MetadataName, AttributeValue>>> = {
      'k8s.container.name': container.name,
      // Only the container's latest run is known; a restart count may mean another.
      'container.id': hasRestartCount ? '' : container.id,
      'container.image.name': image.name,
      'container.image.tag': image.tag || (digest === '' && image.name !== '' ? 'latest' : ''),
      'container.image.repo_digests': digest === '' ? '' : [`${qualifiedName(image.name)}@${digest}`],
      'service.version': [image.tag, digest].filter((part) => part !== '').join('@'),
      'service.instance.id': [pod.namespace, pod.name, container.name].join('.'),
    }
    for (const [name, value] of Object.entries(values)) if (value !== '' && this.#wanted.has(name)) all.set(name, value)
    return all
  }

  #wants(name: MetadataName): boolean {
    return this.#wanted.has(name)
  }

  #deploymentOf(pod: Pod): string {
    const known = workloadOf(pod, 'Deployment')
    return known === '' && this.#guessesDeployment && pod.workload.kind === 'ReplicaSet' ? (TEMPLATE_HASH.exec(pod.replicaSet)?.[1] ?? '') : known
  }
}

/** The container that a resource means: the one it names, else the one with its container id, else the pod's only one. */
export function containerOf(pod: Pod, resource: Pick<ReadonlyMap<string, unknown>, 'get'>): Container | undefined {
  const { containers } = pod
  const name = resource.get('k8s.container.name')
  if (typeof name === 'string' && name !== '') return containers.find((container) => container.name === name)
  const id = resource.get('container.id')
  if (typeof id === 'string' && id !== '') return containers.find((container) => isSameContainer(container.id, containerId(id)))
  return containers.length === 1 ? containers[0] : undefined
}

/** Runtimes print ids shortened to 12 digits. */
const ID_LENGTH_MIN = 12

/** True when `given` is the id `known` or the beginning of it. */
export function isSameContainer(known: string, given: string): boolean {
  return given.length >= ID_LENGTH_MIN && known.startsWith(given)
}

function workloadOf({ workload }: Pod, kind: string): string {
  return workload.kind === kind ? workload.name : ''
}

/** The uids of what controls a pod, as far as they are known. */
function ownerUids({ details, workload, replicaSet, job }: Pod): Readonly<Partial<Record<MetadataName, string>>> {
  if (details === undefined) return {}
  const { ownerUid, workloadUid } = details
  const of = (kind: string, uid: string): string => (workload.kind === kind ? uid : '')
  return {
    'k8s.deployment.uid': of('Deployment', workloadUid),
    'k8s.replicaset.uid': replicaSet === '' ? '' : ownerUid,
    'k8s.statefulset.uid': of('StatefulSet', ownerUid),
    'k8s.daemonset.uid': of('DaemonSet', ownerUid),
    'k8s.cronjob.uid': of('CronJob', workloadUid),
    'k8s.job.uid': job === '' ? of('Job', ownerUid) : ownerUid,
  }
}

function setText(all: Attributes, name: string, text: string | undefined): void {
  if (text !== undefined) all.set(name, text)
}

/** As Go writes a time of whole seconds; empty for 0. */
function rfc3339(ms: number): string {
  return ms === 0 ? '' : new Date(ms).toISOString().replace('.000Z', 'Z')
}
