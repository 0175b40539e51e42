import type { ApiResource } from '../api/resource.ts'

/** What is listed and watched. */
export interface WatchedResource extends ApiResource {
  /** Such as `spec.nodeName=node-1`; empty for all. */
  readonly fieldSelector: string
  /** Empty for all. */
  readonly labelSelector: string
  /** Asks for `metadata` only. */
  readonly isMetadataOnly: boolean
  /** Defined by a CRD that the cluster need not have: without it the list counts as complete and empty. */
  readonly isOptional: boolean
  /**
   * The first list may come from the API server's cache and be some seconds old, which costs the server least: right for
   * many agents that each ask for a few objects.
   */
  readonly startsFromCache: boolean
}

/** How a reflector is doing. */
export type ReflectorState =
  /** It has not reached the API server yet. */
  | 'starting'
  | 'listing'
  /** The list was complete and a watch is open, or has just ended as it should. */
  | 'synced'
  /** Something failed; it is tried again. */
  | 'retrying'
  /** A right is missing; it is tried again seldom. */
  | 'forbidden'
  /** The optional resource does not exist in this cluster; looked for again now and then. */
  | 'absent'

/** A reflector's report about itself. */
export interface ReflectorStatus {
  readonly resource: WatchedResource
  readonly state: ReflectorState
  /** What is wrong, a sentence for the operator; empty when nothing is. */
  readonly error: string
  /** When this state began, milliseconds since the epoch. */
  readonly since: number
  /** Whether a list has been complete since the start, so that the sink knows all there is, perhaps as of some time ago. */
  readonly isSynced: boolean
  /** Up to where changes are known; empty before the first complete list. */
  readonly resourceVersion: string
  /** When the last event or bookmark came, milliseconds since the epoch; 0 before the first. */
  readonly lastEventMs: number
}

/** Why everything is listed once more. */
export type RelistReason =
  /** The server no longer knows the changes since the last version (410). */
  | 'expired'
  /** Something that is not what the API promises came. */
  | 'malformed'
  /** The server is behind the last version, as after a restore from a backup. */
  | 'version_too_large'
  /** Nothing came on several watches in a row, not even a bookmark. */
  | 'idle'
  /** The watch was answered with 400, 404 or 422. */
  | 'refused'
  /** A list broke off and begins again. */
  | 'interrupted'

/** What a reflector has seen; every number only grows. */
export interface ReflectorCounts {
  /** Objects of lists. */
  listed: number
  added: number
  modified: number
  deleted: number
  bookmarks: number
  /** `ERROR` events of watches. */
  errors: number
  /** Lists that were complete. */
  lists: number
  /** Watches that the server has accepted. */
  watches: number
  /** Connections that were given up because nothing came. */
  idle: number
  /** Lines and lists that were no JSON, too long, or of unknown type. */
  malformed: number
  /** Objects of lists without a name or version, left out. */
  unusable: number
  /** Requests that failed, for whatever reason. */
  failures: number
  /** Bytes of bodies as on the network. */
  bytes: number
  readonly relists: Record<RelistReason, number>
}

/** Counts that all stand at 0. */
export function newReflectorCounts(): ReflectorCounts {
  return {
    listed: 0,
    added: 0,
    modified: 0,
    deleted: 0,
    bookmarks: 0,
    errors: 0,
    lists: 0,
    watches: 0,
    idle: 0,
    malformed: 0,
    unusable: 0,
    failures: 0,
    bytes: 0,
    relists: { expired: 0, malformed: 0, version_too_large: 0, idle: 0, refused: 0, interrupted: 0 },
  }
}
