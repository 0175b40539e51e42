import type { MainComponent } from '../component/factory.ts'
import type { IngestOrigin } from '../component/link.ts'

/** Brings messages of ingest halves to their main halves, and tells these when an ingest half has ended. */
export class LinkHub {
  /** Who has sent: by the main half's key, then by life. */
  readonly #senders = new Map<string, Map<number, IngestOrigin>>()
  readonly #find: (key: string) => MainComponent | undefined
  readonly #onError: (key: string, error: unknown) => void

  /** `find` gives the main half of a key, also while it is only prepared; `onError` gets what main halves throw. */
  constructor(find: (key: string) => MainComponent | undefined, onError: (key: string, error: unknown) => void) {
    this.#find = find
    this.#onError = onError
  }

  deliver(key: string, message: unknown, from: IngestOrigin): void {
    let senders = this.#senders.get(key)
    if (senders === undefined) {
      senders = new Map()
      this.#senders.set(key, senders)
    }
    if (!senders.has(from.life)) senders.set(from.life, from)
    this.#guard(key, () => this.#find(key)?.receive?.(message, { ...from, send: () => {} }))
  }

  /** The ingest half of `key` in this life of a worker has ended. */
  gone(key: string, from: IngestOrigin): void {
    const senders = this.#senders.get(key)
    if (senders === undefined || !senders.delete(from.life)) return
    if (senders.size === 0) this.#senders.delete(key)
    this.#guard(key, () => this.#find(key)?.gone?.(from))
  }

  /** The worker has ended, and all ingest halves in it. */
  allGone(from: IngestOrigin): void {
    for (const key of Array.from(this.#senders.keys())) this.gone(key, from)
  }

  #guard(key: string, run: () => void): void {
    try {
      run()
    } catch (error) {
      this.#onError(key, error)
    }
  }
}
