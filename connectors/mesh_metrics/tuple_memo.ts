/** Words of a slot: five of the key, the value plus one (0 = free), two unused so that no slot straddles a cache line. */
const SLOT_SHIFT = 3
const VALUE = 5
const SLOTS_FIRST = 1024

/**
 * Remembers a small non-negative number for tuples of five 32-bit integers, in one Int32Array with open addressing:
 * finding a known tuple creates nothing.
 */
export class TupleMemo {
  readonly #entriesMax: number
  readonly #seed = (Math.random() * 0x7fffffff) | 0
  #slots = new Int32Array(SLOTS_FIRST << SLOT_SHIFT)
  #mask = SLOTS_FIRST - 1
  #count = 0

  /** Forgets everything when it holds `entriesMax` tuples: it is a cache, not a store. */
  constructor(entriesMax: number) {
    this.#entriesMax = entriesMax
  }

  get size(): number {
    return this.#count
  }

  /** The number remembered for a tuple; -1 when there is none. */
  find(a: number, b: number, c: number, d: number, e: number): number {
    const slots = this.#slots
    const mask = this.#mask
    let slot = hash(this.#seed, a, b, c, d, e) & mask
    for (;;) {
      const at = slot << SLOT_SHIFT
      const value = slots[at + VALUE] as number
      if (value === 0) return -1
      if (slots[at] === a && slots[at + 1] === b && slots[at + 2] === c && slots[at + 3] === d && slots[at + 4] === e) return value - 1
      slot = (slot + 1) & mask
    }
  }

  /** Remembers a tuple that `find` does not know. Key words are taken as signed 32-bit integers. */
  add(a: number, b: number, c: number, d: number, e: number, value: number): void {
    if (this.#count >= this.#entriesMax) this.clear()
    else if (this.#count * 2 > this.#mask) this.#grow()
    this.#count++
    this.#put(a, b, c, d, e, value + 1)
  }

  clear(): void {
    this.#slots.fill(0)
    this.#count = 0
  }

  #put(a: number, b: number, c: number, d: number, e: number, stored: number): void {
    let slot = hash(this.#seed, a, b, c, d, e) & this.#mask
    while (this.#slots[(slot << SLOT_SHIFT) + VALUE] !== 0) slot = (slot + 1) & this.#mask
    this.#slots.set([a, b, c, d, e, stored], slot << SLOT_SHIFT)
  }

  #grow(): void {
    const old = this.#slots
    this.#slots = new Int32Array(old.length * 2)
    this.#mask = this.#mask * 2 + 1
    for (let at = 0; at < old.length; at += 1 << SLOT_SHIFT) {
      const [a, b, c, d, e, stored] = old.subarray(at, at + 6) as unknown as [number, number, number, number, number, number]
      if (stored !== 0) this.#put(a, b, c, d, e, stored)
    }
  }
}

function hash(seed: number, a: number, b: number, c: number, d: number, e: number): number {
  let h = Math.imul(seed ^ a, 0x9e3779b1)
  h = Math.imul((h ^ (h >>> 15)) + b, 0x85ebca6b)
  h = Math.imul((h ^ (h >>> 13)) + c, 0xc2b2ae35)
  h = Math.imul((h ^ (h >>> 15)) + d, 0x27d4eb2f)
  h = Math.imul((h ^ (h >>> 13)) + e, 0x165667b1)
  return h ^ (h >>> 16)
}
