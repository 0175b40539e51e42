import { normalizeIp } from '../../../model/identity/ip.ts'
import type { Endpoint, IdentityObject, WorkloadEntry } from '../../../model/identity/objects.ts'
import { NO_WORKLOAD } from '../owners/infer.ts'
import type { ApiObject } from '../watch/sink.ts'
import { addressOrCidr } from './addresses.ts'
import { type Fields, fieldsOf, itemsOf, portOf, portsOf, textOf } from './fields.ts'
import { controllerOf } from './pods.ts'
import type { Refuse } from './refusals.ts'
import type { WantedTexts } from './wanted_texts.ts'

export interface IstioTrim {
  readonly serviceLabels: WantedTexts
  readonly podLabels: WantedTexts
  readonly refuse: Refuse
}

/** Makes of a ServiceEntry the service of its hosts and addresses, and an endpoint of each of its inline endpoints. */
export function trimServiceEntry(object: ApiObject, options: IstioTrim): readonly IdentityObject[] {
  const { metadata } = object
  const spec = fieldsOf(object['spec'])
  const hosts = [...new Set(itemsOf(spec['hosts']).map((host) => textOf(host).toLowerCase()))].filter((host) => host !== '')
  if (hosts.length === 0) {
    options.refuse('no_host')
    return []
  }
  const ports = portsOf(spec['ports'], 'number')
  const given = itemsOf(spec['addresses'])
  // Istio allocates addresses of its own where none are given.
  const allocated = itemsOf(fieldsOf(object['status'])['addresses']).map((item) => fieldsOf(item)['value'])
  const addresses = new Set<string>()
  for (const text of [...given, ...allocated]) {
    const address = addressOrCidr(textOf(text))
    if (address === undefined) options.refuse('bad_address')
    else addresses.add(address)
  }
  const service: IdentityObject = {
    kind: 'service',
    uid: metadata.uid,
    namespace: metadata.namespace,
    name: metadata.name,
    source: 'service_entry',
    hosts,
    addresses: [...addresses],
    ports,
    isHeadless: false,
    labels: options.serviceLabels.pick(metadata['labels']),
  }
  const endpoints = itemsOf(spec['endpoints']).flatMap((item) => inlineEndpoint(fieldsOf(item), { object, ports, labels: options.podLabels }))
  return [service, ...endpoints]
}

/** Keeps of a WorkloadEntry its address; one that is known by a host name, or behind a gateway, has none of its own. */
export function trimWorkloadEntry(object: ApiObject, { podLabels }: IstioTrim): readonly WorkloadEntry[] {
  const { metadata } = object
  const spec = fieldsOf(object['spec'])
  const ip = normalizeIp(textOf(spec['address']))
  if (ip === undefined) return []
  const group = controllerOf(metadata)
  return [
    {
      kind: 'workload_entry',
      uid: metadata.uid,
      namespace: metadata.namespace,
      name: metadata.name,
      ip,
      serviceAccount: textOf(spec['serviceAccount']),
      workload: { kind: group?.kind ?? 'WorkloadEntry', name: group?.name ?? metadata.name, isInferred: false },
      // The labels of the workload stand in the spec; those of the metadata are the object's own.
      labels: podLabels.pick({ ...fieldsOf(metadata['labels']), ...fieldsOf(spec['labels']) }),
    },
  ]
}

interface InlineEndpoint {
  readonly object: ApiObject
  readonly ports: readonly number[]
  readonly labels: WantedTexts
}

function inlineEndpoint(endpoint: Fields, { object, ports, labels }: InlineEndpoint): readonly Endpoint[] {
  // A host name or a unix socket is a legal address, but none that an access log shows.
  const ip = normalizeIp(textOf(endpoint['address']))
  if (ip === undefined) return []
  const own = Object.values(fieldsOf(endpoint['ports']))
    .map(portOf)
    .filter((port) => port > 0)
  const { namespace, name } = object.metadata
  return [
    {
      kind: 'endpoint',
      namespace,
      service: name,
      ip,
      ports: own.length > 0 ? [...new Set(own)].sort((a, b) => a - b) : ports,
      pod: '',
      podUid: '',
      node: '',
      zone: '',
      workload: NO_WORKLOAD,
      labels: labels.pick(endpoint['labels']),
    },
  ]
}
