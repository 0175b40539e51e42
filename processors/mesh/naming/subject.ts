import type { Party } from '../../../model/edges.ts'
import type { Service, Texts } from '../../../model/identity/objects.ts'
import { isStructObject, type StructObject, type StructValue } from '../../../model/struct.ts'
import type { Located } from '../identities.ts'

/** What is known of a side beside the party that Istio's rules make of it. */
export interface NamingSources {
  /** Node or peer metadata as it was logged. */
  readonly metadata: StructObject | undefined
  /** What the identity index says it is. */
  readonly owner: Located['owner']
  /** The Service that leads to it; asked for only by rules that name it. */
  readonly service: () => Service | undefined
}

/** The Kubernetes objects that a path may begin with; any other path is one of metadata. */
const OBJECT_ROOTS = ['pod', 'service', 'serviceEntry'] as const
type ObjectRoot = (typeof OBJECT_ROOTS)[number]

/** The object that a path such as `pod.metadata.name` begins with; undefined for paths of metadata such as `SERVICE`. */
export function objectRootOf(parts: readonly string[]): ObjectRoot | undefined {
  const root = OBJECT_ROOTS.find((known) => known === parts[0])
  return parts.length > 1 && root !== undefined ? root : undefined
}

/** Keys of metadata that the names by Istio's rules stand in for when the metadata has no such key. */
const PARTY_KEYS: Readonly<Record<string, keyof Party>> = {
  name: 'pod',
  namespace: 'namespace',
  service: 'service',
  revision: 'revision',
  workload: 'workload',
  workload_name: 'workload',
  app: 'app',
  version: 'version',
  cluster: 'cluster',
  cluster_id: 'cluster',
  identity: 'principal',
}

/** The value of a path for a side; empty when it has none. Keys of metadata match in any case, as in SkyWalking. */
export function valueOf(parts: readonly string[], party: Party, sources: NamingSources): string {
  const root = objectRootOf(parts)
  if (root === 'pod') return podValue(parts.slice(1), party, sources)
  if (root === 'service') return serviceValue(parts.slice(1), sources.service())
  if (root === 'serviceEntry') return serviceValue(parts.slice(1), entryOf(sources))
  const [head = '', key = ''] = parts
  if (head.toLowerCase() === 'labels' && parts.length === 2) return labelValue(key, sources)
  const logged = textAt(sources.metadata, parts)
  if (logged !== '') return logged
  const field = parts.length === 1 ? PARTY_KEYS[head.toLowerCase()] : undefined
  if (field !== undefined) return party[field]
  return parts.length === 1 && head.toLowerCase() === 'service_account' ? accountOf(sources) : ''
}

/** True when metadata carries the labels of its pod. */
export function hasLabels(metadata: StructObject | undefined): boolean {
  return isStructObject(child(metadata, 'labels'))
}

function podValue(parts: readonly string[], party: Party, sources: NamingSources): string {
  const [group, field = '', key = ''] = parts
  const { owner } = sources
  const pod = owner?.kind === 'pod' ? owner : undefined
  if (group === 'spec') return field === 'nodeName' ? (pod?.node ?? '') : accountOf(sources)
  if (group === 'status') return pod?.ips[0] ?? ''
  if (field === 'name') return party.pod
  if (field === 'namespace') return party.namespace
  if (field === 'uid') return pod?.uid ?? ''
  if (field === 'annotations') return textOf(pod?.annotations, key)
  return labelValue(key, sources)
}

/** A label of the pod. Releases before LABELS put the labels beside the other keys of the metadata. */
function labelValue(key: string, { metadata, owner }: NamingSources): string {
  const logged = hasLabels(metadata) ? textAt(metadata, ['LABELS', key]) : textAt(metadata, [key])
  return logged || textOf(owner !== undefined && 'labels' in owner ? owner.labels : undefined, key)
}

function serviceValue(parts: readonly string[], service: Service | undefined): string {
  if (service === undefined) return ''
  const [, field = '', key = ''] = parts
  if (field === 'name') return service.name
  return field === 'namespace' ? service.namespace : textOf(service.labels, key)
}

function entryOf({ owner }: NamingSources): Service | undefined {
  return owner?.kind === 'service' && owner.source === 'service_entry' ? owner : undefined
}

function accountOf({ owner, metadata }: NamingSources): string {
  return textAt(metadata, ['SERVICE_ACCOUNT']) || (owner !== undefined && 'serviceAccount' in owner ? owner.serviceAccount : '')
}

function textOf(texts: Texts | undefined, key: string): string {
  return texts !== undefined && Object.hasOwn(texts, key) ? (texts[key] as string) : ''
}

/** The text at a path of metadata. */
function textAt(metadata: StructObject | undefined, parts: readonly string[]): string {
  let value: StructValue | undefined = metadata
  for (const part of parts) value = isStructObject(value) ? child(value, part) : undefined
  if (typeof value === 'string') return value
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : ''
}

function child(object: StructObject | undefined, name: string): StructValue | undefined {
  if (object === undefined) return undefined
  if (Object.hasOwn(object, name)) return object[name]
  const key = Object.keys(object).find((other) => other.toLowerCase() === name.toLowerCase())
  return key === undefined ? undefined : object[key]
}
