import { type Item, Item as OttlItem } from '../../component/kit/ottl/item.ts'
import { familyWith, headerOf, SeriesMemo } from '../../component/kit/ottl/series_touch.ts'
import { TimeSlices } from '../../lib/time_slices.ts'
import { AttributeSet, type Resource, type Scope, valueKey } from '../../model/attributes.ts'
import type { FamilyPoints, MetricFamily, SeriesMetrics } from '../../model/metrics.ts'
import type { StatementRunner } from './runner.ts'
import type { Step } from './series_steps.ts'

/** Series between two looks at the clock. */
const SERIES_PER_LOOK = 256

/**
 * Changes series in columns without touching their values: what statements make of a resource, a scope, a family or the attributes of a
 * series is remembered as long as these live, so a scrape costs nothing for series that have been there before.
 */
export class SeriesTransform {
  readonly #runner: StatementRunner
  readonly #steps: readonly ((points: FamilyPoints) => FamilyPoints | Promise<FamilyPoints>)[]

  constructor(runner: StatementRunner, steps: readonly Step[]) {
    this.#runner = runner
    this.#steps = steps.map((step) => this.#applying(step))
  }

  /** The batch with its families changed. */
  async run(metrics: SeriesMetrics): Promise<SeriesMetrics> {
    let families = metrics.families
    for (const apply of this.#steps) {
      const changed: FamilyPoints[] = []
      for (const points of families) changed.push(await apply(points))
      families = changed
    }
    return { ...metrics, families }
  }

  #applying({ level, group }: Step): (points: FamilyPoints) => FamilyPoints | Promise<FamilyPoints> {
    const item = new OttlItem()
    const run = (): void => this.#runner.run(group, item)
    switch (level) {
      case 'resource': {
        const known = new WeakMap<Resource, Resource>()
        return (points) => withPart(points, { resource: changedResource(known, points.resource, item, run) })
      }
      case 'scope': {
        const known = new SeriesMemo<Scope>()
        return (points) => withPart(points, { scope: known.of(points.resource, points.scope, ANY_FAMILY, () => changedScope(points, item, run)) })
      }
      case 'metric': {
        const known = new SeriesMemo<MetricFamily>()
        return (points) => withPart(points, { family: known.of(points.resource, points.scope, points.family, () => changedFamily(points, item, run)) })
      }
      default: {
        const known = new SeriesMemo<ChangedSeries>()
        return async (points) => {
          const changed = known.of(points.resource, points.scope, points.family, () => new ChangedSeries())
          const { after: series, hashes } = await changed.of(points.series, (attributes) => {
            setParents(item, points)
            item.metric = headerOf(points.family)
            item.point = { attributes }
            run()
            return item.point.attributes
          })
          if (series.length === hashes.size) return withPart(points, { series })
          // Nobody may be told any more that no two of them have the same attributes.
          const { producer: _, ...rest } = points
          return { ...rest, series }
        }
      }
    }
  }
}

/** Stands for all families where a scope is changed whatever family it is of. */
const ANY_FAMILY: MetricFamily = { name: '', description: '', unit: '', type: 'gauge', isMonotonic: false, temporality: 'cumulative', bounds: [] }

function setParents(item: Item, { resource, scope }: FamilyPoints): void {
  item.resource = { resource }
  item.scope = { scope }
}

function changedResource(known: WeakMap<Resource, Resource>, resource: Resource, item: Item, run: () => void): Resource {
  let changed = known.get(resource)
  if (changed === undefined) {
    item.resource = { resource }
    run()
    changed = item.resource.resource
    known.set(resource, changed)
  }
  return changed
}

function changedScope(points: FamilyPoints, item: Item, run: () => void): Scope {
  setParents(item, points)
  run()
  return item.scope.scope
}

function changedFamily(points: FamilyPoints, item: Item, run: () => void): MetricFamily {
  setParents(item, points)
  item.metric = headerOf(points.family)
  run()
  return familyWith(points.family, item.metric)
}

