import type { ServerResponse } from 'node:http'
import { createGzip } from 'node:zlib'
import type { Fault, KubeRequest } from './fault.ts'
import type { KubeObject } from './object_store.ts'
import { Outlet } from './outlet.ts'
import { apiVersionOf, type KubeResource, RESOURCES } from './resources.ts'
import { type ObjectFilter, objectFilter } from './selectors.ts'
import { StatusError } from './status.ts'

/** What a list was when its first page was asked for. */
interface Snapshot {
  readonly items: readonly KubeObject[]
  readonly version: number
}

/** One page of a list. */
export interface ListPage {
  readonly resource: KubeResource
  readonly items: readonly KubeObject[]
  readonly version: number
  /** Token for the next page; empty on the last. */
  readonly continueToken: string
  readonly remaining: number
}

const SNAPSHOTS_MAX = 32
const CHUNK_BYTES = 64 << 10

/** Cuts lists into pages that belong together: all pages show the objects as they were when the first was asked for. */
export class ListPager {
  readonly #snapshots = new Map<number, Snapshot>()
  #lastId = 0

  /**
   * The page that a request asks for. `current` lists what there is now. `isPaged: false` ignores the limit.
   * Throws Expired (410) when the token's list is not kept any more, with a token for the rest as it is now.
   */
  page(request: KubeRequest, resource: KubeResource, current: () => Snapshot, isPaged: boolean): ListPage {
    const { query, namespace } = request
    const filter = objectFilter({ fieldSelector: query['fieldSelector'] ?? '', labelSelector: query['labelSelector'] ?? '' })
    const wanted = inNamespace(namespace, filter)
    const token = query['continue'] === undefined || query['continue'] === '' ? undefined : parseToken(query['continue'])
    const found = token === undefined ? undefined : this.#snapshots.get(token.id)
    if (token !== undefined && found === undefined && token.id !== 0) throw expired(token.after)
    const now = found ?? filtered(current(), wanted)
    const { items, version } = now
    const start = token === undefined ? 0 : after(items, token.after)
    const limit = isPaged ? Number(query['limit'] ?? 0) : 0
    const end = limit > 0 ? Math.min(items.length, start + limit) : items.length
    const last = items[end - 1]
    const continueToken = end < items.length && last !== undefined ? this.#tokenFor(token?.id, now, keyOf(last)) : ''
    return { resource, items: items.slice(start, end), version, continueToken, remaining: items.length - end }
  }

  /** Makes all tokens given so far expire. */
  expire(): void {
    this.#snapshots.clear()
  }

  #tokenFor(id: number | undefined, snapshot: Snapshot, key: string): string {
    let kept = id
    if (kept === undefined || kept === 0) {
      kept = ++this.#lastId
      this.#snapshots.set(kept, snapshot)
      const oldest = this.#snapshots.keys().next().value
      if (this.#snapshots.size > SNAPSHOTS_MAX && oldest !== undefined) this.#snapshots.delete(oldest)
    }
    return Buffer.from(JSON.stringify({ id: kept, after: key })).toString('base64url')
  }
}

function filtered({ items, version }: Snapshot, wanted: ObjectFilter): Snapshot {
  return { items: items.filter(wanted), version }
}

/** Restricts a filter to a namespace; empty = all. */
export function inNamespace(namespace: string, filter: ObjectFilter): ObjectFilter {
  return namespace === '' ? filter : (object) => object.metadata.namespace === namespace && filter(object)
}

function expired(key: string): StatusError {
  const rest = Buffer.from(JSON.stringify({ id: 0, after: key })).toString('base64url')
  const message =
    'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results.'
  return new StatusError(410, 'Expired', message, { more: { metadata: { continue: rest } } })
}

function parseToken(text: string): { readonly id: number; readonly after: string } {
  try {
    const { id, after: key } = JSON.parse(Buffer.from(text, 'base64url').toString()) as Record<string, unknown>
    if (typeof id === 'number' && typeof key === 'string') return { id, after: key }
  } catch {
    // Told below.
  }
  throw new StatusError(400, 'BadRequest', 'continue key is not valid')
}

function keyOf({ metadata }: KubeObject): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`
}

/** The index of the first item after a key. */
function after(items: readonly KubeObject[], key: string): number {
  const index = items.findIndex((item) => keyOf(item) > key)
  return index < 0 ? items.length : index
}

export interface ListEncoding {
  readonly isGzip: boolean
  /** Metadata only, as `PartialObjectMetadataList`. */
  readonly isPartial: boolean
  /** What is sent in place of an object; for lists of large objects that are kept small. */
  readonly shape: (object: KubeObject) => KubeObject
}

/** Sends a page piece by piece, so that a large list never stands in memory as text. */
export async function sendList(response: ServerResponse, page: ListPage, encoding: ListEncoding, fault: Fault | undefined): Promise<void> {
  response.writeHead(200, { 'content-type': 'application/json', ...(encoding.isGzip ? { 'content-encoding': 'gzip', vary: 'Accept-Encoding' } : {}) })
  const outlet = new Outlet(response, fault)
  const text = listText(page, encoding)
  if (!encoding.isGzip) {
    for (const piece of text) await outlet.write(Buffer.from(piece))
    outlet.end()
    return
  }
  const gzip = createGzip({ level: 1 })
  const sending = (async () => {
    for await (const piece of gzip) await outlet.write(piece as Uint8Array)
    outlet.end()
  })()
  for (const piece of text) {
    if (outlet.isOver) break
    if (!gzip.write(piece)) await Promise.race([new Promise((resolve) => gzip.once('drain', resolve)), sending])
  }
  gzip.end()
  await sending
}

function* listText({ resource, items, version, continueToken, remaining }: ListPage, { isPartial, shape }: ListEncoding): Generator<string> {
  const { kind, isCustom } = RESOURCES[resource]
  const listKind = isPartial ? 'PartialObjectMetadataList' : `${kind}List`
  const apiVersion = isPartial ? 'meta.k8s.io/v1' : apiVersionOf(resource)
  const more = continueToken === '' ? {} : { continue: continueToken, remainingItemCount: remaining }
  let text = `{"kind":"${listKind}","apiVersion":"${apiVersion}","metadata":${JSON.stringify({ resourceVersion: String(version), ...more })},"items":[`
  for (const [i, item] of items.entries()) {
    if (i > 0) text += ','
    text += JSON.stringify(listed(item, isPartial, isCustom, shape))
    if (text.length < CHUNK_BYTES) continue
    yield text
    text = ''
  }
  yield `${text}]}\n`
}

/** Items of built-in kinds come without `kind` and `apiVersion`, as from the real server. */
function listed(item: KubeObject, isPartial: boolean, isCustom: boolean, shape: ListEncoding['shape']): object {
  if (isPartial) return partial(item)
  const { kind, apiVersion, ...rest } = shape(item)
  return isCustom ? { apiVersion, kind, ...rest } : rest
}

/** An object's metadata alone. */
export function partial(item: KubeObject): KubeObject {
  return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: item.metadata }
}
