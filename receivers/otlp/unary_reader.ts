import { joined } from './inflate.ts'

const HEADER_BYTES = 5

/** What is wrong with a stream that should carry one message. */
export type FramingFault = 'too_large' | 'invalid'

/**
 * Reads the one message of a unary gRPC call (one byte of flags, four of length, the message; see
 * https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md). Pieces are kept as they come, so that a length that only
 * promises bytes costs nothing. Pure: bytes in, message out.
 */
export class UnaryReader {
  readonly #bytesMax: number
  readonly #header = new Uint8Array(HEADER_BYTES)
  #headerFilled = 0
  #pieces: Uint8Array[] = []
  #filled = 0
  #size = -1

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** Bytes of the message that are here. */
  get filled(): number {
    return this.#filled
  }

  /** How long the message says it is; -1 before it has said so. */
  get size(): number {
    return this.#size
  }

  get isWhole(): boolean {
    return this.#filled === this.#size
  }

  get isCompressed(): boolean {
    return this.#header[0] === 1
  }

  /** Takes the next piece, which stays in use until `take`; tells when it cannot be part of one message. Nothing may be written after a fault. */
  write(piece: Uint8Array): FramingFault | undefined {
    let at = 0
    while (this.#headerFilled < HEADER_BYTES && at < piece.length) this.#header[this.#headerFilled++] = piece[at++] as number
    if (this.#headerFilled < HEADER_BYTES) return undefined
    if (this.#size < 0) {
      const [flags, a, b, c, d] = this.#header as unknown as [number, number, number, number, number]
      if (flags > 1) return 'invalid'
      this.#size = a * 0x1000000 + ((b << 16) | (c << 8) | d)
      if (this.#size > this.#bytesMax) return 'too_large'
    }
    if (at === piece.length) return undefined
    this.#filled += piece.length - at
    if (this.#filled > this.#size) return 'invalid'
    this.#pieces.push(at === 0 ? piece : piece.subarray(at))
    return undefined
  }

  /** The message, in memory of its own; only when it is whole. */
  take(): Uint8Array<ArrayBuffer> {
    const bytes = joined(this.#pieces, this.#filled)
    this.#pieces = []
    return bytes
  }
}
