import type { Settings } from '../../component/component.ts'
import type { ContextName } from '../../component/kit/ottl/contexts.ts'
import { anyHolds, Faults } from '../../component/kit/ottl/faults.ts'
import type { Item } from '../../component/kit/ottl/item.ts'
import type { Signal } from '../../component/signal.ts'
import { AttributeSet } from '../../model/attributes.ts'
import type { Stage } from './conditions.ts'
import * as telemetry from './telemetry.ts'

/** Tests an item whose context and parents are set; true when it is to be dropped. */
export type Drops = (item: Item) => boolean

/** The tests of one stage by context; undefined where it has no conditions. */
export type StageTests = { readonly [C in ContextName]?: Drops }

/** Tests conditions on items, and takes note of what fails. */
export class ConditionTester {
  readonly stages: readonly StageTests[]
  readonly #faults: Faults

  constructor(settings: Settings, signal: Signal, stages: readonly Stage[]) {
    const contexts = new Map<object, ContextName>(
      stages.flat().flatMap(({ context, conditions }) => conditions.map((condition) => [condition, context] as const)),
    )
    this.#faults = new Faults(settings, (condition) =>
      settings.telemetry.counter(telemetry.failures, { filter: settings.id.text, signal, context: contexts.get(condition) ?? signal }),
    )
    this.stages = stages.map((stage) => this.#tests(stage))
  }

  /** Adds the failures noted so far to the counters; called once per batch. */
  flush(): void {
    this.#faults.flush()
  }

  #tests(stage: Stage): StageTests {
    return Object.fromEntries(
      stage.map(({ context, conditions, errorMode }) => {
        const report = (condition: { readonly text: string }, error: unknown): void => this.#faults.add(condition, error, errorMode)
        const drops: Drops = (item) => {
          item.cache = AttributeSet.empty
          return anyHolds(conditions, item, report)
        }
        return [context, drops]
      }),
    )
  }
}
