import type { Clock } from '../../../component/component.ts'
import { AttributeSet } from '../../../model/attributes.ts'
import type { FamilyPoints } from '../../../model/metrics.ts'
import type { Aggregation, SeriesSpec } from '../naming/naming.ts'
import { StatHub, type StatHubSettings } from './hub.ts'
import { SharedStatStore } from './shared_store.ts'

/** A series without help, unit and end; labels in any order. */
export function seriesSpec(name: string, aggregation: Aggregation, labels: Readonly<Record<string, string>> = {}, ttlMs = 0): SeriesSpec {
  const sorted = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1))
  return { name, help: '', unit: '', isExactName: false, aggregation, labels: sorted, ttlMs, scale: 1 }
}

/** One aggregation of each kind, with usual parameters. */
export const AGGREGATIONS: {
  readonly counter: Aggregation
  readonly updown: Aggregation
  readonly gauge: Aggregation
  readonly explicit: Aggregation
  readonly exponential: Aggregation
  readonly summary: Aggregation
  readonly set: Aggregation
} = {
  counter: { kind: 'counter', isMonotonic: true },
  updown: { kind: 'counter', isMonotonic: false },
  gauge: { kind: 'gauge' },
  explicit: { kind: 'explicit', bounds: [1, 10, 100] },
  exponential: { kind: 'exponential', bucketsMax: 160 },
  summary: { kind: 'summary', quantiles: [0.5, 0.9], maxAgeMs: 60_000, ageBuckets: 3 },
  set: { kind: 'set' },
}

/** A hub that nobody has sent anything to. */
export function newHub(clock: Pick<Clock, 'now'>, settings: Partial<StatHubSettings> = {}): StatHub {
  return new StatHub({
    seriesMax: 1000,
    setIntervalMs: 10_000,
    clock,
    resource: { attributes: AttributeSet.empty },
    scope: { name: '', version: '' },
    ...settings,
  })
}

/** An ingest worker's store, attached to a hub as the receiver's halves do it. */
export class TestWorker {
  readonly origin: { readonly worker: number; readonly life: number }
  readonly store: SharedStatStore

  constructor(hub: StatHub, worker: number, options: { readonly life?: number; readonly seriesMax?: number; readonly setIntervalMs?: number } = {}) {
    this.origin = { worker, life: options.life ?? 0 }
    this.store = new SharedStatStore({
      seriesMax: options.seriesMax ?? 1000,
      setIntervalMs: options.setIntervalMs ?? 10_000,
      send: (message) => hub.receive(message, this.origin),
    })
  }
}

/** `name{label=value,…}` → the values of a point, for all points of a batch. */
export function pointsOf(families: readonly FamilyPoints[]): Map<string, number[]> {
  const points = new Map<string, number[]>()
  for (const { family, series, values, offset, stride } of families) {
    for (const [i, attributes] of series.entries()) {
      const labels = attributes.keys.map((key, n) => `${key}=${attributes.values[n] as string}`).join(',')
      points.set(`${family.name}{${labels}}`, [...values.subarray(offset + i * stride, offset + (i + 1) * stride)])
    }
  }
  return points
}
