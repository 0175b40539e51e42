import type { Endpoint, Pod, Service } from './objects.ts'

interface Choice {
  /** The port asked for; 0 when it is not known. */
  readonly port: number
  /** The pod at the address, when it is known. */
  readonly pod: Pod | undefined
  readonly serviceOf: (endpoint: Endpoint) => Service | undefined
}

/** Labels that name the canonical service of a workload, the first that is there (Istio's order). */
const CANONICAL_LABELS = ['service.istio.io/canonical-name', 'app.kubernetes.io/name', 'app']

/**
 * The services that endpoints at one address lead to, the best first: those whose endpoint has the port, then those named like the
 * workload or its canonical service, then those with a virtual address, then by name. Those that are not known are left out.
 */
export function preferredServices(endpoints: readonly Endpoint[], { port, pod, serviceOf }: Choice): readonly Service[] {
  const ranked = new Map<Service, number>()
  for (const endpoint of endpoints) {
    const service = serviceOf(endpoint)
    if (service === undefined) continue
    const names = [pod?.workload.name, endpoint.workload.name, canonicalName(pod?.labels ?? endpoint.labels)]
    const rank = (endpoint.ports.includes(port) ? 0 : 4) + (names.includes(service.name) ? 0 : 2) + (service.isHeadless ? 1 : 0)
    ranked.set(service, Math.min(rank, ranked.get(service) ?? rank))
  }
  const nameOf = ({ namespace, name }: Service): string => `${namespace}/${name}`
  return [...ranked].sort(([a, rank], [b, otherRank]) => rank - otherRank || (nameOf(a) < nameOf(b) ? -1 : 1)).map(([service]) => service)
}

function canonicalName(labels: Readonly<Record<string, string>>): string | undefined {
  for (const label of CANONICAL_LABELS) if (labels[label] !== undefined) return labels[label]
  return undefined
}
