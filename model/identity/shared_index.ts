import type { IdentityHandles } from './handles.ts'
import type { AddressOwner, Found, IdentityIndex, IdentityLookup } from './index.ts'
import type { KubeNode, Namespace, Pod, Service } from './objects.ts'

export interface LookupCounts {
  hits: number
  misses: number
}

/** One thread's view of the memory of an `IdentityStore`. Knows nothing until the first `attach`. */
export class SharedIdentityIndex implements IdentityIndex {
  version = 0
  changedMs = 0
  isSynced = false
  isClusterWide = false
  /** Look-ups so far; the owner may read them at any time. */
  readonly counts: Readonly<Record<IdentityLookup, LookupCounts>> = {
    address: { hits: 0, misses: 0 },
    service_address: { hits: 0, misses: 0 },
    pod_uid: { hits: 0, misses: 0 },
    container: { hits: 0, misses: 0 },
    pod_name: { hits: 0, misses: 0 },
    host: { hits: 0, misses: 0 },
    endpoints: { hits: 0, misses: 0 },
  }

  /** Looks into this memory from now on. */
  attach(_handles: IdentityHandles): void {}

  byAddress(_ip: string, _port: number, _timeMs: number): Found<AddressOwner> | undefined {
    return undefined
  }

  serviceByAddress(_ip: string, _port: number, _timeMs: number): Found<Service> | undefined {
    return undefined
  }

  podByUid(_uid: string): Pod | undefined {
    return undefined
  }

  podByContainer(_id: string): Pod | undefined {
    return undefined
  }

  podByName(_namespace: string, _name: string): Pod | undefined {
    return undefined
  }

  serviceByHost(_host: string): Service | undefined {
    return undefined
  }

  service(_namespace: string, _name: string): Service | undefined {
    return undefined
  }

  servicesOf(_ip: string, _port: number): readonly Service[] {
    return []
  }

  node(_name: string): KubeNode | undefined {
    return undefined
  }

  namespace(_name: string): Namespace | undefined {
    return undefined
  }
}
