import { ProtobufWriter, varintSize } from '../../lib/protobuf/writer.ts'
import { AttributeBuffer, putVarint } from '../../model/access_log_otlp/attribute_buffer.ts'
import type { EncodedResource } from '../../model/access_log_otlp/reporter.ts'
import type { Clock } from '../component.ts'
import type { ByteSender } from './byte_link.ts'

/** A chunk goes when it has this many bytes (an exporter pays for every request; some backends take no more than 1 MB), … */
const CHUNK_BYTES = 512 << 10
/** … or this long after its first item. */
const CHUNK_DELAY_MS = 200

export interface OtlpChunksSettings {
  readonly clock: Clock
  readonly sender: ByteSender
  /** The field `scope` of ScopeLogs or ScopeSpans, tag and all. */
  readonly scope: Uint8Array
  /** What every attribute begins with (`AttributeTag`). */
  readonly tag: number
  /** Told of items that were given up because too many bytes are under way to the main half. */
  readonly dropped: (items: number) => void
}

/** Items of one resource that stand one behind the other in the buffer. */
interface Piece {
  readonly resource: EncodedResource
  readonly start: number
  end: number
}

/**
 * Gathers log records or spans that are encoded already into the bytes of an `Export…ServiceRequest`, with the items of a
 * resource together. Items are written into `buffer`, as fields of ScopeLogs or ScopeSpans, between `begin` and `end`.
 */
export class OtlpPieces {
  readonly buffer: AttributeBuffer
  readonly #scope: Uint8Array
  #pieces: Piece[] = []
  #items = 0

  /** `scope` is the field of ScopeLogs or ScopeSpans, tag and all; `tag` what every attribute begins with (`AttributeTag`). */
  constructor(scope: Uint8Array, tag: number, bytesExpected: number) {
    this.#scope = scope
    this.buffer = new AttributeBuffer(tag, bytesExpected)
  }

  /** Number of items since the last `assemble` or `clear`. */
  get items(): number {
    return this.#items
  }

  /** What is written into `buffer` from now on belongs to `resource`. */
  begin(resource: EncodedResource): void {
    const last = this.#pieces.at(-1)
    if (last === undefined || last.resource !== resource) this.#pieces.push({ resource, start: this.buffer.at, end: this.buffer.at })
  }

  /** Takes over the `items` that were written since `begin`. */
  end(items: number): void {
    const last = this.#pieces.at(-1)
    if (last === undefined) return
    last.end = this.buffer.at
    if (last.start === last.end) this.#pieces.pop()
    this.#items += items
  }

  /** Forgets all items and keeps the memory. */
  clear(): void {
    this.#items = 0
    this.#pieces = []
    this.buffer.at = 0
  }

  /** All items, in memory of their own: `{1 resource_logs {1 resource, 2 scope_logs {1 scope, 2 items…}}}`; spans have the same numbers. Clears. */
  assemble(): Uint8Array<ArrayBuffer> {
    const scope = this.#scope
    const groups = [...Map.groupBy(this.#pieces, ({ resource }) => resource)].map(([resource, pieces]) => {
      const inner = scope.length + pieces.reduce((sum, { start, end }) => sum + end - start, 0)
      return { resource, pieces, inner, outer: resource.bytes.length + 1 + varintSize(inner) + inner }
    })
    // All of it is written below, so that zeros first would be for nothing; `slow` memory is not shared and can be transferred.
    const bytes = new Uint8Array(Buffer.allocUnsafeSlow(groups.reduce((sum, { outer }) => sum + 1 + varintSize(outer) + outer, 0)).buffer)
    let at = 0
    for (const { resource, pieces, inner, outer } of groups) {
      bytes[at] = 0x0a
      at = putVarint(bytes, at + 1, outer)
      bytes.set(resource.bytes, at)
      at += resource.bytes.length
      bytes[at] = 0x12
      at = putVarint(bytes, at + 1, inner)
      bytes.set(scope, at)
      at += scope.length
      for (const { start, end } of pieces) {
        bytes.set(this.buffer.bytes.subarray(start, end), at)
        at += end - start
      }
    }
    this.clear()
    return bytes
  }
}

/** Sends what an ingest half has encoded to the main half, in chunks of about 512 KiB, none later than 200 ms after its first item. */
export class OtlpChunks {
  readonly #settings: OtlpChunksSettings
  readonly #pieces: OtlpPieces
  #stopTimer: (() => void) | undefined

  constructor(settings: OtlpChunksSettings) {
    this.#settings = settings
    this.#pieces = new OtlpPieces(settings.scope, settings.tag, CHUNK_BYTES + (64 << 10))
  }

  /** Where items are written, between `begin` and `end`. */
  get buffer(): AttributeBuffer {
    return this.#pieces.buffer
  }

  /** False when nothing would be taken, so that encoding can be left out; the caller then counts what it drops. */
  get hasRoom(): boolean {
    return !this.#settings.sender.isFull
  }

  /** What is written into `buffer` from now on belongs to `resource`. */
  begin(resource: EncodedResource): void {
    this.#pieces.begin(resource)
  }

  /** Takes over the `items` that were written since `begin`. */
  end(items: number): void {
    this.#pieces.end(items)
    if (items === 0) return
    if (this.buffer.at >= CHUNK_BYTES) this.flush()
    else this.#stopTimer ??= this.#settings.clock.after(CHUNK_DELAY_MS, () => this.flush())
  }

  /** Sends what there is. */
  flush(): void {
    this.#stopTimer?.()
    this.#stopTimer = undefined
    const { items } = this.#pieces
    if (items > 0 && !this.#settings.sender.send(this.#pieces.assemble(), items)) this.#settings.dropped(items)
  }
}

/** The field `scope` of ScopeLogs or ScopeSpans: the instrumentation that made the items. */
export function scopeField(name: string): Uint8Array {
  return new ProtobufWriter(64).open(1).string(1, name).close().finish()
}
