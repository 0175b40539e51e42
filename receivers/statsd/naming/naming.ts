import { SampleType } from '../sample.ts'

/** How samples of a family are kept. */
export type Aggregation =
  | { readonly kind: 'counter'; readonly isMonotonic: boolean }
  | { readonly kind: 'gauge' }
  | { readonly kind: 'explicit'; readonly bounds: readonly number[] }
  | { readonly kind: 'exponential'; readonly bucketsMax: number }
  | { readonly kind: 'summary'; readonly quantiles: readonly number[]; readonly maxAgeMs: number; readonly ageBuckets: number }
  | { readonly kind: 'set' }

/** Of the aggregations without parameters there is one object each: series that share it are known to be alike at a glance. */
export const COUNTER: Aggregation = { kind: 'counter', isMonotonic: true }
export const UPDOWN_COUNTER: Aggregation = { kind: 'counter', isMonotonic: false }
export const GAUGE: Aggregation = { kind: 'gauge' }
export const SET: Aggregation = { kind: 'set' }

/** How samples of a type are kept; `observer` for timers, histograms and distributions. */
export function aggregationOf(type: SampleType, observer: Aggregation): Aggregation {
  if (type === SampleType.counter) return COUNTER
  if (type === SampleType.gauge) return GAUGE
  return type === SampleType.set ? SET : observer
}

/** What a series is, once its name and tags have been looked at; made on first sight of a series only. */
export interface SeriesSpec {
  readonly name: string
  readonly help: string
  /** UCUM; empty when unknown. */
  readonly unit: string
  /** True when `name` is the final Prometheus name. */
  readonly isExactName: boolean
  readonly aggregation: Aggregation
  /** Sorted by key; keys are unique. */
  readonly labels: readonly (readonly [key: string, value: string])[]
  /** Idle time after which the series ends; 0 = never. */
  readonly ttlMs: number
  /** Every value is multiplied by this, with `scaled` (statsd_exporter's `scale`, milliseconds to seconds); 1 = as sent. */
  readonly scale: number
  /** Number (from 1) of the mapping rule that made it; absent where no rule did. */
  readonly rule?: number
}

/** Why a sample has no series; `rule` is the number (from 1) of the mapping rule that said so. */
export type NoSeries = { readonly dropped: 'mapping_drop' | 'profile_duplicate' | 'bad_name' | 'illegal_value'; readonly rule?: number }

/** A name with its tags, as text; `tags` in the order of the line, values of valueless tags are undefined. */
export interface RawSeries {
  readonly name: string
  readonly type: SampleType
  readonly tags: readonly (readonly [key: string, value: string | undefined])[]
}

/**
 * Turns names and tags of lines into series: the statsd_exporter's mapping, the Envoy profile, or names as they are.
 * Slow path: the result is kept by the raw bytes of name, type and tags.
 */
export interface Naming {
  resolve(raw: RawSeries): SeriesSpec | NoSeries
}

/** A value in the unit of its series. Milliseconds are divided by 1000, which is exact where times 0.001 is not. */
export function scaled(value: number, scale: number): number {
  return scale === 1 ? value : scale === 0.001 ? value / 1000 : value * scale
}
