import type { IdentityNeeds } from '../../../model/identity/index.ts'
import type { IdentityObject, Pod } from '../../../model/identity/objects.ts'
import type { OwnerReference, Ownership } from '../owners/owner.ts'
import type { ApiObject } from '../watch/sink.ts'
import { trimNamespace, trimNode } from './cluster.ts'
import { trimServiceEntry, trimWorkloadEntry } from './istio.ts'
import { hostAddresses, trimPod } from './pods.ts'
import type { Refuse } from './refusals.ts'
import { trimEndpointSlice, trimService } from './services.ts'
import { WantedTexts } from './wanted_texts.ts'

export interface TrimmerOptions {
  readonly needs: IdentityNeeds
  /** Such as `cluster.local`. */
  readonly clusterDomain: string
  readonly refuse: Refuse
  /** See `PodTrim.exactOwner`. */
  readonly exactOwner?: (controller: OwnerReference) => Ownership | undefined
}

/** Turns API objects into what the index keeps of them, by what its users need. Nothing here throws on any object. */
export class Trimmer {
  readonly #options: TrimmerOptions
  readonly #pod: { readonly labels: WantedTexts; readonly annotations: WantedTexts }
  readonly #node: { readonly labels: WantedTexts; readonly annotations: WantedTexts }
  readonly #namespace: { readonly labels: WantedTexts; readonly annotations: WantedTexts }
  readonly #serviceLabels: WantedTexts

  constructor(options: TrimmerOptions) {
    const { needs } = options
    this.#options = options
    this.#pod = { labels: new WantedTexts(needs.podLabels), annotations: new WantedTexts(needs.podAnnotations) }
    this.#node = { labels: new WantedTexts(needs.nodeLabels), annotations: new WantedTexts(needs.nodeAnnotations) }
    this.#namespace = { labels: new WantedTexts(needs.namespaceLabels), annotations: new WantedTexts(needs.namespaceAnnotations) }
    this.#serviceLabels = new WantedTexts(needs.serviceLabels)
  }

  pod(object: ApiObject, nowMs: number): Pod {
    const { needs, refuse, exactOwner } = this.#options
    return trimPod(object, nowMs, {
      ...this.#pod,
      containers: needs.containers,
      discovery: needs.discovery === true,
      details: needs.details === true,
      refuse,
      ...(exactOwner === undefined ? {} : { exactOwner }),
    })
  }

  hostAddresses(pod: ApiObject): readonly string[] {
    return hostAddresses(pod, this.#options.refuse)
  }

  /** Objects of all resources that are kept as they come; pods, ReplicaSets and Jobs are not. */
  objects(resource: PlainResource, object: ApiObject): readonly IdentityObject[] {
    const { refuse, clusterDomain } = this.#options
    switch (resource) {
      case 'nodes':
        return [trimNode(object, { ...this.#node, refuse })]
      case 'namespaces':
        return [trimNamespace(object, this.#namespace)]
      case 'services':
        return [trimService(object, { labels: this.#serviceLabels, clusterDomain, refuse })]
      case 'endpointslices':
        return trimEndpointSlice(object, refuse)
      case 'serviceentries':
        return trimServiceEntry(object, this.#istio)
      default:
        return trimWorkloadEntry(object, this.#istio)
    }
  }

  get #istio() {
    return { serviceLabels: this.#serviceLabels, podLabels: this.#pod.labels, refuse: this.#options.refuse }
  }
}

/** Resources of which one object becomes objects of the index by itself. */
export type PlainResource = 'nodes' | 'namespaces' | 'services' | 'endpointslices' | 'serviceentries' | 'workloadentries'
