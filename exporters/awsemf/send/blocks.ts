/**
 * How documents wait in the queue, in memory or on disk. An item is a sequence of blocks, so that two items together are one
 * again; a block has the documents of one log stream:
 *
 * | bytes | |
 * | --- | --- |
 * | 1 | version, 1 |
 * | 2 + n | log group: length, UTF-8 |
 * | 2 + n | log stream, the same |
 * | 4 | how many documents follow |
 * | 8 + 4 + 4 + n | each: time in ms since the epoch (float64), points, length, JSON in UTF-8 |
 *
 * Numbers are little-endian.
 */
import type { QueueItem } from '../../../component/kit/queue/store.ts'
import type { EmfDocument } from '../document/document.ts'

/** A document that waits. */
export interface WaitingDocument {
  readonly timestampMs: number
  readonly points: number
  /** The document's line in UTF-8; a view of the item. */
  readonly json: Buffer
}

/** The documents of one log stream, in order. */
export interface StreamDocuments {
  readonly logGroup: string
  readonly logStream: string
  readonly documents: readonly WaitingDocument[]
}

const VERSION = 1
const DOCUMENT_HEAD_BYTES = 16
/** What an event counts beside its text: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html. */
export const EVENT_OVERHEAD_BYTES = 26
/** Most that one PutLogEvents may carry. */
export const PUT_BYTES_MAX = 1_048_576
export const PUT_EVENTS_MAX = 10_000

/** Most that waits for more of its stream, of all streams together. */
const OPEN_BYTES_MAX = 16 << 20

interface OpenBlock {
  readonly logGroup: string
  readonly logStream: string
  documents: WaitingDocument[]
  putBytes: number
}

/** Gathers documents by their log streams, and makes queue items of them that fill one PutLogEvents each. */
export class BlockBuilder {
  readonly #open = new Map<string, OpenBlock>()
  #openBytes = 0

  /** Adds a document; returns an item when those of its stream would not fit into one put together with it, or when too much waits. */
  add({ json, timestampMs, logGroup, logStream, points }: EmfDocument): QueueItem | undefined {
    const key = `${logGroup}\n${logStream}`
    let block = this.#open.get(key)
    if (block === undefined) {
      block = { logGroup, logStream, documents: [], putBytes: 0 }
      this.#open.set(key, block)
    }
    const text = Buffer.from(json)
    const putBytes = text.length + EVENT_OVERHEAD_BYTES
    const isFull = block.documents.length > 0 && (block.putBytes + putBytes > PUT_BYTES_MAX || block.documents.length >= PUT_EVENTS_MAX)
    const full = isFull ? this.#take(block) : undefined
    block.documents.push({ timestampMs, points, json: text })
    block.putBytes += putBytes
    this.#openBytes += putBytes
    return full ?? (this.#openBytes > OPEN_BYTES_MAX ? this.#take(block) : undefined)
  }

  /** Removes and returns what is left, an item for each stream. */
  finish(): readonly QueueItem[] {
    const items = [...this.#open.values()].filter(({ documents }) => documents.length > 0).map(itemOf)
    this.#open.clear()
    this.#openBytes = 0
    return items
  }

  #take(block: OpenBlock): QueueItem {
    const item = itemOf(block)
    this.#openBytes -= block.putBytes
    block.documents = []
    block.putBytes = 0
    return item
  }
}

/** The item that holds one block. */
export function itemOf({ logGroup, logStream, documents }: StreamDocuments): QueueItem {
  const names = [Buffer.from(logGroup), Buffer.from(logStream)] as const
  const textBytes = documents.reduce((sum, { json }) => sum + json.length, 0)
  const bytes = Buffer.allocUnsafe(1 + 2 + names[0].length + 2 + names[1].length + 4 + documents.length * DOCUMENT_HEAD_BYTES + textBytes)
  let at = bytes.writeUInt8(VERSION, 0)
  for (const name of names) {
    at = bytes.writeUInt16LE(name.length, at)
    at += name.copy(bytes, at)
  }
  at = bytes.writeUInt32LE(documents.length, at)
  let items = 0
  for (const { timestampMs, points, json } of documents) {
    at = bytes.writeDoubleLE(timestampMs, at)
    at = bytes.writeUInt32LE(points, at)
    at = bytes.writeUInt32LE(json.length, at)
    at += json.copy(bytes, at)
    items += points
  }
  return { signal: 'metrics', bytes, items }
}

/** What an item holds, by log stream. Throws an error when it is not what `itemOf` and concatenation make. */
export function streamsOf(item: Uint8Array): readonly StreamDocuments[] {
  const bytes = Buffer.from(item.buffer, item.byteOffset, item.byteLength)
  const streams = new Map<string, { logGroup: string; logStream: string; documents: WaitingDocument[] }>()
  const reader = new BlockReader(bytes)
  while (!reader.isAtEnd) {
    const block = reader.block()
    const key = `${block.logGroup}\n${block.logStream}`
    const known = streams.get(key)
    if (known === undefined) streams.set(key, { ...block, documents: [...block.documents] })
    else for (const document of block.documents) known.documents.push(document)
  }
  return [...streams.values()]
}

/** Takes an item apart into ones of at most `itemsMax` points, or one document each (`SplitItem`). One that cannot be read is given back whole. */
export function splitBlocks(item: QueueItem, itemsMax: number): readonly QueueItem[] {
  let streams: readonly StreamDocuments[]
  try {
    streams = streamsOf(item.bytes)
  } catch {
    // Whoever sends it counts it as lost.
    return [item]
  }
  const parts: QueueItem[] = []
  for (const { logGroup, logStream, documents } of streams) {
    let from = 0
    let points = 0
    for (const [at, document] of documents.entries()) {
      if (at > from && points + document.points > itemsMax) {
        parts.push(itemOf({ logGroup, logStream, documents: documents.slice(from, at) }))
        from = at
        points = 0
      }
      points += document.points
    }
    parts.push(itemOf({ logGroup, logStream, documents: documents.slice(from) }))
  }
  return parts
}

class BlockReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length
  }

  block(): StreamDocuments {
    const version = this.#bytes.readUInt8(this.#at++)
    if (version !== VERSION) throw new RangeError(`expected a block of version ${VERSION}, found ${version}`)
    const logGroup = this.#name()
    const logStream = this.#name()
    const count = this.#bytes.readUInt32LE(this.#at)
    this.#at += 4
    const documents: WaitingDocument[] = []
    for (let i = 0; i < count; i++) documents.push(this.#document())
    return { logGroup, logStream, documents }
  }

  #document(): WaitingDocument {
    const at = this.#at
    const timestampMs = this.#bytes.readDoubleLE(at)
    const points = this.#bytes.readUInt32LE(at + 8)
    const json = this.#take(this.#bytes.readUInt32LE(at + 12), at + DOCUMENT_HEAD_BYTES)
    return { timestampMs, points, json }
  }

  #name(): string {
    return this.#take(this.#bytes.readUInt16LE(this.#at), this.#at + 2).toString('utf8')
  }

  #take(length: number, from: number): Buffer {
    const end = from + length
    if (end > this.#bytes.length) throw new RangeError(`expected ${length} bytes, found ${this.#bytes.length - from}`)
    this.#at = end
    return this.#bytes.subarray(from, end)
  }
}
