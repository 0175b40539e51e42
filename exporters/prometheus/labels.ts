import type { AttributeSet, AttributeValue, Resource, Scope } from '../../model/attributes.ts'
import { escapeQuoted, exactLabelName, labelName } from './names.ts'

/** Which of a resource's attributes become labels of its series. */
export interface ResourceLabelOptions {
  readonly constLabels: Readonly<Record<string, string>>
  readonly hasScopeInfo: boolean
  /** True for a resource attribute that becomes a label; its key is given. */
  readonly isResourceLabel: (key: string) => boolean
}

/** Labels that all series of one resource and scope share. */
export interface BaseLabels {
  /** `a="1",b="2"`, sorted by name; empty when there is none. */
  readonly text: string
  readonly pairs: readonly string[]
  readonly names: ReadonlySet<string>
  /** How series' own labels are named beside these: of families whose names are exact, and of others. */
  readonly plans: { readonly exact: KeyPlans; readonly translated: KeyPlans }
  /** The labels of the resource's `target_info`; undefined when it has none. */
  readonly target: string | undefined
  /** Tells the target from others: its job and instance. */
  readonly targetKey: string
}

/** The labels that come from configuration, resource and scope, by the Collector's rules (`job`, `instance`, `otel_scope_*`). */
export function baseLabels(resource: Resource, scope: Scope, options: ResourceLabelOptions): BaseLabels {
  const labels = new Map<string, string>()
  const target = new Map<string, string>()
  const put = (into: Map<string, string>, name: string, value: string): void => {
    if (value !== '' && !into.has(name)) into.set(name, value)
  }
  for (const [key, value] of Object.entries(options.constLabels)) for (const into of [labels, target]) put(into, labelName(key), value)
  const { job, instance } = jobAndInstance(resource)
  for (const into of [labels, target]) {
    put(into, 'job', job)
    put(into, 'instance', instance)
  }
  let targetAttributes = 0
  for (const [i, key] of resource.attributes.keys.entries()) {
    const value = valueText(resource.attributes.values[i])
    if (!IDENTITY.has(key)) {
      targetAttributes++
      put(target, labelName(key), value)
    }
    if (options.isResourceLabel(key)) put(labels, labelName(key), value)
  }
  if (options.hasScopeInfo) {
    put(labels, 'otel_scope_name', scope.name)
    put(labels, 'otel_scope_version', scope.version)
    for (const [i, key] of (scope.attributes?.keys ?? []).entries()) put(labels, labelName(`otel_scope_${key}`), valueText(scope.attributes?.values[i]))
  }
  const pairs = pairsOf(labels)
  const names = new Set(labels.keys())
  const hasTarget = targetAttributes > 0 && (job !== '' || instance !== '')
  return {
    text: pairs.join(','),
    pairs,
    names,
    plans: { exact: new KeyPlans({ taken: names, isExact: true }), translated: new KeyPlans({ taken: names, isExact: false }) },
    target: hasTarget ? pairsOf(target).join(',') : undefined,
    targetKey: JSON.stringify([job, instance]),
  }
}

/** Resource attributes that `job` and `instance` are made of. */
export const IDENTITY: ReadonlySet<string> = new Set(['service.namespace', 'service.name', 'service.instance.id'])

function jobAndInstance(resource: Resource): { readonly job: string; readonly instance: string } {
  const of = (key: string): string => valueText(resource.attributes.get(key))
  const name = of('service.name')
  const namespace = of('service.namespace')
  return { job: name === '' ? '' : namespace === '' ? name : `${namespace}/${name}`, instance: of('service.instance.id') }
}

function pairsOf(labels: ReadonlyMap<string, string>): string[] {
  return [...labels].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => `${name}="${escapeQuoted(value)}"`)
}

/** The text of an attribute value as it stands in a label. */
export function valueText(value: AttributeValue | undefined): string {
  if (value === undefined) return ''
  if (typeof value === 'string') return value
  return typeof value === 'object' ? JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? String(part) : part)) : String(value)
}

