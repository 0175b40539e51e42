import { type AttributeSet, type AttributeValue, type Resource, type Scope, valueKey } from '../../../model/attributes.ts'
import type { Metric, MetricGroup } from '../../../model/data_points.ts'

/**
 * Texts that name streams (OpenTelemetry's word for a series: resource, scope, metric, attributes), whatever objects say it
 * and in whatever order attributes stand.
 */
export class StreamKeys {
  readonly #resources = new WeakMap<Resource, string>()
  readonly #scopes = new WeakMap<Scope, string>()

  /** What the keys of a metric's streams begin with. */
  metricKey({ resource, scope }: MetricGroup, metric: Metric): string {
    const isMonotonic = metric.type === 'sum' && metric.isMonotonic
    return `${this.#resourceKey(resource)}|${this.#scopeKey(scope)}|${JSON.stringify([metric.name, metric.unit, metric.type, isMonotonic])}|`
  }

  #resourceKey(resource: Resource): string {
    const known = this.#resources.get(resource) ?? attributesKey(resource.attributes)
    this.#resources.set(resource, known)
    return known
  }

  #scopeKey(scope: Scope): string {
    const known =
      this.#scopes.get(scope) ?? `${JSON.stringify([scope.name, scope.version])}${scope.attributes === undefined ? '' : attributesKey(scope.attributes)}`
    this.#scopes.set(scope, known)
    return known
  }
}

/** One text per set of attributes, whatever their order. */
export function attributesKey({ keys, values }: AttributeSet): string {
  const parts = keys.map((key, i) => `${JSON.stringify(key)}:${valueKey(values[i] as AttributeValue)}`)
  return parts.length > 1 ? parts.sort().join(',') : (parts[0] ?? '')
}
