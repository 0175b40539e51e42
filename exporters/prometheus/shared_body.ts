import { constants, createGzip } from 'node:zlib'

/** Bodies up to this size are kept whole while they are being sent, so that a client may join until the end. */
const JOINABLE_BYTES_MAX = 2 << 20

/**
 * A body that is produced once and read by several clients at their own pace. It is produced as fast as the fastest of
 * them reads and not at all when none is left; chunks that all have read are let go.
 */
export class SharedBody {
  readonly #source: AsyncGenerator<Buffer, void, void>
  readonly #recycle: ((chunk: Buffer) => void) | undefined
  readonly #chunks: (Buffer | undefined)[] = []
  readonly #readers = new Set<{ finished: number }>()
  #released = 0
  #bytes = 0
  #isDone = false
  #isLeft = false
  #failure: { readonly error: unknown } | undefined
  #pull: Promise<void> | undefined

  /** `recycle` gets chunks that nobody reads any more, unless a client left in the middle of one. */
  constructor(source: AsyncGenerator<Buffer, void, void>, recycle?: (chunk: Buffer) => void) {
    this.#source = source
    this.#recycle = recycle
  }

  /** True when another client can still get all of it. */
  get isJoinable(): boolean {
    return this.#released === 0 && !this.#isDone && this.#failure === undefined
  }

  /**
   * The chunks from the first on. A chunk may be used until the next one is asked for. Ending the iteration early is how
   * a client leaves.
   */
  async *read(): AsyncGenerator<Buffer, void, void> {
    const reader = { finished: 0 }
    this.#readers.add(reader)
    let isComplete = false
    try {
      for (;;) {
        while (reader.finished >= this.#chunks.length) {
          if (this.#failure !== undefined) throw this.#failure.error
          if (this.#isDone) {
            isComplete = true
            return
          }
          await this.#produce()
        }
        yield this.#chunks[reader.finished] as Buffer
        reader.finished++
        if (this.#bytes > JOINABLE_BYTES_MAX) this.#release()
      }
    } finally {
      this.#readers.delete(reader)
      if (!isComplete) this.#isLeft = true
      if (this.#readers.size === 0) await this.#close()
    }
  }

  async #close(): Promise<void> {
    if (!this.#isDone) {
      this.#isDone = true
      await this.#source.return()
    }
    this.#release()
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

  /** Lets go of the chunks that all readers are through with. */
  #release(): void {
    let finished = this.#chunks.length
    for (const reader of this.#readers) finished = Math.min(finished, reader.finished)
    while (this.#released < finished) {
      const chunk = this.#chunks[this.#released]
      this.#chunks[this.#released++] = undefined
      // The connection of a client that left may still be busy with its last chunk.
      if (chunk !== undefined && !this.#isLeft) this.#recycle?.(chunk)
    }
  }
}

/** Compresses in the thread pool, with the effort that costs least (level 1 is a third of level 6 at 3/4 of its ratio). */
export async function* gzip(source: AsyncGenerator<Buffer, void, void>): AsyncGenerator<Buffer, void, void> {
  const zip = createGzip({ level: constants.Z_BEST_SPEED, chunkSize: 64 << 10 })
  const feed = async (): Promise<void> => {
    for await (const chunk of source) {
      await new Promise<void>((resolve, reject) => {
        zip.write(chunk, (error) => (error == null ? resolve() : reject(error)))
      })
    }
    zip.end()
  }
  feed().catch((error: Error) => zip.destroy(error))
  try {
    for await (const chunk of zip) yield chunk as Buffer
  } finally {
    zip.destroy()
  }
}
