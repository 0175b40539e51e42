import type { Clock } from '../../component/component.ts'
import type { IdentityExplanation } from '../../model/identity/handles.ts'
import type { IdentityResource } from '../../model/identity/index.ts'
import { IdentityStore } from '../../model/identity/store.ts'
import { openAccess } from './api/access.ts'
import { ApiClient } from './api/client.ts'
import type { Access } from './api/credentials.ts'
import { IdentityFeed } from './feed.ts'
import { BackOff } from './watch/back_off.ts'
import { pause } from './watch/pause.ts'
import { Reflector, type ReflectorTimings } from './watch/reflector.ts'
import type { ReflectorStatus, WatchedResource } from './watch/status.ts'
import type { FromWatch, WatchOptions, WatchReport, WatchState, WatchTotals } from './watch_protocol.ts'
import type { Watch } from './watches.ts'

export interface KubeWatchSurroundings {
  readonly clock: Clock
  /** Numbers from 0 up to, not including, 1. */
  readonly random: () => number
  readonly send: (message: FromWatch) => void
  /** For tests. */
  readonly timings?: Partial<ReflectorTimings>
}

/** Changes become visible together, this often at most. */
const PUBLISH_INTERVAL_MS = 100
const REPORT_INTERVAL_MS = 1000
const SWEEP_INTERVAL_MS = 5000
/** Looking for credentials again costs little, but not nothing. */
const ACCESS_RETRY_MS_MIN = 500

/**
 * Everything that happens between the API server and the index, in one thread: a reflector for each watch, one feed that
 * trims what they see, one store that it is put into. Sends handles when they change, and how it goes.
 */
export class KubeWatch {
  readonly #options: WatchOptions
  readonly #around: KubeWatchSurroundings
  readonly #store: IdentityStore
  readonly #feed: IdentityFeed
  #reflectors: readonly { readonly watch: Watch; readonly reflector: Reflector }[] = []
  #accessError = ''
  #hasNews = true

  constructor(options: WatchOptions, around: KubeWatchSurroundings) {
    const { needs, watches, clusterDomain, memoryMibMax, rememberGoneMs, clockSkewMs, isClusterWide } = options
    this.#options = options
    this.#around = around
    this.#store = new IdentityStore({ lookups: needs.lookups, memoryMibMax, rememberGoneMs, clockSkewMs, isClusterWide })
    this.#feed = new IdentityFeed({ store: this.#store, watches, needs, clusterDomain, now: () => around.clock.now() })
  }

  /** Watches until the signal is aborted, then resolves; rejects only for a fault of our own. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, send } = this.#around
    send({ type: 'handles', handles: this.#store.handles })
    const ends = [
      clock.every(PUBLISH_INTERVAL_MS, () => this.#publish()),
      clock.every(REPORT_INTERVAL_MS, () => void (this.#hasNews = true)),
      clock.every(SWEEP_INTERVAL_MS, () => this.#store.sweep(clock.now())),
    ]
    try {
      const access = await this.#open(signal)
      if (access === undefined) return
      const client = new ApiClient(access, { clock })
      try {
        await this.#reflect(client, signal)
      } finally {
        client.close()
      }
    } finally {
      for (const end of ends) end()
    }
  }

  explain({ ip, port, timeMs }: { readonly ip: string; readonly port: number; readonly timeMs: number }): IdentityExplanation {
    return this.#store.explain(ip, timeMs, port)
  }

  /** Credentials may be mounted or repaired while we wait; undefined when told to stop. */
  async #open(signal: AbortSignal): Promise<Access | undefined> {
    const { clock, random } = this.#around
    const { authType, context, kubeConfigFile, server } = this.#options.access
    const backOff = new BackOff(clock, random)
    while (!signal.aborted) {
      try {
        const access = openAccess({ authType, clock, context, kubeConfigFile, server })
        this.#accessError = ''
        return access
      } catch (error) {
        this.#accessError = error instanceof Error ? error.message : String(error)
        this.#hasNews = true
      }
      await pause(clock, backOff.next(ACCESS_RETRY_MS_MIN), signal)
    }
    return undefined
  }

  async #reflect(client: ApiClient, signal: AbortSignal): Promise<void> {
    const { clock, random, timings } = this.#around
    // One that fails takes the others down with it, so that nothing goes on half.
    const failed = new AbortController()
    this.#reflectors = this.#options.watches.map((watch) => ({
      watch,
      reflector: new Reflector({
        client,
        resource: watchedResource(watch),
        sink: this.#feed.sinkFor(watch),
        clock,
        random,
        onStatus: () => void (this.#hasNews = true),
        timings: { startJitterMs: this.#options.startJitterMs, ...timings },
      }),
    }))
    const all = AbortSignal.any([signal, failed.signal])
    const runs = this.#reflectors.map(({ reflector }) =>
      reflector.run(all).catch((error: unknown) => {
        failed.abort()
        throw error
      }),
    )
    for (const result of await Promise.allSettled(runs)) if (result.status === 'rejected') throw result.reason
  }

  #publish(): void {
    const { clock, send } = this.#around
    const handles = this.#store.publish(clock.now())
    if (handles !== undefined) send({ type: 'handles', handles })
    if (!this.#hasNews) return
    this.#hasNews = false
    send({ type: 'report', report: this.#report() })
  }

  #report(): WatchReport {
    return {
      isSynced: this.#feed.isSynced,
      accessError: this.#accessError,
      watches: this.#reflectors.map(({ watch, reflector }) => watchState(watch, reflector.status)),
      totals: totalsByResource(this.#reflectors),
      refused: { ...this.#feed.refused, memory: this.#store.stats.refused },
      lastFailure: this.#feed.lastFailure,
      store: this.#store.stats,
      waitingPods: this.#feed.waitingPods,
    }
  }
}

function watchedResource({ resource, group, version, namespace, name, node, isMetadataOnly, isOptional }: Watch): WatchedResource {
  return {
    group,
    version,
    plural: resource,
    namespace,
    fieldSelector: name !== '' ? `metadata.name=${name}` : node !== '' ? `spec.nodeName=${node}` : '',
    labelSelector: '',
    isMetadataOnly,
    isOptional,
    startsFromCache: true,
  }
}

function watchState({ resource, namespace, name }: Watch, { state, error, since, lastEventMs }: ReflectorStatus): WatchState {
  return { resource, of: namespace === '' ? name : namespace, state, error, sinceMs: since, lastEventMs }
}

function totalsByResource(reflectors: readonly { readonly watch: Watch; readonly reflector: Reflector }[]): readonly WatchTotals[] {
  const byResource = new Map<IdentityResource, { events: Record<string, number>; relists: Record<string, number>; bytes: number; malformed: number }>()
  for (const { watch, reflector } of reflectors) {
    const { listed, added, modified, deleted, bookmarks, errors, malformed, unusable, bytes, relists } = reflector.counts
    const sum = byResource.get(watch.resource) ?? { events: {}, relists: {}, bytes: 0, malformed: 0 }
    byResource.set(watch.resource, sum)
    addTo(sum.events, { listed, added, modified, deleted, bookmark: bookmarks, error: errors })
    addTo(sum.relists, relists)
    sum.bytes += bytes
    sum.malformed += malformed + unusable
  }
  return [...byResource].map(([resource, sum]) => ({ resource, ...sum }))
}

function addTo(sums: Record<string, number>, values: Readonly<Record<string, number>>): void {
  for (const [key, value] of Object.entries(values)) sums[key] = (sums[key] ?? 0) + value
}
