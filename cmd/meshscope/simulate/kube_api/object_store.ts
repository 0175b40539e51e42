import { randomUUID } from 'node:crypto'
import type { Clock } from '../../../../component/component.ts'
import { apiVersionOf, type KubeResource, RESOURCES } from './resources.ts'
import { StatusError } from './status.ts'

/** An API object as JSON. */
export interface KubeObject {
  readonly apiVersion?: string
  readonly kind?: string
  readonly metadata: KubeMetadata
  readonly [field: string]: unknown
}

export interface KubeMetadata {
  readonly name: string
  readonly namespace?: string
  readonly uid?: string
  readonly resourceVersion?: string
  readonly creationTimestamp?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly [field: string]: unknown
}

/** One change; `before` is missing for a new object, `after` for a deleted one. */
export interface StoreEvent {
  readonly resource: KubeResource
  readonly version: number
  readonly before?: KubeObject
  readonly after?: KubeObject
}

interface Shelf {
  readonly objects: Map<string, KubeObject>
  history: StoreEvent[]
  /** Watches can begin at this version or later. */
  oldestVersion: number
}

export interface ObjectStoreOptions {
  readonly clock: Clock
  /** Most changes that are remembered for watches, per resource. */
  readonly historyMax: number
}

/** The objects of a fake API server. Objects are never changed, only replaced, so that lists can be kept as they were. */
export class ObjectStore {
  readonly #options: ObjectStoreOptions
  readonly #shelves = new Map<KubeResource, Shelf>()
  readonly #listeners = new Set<(event: StoreEvent) => void>()
  // Any number: clients must not take versions for a count from 1.
  #version = 1000

  constructor(options: ObjectStoreOptions) {
    this.#options = options
  }

  /** The version of the last change. */
  get version(): number {
    return this.#version
  }

  /** Calls `listener` for every change, after it, until the returned function is called. */
  onEvent(listener: (event: StoreEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** Adds an object; the server's fields (uid, version, creation time) are filled in where they are missing. */
  create(resource: KubeResource, object: KubeObject): KubeObject {
    const { metadata } = object
    const { isNamespaced, kind } = RESOURCES[resource]
    const namespace = isNamespaced ? { namespace: metadata.namespace ?? 'default' } : {}
    const key = keyOf(namespace.namespace ?? '', metadata.name)
    if (this.#shelf(resource).objects.has(key)) throw new StatusError(409, 'AlreadyExists', `${resource} "${metadata.name}" already exists`)
    const filled = {
      ...object,
      apiVersion: apiVersionOf(resource),
      kind,
      metadata: {
        ...metadata,
        ...namespace,
        uid: metadata.uid ?? randomUUID(),
        creationTimestamp: metadata.creationTimestamp ?? timestamp(this.#options.clock.now()),
      },
    }
    return this.#put(resource, key, undefined, filled)
  }

  /** Replaces an object; it keeps its uid and creation time unless the new one has others. */
  update(resource: KubeResource, object: KubeObject): KubeObject {
    const { isNamespaced, kind } = RESOURCES[resource]
    const before = this.get(resource, object.metadata.namespace ?? (isNamespaced ? 'default' : ''), object.metadata.name)
    const metadata = { ...before.metadata, ...object.metadata, uid: object.metadata.uid ?? before.metadata.uid }
    const after = { ...object, apiVersion: apiVersionOf(resource), kind, metadata }
    return this.#put(resource, keyOf(metadata.namespace ?? '', metadata.name), before, after as KubeObject)
  }

  /** Applies a JSON merge patch (RFC 7396) to an object. */
  patch(resource: KubeResource, namespace: string, name: string, patch: object): KubeObject {
    const before = this.get(resource, namespace, name)
    return this.#put(resource, keyOf(before.metadata.namespace ?? '', name), before, mergePatch(before, patch) as KubeObject)
  }

  /** Removes an object at once and returns its last state. */
  delete(resource: KubeResource, namespace: string, name: string): KubeObject {
    const before = this.get(resource, namespace, name)
    const shelf = this.#shelf(resource)
    shelf.objects.delete(keyOf(before.metadata.namespace ?? '', name))
    const version = ++this.#version
    // As the real server does: the object that a DELETED event shows has the version of its deletion.
    const last = { ...before, metadata: { ...before.metadata, resourceVersion: String(version) } }
    this.#remember(shelf, { resource, version, before: last })
    return last
  }

  /** Throws NotFound when there is none. */
  get(resource: KubeResource, namespace: string, name: string): KubeObject {
    const key = keyOf(RESOURCES[resource].isNamespaced ? namespace : '', name)
    const object = this.#shelf(resource).objects.get(key)
    if (object === undefined) throw new StatusError(404, 'NotFound', `${resource} "${name}" not found`)
    return object
  }

  /** All objects of a resource in the order of their keys, as they are now. */
  list(resource: KubeResource): readonly KubeObject[] {
    const { objects } = this.#shelf(resource)
    return [...objects.keys()].sort().map((key) => objects.get(key) as KubeObject)
  }

  /** The changes after a version; undefined when they are not all remembered any more. */
  eventsSince(resource: KubeResource, version: number): readonly StoreEvent[] | undefined {
    const { history, oldestVersion } = this.#shelf(resource)
    return version < oldestVersion ? undefined : history.filter((event) => event.version > version)
  }

  /** The oldest version from which changes are remembered. */
  oldestVersion(resource: KubeResource): number {
    return this.#shelf(resource).oldestVersion
  }

  /** Forgets all changes up to now, as a restart of the server does: watches from older versions find them expired. */
  compact(): void {
    // A change of its own, so that clients that have seen everything are too old as well.
    this.#version++
    for (const shelf of this.#shelves.values()) {
      shelf.history = []
      shelf.oldestVersion = this.#version
    }
  }

  #put(resource: KubeResource, key: string, before: KubeObject | undefined, object: KubeObject): KubeObject {
    const shelf = this.#shelf(resource)
    const version = ++this.#version
    const after = { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } }
    shelf.objects.set(key, after)
    this.#remember(shelf, { resource, version, after, ...(before === undefined ? {} : { before }) })
    return after
  }

  #remember(shelf: Shelf, event: StoreEvent): void {
    shelf.history.push(event)
    // In steps, so that a full history does not cost a copy per change.
    if (shelf.history.length > 2 * this.#options.historyMax) {
      const kept = shelf.history.slice(-this.#options.historyMax)
      shelf.oldestVersion = shelf.history.at(-kept.length - 1)?.version ?? shelf.oldestVersion
      shelf.history = kept
    }
    for (const listener of this.#listeners) listener(event)
  }

  #shelf(resource: KubeResource): Shelf {
    let shelf = this.#shelves.get(resource)
    if (shelf === undefined) {
      shelf = { objects: new Map(), history: [], oldestVersion: 0 }
      this.#shelves.set(resource, shelf)
    }
    return shelf
  }
}

/** A time as the API writes it, in whole seconds. */
export function timestamp(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z')
}

function keyOf(namespace: string, name: string): string {
  return `${namespace}/${name}`
}

function mergePatch(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch
  const base = typeof target === 'object' && target !== null && !Array.isArray(target) ? target : {}
  const merged: Record<string, unknown> = { ...base }
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key]
    else merged[key] = mergePatch(merged[key], value)
  }
  return merged
}
