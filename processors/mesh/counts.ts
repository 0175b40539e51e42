import type { Settings } from '../../component/component.ts'
import type { Counter } from '../../component/telemetry.ts'
import { ADDRESS_CLASSES, EVIDENCE } from '../../model/edges.ts'
import { ENTRY_CLASS_NAMES } from './entry_class.ts'
import * as telemetry from './telemetry.ts'

const SIDES = ['source', 'destination', 'service'] as const
/** First bit of the address class of source and destination, as `EdgeStore.evidence` gives them. */
const CLASS_BITS = [13, 16] as const

/** Counts rows in plain numbers and hands them to the instruments once per batch. */
export class Counts {
  resolved = 0
  #undirected = 0
  readonly renewals: Counter
  readonly #settings: Settings
  readonly #labels: { readonly processor: string }
  readonly #resolutions: Counter
  readonly #unclassified: Counter
  readonly #classes = new Tally(ENTRY_CLASS_NAMES.length)
  readonly #sides: readonly Tally[] = SIDES.map(() => new Tally(EVIDENCE.length))
  readonly #addresses: readonly Tally[] = CLASS_BITS.map(() => new Tally(ADDRESS_CLASSES.length))

  constructor(settings: Settings) {
    const { telemetry: meter, id } = settings
    this.#settings = settings
    this.#labels = { processor: id.text }
    this.renewals = meter.counter(telemetry.renewals, this.#labels)
    this.#resolutions = meter.counter(telemetry.resolutions, this.#labels)
    this.#unclassified = meter.counter(telemetry.unclassified, this.#labels)
  }

  origin(role: string): void {
    this.#settings.telemetry.counter(telemetry.origins, { ...this.#labels, role }).add(1)
  }

  /** `evidence` as `EdgeStore.evidence` gives it; -1 for rows that do not count. */
  row(entryClass: number, evidence: number): void {
    this.#classes.values[entryClass]!++
    if (evidence < 0) return
    this.#sides[0]!.values[evidence & 15]!++
    this.#sides[1]!.values[(evidence >> 4) & 15]!++
    this.#sides[2]!.values[(evidence >> 8) & 15]!++
    this.#undirected += (evidence >> 12) & 1
    if (evidence >= 1 << 13) {
      this.#addresses[0]!.values[(evidence >> 13) & 7]!++
      this.#addresses[1]!.values[(evidence >> 16) & 7]!++
    }
  }

  flush(): void {
    const { telemetry: meter } = this.#settings
    this.#classes.flush((i) => meter.counter(telemetry.entries, { ...this.#labels, class: ENTRY_CLASS_NAMES[i] as string }))
    for (const [s, tally] of this.#sides.entries()) {
      const side = SIDES[s] as string
      tally.flush((i) => meter.counter(telemetry.evidence, { ...this.#labels, side, evidence: EVIDENCE[i] as string }))
    }
    for (const [s, tally] of this.#addresses.entries()) {
      const side = SIDES[s] as string
      // Class 0 is a side that has none, because its workload is known.
      tally.values[0] = 0
      tally.flush((i) => meter.counter(telemetry.unknownAddresses, { ...this.#labels, side, class: ADDRESS_CLASSES[i] as string }))
    }
    if (this.resolved > 0) this.#resolutions.add(this.resolved)
    this.resolved = 0
    if (this.#undirected > 0) this.#unclassified.add(this.#undirected)
    this.#undirected = 0
  }
}

/** Numbers by index, each with a counter that is created when it is first needed. */
class Tally {
  readonly values: Float64Array
  readonly #counters: (Counter | undefined)[] = []

  constructor(size: number) {
    this.values = new Float64Array(size)
  }

  /** Adds every number to its counter and starts again from 0. */
  flush(create: (i: number) => Counter): void {
    for (let i = 0; i < this.values.length; i++) {
      const value = this.values[i] as number
      if (value === 0) continue
      this.values[i] = 0
      const counter = (this.#counters[i] ??= create(i))
      counter.add(value)
    }
  }
}
