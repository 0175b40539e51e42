const SLOTS_FIRST = 1024

/**
 * The open TCP connections of one ingest half: what has been counted of each so far. Open addressing over typed arrays;
 * keys are 64 bits of hash, so nothing of an entry is kept.
 */
export class TcpConnections {
  readonly #max: number
  #slots = SLOTS_FIRST
  #count = 0
  /** Two words per slot; both zero = free. */
  #keys = new Int32Array(SLOTS_FIRST * 2)
  /** Cumulative bytes seen so far, by slot. */
  sent = new Float64Array(SLOTS_FIRST)
  received = new Float64Array(SLOTS_FIRST)
  /** When the last entry came, milliseconds. */
  seenMs = new Float64Array(SLOTS_FIRST)
  /** 1 once the opening has been counted, or was before this process could. */
  isOpened = new Uint8Array(SLOTS_FIRST)

  /** `max` is the most connections remembered. */
  constructor(max: number) {
    this.#max = max
  }

  get size(): number {
    return this.#count
  }

  get isFull(): boolean {
    return this.#count >= this.#max
  }

  /** The slot of a connection; -1 when it is not known. A slot is good until the next `add`, `remove` or `expire`. */
  find(high: number, low: number): number {
    const mask = this.#slots - 1
    let slot = low & mask
    for (;;) {
      const a = this.#keys[slot * 2] as number
      const b = this.#keys[slot * 2 + 1] as number
      if (a === high && b === low) return slot
      if (a === 0 && b === 0) return -1
      slot = (slot + 1) & mask
    }
  }

  /** Takes an unknown connection in, with nothing counted; -1 when the table is full. */
  add(high: number, low: number): number {
    if (this.isFull) return -1
    if (this.#count * 2 >= this.#slots) this.#resize()
    this.#count++
    const slot = this.#free(high, low)
    this.sent[slot] = 0
    this.received[slot] = 0
    this.seenMs[slot] = 0
    this.isOpened[slot] = 0
    return slot
  }

  /** Forgets the connection in a slot; others may move. */
  remove(slot: number): void {
    const mask = this.#slots - 1
    this.#count--
    let hole = slot
    // Close the gap, so that a search never ends before its target (backward shift).
    for (let at = (hole + 1) & mask; this.#keys[at * 2] !== 0 || this.#keys[at * 2 + 1] !== 0; at = (at + 1) & mask) {
      const home = (this.#keys[at * 2 + 1] as number) & mask
      if (((at - home) & mask) < ((at - hole) & mask)) continue
      this.#move(at, hole)
      hole = at
    }
    this.#keys[hole * 2] = 0
    this.#keys[hole * 2 + 1] = 0
  }

  /** Forgets connections without an entry since `beforeMs`; returns how many. */
  expire(beforeMs: number): number {
    let expired = 0
    for (let slot = 0; slot < this.#slots; slot++) {
      // Removing moves a later connection into this slot: look at it again.
      while (this.#isUsed(slot) && (this.seenMs[slot] as number) < beforeMs) {
        this.remove(slot)
        expired++
      }
    }
    return expired
  }

  #isUsed(slot: number): boolean {
    return this.#keys[slot * 2] !== 0 || this.#keys[slot * 2 + 1] !== 0
  }

  #free(high: number, low: number): number {
    const mask = this.#slots - 1
    let slot = low & mask
    while (this.#isUsed(slot)) slot = (slot + 1) & mask
    this.#keys[slot * 2] = high
    this.#keys[slot * 2 + 1] = low
    return slot
  }

  #move(from: number, to: number): void {
    this.#keys[to * 2] = this.#keys[from * 2] as number
    this.#keys[to * 2 + 1] = this.#keys[from * 2 + 1] as number
    this.sent[to] = this.sent[from] as number
    this.received[to] = this.received[from] as number
    this.seenMs[to] = this.seenMs[from] as number
    this.isOpened[to] = this.isOpened[from] as number
  }

  #resize(): void {
    const { sent, received, seenMs, isOpened } = this
    const keys = this.#keys
    const slots = this.#slots
    this.#slots = slots * 2
    this.#keys = new Int32Array(this.#slots * 2)
    this.sent = new Float64Array(this.#slots)
    this.received = new Float64Array(this.#slots)
    this.seenMs = new Float64Array(this.#slots)
    this.isOpened = new Uint8Array(this.#slots)
    for (let from = 0; from < slots; from++) {
      const high = keys[from * 2] as number
      const low = keys[from * 2 + 1] as number
      if (high === 0 && low === 0) continue
      const to = this.#free(high, low)
      this.sent[to] = sent[from] as number
      this.received[to] = received[from] as number
      this.seenMs[to] = seenMs[from] as number
      this.isOpened[to] = isOpened[from] as number
    }
  }
}
