import type { Settings } from '../../component.ts'
import type { ExtensionUse } from '../../factory.ts'
import type { Signal } from '../../signal.ts'

/** What an exporter hands to its sending queue: an encoded request. The queue owns the bytes from then on. */
export interface QueueItem {
  readonly signal: Signal
  /** The request as the exporter sends it, before compression. */
  readonly bytes: Uint8Array
  /** How many log records, metric points or spans it holds. */
  readonly items: number
  /** True when nobody else has the bytes, nor anything else in their memory; false by default. */
  readonly isSole?: boolean
}

/** An item on its way through a store. */
export interface StoredItem {
  /** A store may let the bytes of several items stand in one buffer, and replace this. */
  bytes: Uint8Array
  readonly items: number
  /** See `QueueItem`. */
  readonly isSole?: boolean
  /** Tells the producer that waits for the result, if any: without an error when it was sent. */
  readonly settle?: ((error?: Error) => void) | undefined
}

/** How much there is of something, in each of the units in which a queue can be bounded. */
export interface QueueAmount {
  readonly requests: number
  readonly items: number
  readonly bytes: number
}

/**
 * Where the items of one queue wait: in memory, or on disk with a storage extension. First in, first out; it bounds
 * nothing but the space on disk.
 */
export interface QueueStore {
  /** What was appended and is neither acknowledged nor lost yet, what is being appended included. */
  readonly held: QueueAmount
  /** True when the items are still there after the end of the process. */
  readonly isPersistent: boolean
  /** True while another queue has the same store open, as its predecessor or successor in a reload. */
  readonly isShared: boolean
  /** Takes an item over; a promise when that takes time, which rejects with a `RefusedError` when it was not stored. */
  append(item: StoredItem): void | Promise<void>
  /** Hands out the oldest item that nobody has; waits for one. Undefined after `stopTaking`, when there is none left. */
  take(): StoredItem | undefined | Promise<StoredItem | undefined>
  /** Removes items that `take` handed out, for good; resolves when that is stored, and never rejects. */
  acknowledge(items: readonly StoredItem[]): void | Promise<void>
  /** Gives items that `take` handed out back, unsent; whoever takes next from this store gets them, now or after a restart. */
  giveBack(items: readonly StoredItem[]): void
  /** No more waiting in `take`: it hands out what is left, or with `atOnce` nothing more. */
  stopTaking(atOnce: boolean): void
  /** Lets the store go; what was not acknowledged stays if the store is persistent. Safe twice. */
  close(): Promise<void>
}

/** What a store tells the queue that has opened it. */
export interface QueueStoreObserver {
  /** `held` has become smaller other than by this queue's own calls. */
  readonly roomFreed: () => void
  /** Items were found damaged when they were read, and are gone. */
  readonly lost: (amount: QueueAmount) => void
}

/** What a storage extension shares (`Settings.shared`) with the components that name it. */
export interface QueueStorage {
  /**
   * Opens the store of a name, which is unique for what is kept in it, such as `exporters.otlp_grpc/edge logs`. What an
   * earlier process has left in it comes first. A store that is open already in this process is shared.
   */
  openQueue(name: string, observer: QueueStoreObserver): Promise<QueueStore>
}

/** What a component with a queue says in its factory's `uses`. */
export function queueUses({ sending_queue: queue }: { readonly sending_queue: { readonly enabled: boolean; readonly storage?: string } }): ExtensionUse[] {
  if (!queue.enabled || queue.storage === undefined) return []
  return [{ extension: queue.storage, needs: {}, isOptional: false, named: { as: 'storage', path: ['sending_queue', 'storage'] } }]
}

/** The storage extension of an id, shared with this component; throws when that extension stores nothing. */
export function queueStorageOf(settings: Settings, id: string): QueueStorage {
  const shared = settings.shared(id)
  if (typeof shared === 'object' && shared !== null && 'openQueue' in shared) return shared as QueueStorage
  throw new Error(`sending_queue.storage: ${id} is not a storage extension; name a file_storage of the extensions section`)
}
