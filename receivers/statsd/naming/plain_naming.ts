import { SampleType } from '../sample.ts'
import { seriesLabels } from './escape.ts'
import { type Aggregation, COUNTER, GAUGE, type Naming, type NoSeries, type RawSeries, SET, type SeriesSpec, UPDOWN_COUNTER } from './naming.ts'
import { labelsOf, type ValuelessTags } from './tags.ts'

/** One entry of the Collector's `timer_histogram_mapping`, with the keys of the config. */
export interface TimerHistogramMapping {
  readonly statsd_type: 'timer' | 'timing' | 'histogram' | 'distribution'
  /** `disabled`: samples of the type are dropped, and counted. */
  readonly observer_type: 'gauge' | 'summary' | 'histogram' | 'disabled'
  readonly histogram?: {
    /** Buckets of an exponential histogram. */
    readonly max_size?: number
    /** Names that `matcher_pattern` finds have these buckets instead; the first that fits wins. */
    readonly explicit_buckets?: readonly { readonly matcher_pattern: string; readonly buckets: readonly number[] }[]
  }
  readonly summary?: {
    /** From 0 to 100. */
    readonly percentiles?: readonly number[]
  }
}

export interface PlainNamingOptions {
  /** Default true: counters that only grow. */
  readonly areCountersMonotonic?: boolean
  /** Adds the label `metric_type`, as the Collector's `enable_metric_type`. */
  readonly hasTypeLabel?: boolean
  /** Types without an entry become exponential histograms of 160 buckets. Patterns must have been checked. */
  readonly timers?: readonly TimerHistogramMapping[]
  /** Default `empty`. */
  readonly valuelessTags?: ValuelessTags
  /** Default 0, never. */
  readonly ttlMs?: number
}

/** The Collector's defaults. */
export const EXPONENTIAL_BUCKETS_MAX = 160
export const DEFAULT_PERCENTILES: readonly number[] = [0, 10, 50, 90, 95, 100]

/** For how long a summary looks back; the Collector's are of one interval, which a summary that is scraped has not. */
const SUMMARY_AGE_MS = 600_000
const SUMMARY_AGE_BUCKETS = 5

/** Names series as they are sent: dots and all, with the tags as labels. The exporters escape what their format cannot hold. Never throws. */
export class PlainNaming implements Naming {
  readonly #areCountersMonotonic: boolean
  readonly #hasTypeLabel: boolean
  readonly #observers: ReadonlyMap<SampleType, Observer>
  readonly #valueless: ValuelessTags
  readonly #ttlMs: number

  constructor(options: PlainNamingOptions = {}) {
    this.#areCountersMonotonic = options.areCountersMonotonic ?? true
    this.#hasTypeLabel = options.hasTypeLabel ?? false
    // `timer` and `timing` are one type; a later entry for a type replaces an earlier one, as in the Collector.
    this.#observers = new Map((options.timers ?? []).map((entry) => [OBSERVED[entry.statsd_type], observerOf(entry)]))
    this.#valueless = options.valuelessTags ?? 'empty'
    this.#ttlMs = options.ttlMs ?? 0
  }

  resolve(raw: RawSeries): SeriesSpec | NoSeries {
    if (raw.name === '') return { dropped: 'bad_name' }
    const aggregation = this.#aggregation(raw)
    if (aggregation === undefined) return { dropped: 'mapping_drop' }
    const labels = labelsOf(raw.tags, (key) => key, this.#valueless)
    if (this.#hasTypeLabel) labels.set('metric_type', TYPE_LABELS[raw.type] ?? '')
    return {
      name: raw.name,
      help: '',
      unit: raw.type === SampleType.timer && aggregation.kind === 'gauge' ? 'ms' : '',
      isExactName: false,
      aggregation,
      labels: seriesLabels(labels, aggregation),
      ttlMs: this.#ttlMs,
      scale: 1,
    }
  }

  #aggregation({ type, name }: RawSeries): Aggregation | undefined {
    if (type === SampleType.counter) return this.#areCountersMonotonic ? COUNTER : UPDOWN_COUNTER
    if (type === SampleType.gauge) return GAUGE
    if (type === SampleType.set) return SET
    const observer = this.#observers.get(type)
    return observer === undefined ? DEFAULT_OBSERVER : observer(name)
  }
}

/** How a name is kept; undefined: not at all. */
type Observer = (name: string) => Aggregation | undefined

const DEFAULT_OBSERVER: Aggregation = { kind: 'exponential', bucketsMax: EXPONENTIAL_BUCKETS_MAX }

const OBSERVED = {
  timer: SampleType.timer,
  timing: SampleType.timer,
  histogram: SampleType.histogram,
  distribution: SampleType.distribution,
} as const

/** What the Collector calls the types in `metric_type`. */
const TYPE_LABELS: Readonly<Record<SampleType, string>> = {
  [SampleType.counter]: 'counter',
  [SampleType.gauge]: 'gauge',
  [SampleType.timer]: 'timing',
  [SampleType.histogram]: 'histogram',
  [SampleType.distribution]: 'distribution',
  [SampleType.set]: 'set',
}

function observerOf(entry: TimerHistogramMapping): Observer {
  const { observer_type: type, histogram, summary } = entry
  if (type === 'disabled') return () => undefined
  if (type === 'gauge') return () => GAUGE
  if (type === 'summary') {
    const quantiles = [...new Set((summary?.percentiles ?? DEFAULT_PERCENTILES).map((percent) => percent / 100))].sort((a, b) => a - b)
    const aggregation: Aggregation = { kind: 'summary', quantiles, maxAgeMs: SUMMARY_AGE_MS, ageBuckets: SUMMARY_AGE_BUCKETS }
    return () => aggregation
  }
  const exponential: Aggregation = { kind: 'exponential', bucketsMax: histogram?.max_size ?? EXPONENTIAL_BUCKETS_MAX }
  const explicit = (histogram?.explicit_buckets ?? []).map(({ matcher_pattern: pattern, buckets }) => {
    const aggregation: Aggregation = { kind: 'explicit', bounds: buckets }
    return { pattern: new RegExp(pattern, 'u'), aggregation }
  })
  return (name) => explicit.find(({ pattern }) => pattern.test(name))?.aggregation ?? exponential
}
