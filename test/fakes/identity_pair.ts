import type { IdentityStoreOptions } from '../../model/identity/handles.ts'
import type { IdentityResource } from '../../model/identity/index.ts'
import type { IdentityObject } from '../../model/identity/objects.ts'
import { SharedIdentityIndex } from '../../model/identity/shared_index.ts'
import { IdentityStore } from '../../model/identity/store.ts'

export const IDENTITY_OPTIONS: IdentityStoreOptions = {
  lookups: ['address', 'service_address', 'pod_uid', 'container', 'pod_name', 'host', 'endpoints'],
  memoryMibMax: 4,
  rememberGoneMs: 60_000,
  clockSkewMs: 5000,
  isClusterWide: true,
}
export const IDENTITY_NOW_MS = 1_800_000_000_000

/** A store with a reader that sees everything at once. */
export class IdentityPair {
  readonly store = new IdentityStore(IDENTITY_OPTIONS)
  readonly index = new SharedIdentityIndex()
  now = IDENTITY_NOW_MS

  constructor() {
    this.index.attach(this.store.handles)
  }

  put(source: IdentityResource, key: string, ...objects: readonly IdentityObject[]): boolean {
    const isChanged = this.store.put(source, key, objects, this.now)
    this.publish()
    return isChanged
  }

  /** Puts what was there before anybody looked. */
  list(source: IdentityResource, entries: Readonly<Record<string, readonly IdentityObject[]>>): number {
    this.store.beginList(source)
    for (const [key, objects] of Object.entries(entries)) this.store.put(source, key, objects, this.now)
    const gone = this.store.endList(source, this.now)
    this.publish()
    return gone
  }

  remove(source: IdentityResource, key: string, uid?: string): boolean {
    const isChanged = this.store.remove(source, key, this.now, uid)
    this.publish()
    return isChanged
  }

  publish(): void {
    const handles = this.store.publish(this.now)
    if (handles !== undefined) this.index.attach(handles)
  }

  /** What an address was: kind and name, or undefined. */
  at(ip: string, timeMs: number, port = 0): string | undefined {
    const value = this.index.byAddress(ip, port, timeMs)?.value
    if (value === undefined) return undefined
    return value.kind === 'endpoint' ? `endpoint ${value.service}/${value.pod}` : `${value.kind} ${value.name}`
  }
}
