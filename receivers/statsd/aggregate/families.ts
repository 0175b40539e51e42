import type { FamilyPoints } from '../../../model/metrics.ts'
import type { Aggregation } from '../naming/naming.ts'
import { type Descriptor, familyKey, familyKind, metricFamily, shapeOf } from './descriptor.ts'
import { FamilyNames } from './family_names.ts'
import { type ListFamily, type ListOrigin, SeriesList } from './series_list.ts'

class Family implements ListFamily {
  readonly key: string
  readonly family: ListFamily['family']
  readonly aggregation: Aggregation
  readonly lists = new Map<string, SeriesList>()

  constructor(key: string, descriptor: Descriptor, name: string) {
    this.key = key
    this.family = metricFamily(descriptor, name)
    this.aggregation = descriptor.aggregation
  }
}

/** The families of a hub and their lists of series, one per list of label keys. */
export class Families {
  readonly names = new FamilyNames()
  readonly #byKey = new Map<string, Family>()
  #made = 0

  get size(): number {
    return this.#byKey.size
  }

  /** The list that a descriptor's series belong into; `keys` when they are not the descriptor's own. */
  listOf(descriptor: Descriptor, keys: readonly string[] = descriptor.keys): SeriesList {
    const key = familyKey(descriptor)
    let family = this.#byKey.get(key)
    if (family === undefined) {
      family = new Family(key, descriptor, this.names.claim(descriptor.name, familyKind(descriptor.aggregation), shapeOf(descriptor.aggregation)))
      this.#byKey.set(key, family)
    }
    const listKey = keys.join('\0')
    let list = family.lists.get(listKey)
    if (list === undefined) {
      list = new SeriesList(family, keys, this.#made++)
      family.lists.set(listKey, list)
    }
    return list
  }

  *lists(): Generator<SeriesList, void, void> {
    for (const { lists } of this.#byKey.values()) yield* lists.values()
  }

  /**
   * All lists as points. A list that has come to be empty is told once more, so that consumers know that its series have
   * ended, and then forgotten, and with the last of its family the family's name.
   */
  publish(origin: ListOrigin): FamilyPoints[] {
    const published: FamilyPoints[] = []
    for (const family of this.#byKey.values()) {
      for (const [key, list] of family.lists) {
        published.push(list.points(origin))
        if (list.size > 0) continue
        list.isEnded = true
        family.lists.delete(key)
      }
      if (family.lists.size > 0) continue
      this.#byKey.delete(family.key)
      this.names.release(family.family.name)
    }
    return published
  }
}
