import { type AddressAnswer, type AddressIndex, NO_ADDRESSES } from '../../model/address_index.ts'
import { type CalledService, type Edge, type Evidence, type Party, type Reporter, UNKNOWN_PARTY, UNKNOWN_SERVICE } from '../../model/edges.ts'
import { type ClusterName, parseClusterName, serviceOfSni } from './cluster_name.ts'
import type { EdgeFacts } from './edge_table.ts'
import type { Local } from './local.ts'
import type { Peer } from './peer.ts'
import { type Address, type RowFacts, Shape } from './row_facts.ts'
import { hostOfAuthority, isLoopback, type ServiceHost } from './service_host.ts'
import { parseSpiffe } from './spiffe.ts'

export interface ResolverOptions {
  /** When the Host header may name the called service (see the setting `host_header`). */
  readonly hostHeader: 'auto' | 'always' | 'never'
  /** Not empty: principals that nobody logged are derived from service accounts, in this trust domain. */
  readonly trustDomain: string
}

type Direction = Edge['direction']

/** Istio's routes for traffic to hosts outside its registry, and the special cluster each leads to. */
const SPECIAL_ROUTES: Readonly<Record<string, string>> = {
  block_all: 'BlackHoleCluster',
  allow_any: 'PassthroughCluster',
  allow_any_dynamic_dns: 'PassthroughCluster',
}

/**
 * Works out who called whom from one entry: the slow path, run once for each combination of facts. Names follow Istio's
 * standard metrics where they say (which label comes from where), and go on where the proxy knows more than its log says.
 */
export class EdgeResolver {
  /** The last answer holds for entries that began since then, milliseconds since the epoch; 0 when always. */
  fromMs = 0
  /** True when the last answer is for that entry only and must not be remembered. */
  isTransient = false
  readonly #options: ResolverOptions
  readonly #addresses: AddressIndex
  #timeMs = 0

  constructor(options: ResolverOptions, addresses: AddressIndex) {
    this.#options = options
    this.#addresses = addresses
  }

  /** The edge of a row. `row.used` then tells which optional columns the answer depended on. */
  resolve(row: RowFacts, local: Local): EdgeFacts {
    this.fromMs = 0
    this.isTransient = false
    this.#timeMs = row.timeMs
    const cluster = parseClusterName(row.cluster || row.tagUpstreamCluster)
    const direction = this.#direction(row, local, cluster)
    const isWaypoint = local.role === 'waypoint'
    const isServer = direction === 'inbound' && !isWaypoint
    const own = isServer ? this.#ownAsServer(row, local) : this.#ownAsClient(row, local, direction)
    let source = UNKNOWN_PARTY
    let destination = UNKNOWN_PARTY
    if (direction !== 'outbound') source = this.#downstream(row)
    else source = own
    if (isServer) destination = own
    else if (direction !== 'unknown') destination = this.#upstream(row)
    const service = isServer ? this.#serviceAsServer(row, local, cluster, own) : this.#serviceAsClient(row, local, { cluster, direction, destination })
    return { role: local.role, reporter: reporterOf(local, direction), direction, source, destination, service, mutualTls: isMutualTls(row) }
  }

