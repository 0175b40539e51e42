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
  /** One per list of label keys. Most families have one only, which needs no map. */
  #first: SeriesList | undefined
  #others: Map<string, SeriesList> | undefined

  constructor(traits: Traits, name: string) {
    this.family = metricFamily(traits, name)
    this.aggregation = traits.aggregation
    this.form = traits.form
  }

  list(keys: readonly string[]): SeriesList | undefined {
    return this.#first !== undefined && isSame(this.#first.keys, keys) ? this.#first : this.#others?.get(keys.join('\0'))
  }

  add(list: SeriesList): void {
    if (this.#first === undefined) this.#first = list
    else (this.#others ??= new Map()).set(list.keys.join('\0'), list)
  }

  *lists(): Generator<SeriesList, void, void> {
    if (this.#first !== undefined) yield this.#first
    if (this.#others !== undefined) yield* this.#others.values()
  }

  /** Forgets the lists that have ended; true when none is left. */
  forgetEnded(): boolean {
    for (const [key, list] of this.#others ?? []) if (list.isEnded) this.#others?.delete(key)
    if (this.#others?.size === 0) this.#others = undefined
    if (this.#first?.isEnded === true) this.#first = undefined
    return this.#first === undefined && this.#others === undefined
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
    const known = family.list(keys)
    if (known !== undefined) return known
    const list = new SeriesList(family, keys, { number: this.#made++, small: this.#small })
    family.add(list)
    return list
  }

  *lists(): Generator<SeriesList, void, void> {
    for (const families of this.#byShape.values()) for (const family of families.values()) yield* family.lists()
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
        for (const list of family.lists()) {
          published.push(list.points(origin))
          if (list.size > 0) continue
          list.isEnded = true
          hasEnded = true
        }
        if (!hasEnded || !family.forgetEnded()) continue
        families.delete(name)
        this.#size--
        this.names.release(family.family.name)
      }
    }
    return published
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
