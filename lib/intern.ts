const decoder = new TextDecoder('utf-8', { fatal: false, ignoreBOM: true })

/** What `writeShortText` writes. */
export const SHORT_TEXT_WORDS = 5
const SHORT_TEXT_MIN = 4
const SHORT_TEXT_MAX = 16

/**
 * Writes 4 to 16 bytes as five words that no other bytes have, the last of which is their length, from `to[at]` on.
 * Returns false, and writes nothing, for shorter and longer ones.
 */
export function writeShortText(view: DataView, start: number, length: number, to: Int32Array, at: number): boolean {
  if (length < SHORT_TEXT_MIN || length > SHORT_TEXT_MAX) return false
  const isTwoWords = length >= 8
  // From both ends towards the middle, where words overlap unless there are sixteen bytes.
  to[at] = view.getInt32(start, true)
  to[at + 1] = isTwoWords ? view.getInt32(start + 4, true) : 0
  to[at + 2] = isTwoWords ? view.getInt32(start + length - 8, true) : 0
  to[at + 3] = view.getInt32(start + length - 4, true)
  to[at + 4] = length
  return true
}

/** A table with a longer run of occupied slots is started over: somebody makes strings that collide. */
const PROBES_MAX = 128

export interface InternLimits {
  /** Most strings held. */
  readonly entriesMax: number
  /** Most bytes held by all strings together. */
  readonly bytesMax: number
}

/**
 * Gives byte strings small integer ids without creating JavaScript strings. Id 0 is the empty string.
 *
 * Ids are valid within one `epoch`. A table over its limits still answers; its owner calls `renew` between two batches,
 * which forgets everything and starts the next epoch. Caches keyed by ids compare the epoch and start over.
 */
export class ByteInterner {
  /** Grows by one each time ids lose their meaning. */
  epoch = 0
  #limits: InternLimits
  #seed: number
  #arena: Uint8Array
  #view: DataView
  #arenaUsed = 0
  #offsets: Int32Array
  #lengths: Int32Array
  #hashes: Int32Array
  /** Id and hash, side by side: a look-up mostly needs one cache line of it. */
  #slots: Int32Array
  #mask: number
  #count = 1
  #isCrowded = false
  #texts: (string | undefined)[] = ['']

  constructor(limits: InternLimits = { entriesMax: 65_536, bytesMax: 16 << 20 }) {
    this.#limits = limits
    // Seeded, so that a sender cannot prepare strings that all fall into one slot.
    this.#seed = (Math.random() * 0x7fffffff) | 0
    this.#arena = new Uint8Array(64 << 10)
    this.#view = new DataView(this.#arena.buffer)
    this.#offsets = new Int32Array(1024)
    this.#lengths = new Int32Array(1024)
    this.#hashes = new Int32Array(1024)
    this.#slots = new Int32Array(8192)
    this.#mask = 4095
  }

  /** Number of ids given out in this epoch, the empty string included. */
  get size(): number {
    return this.#count
  }

  /** True when the owner should call `renew` at the next batch boundary. */
  get isFull(): boolean {
    return this.#count > this.#limits.entriesMax || this.#arenaUsed > this.#limits.bytesMax || this.#isCrowded
  }

  /** Forgets all strings. Ids given out before mean nothing afterwards. */
  renew(): void {
    this.epoch++
    this.#count = 1
    this.#arenaUsed = 0
    this.#isCrowded = false
    this.#slots.fill(0)
    this.#texts = ['']
  }