/** How the attributes of one list of keys become labels. */
export interface KeyPlan {
  /** By label name, sorted. `values` are the places of the attributes whose values it takes. */
  readonly labels: readonly { readonly open: string; readonly values: readonly number[] }[]
  /** True when a label has the name `__name__`, which belongs to the metric itself. */
  readonly hasMetricName: boolean
  /** True when a label has the name `le`, which belongs to histograms. */
  readonly hasBound: boolean
  /** True when a label has the name `quantile`, which belongs to summaries. */
  readonly hasQuantile: boolean
}

/** How the attribute keys of a series become label names. */
export interface LabelNaming {
  /** Names that the labels must leave to others. */
  readonly taken: ReadonlySet<string>
  /** The keys are names already, as those of a family with an exact name are; only what no label may hold is replaced. */
  readonly isExact: boolean
}

/**
 * Plans the labels for a list of attribute keys. Keys that become the same name are joined (values with `;`, in the
 * order of the keys); a name that the resource or the configuration already gives gets the prefix `exported_`, as
 * Prometheus does it.
 */
export function keyPlan(keys: readonly string[], { taken, isExact }: LabelNaming): KeyPlan {
  const byName = new Map<string, number[]>()
  const order = keys.map((_, i) => i).sort((a, b) => ((keys[a] as string) < (keys[b] as string) ? -1 : 1))
  for (const i of order) {
    let name = isExact ? exactLabelName(keys[i] as string) : labelName(keys[i] as string)
    while (taken.has(name)) name = `exported_${name}`
    byName.set(name, [...(byName.get(name) ?? []), i])
  }
  const sorted = [...byName].sort(([a], [b]) => (a < b ? -1 : 1))
  return {
    labels: sorted.map(([name, values]) => ({ open: `${name}="`, values })),
    hasMetricName: byName.has('__name__'),
    hasBound: byName.has('le'),
    hasQuantile: byName.has('quantile'),
  }
}

const PLANS_MAX = 1024

/** The plans of lists of keys that are the same object; made once for all series that share it. */
export class KeyPlans implements LabelNaming {
  readonly taken: ReadonlySet<string>
  readonly isExact: boolean
  readonly #plans = new Map<readonly string[], KeyPlan>()

  constructor({ taken, isExact }: LabelNaming) {
    this.taken = taken
    this.isExact = isExact
  }

  of(keys: readonly string[]): KeyPlan {
    let plan = this.#plans.get(keys)
    if (plan === undefined) {
      // Producers that make a list of keys per series would fill the map; theirs are planned anew.
      if (this.#plans.size >= PLANS_MAX) this.#plans.clear()
      plan = keyPlan(keys, this)
      this.#plans.set(keys, plan)
    }
    return plan
  }
}

/** The labels of one series, `a="1",b="2"`. Labels without a value are left out: to Prometheus they are the same. */
export function labelText(plan: KeyPlan, attributes: AttributeSet): string {
  let text = ''
  for (const { open, values } of plan.labels) {
    const value = labelValue(attributes, values)
    if (value !== '') text += `${text === '' ? '' : ','}${open}${escapeQuoted(value)}"`
  }
  return text
}

/** The labels of one series together with those of its source, in an order of their own: equal for equal labels. */
export function comparableLabels(plan: KeyPlan, attributes: AttributeSet, base: BaseLabels): string {
  const pairs = [...base.pairs]
  for (const { open, values } of plan.labels) {
    const value = labelValue(attributes, values)
    if (value !== '') pairs.push(`${open}${escapeQuoted(value)}"`)
  }
  return pairs.sort().join('\n')
}

function labelValue(attributes: AttributeSet, values: readonly number[]): string {
  if (values.length > 1) return joined(attributes, values)
  const value = attributes.values[values[0] as number]
  return typeof value === 'string' ? value : valueText(value)
}

function joined(attributes: AttributeSet, values: readonly number[]): string {
  return values
    .map((i) => valueText(attributes.values[i]))
    .filter((value) => value !== '')
    .join(';')
}
