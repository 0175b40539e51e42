import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Clock } from '../../../../component/component.ts'
import { systemClock } from '../../../../lib/clock.ts'
import { createServer } from '../../../../lib/node_http.ts'
import { type Fault, type FaultRule, FaultScript, type KubeRequest, type KubeVerb } from './fault.ts'
import { type ListEncoding, ListPager, partial, sendList } from './list_response.ts'
import { type KubeObject, ObjectStore, timestamp } from './object_store.ts'
import { type KubeResource, parseResourcePath, RESOURCE_NAMES, RESOURCES, type ResourcePath } from './resources.ts'
import { reasonOf, StatusError } from './status.ts'
import { WatchStream } from './watch_stream.ts'

export interface FakeKubeApiOptions {
  readonly clock?: Clock
  /** The resources that exist; others are answered with 404. All unless told otherwise. */
  readonly resources?: readonly KubeResource[]
  /** Whether watches may begin with the present objects (`sendInitialEvents`); else such a watch is answered with 422. */
  readonly streamsLists?: boolean
  /** Whether `limit` counts in lists with `resourceVersion=0` too; the real server ignores it there. */
  readonly limitsCachedLists?: boolean
  /** Lists of at least so many objects are compressed for clients that accept it. The real server does so from 128 KiB. */
  readonly gzipItemsMin?: number
  readonly bookmarkMs?: number
  /** Most changes that are remembered for watches, per resource. */
  readonly historyMax?: number
  /** What is sent in place of an object; so that large objects need not be kept. */
  readonly shape?: (object: KubeObject) => KubeObject
}

const REQUESTS_KEPT = 10_000
const BODY_BYTES_MAX = 4 << 20

/**
 * A Kubernetes API server for the demo and for tests: lists and watches of the resources that the identity index reads,
 * over plain HTTP on 127.0.0.1, with faults on demand. It does what its clients ask and nothing by itself: nobody
 * schedules pods or makes endpoints.
 */
export class FakeKubeApi {
  readonly store: ObjectStore
  /** The bearer tokens that are accepted; undefined accepts every request. */
  tokens: ReadonlySet<string> | undefined
  readonly #options: FakeKubeApiOptions
  readonly #clock: Clock
  readonly #resources: Set<KubeResource>
  readonly #denied = new Set<string>()
  readonly #faults = new FaultScript()
  readonly #pager = new ListPager()
  readonly #watches = new Set<WatchStream>()
  readonly #requests: KubeRequest[] = []
  readonly #waiters = new Set<() => void>()
  #streamsLists: boolean
  #server: Server | undefined
  #port = 0

