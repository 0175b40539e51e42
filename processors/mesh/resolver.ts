import { type CalledService, type Edge, type Evidence, type Party, type Reporter, UNKNOWN_PARTY, UNKNOWN_SERVICE } from '../../model/edges.ts'
import type { Service } from '../../model/identity/objects.ts'
import type { StructObject } from '../../model/struct.ts'
import { type ClusterName, parseClusterName, serviceOfSni } from './cluster_name.ts'
import type { EdgeFacts } from './edge_table.ts'
import type { Identities, Located } from './identities.ts'
import type { Local } from './local.ts'
import { hasLabels, type NamingRules } from './naming/rules.ts'
import { calledService, completed } from './owner_party.ts'
import type { Peer } from './peer.ts'
import { type Address, type RowFacts, Shape } from './row_facts.ts'
import { hostOfAuthority, isLoopback, type ServiceHost, withoutPort } from './service_host.ts'
import { parseSpiffe } from './spiffe.ts'

export interface ResolverOptions {
  /** When the Host header may name the called service (see the setting `host_header`). */
  readonly hostHeader: 'auto' | 'always' | 'never'
  /** Not empty: principals that nobody logged are derived from service accounts, in this trust domain. */
  readonly trustDomain: string
  /** Names sides by templates; undefined leaves them as Istio names them. */
  readonly naming?: NamingRules | undefined
}

/** One side of a call, and what is known of it beside its names. */
interface Side {
  readonly party: Party
  /** The metadata it was named by, if any; read only where naming rules look at it. */
  readonly metadata?: StructObject | undefined
  /** What the index says it is. */
  readonly owner?: Located['owner']
}

const NOBODY: Side = { party: UNKNOWN_PARTY }
const NO_SERVICES: readonly Service[] = []

type Direction = Edge['direction']

/** Classes of addresses whose pod may only be too young for the index. */
const MISSED: ReadonlySet<string> = new Set(['unknown', 'external', 'mesh_peer'])

/** Istio's routes for traffic to hosts outside its registry, and the special cluster each leads to. */
const SPECIAL_ROUTES: Readonly<Record<string, string>> = {
  block_all: 'BlackHoleCluster',
  allow_any: 'PassthroughCluster',
  allow_any_dynamic_dns: 'PassthroughCluster',
}

/**
 * Works out who called whom from one entry: the slow path, run once for each combination of facts. Names follow Istio's
 * standard metrics where they say (which label comes from where), and go on where the proxy knows more than its log says.
 * What the log names wins; the identity index fills what it does not say.
 */
export class EdgeResolver {
  /** True when a side stayed unnamed only because the index does not know its address, which may change. */
  isPending = false
  readonly #options: ResolverOptions
  readonly #identities: Identities | undefined

  constructor(options: ResolverOptions, identities: Identities | undefined) {
    this.#options = options
    this.#identities = identities
  }

  /**
   * The edge of a row. `row.used` then tells which optional columns the answer depended on, and the identities for
   * which times it holds.
   */
  resolve(row: RowFacts, local: Local): EdgeFacts {
    this.#identities?.begin(row.timeMs, local.party.cluster)
    const cluster = parseClusterName(row.cluster || row.tagUpstreamCluster)
    const direction = this.#direction(row, local, cluster)
    const isWaypoint = local.role === 'waypoint'
    const isServer = direction === 'inbound' && !isWaypoint
    const own = isServer ? this.#ownAsServer(row, local) : this.#ownAsClient(row, local, direction)
    const from = direction === 'outbound' ? own : this.#downstream(row)
    let to = NOBODY
    if (isServer) to = own
    else if (direction !== 'unknown') to = this.#upstream(row)
    const service = isServer
      ? this.#serviceAsServer(row, local, cluster, own.party)
      : this.#serviceAsClient(row, local, { cluster, direction, destination: to.party })
    this.isPending = this.#hasMissed(from) || this.#hasMissed(to)
    const source = this.#named(from)
    const destination = this.#named(to)
    return { role: local.role, reporter: reporterOf(local, direction), direction, source, destination, service, mutualTls: isMutualTls(row) }
  }

