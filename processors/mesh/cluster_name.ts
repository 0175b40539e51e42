import { type ServiceHost, serviceHost } from './service_host.ts'

/** What the name of an Envoy cluster says. */
export interface ClusterName {
  /** Which way the traffic goes; `unknown` when the name does not tell. */
  readonly direction: 'inbound' | 'outbound' | 'unknown'
  /** The service behind it; undefined when the name has none. */
  readonly service: ServiceHost | undefined
  /** True for names that stand for "no service", such as PassthroughCluster; they are reported as they are. */
  readonly isSpecial: boolean
  /** True when the name is a route's, not a service's (Envoy Gateway). */
  readonly isRoute: boolean
  /** The workload's own port that the proxy hands traffic to; 0 when the name does not tell. */
  readonly inboundPort: number
}

const SPECIAL: Readonly<Record<string, 'inbound' | 'outbound'>> = {
  PassthroughCluster: 'outbound',
  BlackHoleCluster: 'outbound',
  AllowAnyDynamicDNSCluster: 'outbound',
  InboundPassthroughCluster: 'inbound',
  InboundPassthroughClusterIpv4: 'inbound',
  InboundPassthroughClusterIpv6: 'inbound',
}

/**
 * Reads the cluster names of Istio (spec: `direction|port|subset|fqdn` and its SNI-DNAT and waypoint forms), Consul
 * (`local_app`, `<service>.<namespace>.<datacenter>.internal.<trust domain>.consul`), AWS App Mesh (`cds_ingress_…`,
 * `cds_egress_…`), Contour (`namespace/service/port/hash`), kgateway (`kube_namespace_service_port`) and Envoy Gateway
 * (`httproute/namespace/name/rule/n`). Any other name is taken as the name of a service.
 */
export function parseClusterName(text: string): ClusterName {
  const end = text.indexOf(';')
  const cluster = end < 0 ? text : text.slice(0, end)
  if (cluster === '') return name('unknown', undefined)
  const special = Object.hasOwn(SPECIAL, cluster) ? SPECIAL[cluster] : undefined
  if (special !== undefined) return { direction: special, service: { host: '', name: cluster, namespace: '' }, isSpecial: true, isRoute: false, inboundPort: 0 }
  return parseIstio(cluster) ?? parseConsul(cluster) ?? parseAppMesh(cluster) ?? parseGateway(cluster) ?? name('unknown', serviceHost(cluster))
}

/** The service in an SNI of the form `outbound_.9080_.v1_.reviews.default.svc.cluster.local`, which Istio uses between proxies. */
export function serviceOfSni(sni: string): ServiceHost | undefined {
  const match = /^outbound_\.\d+_\.[^_]*_\.(.+)$/.exec(sni)
  return match === null ? undefined : serviceHost(match[1] as string)
}

function parseIstio(cluster: string): ClusterName | undefined {
  if (cluster.startsWith('outbound_.')) return name('outbound', serviceOfSni(cluster))
  const [kind, port, , host = ''] = cluster.split('|')
  if (port === undefined) return undefined
  if (kind === 'outbound') return name('outbound', host === '' ? undefined : serviceHost(host))
  if (kind === 'inbound-vip') return name('inbound', host === '' ? undefined : serviceHost(host))
  if (kind === 'inbound-pod') return name('inbound', undefined)
  // `inbound|port||` today; old releases end in the service's host, and some in a name that is none.
  if (kind === 'inbound')
    return { ...name('inbound', host.includes('.') ? serviceHost(host) : undefined), inboundPort: /^\d{1,5}$/.test(port) ? Number(port) : 0 }
  return undefined
}

function parseConsul(cluster: string): ClusterName | undefined {
  if (/^local_app(?:_|$)/.test(cluster)) return name('inbound', undefined)
  if (!cluster.endsWith('.consul')) return undefined
  // A prefix up to `~` only makes the cluster unique.
  const labels = cluster.slice(cluster.lastIndexOf('~') + 1).split('.')
  const marker = labels.findIndex((label) => label === 'internal' || label === 'internal-v1' || label === 'external')
  // Labels after service and namespace: datacenter, or partition and datacenter or peer.
  const tail = labels[marker] === 'internal' ? 1 : 2
  const at = marker - tail - 2
  if (marker < 0 || at < 0) return undefined
  const [service = '', namespace = ''] = labels.slice(at)
  return name('outbound', { host: `${service}.${namespace}.consul`, name: service, namespace })
}

function parseAppMesh(cluster: string): ClusterName | undefined {
  const match = /^cds_(ingress|egress)_([^_]+)_(.+)_(?:http2?|grpc|tcp)_\d+$/.exec(cluster)
  if (match === null) return undefined
  const service = match[3] as string
  return match[1] === 'ingress' ? name('inbound', undefined) : name('outbound', { host: service, name: service, namespace: '' })
}

function parseGateway(cluster: string): ClusterName | undefined {
  const contour = /^([a-z0-9-]+)\/([a-z0-9-]+)\/[^/]+\/[0-9a-f]{6,}$/.exec(cluster)
  if (contour !== null) return name('outbound', kubernetes(contour[2] as string, contour[1] as string))
  const kgateway = /^kube_([a-z0-9-]+)_([a-z0-9-]+)_\d+$/.exec(cluster)
  if (kgateway !== null) return name('outbound', kubernetes(kgateway[2] as string, kgateway[1] as string))
  const route = /^(?:http|grpc|tcp|tls|udp)route\/([^/]+)\/([^/]+)\/rule\/-?\d+/.exec(cluster)
  if (route === null) return undefined
  const service = { host: route[2] as string, name: route[2] as string, namespace: route[1] as string }
  return { direction: 'outbound', service, isSpecial: false, isRoute: true, inboundPort: 0 }
}

function kubernetes(service: string, namespace: string): ServiceHost {
  return { host: `${service}.${namespace}.svc.cluster.local`, name: service, namespace }
}

function name(direction: ClusterName['direction'], service: ServiceHost | undefined): ClusterName {
  return { direction, service, isSpecial: false, isRoute: false, inboundPort: 0 }
}