  constructor(options: FakeKubeApiOptions = {}) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#resources = new Set(options.resources ?? RESOURCE_NAMES)
    this.#streamsLists = options.streamsLists ?? true
    this.store = new ObjectStore({ clock: this.#clock, historyMax: options.historyMax ?? 1000 })
    this.store.onEvent(() => this.#changed())
  }

  /** Listens on a port that the system chooses, or on `port`; after `stop` on the same port again. Resolves with the URL. */
  async start(port = this.#port): Promise<string> {
    const server = createServer((request, response) => {
      this.#answer(request, response).catch(() => response.destroy())
    })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, '127.0.0.1', resolve)
    })
    this.#server = server
    this.#port = (server.address() as AddressInfo).port
    return this.url
  }

  /** Such as `http://127.0.0.1:40123`. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  /** Closes the port and resets every connection; the objects stay. Safe twice. */
  async stop(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    if (server === undefined) return
    await new Promise<void>((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  }

  create(resource: KubeResource, object: KubeObject): KubeObject {
    return this.store.create(resource, object)
  }

  /** Replaces an object; it keeps its uid and creation time. */
  update(resource: KubeResource, object: KubeObject): KubeObject {
    return this.store.update(resource, object)
  }

  /** Applies a JSON merge patch, such as `{ status: { phase: 'Running' } }`. `namespace` is empty for objects without one. */
  patch(resource: KubeResource, namespace: string, name: string, patch: object): KubeObject {
    return this.store.patch(resource, namespace, name, patch)
  }

  /** Removes an object at once. */
  delete(resource: KubeResource, namespace: string, name: string): KubeObject {
    return this.store.delete(resource, namespace, name)
  }

  /** Marks a pod as terminating, as the real server does until the kubelet says that it is gone; then comes `delete`. */
  terminate(namespace: string, name: string, graceSeconds = 30): KubeObject {
    const deletionTimestamp = timestamp(this.#clock.now() + graceSeconds * 1000)
    return this.store.patch('pods', namespace, name, { metadata: { deletionTimestamp, deletionGracePeriodSeconds: graceSeconds } })
  }

  /** Adds a fault to come; returns what takes it back. Faults are used in the order in which they were added. */
  fail(rule: FaultRule): () => void {
    return this.#faults.add(rule)
  }

  /** Takes all faults back that have not happened. */
  clearFaults(): void {
    this.#faults.clear()
  }

  /** From now on a verb on a resource is forbidden (403), or allowed again. */
  deny(resource: KubeResource, verb: KubeVerb, isDenied = true): void {
    if (isDenied) this.#denied.add(`${verb} ${resource}`)
    else this.#denied.delete(`${verb} ${resource}`)
  }

  /** Installs or removes a resource; without it requests get 404. Open watches stay. */
  serve(resource: KubeResource, isServed = true): void {
    if (isServed) this.#resources.add(resource)
    else this.#resources.delete(resource)
  }

  /** Allows or forbids watches that begin with the present objects. */
  set streamsLists(allowed: boolean) {
    this.#streamsLists = allowed
  }

  /** Forgets all past changes: every watch that resumes from before now finds its version expired (410). */
  compact(): void {
    this.store.compact()
  }

  /** Makes the tokens of unfinished lists expire (410). */
  expireLists(): void {
    this.#pager.expire()
  }

  /** What was asked, oldest first; the last 10,000. */
  get requests(): readonly KubeRequest[] {
    return this.#requests
  }

  /** How often something was asked. */
  count(verb: KubeVerb, resource: KubeResource): number {
    return this.#requests.filter((request) => request.verb === verb && request.resource === resource).length
  }

  /** The watches that are open now, of one resource or of all. */
  watches(resource?: KubeResource): readonly WatchStream[] {
    return [...this.#watches].filter((watch) => watch.isOpen && (resource === undefined || watch.resource === resource))
  }

  /** Resolves once `isSo`; looked at after every request, change and end of a watch. */
  async until(isSo: () => boolean): Promise<void> {
    if (isSo()) return
    await new Promise<void>((resolve) => {
      const look = (): void => {
        if (!isSo()) return
        this.#waiters.delete(look)
        resolve()
      }
      this.#waiters.add(look)
    })
  }

  #changed(): void {
    for (const look of this.#waiters) look()
  }

  async #answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(incoming.url ?? '/', 'http://localhost')
    const place = parseResourcePath(url.pathname)
    const request = this.#requestOf(incoming, url, place)
    this.#requests.push(request)
    if (this.#requests.length > REQUESTS_KEPT) this.#requests.shift()
    let fault = this.#faults.take(request)
    this.#changed()
    try {
      if (fault?.kind === 'hold') {
        await fault.until
        fault = undefined
      }
      if (fault?.kind === 'reset' && fault.afterBytes === 0) {
        incoming.socket.resetAndDestroy()
        return
      }
      if (fault?.kind === 'status') {
        const { code, reason, message, retryAfterSeconds } = fault
        throw new StatusError(code, reason ?? reasonOf(code), message ?? 'scripted failure', retryAfterSeconds === undefined ? {} : { retryAfterSeconds })
      }
      this.#authorize(request)
      if (place === undefined || !this.#resources.has(place.resource)) this.#answerOther(url.pathname, response)
      else await this.#serveResource({ request, place, incoming, response, fault })
    } catch (error) {
      if (!(error instanceof StatusError)) throw error
      sendStatus(response, error)
    }
  }

  #requestOf(incoming: IncomingMessage, url: URL, place: ResourcePath | undefined): KubeRequest {
    const query = Object.fromEntries(url.searchParams)
    return {
      verb: place === undefined ? 'other' : verbOf(incoming.method ?? 'GET', place, query),
      resource: place?.resource,
      namespace: place?.namespace ?? '',
      name: place?.name ?? '',
      path: url.pathname,
      query,
      headers: incoming.headers,
      atMs: this.#clock.now(),
    }
  }

  #authorize({ verb, resource, namespace, headers }: KubeRequest): void {
    const token = /^Bearer (.+)$/i.exec(headers.authorization?.toString() ?? '')?.[1]
    if (this.tokens !== undefined && (token === undefined || !this.tokens.has(token))) throw new StatusError(401, 'Unauthorized', 'Unauthorized')
    if (resource === undefined || !this.#denied.has(`${verb} ${resource}`)) return
    const scope = namespace === '' ? 'at the cluster scope' : `in the namespace "${namespace}"`
    const message = `${resource} is forbidden: User "system:serviceaccount:default:meshscope" cannot ${verb} resource "${resource}" in API group "${RESOURCES[resource].group}" ${scope}`
    throw new StatusError(403, 'Forbidden', message)
  }

  #answerOther(path: string, response: ServerResponse): void {
    if (/^\/(readyz|livez|healthz)$/.test(path)) response.writeHead(200, { 'content-type': 'text/plain' }).end('ok')
    else if (path === '/version') sendJson(response, 200, { major: '1', minor: '35', gitVersion: 'v1.35.4', platform: 'linux/amd64' })
    else response.writeHead(404, { 'content-type': 'text/plain; charset=utf-8' }).end('404 page not found\n')
  }

  async #serveResource(exchange: Exchange): Promise<void> {
    const { request, place, incoming, response } = exchange
    const { resource, namespace, name } = place
    switch (request.verb) {
      case 'watch':
        return this.#watch(exchange)
      case 'list':
        return this.#list(exchange)
      case 'get':
        return sendJson(response, 200, this.#shown(incoming, this.store.get(resource, namespace, name)))
      case 'create': {
        const object = (await bodyOf(incoming)) as KubeObject
        return sendJson(response, 201, this.store.create(resource, { ...object, metadata: { ...object.metadata, ...(namespace === '' ? {} : { namespace }) } }))
      }
      case 'update':
        return sendJson(response, 200, this.store.update(resource, (await bodyOf(incoming)) as KubeObject))
      case 'patch':
        return sendJson(response, 200, this.store.patch(resource, namespace, name, (await bodyOf(incoming)) as object))
      default:
        return sendJson(response, 200, this.store.delete(resource, namespace, name))
    }
  }

  #shown(incoming: IncomingMessage, object: KubeObject): KubeObject {
    if (isPartial(incoming)) return partial(object)
    return this.#options.shape?.(object) ?? object
  }

  async #list({ request, place, incoming, response, fault }: Exchange): Promise<void> {
    const { resource } = place
    this.#refuseFuture(request)
    const { limitsCachedLists = false, gzipItemsMin = 10, shape = unchanged } = this.#options
    const isPaged = limitsCachedLists || request.query['resourceVersion'] !== '0'
    const page = this.#pager.page(request, resource, () => ({ items: this.store.list(resource), version: this.store.version }), isPaged)
    const isGzip = page.items.length >= gzipItemsMin && /\bgzip\b/.test(incoming.headers['accept-encoding']?.toString() ?? '')
    const encoding: ListEncoding = { isGzip, isPartial: isPartial(incoming), shape }
    await sendList(response, page, encoding, fault)
  }

  #watch({ request, place, incoming, response, fault }: Exchange): void {
    const { query } = request
    this.#refuseFuture(request)
    if (query['sendInitialEvents'] !== undefined && !this.#streamsLists) {
      throw new StatusError(
        422,
        'Invalid',
        'ListOptions.meta.k8s.io "" is invalid: sendInitialEvents: Forbidden: sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled',
      )
    }
    if (query['sendInitialEvents'] === 'true' && query['resourceVersionMatch'] !== 'NotOlderThan') {
      throw new StatusError(
        422,
        'Invalid',
        'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan',
      )
    }
    const watch = new WatchStream(response, {
      store: this.store,
      resource: place.resource,
      request,
      clock: this.#clock,
      isPartial: isPartial(incoming),
      shape: this.#options.shape ?? unchanged,
      bookmarkMs: this.#options.bookmarkMs ?? 60_000,
      fault,
    })
    this.#watches.add(watch)
    void watch.ended.then(() => {
      this.#watches.delete(watch)
      this.#changed()
    })
    watch.begin()
    this.#changed()
  }

  /** A client that has been told a newer version by another server must wait until this one has it. */
  #refuseFuture({ query }: KubeRequest): void {
    const wanted = Number(query['resourceVersion'] ?? 0)
    if (!Number.isInteger(wanted) || wanted < 0)
      throw new StatusError(400, 'BadRequest', `invalid resource version ${JSON.stringify(query['resourceVersion'])}`)
    if (wanted <= this.store.version) return
    throw new StatusError(504, 'Timeout', `Too large resource version: ${wanted}, current: ${this.store.version}`, {
      retryAfterSeconds: 1,
      more: { details: { causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }], retryAfterSeconds: 1 } },
    })
  }
}