  #hasMissed({ party }: Side): boolean {
    return (this.#identities?.misses.length ?? 0) > 0 && party.workload === '' && party.evidence !== 'service_entry' && MISSED.has(party.addressClass)
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
  #ownAsServer(row: RowFacts, local: Local): Side {
    const principal = row.localPrincipal || row.localSan
    const side = local.streamIp === '' ? this.#own(local) : this.#byAddress(() => row.downstreamLocal, local)
    const { party } = side
    if (party.evidence === 'none') return { party: { ...certified(principal), addressClass: party.addressClass } }
    return { ...side, party: { ...party, principal: principal || party.principal || this.#derivedPrincipal(local.party.namespace, local.serviceAccount) } }
  }

  /** The reporting proxy's workload as the calling side; Envoy does not log the certificate it shows to upstreams. */
  #ownAsClient(row: RowFacts, local: Local, direction: Direction): Side {
    if (direction !== 'outbound') return NOBODY
    if (local.streamIp !== '') return this.#byAddress(() => row.directRemote, local)
    const side = this.#own(local)
    const principal = this.#derivedPrincipal(local.party.namespace, local.serviceAccount)
    return principal === '' ? side : { ...side, party: { ...side.party, principal } }
  }

  /** A proxy that identified itself. Where it told its node id only, the index knows its pod better than the id does. */
  #own(local: Local): Side {
    const { party, metadata } = local
    const isAsked = local.isPartial || this.#wantsPod(metadata)
    const pod = isAsked ? this.#identities?.pod(party.namespace, party.pod) : undefined
    if (pod === undefined || this.#identities === undefined) return { party, metadata }
    if (!local.isPartial) return { party, metadata, owner: pod }
    const found = this.#identities.partyOf(pod)
    return { party: { ...found, cluster: party.cluster || found.cluster, evidence: 'node' }, metadata, owner: pod }
  }

  /** An unidentified proxy is known by the address that entries show as its own, or by where its log stream comes from. */
  #byAddress(address: () => Address, local: Local): Side {
    const identities = this.#identities
    if (identities === undefined) return NOBODY
    const shown = identities.locate(address())
    if (shown?.owner !== undefined) return shown
    const sender = identities.locate({ ip: local.streamIp, port: 0 })
    return (sender?.owner === undefined ? (shown ?? sender) : sender) ?? NOBODY
  }

