import type { IdentityLookup, IdentityResource } from './index.ts'
import type { IdentityObject } from './objects.ts'

/**
 * What a reader needs to look into the memory of an `IdentityStore`: plain data that may be posted to any thread. The
 * memory belongs to the store; readers never write.
 */
export interface IdentityHandles {
  /** Grows each time the store moves to other memory; readers of an older generation see what was true until then. */
  readonly generation: number
  /** Records, only ever appended. */
  readonly journal: SharedArrayBuffer
  /** Key → latest record about it. */
  readonly table: SharedArrayBuffer
  /** Version, times and settings; the same for all generations of one store. */
  readonly control: SharedArrayBuffer
}

export interface IdentityStoreOptions {
  /** The kinds of keys to keep; others are answered with "not found". Nodes, namespaces and services by name are always kept. */
  readonly lookups: readonly IdentityLookup[]
  /** Most memory for records. What does not fit is refused and counted. */
  readonly memoryMibMax: number
  /** How long after its end a claim is still known. */
  readonly rememberGoneMs: number
  /** How far clocks may differ. */
  readonly clockSkewMs: number
  /** See `IdentityIndex.isClusterWide`. */
  readonly isClusterWide: boolean
}

/** Figures of a store; plain numbers. */
export interface IdentityStats {
  /** Objects that are there now, by their kind. */
  readonly objects: Readonly<Record<IdentityObject['kind'], number>>
  /** Keys that have a claim. */
  readonly bindings: number
  /** Bytes of the journal in use. */
  readonly journalBytes: number
  /** About how many of them are still needed. */
  readonly liveBytes: number
  /** Bytes of the key table. */
  readonly tableBytes: number
  readonly generation: number
  /** Objects that were refused because the memory was full, since the start. */
  readonly refused: number
}

/** One claim to an address, and what became of it in the look-up that `explain` explains. */
export interface ExplainedClaim {
  readonly object: IdentityObject
  readonly source: IdentityResource | ''
  readonly fromMs: number
  /** Null while it lasts, so that it survives JSON. */
  readonly untilMs: number | null
  readonly isWinner: boolean
  /** Why it won or lost, for people. */
  readonly why: string
}

/** What an address was at a time, and why; plain data. */
export interface IdentityExplanation {
  readonly ip: string
  readonly port: number
  readonly timeMs: number
  readonly isSynced: boolean
  readonly isClusterWide: boolean
  /** Claims to the address as that of a workload or node, the best first. */
  readonly owners: readonly ExplainedClaim[]
  /** Claims to the address as that of a service. */
  readonly services: readonly ExplainedClaim[]
  /** Services whose endpoints are at the address, as `namespace/name`. */
  readonly leadsHere: readonly string[]
}
