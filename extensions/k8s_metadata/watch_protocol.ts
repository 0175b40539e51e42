import type { MessagePort } from 'node:worker_threads'
import type { IdentityExplanation, IdentityHandles, IdentityStats } from '../../model/identity/handles.ts'
import type { IdentityNeeds, IdentityResource } from '../../model/identity/index.ts'
import type { AccessChoice } from './needs.ts'
import type { Watch } from './watches.ts'

/** What the watch thread is started with; plain data apart from the port. */
export interface WatchTask {
  readonly port: MessagePort
  readonly options: WatchOptions
}

export interface WatchOptions {
  readonly access: AccessChoice & { readonly kubeConfigFile: string; readonly server: string }
  readonly watches: readonly Watch[]
  readonly needs: IdentityNeeds
  readonly clusterDomain: string
  /** True when the pods of the whole cluster are watched. */
  readonly isClusterWide: boolean
  readonly startJitterMs: number
  readonly rememberGoneMs: number
  readonly clockSkewMs: number
  readonly memoryMibMax: number
}

/** From the main half to the watch thread. */
export type ToWatch =
  | { readonly type: 'stop' }
  | { readonly type: 'explain'; readonly request: number; readonly ip: string; readonly port: number; readonly timeMs: number }

/** From the watch thread to the main half, in order. */
export type FromWatch =
  | { readonly type: 'handles'; readonly handles: IdentityHandles }
  | { readonly type: 'report'; readonly report: WatchReport }
  | { readonly type: 'explained'; readonly request: number; readonly explanation: IdentityExplanation }

/** How it goes with one watch. */
export interface WatchState {
  readonly resource: IdentityResource
  /** The one namespace or object that is watched, for people; empty: all. */
  readonly of: string
  /** The reflector's: `starting`, `listing`, `synced`, `retrying`, `forbidden` or `absent`. */
  readonly state: string
  /** What is wrong, for the operator; empty when nothing is. */
  readonly error: string
  /** When the state began, milliseconds since the epoch. */
  readonly sinceMs: number
  /** When the server last sent an event or bookmark; 0 before the first time. */
  readonly lastEventMs: number
}

/** Counters of the thread; totals since it began. By resource; those of several namespaces are added up. */
export interface WatchTotals {
  readonly resource: IdentityResource
  readonly events: Readonly<Record<string, number>>
  readonly relists: Readonly<Record<string, number>>
  readonly bytes: number
  readonly malformed: number
}

/** Everything that the main half shows of the thread. */
export interface WatchReport {
  /** True once every watched resource has been listed completely. */
  readonly isSynced: boolean
  /** Why the API server cannot be asked at all, such as missing credentials; empty when it can. */
  readonly accessError: string
  readonly watches: readonly WatchState[]
  readonly totals: readonly WatchTotals[]
  /** Parts of objects, and whole objects, that were left out, by reason. */
  readonly refused: Readonly<Record<string, number>>
  /** The last object that could not be dealt with at all (reason `failed`), and why; empty when there was none. */
  readonly lastFailure: string
  readonly store: IdentityStats
  /** Pods that wait to know their owner (`exact_owners`). */
  readonly waitingPods: number
}