  #derivedPrincipal(namespace: string, serviceAccount: string): string {
    const { trustDomain } = this.#options
    return trustDomain === '' || serviceAccount === '' ? '' : `spiffe://${trustDomain}/ns/${namespace}/sa/${serviceAccount}`
  }

  /** The client's side: metadata exchange, then the certificate, then the address. */
  #downstream(row: RowFacts): Side {
    const principal = row.peerPrincipal || row.peerSan
    // Before a handshake has succeeded nothing was exchanged, so metadata in such an entry is not this peer's.
    const peer = (row.shape & Shape.refused) === 0 ? row.downstreamPeer : undefined
    const known = peer === undefined ? undefined : credible(peer, principal)
    if (known !== undefined) return this.#complete({ party: known, metadata: this.#metadata(() => row.downstreamPeerMetadata) }, () => clientAddress(row))
    return this.#certifiedOrFound(principal, () => clientAddress(row))
  }

  /** The server's side: metadata exchange, then the certificate (only a custom tag has it), then the address. */
  #upstream(row: RowFacts): Side {
    // Without a cluster no upstream was contacted, and what metadata there is belongs to somebody else.
    const peer = row.cluster === '' ? undefined : row.upstreamPeer
    const principal = row.tagUpstreamPrincipal
    const known = peer === undefined ? undefined : credible(peer, principal)
    if (known !== undefined) {
      const party = principal === '' ? { ...known, principal: peer?.principal ?? '' } : known
      return this.#complete({ party, metadata: this.#metadata(() => row.upstreamPeerMetadata) }, () => row.upstreamRemote)
    }
    const side = this.#certifiedOrFound(principal, () => row.upstreamRemote)
    const { owner, party } = side
    if (party.principal !== '' || owner === undefined || !('serviceAccount' in owner)) return side
    // The log does not say how the upstream proved itself. On the client's side it does: no certificate there is plain text.
    return { ...side, party: { ...party, principal: this.#derivedPrincipal(party.namespace, owner.serviceAccount) } }
  }

  /** A certificate proves namespace and account; an address that agrees with it adds the workload. */
  #certifiedOrFound(principal: string, address: () => Address): Side {
    const proved = certified(principal)
    const located = this.#identities?.locate(address())
    if (located === undefined) return { party: proved }
    if (located.owner === undefined) return { party: proved.workload === '' ? { ...proved, addressClass: located.party.addressClass } : proved }
    if (proved.namespace !== '' && located.party.namespace !== proved.namespace) return { party: proved }
    if (!isAccountOf(principal, located)) return { party: proved }
    return { party: { ...located.party, principal }, owner: located.owner }
  }

  /** Fills the gaps of a peer that metadata names, if the index speaks of the same workload. */
  #complete(side: Side, address: () => Address): Side {
    const { party, metadata } = side
    const identities = this.#identities
    const isWhole = party.workload !== '' && party.namespace !== '' && party.service !== ''
    if (identities === undefined || (isWhole && !this.#wantsPod(metadata))) return side
    const pod = identities.pod(party.namespace, party.pod)
    const located = pod === undefined ? identities.locate(address()) : { party: identities.partyOf(pod), owner: pod, serviceAccount: pod.serviceAccount }
    if (located?.owner === undefined || !isAccountOf(party.principal, located)) return side
    const whole = completed(party, located.party)
    return whole === undefined ? side : { party: whole, metadata, owner: located.owner }
  }

  /** Metadata is read once more where naming rules look at it. */
  #metadata(read: () => StructObject | undefined): StructObject | undefined {
    return this.#options.naming === undefined ? undefined : read()
  }

  /** True when naming rules look at labels that the metadata does not carry. */
  #wantsPod(metadata: StructObject | undefined): boolean {
    return this.#options.naming !== undefined && this.#options.naming.needsPod && !hasLabels(metadata)
  }

  #named({ party, metadata, owner }: Side): Party {
    const { naming } = this.#options
    if (naming === undefined || (party.workload === '' && party.service === '')) return party
    return naming.named(party, {
      metadata,
      owner,
      service: () => {
        const identities = this.#identities
        if (identities === undefined) return undefined
        if (owner?.kind === 'endpoint') return identities.service(owner.namespace, owner.service)
        const pod = owner?.kind === 'pod' ? owner : identities.pod(party.namespace, party.pod)
        return pod === undefined ? undefined : identities.servicesOf({ ip: pod.ips[0] ?? '', port: 0 })[0]
      },
    })
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
      const found = this.#identities?.serviceAt(row.downstreamLocal)
      if (found !== undefined) return found
    }
    const header = this.#mayUseHost(row, local) ? this.#hostHeader(row, local) : undefined
    if (special !== undefined) return { host: header?.service.host ?? '', name: special.name, namespace, evidence: special.evidence }
    if (header?.isKnown === true) return header.service
    const behind = this.#serviceBehind(row, call.destination)
    if (behind !== undefined) return behind
    return header === undefined || header.service.host === '' ? UNKNOWN_SERVICE : { ...header.service, namespace: header.service.namespace || namespace }
  }

  /** The service that a Host header names; `isKnown` when the index has it. Undefined when the index says there is none. */
  #hostHeader(row: RowFacts, local: Local): { readonly service: CalledService; readonly isKnown: boolean } | undefined {
    const identities = this.#identities
    const { authority } = row
    const known = identities === undefined || authority === '' ? undefined : identities.serviceOfHost(withoutPort(authority), local.dns.namespace)
    if (known !== undefined) return { service: calledService(known.service, 'authority', known.host), isKnown: true }
    const host = hostOfAuthority(authority, local.dns)
    // Of its own cluster the index knows every service, so that nobody can make up more of them.
    const isRefuted = host.namespace !== '' && identities?.isComplete === true && this.#options.hostHeader !== 'always'
    return isRefuted ? undefined : { service: called(host, 'authority', ''), isKnown: false }
  }

  /** The service of the workload that was called: of its canonical name, else one that leads to its address. */
  #serviceBehind(row: RowFacts, destination: Party): CalledService | undefined {
    const identities = this.#identities
    if (identities === undefined) return undefined
    const { service, namespace, evidence } = destination
    const canonical = service === '' || namespace === '' ? undefined : identities.service(namespace, service)
    if (canonical !== undefined) return calledService(canonical, evidence)
    const [best] = identities.servicesOf(row.upstreamRemote)
    return best === undefined ? undefined : calledService(best, 'endpoints')
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
    const isOwnPort = local.isIstio && cluster.inboundPort > 0
    const found = isOwnPort ? undefined : this.#identities?.serviceAt(row.downstreamLocal)
    if (found !== undefined) return found
    const services = this.#identities?.servicesOf(servedAddress(row, local, cluster)) ?? NO_SERVICES
    const [best] = services
    if (best === undefined) return this.#serviceByHost(row, local, own) ?? itself
    // Where there is only one, a Host header could not name another: it need not be looked at for every row.
    const isCertain = services.length === 1 && this.#options.hostHeader !== 'always'
    const named = isCertain ? undefined : this.#serviceByHost(row, local, own, services)
    return named ?? calledService(best, 'endpoints')
  }

  /** The Host header counts for a server where it names one of the services that lead to it; if none are known, that very workload. */
  #serviceByHost(row: RowFacts, local: Local, own: Party, services = NO_SERVICES): CalledService | undefined {
    const { hostHeader } = this.#options
    const header = hostHeader === 'never' ? undefined : this.#hostHeader(row, local)
    if (header === undefined || header.service.host === '') return undefined
    const { service } = header
    const withNamespace = { ...service, namespace: service.namespace || own.namespace }
    if (hostHeader === 'always') return withNamespace
    if (services.length > 0) return services.some(({ name, namespace }) => name === service.name && namespace === service.namespace) ? service : undefined
    return service.namespace === own.namespace && local.names.has(service.name) ? withNamespace : undefined
  }
}

/** The physical peer; what a header says only where that is not logged. */
function clientAddress(row: RowFacts): Address {
  const direct = row.directRemote
  return direct.ip === '' ? row.downstreamRemote : direct
}

/**
 * Where a server was called. A sidecar's own address and the port in its cluster's name say that as well as the entry,
 * whose address column then need not be looked at for every row.
 */
function servedAddress(row: RowFacts, local: Local, cluster: ClusterName): Address {
  const [ip] = local.ips
  return local.isIstio && cluster.inboundPort > 0 && ip !== undefined ? { ip, port: cluster.inboundPort } : row.downstreamLocal
}

/** False when a SPIFFE id names another service account than the index does. */
function isAccountOf(principal: string, located: Located): boolean {
  const account = parseSpiffe(principal)?.serviceAccount ?? ''
  return account === '' || located.serviceAccount === '' || account === located.serviceAccount
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