  /**
   * The id of `bytes[start, end)`; `view` is a DataView over the same memory with offset 0 at `bytes[0]`. `guess` is an id
   * of this epoch that may well be the answer, such as that of the same field one entry before: when it is, nothing needs
   * to be hashed.
   */
  intern(bytes: Uint8Array, view: DataView, start: number, end: number, guess = 0): number {
    const length = end - start
    if (length === 0) return 0
    if (guess !== 0 && this.#lengths[guess] === length && this.#equals(view, bytes, start, end, this.#offsets[guess] as number)) return guess
    const hash = this.#hash(view, bytes, start, end)
    let slot = hash & this.#mask
    for (let probes = 0; ; probes++) {
      const id = this.#slots[slot * 2] as number
      if (id === 0) return this.#add(bytes, start, end, hash, slot)
      if (this.#slots[slot * 2 + 1] === hash && this.#lengths[id] === length && this.#equals(view, bytes, start, end, this.#offsets[id] as number)) return id
      slot = (slot + 1) & this.#mask
      if (probes === PROBES_MAX) this.#isCrowded = true
    }
  }

  /** The string of an id, decoded on first use; bytes that are not UTF-8 become U+FFFD. */
  text(id: number): string {
    const known = this.#texts[id]
    if (known !== undefined) return known
    const text = decoder.decode(this.bytes(id))
    this.#texts[id] = text
    return text
  }

  /** The bytes of an id; a view that is valid until the next `intern` or `renew`. */
  bytes(id: number): Uint8Array {
    if (id === 0) return this.#arena.subarray(0, 0)
    const at = this.#offsets[id] as number
    return this.#arena.subarray(at, at + (this.#lengths[id] as number))
  }

  /**
   * Writes `SHORT_TEXT_WORDS` words that stand for the bytes of an id and no others, from `to[at]` on; what `writeShortText`
   * writes, if it can, and else the id with a last word of 0. All are 0 for the empty string.
   */
  key(id: number, to: Int32Array, at: number): void {
    if (id !== 0 && writeShortText(this.#view, this.#offsets[id] as number, this.#lengths[id] as number, to, at)) return
    to[at] = id
    to[at + 1] = 0
    to[at + 2] = 0
    to[at + 3] = 0
    to[at + 4] = 0
  }

  // Here and in `#equals`, `| 0` spares a check for overflow and a conversion at each step.
  #hash(view: DataView, bytes: Uint8Array, start: number, end: number): number {
    let h = (this.#seed ^ (end - start)) | 0
    const last = (end - 4) | 0
    if (start > last) {
      for (let at = start; at < end; at++) h = Math.imul(h ^ (bytes[at] as number), 0x85ebca6b)
    } else {
      let at = start | 0
      if (end - start > 32) {
        // Four sums that do not wait for each other.
        let f = h ^ 0x5bd1e995
        let g = h ^ 0x27d4eb2f
        let k = h ^ 0x165667b1
        for (const fours = end - 16; at < fours; at = (at + 16) | 0) {
          h = turned(h, view.getInt32(at, true))
          f = turned(f, view.getInt32((at + 4) | 0, true))
          g = turned(g, view.getInt32((at + 8) | 0, true))
          k = turned(k, view.getInt32((at + 12) | 0, true))
        }
        h = turned(turned(turned(h, f), g), k)
      }
      for (; at < last; at = (at + 4) | 0) h = turned(h, view.getInt32(at, true))
      // The last word overlaps the one before it unless the length is a multiple of four.
      h = turned(h, view.getInt32(last, true))
    }
    h ^= h >>> 13
    h = Math.imul(h, 0xc2b2ae35)
    return h ^ (h >>> 16)
  }

  #equals(view: DataView, bytes: Uint8Array, start: number, end: number, arenaAt: number): boolean {
    const last = (end - 4) | 0
    let at = start | 0
    let to = arenaAt | 0
    if (at > last) {
      for (; at < end; at++, to++) if (bytes[at] !== this.#arena[to]) return false
      return true
    }
    const own = this.#view
    // The last word first: strings of one field often begin alike. It overlaps the one before unless the length is a multiple of four.
    if (view.getInt32(last, true) !== own.getInt32((to + last - at) | 0, true)) return false
    for (const fours = (end - 16) | 0; at <= fours; at = (at + 16) | 0, to = (to + 16) | 0) {
      const difference =
        (view.getInt32(at, true) ^ own.getInt32(to, true)) |
        (view.getInt32((at + 4) | 0, true) ^ own.getInt32((to + 4) | 0, true)) |
        (view.getInt32((at + 8) | 0, true) ^ own.getInt32((to + 8) | 0, true)) |
        (view.getInt32((at + 12) | 0, true) ^ own.getInt32((to + 12) | 0, true))
      if (difference !== 0) return false
    }
    for (; at < last; at = (at + 4) | 0, to = (to + 4) | 0) if (view.getInt32(at, true) !== own.getInt32(to, true)) return false
    return true
  }

  #add(bytes: Uint8Array, start: number, end: number, hash: number, slot: number): number {
    const length = end - start
    this.#reserve(length)
    const id = this.#count++
    this.#arena.set(bytes.subarray(start, end), this.#arenaUsed)
    this.#offsets[id] = this.#arenaUsed
    this.#lengths[id] = length
    this.#hashes[id] = hash
    this.#arenaUsed += length
    this.#slots[slot * 2] = id
    this.#slots[slot * 2 + 1] = hash
    if (this.#count * 2 > this.#mask) this.#rehash()
    return id
  }

  #reserve(length: number): void {
    if (this.#arenaUsed + length > this.#arena.length) {
      const grown = new Uint8Array(Math.max(this.#arena.length * 2, this.#arenaUsed + length))
      grown.set(this.#arena.subarray(0, this.#arenaUsed))
      this.#arena = grown
      this.#view = new DataView(grown.buffer)
    }
    if (this.#count === this.#offsets.length) {
      this.#offsets = grow(this.#offsets)
      this.#lengths = grow(this.#lengths)
      this.#hashes = grow(this.#hashes)
    }
  }

  #rehash(): void {
    const slots = new Int32Array(this.#slots.length * 2)
    const mask = slots.length / 2 - 1
    for (let id = 1; id < this.#count; id++) {
      let slot = (this.#hashes[id] as number) & mask
      while (slots[slot * 2] !== 0) slot = (slot + 1) & mask
      slots[slot * 2] = id
      slots[slot * 2 + 1] = this.#hashes[id] as number
    }
    this.#slots = slots
    this.#mask = mask
  }
}

function turned(h: number, word: number): number {
  const mixed = Math.imul(h ^ word, 0x9e3779b1)
  return (mixed << 13) | (mixed >>> 19)
}

function grow(array: Int32Array): Int32Array<ArrayBuffer> {
  const grown = new Int32Array(array.length * 2)
  grown.set(array)
  return grown
}
