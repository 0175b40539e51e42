import type { TimeSlices } from '../../../lib/time_slices.ts'
import { AttributeSet, type Resource, type Scope } from '../../../model/attributes.ts'
import { plainText } from '../../../model/plain_json.ts'
import type { AwsEmfConfig } from '../config.ts'
import { attributesText } from './attributes_text.ts'
import type { ChangeReason } from './document.ts'
import { LabelPlans } from './label_plans.ts'
import { LabelPlan, LabelSet } from './label_set.ts'
import type { LogTargets, MissingPlaceholder } from './log_targets.ts'
import { namespaceName } from './names.ts'

/** Told of what was changed in names, and of a placeholder that cannot be filled. */
export interface CatalogEvents {
  onChanged(reason: ChangeReason): void
  onMissing(missing: MissingPlaceholder): void
}

interface CatalogParts {
  readonly config: AwsEmfConfig
  readonly targets: LogTargets
  readonly events: CatalogEvents
}

/** Lists of keys of one origin whose labels for what is beyond the limit are kept. */
const OVERFLOWS_MAX = 1000
/** Scopes whose plans are kept. */
const SCOPES_MAX = 1000
const LABELS_PER_LOOK = 256

/** The labels of series with the same resource, and the same scope where that makes a label. */
export class LabelOrigin {
  readonly namespace: string
  /** As JSON. */
  readonly namespaceJson: string
  readonly #resource: AttributeSet
  readonly #plans: LabelPlans
  readonly #parts: CatalogParts
  /** By their JSON; where there are less than all, with the log group and stream before it. */
  readonly #sets = new Map<string, LabelSet>()
  /** By the list of keys. */
  readonly #overflows = new Map<string, LabelSet>()

  constructor(
    parts: CatalogParts,
    { namespace, resource, plans }: { readonly namespace: string; readonly resource: AttributeSet; readonly plans: LabelPlans },
  ) {
    this.#parts = parts
    this.namespace = namespace
    this.namespaceJson = JSON.stringify(namespace)
    this.#resource = resource
    this.#plans = plans
  }

  get isEmpty(): boolean {
    return this.#sets.size === 0
  }

  /**
   * The labels of a series, none of which is called as its metric is: those that `choose` wants of all of them, filed as all would
   * be, or all when it returns nothing. Equal labels are the same object, as long as they are remembered.
   */
  labels(attributes: AttributeSet, metricName: string, choose: (labels: LabelSet) => ReadonlySet<string> | undefined): LabelSet {
    const plain = this.#set(attributes, this.#plans.of(attributes.keys))
    const all = plain.has(metricName) ? this.#set(attributes, this.#plans.of(attributes.keys, metricName)) : plain
    const keys = choose(all)
    if (keys === undefined) return this.#remembered(all.json, all)
    const { logGroup, logStream } = all.logs.target
    const chosen = all.only(keys)
    // Labels that are left out can have made a difference for where documents are filed.
    const text = `${logGroup}:${logStream}|${chosen.json}`
    return this.#sets.get(text) ?? this.#remembered(text, new LabelSet(chosen, this, all.logs))
  }

  /** Labels that are nothing but dimensions, each with the value `other`. */
  overflow(keys: readonly string[]): LabelSet {
    const text = JSON.stringify(keys)
    const known = this.#overflows.get(text)
    if (known !== undefined) return known
    const { config, events } = this.#parts
    const plan = new LabelPlan(keys, { resource: AttributeSet.empty, scopeName: '', taken: [] }, { config, onChanged: (reason) => events.onChanged(reason) })
    const others = keys.map(() => 'other')
    const made = this.#set(new AttributeSet(keys, others), plan)
    const labels = this.#remembered(made.json, made)
    if (this.#overflows.size >= OVERFLOWS_MAX) this.#overflows.clear()
    this.#overflows.set(text, labels)
    return labels
  }

  /** Forgets labels that no batch had since `cutoff` on the monotonic clock. */
  async expire(cutoff: number, slices: TimeSlices): Promise<void> {
    let seen = 0
    for (const [text, labels] of this.#sets) {
      if (labels.heardAt < cutoff) this.#sets.delete(text)
      if (++seen % LABELS_PER_LOOK === 0 && slices.isOver) await slices.next()
    }
  }

  /** Labels that are known, or new ones, which are not remembered. */
  #set(attributes: AttributeSet, plan: LabelPlan): LabelSet {
    const made = plan.labels(attributes.values)
    const known = this.#sets.get(made.json)
    if (known !== undefined) return known
    const { targets, events } = this.#parts
    const lookup = (key: string): string | undefined => nonEmptyText(this.#resource, key) ?? nonEmptyText(attributes, key)
    const { pair, missing } = targets.find(this.namespace, lookup)
    for (const one of missing) events.onMissing(one)
    return new LabelSet(made, this, pair)
  }

  #remembered(text: string, labels: LabelSet): LabelSet {
    if (!this.#sets.has(text)) this.#sets.set(text, labels)
    return labels
  }
}

/** Finds the labels, namespace, log group and stream of series. */
export class LabelCatalog {
  readonly #parts: CatalogParts
  readonly #origins = new Map<string, LabelOrigin>()
  readonly #plansOfScope = new Map<string, LabelPlans>()

  constructor(config: AwsEmfConfig, targets: LogTargets, events: CatalogEvents) {
    this.#parts = { config, targets, events }
  }

  /** The origin of series with that resource and scope. */
  origin({ attributes }: Resource, scope: Scope): LabelOrigin {
    const scopeName = this.#parts.config.otel_lib_dimension ? scope.name : ''
    const text = `${attributesText(attributes)}|${scopeName}`
    const known = this.#origins.get(text)
    if (known !== undefined) return known
    const resource = attributes.detached()
    const origin = new LabelOrigin(this.#parts, { namespace: this.#namespace(resource), resource, plans: this.#plansOf(resource, scopeName) })
    this.#origins.set(text, origin)
    return origin
  }

  /** Forgets what no batch had since `cutoff` on the monotonic clock; lets the event loop run in between. */
  async expire(cutoff: number, slices: TimeSlices): Promise<void> {
    for (const [text, origin] of this.#origins) {
      await origin.expire(cutoff, slices)
      if (origin.isEmpty) this.#origins.delete(text)
    }
  }

  /** Resources that make no labels have their plans in common. */
  #plansOf(resource: AttributeSet, scopeName: string): LabelPlans {
    const { config, events } = this.#parts
    const onChanged = (reason: ChangeReason): void => events.onChanged(reason)
    if (config.resource_to_telemetry_conversion.enabled) return new LabelPlans({ config, resource, scopeName, onChanged })
    const plans = this.#plansOfScope.get(scopeName) ?? new LabelPlans({ config, resource: AttributeSet.empty, scopeName, onChanged })
    if (this.#plansOfScope.size >= SCOPES_MAX) this.#plansOfScope.clear()
    this.#plansOfScope.set(scopeName, plans)
    return plans
  }

  #namespace(resource: AttributeSet): string {
    const { config, events } = this.#parts
    const parts = [nonEmptyText(resource, 'service.namespace'), nonEmptyText(resource, 'service.name')].filter((part) => part !== undefined)
    const wanted = config.namespace ?? (parts.length === 0 ? 'default' : parts.join('/'))
    const name = namespaceName(wanted)
    if (name !== wanted) events.onChanged('namespace')
    return name
  }
}

function nonEmptyText(attributes: AttributeSet, key: string): string | undefined {
  const value = attributes.get(key)
  if (value === undefined) return undefined
  const text = plainText(value)
  return text === '' ? undefined : text
}
