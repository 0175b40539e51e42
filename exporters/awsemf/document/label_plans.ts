import type { AttributeSet } from '../../../model/attributes.ts'
import type { AwsEmfConfig } from '../config.ts'
import type { ChangeReason } from './document.ts'
import { LabelPlan } from './label_set.ts'

/** Lists of keys whose plans are kept. */
const PLANS_MAX = 1000

/** Where the plans' labels come from, beside the attributes of series, and who is told of names that change. */
export interface LabelPlansSource {
  readonly config: AwsEmfConfig
  /** Attributes of the resource that become labels. */
  readonly resource: AttributeSet
  /** Empty where the scope makes no label. */
  readonly scopeName: string
  onChanged(reason: ChangeReason): void
}

/** The plans of series with different lists of keys: few, since producers share lists among their series. */
export class LabelPlans {
  readonly #source: LabelPlansSource
  #ofList = new WeakMap<readonly string[], LabelPlan>()
  readonly #ofText = new Map<string, LabelPlan>()

  constructor(source: LabelPlansSource) {
    this.#source = source
  }

  /** The plan for attributes with these keys. `taken` is a name that labels must not have; empty for none. */
  of(keys: readonly string[], taken = ''): LabelPlan {
    const known = taken === '' ? this.#ofList.get(keys) : undefined
    if (known !== undefined) return known
    const text = JSON.stringify([taken, keys])
    const plan = this.#ofText.get(text) ?? this.#newPlan(keys, taken)
    if (this.#ofText.size >= PLANS_MAX) this.#ofText.clear()
    this.#ofText.set(text, plan)
    if (taken === '') this.#ofList.set(keys, plan)
    return plan
  }

  #newPlan(keys: readonly string[], taken: string): LabelPlan {
    const { config, resource, scopeName } = this.#source
    const sources = { resource, scopeName, taken: taken === '' ? [] : [taken] }
    return new LabelPlan(keys, sources, { config, onChanged: (reason) => this.#source.onChanged(reason) })
  }
}
