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

type Label = readonly [key: string, value: string]

const FEW_LABELS = 16

/**
 * Labels in the order and with the keys a series may have: sorted, and those that would break a Prometheus series (names
 * that begin with `__`; `le` and `quantile`, where the series has its own) get `exported_` before them.
 */
export function seriesLabels(labels: ReadonlyMap<string, string>, aggregation: Aggregation): Label[] {
  const own = aggregation.kind === 'explicit' || aggregation.kind === 'exponential' ? 'le' : aggregation.kind === 'summary' ? 'quantile' : undefined
  let safe = labels
  for (const key of labels.keys()) if (isTaken(key, own)) safe = withExported(labels, own)
  return sortedByKey([...safe])
}

function withExported(labels: ReadonlyMap<string, string>, own: string | undefined): ReadonlyMap<string, string> {
  const safe = new Map<string, string>()
  for (const [key, value] of labels) safe.set(isTaken(key, own) ? `exported_${key}` : key, value)
  return safe
}

function isTaken(key: string, own: string | undefined): boolean {
  return key === own || key.startsWith('__')
}

/** `labels`, sorted in place. Few of them, most often in order, are sorted in a third of the time that `sort` takes. */
function sortedByKey(labels: Label[]): Label[] {
  if (labels.length > FEW_LABELS) return labels.sort(byKey)
  for (let i = 1; i < labels.length; i++) {
    const label = labels[i] as Label
    let at = i
    for (; at > 0 && (labels[at - 1] as Label)[0] > label[0]; at--) labels[at] = labels[at - 1] as Label
    labels[at] = label
  }
  return labels
}

function byKey([a]: Label, [b]: Label): number {
  return a < b ? -1 : a > b ? 1 : 0
}
