import type { Counter, Gauge, InstrumentSpec, Telemetry } from '../component/telemetry.ts'
import { instrumentKey, type SlotMessage } from './slots.ts'

type Labels = Readonly<Record<string, string>>

/** One labelled number of the daemon's own telemetry, summed over all threads. */
export interface OwnValue {
  readonly labels: Labels
  readonly value: number
}

/** All labelled numbers of one instrument. */
export interface OwnFamily {
  readonly spec: InstrumentSpec
  readonly values: readonly OwnValue[]
}

/** The main thread's view of what one ingest worker counts. */
export interface WorkerSource {
  receive(message: SlotMessage): void
  /** The thread ended: its counters stay in the totals, its gauges leave them. */
  detach(): void
}

/** Most labelled numbers of one instrument; what comes after them is counted in one series with an overflow label. */
const SERIES_MAX = 2000
const OVERFLOW: Labels = { otel_metric_overflow: 'true' }

/**
 * The daemon's own telemetry on the main thread: counts made here, plus the shared memory of every ingest worker,
 * read when somebody asks.
 */
export class OwnTelemetry implements Telemetry {
  readonly #families = new Map<string, Family>()

  counter(spec: InstrumentSpec, labels: Labels = {}): Counter {
    return this.#seriesOf(spec, labels)
  }

  gauge(spec: InstrumentSpec, labels: Labels = {}): Gauge {
    return this.#seriesOf(spec, labels)
  }

  /** A number that is read when somebody looks at it. Returns a function that ends that. */
  observe(spec: InstrumentSpec, labels: Labels, read: () => number): () => void {
    const series = this.#seriesOf(spec, labels)
    series.reads.add(read)
    return () => void series.reads.delete(read)
  }

  /** Takes the instruments of a worker thread in, from its `SlotMessage`s. */
  attach(): WorkerSource {
    const blocks = new Map<number, Float64Array>()
    const attached: { readonly series: Series; readonly read: () => number; readonly isCounter: boolean }[] = []
    return {
      receive: (message) => {
        if (message.type === 'block') {
          blocks.set(message.block, message.values)
          return
        }
        const values = blocks.get(message.block)
        if (values === undefined) throw new Error(`BUG: instrument ${message.spec.name} in block ${message.block}, which was never announced`)
        const series = this.#seriesOf(message.spec, message.labels)
        const read = (): number => values[message.slot] as number
        series.reads.add(read)
        attached.push({ series, read, isCounter: message.spec.type === 'counter' })
      },
      detach: () => {
        for (const { series, read, isCounter } of attached.splice(0)) {
          series.reads.delete(read)
          if (isCounter) series.add(read())
        }
      },
    }
  }

  /** The instruments that there are, without reading any. */
  specs(): InstrumentSpec[] {
    return [...this.#families.values()].map(({ spec }) => spec)
  }

  /** Everything as it is now, in the order in which instruments were first seen. */
  families(): OwnFamily[] {
    return [...this.#families.values()].map(({ spec }) => ({ spec, values: this.family(spec.name) }))
  }

  /** All series of one instrument as they are now; none when there is no such instrument. */
  family(name: string): OwnValue[] {
    return [...(this.#families.get(name)?.series.values() ?? [])].map(({ labels, value }) => ({ labels, value }))
  }

  /** The sum of all series of an instrument whose labels include the given ones; 0 when there is none. */
  value(name: string, labels: Labels = {}): number {
    let sum = 0
    for (const series of this.#families.get(name)?.series.values() ?? []) {
      if (Object.entries(labels).every(([label, wanted]) => series.labels[label] === wanted)) sum += series.value
    }
    return sum
  }

  #seriesOf(spec: InstrumentSpec, labels: Labels): Series {
    let family = this.#families.get(spec.name)
    if (family === undefined) {
      family = { spec, series: new Map() }
      this.#families.set(spec.name, family)
    }
    const key = instrumentKey('', labels)
    const known = family.series.get(key)
    if (known !== undefined) return known
    if (family.series.size >= SERIES_MAX && labels !== OVERFLOW) return this.#seriesOf(spec, OVERFLOW)
    const series = new Series(labels)
    family.series.set(key, series)
    return series
  }
}

interface Family {
  readonly spec: InstrumentSpec
  readonly series: Map<string, Series>
}

class Series implements Counter, Gauge {
  readonly labels: Labels
  readonly reads = new Set<() => number>()
  #own = 0

  constructor(labels: Labels) {
    this.labels = labels
  }

  get value(): number {
    let sum = this.#own
    for (const read of this.reads) sum += read()
    return sum
  }

  add(value: number): void {
    this.#own += value
  }

  set(value: number): void {
    this.#own = value
  }
}
