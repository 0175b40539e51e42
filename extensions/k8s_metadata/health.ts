import type { Logger, Status } from '../../component/component.ts'
import type { WatchReport, WatchState } from './watch_protocol.ts'

/** What a watch is called in messages: `pods`, `pods in shop`. */
export function watchName({ resource, of }: WatchState): string {
  if (of === '') return resource
  return resource === 'nodes' || resource === 'namespaces' ? `${resource} ${of}` : `${resource} in ${of}`
}

/**
 * How the extension is, by a report: degraded while a watch cannot go on, or when the first lists take longer than they
 * should (`isOverdue`). The process stays ready all the same, because data flows with what the logs themselves say.
 */
export function healthOf({ accessError, watches, isSynced }: WatchReport, isOverdue: boolean): Status {
  const failing = watches.filter(({ state }) => state === 'forbidden' || state === 'retrying')
  const errors = new Map<string, number>()
  if (accessError !== '') errors.set(accessError, 0)
  // A server that is down is one error, however many watches it has ended; since when is that of the first.
  for (const { error, sinceMs } of failing) errors.set(error, Math.min(errors.get(error) ?? Number.POSITIVE_INFINITY, sinceMs))
  const slow = watches.filter(({ state }) => state === 'starting' || state === 'listing')
  if (isOverdue && !isSynced && slow.length > 0) errors.set(`not listed completely yet: ${slow.map(watchName).join(', ')}`, slow[0]?.sinceMs ?? 0)
  if (errors.size === 0) return { kind: 'ok' }
  const texts = [...errors].map(([error, sinceMs]) => (sinceMs === 0 ? error : `${error} (since ${new Date(sinceMs).toISOString()})`))
  return { kind: 'recoverable_error', error: texts.join('; '), staysReady: true }
}

/** Tells the log of every watch that begins to fail, and of its recovery; not of every attempt in between. */
export class WatchLog {
  readonly #log: Logger
  readonly #errors = new Map<string, string>()
  #accessError = ''
  #lastFailure = ''
  #isSynced = false

  constructor(log: Logger) {
    this.#log = log
  }

  note({ accessError, watches, isSynced, lastFailure, store }: WatchReport): void {
    if (accessError !== '' && accessError !== this.#accessError) this.#log.error({ error: accessError }, 'no access to the API server')
    this.#accessError = accessError
    if (lastFailure !== '' && lastFailure !== this.#lastFailure) this.#log.error({ object: lastFailure }, 'object left out by a fault of the program')
    this.#lastFailure = lastFailure
    for (const watch of watches) this.#noteWatch(watch)
    if (isSynced && !this.#isSynced) this.#log.info({ objects: store.objects }, 'everything watched has been listed')
    this.#isSynced = isSynced
  }

  #noteWatch(watch: WatchState): void {
    const name = watchName(watch)
    const before = this.#errors.get(name)
    if (watch.state === 'retrying' || watch.state === 'forbidden') {
      if (before === undefined) this.#log.warn({ watch: name, error: watch.error }, watch.state === 'forbidden' ? 'watch is not allowed' : 'watch interrupted')
      this.#errors.set(name, watch.error)
    } else if (before !== undefined && watch.state === 'synced') {
      this.#errors.delete(name)
      this.#log.info({ watch: name }, 'watch goes on')
    }
  }
}
