/** What documents in the embedded metric format make: metrics by their dimensions, and the estimate of a price. */

/** Metrics of one name that differ in the values of their dimensions only. */
export interface MetricRow {
  readonly namespace: string
  readonly name: string
  /** `None` when it has none. */
  readonly unit: string
  /** Sorted. */
  readonly dimensions: readonly string[]
  /** How many custom metrics that is. */
  readonly metrics: number
}

/** What a price is made of. */
export interface Prices {
  /** Of one custom metric a month. */
  readonly metric: number
  /** Of one GiB of logs. */
  readonly gib: number
  /** Time between two flushes, milliseconds. */
  readonly intervalMs: number
}

/** A price per month. */
export interface Estimate {
  readonly customMetrics: number
  readonly metricsPrice: number
  /** What all flushes of a month send, in GiB. */
  readonly logsGib: number
  readonly logsPrice: number
  readonly totalPrice: number
}

/** What CloudWatch Logs adds to each event. */
const EVENT_OVERHEAD_BYTES = 26
/** As AWS reckons. */
const MONTH_MS = 730 * 3_600_000

interface Document {
  readonly _aws?: { readonly CloudWatchMetrics?: readonly Directive[] }
  readonly [member: string]: unknown
}

interface Directive {
  readonly Namespace: string
  readonly Dimensions: readonly (readonly string[])[]
  readonly Metrics: readonly { readonly Name: string; readonly Unit?: string }[]
}

/** Adds up the metrics of documents that an encoder has made; they are known to be right. */
export class Tally {
  readonly #rows = new Map<string, { readonly row: Omit<MetricRow, 'metrics'>; readonly seen: Set<string> }>()
  #bytes = 0
  #documents = 0

  get documents(): number {
    return this.#documents
  }

  /** Of all documents, as log events. */
  get bytes(): number {
    return this.#bytes
  }

  add(json: string): void {
    this.#documents++
    this.#bytes += Buffer.byteLength(json) + EVENT_OVERHEAD_BYTES
    const document = JSON.parse(json) as Document
    for (const { Namespace: namespace, Dimensions: sets, Metrics: metrics } of document._aws?.CloudWatchMetrics ?? []) {
      for (const set of sets) {
        const dimensions = [...set].sort()
        const values = JSON.stringify(dimensions.map((key) => document[key]))
        for (const { Name: name, Unit: unit = 'None' } of metrics) this.#count({ namespace, name, unit, dimensions }, values)
      }
    }
  }

  #count(row: Omit<MetricRow, 'metrics'>, values: string): void {
    // Not by unit: it is no part of what a metric is.
    const key = JSON.stringify([row.namespace, row.name, row.dimensions])
    let entry = this.#rows.get(key)
    if (entry === undefined) this.#rows.set(key, (entry = { row, seen: new Set() }))
    entry.seen.add(values)
  }

  /** By namespace and name, most dimensions last. */
  rows(): readonly MetricRow[] {
    const rows = [...this.#rows.values()].map(({ row, seen }) => ({ ...row, metrics: seen.size }))
    const key = ({ namespace, name, dimensions }: MetricRow): string => [namespace, name, String(dimensions.length).padStart(2, '0'), ...dimensions].join('\0')
    return rows.sort((a, b) => (key(a) < key(b) ? -1 : 1))
  }

  /** The price when every flush of a month is like this one. */
  estimate({ metric, gib, intervalMs }: Prices): Estimate {
    const customMetrics = this.rows().reduce((sum, row) => sum + row.metrics, 0)
    const logsGib = (this.#bytes * (MONTH_MS / intervalMs)) / 2 ** 30
    const [metricsPrice, logsPrice] = [customMetrics * metric, logsGib * gib]
    return { customMetrics, metricsPrice, logsGib, logsPrice, totalPrice: metricsPrice + logsPrice }
  }
}
