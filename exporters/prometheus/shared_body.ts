import { pipeline, Readable } from 'node:stream'
import { constants, createGzip } from 'node:zlib'

/** Bodies up to this size are kept whole while they are being sent, so that a client may join until the end. */
const JOINABLE_BYTES_MAX = 8 << 20

/**
 * A body that is produced once and read by several clients at their own pace. It is produced as fast as the fastest of
 * them reads and not at all when none is left; chunks that all have read are let go.
 */
export class SharedBody {
  readonly #source: AsyncGenerator<Buffer, void, void>
  readonly #chunks: (Buffer | undefined)[] = []
  readonly #readers = new Set<{ at: number }>()
  #released = 0
  #bytes = 0
  #isDone = false
  #failure: { readonly error: unknown } | undefined
  #pull: Promise<void> | undefined

  constructor(source: AsyncGenerator<Buffer, void, void>) {
    this.#source = source
  }

  /** True when another client can still get all of it. */
  get isJoinable(): boolean {
    return this.#released === 0 && !this.#isDone && this.#failure === undefined
  }

  /** The chunks from the first on. Ending the iteration early is how a client leaves. */
  async *read(): AsyncGenerator<Buffer, void, void> {
    const reader = { at: 0 }
    this.#readers.add(reader)
    try {
      for (;;) {
        while (reader.at >= this.#chunks.length) {
          if (this.#failure !== undefined) throw this.#failure.error
          if (this.#isDone) return
          await this.#produce()
        }
        const chunk = this.#chunks[reader.at++] as Buffer
        this.#release()
        yield chunk
      }
    } finally {
      this.#readers.delete(reader)
      if (this.#readers.size === 0 && !this.#isDone) {
        this.#isDone = true
        await this.#source.return()
      }
    }
  }

  #produce(): Promise<void> {
    this.#pull ??= this.#source.next().then(
      ({ done, value }) => {
        this.#pull = undefined
        if (done === true) this.#isDone = true
        else {
          this.#chunks.push(value)
          this.#bytes += value.length
        }
      },
      (error: unknown) => {
        this.#pull = undefined
        this.#failure = { error }
      },
    )
    return this.#pull
  }

  #release(): void {
    if (this.#bytes <= JOINABLE_BYTES_MAX) return
    let slowest = Number.POSITIVE_INFINITY
    for (const { at } of this.#readers) slowest = Math.min(slowest, at)
    while (this.#released < slowest) this.#chunks[this.#released++] = undefined
  }
}

/** Compresses in the thread pool, with the effort that costs least (level 1 is a third of level 6 at 3/4 of its ratio). */
export async function* gzip(source: AsyncGenerator<Buffer, void, void>): AsyncGenerator<Buffer, void, void> {
  const zip = createGzip({ level: constants.Z_BEST_SPEED, chunkSize: 64 << 10 })
  // Errors reach the reader through `zip`, which the pipeline destroys with them.
  pipeline(Readable.from(source, { objectMode: false, highWaterMark: 256 << 10 }), zip, () => {})
  for await (const chunk of zip) yield chunk as Buffer
}
