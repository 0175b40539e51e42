/** The two halves of the hash that `hashMember` computed last; read them at once. */
export const memberHash: { high: number; low: number } = { high: 0, low: 0 }

/**
 * Computes 64 bits that stand for a set's member, the same in every thread. Equal hashes of different members are not told
 * apart: among 10,000 members that happens once in some 400 million sets.
 */
export function hashMember(bytes: Uint8Array, start: number, end: number): void {
  let a = 0x9e37_79b1 ^ (end - start)
  let b = 0x85eb_ca6b
  for (let at = start; at < end; at++) {
    const byte = bytes[at] as number
    a = Math.imul(a ^ byte, 0x85eb_ca77)
    a = (a << 13) | (a >>> 19)
    b = Math.imul(b + byte, 0xc2b2_ae3d) ^ a
  }
  a = mixed(a ^ (b >>> 7))
  b = mixed(b ^ Math.imul(a, 0x27d4_eb2f))
  memberHash.high = mixed(a + b) >>> 0
  memberHash.low = b >>> 0
}

function mixed(word: number): number {
  let h = word
  h = Math.imul(h ^ (h >>> 16), 0x7feb_352d)
  h = Math.imul(h ^ (h >>> 15), 0x846c_a68b)
  return h ^ (h >>> 16)
}

const SLOTS = 1 << 16

/**
 * Remembers members that were passed on lately, so that few are passed on twice. Forgets when slots collide: that costs a
 * message, not a wrong count.
 */
export class RecentMembers {
  /** Per slot: row, high, low, number of the interval. */
  readonly #slots = new Int32Array(SLOTS * 4)

  /** True when the member is new as far as known; it is known afterwards. */
  isNew(row: number, interval: number): boolean {
    const { high, low } = memberHash
    const at = ((low ^ Math.imul(row, 0x9e37_79b1)) & (SLOTS - 1)) * 4
    const slots = this.#slots
    if (slots[at] === row && slots[at + 1] === (high | 0) && slots[at + 2] === (low | 0) && slots[at + 3] === (interval | 0)) return false
    slots[at] = row
    slots[at + 1] = high
    slots[at + 2] = low
    slots[at + 3] = interval
    return true
  }

  /** Forgets all; for when rows lose their meaning. */
  clear(): void {
    this.#slots.fill(0)
  }
}
