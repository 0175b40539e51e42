/** What a host name says about a service. */
export interface ServiceHost {
  readonly host: string
  readonly name: string
  /** Empty for hosts outside the cluster. */
  readonly namespace: string
}

/** Longer texts are no host names; a client may send anything. */
const HOST_LENGTH_MAX = 253

/**
 * Splits the host of a service: `reviews.default.svc.cluster.local` has a name and a namespace, any other host is its
 * own name (Istio gives services of a ServiceEntry their host as name). Text from a `;` on is cut off.
 */
export function serviceHost(text: string): ServiceHost {
  const end = text.indexOf(';')
  const host = end < 0 ? text : text.slice(0, end)
  const [name = '', namespace = '', marker] = host.split('.', 3)
  return marker === 'svc' && name !== '' && namespace !== '' ? { host, name, namespace } : { host, name: host, namespace: '' }
}

/** Where a short host name is resolved: the namespace and DNS domain of the pod whose proxy reports. */
export interface DnsScope {
  readonly namespace: string
  /** Such as `cluster.local`; empty when the proxy is not in Kubernetes. */
  readonly clusterDomain: string
}

/**
 * The service that a Host header names, the way a pod's resolver would complete it: `reviews`, `reviews:9080`,
 * `reviews.default.svc` become `reviews.default.svc.cluster.local`. A host that is no service name in this scope stays
 * as it was sent, port included, and is its own name. Empty for texts that are no host at all.
 */
export function hostOfAuthority(authority: string, scope: DnsScope): ServiceHost {
  if (authority === '' || authority.length > HOST_LENGTH_MAX) return { host: '', name: '', namespace: '' }
  const asSent = { host: authority, name: authority, namespace: '' }
  if (scope.clusterDomain === '' || authority.startsWith('[')) return asSent
  const host = withoutPort(authority).toLowerCase()
  if (!/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(host) || /^[\d.]+$/.test(host) || host === 'localhost') return asSent
  const labels = host.split('.')
  const [name = '', namespace = ''] = labels
  if (labels.length === 1) return scope.namespace === '' ? asSent : qualified(name, scope.namespace, scope)
  if (labels.length === 2) return namespace === scope.namespace ? qualified(name, namespace, scope) : asSent
  if (labels[2] !== 'svc') return asSent
  return labels.length === 3 || host.endsWith(`.svc.${scope.clusterDomain}`) ? qualified(name, namespace, scope) : asSent
}

/** Splits `ip:port` as in the endpoint id of an internal address; IPv6 addresses may stand in brackets. */
export function splitEndpoint(text: string): { readonly ip: string; readonly port: number } {
  const match = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(text)
  if (match === null) return { ip: text, port: 0 }
  return { ip: match[1] ?? match[2] ?? '', port: Number(match[3]) }
}

export function isLoopback(ip: string): boolean {
  return ip.startsWith('127.') || ip === '::1'
}

function qualified(name: string, namespace: string, scope: DnsScope): ServiceHost {
  return { host: `${name}.${namespace}.svc.${scope.clusterDomain}`, name, namespace }
}

/** A Host header without its port, if it has one; IPv6 addresses keep their brackets. */
export function withoutPort(authority: string): string {
  const colon = authority.lastIndexOf(':')
  return colon < 0 || !/^\d*$/.test(authority.slice(colon + 1)) ? authority : authority.slice(0, colon)
}
