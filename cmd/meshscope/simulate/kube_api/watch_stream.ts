import type { ServerResponse } from 'node:http'
import type { Clock } from '../../../../component/component.ts'
import type { Fault, KubeRequest } from './fault.ts'
import { inNamespace, partial } from './list_response.ts'
import type { KubeObject, ObjectStore, StoreEvent } from './object_store.ts'
import { Outlet } from './outlet.ts'
import { apiVersionOf, type KubeResource, RESOURCES } from './resources.ts'
import { type ObjectFilter, objectFilter } from './selectors.ts'
import { reasonOf, StatusError } from './status.ts'

export interface WatchOptions {
  readonly store: ObjectStore
  readonly resource: KubeResource
  readonly request: KubeRequest
  readonly clock: Clock
  readonly isPartial: boolean
  readonly shape: (object: KubeObject) => KubeObject
  /** How often a bookmark is sent to those who asked for bookmarks. */
  readonly bookmarkMs: number
  readonly fault: Fault | undefined
}

/** One open watch. Tests may end or disturb it. */
export class WatchStream {
  readonly request: KubeRequest
  readonly resource: KubeResource
  /** Resolves when it has ended, from whichever side. */
  readonly ended: Promise<void>
  readonly #options: WatchOptions
  readonly #outlet: Outlet
  readonly #filter: ObjectFilter
  readonly #cancels: (() => void)[] = []
  #events = 0
  #isEnded = false

  constructor(response: ServerResponse, options: WatchOptions) {
    const { request, resource } = options
    this.request = request
    this.resource = resource
    this.#options = options
    const { query, namespace } = request
    this.#filter = inNamespace(namespace, objectFilter({ fieldSelector: query['fieldSelector'] ?? '', labelSelector: query['labelSelector'] ?? '' }))
    response.writeHead(200, { 'content-type': options.isPartial ? 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io' : 'application/json' })
    const { fault } = options
    // Garbage of a watch is a line of its own, and is counted in events.
    this.#outlet = new Outlet(response, fault?.kind === 'garbage' ? undefined : fault)
    this.ended = new Promise((resolve) => {
      response.once('close', () => {
        this.#stop()
        resolve()
      })
    })
  }

  get isOpen(): boolean {
    return !this.#isEnded
  }

  /** Sends what there is already and everything that happens from now on. */
  begin(): void {
    const { store, request, clock, bookmarkMs } = this.#options
    const { query } = request
    this.#spoil()
    if (this.#isEnded) return
    if (query['sendInitialEvents'] === 'true') this.#sendAll(true)
    else if ((query['resourceVersion'] ?? '') === '' || query['resourceVersion'] === '0') this.#sendAll(false)
    else this.#resume(Number(query['resourceVersion']))
    if (this.#isEnded) return
    this.#cancels.push(store.onEvent((event) => this.#tell(event)))
    if (this.#wantsBookmarks) this.#cancels.push(clock.every(bookmarkMs, () => this.bookmark()))
    const timeoutSeconds = Number(query['timeoutSeconds'] ?? 0)
    if (timeoutSeconds > 0) this.#cancels.push(clock.after(timeoutSeconds * 1000, () => this.close()))
  }

  /** Sends a bookmark now, with the newest version. */
  bookmark(annotations?: Readonly<Record<string, string>>): void {
    const { resource, store } = this.#options
    const metadata = { resourceVersion: String(store.version), creationTimestamp: null, ...(annotations === undefined ? {} : { annotations }) }
    this.#line('BOOKMARK', { kind: RESOURCES[resource].kind, apiVersion: apiVersionOf(resource), metadata })
  }

  /** Ends it as the server does when its time is up. */
  close(): void {
    this.#stop()
    this.#outlet.end()
  }

  /** Resets the connection. */
  reset(): void {
    this.#stop()
    this.#outlet.reset()
  }

  /** Sends any text in place of an event. */
  write(text: string): void {
    this.#outlet.push(Buffer.from(text))
  }

  /** Sends an ERROR event and ends the watch. */
  error(status: StatusError): void {
    this.#outlet.push(Buffer.from(`${JSON.stringify({ type: 'ERROR', object: status.body() })}\n`))
    this.close()
  }

  get #wantsBookmarks(): boolean {
    return this.request.query['allowWatchBookmarks'] === 'true'
  }

  #sendAll(isMarked: boolean): void {
    const { store, resource } = this.#options
    for (const object of store.list(resource)) if (this.#filter(object)) this.#line('ADDED', object)
    if (isMarked && this.#wantsBookmarks) this.bookmark({ 'k8s.io/initial-events-end': 'true' })
  }

  /** Sends what happened since a version; ends with an error when that is not known any more. */
  #resume(version: number): void {
    const { store, resource } = this.#options
    const missed = store.eventsSince(resource, version)
    if (missed === undefined) {
      this.error(new StatusError(410, 'Expired', `too old resource version: ${version} (${store.oldestVersion(resource)})`))
      return
    }
    for (const event of missed) this.#tell(event)
  }

  /** For a watch with a selector, an object that begins or ceases to match is added or deleted. */
  #tell({ resource, version, before, after }: StoreEvent): void {
    if (resource !== this.resource) return
    const was = before !== undefined && this.#filter(before)
    const is = after !== undefined && this.#filter(after)
    if (is) this.#line(was ? 'MODIFIED' : 'ADDED', after)
    else if (was) this.#line('DELETED', { ...before, metadata: { ...before.metadata, resourceVersion: String(version) } })
  }

  #line(type: string, object: object): void {
    const { isPartial, shape } = this.#options
    const isObject = type !== 'BOOKMARK'
    const shown = isPartial ? { ...partial(object as KubeObject) } : isObject ? shape(object as KubeObject) : object
    this.#outlet.push(Buffer.from(`${JSON.stringify({ type, object: shown })}\n`))
    this.#events++
    this.#spoil()
  }

  /** Sends the fault's line when its turn has come. */
  #spoil(): void {
    const { fault } = this.#options
    if (fault?.kind === 'garbage' && this.#events === fault.after) this.write(fault.text)
    if (fault?.kind === 'error_event' && this.#events === fault.after) {
      this.error(new StatusError(fault.code, fault.reason ?? reasonOf(fault.code), fault.message ?? 'scripted error'))
    }
  }

  #stop(): void {
    this.#isEnded = true
    for (const cancel of this.#cancels.splice(0)) cancel()
  }
}
