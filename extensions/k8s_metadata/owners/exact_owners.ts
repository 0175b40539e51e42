import type { Pod } from '../../../model/identity/objects.ts'
import type { ApiObject } from '../watch/sink.ts'
import { exactOwner, type OwnerReference, type Ownership } from './owner.ts'

type Kind = 'ReplicaSet' | 'Job'

/**
 * Knows the controllers of ReplicaSets and Jobs from watches of their metadata, and the pods that were seen before their
 * owner was. Only those pods are kept here, trimmed, until their owner comes or they go.
 */
export class ExactOwners {
  /** By the uid of a ReplicaSet or Job: what controls it, if anything does. */
  readonly #controllers = new Map<string, { readonly kind: Kind; readonly above: OwnerReference | undefined }>()
  readonly #waiting = new Map<string, Map<string, Pod>>()
  readonly #listing = new Map<Kind, Set<string>>()

  /** The chain above a pod that has this controller; undefined when it is not a known ReplicaSet or Job. */
  ownership(controller: OwnerReference): Ownership | undefined {
    const known = this.#controllers.get(controller.uid)
    return known === undefined ? undefined : exactOwner(controller, known.above)
  }

  /** A pod whose owner may come later; it replaces what was known of the pod before. */
  await(pod: Pod, controller: OwnerReference): void {
    if ((controller.kind !== 'ReplicaSet' && controller.kind !== 'Job') || this.#controllers.has(controller.uid)) return
    const pods = this.#waiting.get(controller.uid) ?? new Map<string, Pod>()
    pods.set(pod.uid, pod)
    this.#waiting.set(controller.uid, pods)
  }

  /** The pod need not be waited for any longer. */
  forget(podUid: string, controller: OwnerReference | undefined): void {
    const pods = controller === undefined ? undefined : this.#waiting.get(controller.uid)
    pods?.delete(podUid)
    if (controller !== undefined && pods?.size === 0) this.#waiting.delete(controller.uid)
  }

  /** No pod of a namespace (empty: of any) is waited for any longer; a list that begins brings them again. */
  forgetPods(namespace: string): void {
    for (const [owner, pods] of this.#waiting) {
      for (const [uid, pod] of pods) if (namespace === '' || pod.namespace === namespace) pods.delete(uid)
      if (pods.size === 0) this.#waiting.delete(owner)
    }
  }

  /** Learns a ReplicaSet or Job; returns the pods that waited for it, with their owner as it is. */
  put(kind: Kind, { metadata }: ApiObject, above: OwnerReference | undefined): readonly Pod[] {
    const { uid, name } = metadata
    this.#controllers.set(uid, { kind, above })
    this.#listing.get(kind)?.add(uid)
    const waiting = this.#waiting.get(uid)
    this.#waiting.delete(uid)
    if (waiting === undefined) return []
    const { workloadUid = '', ...names } = exactOwner({ kind, name, uid }, above)
    return [...waiting.values()].map(({ details, ...pod }) => ({
      ...pod,
      ...names,
      ...(details === undefined ? {} : { details: { ...details, workloadUid } }),
    }))
  }

  remove(uid: string): void {
    this.#controllers.delete(uid)
  }

  /** A complete list begins. */
  listing(kind: Kind): void {
    this.#listing.set(kind, new Set())
  }

  /** The list is complete: what was not in it is forgotten. */
  listed(kind: Kind): void {
    const seen = this.#listing.get(kind)
    this.#listing.delete(kind)
    if (seen === undefined) return
    for (const [uid, known] of this.#controllers) if (known.kind === kind && !seen.has(uid)) this.#controllers.delete(uid)
  }

  /** Pods that wait for their owner. */
  get waiting(): number {
    let count = 0
    for (const pods of this.#waiting.values()) count += pods.size
    return count
  }
}
