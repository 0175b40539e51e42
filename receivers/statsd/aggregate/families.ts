import type { FamilyPoints } from '../../../model/metrics.ts'
import type { Aggregation } from '../naming/naming.ts'
import { familyKind, metricFamily, type Traits } from './descriptor.ts'
import { FamilyNames } from './family_names.ts'
import type { RowForm } from './layout.ts'
import { type ListFamily, type ListOrigin, SeriesList } from './series_list.ts'
import { SmallColumns } from './small_columns.ts'

class Family implements ListFamily {
  readonly family: ListFamily['family']
  readonly aggregation: Aggregation
  readonly form: RowForm
  /** One per list of label keys. */
  lists: readonly SeriesList[] = []

  constructor(traits: Traits, name: string) {
    this.family = metricFamily(traits, name)
    this.aggregation = traits.aggregation
    this.form = traits.form
  }
}

/** The families of a hub and their lists of series, one per list of label keys. */
export class Families {
  readonly names = new FamilyNames()
  /** By `Traits.familyShape`, then by the name that was asked for. */
  readonly #byShape = new Map<string, Map<string, Family>>()
  readonly #small = new SmallColumns()
  #size = 0
  #made = 0

  get size(): number {
    return this.#size
  }

  /** The list that series of a name belong into; `keys` when they are not those of the traits. */
  listOf(name: string, traits: Traits, keys: readonly string[] = traits.keys): SeriesList {
    const family = this.#familyOf(name, traits)
    const known = family.lists.find((list) => isSame(list.keys, keys))
    if (known !== undefined) return known
    const list = new SeriesList(family, keys, { number: this.#made++, small: this.#small })
    // Unlike an array that is spread, this one has no room for more: most families have one list.
    family.lists = family.lists.concat(list)
    return list
  }

  *lists(): Generator<SeriesList, void, void> {
    for (const families of this.#byShape.values()) for (const { lists } of families.values()) yield* lists
  }

  /**
   * All lists as points. A list that has come to be empty is told once more, so that consumers know that its series have
   * ended, and then forgotten, and with the last of its family the family's name.
   */
  publish(origin: ListOrigin): FamilyPoints[] {
    const published: FamilyPoints[] = []
    for (const families of this.#byShape.values()) {
      for (const [name, family] of families) {
        let hasEnded = false
        for (const list of family.lists) {
          published.push(list.points(origin))
          if (list.size > 0) continue
          list.isEnded = true
          hasEnded = true
        }
        if (hasEnded) this.#leave(families, name, family)
      }
    }
    return published
  }

  /** Forgets the lists of a family that have ended, and with the last of them the family. */
  #leave(families: Map<string, Family>, name: string, family: Family): void {
    family.lists = family.lists.filter(({ isEnded }) => !isEnded)
    if (family.lists.length > 0) return
    families.delete(name)
    this.#size--
    this.names.release(family.family.name)
  }

  #familyOf(name: string, traits: Traits): Family {
    let families = this.#byShape.get(traits.familyShape)
    if (families === undefined) {
      families = new Map()
      this.#byShape.set(traits.familyShape, families)
    }
    let family = families.get(name)
    if (family === undefined) {
      family = new Family(traits, this.names.claim(name, familyKind(traits.aggregation), traits.shape))
      families.set(name, family)
      this.#size++
    }
    return family
  }
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((key, i) => key === b[i])
}
