import type { IdentityResource } from '../../model/identity/index.ts'
import type { IdentityStore } from '../../model/identity/store.ts'
import { ExactOwners } from './owners/exact_owners.ts'
import { controllerOf } from './trim/pods.ts'
import type { Refusal } from './trim/refusals.ts'
import { type PlainResource, Trimmer, type TrimmerOptions } from './trim/trimmer.ts'
import type { ApiObject, ResourceSink } from './watch/sink.ts'
import type { Watch } from './watches.ts'

export interface FeedOptions extends Pick<TrimmerOptions, 'needs' | 'clusterDomain'> {
  readonly store: IdentityStore
  readonly watches: readonly Watch[]
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

/** Nodes are learned from their pods when they are not watched; this many at most. */
const SEEN_NODES_MAX = 20_000

/**
 * The way from the watches into the store: every API object is trimmed when it comes, its owner worked out, and put or
 * removed under its key. One feed for all watches of the index.
 */
export class IdentityFeed {
  /** Parts of objects that could not be used, by reason. */
  readonly refused: Record<Refusal | 'failed', number> = { bad_address: 0, bad_address_type: 0, no_host: 0, failed: 0 }
  /** The last object that could not be dealt with at all, and why; empty when there was none. */
  lastFailure = ''
  readonly #options: FeedOptions
  readonly #store: IdentityStore
  readonly #trimmer: Trimmer
  readonly #owners: ExactOwners | undefined
  readonly #nodes: SeenNodes | undefined
  readonly #seesAllPods: boolean
  readonly #unlisted: Set<Watch>

