import { type CalledService, type Party, UNKNOWN_PARTY } from '../../model/edges.ts'
import type { Endpoint, Pod, Service, Texts, WorkloadEntry } from '../../model/identity/objects.ts'
import { serviceHost } from './service_host.ts'

/** The labels that Istio's names come from; the mesh processor needs them of every pod. */
export const NAMING_LABELS = [
  'service.istio.io/canonical-name',
  'service.istio.io/canonical-revision',
  'app.kubernetes.io/name',
  'app.kubernetes.io/version',
  'app',
  'version',
] as const

/** The side that a pod is, by Istio's rules for the canonical service and what proxies say of a peer. */
export function partyOfPod(pod: Pod, cluster: string): Party {
  return { ...named(pod.labels, pod.workload.name), namespace: pod.namespace, cluster, pod: pod.name }
}

/** The side that a workload outside of Kubernetes is. */
export function partyOfWorkloadEntry(entry: WorkloadEntry, cluster: string): Party {
  return { ...named(entry.labels, entry.workload.name || entry.name), namespace: entry.namespace, cluster }
}

/**
 * The side that an endpoint is whose pod nobody watches. Slices carry no labels of the pod: the name of the Service is
 * nearest to its canonical name then.
 */
export function partyOfEndpoint(endpoint: Endpoint, cluster: string): Party {
  const party = named(endpoint.labels, endpoint.workload.name)
  const isLabelled = party.service !== endpoint.workload.name
  return { ...party, service: isLabelled ? party.service : endpoint.service, namespace: endpoint.namespace, cluster, pod: endpoint.pod }
}

/**
 * The side that a host of a ServiceEntry is: a service without workload. It has no namespace either, as in Istio: the
 * host stands outside of the mesh, whatever namespace describes it.
 */
export function partyOfServiceEntry(service: Service): Party {
  return { ...UNKNOWN_PARTY, service: service.hosts[0] ?? service.name, evidence: 'service_entry', addressClass: 'external' }
}

/** A Service as what was called. A ServiceEntry's host is its own name, as in Istio. */
export function calledService(service: Service, evidence: CalledService['evidence'], host = service.hosts[0] ?? service.name): CalledService {
  const name = service.source === 'service' ? service.name : serviceHost(host).name
  return { host, name, namespace: service.namespace, evidence }
}

function named(labels: Texts, workload: string): Party {
  const label = (key: (typeof NAMING_LABELS)[number]): string => (Object.hasOwn(labels, key) ? (labels[key] as string) : '')
  const app = label('app.kubernetes.io/name') || label('app')
  const version = label('app.kubernetes.io/version') || label('version')
  return {
    ...UNKNOWN_PARTY,
    workload,
    service: label('service.istio.io/canonical-name') || app || workload,
    revision: label('service.istio.io/canonical-revision') || version,
    app,
    version,
    evidence: 'address',
  }
}

/** The fields of a party that an index may fill. The principal is not among them: an address proves nothing. */
const FILLED = ['workload', 'namespace', 'service', 'revision', 'app', 'version', 'cluster', 'pod'] as const

/**
 * What the log says of a side, with its gaps filled by what the index says. Undefined when the two speak of different
 * workloads: then the index knows nothing of this side.
 */
export function completed(logged: Party, found: Party): Party | undefined {
  for (const field of ['namespace', 'workload', 'pod'] as const) {
    if (logged[field] !== '' && found[field] !== '' && logged[field] !== found[field]) return undefined
  }
  const filled: Record<string, string> = {}
  for (const field of FILLED) if (logged[field] === '') filled[field] = found[field]
  return { ...logged, ...filled }
}