function withPart(points: FamilyPoints, part: Partial<Pick<FamilyPoints, 'resource' | 'scope' | 'family' | 'series'>>): FamilyPoints {
  const isSame = Object.entries(part).every(([key, value]) => points[key as keyof typeof part] === value)
  return isSame ? points : { ...points, ...part }
}

/**
 * What the series of one family have become. Producers append to their list of series in place and make a new one when a series ends;
 * so does this one, as exporters keep what they have rendered by the identity of the list, and by that of the lists of keys.
 */
class ChangedSeries {
  readonly #known = new WeakMap<AttributeSet, AttributeSet>()
  readonly #keyLists = new Map<string, readonly string[]>()
  #list: ChangedList = { before: [], last: undefined, after: [], hashes: new Set() }

  async of(series: readonly AttributeSet[], change: (attributes: AttributeSet) => AttributeSet): Promise<ChangedList> {
    const { before, last, after: done } = this.#list
    const isLonger = series === before && series.length >= done.length && (done.length === 0 || series[done.length - 1] === last)
    if (!isLonger) {
      this.#list = { before: series, last: undefined, after: [], hashes: new Set() }
      listOf.set(this.#list.after, this.#list)
    }
    // Another batch may come while this one waits for its turn; its list is then this one or a new one.
    const list = this.#list
    const { after, hashes } = list
    let slices: TimeSlices | undefined
    while (after.length < series.length) {
      const attributes = series[after.length] as AttributeSet
      let wanted = this.#known.get(attributes)
      if (wanted === undefined) {
        wanted = this.#withKeptKeys(change(attributes))
        this.#known.set(attributes, wanted)
      }
      after.push(wanted)
      hashes.add(hashOf(wanted))
      list.last = attributes
      slices ??= new TimeSlices()
      if (after.length % SERIES_PER_LOOK === 0 && slices.isOver) await slices.next()
    }
    return list
  }

  #withKeptKeys(attributes: AttributeSet): AttributeSet {
    const name = JSON.stringify(attributes.keys)
    const keys = this.#keyLists.get(name)
    if (keys !== undefined) return keys === attributes.keys ? attributes : new AttributeSet(keys, attributes.values)
    if (this.#keyLists.size >= KEY_LISTS_MAX) this.#keyLists.clear()
    this.#keyLists.set(name, attributes.keys)
    return attributes
  }
}

/** A list of series and what they have become. */
interface ChangedList {
  readonly before: readonly AttributeSet[]
  /** The last of those that have been changed. */
  last: AttributeSet | undefined
  readonly after: AttributeSet[]
  /** Of what they have become; fewer than series when some have become the same. */
  readonly hashes: Set<number>
}

/** The lists by what they have become. */
const listOf = new WeakMap<readonly AttributeSet[], ChangedList>()

/** How many series of a changed batch have the attributes of another one of their metric, in whatever order. */
export function collisionsIn({ families }: SeriesMetrics): number {
  return families.reduce((sum, { series }) => sum + series.length - (listOf.get(series)?.hashes.size ?? series.length), 0)
}

/** Lists of keys that are kept for the series of one family. */
const KEY_LISTS_MAX = 1024

const knownHashes = new WeakMap<AttributeSet, number>()

/** 53 bits, the same for the same attributes in any order; that two of a million sets share one by chance takes some 20,000 tries. */
function hashOf(attributes: AttributeSet): number {
  let hash = knownHashes.get(attributes)
  if (hash === undefined) {
    const entries = attributes.keys.map((key, i) => `${JSON.stringify(key)}:${valueKey(attributes.values[i] ?? null)}`)
    hash = textHash(entries.sort().join(','))
    knownHashes.set(attributes, hash)
  }
  return hash
}

/** Two FNV-1a hashes of 32 bits with different starts, as one number. */
function textHash(text: string): number {
  let [high, low] = [0x811c9dc5, 0x9747b28c]
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    high = Math.imul(high ^ code, 0x01000193)
    low = Math.imul(low ^ (code + i), 0x01000193)
  }
  return (high >>> 0) * 2 ** 21 + (low >>> 11)
}