  constructor(options: FeedOptions) {
    const { store, watches, needs, clusterDomain } = options
    const isWatched = (resource: IdentityResource): boolean => watches.some((watch) => watch.resource === resource)
    this.#options = options
    this.#store = store
    this.#owners = isWatched('replicasets') || isWatched('jobs') ? new ExactOwners() : undefined
    this.#nodes = isWatched('nodes') || !needs.lookups.includes('address') ? undefined : new SeenNodes(store, options.now)
    this.#seesAllPods = watches.filter(({ resource }) => resource === 'pods').length === 1
    this.#unlisted = new Set(watches)
    const owners = this.#owners
    this.#trimmer = new Trimmer({
      needs,
      clusterDomain,
      refuse: (refusal) => void this.refused[refusal]++,
      ...(owners === undefined ? {} : { exactOwner: (controller) => owners.ownership(controller) }),
    })
  }

  /** True once every watch has been listed completely; a resource that does not exist has an empty list. */
  get isSynced(): boolean {
    return this.#unlisted.size === 0
  }

  /** Pods that wait to know their owner. */
  get waitingPods(): number {
    return this.#owners?.waiting ?? 0
  }

  /** Where the reflector of a watch puts what it sees. One object that cannot be dealt with does no harm to the others. */
  sinkFor(watch: Watch): ResourceSink {
    const sink = this.#sink(watch)
    const guard = (deal: (object: ApiObject) => void) => (object: ApiObject) => {
      try {
        deal(object)
      } catch (error) {
        this.refused.failed++
        this.lastFailure = `${watch.resource} ${keyOf(object)}: ${error instanceof Error ? error.message : String(error)}`
      }
    }
    return {
      listing: () => sink.listing(),
      put: guard((object) => sink.put(object)),
      gone: guard((object) => sink.gone(object)),
      listed: () => {
        sink.listed()
        this.#settled(watch)
      },
    }
  }

  #sink(watch: Watch): ResourceSink {
    const { resource } = watch
    if (resource === 'replicasets') return this.#ownerSink('ReplicaSet')
    if (resource === 'jobs') return this.#ownerSink('Job')
    const list = this.#options.watches.filter((other) => other.resource === resource).length > 1 ? this.#ownList(resource) : this.#wholeList(resource)
    return resource === 'pods' ? this.#podSink(watch, list) : this.#plainSink(resource, list)
  }

  #settled(watch: Watch): void {
    if (!this.#unlisted.delete(watch) || !this.isSynced) return
    this.#store.setSynced(true)
  }

  #plainSink(resource: PlainResource, list: ListMarks): ResourceSink {
    return {
      listing: () => list.begin(),
      put: (object) => {
        const key = keyOf(object)
        list.put(key)
        this.#store.put(resource, key, this.#trimmer.objects(resource, object), this.#options.now())
      },
      gone: (object) => {
        list.gone(keyOf(object))
        this.#store.remove(resource, keyOf(object), this.#options.now(), object.metadata.uid)
      },
      listed: () => list.end(),
    }
  }

  #podSink({ namespace }: Watch, list: ListMarks): ResourceSink {
    const { now } = this.#options
    return {
      listing: () => {
        list.begin()
        this.#owners?.forgetPods(namespace)
        if (this.#seesAllPods) this.#nodes?.listing()
      },
      put: (object) => {
        const key = keyOf(object)
        const pod = this.#trimmer.pod(object, now())
        const controller = controllerOf(object.metadata)
        if (controller !== undefined) this.#owners?.await(pod, controller)
        list.put(key)
        this.#store.put('pods', key, [pod], now())
        if (this.#nodes !== undefined && pod.node !== '') this.#nodes.see(pod.node, this.#trimmer.hostAddresses(object))
      },
      gone: (object) => {
        list.gone(keyOf(object))
        this.#owners?.forget(object.metadata.uid, controllerOf(object.metadata))
        this.#store.remove('pods', keyOf(object), now(), object.metadata.uid)
      },
      listed: () => {
        list.end()
        this.#nodes?.listed()
      },
    }
  }

  #ownerSink(kind: 'ReplicaSet' | 'Job'): ResourceSink {
    const owners = this.#owners as ExactOwners
    return {
      listing: () => owners.listing(kind),
      put: (object) => {
        for (const pod of owners.put(kind, object, controllerOf(object.metadata)))
          this.#store.put('pods', `${pod.namespace}/${pod.name}`, [pod], this.#options.now())
      },
      gone: ({ metadata }) => owners.remove(metadata.uid),
      listed: () => owners.listed(kind),
    }
  }

  /** The store itself remembers what a list has not had. */
  #wholeList(resource: IdentityResource): ListMarks {
    return {
      begin: () => this.#store.beginList(resource),
      put: () => {},
      gone: () => {},
      end: () => void this.#store.endList(resource, this.#options.now()),
    }
  }

  /** For a watch that sees only some objects of its resource: the store cannot tell them from those of the others. */
  #ownList(resource: IdentityResource): ListMarks {
    let keys = new Set<string>()
    let before: Set<string> | undefined
    return {
      begin: () => {
        before = new Set([...(before ?? []), ...keys])
        keys = new Set()
      },
      put: (key) => void keys.add(key),
      gone: (key) => {
        keys.delete(key)
        before?.delete(key)
      },
      end: () => {
        for (const key of before ?? []) if (!keys.has(key)) this.#store.remove(resource, key, this.#options.now())
        before = undefined
      },
    }
  }
}

/** Remembers which objects a complete list has had, and removes the others at its end. */
interface ListMarks {
  begin(): void
  put(key: string): void
  gone(key: string): void
  end(): void
}

/** Nodes as the status of their pods tells them. */
class SeenNodes {
  readonly #store: IdentityStore
  readonly #now: () => number
  readonly #nodes = new Map<string, string>()
  #missing: Set<string> | undefined

  constructor(store: IdentityStore, now: () => number) {
    this.#store = store
    this.#now = now
  }

  listing(): void {
    this.#missing = new Set(this.#nodes.keys())
  }

  listed(): void {
    for (const node of this.#missing ?? []) {
      this.#nodes.delete(node)
      this.#store.remove('nodes', node, this.#now())
    }
    this.#missing = undefined
  }

  see(name: string, ips: readonly string[]): void {
    if (ips.length === 0) return
    this.#missing?.delete(name)
    const text = ips.join(' ')
    if (this.#nodes.get(name) === text || (this.#nodes.size >= SEEN_NODES_MAX && !this.#nodes.has(name))) return
    this.#nodes.set(name, text)
    this.#store.put('nodes', name, [{ kind: 'node', uid: '', name, ips, labels: {}, annotations: {} }], this.#now())
  }
}

function keyOf({ metadata }: ApiObject): string {
  return metadata.namespace === '' ? metadata.name : `${metadata.namespace}/${metadata.name}`
}
