import type { AttributeSet, Resource, Scope } from '../../../model/attributes.ts'
import type { DataPoint, Metric } from '../../../model/data_points.ts'
import type { Family } from './families.ts'
import type { SampleLine } from './page_parser.ts'
import type { ScrapeTime, Series, Slot } from './series.ts'

export type MetricType = 'gauge' | 'counter' | 'histogram' | 'summary'

/** A metric of one group, with all its series. */
export interface GroupMetric {
  readonly name: string
  readonly type: MetricType
  readonly family: Family | undefined
  readonly series: Map<string, Series>
}

/** What samples with one `job` and `instance` are about. */
export class SeriesOwner {
  /** With what `target_info` says. */
  resource: Resource
  readonly #own: Resource
  readonly #info = new Map<InfoSlot, Readonly<Record<string, string>>>()
  #infoText = '{}'

  constructor(resource: Resource) {
    this.resource = resource
    this.#own = resource
  }

  /** True when no `target_info` is on the page. */
  get isEmpty(): boolean {
    return this.#info.size === 0
  }

  /** A slot for a line of `target_info`, whose labels belong to the resource. */
  infoSlot(attributes: Readonly<Record<string, string>>): InfoSlot {
    const slot = new InfoSlot()
    this.#info.set(slot, attributes)
    return slot
  }

  /** The resource with what `target_info` says in this scrape; the same one as long as it says the same. */
  currentResource({ scrape }: ScrapeTime): Resource {
    let attributes: Record<string, string> = {}
    for (const [slot, said] of this.#info) {
      if (slot.seen === scrape) attributes = { ...attributes, ...said }
      else this.#info.delete(slot)
    }
    const text = JSON.stringify(attributes)
    if (text === this.#infoText) return this.resource
    this.#infoText = text
    let set: AttributeSet = this.#own.attributes
    for (const [key, value] of Object.entries(attributes)) if (!set.has(key)) set = set.with(key, value)
    return { ...this.#own, attributes: set }
  }
}

/** The metrics of one resource and scope. */
export class SeriesGroup {
  readonly owner: SeriesOwner
  readonly scope: Scope
  readonly metrics = new Map<string, GroupMetric>()

  constructor(owner: SeriesOwner, scope: Scope) {
    this.owner = owner
    this.scope = scope
  }

  metric(name: string, type: MetricType, family: Family | undefined): GroupMetric {
    const key = `${type} ${name}`
    let metric = this.metrics.get(key)
    if (metric === undefined) {
      metric = { name, type, family, series: new Map() }
      this.metrics.set(key, metric)
    }
    return metric
  }
}

/** Takes the line of a `target_info`. */
export class InfoSlot implements Slot {
  seen = 0

  set(_line: SampleLine, { scrape }: ScrapeTime): boolean {
    if (this.seen === scrape) return false
    this.seen = scrape
    return true
  }
}

/** A metric of the batch with these points, which are of its type. */
export function metricOf({ name, type, family }: GroupMetric, points: readonly DataPoint[]): Metric {
  const metadata: NonNullable<Metric['metadata']> = [['prometheus.type', family?.typeText ?? 'unknown']]
  const shell = { name, description: family?.help ?? '', unit: family?.unit ?? '', isExactName: true, metadata }
  // The points of one metric are of one type, which the compiler cannot see.
  switch (type) {
    case 'counter':
      return { ...shell, type: 'sum', temporality: 'cumulative', isMonotonic: true, points } as Metric
    case 'histogram':
      return { ...shell, type, temporality: 'cumulative', points } as Metric
    default:
      return { ...shell, type, points } as Metric
  }
}
