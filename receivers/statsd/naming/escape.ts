import type { Aggregation } from './naming.ts'

/**
 * A name as statsd_exporter writes it: every character outside `[A-Za-z0-9_]` becomes one `_`, a run of `-` becomes one
 * `_`, and a leading digit gets a `_` before it. Different names may become the same.
 */
export function escapeMetricName(name: string): string {
  if (/^[A-Za-z_]\w*$/.test(name)) return name
  const escaped = name.replace(/-+|[^\w-]/gu, '_')
  return /^\d/.test(escaped) ? `_${escaped}` : escaped
}

/** A metric or label name as Envoy's `/stats/prometheus` writes it: every byte outside `[A-Za-z0-9_]` becomes `_`. */
export function envoyPrometheusName(name: string): string {
  const replaced = name.replace(/[^\w]/gu, (char) => '_'.repeat(Buffer.byteLength(char)))
  return /^\d/.test(replaced) ? `_${replaced}` : replaced
}

/**
 * Labels in the order and with the keys a series may have: sorted, and those that would break a Prometheus series (names
 * that begin with `__`; `le` and `quantile`, where the series has its own) get `exported_` before them.
 */
export function seriesLabels(labels: ReadonlyMap<string, string>, aggregation: Aggregation): (readonly [key: string, value: string])[] {
  const own = aggregation.kind === 'explicit' || aggregation.kind === 'exponential' ? 'le' : aggregation.kind === 'summary' ? 'quantile' : undefined
  const safe = new Map<string, string>()
  for (const [key, value] of labels) safe.set(key === own || key.startsWith('__') ? `exported_${key}` : key, value)
  return [...safe].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
}
