import type { Settings } from '../../component/component.ts'
import type { Counter } from '../../component/telemetry.ts'
import { ADDRESS_CLASSES, EVIDENCE } from '../../model/edges.ts'
import { ENTRY_CLASS_NAMES } from './entry_class.ts'
import * as telemetry from './telemetry.ts'

const SIDES = ['source', 'destination', 'service'] as const

/** What is counted has sixteen numbers for each of: classes of entries, evidence for three sides, classes of two addresses. */
const KIND_SHIFT = 4
const CODES = 1 << KIND_SHIFT
const Kind = { entryClass: 0, evidence: 1, addressClass: 4, end: 6 } as const
const SOURCE_EVIDENCE = Kind.evidence * CODES
const DESTINATION_EVIDENCE = SOURCE_EVIDENCE + CODES
const SERVICE_EVIDENCE = DESTINATION_EVIDENCE + CODES
const SOURCE_ADDRESS = Kind.addressClass * CODES
const DESTINATION_ADDRESS = SOURCE_ADDRESS + CODES

/** Counts rows in plain numbers and hands them to the instruments once per batch. */
export class Counts {
  resolved = 0
  #undirected = 0
  readonly renewals: Counter
  readonly otelRecords: Counter
  readonly #settings: Settings
  readonly #labels: { readonly processor: string }
  readonly #resolutions: Counter
  readonly #unclassified: Counter
  readonly #values = new Float64Array(Kind.end * CODES)
  /** Counters that have been needed, by the index of their number. */
  readonly #counters: (Counter | undefined)[] = []

  constructor(settings: Settings) {
    const { telemetry: meter, id } = settings
    this.#settings = settings
    this.#labels = { processor: id.text }
    this.renewals = meter.counter(telemetry.renewals, this.#labels)
    this.otelRecords = meter.counter(telemetry.otelRecords, this.#labels)
    this.#resolutions = meter.counter(telemetry.resolutions, this.#labels)
    this.#unclassified = meter.counter(telemetry.unclassified, this.#labels)
  }

  origin(role: string): void {
    this.#settings.telemetry.counter(telemetry.origins, { ...this.#labels, role }).add(1)
  }

  /** `evidence` as `EdgeStore.evidence` gives it; -1 for rows that do not count. */
  row(entryClass: number, evidence: number): void {
    const values = this.#values
    values[entryClass]!++
    if (evidence < 0) return
    values[SOURCE_EVIDENCE + (evidence & 15)]!++
    values[DESTINATION_EVIDENCE + ((evidence >> 4) & 15)]!++
    values[SERVICE_EVIDENCE + ((evidence >> 8) & 15)]!++
    this.#undirected += (evidence >> 12) & 1
    if (evidence >= 1 << 13) {
      values[SOURCE_ADDRESS + ((evidence >> 13) & 7)]!++
      values[DESTINATION_ADDRESS + ((evidence >> 16) & 7)]!++
    }
  }

  /** Adds every number to its counter and starts again from 0. */
  flush(): void {
    const values = this.#values
    // Class 0 is a side that has none, because its workload is known.
    values[SOURCE_ADDRESS] = 0
    values[DESTINATION_ADDRESS] = 0
    for (let i = 0; i < values.length; i++) {
      const value = values[i] as number
      if (value === 0) continue
      values[i] = 0
      const counter = (this.#counters[i] ??= this.#counterOf(i >> KIND_SHIFT, i & (CODES - 1)))
      counter.add(value)
    }
    if (this.resolved > 0) this.#resolutions.add(this.resolved)
    this.resolved = 0
    if (this.#undirected > 0) this.#unclassified.add(this.#undirected)
    this.#undirected = 0
  }

  #counterOf(kind: number, code: number): Counter {
    const { telemetry: meter } = this.#settings
    const labels = this.#labels
    if (kind === Kind.entryClass) return meter.counter(telemetry.entries, { ...labels, class: ENTRY_CLASS_NAMES[code] as string })
    const side = SIDES[(kind - Kind.evidence) % SIDES.length] as string
    return kind < Kind.addressClass
      ? meter.counter(telemetry.evidence, { ...labels, side, evidence: EVIDENCE[code] as string })
      : meter.counter(telemetry.unknownAddresses, { ...labels, side, class: ADDRESS_CLASSES[code] as string })
  }
}
