import type { Clock } from '../../../component/component.ts'
import type { ApiClient } from '../api/client.ts'
import { ApiError, eventError } from '../api/errors.ts'
import { resourceName } from '../api/resource.ts'
import { BACK_OFF, BackOff, type BackOffOptions } from './back_off.ts'
import { LineSplitter } from './line_splitter.ts'
import { ListSplitter } from './list_splitter.ts'
import { MalformedError } from './malformed.ts'
import { pause } from './pause.ts'
import { listQuery, streamingListQuery, watchQuery } from './queries.ts'
import type { ResourceSink } from './sink.ts'
import { newReflectorCounts, type ReflectorCounts, type ReflectorState, type ReflectorStatus, type RelistReason, type WatchedResource } from './status.ts'
import { parseApiObject, parseWatchEvent } from './watch_event.ts'

export interface ReflectorTimings {
  /** The first request is made after a random part of this, so that many agents do not come at once. */
  readonly startJitterMs: number
  /** A watch on which nothing comes for so long is dead: servers send bookmarks about every minute. */
  readonly watchIdleMs: number
  /** The same for lists. */
  readonly listIdleMs: number
  /** The same for a streaming list before its end is marked. */
  readonly initialIdleMs: number
  /** The server is asked to end a watch after a random time between these. */
  readonly watchSecondsMin: number
  readonly watchSecondsMax: number
  /** A watch that ends sooner without an event counts as failed. */
  readonly shortWatchMs: number
  /** How long to wait when a right has been missing for at least so long. */
  readonly forbiddenMs: number
  /** How long to wait before looking for an optional resource again. */
  readonly absentMs: number
  readonly backOff: BackOffOptions
}

/** The times that fit real clusters. */
export const REFLECTOR_TIMINGS: ReflectorTimings = {
  startJitterMs: 1_000,
  watchIdleMs: 150_000,
  listIdleMs: 30_000,
  initialIdleMs: 30_000,
  watchSecondsMin: 300,
  watchSecondsMax: 600,
  shortWatchMs: 1_000,
  forbiddenMs: 60_000,
  absentMs: 300_000,
  backOff: BACK_OFF,
}

export interface ReflectorOptions {
  readonly client: ApiClient
  readonly resource: WatchedResource
  readonly sink: ResourceSink
  readonly clock: Clock
  /** Numbers from 0 up to, not including, 1. */
  readonly random: () => number
  /** Told when state or error change. */
  readonly onStatus: (status: ReflectorStatus) => void
  /** Counted into; default a fresh one. */
  readonly counts?: ReflectorCounts
  readonly timings?: Partial<ReflectorTimings>
  /** Whether to try a streaming list first. Default true. */
  readonly prefersStreaming?: boolean
  /** Objects on a page of a list. Default 500. */
  readonly pageItems?: number
}

const PAGE_ITEMS = 500
/** A version that the server has not seen is waited for this many times before everything is listed anew. */
const TOO_LARGE_TRIES = 3
const TOO_LARGE_WAIT_MS = 1_000
/** A server that was set back to an older state accepts our version and stays silent until it has caught up: never, perhaps. */
const IDLE_WATCHES_MAX = 2
/** So many streaming lists in a row may break off before lists are made in pages. */
const BROKEN_STREAMS_MAX = 3
/** A watch that expires so soon after a list is a server in trouble, not one that was away. */
const RELIST_INTERVAL_MS = 30_000

/**
 * Keeps a sink up to date with one resource of the API server: lists it, then watches it, for ever. Holds no objects.
 *
 * Does what client-go's reflector does: lists in pages or as a stream, resumes watches from the last version or bookmark,
 * lists anew only when the server no longer knows the changes since, notices connections on which nothing comes any more,
 * and comes back after failures at random times that grow. While a list is not complete the sink keeps what it had.
 */
