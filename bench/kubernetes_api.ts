/**
 * The API server of `kubernetes_scale`, in a process of its own: `fork`ed with the number of pods and how lists are answered. Serves lists
 * and watches of a `Cluster` on 127.0.0.1 and does what it is told by messages. Ends with its parent.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { CLUSTER_RESOURCES, Cluster, type ClusterEvent, type ClusterResource } from './kubernetes_cluster.ts'

/** How a resource is listed: in events of a watch, in pages, or in one piece as servers do for `resourceVersion=0`. */
export type ListStyle = 'streaming' | 'paged' | 'whole'

export type ToApi =
  /** Lists are answered from now on. */
  | { readonly type: 'open' }
  /** Replaces so many pods each second. */
  | { readonly type: 'churn'; readonly perSecond: number; readonly seconds: number }

export type FromApi =
  | { readonly type: 'listening'; readonly port: number }
  /** One of the pods that were replaced: its last event was sent at this time, milliseconds since the epoch. */
  | { readonly type: 'replaced'; readonly ip: string; readonly pod: string; readonly atMs: number }
  | { readonly type: 'churned'; readonly pods: number; readonly events: number; readonly bytes: number }

const PIECE_BYTES = 64 << 10
const BOOKMARK_MS = 10_000
const TICK_MS = 10
/** One in so many replacements is told to the parent. */
const TOLD_EVERY = 20

const PATHS: Readonly<Record<string, ClusterResource>> = {
  ...Object.fromEntries(CLUSTER_RESOURCES.map((resource) => [`/api/v1/${resource}`, resource])),
  '/apis/discovery.k8s.io/v1/endpointslices': 'endpointslices',
}
const KINDS: Readonly<Record<ClusterResource, string>> = {
  pods: 'Pod',
  nodes: 'Node',
  namespaces: 'Namespace',
  services: 'Service',
  endpointslices: 'EndpointSlice',
}

const [pods = '10000', style = 'streaming'] = process.argv.slice(2)
const cluster = new Cluster(Number(pods))
const watches = new Map<ServerResponse, ClusterResource>()
let open: () => void
const opened = new Promise<void>((resolve) => {
  open = resolve
})

process.on('disconnect', () => process.exit())
process.on('message', (message: ToApi) => {
  if (message.type === 'open') open()
  else churn(message.perSecond, message.seconds).catch(fail)
})
const server = createServer((request, response) => {
  answer(request, response).catch((error: NodeJS.ErrnoException) => {
    response.destroy()
    // The client may go at any time.
    if (!/^(ERR_STREAM|EPIPE|ECONNRESET)/.test(error.code ?? '')) fail(error)
  })
})
server.listen(0, '127.0.0.1', () => send({ type: 'listening', port: (server.address() as AddressInfo).port }))
setInterval(() => {
  for (const [response, resource] of watches) response.write(bookmark(resource, false))
}, BOOKMARK_MS)

function send(message: FromApi): void {
  process.send?.(message)
}

function fail(error: unknown): void {
  console.error('API server of the benchmark:', error)
  process.exit(1)
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, searchParams: query } = new URL(request.url ?? '/', 'http://localhost')
  const resource = PATHS[pathname]
  await opened
  // Istio's resources, among others.
  if (resource === undefined) return sendStatus(response, 404, 'NotFound', `no such path: ${pathname}`)
  const isWatch = /^(1|true)$/.test(query.get('watch') ?? '')
  if (!isWatch) return list(resource, query, request, response)
  const sendsAll = query.get('sendInitialEvents') === 'true'
  if (sendsAll && style !== 'streaming') return sendStatus(response, 422, 'Invalid', 'sendInitialEvents is forbidden for watch')
  return watch(resource, sendsAll, response)
}

