import type { Endpoint, Service, Texts } from '../../../model/identity/objects.ts'
import { inferWorkload } from '../owners/infer.ts'
import type { ApiObject } from '../watch/sink.ts'
import { addressesOf, distinctAddresses } from './addresses.ts'
import { fieldsOf, itemsOf, portsOf, textOf } from './fields.ts'
import type { Refuse } from './refusals.ts'
import type { WantedTexts } from './wanted_texts.ts'

export interface ServiceTrim {
  readonly labels: WantedTexts
  /** Such as `cluster.local`. */
  readonly clusterDomain: string
  readonly refuse: Refuse
}

const NO_LABELS: Texts = Object.freeze({})

/** Keeps of a Service its FQDN and every address that leads to it from inside or outside of the cluster. */
export function trimService(object: ApiObject, options: ServiceTrim): Service {
  const { metadata } = object
  const spec = fieldsOf(object['spec'])
  const clusterIps = itemsOf(spec['clusterIPs'])
  const inCluster = (clusterIps.length > 0 ? clusterIps : [spec['clusterIP']]).filter((ip) => ip !== 'None')
  const balancers = addressesOf(fieldsOf(fieldsOf(object['status'])['loadBalancer'])['ingress'], 'ip', options.refuse)
  return {
    kind: 'service',
    uid: metadata.uid,
    namespace: metadata.namespace,
    name: metadata.name,
    source: 'service',
    hosts: [`${metadata.name}.${metadata.namespace}.svc.${options.clusterDomain}`],
    addresses: distinctAddresses([...inCluster, ...itemsOf(spec['externalIPs']), ...balancers], options.refuse),
    ports: portsOf(spec['ports'], 'port'),
    isHeadless: spec['clusterIP'] === 'None' || clusterIps.includes('None'),
    labels: options.labels.pick(metadata['labels']),
  }
}

/**
 * Makes one endpoint of every address of an EndpointSlice. Conditions are not looked at: an endpoint that is not ready,
 * or that is terminating, has its address all the same. Slices of type FQDN have no addresses.
 */
export function trimEndpointSlice(object: ApiObject, refuse: Refuse): readonly Endpoint[] {
  const { metadata } = object
  const type = object['addressType']
  if (type === 'FQDN') return []
  if (type !== 'IPv4' && type !== 'IPv6') {
    refuse('bad_address_type')
    return []
  }
  const service = textOf(fieldsOf(metadata['labels'])['kubernetes.io/service-name'])
  const ports = portsOf(object['ports'], 'port')
  return itemsOf(object['endpoints']).flatMap((item) => {
    const endpoint = fieldsOf(item)
    const target = fieldsOf(endpoint['targetRef'])
    const isPod = target['kind'] === 'Pod'
    const pod = isPod ? textOf(target['name']) : ''
    const node = textOf(endpoint['nodeName'])
    const shared = { namespace: metadata.namespace, service, ports, pod, podUid: isPod ? textOf(target['uid']) : '', node }
    const zone = textOf(endpoint['zone'])
    const workload = inferWorkload(pod, node)
    return distinctAddresses(itemsOf(endpoint['addresses']), refuse).map(
      (ip): Endpoint => ({ kind: 'endpoint', ip, ...shared, zone, workload, labels: NO_LABELS }),
    )
  })
}
