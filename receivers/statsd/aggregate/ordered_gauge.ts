/** When something was said to a gauge: receive time, then worker, then the order in that worker. */
export interface Moment {
  readonly timeMs: number
  readonly worker: number
  readonly order: number
}

/** True when `a` came after `b`. */
export function isAfter(a: Moment, b: Moment): boolean {
  if (a.timeMs !== b.timeMs) return a.timeMs > b.timeMs
  return a.worker !== b.worker ? a.worker > b.worker : a.order > b.order
}

interface Change extends Moment {
  readonly delta: number
}

/** Before everything. */
const NEVER: Moment = { timeMs: Number.NEGATIVE_INFINITY, worker: -1, order: 0 }

/** Changes that wait for a value that was set before them are kept one by one for so long and up to this many. */
const KEPT_MS = 10_000
const KEPT_MAX = 1 << 16

/**
 * A gauge that is changed by deltas: the last value that was set, and the changes since. Values and changes may be told in
 * any order; those that came before the last set value do not count.
 */
export class OrderedGauge {
  #value = 0
  #set: Moment = NEVER
  /** Ascending. */
  #changes: Change[] = []

  /** A change by `delta`. */
  shift(at: Moment, delta: number): void {
    if (!isAfter(at, this.#set)) return
    let place = this.#changes.length
    while (place > 0 && !isAfter(at, this.#changes[place - 1] as Change)) place--
    this.#changes.splice(place, 0, { ...at, delta })
    if (this.#changes.length >= KEPT_MAX) this.#fold(KEPT_MAX / 2)
  }

  /** A value that was set; the same one may be told again. */
  set(at: Moment, value: number): void {
    if (!isAfter(at, this.#set)) return
    this.#set = at
    this.#value = value
    const first = this.#changes.findIndex((change) => isAfter(change, at))
    this.#changes = first < 0 ? [] : this.#changes.slice(first)
  }

  /** Adds up changes that are so old that no earlier value can still come; to be called when all set values are told. */
  settle(nowMs: number): void {
    const first = this.#changes.findIndex((change) => change.timeMs > nowMs - KEPT_MS)
    const old = first < 0 ? this.#changes.length : first
    if (old > 0) this.#fold(old)
  }

  get value(): number {
    let value = this.#value
    for (const { delta } of this.#changes) value += delta
    return value
  }

  #fold(count: number): void {
    for (let i = 0; i < count; i++) this.#value += (this.#changes[i] as Change).delta
    this.#set = this.#changes[count - 1] as Change
    this.#changes = this.#changes.slice(count)
  }
}
