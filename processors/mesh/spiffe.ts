/** The parts of a SPIFFE id that meshes agree on; empty when the id does not say. */
export interface SpiffeId {
  readonly trustDomain: string
  readonly namespace: string
  /** Istio: the Kubernetes service account. */
  readonly serviceAccount: string
  /** Consul: the service. */
  readonly service: string
}

/**
 * Reads `spiffe://<trust domain>/ns/<namespace>/sa/<account>` (Istio) and
 * `spiffe://<trust domain>[/ap/<partition>]/ns/<namespace>/dc/<datacenter>/svc/<service>` (Consul). Undefined when the
 * text is not a SPIFFE id.
 */
export function parseSpiffe(text: string): SpiffeId | undefined {
  if (!text.startsWith('spiffe://')) return undefined
  const [trustDomain = '', ...path] = text.slice('spiffe://'.length).split('/')
  if (trustDomain === '') return undefined
  const part = (name: string): string => {
    for (let i = 0; i + 1 < path.length; i += 2) if (path[i] === name) return path[i + 1] as string
    return ''
  }
  return { trustDomain, namespace: part('ns'), serviceAccount: part('sa'), service: part('svc') }
}
