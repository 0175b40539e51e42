/** Requests and answers of the bulk API, which Elasticsearch and OpenSearch have in common. Pure. */
import { createHash, randomBytes } from 'node:crypto'
import { RefusedError } from '../../component/consumer.ts'
import type { BulkDocument } from './documents.ts'

/** How far a request has come in the attempts so far. */
export interface BulkProgress {
  /** Positions of the documents that are still to be sent; undefined = all. */
  readonly remaining: ReadonlySet<number> | undefined
  /** Documents that the server will never take. */
  readonly rejected: number
  /** What the first of those was refused for. */
  readonly reason: string
  readonly ids: DocumentIds
}

/** The beginnings of a request's document ids; the rest is the document's position. */
export interface DocumentIds {
  /** Follows from the request, so that what is sent again after a restart has the ids it had. */
  readonly derived: string
  /** For documents without a time, of which equal ones are not the same. */
  readonly random: string
}

/** The state of a request before its first attempt. */
export function newProgress(bytes: Uint8Array): BulkProgress {
  const derived = createHash('sha256').update(bytes).digest('base64url').slice(0, 20)
  return { remaining: undefined, rejected: 0, reason: '', ids: { derived, random: randomBytes(15).toString('base64url') } }
}

/** The body of a bulk request with the documents that remain; each is created under an id, so that none is there twice. */
export function bulkBody(documents: readonly BulkDocument[], { remaining, ids }: BulkProgress): Buffer {
  const lines: string[] = []
  for (const [position, { index, source, hasTime }] of documents.entries()) {
    if (remaining !== undefined && !remaining.has(position)) continue
    lines.push(JSON.stringify({ create: { _index: index, _id: `${hasTime ? ids.derived : ids.random}${position}` } }), JSON.stringify(source))
  }
  return Buffer.from(`${lines.join('\n')}\n`)
}

interface BulkItem {
  readonly status: number
  readonly error?: { readonly type?: string; readonly reason?: string }
}

/** What is left of a request after an answer. Throws a `RefusedError` when that is not an answer to as many documents. */
export function progressAfter(before: BulkProgress, answer: Buffer, count: number): { readonly progress: BulkProgress; readonly busy: string } {
  const positions = before.remaining === undefined ? Array.from({ length: count }, (_, position) => position) : [...before.remaining].sort((a, b) => a - b)
  const items = itemsOf(answer, positions.length)
  const remaining = new Set<number>()
  let { rejected, reason } = before
  let busy = ''
  for (const [at, { status, error }] of items.entries()) {
    // 409: an attempt whose answer was lost has created it.
    if (status < 300 || status === 409) continue
    const text = `${status} ${error?.type ?? ''}: ${error?.reason ?? ''}`
    if (status === 429 || status >= 500) {
      remaining.add(positions[at] as number)
      busy ||= text
    } else {
      rejected++
      reason ||= text
    }
  }
  return { progress: { ...before, remaining, rejected, reason }, busy }
}

function itemsOf(answer: Buffer, count: number): readonly BulkItem[] {
  let items: readonly BulkItem[] | undefined
  try {
    const parsed = JSON.parse(answer.toString('utf8')) as { readonly items?: readonly Readonly<Record<string, BulkItem>>[] }
    items = parsed.items?.map((item) => Object.values(item)[0] as BulkItem)
  } catch {
    items = undefined
  }
  if (items?.length !== count || !items.every((item) => Number.isInteger(item?.status)))
    throw new RefusedError(`no answer of the bulk API to ${count} documents: ${answer.toString('utf8', 0, 200)}; is endpoint an Elasticsearch or OpenSearch?`)
  return items
}
