import type { ProtobufWriter } from '../../lib/protobuf/writer.ts'
import { varintSize } from '../../lib/protobuf/writer.ts'

/**
 * Writes messages that came encoded as fields of one number, below 16: those that stood side by side where they came from are
 * copied in one go, tags and lengths and all. Ends with `flush`.
 */
export class RawRun {
  readonly #writer: ProtobufWriter
  readonly #field: number
  #bytes: Uint8Array | undefined
  #start = 0
  #end = 0

  constructor(writer: ProtobufWriter, field: number) {
    this.#writer = writer
    this.#field = field
  }

  /** Adds the message in `bytes[start, end)`. */
  add(bytes: Uint8Array, start: number, end: number): void {
    // The byte before the shortest form of a length is the tag, or belongs to a longer form of it and is larger than any tag.
    const tagAt = start - varintSize(end - start) - 1
    if (bytes === this.#bytes && tagAt === this.#end) {
      this.#end = end
      return
    }
    this.flush()
    if (bytes[tagAt] === ((this.#field << 3) | 2)) {
      this.#bytes = bytes
      this.#start = tagAt
      this.#end = end
    } else this.#writer.bytesRange(this.#field, bytes, start, end)
  }

  /** Writes what has been added; afterwards other fields may be written. */
  flush(): void {
    if (this.#bytes !== undefined) this.#writer.range(this.#bytes, this.#start, this.#end)
    this.#bytes = undefined
  }
}
