import type { Counter, Gauge, InstrumentSpec, Telemetry } from '../../component/telemetry.ts'

/** Own telemetry that a test can read back: `value('name', { label: 'x' })`. */
export class FakeTelemetry implements Telemetry {
  readonly values = new Map<string, number>()

  counter(spec: InstrumentSpec, labels: Readonly<Record<string, string>> = {}): Counter {
    const key = keyOf(spec.name, labels)
    if (!this.values.has(key)) this.values.set(key, 0)
    return { add: (value) => void this.values.set(key, (this.values.get(key) ?? 0) + value) }
  }

  gauge(spec: InstrumentSpec, labels: Readonly<Record<string, string>> = {}): Gauge {
    const key = keyOf(spec.name, labels)
    return { set: (value) => void this.values.set(key, value) }
  }

  /** The value of one instrument; the sum of all whose labels include `labels`. 0 when there is none. */
  value(name: string, labels: Readonly<Record<string, string>> = {}): number {
    let sum = 0
    for (const [key, value] of this.values) {
      const parsed = JSON.parse(key) as [string, Record<string, string>]
      if (parsed[0] === name && Object.entries(labels).every(([label, wanted]) => parsed[1][label] === wanted)) sum += value
    }
    return sum
  }
}

function keyOf(name: string, labels: Readonly<Record<string, string>>): string {
  return JSON.stringify([name, Object.fromEntries(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)))])
}
