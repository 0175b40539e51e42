import type { IngestLink, IngestOrigin } from '../link.ts'

/** What travels on the link of a component whose ingest half renders bytes and whose main half writes them out. */
export type ByteMessage =
  /** First on every link: the number of bytes that are under way, shared by both sides. */
  | { readonly outstanding: Int32Array }
  /** Rendered bytes, and how many items they hold. */
  | { readonly bytes: Uint8Array<ArrayBuffer>; readonly items: number }

/**
 * The ingest side: hands rendered bytes to the main half, and never has more than `outstandingBytesMax` of them under
 * way, so that a slow disk or terminal costs output, not memory.
 */
export class ByteSender {
  readonly #link: IngestLink<ByteMessage>
  readonly #outstandingBytesMax: number
  readonly #outstanding = new Int32Array(new SharedArrayBuffer(4))

  constructor(link: IngestLink<ByteMessage>, outstandingBytesMax: number) {
    this.#link = link
    this.#outstandingBytesMax = outstandingBytesMax
    link.send({ outstanding: this.#outstanding })
  }

  /** True when `send` would refuse even a single byte; lets the caller leave out the rendering. */
  get isFull(): boolean {
    return Atomics.load(this.#outstanding, 0) >= this.#outstandingBytesMax
  }

  /** Hands over `bytes`, whose memory goes with them. False when they would be too many: then nothing was sent. */
  send(bytes: Uint8Array<ArrayBuffer>, items: number): boolean {
    const before = Atomics.load(this.#outstanding, 0)
    // A single message larger than the limit still goes when nothing else is under way.
    if (before > 0 && before + bytes.length > this.#outstandingBytesMax) return false
    Atomics.add(this.#outstanding, 0, bytes.length)
    this.#link.send({ bytes, items }, [bytes.buffer])
    return true
  }
}

/** Bytes that an ingest half rendered. `done` must be called once they are written or given up. */
export interface ReceivedBytes {
  readonly bytes: Uint8Array
  readonly items: number
  readonly done: () => void
}

/** The main side of the links from all ingest halves. */
export class ByteReceiver {
  readonly #outstanding = new Map<string, Int32Array>()

  /** The bytes in a message, or undefined when it was the first of its link. */
  receive(message: ByteMessage, from: IngestOrigin): ReceivedBytes | undefined {
    if ('outstanding' in message) {
      this.#outstanding.set(keyOf(from), message.outstanding)
      return undefined
    }
    const outstanding = this.#outstanding.get(keyOf(from))
    const { bytes, items } = message
    const size = bytes.length
    return { bytes, items, done: () => void (outstanding !== undefined && Atomics.sub(outstanding, 0, size)) }
  }

  /** Nothing more comes from this ingest half; what came before can still be finished. */
  gone(from: IngestOrigin): void {
    this.#outstanding.delete(keyOf(from))
  }
}

function keyOf(from: IngestOrigin): string {
  return `${from.worker}/${from.life}`
}