export class Reflector {
  readonly counts: ReflectorCounts
  readonly #client: ApiClient
  readonly #resource: WatchedResource
  readonly #sink: ResourceSink
  readonly #clock: Clock
  readonly #random: () => number
  readonly #onStatus: (status: ReflectorStatus) => void
  readonly #timings: ReflectorTimings
  readonly #backOff: BackOff
  #state: ReflectorState = 'starting'
  #error = ''
  #since: number
  #isSynced = false
  #lastEventMs = 0
  /** Up to where changes are known. */
  #version = ''
  #mustList = true
  /** What the next list must not be older than. */
  #listVersion: string
  #listedMs = Number.NEGATIVE_INFINITY
  #streamsList: boolean
  readonly #pageItemsMax: number
  #pageItems: number
  /** Whether the sink was told that a list begins which has not become complete. */
  #isListing = false
  #tooLargeTries = 0
  /** Watches in a row on which nothing came. */
  #idleWatches = 0
  /** Streaming lists in a row that broke off after they had begun. */
  #brokenStreams = 0

  constructor(options: ReflectorOptions) {
    this.counts = options.counts ?? newReflectorCounts()
    this.#client = options.client
    this.#resource = options.resource
    this.#sink = options.sink
    this.#clock = options.clock
    this.#random = options.random
    this.#onStatus = options.onStatus
    this.#timings = { ...REFLECTOR_TIMINGS, ...options.timings }
    this.#backOff = new BackOff(options.clock, options.random, this.#timings.backOff)
    this.#since = options.clock.now()
    this.#listVersion = options.resource.startsFromCache ? '0' : ''
    this.#streamsList = options.prefersStreaming ?? true
    this.#pageItemsMax = options.pageItems ?? PAGE_ITEMS
    this.#pageItems = this.#pageItemsMax
  }

  /** How it is doing now. */
  get status(): ReflectorStatus {
    return {
      resource: this.#resource,
      state: this.#state,
      error: this.#error,
      since: this.#since,
      isSynced: this.#isSynced,
      resourceVersion: this.#version,
      lastEventMs: this.#lastEventMs,
    }
  }

