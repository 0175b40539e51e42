import { Control, type StatBuffers } from './layout.ts'

const encoder = new TextEncoder()

/** Texts whose numbers are at hand: most of them come again and again. */
const RECENT_TEXTS = 4096

/**
 * Writes texts into a shard's shared memory, each once, and finds them again there: but for some that are at hand, no JavaScript
 * string is kept. Texts are only appended.
 */
export class SharedTexts {
  readonly #buffers: StatBuffers
  #count = 1
  #bytes = 0
  /** Text numbers by hash, open addressing; 0 = free. */
  #slots = new Int32Array(1024)
  #scratch = new Uint8Array(1024)
  readonly #recent = new Map<string, number>()

  constructor(buffers: StatBuffers) {
    this.#buffers = buffers
    Atomics.store(buffers.control, Control.texts, 1)
  }

  /** The number of a text, written on first sight; -1 when there is no room. */
  numberOf(text: string): number {
    if (text === '') return 0
    const recent = this.#recent.get(text)
    if (recent !== undefined) return recent
    const number = this.#search(text)
    if (number < 0) return number
    if (this.#recent.size === RECENT_TEXTS) this.#recent.clear()
    this.#recent.set(text, number)
    return number
  }

  #search(text: string): number {
    if (text.length * 3 > this.#scratch.length) this.#scratch = new Uint8Array(text.length * 6)
    const { written: length } = encoder.encodeInto(text, this.#scratch)
    const mask = this.#slots.length - 1
    let slot = hashOf(this.#scratch, 0, length) & mask
    for (;;) {
      const known = this.#slots[slot] as number
      if (known === 0) break
      if (this.#equals(known, length)) return known
      slot = (slot + 1) & mask
    }
    return this.#append(length, slot)
  }

  #append(length: number, slot: number): number {
    const { control, textEnds, textBytes } = this.#buffers
    if (this.#count === textEnds.length || this.#bytes + length > textBytes.length) return -1
    const number = this.#count++
    textBytes.set(this.#scratch.subarray(0, length), this.#bytes)
    this.#bytes += length
    textEnds[number] = this.#bytes
    Atomics.store(control, Control.textBytes, this.#bytes)
    Atomics.store(control, Control.texts, this.#count)
    this.#slots[slot] = number
    if (this.#count * 2 > this.#slots.length) this.#rehash()
    return number
  }

  #equals(number: number, length: number): boolean {
    const { textEnds, textBytes } = this.#buffers
    const start = textEnds[number - 1] as number
    if ((textEnds[number] as number) - start !== length) return false
    for (let i = 0; i < length; i++) if (textBytes[start + i] !== this.#scratch[i]) return false
    return true
  }

  #rehash(): void {
    const { textEnds, textBytes } = this.#buffers
    this.#slots = new Int32Array(this.#slots.length * 2)
    const mask = this.#slots.length - 1
    for (let number = 1; number < this.#count; number++) {
      let slot = hashOf(textBytes, textEnds[number - 1] as number, textEnds[number] as number) & mask
      while (this.#slots[slot] !== 0) slot = (slot + 1) & mask
      this.#slots[slot] = number
    }
  }
}

// Seeded, so that a sender cannot prepare texts that all fall into one slot.
const SEED = (Math.random() * 0x7fff_ffff) | 0

function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let h = SEED ^ (end - start)
  for (let i = start; i < end; i++) {
    h = Math.imul(h ^ (bytes[i] as number), 0x9e37_79b1)
    h ^= h >>> 15
  }
  return h
}
