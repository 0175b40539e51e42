/** Two running 32-bit hashes that become a span id. The same in every thread and process, so that two proxies' entries agree. */
export class IdHash {
  #high = 0
  #low = 0

  /** Starts anew; `role` tells ids of different kinds from each other. */
  reset(role: number): this {
    this.#high = 0x811c9dc5 ^ role
    this.#low = 0x9e3779b1 + role
    return this
  }

  bytes(bytes: Uint8Array, start: number, end: number): this {
    for (let p = start; p < end; p++) this.#add(bytes[p] as number)
    // So that "ab", "c" and "a", "bc" differ.
    this.#add(0x100)
    return this
  }

  text(text: string): this {
    for (let i = 0; i < text.length; i++) this.#add(text.charCodeAt(i))
    this.#add(0x10000)
    return this
  }

  number(value: number): this {
    this.#add(value | 0)
    return this
  }

  /** Writes eight bytes that are never all zero. */
  write(out: Uint8Array, at: number): void {
    const high = finished(this.#high ^ this.#low)
    const low = finished(this.#low + high)
    for (let i = 0; i < 4; i++) {
      out[at + i] = high >>> (24 - i * 8)
      out[at + 4 + i] = low >>> (24 - i * 8)
    }
    if ((high | low) === 0) out[at + 7] = 1
  }

  #add(word: number): void {
    this.#high = Math.imul(this.#high ^ word, 0x01000193)
    this.#low = turned(Math.imul(this.#low ^ word, 0x85ebca6b))
  }
}

function turned(h: number): number {
  return (h << 13) | (h >>> 19)
}

function finished(hash: number): number {
  let h = hash ^ (hash >>> 16)
  h = Math.imul(h, 0x85ebca6b)
  h ^= h >>> 13
  h = Math.imul(h, 0xc2b2ae35)
  return h ^ (h >>> 16)
}
