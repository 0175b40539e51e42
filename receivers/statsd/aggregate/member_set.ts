/** Bits of a hash that pick a register of a sketch; 2^14 registers have a standard error of 0.81 %. */
const PRECISION = 14
const REGISTERS = 1 << PRECISION
/** Highest rank: leading zeros of the other 50 bits, plus one. */
const RANK_MAX = 64 - PRECISION + 1

/** Most members that are told apart exactly. */
export const EXACT_MAX = 10_000

/** How many different members it was told of: exact up to `EXACT_MAX`, an estimate (HyperLogLog) above. */
export class MemberSet {
  /** Pairs of hash halves, open addressing; a pair of zeros is free. */
  #slots: Int32Array | undefined = new Int32Array(16)
  #hasZero = false
  #size = 0
  #registers: Uint8Array | undefined

  get isEstimate(): boolean {
    return this.#registers !== undefined
  }

  /** The number of members. */
  get size(): number {
    return this.#registers === undefined ? this.#size : Math.round(estimate(this.#registers))
  }

  /** Adds a member by the two halves of its hash. */
  add(high: number, low: number): void {
    if (this.#slots === undefined) this.#mark(high, low)
    else if (this.#insert(this.#slots, high | 0, low | 0)) {
      this.#size++
      if (this.#size > EXACT_MAX) this.#becomeEstimate(this.#slots)
      else if (this.#size * 4 > this.#slots.length) this.#grow(this.#slots)
    }
  }

  /** True when the hash was not there. */
  #insert(slots: Int32Array, high: number, low: number): boolean {
    if (high === 0 && low === 0) {
      const isNew = !this.#hasZero
      this.#hasZero = true
      return isNew
    }
    const mask = slots.length / 2 - 1
    for (let slot = low & mask; ; slot = (slot + 1) & mask) {
      const at = slot * 2
      if (slots[at] === 0 && slots[at + 1] === 0) {
        slots[at] = high
        slots[at + 1] = low
        return true
      }
      if (slots[at] === high && slots[at + 1] === low) return false
    }
  }

  #grow(old: Int32Array): void {
    const slots = new Int32Array(old.length * 2)
    for (let at = 0; at < old.length; at += 2) {
      if (old[at] !== 0 || old[at + 1] !== 0) this.#insert(slots, old[at] as number, old[at + 1] as number)
    }
    this.#slots = slots
  }

  #becomeEstimate(slots: Int32Array): void {
    this.#registers = new Uint8Array(REGISTERS)
    this.#slots = undefined
    if (this.#hasZero) this.#mark(0, 0)
    for (let at = 0; at < slots.length; at += 2) {
      if (slots[at] !== 0 || slots[at + 1] !== 0) this.#mark(slots[at] as number, slots[at + 1] as number)
    }
  }

  #mark(high: number, low: number): void {
    const registers = this.#registers as Uint8Array
    const register = (high >>> 0) >>> (32 - PRECISION)
    const rest = high & ((1 << (32 - PRECISION)) - 1)
    const rank = rest === 0 ? 32 - PRECISION + Math.clz32(low) + 1 : Math.clz32(rest) - PRECISION + 1
    if (rank > (registers[register] as number)) registers[register] = rank
  }
}

/**
 * The improved raw estimator of Otmar Ertl, "New cardinality estimation algorithms for HyperLogLog sketches" (2017),
 * algorithm 6: unbiased from 0 members on, without tables.
 */
function estimate(registers: Uint8Array): number {
  const counts = new Float64Array(RANK_MAX + 1)
  for (const rank of registers) counts[rank] = (counts[rank] as number) + 1
  let z = REGISTERS * tau(1 - (counts[RANK_MAX] as number) / REGISTERS)
  for (let rank = RANK_MAX - 1; rank >= 1; rank--) z = 0.5 * (z + (counts[rank] as number))
  z += REGISTERS * sigma((counts[0] as number) / REGISTERS)
  return ((1 / (2 * Math.LN2)) * REGISTERS * REGISTERS) / z
}

function sigma(x: number): number {
  if (x === 1) return Number.POSITIVE_INFINITY
  let power = x
  let y = 1
  let z = x
  for (let before = Number.NaN; z !== before; ) {
    power *= power
    before = z
    z += power * y
    y += y
  }
  return z
}

function tau(x: number): number {
  if (x === 0 || x === 1) return 0
  let root = x
  let y = 1
  let z = 1 - x
  for (let before = Number.NaN; z !== before; ) {
    root = Math.sqrt(root)
    before = z
    y *= 0.5
    z -= (1 - root) ** 2 * y
  }
  return z / 3
}

/**
 * A set's series: what it gathered in this interval and how many it had in the one before. Its value is the number of the
 * last complete interval, as etsy's statsd flushes it; before the first is complete, what was gathered so far.
 */
export class IntervalSet {
  #interval: number
  #members = new MemberSet()
  #last: { readonly interval: number; readonly size: number; readonly isEstimate: boolean } | undefined

  constructor(interval: number) {
    this.#interval = interval
  }

  /** Adds a member that came in interval `interval`; one that comes late counts for the interval that runs. */
  add(interval: number, high: number, low: number): void {
    this.advance(interval)
    this.#members.add(high, low)
  }

  /** Ends the interval that was running when another one has begun. */
  advance(interval: number): void {
    if (interval <= this.#interval) return
    this.#last = { interval: this.#interval, size: this.#members.size, isEstimate: this.#members.isEstimate }
    this.#members = new MemberSet()
    this.#interval = interval
  }

  /** The value in interval `interval`; 0 when nothing came in the one before. */
  value(interval: number): number {
    this.advance(interval)
    if (this.#last === undefined) return this.#members.size
    return this.#last.interval === interval - 1 ? this.#last.size : 0
  }

  get isEstimate(): boolean {
    return this.#members.isEstimate || this.#last?.isEstimate === true
  }
}
