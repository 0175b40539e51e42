import { type CalledService, type Party, UNKNOWN_PARTY } from '../../model/edges.ts'
import type { AddressOwner, Found, IdentityIndex } from '../../model/identity/index.ts'
import type { Pod, Service } from '../../model/identity/objects.ts'
import { isPublicIpv4 } from './address_range.ts'
import { calledService, partyOfEndpoint, partyOfPod, partyOfServiceEntry, partyOfWorkloadEntry } from './owner_party.ts'
import type { Address } from './row_facts.ts'
import { isLoopback } from './service_host.ts'

/** Who an address is to the index. */
export interface Located {
  /** Without evidence, and with an address class, when the address is nobody's. */
  readonly party: Party
  /** What the party was made of; undefined when the address is nobody's. */
  readonly owner: AddressOwner | Service | undefined
  /** Empty when unknown. */
  readonly serviceAccount: string
}

export interface IdentitiesOptions {
  /** The cluster that the index describes; empty for that of the proxy whose entry is looked at. */
  readonly clusterName: string
  /** True for addresses of proxies that send logs themselves. */
  readonly isProxy: (ip: string) => boolean
}

/**
 * Asks the identity index about one entry at a time, and keeps track of how long the answers hold together: from `fromMs`
 * until `untilMs`, unless `isTransient`, and as long as `version` stays the same.
 */
export class Identities {
  fromMs = 0
  untilMs = Number.POSITIVE_INFINITY
  /** True when the answers are for this entry's time only. */
  isTransient = false
  /** The addresses nobody was found for, which may become known: their pod may be too young for the index. */
  readonly misses: string[] = []
  readonly #index: IdentityIndex
  readonly #options: IdentitiesOptions
  #timeMs = 0
  #cluster = ''
  #isForeign = false

  constructor(index: IdentityIndex, options: IdentitiesOptions) {
    this.#index = index
    this.#options = options
  }

  /** Another number when answers given before may have changed. */
  get version(): number {
    return this.#index.version * 2 + (this.#index.isSynced ? 1 : 0)
  }

  /** Begins with another entry: when it began, and the cluster of the proxy that reports it (empty when unknown). */
  begin(timeMs: number, cluster: string): void {
    this.fromMs = 0
    this.untilMs = Number.POSITIVE_INFINITY
    this.isTransient = false
    this.misses.length = 0
    this.#timeMs = timeMs
    const { clusterName } = this.#options
    // Clusters may use the same addresses for different pods.
    this.#isForeign = clusterName !== '' && cluster !== '' && cluster !== clusterName
    this.#cluster = clusterName || cluster
  }

  /** Who had an address when the entry began; undefined when there is no address, or it is another cluster's. */
  locate({ ip, port }: Address): Located | undefined {
    if (ip === '' || this.#isForeign) return undefined
    // An IPv4 address as a socket for both families shows it.
    const plainIp = ip.startsWith('::ffff:') ? ip.slice('::ffff:'.length) : ip
    if (isLoopback(plainIp)) return nobody('loopback')
    const owner = this.#ask((timeMs) => this.#index.byAddress(ip, port, timeMs))
    if (owner !== undefined) return this.#locatedOwner(owner)
    const service = this.#ask((timeMs) => this.#index.serviceByAddress(ip, port, timeMs) ?? this.#index.serviceByAddress(ip, 0, timeMs))
    if (service !== undefined) {
      return service.source === 'service' ? nobody('virtual') : { party: partyOfServiceEntry(service), owner: service, serviceAccount: '' }
    }
    this.misses.push(ip)
    if (this.#options.isProxy(ip)) return nobody('mesh_peer')
    return nobody(isPublicIpv4(plainIp) || this.isComplete ? 'external' : 'unknown')
  }

  #locatedOwner(owner: AddressOwner): Located {
    switch (owner.kind) {
      case 'pod':
        return { party: partyOfPod(owner, this.#cluster), owner, serviceAccount: owner.serviceAccount }
      case 'workload_entry':
        return { party: partyOfWorkloadEntry(owner, this.#cluster), owner, serviceAccount: owner.serviceAccount }
      case 'endpoint': {
        const service = this.#index.service(owner.namespace, owner.service)
        if (service?.source === 'service_entry' && owner.workload.name === '')
          return { party: partyOfServiceEntry(service), owner: service, serviceAccount: '' }
        return { party: partyOfEndpoint(owner, this.#cluster), owner, serviceAccount: '' }
      }
      default:
        return nobody('node')
    }
  }

  /** The service that had `address` as its virtual one when the entry began. */
  serviceAt({ ip, port }: Address): CalledService | undefined {
    if (ip === '' || this.#isForeign || isLoopback(ip)) return undefined
    const service = this.#ask((timeMs) => this.#index.serviceByAddress(ip, port, timeMs))
    return service === undefined ? undefined : calledService(service, 'address')
  }

  /** The service of a host name without port, as a Host header gives it; `namespace` is the caller's. */
  serviceOfHost(text: string, namespace: string): { readonly service: Service; readonly host: string } | undefined {
    if (this.#isForeign) return undefined
    const host = text.toLowerCase()
    const exact = this.#index.serviceByHost(host)
    if (exact !== undefined) return { service: exact, host }
    // What a pod's resolver would complete: `name`, `name.namespace`, `name.namespace.svc`.
    const [name = '', second = '', third, ...more] = host.split('.')
    if (name === '' || more.length > 0 || (third !== undefined && third !== 'svc')) return undefined
    const service = this.#index.service(second || namespace, name)
    return service === undefined ? undefined : { service, host: service.hosts[0] ?? host }
  }

  /** The services whose endpoints an address is, the best for its port first. */
  servicesOf({ ip, port }: Address): readonly Service[] {
    return ip === '' || this.#isForeign ? [] : this.#index.servicesOf(ip, port)
  }

  service(namespace: string, name: string): Service | undefined {
    return this.#isForeign ? undefined : this.#index.service(namespace, name)
  }

  pod(namespace: string, name: string): Pod | undefined {
    return this.#isForeign || name === '' || namespace === '' ? undefined : this.#index.podByName(namespace, name)
  }

  partyOf(pod: Pod): Party {
    return partyOfPod(pod, this.#cluster)
  }

  /** True when a service of the cluster that is not in the index does not exist. */
  get isComplete(): boolean {
    return !this.#isForeign && this.#index.isSynced && this.#index.isClusterWide
  }

  #ask<T>(find: (timeMs: number) => Found<T> | undefined): T | undefined {
    const found = find(this.#timeMs)
    if (found === undefined) {
      // Nobody then need not be nobody now, and "nobody" does not say since when.
      const { changedMs } = this.#index
      if (this.#timeMs < changedMs && find(changedMs) !== undefined) this.isTransient = true
      return undefined
    }
    this.fromMs = Math.max(this.fromMs, found.fromMs)
    this.untilMs = Math.min(this.untilMs, found.untilMs)
    return found.value
  }
}

function nobody(addressClass: Party['addressClass']): Located {
  return { party: { ...UNKNOWN_PARTY, addressClass }, owner: undefined, serviceAccount: '' }
}
