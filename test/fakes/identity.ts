import type { AddressOwner, Found, IdentityIndex } from '../../model/identity/index.ts'
import type { Endpoint, IdentityObject, KubeNode, Namespace, Pod, Service } from '../../model/identity/objects.ts'

interface Claim {
  readonly object: IdentityObject
  readonly fromMs: number
  readonly untilMs: number
}

/** An identity index that a test fills by hand and that looks through all of it; the simplest thing that can be right. */
export class FakeIdentityIndex implements IdentityIndex {
  version = 1
  changedMs = 0
  isSynced = true
  isClusterWide = true
  readonly #claims: Claim[] = []

  /** Adds an object that is there from `fromMs` to `untilMs`. */
  add(object: IdentityObject, fromMs = 0, untilMs = Number.POSITIVE_INFINITY): this {
    this.#claims.push({ object, fromMs, untilMs })
    this.version++
    return this
  }

  byAddress(ip: string, port: number, timeMs: number): Found<AddressOwner> | undefined {
    return (
      this.#find<AddressOwner>(timeMs, (o) => o.kind === 'pod' && o.ips.includes(ip) && (!o.isHostNetwork || o.ports.includes(port))) ??
      this.#find<AddressOwner>(timeMs, (o) => o.kind === 'node' && o.ips.includes(ip)) ??
      this.#find<AddressOwner>(timeMs, (o) => (o.kind === 'workload_entry' || o.kind === 'endpoint') && o.ip === ip)
    )
  }

  serviceByAddress(ip: string, port: number, timeMs: number): Found<Service> | undefined {
    return this.#find<Service>(timeMs, (o) => o.kind === 'service' && o.addresses.includes(ip) && (port === 0 || o.ports.includes(port)))
  }

  podByUid(uid: string): Pod | undefined {
    return this.#last((o): o is Pod => o.kind === 'pod' && o.uid === uid)
  }

  podByContainer(id: string): Pod | undefined {
    return this.#last((o): o is Pod => o.kind === 'pod' && o.containers.some((container) => container.id.startsWith(id)))
  }

  pods(): readonly Pod[] {
    return this.#claims.flatMap(({ object, untilMs }) => (object.kind === 'pod' && untilMs === Number.POSITIVE_INFINITY ? [object] : []))
  }

  podByName(namespace: string, name: string): Pod | undefined {
    return this.#last((o): o is Pod => o.kind === 'pod' && o.namespace === namespace && o.name === name)
  }

  serviceByHost(host: string): Service | undefined {
    return this.#last((o): o is Service => o.kind === 'service' && o.hosts.includes(host))
  }

  service(namespace: string, name: string): Service | undefined {
    return this.#last((o): o is Service => o.kind === 'service' && o.namespace === namespace && o.name === name)
  }

  servicesOf(ip: string, port: number): readonly Service[] {
    const endpoints = this.#claims.map(({ object }) => object).filter((o): o is Endpoint => o.kind === 'endpoint' && o.ip === ip)
    const sorted = [...endpoints.filter(({ ports }) => ports.includes(port)), ...endpoints.filter(({ ports }) => !ports.includes(port))]
    return sorted.flatMap((endpoint) => this.service(endpoint.namespace, endpoint.service) ?? [])
  }

  node(name: string): KubeNode | undefined {
    return this.#last((o): o is KubeNode => o.kind === 'node' && o.name === name)
  }

  namespace(name: string): Namespace | undefined {
    return this.#last((o): o is Namespace => o.kind === 'namespace' && o.name === name)
  }

  #find<T extends IdentityObject>(timeMs: number, matches: (object: IdentityObject) => boolean): Found<T> | undefined {
    const claim = this.#claims.findLast(({ object, fromMs, untilMs }) => matches(object) && fromMs <= timeMs && timeMs < untilMs)
    return claim === undefined ? undefined : { value: claim.object as T, fromMs: claim.fromMs, untilMs: claim.untilMs }
  }

  #last<T extends IdentityObject>(matches: (object: IdentityObject) => object is T): T | undefined {
    return this.#claims.map(({ object }) => object).findLast(matches)
  }
}
