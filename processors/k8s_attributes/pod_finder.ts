import type { IdentityIndex } from '../../model/identity/index.ts'
import type { Pod } from '../../model/identity/objects.ts'
import { type Identifier, valueFor } from './association.ts'
import { isSameContainer, type PodAttributes } from './pod_attributes.ts'
import type { PodFilter } from './pod_filter.ts'

/**
 * How looking for the pod of a resource ended: it was `associated`; none of its identifiers led to a pod (`not_found`),
 * or only to pods that the filter does not let through (`filtered`); its pod must be left out (`excluded`); it has
 * nothing that identifies a pod (`no_identifier`).
 */
export type Outcome = 'associated' | 'not_found' | 'filtered' | 'excluded' | 'no_identifier'

/** A container id that is long enough to be looked up. */
const CONTAINER_ID = /^[0-9a-f]{12,64}$/

export interface PodFinderSettings {
  readonly index: IdentityIndex | undefined
  readonly filter: PodFilter
  readonly attributes: PodAttributes
  /** The cluster's uid, for associations that need it. */
  readonly clusterUid: () => string
}

/** Finds the pods of resources. What was found last stands in its fields, so that looking creates nothing. */
export class PodFinder {
  pod: Pod | undefined
  outcome: Outcome = 'no_identifier'
  /** What led to the pod, else what was tried first; undefined when there was nothing to try. */
  identifier: Identifier | undefined
  /** For times in [`fromMs`, `untilMs`) the same will be found as long as the index has the same version. */
  fromMs = 0
  untilMs = 0
  readonly #settings: PodFinderSettings

  constructor(settings: PodFinderSettings) {
    this.#settings = settings
  }

  /** Tries one identifier after the other until one leads to a pod. */
  find(identifiers: readonly Identifier[], timeMs: number): void {
    this.pod = undefined
    this.identifier = identifiers[0]
    this.outcome = identifiers.length === 0 ? 'no_identifier' : 'not_found'
    this.fromMs = Number.NEGATIVE_INFINITY
    this.untilMs = Number.POSITIVE_INFINITY
    const { filter } = this.#settings
    for (const identifier of identifiers) {
      const pod = this.#lookUp(identifier, timeMs)
      if (pod === undefined || !this.#fits(pod, identifier)) continue
      const isAdmitted = filter.admits(pod)
      if (!isAdmitted && this.outcome === 'filtered') continue
      this.identifier = identifier
      this.outcome = isAdmitted ? (filter.excludes(pod) ? 'excluded' : 'associated') : 'filtered'
      if (!isAdmitted) continue
      if (this.outcome === 'associated') this.pod = pod
      return
    }
  }

  #lookUp(identifier: Identifier, timeMs: number): Pod | undefined {
    const { index } = this.#settings
    if (index === undefined) return undefined
    const { lookup, addressSource } = identifier.association
    switch (lookup) {
      case 'pod_uid':
        return index.podByUid(valueFor(identifier, 'k8s.pod.uid'))
      case 'container': {
        const id = valueFor(identifier, 'container.id')
        return CONTAINER_ID.test(id) ? index.podByContainer(id) : undefined
      }
      case 'pod_name':
        return index.podByName(valueFor(identifier, 'k8s.namespace.name'), valueFor(identifier, 'k8s.pod.name'))
      default:
        return this.#lookUpAddress(index, identifier.values[addressSource] ?? '', timeMs)
    }
  }

  #lookUpAddress(index: IdentityIndex, ip: string, timeMs: number): Pod | undefined {
    const found = index.byAddress(ip, 0, timeMs)
    // It is not told for how long an address has no owner, nor when an answer from before or after the time ends.
    this.fromMs = Math.max(this.fromMs, found?.fromMs ?? Number.POSITIVE_INFINITY)
    this.untilMs = Math.min(this.untilMs, found?.untilMs ?? Number.NEGATIVE_INFINITY)
    return found?.value.kind === 'pod' ? found.value : undefined
  }

  /** Checks the sources that the look-up has not used. */
  #fits(pod: Pod, { association, values }: Identifier): boolean {
    const { sources, lookup, addressSource } = association
    if (sources.length === 1) return true
    const { attributes, clusterUid } = this.#settings
    return sources.every(({ from, name }, i) => {
      const value = values[i] as string
      if (from === 'connection' || i === addressSource) return lookup === 'address' || pod.ips.includes(value)
      switch (name) {
        case 'k8s.pod.ip':
        case 'host.name':
          return pod.ips.includes(value)
        case 'k8s.pod.uid':
          return pod.uid === value
        case 'k8s.pod.name':
          return pod.name === value
        case 'k8s.namespace.name':
          return pod.namespace === value
        case 'container.id':
          return pod.containers.some(({ id }) => isSameContainer(id, value))
        default:
          return attributes.of(pod, clusterUid()).get(name) === value
      }
    })
  }
}
