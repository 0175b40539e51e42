import type { Counter, Gauge, InstrumentSpec, Telemetry } from '../component/telemetry.ts'

/** Numbers in one block of shared memory. */
export const BLOCK_SLOTS = 256

/** What a thread tells the main thread about its instruments, always before anything is written to their slots. */
export type SlotMessage =
  | { readonly type: 'block'; readonly block: number; readonly values: Float64Array }
  | {
      readonly type: 'instrument'
      readonly block: number
      readonly slot: number
      readonly spec: InstrumentSpec
      readonly labels: Readonly<Record<string, string>>
    }

/**
 * Own telemetry of an ingest worker: every instrument is a number in shared memory, so that counting costs one addition
 * and what a thread has counted outlives it. `announce` must reach the main thread even when this one dies right after.
 */
export class SlotTelemetry implements Telemetry {
  readonly #announce: (message: SlotMessage) => void
  readonly #instruments = new Map<string, Slot>()
  #values: Float64Array = new Float64Array(0)
  #block = -1
  #used = BLOCK_SLOTS

  constructor(announce: (message: SlotMessage) => void) {
    this.#announce = announce
  }

  counter(spec: InstrumentSpec, labels: Readonly<Record<string, string>> = {}): Counter {
    return this.#slotOf(spec, labels)
  }

  gauge(spec: InstrumentSpec, labels: Readonly<Record<string, string>> = {}): Gauge {
    return this.#slotOf(spec, labels)
  }

  #slotOf(spec: InstrumentSpec, labels: Readonly<Record<string, string>>): Slot {
    const key = instrumentKey(spec.name, labels)
    const known = this.#instruments.get(key)
    if (known !== undefined) return known
    if (this.#used === BLOCK_SLOTS) {
      this.#values = new Float64Array(new SharedArrayBuffer(BLOCK_SLOTS * 8))
      this.#block++
      this.#used = 0
      this.#announce({ type: 'block', block: this.#block, values: this.#values })
    }
    const at = this.#used++
    this.#announce({ type: 'instrument', block: this.#block, slot: at, spec, labels })
    const slot = new Slot(this.#values, at)
    this.#instruments.set(key, slot)
    return slot
  }
}

class Slot implements Counter, Gauge {
  readonly #values: Float64Array
  readonly #at: number

  constructor(values: Float64Array, at: number) {
    this.#values = values
    this.#at = at
  }

  add(value: number): void {
    this.#values[this.#at] = (this.#values[this.#at] as number) + value
  }

  set(value: number): void {
    this.#values[this.#at] = value
  }
}

/** One text for a name and its labels, whatever the labels' order. */
export function instrumentKey(name: string, labels: Readonly<Record<string, string>>): string {
  const keys = Object.keys(labels).sort()
  let key = name
  for (const label of keys) key += `\u0000${label}\u0000${labels[label]}`
  return key
}