async function list(resource: ClusterResource, query: URLSearchParams, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const start = Number(query.get('continue') ?? 0)
  const isWhole = style === 'whole' && query.get('resourceVersion') === '0'
  const limit = isWhole ? 0 : Number(query.get('limit') ?? 0)
  const count = cluster.count(resource)
  const end = limit > 0 ? Math.min(count, start + limit) : count
  const isGzip = /\bgzip\b/.test(request.headers['accept-encoding']?.toString() ?? '')
  response.writeHead(200, { 'content-type': 'application/json', ...(isGzip ? { 'content-encoding': 'gzip' } : {}) })
  const pieces = Readable.from(inPieces(listTexts(resource, start, end)))
  if (isGzip) await pipeline(pieces, createGzip({ level: 1 }), response)
  else await pipeline(pieces, response)
}

function* listTexts(resource: ClusterResource, start: number, end: number): Generator<string> {
  const more = end < cluster.count(resource) ? { continue: String(end), remainingItemCount: cluster.count(resource) - end } : {}
  const metadata = JSON.stringify({ resourceVersion: String(cluster.version), ...more })
  yield `{"kind":"${KINDS[resource]}List","apiVersion":"v1","metadata":${metadata},"items":[`
  for (let index = start; index < end; index++) yield `${index > start ? ',' : ''}${cluster.json(resource, index)}`
  yield ']}\n'
}

async function watch(resource: ClusterResource, sendsAll: boolean, response: ServerResponse): Promise<void> {
  response.writeHead(200, { 'content-type': 'application/json' })
  response.flushHeaders()
  if (sendsAll) {
    for (const piece of inPieces(eventTexts(resource))) {
      if (!response.write(piece)) await once(response, 'drain')
    }
    response.write(bookmark(resource, true))
  }
  watches.set(response, resource)
  response.once('close', () => watches.delete(response))
}

function* eventTexts(resource: ClusterResource): Generator<string> {
  for (let index = 0; index < cluster.count(resource); index++) yield line({ resource, type: 'ADDED', json: cluster.json(resource, index) })
}

function* inPieces(texts: Iterable<string>): Generator<Buffer> {
  let piece = ''
  for (const text of texts) {
    piece += text
    if (piece.length < PIECE_BYTES) continue
    yield Buffer.from(piece)
    piece = ''
  }
  if (piece !== '') yield Buffer.from(piece)
}

function line({ type, json }: ClusterEvent): string {
  return `{"type":"${type}","object":${json}}\n`
}

function bookmark(resource: ClusterResource, isInitialEnd: boolean): string {
  const annotations = isInitialEnd ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {}
  const object = { kind: KINDS[resource], apiVersion: 'v1', metadata: { resourceVersion: String(cluster.version), ...annotations } }
  return `${JSON.stringify({ type: 'BOOKMARK', object })}\n`
}

function sendStatus(response: ServerResponse, code: number, reason: string, message: string): void {
  response.writeHead(code, { 'content-type': 'application/json' })
  response.end(JSON.stringify({ kind: 'Status', apiVersion: 'v1', status: 'Failure', reason, message, code }))
}

/** Replaces pods at a steady rate; what is late is made up for. */
async function churn(perSecond: number, seconds: number): Promise<void> {
  const begun = performance.now()
  const all = Math.round(perSecond * seconds)
  let [events, bytes, done] = [0, 0, 0]
  while (done < all) {
    const due = Math.min(all, Math.floor(((performance.now() - begun) / 1000) * perSecond))
    for (; done < due; done++) {
      const { ip, pod, events: changes } = cluster.replaceNext(Math.floor(Date.now() / 1000))
      for (const change of changes) {
        const text = Buffer.from(line(change))
        for (const [response, resource] of watches) if (resource === change.resource) response.write(text)
        events++
        bytes += text.length
      }
      if (done % TOLD_EVERY === 0) send({ type: 'replaced', ip, pod, atMs: Date.now() })
    }
    await new Promise((resolve) => setTimeout(resolve, TICK_MS))
  }
  send({ type: 'churned', pods: done, events, bytes })
}
