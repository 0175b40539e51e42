/** Bounds of Envoy's own histograms. */
export const ENVOY_BOUNDS: readonly number[] = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000, 3_600_000,
]

/**
 * The unit (UCUM) of an Envoy histogram by the name of its stat; empty when it has none or it cannot be told.
 *
 * On the wire all of them say `ms`, whatever they are: Envoy has no other type for a histogram.
 */
export function envoyHistogramUnit(stat: string): string {
  const leaf = stat.slice(stat.lastIndexOf('.') + 1)
  for (const [unit, pattern] of UNITS) if (pattern.test(leaf)) return unit
  return ''
}

const UNITS: readonly (readonly [unit: string, pattern: RegExp])[] = [
  ['us', /_us$|_in_micros$|^latency_us$/],
  ['', /percent|_count$|_num_docs$|_num$|per_|_per_/],
  ['By', /bytes|_size$/],
  ['ms', /_ms$|_time$|_delay$|duration|latency$|_delay_|_rtt$/],
]
