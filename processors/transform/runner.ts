import type { Settings } from '../../component/component.ts'
import { anyHolds, Faults } from '../../component/kit/ottl/faults.ts'
import type { StatementGroup } from '../../component/kit/ottl/groups.ts'
import type { Item } from '../../component/kit/ottl/item.ts'
import type { Signal } from '../../component/signal.ts'
import { AttributeSet } from '../../model/attributes.ts'
import * as telemetry from './telemetry.ts'

/** Runs groups of statements on items, and takes note of what fails. */
export class StatementRunner {
  readonly groups: readonly StatementGroup[]
  readonly #faults: Faults

  constructor(settings: Settings, signal: Signal, groups: readonly StatementGroup[]) {
    this.groups = groups
    const editors = new Map<object, string>(groups.flatMap(({ statements }) => statements.map((statement) => [statement, statement.editor] as const)))
    this.#faults = new Faults(settings, (statement) =>
      settings.telemetry.counter(telemetry.failures, { processor: settings.id.text, signal, function: editors.get(statement) ?? 'conditions' }),
    )
  }

  /** Runs a group on an item whose context and parents are set. Throws a `PermanentError` when an error is to be propagated. */
  run({ conditions, statements, errorMode }: StatementGroup, item: Item): void {
    item.cache = AttributeSet.empty
    if (conditions.length > 0 && !anyHolds(conditions, item, (condition, error) => this.#faults.add(condition, error, errorMode))) return
    for (const statement of statements) {
      try {
        statement.run(item)
      } catch (error) {
        this.#faults.add(statement, error, errorMode)
      }
    }
  }

  /** Adds the failures noted so far to the counters; called once per batch. */
  flush(): void {
    this.#faults.flush()
  }
}
