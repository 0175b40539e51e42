import type { IdentityExplanation, IdentityHandles, IdentityStats, IdentityStoreOptions } from './handles.ts'
import type { IdentityResource } from './index.ts'
import type { IdentityObject } from './objects.ts'

/** The one writer of the identity index. */
export class IdentityStore {
  readonly #options: IdentityStoreOptions
  readonly #handles: IdentityHandles

  constructor(options: IdentityStoreOptions) {
    this.#options = options
    this.#handles = { generation: 1, journal: new SharedArrayBuffer(64), table: new SharedArrayBuffer(64), control: new SharedArrayBuffer(64) }
  }

  /** Those of the present generation. */
  get handles(): IdentityHandles {
    return this.#handles
  }

  /** Says what the key `namespace/name` of a resource is now; true when that changed anything. */
  put(_source: IdentityResource, _key: string, _objects: readonly IdentityObject[], _nowMs: number): boolean {
    return false
  }

  /** The key is gone since `atMs`, unless another object (by `uid`) has it by now. */
  remove(_source: IdentityResource, _key: string, _atMs: number, _uid?: string): boolean {
    return false
  }

  /** A complete list of the resource begins. */
  beginList(_source: IdentityResource): void {}

  /** The list is complete: what was not put since `beginList` is removed; returns how many keys. */
  endList(_source: IdentityResource, _nowMs: number): number {
    return 0
  }

  setSynced(_isSynced: boolean): void {}

  /** Makes all changes since the last call known to readers; returns the handles when the generation has changed. */
  publish(_nowMs: number): IdentityHandles | undefined {
    return undefined
  }

  /** Forgets what ended longer than `rememberGoneMs` ago. */
  sweep(_nowMs: number): void {}

  get stats(): IdentityStats {
    const objects = { pod: 0, endpoint: 0, node: 0, service: 0, namespace: 0, workload_entry: 0 }
    return { objects, bindings: 0, journalBytes: 0, liveBytes: 0, tableBytes: 0, generation: this.#handles.generation, refused: 0 }
  }

  /** What `ip` was at `timeMs`, and why. */
  explain(ip: string, timeMs: number, port = 0): IdentityExplanation {
    return { ip, port, timeMs, isSynced: false, isClusterWide: this.#options.isClusterWide, owners: [], services: [], leadsHere: [] }
  }
}
