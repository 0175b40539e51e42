/** What becomes of the bytes of a stream. `bytes` of a message are valid only during the call. */
export interface FrameSink {
  message(bytes: Uint8Array, isCompressed: boolean): void
  /** A message over the limit begins; its bytes are skipped, and what follows is read again. */
  tooLarge(size: number): void
  /** The bytes are not gRPC frames; nothing more can be read from this stream. */
  broken(): void
}

const HEADER_BYTES = 5
/** Assembly buffers above this are given back after the message; the first message of an Envoy has up to 80 KiB. */
const KEPT_BYTES = 32 * 1024

/**
 * Cuts the body of a gRPC stream into its length-prefixed messages (one byte of flags, four of length, big-endian). A
 * message that lies within one chunk is handed on in place; one that spans chunks is put together in a buffer that is used
 * again. Pure: bytes in, calls out.
 */
export class GrpcFrames {
  readonly #messageBytesMax: number
  readonly #sink: FrameSink
  readonly #header = new Uint8Array(HEADER_BYTES)
  #headerFilled = 0
  #assembly = new Uint8Array(0)
  #filled = 0
  /** Bytes of the message that begins with the current header; -1 while the header is read. */
  #size = -1
  #toSkip = 0
  #isBroken = false

  constructor(messageBytesMax: number, sink: FrameSink) {
    this.#messageBytesMax = messageBytesMax
    this.#sink = sink
  }

  /** Bytes of a message that has begun and is not whole, its header included. */
  get pendingBytes(): number {
    return this.#headerFilled + this.#filled
  }

  /** Takes the next chunk. Bytes of skipped and broken frames are returned as a number, so that they can be counted. */
  write(chunk: Uint8Array): number {
    let at = 0
    let discarded = 0
    while (at < chunk.length && !this.#isBroken) {
      if (this.#toSkip > 0) {
        const skipped = Math.min(this.#toSkip, chunk.length - at)
        this.#toSkip -= skipped
        discarded += skipped
        at += skipped
      } else if (this.#size < 0) at = this.#readHeader(chunk, at)
      else at = this.#readBody(chunk, at)
    }
    return this.#isBroken ? discarded + chunk.length - at : discarded
  }

  #readHeader(chunk: Uint8Array, from: number): number {
    let at = from
    while (this.#headerFilled < HEADER_BYTES && at < chunk.length) this.#header[this.#headerFilled++] = chunk[at++] as number
    if (this.#headerFilled < HEADER_BYTES) return at
    const header = this.#header
    const flags = header[0] as number
    const size = (header[1] as number) * 0x1000000 + (((header[2] as number) << 16) | ((header[3] as number) << 8) | (header[4] as number))
    if (flags > 1) {
      this.#isBroken = true
      this.#headerFilled = 0
      this.#sink.broken()
    } else if (size > this.#messageBytesMax) {
      this.#toSkip = size
      this.#headerFilled = 0
      this.#sink.tooLarge(size)
    } else if (size === 0) this.#emit(chunk.subarray(at, at))
    else this.#size = size
    return at
  }

  #readBody(chunk: Uint8Array, at: number): number {
    const available = chunk.length - at
    if (this.#filled === 0 && available >= this.#size) {
      const end = at + this.#size
      this.#emit(chunk.subarray(at, end))
      return end
    }
    const part = Math.min(this.#size - this.#filled, available)
    if (this.#assembly.length < this.#size) {
      // Grown as bytes come, not by what a header promises: a promise costs a hostile sender nothing.
      const needed = Math.min(this.#size, Math.max(this.#filled + part, this.#assembly.length * 2, KEPT_BYTES))
      if (needed > this.#assembly.length) {
        const grown = new Uint8Array(needed)
        grown.set(this.#assembly.subarray(0, this.#filled))
        this.#assembly = grown
      }
    }
    this.#assembly.set(chunk.subarray(at, at + part), this.#filled)
    this.#filled += part
    if (this.#filled === this.#size) this.#emit(this.#assembly.subarray(0, this.#size))
    return at + part
  }

  #emit(bytes: Uint8Array): void {
    const isCompressed = this.#header[0] === 1
    this.#headerFilled = 0
    this.#filled = 0
    this.#size = -1
    if (this.#assembly.length > KEPT_BYTES) this.#assembly = new Uint8Array(0)
    this.#sink.message(bytes, isCompressed)
  }
}
