import type { Status, StatusKind } from '../component/component.ts'
import type { ComponentView } from '../component/factory.ts'

/** Which statuses may follow which; anything else is ignored, such as a report that arrives after the stop. */
const FOLLOWERS: Readonly<Record<StatusKind, readonly StatusKind[]>> = {
  starting: ['ok', 'recoverable_error', 'permanent_error', 'fatal_error', 'stopping', 'stopped'],
  ok: ['recoverable_error', 'permanent_error', 'fatal_error', 'stopping', 'stopped'],
  recoverable_error: ['ok', 'recoverable_error', 'permanent_error', 'fatal_error', 'stopping', 'stopped'],
  permanent_error: ['fatal_error', 'stopping', 'stopped'],
  fatal_error: ['stopping', 'stopped'],
  stopping: ['stopped'],
  stopped: ['starting'],
}

/** Whose status it is. */
export interface StatusOwner {
  /** Unique among all threads. */
  readonly key: string
  readonly address: string
  readonly kind: string
  readonly worker?: number
}

interface Entry {
  readonly owner: StatusOwner
  status: Status
  since: number
}

/** The status of every component of the process, in the Collector's terms. */
export class StatusBoard {
  readonly #entries = new Map<string, Entry>()
  readonly #now: () => number
  readonly #onFatal: (address: string, error: string) => void

  constructor(now: () => number, onFatal: (address: string, error: string) => void) {
    this.#now = now
    this.#onFatal = onFatal
  }

  /** Changes a status where the change makes sense; says whether it did. */
  set(owner: StatusOwner, status: Status): boolean {
    const entry = this.#entries.get(owner.key)
    if (entry === undefined) this.#entries.set(owner.key, { owner, status, since: this.#now() })
    else if (FOLLOWERS[entry.status.kind].includes(status.kind)) {
      if (entry.status.kind !== status.kind) entry.since = this.#now()
      entry.status = status
    } else return false
    if (status.kind === 'fatal_error') this.#onFatal(owner.address, status.error ?? 'gave no reason')
    return true
  }

  remove(key: string): void {
    this.#entries.delete(key)
  }

  /** Forgets everything whose key begins so: all components of a worker that ended. */
  removeAll(prefix: string): void {
    for (const key of this.#entries.keys()) if (key.startsWith(prefix)) this.#entries.delete(key)
  }

  views(): ComponentView[] {
    return [...this.#entries.values()].map(({ owner, status, since }) => ({
      address: owner.address,
      kind: owner.kind,
      ...(owner.worker === undefined ? {} : { worker: owner.worker }),
      status,
      since,
    }))
  }

  /** True when there is something and all of it takes data. */
  get isAllOk(): boolean {
    for (const { status } of this.#entries.values())
      if (status.kind !== 'ok' && !(status.kind === 'recoverable_error' && status.staysReady === true)) return false
    return this.#entries.size > 0
  }
}
