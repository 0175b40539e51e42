import type { Clock, Logger } from '../component.ts'
import type { IngestOrigin } from '../link.ts'
import { type ByteMessage, ByteReceiver, type ReceivedBytes } from './byte_link.ts'

/** How often refused chunks are mentioned in the log. */
const LOG_INTERVAL_MS = 10_000

export interface ChunkHandlers {
  /** Hands the bytes of a chunk, which it may keep, to what follows. */
  readonly hand: (bytes: Uint8Array, items: number) => void | Promise<void>
  readonly taken: (items: number) => void
  readonly refused: (items: number) => void
}

/**
 * The main side of ingest halves that send OTLP chunks (`OtlpChunks`): hands each on, and gives its room back to the half when
 * it has been taken, so that a slow or full consumer bounds the memory. A chunk that is refused is dropped and counted.
 */
export class ChunkInbox {
  readonly #settings: { readonly log: Logger; readonly clock: Clock }
  readonly #handlers: ChunkHandlers
  readonly #received = new ByteReceiver()
  readonly #open = new Set<Promise<void>>()
  #loggedMs = Number.NEGATIVE_INFINITY

  constructor(settings: { readonly log: Logger; readonly clock: Clock }, handlers: ChunkHandlers) {
    this.#settings = settings
    this.#handlers = handlers
  }

  receive(message: ByteMessage, from: IngestOrigin): void {
    const received = this.#received.receive(message, from)
    if (received === undefined) return
    const handing = this.#hand(received)
    this.#open.add(handing)
    void handing.then(() => this.#open.delete(handing))
  }

  gone(from: IngestOrigin): void {
    this.#received.gone(from)
  }

  /** Resolves when all that came so far has been taken or refused, at the latest when `signal` aborts. */
  async emptied(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return
    const { promise: aborted, resolve } = Promise.withResolvers<void>()
    const abort = (): void => resolve()
    signal.addEventListener('abort', abort, { once: true })
    while (this.#open.size > 0 && !signal.aborted) await Promise.race([aborted, Promise.all(this.#open)])
    signal.removeEventListener('abort', abort)
  }

  async #hand({ bytes, items, done }: ReceivedBytes): Promise<void> {
    try {
      await this.#handlers.hand(bytes, items)
      this.#handlers.taken(items)
    } catch (error) {
      this.#handlers.refused(items)
      this.#warn(items, error)
    } finally {
      done()
    }
  }

  #warn(items: number, error: unknown): void {
    const nowMs = this.#settings.clock.monotonic()
    if (nowMs - this.#loggedMs < LOG_INTERVAL_MS) return
    this.#loggedMs = nowMs
    this.#settings.log.warn({ items, error: error instanceof Error ? error.message : String(error) }, 'chunk refused by the pipeline')
  }
}
