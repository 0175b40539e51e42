import type { FirstSamples } from '../../../component/kit/deltas/first_samples.ts'
import type { AttributeSet } from '../../../model/attributes.ts'
import type { AwsEmfConfig } from '../config.ts'
import { type Distribution, type Quantile, summaryDistribution } from './distribution.ts'
import type { DropReason } from './document.ts'
import type { Reading } from './groups.ts'
import type { MetricName, MetricNamer } from './metric_name.ts'
import { Route, type Router } from './routes.ts'
import type { Series, SeriesCatalog, Stream, StreamHeader, SummaryRoutes } from './series_catalog.ts'

/** What readers of points share. */
export interface ReaderParts {
  readonly catalog: SeriesCatalog
  readonly router: Router
  readonly namer: MetricNamer
  readonly firstSamples: FirstSamples
  onDropped(reason: DropReason, points: number): void
}

/** A summary's values of one interval. */
export interface SummaryReading {
  readonly count: number
  readonly sum: number
  readonly quantiles: readonly Quantile[]
}

/** Quantiles of a summary that are remembered. */
const QUANTILES_MAX = 100

/** What the settings say of how points become readings. */
export class ReadingRules {
  readonly #parts: ReaderParts
  readonly #isStatistics: boolean
  readonly #isDetailed: boolean
  readonly #retains: boolean
  readonly #sendsZero: boolean
  readonly #deltasOfAll: boolean

  constructor(config: AwsEmfConfig, parts: ReaderParts) {
    this.#parts = parts
    this.#isStatistics = config.histogram_format === 'statistics'
    this.#isDetailed = config.detailed_metrics
    this.#retains = config.retain_initial_value_of_delta_metric
    this.#sendsZero = config.zero_deltas === 'send'
    this.#deltasOfAll = config.non_monotonic_sums === 'delta'
  }

  /** Whether a summary is several metrics. */
  get isDetailed(): boolean {
    return this.#isDetailed
  }

  /** True when what was counted since the sample before is sent, and not the value as it is. */
  isDifference({ type, temporality, isMonotonic }: StreamHeader): boolean {
    if (type === 'summary') return true
    if (type === 'gauge' || temporality !== 'cumulative') return false
    return type !== 'sum' || isMonotonic || this.#deltasOfAll
  }

  /** Whether the first sample of a series counts whole; see `FirstSamples`. */
  firstCounts(series: Series, startMs: number, timeMs: number): boolean {
    const { firstSamples, catalog } = this.#parts
    const { listedSince, isIncomplete } = series.stream
    const sample = { startMs, timeMs, isNewInList: listedSince >= 0 && listedSince < catalog.batch && !isIncomplete }
    return firstSamples.countsWhole(sample) || (this.#retains && !firstSamples.mayHaveCounted(sample))
  }

  /** Sends what a sum has grown by. */
  putGrowth(series: Series, timeMs: number, value: number): void {
    if (value !== 0 || this.#sendsZero) this.#parts.router.put(series, timeMs, value)
    else this.#parts.onDropped('empty', 1)
  }

  /** Sends a histogram; undefined is one that has seen nothing, of which there is nothing to say. */
  putDistribution(series: Series, timeMs: number, distribution: Distribution | undefined): void {
    if (distribution === undefined) this.#parts.onDropped('empty', 1)
    else this.#parts.router.put(series, timeMs, this.#shaped(distribution))
  }

  /** Sends a summary: as one metric, or as the Collector does in detail, as its sum, its count, and each quantile. */
  putSummary(series: Series, timeMs: number, { count, sum, quantiles }: SummaryReading, attributes: AttributeSet): void {
    if (!this.#isDetailed) {
      this.putDistribution(series, timeMs, summaryDistribution(count, sum, quantiles))
      return
    }
    const { router } = this.#parts
    series.details ??= this.#details(series, attributes)
    router.put(series.details.sum, timeMs, sum)
    router.put(series.details.count, timeMs, count, 0)
    for (const { quantile, value } of quantiles) {
      if (!Number.isNaN(value)) router.put(this.#quantile(series, series.details.quantiles, quantile, attributes), timeMs, value, 0)
    }
  }

  #shaped(distribution: Distribution): Reading {
    return this.#isStatistics ? { ...distribution, values: [], counts: [] } : distribution
  }

  #details({ stream }: Series, attributes: AttributeSet): SummaryRoutes {
    const { namer } = this.#parts
    const { name, unit } = stream.header
    const [sum, count] = [namer.name(`${name}_sum`, unit, true), namer.name(`${name}_count`, '', true)]
    return { sum: this.#route(stream, sum, attributes), count: this.#route(stream, count, attributes), quantiles: new Map() }
  }

  #quantile({ stream }: Series, known: SummaryRoutes['quantiles'], quantile: number, attributes: AttributeSet): Route {
    let route = known.get(quantile)
    if (route === undefined) {
      const { name, unit } = stream.header
      route = this.#route(stream, this.#parts.namer.name(name, unit, false), attributes.with('quantile', String(quantile)))
      if (known.size >= QUANTILES_MAX) known.clear()
      known.set(quantile, route)
    }
    return route
  }

  #route({ origin }: Stream, metric: MetricName, attributes: AttributeSet): Route {
    const { labels, choice } = this.#parts.router.choose(metric, origin, attributes)
    return new Route(metric, labels, choice)
  }
}
