import { Item } from '../../component/kit/ottl/item.ts'
import { TimeSlices } from '../../lib/time_slices.ts'
import type { Resource, Scope } from '../../model/attributes.ts'
import type { Drops, StageTests } from './tester.ts'

/** A group of a batch, of any signal. */
export interface BatchGroup {
  readonly resource: Resource
  readonly scope: Scope
}

/** Items between two looks at the clock. */
const ITEMS_PER_LOOK = 64

/**
 * Filters the groups of one batch stage by stage. `inside` filters what is inside a group and tells whether anything is left; it awaits
 * `pause` between items.
 */
export async function filterGroups<G extends BatchGroup>(
  stages: readonly StageTests[],
  groups: readonly G[],
  inside: (group: G, tests: StageTests, pass: Pass) => Promise<boolean>,
): Promise<G[]> {
  let left = [...groups]
  const pass = new Pass()
  for (const tests of stages) {
    const dropped = new Map<Resource, boolean>()
    const kept: G[] = []
    for (const group of left) {
      pass.item.resource = { resource: group.resource }
      pass.item.scope = { scope: group.scope }
      let isDropped = dropped.get(group.resource)
      if (isDropped === undefined) {
        isDropped = tests.resource?.(pass.item) ?? false
        dropped.set(group.resource, isDropped)
      }
      if (!isDropped && tests.scope?.(pass.item) !== true && (await inside(group, tests, pass))) kept.push(group)
    }
    left = kept
  }
  return left
}

/** One batch under way. */
export class Pass {
  readonly item = new Item()
  readonly #slices = new TimeSlices()
  #items = 0

  /** The members that are not dropped; the same array when all are kept. `show` puts a member into the item. */
  async filter<T>(members: readonly T[], show: (item: Item, member: T) => void, drops: Drops): Promise<readonly T[]> {
    const { item } = this
    let kept: T[] | undefined
    for (const [i, member] of members.entries()) {
      if (++this.#items % ITEMS_PER_LOOK === 0 && this.#slices.isOver) await this.#slices.next()
      show(item, member)
      if (drops(item)) kept ??= members.slice(0, i)
      else kept?.push(member)
    }
    return kept ?? members
  }
}
