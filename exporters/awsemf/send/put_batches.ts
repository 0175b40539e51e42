import { EVENT_OVERHEAD_BYTES, PUT_BYTES_MAX, PUT_EVENTS_MAX, type StreamDocuments, type WaitingDocument } from './blocks.ts'

/** Events of one put must not lie further apart. */
const SPAN_MS_MAX = 24 * 3_600_000

/** What one PutLogEvents carries: documents of one log stream in the order of their times. */
export interface PutBatch {
  readonly logGroup: string
  readonly logStream: string
  readonly documents: readonly WaitingDocument[]
}

/** The documents of a stream in as few batches as the limits of PutLogEvents allow, and those that are too large for any. */
export function putBatches({ logGroup, logStream, documents }: StreamDocuments): {
  readonly batches: readonly PutBatch[]
  readonly tooLarge: readonly WaitingDocument[]
} {
  const fits = ({ json }: WaitingDocument): boolean => json.length + EVENT_OVERHEAD_BYTES <= PUT_BYTES_MAX
  const batches: PutBatch[] = []
  let batch: WaitingDocument[] = []
  let bytes = 0
  // The sort is stable: what came first of one time stays first.
  for (const document of documents.filter(fits).sort((a, b) => a.timestampMs - b.timestampMs)) {
    const size = document.json.length + EVENT_OVERHEAD_BYTES
    const first = batch[0]
    if (first !== undefined && (bytes + size > PUT_BYTES_MAX || batch.length >= PUT_EVENTS_MAX || document.timestampMs - first.timestampMs >= SPAN_MS_MAX)) {
      batches.push({ logGroup, logStream, documents: batch })
      batch = []
      bytes = 0
    }
    batch.push(document)
    bytes += size
  }
  if (batch.length > 0) batches.push({ logGroup, logStream, documents: batch })
  return { batches, tooLarge: documents.filter((document) => !fits(document)) }
}

/** Two batches of the documents of one that has at least two. */
export function halvesOf({ logGroup, logStream, documents }: PutBatch): readonly [PutBatch, PutBatch] {
  const middle = documents.length >> 1
  return [
    { logGroup, logStream, documents: documents.slice(0, middle) },
    { logGroup, logStream, documents: documents.slice(middle) },
  ]
}

/** Documents whose part of a body is made at a time. */
const PIECE_DOCUMENTS = 64

/** The body of a PutLogEvents, in JSON, in pieces that take well below a millisecond each. */
export function* putBody({ logGroup, logStream, documents }: PutBatch): Generator<Buffer> {
  yield Buffer.from(`{"logGroupName":${JSON.stringify(logGroup)},"logStreamName":${JSON.stringify(logStream)},"logEvents":[`)
  for (let from = 0; from < documents.length; from += PIECE_DOCUMENTS) {
    const events = documents
      .slice(from, from + PIECE_DOCUMENTS)
      .map(({ timestampMs, json }) => `{"timestamp":${Math.trunc(timestampMs)},"message":${JSON.stringify(json.toString('utf8'))}}`)
    yield Buffer.from(`${from > 0 ? ',' : ''}${events.join(',')}`)
  }
  yield Buffer.from(']}')
}

/** Why events of a put that succeeded were not stored. */
export type EventRejection = 'too_old' | 'expired' | 'too_new'

/**
 * How many events and points an answer of PutLogEvents says were not stored, by reason: `rejectedLogEventsInfo`, whose indexes
 * are the end (exclusive) of those that are too old or expired, and the start of those that are too new.
 */
export function rejectionsOf({ documents }: PutBatch, answer: unknown): ReadonlyMap<EventRejection, { readonly events: number; readonly points: number }> {
  const rejections = new Map<EventRejection, { events: number; points: number }>()
  const info = memberOf(answer, 'rejectedLogEventsInfo')
  const index = (name: string): number | undefined => {
    const value = memberOf(info, name)
    return typeof value === 'number' && value >= 0 && value <= documents.length ? value : undefined
  }
  // Those older than the service takes come before those older than the retention of the group.
  const old = index('tooOldLogEventEndIndex') ?? 0
  const expired = Math.max(old, index('expiredLogEventEndIndex') ?? 0)
  const fresh = Math.max(expired, index('tooNewLogEventStartIndex') ?? documents.length)
  for (const [reason, from, to] of [
    ['too_old', 0, old],
    ['expired', old, expired],
    ['too_new', fresh, documents.length],
  ] as const) {
    if (to > from) rejections.set(reason, { events: to - from, points: pointsOf(documents.slice(from, to)) })
  }
  return rejections
}

/** Points of all documents together. */
export function pointsOf(documents: readonly WaitingDocument[]): number {
  return documents.reduce((sum, { points }) => sum + points, 0)
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>)[name] : undefined
}
