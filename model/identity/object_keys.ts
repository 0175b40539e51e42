import type { IdentityLookup } from './index.ts'
import { CONTAINER_DIGITS, type Key } from './key.ts'
import { KeyKind, Rank } from './layout.ts'
import type { IdentityObject, Pod, Service } from './objects.ts'

/** A key of an object, before it is parsed. */
export interface ObjectKey {
  readonly field: 'address' | 'virtual' | 'cidr' | 'uid' | 'container' | 'podName' | 'host' | 'wildcard' | 'node' | 'namespace' | 'service'
  readonly a: string
  /** The second part of a name in a namespace. */
  readonly b: string
}

/** The keys that an object is found by, as far as they are wanted. No two are equal. */
export function keysOf(object: IdentityObject, lookups: ReadonlySet<IdentityLookup>): readonly ObjectKey[] {
  const keys: ObjectKey[] = []
  const hasAddresses = lookups.has('address') || lookups.has('endpoints')
  switch (object.kind) {
    case 'pod':
      if (hasAddresses) for (const ip of object.ips) keys.push({ field: 'address', a: ip, b: '' })
      podKeys(object, lookups, keys)
      break
    case 'endpoint':
    case 'workload_entry':
      if (hasAddresses) keys.push({ field: 'address', a: object.ip, b: '' })
      break
    case 'node':
      if (hasAddresses) for (const ip of object.ips) keys.push({ field: 'address', a: ip, b: '' })
      keys.push({ field: 'node', a: object.name, b: '' })
      break
    case 'service':
      serviceKeys(object, lookups, keys)
      break
    case 'namespace':
      keys.push({ field: 'namespace', a: object.name, b: '' })
      break
  }
  return keys.length < 2 ? keys : keys.filter((key, i) => keys.findIndex((other) => isSameKey(key, other)) === i)
}

export function isSameKey(one: ObjectKey, other: ObjectKey): boolean {
  return one.field === other.field && one.a === other.a && one.b === other.b
}

/** Parses a key for a look-up; false when the text cannot be such a key. */
export function setKey(key: Key, { field, a, b }: ObjectKey, seed: number): boolean {
  switch (field) {
    case 'address':
      return key.setAddress(a, seed)
    case 'virtual':
      return key.setVirtual(a, seed)
    case 'cidr':
      return key.setCidr(a, seed)
    case 'uid':
      return key.setUid(a, seed)
    case 'container':
      return key.setContainer(a, seed)
    default:
      return key.setTexts(KeyKind[field], a, b, seed)
  }
}

/** Which claimants are preferred to this one (see `ClaimRule`). */
export function rankOf(object: IdentityObject): number {
  switch (object.kind) {
    case 'workload_entry':
      return Rank.workloadEntry
    case 'endpoint':
      return Rank.endpoint
    case 'node':
      return Rank.node
    case 'service':
      return object.source === 'service' ? Rank.service : Rank.serviceEntry
    default:
      return Rank.pod
  }
}

/** Orders claimants that are equal in everything that matters. */
export function nameOf(object: IdentityObject): string {
  switch (object.kind) {
    case 'endpoint':
      return `${object.namespace}/${object.service}/${object.pod}`
    case 'node':
    case 'namespace':
      return object.name
    default:
      return `${object.namespace}/${object.name}`
  }
}

function podKeys(pod: Pod, lookups: ReadonlySet<IdentityLookup>, keys: ObjectKey[]): void {
  if (lookups.has('pod_uid')) keys.push({ field: 'uid', a: pod.uid, b: '' })
  if (lookups.has('pod_name')) keys.push({ field: 'podName', a: pod.namespace, b: pod.name })
  if (lookups.has('container')) {
    for (const { id } of pod.containers) if (id !== '') keys.push({ field: 'container', a: id.slice(0, CONTAINER_DIGITS), b: '' })
  }
}

function serviceKeys(service: Service, lookups: ReadonlySet<IdentityLookup>, keys: ObjectKey[]): void {
  keys.push({ field: 'service', a: service.namespace, b: service.name })
  if (lookups.has('service_address')) {
    for (const address of service.addresses) keys.push({ field: address.includes('/') ? 'cidr' : 'virtual', a: address, b: '' })
  }
  if (!lookups.has('host')) return
  for (const host of service.hosts) {
    const name = host.toLowerCase()
    keys.push(name.startsWith('*.') ? { field: 'wildcard', a: name.slice(2), b: '' } : { field: 'host', a: name, b: '' })
  }
}