  /** Runs until the signal is aborted, then resolves. Rejects only with what the sink throws. */
  async run(signal: AbortSignal): Promise<void> {
    await pause(this.#clock, this.#random() * this.#timings.startJitterMs, signal)
    while (!signal.aborted) {
      try {
        if (!this.#mustList) await this.#watch(signal)
        else if (this.#streamsList) await this.#streamList(signal)
        else await this.#pagedList(signal)
      } catch (error) {
        if (signal.aborted) return
        this.counts.failures++
        this.#noticeBrokenStream()
        await pause(this.#clock, this.#recover(error), signal)
      }
    }
  }

  async #pagedList(signal: AbortSignal): Promise<void> {
    let token = ''
    let version = ''
    do {
      const splitter = new ListSplitter({ onItem: (json) => this.#item(json) })
      const query = listQuery(this.#resource, { version: this.#listVersion, token, limit: this.#pageItems })
      const request = {
        verb: 'list' as const,
        query,
        idleMsMax: () => this.#timings.listIdleMs,
        onOpen: () => {
          if (token === '') this.#beginList()
        },
      }
      await this.#request(request, signal, (chunk) => splitter.push(chunk))
      const head = splitter.end()
      if (head.continueToken !== '' && head.continueToken === token) throw new MalformedError('a page of the list names itself as the next one')
      if (token === '') version = head.resourceVersion
      token = head.continueToken
    } while (token !== '' && !signal.aborted)
    if (!signal.aborted) this.#endList(version)
  }

  async #streamList(signal: AbortSignal): Promise<void> {
    const query = streamingListQuery(this.#resource, { version: this.#listVersion, seconds: this.#watchSeconds() })
    await this.#readEvents(query, signal, () => this.#beginList())
    if (this.#mustList) throw new ApiError('connection', `${this.#what()}: the streaming list ended before it was complete`)
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const startMs = this.#clock.monotonic()
    const versionBefore = this.#version
    await this.#readEvents(watchQuery(this.#resource, { version: this.#version, seconds: this.#watchSeconds() }), signal, () => this.#enter('synced'))
    if (this.#clock.monotonic() - startMs < this.#timings.shortWatchMs && this.#version === versionBefore)
      throw new ApiError('connection', `${this.#what()}: the API server ended the watch at once`)
  }

  async #readEvents(query: Readonly<Record<string, string>>, signal: AbortSignal, onOpen: () => void): Promise<void> {
    const lines = new LineSplitter((line) => this.#event(line))
    const request = {
      verb: 'watch' as const,
      query,
      idleMsMax: () => (this.#mustList ? this.#timings.initialIdleMs : this.#timings.watchIdleMs),
      onOpen: () => {
        this.counts.watches++
        onOpen()
      },
    }
    // A line that was cut off is no harm: the next watch resumes after the last event that was complete.
    await this.#request(request, signal, (chunk) => lines.push(chunk))
  }

  #request(
    request: {
      readonly verb: 'list' | 'watch'
      readonly query: Readonly<Record<string, string>>
      readonly idleMsMax: () => number
      readonly onOpen: () => void
    },
    signal: AbortSignal,
    onChunk: (chunk: Buffer) => void,
  ): Promise<void> {
    const { isMetadataOnly } = this.#resource
    const onBytes = (bytes: number): void => {
      this.counts.bytes += bytes
    }
    return this.#client.stream({ ...request, resource: this.#resource, isMetadataOnly, signal, onBytes }, onChunk)
  }

  #item(json: string): void {
    const object = parseApiObject(json)
    if (object === undefined) {
      this.counts.unusable++
      return
    }
    this.counts.listed++
    this.#sink.put(object)
  }

  #event(line: string): void {
    const event = parseWatchEvent(line)
    this.#lastEventMs = this.#clock.now()
    this.#idleWatches = 0
    switch (event.type) {
      case 'ERROR':
        this.counts.errors++
        throw eventError(this.#resource, event.status)
      case 'BOOKMARK':
        this.counts.bookmarks++
        this.#tooLargeTries = 0
        if (!this.#mustList) this.#version = event.resourceVersion
        else if (event.isInitialEnd) this.#endList(event.resourceVersion)
        return
      case 'DELETED':
        this.counts.deleted++
        this.#sink.gone(event.object)
        break
      default:
        if (this.#mustList) this.counts.listed++
        else if (event.type === 'ADDED') this.counts.added++
        else this.counts.modified++
        this.#sink.put(event.object)
    }
    // The objects of a streaming list come in any order of versions: none of them is a place to resume from.
    if (!this.#mustList) this.#version = event.object.metadata.resourceVersion
  }

  #beginList(): void {
    if (this.#isListing) this.counts.relists.interrupted++
    this.#isListing = true
    this.#enter('listing')
    this.#sink.listing()
  }

  #endList(version: string): void {
    this.#sink.listed()
    this.counts.lists++
    this.#isListing = false
    this.#mustList = false
    this.#isSynced = true
    this.#version = version
    this.#listVersion = version
    this.#listedMs = this.#clock.monotonic()
    this.#tooLargeTries = 0
    this.#brokenStreams = 0
    this.#pageItems = this.#pageItemsMax
    this.#enter('synced')
  }

  /** What always breaks off half way, perhaps because a proxy lets no response last so long, is asked for in pages. */
  #noticeBrokenStream(): void {
    if (this.#isListing && this.#streamsList && ++this.#brokenStreams >= BROKEN_STREAMS_MAX) this.#streamsList = false
  }

  /** Decides what comes after a failure; returns how long to wait before. */
  #recover(error: unknown): number {
    if (error instanceof MalformedError) return this.#recoverMalformed(`${this.#what()}: the API server has sent ${error.message}`)
    if (!(error instanceof ApiError)) throw error
    switch (error.kind) {
      case 'malformed':
        return this.#recoverMalformed(error.message)
      case 'expired':
        return this.#recoverExpired(error)
      case 'version_too_large':
        return this.#recoverTooLarge(error)
      case 'idle':
        return this.#recoverIdle(error)
      case 'unsupported':
        return this.#recoverUnsupported(error)
      case 'not_found':
        return this.#recoverNotFound(error)
      case 'forbidden':
        this.#enter('forbidden', error.message)
        // A server that has just started refuses everything until it has read its rules: a second, not a matter for a long wait.
        return this.#clock.now() - this.#since < this.#timings.forbiddenMs ? this.#backOff.next() : this.#around(this.#timings.forbiddenMs)
      default:
        return this.#retry(error.message, error.retryAfterMs)
    }
  }

  #retry(message: string, retryAfterMs = 0): number {
    this.#enter('retrying', message)
    return this.#backOff.next(retryAfterMs)
  }

  #recoverMalformed(message: string): number {
    this.counts.malformed++
    this.#relist('malformed')
    return this.#retry(message)
  }

  #recoverExpired(error: ApiError): number {
    const wasListing = this.#mustList
    this.#relist('expired', '')
    // The continue token ran out before the last page: what takes too long in pages is asked for at once.
    if (wasListing && this.#isListing) this.#pageItems = 0
    const isFirst = !wasListing && this.#clock.monotonic() - this.#listedMs > RELIST_INTERVAL_MS
    return isFirst ? 0 : this.#retry(error.message)
  }

  #recoverTooLarge(error: ApiError): number {
    this.#tooLargeTries++
    if (this.#mustList) this.#listVersion = ''
    else if (this.#tooLargeTries >= TOO_LARGE_TRIES) this.#relist('version_too_large', '')
    return this.#retry(error.message, error.retryAfterMs ?? TOO_LARGE_WAIT_MS)
  }

  #recoverIdle(error: ApiError): number {
    this.counts.idle++
    const wasOpen = this.#state === 'synced' || this.#state === 'listing'
    // Servers that do not know streaming lists may take the request for an ordinary watch and never mark the end.
    if (this.#mustList) this.#streamsList = false
    if (!wasOpen) return this.#retry(error.message, error.retryAfterMs)
    if (!this.#mustList && ++this.#idleWatches >= IDLE_WATCHES_MAX) {
      this.#idleWatches = 0
      this.#relist('idle', '')
    }
    this.#enter('retrying', error.message)
    return 0
  }

  #recoverUnsupported(error: ApiError): number {
    if (this.#mustList && this.#streamsList) {
      this.#streamsList = false
      return 0
    }
    this.#relist('refused', '')
    return this.#retry(error.message, error.retryAfterMs)
  }

  #recoverNotFound(error: ApiError): number {
    this.#relist('refused', '')
    if (!this.#resource.isOptional) return this.#retry(error.message, error.retryAfterMs)
    if (this.#state !== 'absent') {
      this.#sink.listing()
      this.#sink.listed()
    }
    this.#isListing = false
    this.#isSynced = true
    this.#version = ''
    this.#enter('absent', error.message)
    return this.#around(this.#timings.absentMs)
  }

  /** Everything is listed anew, not older than `version`. */
  #relist(reason: RelistReason, version: string = this.#listVersion): void {
    if (!this.#mustList) this.counts.relists[reason]++
    this.#mustList = true
    // What was seen must not be unseen by a list from an older cache.
    this.#listVersion = version === '' ? '' : this.#version || version
  }

  #enter(state: ReflectorState, error = ''): void {
    if (state === this.#state && error === this.#error) return
    if (state !== this.#state) this.#since = this.#clock.now()
    this.#state = state
    this.#error = error
    this.#onStatus(this.status)
  }

  #watchSeconds(): number {
    const { watchSecondsMin, watchSecondsMax } = this.#timings
    return Math.round(watchSecondsMin + this.#random() * (watchSecondsMax - watchSecondsMin))
  }

  /** Half as long to half as long again, so that agents drift apart. */
  #around(ms: number): number {
    return Math.round(ms * (0.5 + this.#random()))
  }

  #what(): string {
    return `watch of ${resourceName(this.#resource)}`
  }
}