  #direction(row: RowFacts, local: Local, cluster: ClusterName): Direction {
    if (local.role === 'router') return 'outbound'
    if (local.role === 'waypoint') return 'inbound'
    // Istio blocks undeclared inbound ports with the same BlackHoleCluster, so that name alone does not tell.
    const isBlackHole = cluster.isSpecial && cluster.service?.name === 'BlackHoleCluster'
    if (cluster.direction !== 'unknown' && !isBlackHole) return cluster.direction
    if (!local.isIstio) return this.#directionOfPlain(row, cluster)
    if (local.ips.has(row.downstreamLocal.ip)) return 'inbound'
    const client = row.directRemote.ip
    if (isBlackHole || local.ips.has(client) || isLoopback(client)) return 'outbound'
    if (Object.hasOwn(SPECIAL_ROUTES, row.routeName)) return 'outbound'
    return row.localSan !== '' && row.peerSan !== '' ? 'inbound' : 'unknown'
  }

  /** A proxy that hands traffic from elsewhere to its own host is the server's; any other is on the way to a service. */
  #directionOfPlain(row: RowFacts, cluster: ClusterName): Direction {
    if (cluster.isSpecial) return cluster.direction
    if (isLoopback(row.upstreamRemote.ip) && !isLoopback(row.directRemote.ip)) return 'inbound'
    return cluster.service === undefined && row.routeName === '' && row.authority === '' ? 'unknown' : 'outbound'
  }

  /** The reporting proxy's workload as the called side: its certificate is in the log. */
  #ownAsServer(row: RowFacts, local: Local): Party {
    const principal = row.localPrincipal || row.localSan
    const party = local.streamIp === '' ? local.party : this.#byAddress(row.downstreamLocal, local)
    if (party.evidence === 'none') return certified(principal)
    return { ...party, principal: principal || party.principal || this.#derivedPrincipal(local) }
  }

  /** The reporting proxy's workload as the calling side; Envoy does not log the certificate it shows to upstreams. */
  #ownAsClient(row: RowFacts, local: Local, direction: Direction): Party {
    if (direction !== 'outbound') return UNKNOWN_PARTY
    if (local.streamIp !== '') return this.#byAddress(row.directRemote, local)
    const principal = this.#derivedPrincipal(local)
    return principal === '' ? local.party : { ...local.party, principal }
  }

  /** An unidentified proxy is known by the address that entries show as its own, or by where its log stream comes from. */
  #byAddress(address: Address, local: Local): Party {
    return this.#find(address) ?? this.#find({ ip: local.streamIp, port: 0 }) ?? UNKNOWN_PARTY
  }

  #derivedPrincipal(local: Local): string {
    const { trustDomain } = this.#options
    if (trustDomain === '' || local.serviceAccount === '') return ''
    return `spiffe://${trustDomain}/ns/${local.party.namespace}/sa/${local.serviceAccount}`
  }

  /** The client's side: metadata exchange, then the certificate, then the address. */
  #downstream(row: RowFacts): Party {
    const principal = row.peerPrincipal || row.peerSan
    // Before a handshake has succeeded nothing was exchanged, so metadata in such an entry is not this peer's.
    const peer = (row.shape & Shape.refused) === 0 ? row.downstreamPeer : undefined
    const known = peer === undefined ? undefined : credible(peer, principal)
    if (known !== undefined) return known
    const direct = this.#addresses === NO_ADDRESSES ? undefined : row.directRemote
    return this.#certifiedOrFound(principal, direct?.ip === '' ? row.downstreamRemote : direct)
  }

  /** The server's side: metadata exchange, then the certificate (only a custom tag has it), then the address. */
  #upstream(row: RowFacts): Party {
    // Without a cluster no upstream was contacted, and what metadata there is belongs to somebody else.
    const peer = row.cluster === '' ? undefined : row.upstreamPeer
    const principal = row.tagUpstreamPrincipal
    const known = peer === undefined ? undefined : credible(peer, principal)
    if (known !== undefined) return principal === '' ? { ...known, principal: peer?.principal ?? '' } : known
    return this.#certifiedOrFound(principal, this.#addresses === NO_ADDRESSES ? undefined : row.upstreamRemote)
  }

  /** A certificate proves namespace and account; an address that agrees with it adds the workload. */
  #certifiedOrFound(principal: string, address: Address | undefined): Party {
    const proved = certified(principal)
    const found = address === undefined ? undefined : this.#find(address)
    if (found === undefined) return proved
    if (proved.namespace !== '' && found.namespace !== proved.namespace) return proved
    return { ...found, principal: principal || found.principal, evidence: 'address' }
  }

  #find(address: Address): Party | undefined {
    return this.#lookup(address, (timeMs) => this.#addresses.find(address.ip, address.port, timeMs))
  }

  #lookup<T>(address: Address, find: (timeMs: number) => AddressAnswer<T> | undefined): T | undefined {
    if (address.ip === '' || this.#addresses === NO_ADDRESSES) return undefined
    const answer = find(this.#timeMs)
    if (answer === undefined) {
      if (this.#timeMs < this.#addresses.changedMs) this.isTransient = true
      return undefined
    }
    if (answer.untilMs !== Number.POSITIVE_INFINITY) this.isTransient = true
    this.fromMs = Math.max(this.fromMs, answer.fromMs)
    return answer.value
  }

  /** The service a client side or gateway called: the cluster, then the address that was called, then the Host header. */
  #serviceAsClient(
    row: RowFacts,
    local: Local,
    call: { readonly cluster: ClusterName; readonly direction: Direction; readonly destination: Party },
  ): CalledService {
    if (call.direction === 'unknown') return UNKNOWN_SERVICE
    const { cluster } = call
    const namespace = local.role === 'waypoint' ? '' : call.destination.namespace
    if (cluster.service !== undefined && !cluster.isSpecial) return called(cluster.service, cluster.isRoute ? 'route' : 'cluster', namespace)
    const special = specialName(row, local, cluster)
    if (special === undefined) {
      const found = this.#findService(row)
      if (found !== undefined) return found
    }
    const header = this.#mayUseHost(row, local) ? hostOfAuthority(row.authority, local.dns) : undefined
    if (special !== undefined) return { host: header?.host ?? '', name: special.name, namespace, evidence: special.evidence }
    return header === undefined || header.host === '' ? UNKNOWN_SERVICE : called(header, 'authority', namespace)
  }

  /**
   * As Istio: a sidecar's client may be trusted to name what it calls. At a gateway anybody may send any host; there it
   * counts when it matched a route.
   */
  #mayUseHost(row: RowFacts, local: Local): boolean {
    const { hostHeader } = this.#options
    if (hostHeader !== 'auto') return hostHeader === 'always'
    return local.role === 'sidecar' || ((row.shape & Shape.noRoute) === 0 && row.routeName !== '')
  }

  /** The service of which the reporting proxy's workload is an instance. */
  #serviceAsServer(row: RowFacts, local: Local, cluster: ClusterName, own: Party): CalledService {
    const itself: CalledService = {
      host: own.service,
      name: own.service,
      namespace: own.namespace,
      evidence: own.service === '' ? 'none' : own.evidence,
    }
    if (cluster.isSpecial) return { ...itself, name: cluster.service?.name ?? '', evidence: 'cluster' }
    if (cluster.service !== undefined && (local.isIstio || own.service === '')) return called(cluster.service, 'cluster', own.namespace)
    const bySni = serviceOfSni(row.sni)
    if (bySni !== undefined) return called(bySni, 'sni', own.namespace)
    const found = this.#findService(row)
    if (found !== undefined) return found
    if (this.#options.hostHeader === 'never') return itself
    const header = hostOfAuthority(row.authority, local.dns)
    const isItself = header.namespace === own.namespace && local.names.has(header.name)
    return header.host !== '' && (isItself || this.#options.hostHeader === 'always') ? called(header, 'authority', own.namespace) : itself
  }

  #findService(row: RowFacts): CalledService | undefined {
    if (this.#addresses === NO_ADDRESSES) return undefined
    const address = row.downstreamLocal
    return this.#lookup(address, (timeMs) => this.#addresses.findService(address.ip, address.port, timeMs))
  }
}