/** A request for a resource together with what is needed to answer it. */
interface Exchange {
  readonly request: KubeRequest
  readonly place: ResourcePath
  readonly incoming: IncomingMessage
  readonly response: ServerResponse
  readonly fault: Fault | undefined
}

function unchanged(object: KubeObject): KubeObject {
  return object
}

function verbOf(method: string, { name }: ResourcePath, query: Readonly<Record<string, string>>): KubeVerb {
  if (method === 'POST') return 'create'
  if (method === 'PUT') return 'update'
  if (method === 'PATCH') return 'patch'
  if (method === 'DELETE') return 'delete'
  if (name !== '') return 'get'
  return /^(1|true)$/.test(query['watch'] ?? '') ? 'watch' : 'list'
}

function isPartial({ headers }: IncomingMessage): boolean {
  return /as=PartialObjectMetadata/.test(headers.accept ?? '')
}

async function bodyOf(incoming: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > BODY_BYTES_MAX) throw new StatusError(413, 'RequestEntityTooLarge', `limit is ${BODY_BYTES_MAX}`)
    chunks.push(chunk)
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString())
  } catch {
    throw new StatusError(400, 'BadRequest', 'the body is not JSON')
  }
}

function sendJson(response: ServerResponse, code: number, body: object): void {
  response.writeHead(code, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`)
}

function sendStatus(response: ServerResponse, error: StatusError): void {
  if (error.retryAfterSeconds > 0) response.setHeader('retry-after', String(error.retryAfterSeconds))
  sendJson(response, error.code, error.body())
}
