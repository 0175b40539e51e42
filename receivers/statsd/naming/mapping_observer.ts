import type { MappingPath, MappingValues } from './mapping_values.ts'
import type { Aggregation } from './naming.ts'

/** What a `defaults` block or a rule says about timers, histograms and distributions; absent: not said. */
export interface ObserverBlock {
  readonly type?: 'histogram' | 'summary'
  readonly hasType: boolean
  readonly hasHistogram: boolean
  readonly hasSummary: boolean
  readonly buckets?: readonly number[]
  readonly quantiles?: readonly number[]
  readonly maxAgeMs?: number
  readonly ageBuckets?: number
}

/** Prometheus clients' default buckets, in seconds. */
export const DEFAULT_BUCKETS: readonly number[] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
export const DEFAULT_QUANTILES: readonly number[] = [0.5, 0.9, 0.99]
const DEFAULT_AGE_MS = 600_000
const DEFAULT_AGE_BUCKETS = 5

const SUMMARY_KEYS = ['quantiles', 'max_age', 'age_buckets', 'buf_cap'] as const
const HISTOGRAM_KEYS = ['buckets', 'native_histogram_bucket_factor', 'native_histogram_max_buckets'] as const

/** Reads `observer_type`, `summary_options` and `histogram_options` of a block. */
export function readObserver(values: MappingValues, block: Readonly<Record<string, unknown>> | undefined, path: MappingPath): ObserverBlock {
  const type = readType(values, block, path)
  const summary = values.record(block?.['summary_options'], [...path, 'summary_options'], SUMMARY_KEYS)
  const histogram = values.record(block?.['histogram_options'], [...path, 'histogram_options'], HISTOGRAM_KEYS)
  const summaryPath = [...path, 'summary_options']
  const quantiles = readQuantiles(values, summary?.['quantiles'], [...summaryPath, 'quantiles'])
  const maxAgeMs = values.durationMs(summary?.['max_age'], [...summaryPath, 'max_age'])
  const ageBuckets = values.count(summary?.['age_buckets'], [...summaryPath, 'age_buckets'])
  values.count(summary?.['buf_cap'], [...summaryPath, 'buf_cap'])
  const buckets = readBuckets(values, histogram, [...path, 'histogram_options'])
  return {
    hasType: type !== undefined,
    hasHistogram: histogram !== undefined,
    hasSummary: summary !== undefined,
    ...(type === undefined ? {} : { type }),
    ...(buckets.length === 0 ? {} : { buckets }),
    ...(quantiles.length === 0 ? {} : { quantiles }),
    ...(maxAgeMs === undefined || maxAgeMs === 0 ? {} : { maxAgeMs }),
    ...(ageBuckets === undefined || ageBuckets === 0 ? {} : { ageBuckets }),
  }
}

/** The `defaults` block with what statsd_exporter assumes where it says nothing. */
export function observerDefaults(block: ObserverBlock): Required<ObserverBlock> {
  return {
    type: block.type ?? 'summary',
    hasType: block.hasType,
    hasHistogram: block.hasHistogram,
    hasSummary: block.hasSummary,
    buckets: block.buckets ?? DEFAULT_BUCKETS,
    quantiles: block.quantiles ?? DEFAULT_QUANTILES,
    maxAgeMs: block.maxAgeMs ?? DEFAULT_AGE_MS,
    ageBuckets: block.ageBuckets ?? DEFAULT_AGE_BUCKETS,
  }
}

/** How observations of a rule are kept. */
export function observerOf(own: ObserverBlock, defaults: Required<ObserverBlock>): Aggregation {
  if ((own.type ?? defaults.type) === 'histogram') return { kind: 'explicit', bounds: own.buckets ?? defaults.buckets }
  return {
    kind: 'summary',
    quantiles: own.quantiles ?? defaults.quantiles,
    maxAgeMs: own.maxAgeMs ?? defaults.maxAgeMs,
    ageBuckets: own.ageBuckets ?? defaults.ageBuckets,
  }
}

function readType(values: MappingValues, block: Readonly<Record<string, unknown>> | undefined, path: MappingPath): 'histogram' | 'summary' | undefined {
  const type = values.oneOf(block?.['observer_type'], [...path, 'observer_type'], ['histogram', 'summary'])
  const old = values.oneOf(block?.['timer_type'], [...path, 'timer_type'], ['histogram', 'summary'])
  if (old !== undefined) values.warnings.push({ path: [...path, 'timer_type'], isKey: true, problem: 'old name', hint: 'write observer_type' })
  return type ?? old
}

function readQuantiles(values: MappingValues, value: unknown, path: MappingPath): readonly number[] {
  const quantiles = (values.list(value, path) ?? []).map((item, index) => {
    const at = [...path, index]
    const objective = values.record(item, at, ['quantile', 'error'])
    values.number(objective?.['error'], [...at, 'error'])
    const quantile = values.number(objective?.['quantile'], [...at, 'quantile']) ?? 0
    if (quantile < 0 || quantile > 1)
      values.problems.push({ path: [...at, 'quantile'], problem: 'not a quantile', expected: 'a number from 0 to 1', found: String(quantile) })
    return quantile
  })
  return [...new Set(quantiles)].sort((a, b) => a - b)
}

function readBuckets(values: MappingValues, histogram: Readonly<Record<string, unknown>> | undefined, path: MappingPath): readonly number[] {
  const buckets = (values.list(histogram?.['buckets'], [...path, 'buckets']) ?? []).map(
    (bound, index) => values.number(bound, [...path, 'buckets', index]) ?? 0,
  )
  const disorder = buckets.findIndex((bound, index) => index > 0 && bound <= (buckets[index - 1] as number))
  if (disorder > 0)
    values.problems.push({
      path: [...path, 'buckets', disorder],
      problem: 'buckets out of order',
      expected: `more than ${buckets[disorder - 1]}`,
      found: String(buckets[disorder]),
    })
  for (const key of ['native_histogram_bucket_factor', 'native_histogram_max_buckets'] as const) {
    if (values.number(histogram?.[key], [...path, key]) === undefined) continue
    values.warnings.push({
      path: [...path, key],
      isKey: true,
      problem: 'setting has no effect',
      hint: 'histograms of a mapping keep the buckets only, without a native histogram beside them',
    })
  }
  return buckets
}