function reporterOf(local: Local, direction: Direction): Reporter {
  if (local.role === 'waypoint') return 'waypoint'
  if (direction === 'unknown') return 'unknown'
  return direction === 'inbound' ? 'destination' : 'source'
}

/** The name Istio gives to traffic that goes to no service of its registry. */
function specialName(row: RowFacts, local: Local, cluster: ClusterName): { readonly name: string; readonly evidence: Evidence } | undefined {
  if (!local.isIstio && !cluster.isSpecial) return undefined
  const route = row.routeName
  if (Object.hasOwn(SPECIAL_ROUTES, route)) return { name: SPECIAL_ROUTES[route] as string, evidence: 'route' }
  return cluster.isSpecial ? { name: cluster.service?.name ?? '', evidence: 'cluster' } : undefined
}

/**
 * A peer with its principal. Metadata is only a claim: where it names another namespace than the certificate of the
 * connection proves, it is somebody else's (of a peer behind another proxy, or of one that lies). Undefined then, and the
 * certificate counts alone.
 */
function credible(peer: Peer, principal: string): Party | undefined {
  const proved = parseSpiffe(principal)?.namespace ?? ''
  if (proved !== '' && peer.namespace !== '' && proved !== peer.namespace) return undefined
  return { ...peer, principal, namespace: proved || peer.namespace }
}

/** What a certificate's URI alone says: in Istio the namespace, in Consul the service as well. */
function certified(principal: string): Party {
  if (principal === '') return UNKNOWN_PARTY
  const id = parseSpiffe(principal)
  const service = id?.service ?? ''
  return { ...UNKNOWN_PARTY, workload: service, service, namespace: id?.namespace ?? '', principal, evidence: 'certificate' }
}

function called(service: ServiceHost, evidence: Evidence, namespace: string): CalledService {
  return { host: service.host, name: service.name, namespace: service.namespace || namespace, evidence }
}

/** Both ends of the downstream connection proved who they are. */
function isMutualTls(row: RowFacts): boolean {
  if ((row.shape & Shape.refused) !== 0) return false
  const both = Shape.localCertificate | Shape.peerCertificate
  if ((row.shape & both) === both) return true
  return (row.localPrincipal || row.localSan) !== '' && (row.peerPrincipal || row.peerSan) !== ''
}
