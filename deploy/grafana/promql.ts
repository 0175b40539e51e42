/** The expressions that most panels are made of. `by` lists the labels that stay; none of them means one line. */

function grouped(by: readonly string[]): string {
  return by.length === 0 ? 'sum' : `sum by (${by.join(', ')})`
}

/** What a counter grows by in a second, summed. */
export function rate(metric: string, selector: string, by: readonly string[] = []): string {
  return `${grouped(by)} (rate(${metric}{${selector}}[$__rate_interval]))`
}

/** The part of `metric` that also matches `part`; 0, not nothing, where there is the whole but no such part. */
export function share(metric: string, selector: string, part: string, by: readonly string[] = []): string {
  const whole = rate(metric, selector, by)
  return `(${rate(metric, `${selector},${part}`, by)} or ${whole} * 0) / ${whole}`
}

/** Responses of class 5xx, Envoy's own (no route, no healthy host, overflow) among them, as a share of all requests. */
export function failures(selector: string, by: readonly string[] = []): string {
  return share('istio_requests_total', selector, FAILED, by)
}

/** Label matcher of requests that failed, as Istio's dashboards count them. */
export const FAILED = 'response_code=~"5.."'

/** A quantile of a histogram with the given name, without `_bucket`. */
export function quantile(q: number, histogram: string, selector: string, by: readonly string[] = []): string {
  return `histogram_quantile(${q}, ${rate(`${histogram}_bucket`, selector, ['le', ...by])})`
}

/** The mean of a histogram's values. */
export function mean(histogram: string, selector: string, by: readonly string[] = []): string {
  return `${rate(`${histogram}_sum`, selector, by)} / ${rate(`${histogram}_count`, selector, by)}`
}

/** How many values fell into each bucket, for heat maps. */
export function buckets(histogram: string, selector: string): string {
  return `sum by (le) (increase(${histogram}_bucket{${selector}}[$__rate_interval]))`
}

/** The `count` largest. */
export function largest(count: number, expression: string): string {
  return `topk(${count}, ${expression})`
}

/** The label `class` (2xx, 5xx, …; 0xx: no response) instead of single codes. */
export function byClass(selector: string, more: readonly string[] = []): string {
  const rates = rate('istio_requests_total', selector, ['response_code', ...more])
  return `${grouped(['class', ...more])} (label_replace(${rates}, "class", "\${1}xx", "response_code", "(.).*"))`
}
