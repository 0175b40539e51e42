const SLAB_BYTES = 1 << 20
/** Emptied slabs that are kept for the next messages. */
const SPARE_MAX = 4

/** A piece of memory that holds several messages. */
export interface Slab {
  readonly memory: Uint8Array
  used: number
  messages: number
}

/**
 * Keeps copies of messages that wait, many in one piece of memory that is used again: a piece for each message would cost
 * more than the copy. Whatever is kept must be released.
 */
export class MessageSlabs {
  #current: Slab | undefined
  readonly #spare: Slab[] = []

  /** Copies a message; the bytes stay until `release` is called with the slab that they are in. */
  keep(bytes: Uint8Array): { readonly bytes: Uint8Array; readonly slab: Slab } {
    const slab = this.#roomFor(bytes.length)
    const at = slab.used
    slab.memory.set(bytes, at)
    slab.used += bytes.length
    slab.messages++
    return { bytes: slab.memory.subarray(at, slab.used), slab }
  }

  /** One message of a slab is done with. */
  release(slab: Slab): void {
    slab.messages--
    if (slab.messages > 0) return
    slab.used = 0
    if (slab !== this.#current && slab.memory.length === SLAB_BYTES && this.#spare.length < SPARE_MAX) this.#spare.push(slab)
  }

  /** Gives memory back when nothing is kept any more. */
  trim(): void {
    this.#spare.length = 0
  }

  #roomFor(bytes: number): Slab {
    if (bytes > SLAB_BYTES) return { memory: new Uint8Array(bytes), used: 0, messages: 0 }
    let slab = this.#current
    if (slab === undefined || slab.used + bytes > SLAB_BYTES) {
      slab = this.#spare.pop() ?? { memory: new Uint8Array(SLAB_BYTES), used: 0, messages: 0 }
      this.#current = slab
    }
    return slab
  }
}
