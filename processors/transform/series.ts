import { type Item, Item as OttlItem } from '../../component/kit/ottl/item.ts'
import { familyWith, headerOf, SeriesMemo } from '../../component/kit/ottl/series_touch.ts'
import { TimeSlices } from '../../lib/time_slices.ts'
import { type AttributeSet, type Resource, type Scope, valueKey } from '../../model/attributes.ts'
import type { FamilyPoints, MetricFamily, SeriesMetrics } from '../../model/metrics.ts'
import type { StatementRunner } from './runner.ts'
import type { Step } from './series_steps.ts'

/** Series between two looks at the clock. */
const SERIES_PER_LOOK = 256

/**
 * Changes series in columns without touching their values: what statements make of a resource, a scope, a family or the attributes of a
 * series is remembered as long as these live, so a scrape costs one comparison per series.
 */
export class SeriesTransform {
  readonly #runner: StatementRunner
  readonly #steps: readonly { readonly step: Step; readonly apply: (points: FamilyPoints) => FamilyPoints | Promise<FamilyPoints> }[]

  constructor(runner: StatementRunner, steps: readonly Step[]) {
    this.#runner = runner
    this.#steps = steps.map((step) => ({ step, apply: this.#applying(step) }))
  }

  /** The batch with its families changed; `collisions` are the series that have come to the attributes of another one. */
  async run(metrics: SeriesMetrics): Promise<{ readonly metrics: SeriesMetrics; readonly collisions: number }> {
    let families = metrics.families
    for (const { apply } of this.#steps) {
      const changed: FamilyPoints[] = []
      for (const points of families) changed.push(await apply(points))
      families = changed
    }
    let collisions = 0
    for (const [i, { series }] of families.entries()) if (series !== metrics.families[i]?.series) collisions += collisionsIn(series)
    return { metrics: { ...metrics, families: collisions === 0 ? families : families.map(withoutFalseClaim) }, collisions }
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
          const series = await changed.of(points.series, (attributes) => {
            setParents(item, points)
            item.metric = headerOf(points.family)
            item.point = { attributes }
            run()
            return item.point.attributes
          })
          return withPart(points, { series })
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

/** What the series of one family have become, in the order of the last batch and by their identity. */
class ChangedSeries {
  readonly #known = new WeakMap<AttributeSet, AttributeSet>()
  #before: readonly AttributeSet[] = []
  #after: readonly AttributeSet[] = []

  /** The changed series; the same array as long as the same series are asked for. */
  async of(series: readonly AttributeSet[], change: (attributes: AttributeSet) => AttributeSet): Promise<readonly AttributeSet[]> {
    const [before, after] = [this.#before, this.#after]
    const changed: AttributeSet[] = []
    let isSame = series.length === before.length
    let slices: TimeSlices | undefined
    for (const [i, attributes] of series.entries()) {
      if (attributes === before[i]) {
        changed.push(after[i] as AttributeSet)
        continue
      }
      isSame = false
      let wanted = this.#known.get(attributes)
      if (wanted === undefined) {
        wanted = change(attributes)
        this.#known.set(attributes, wanted)
        slices ??= new TimeSlices()
        if (i % SERIES_PER_LOOK === 0 && slices.isOver) await slices.next()
      }
      changed.push(wanted)
    }
    if (isSame) return after
    // The producer may use its array again.
    this.#before = [...series]
    this.#after = changed
    return changed
  }
}

const hashes = new WeakMap<AttributeSet, number>()
const counted = new WeakMap<readonly AttributeSet[], number>()

/** How many of the series have the attributes of one before them, in whatever order. */
function collisionsIn(series: readonly AttributeSet[]): number {
  let collisions = counted.get(series)
  if (collisions === undefined) {
    collisions = series.length - new Set(series.map(hashOf)).size
    counted.set(series, collisions)
  }
  return collisions
}

/** 53 bits, the same for the same attributes in any order; that two of a million sets share one by chance takes some 20,000 tries. */
function hashOf(attributes: AttributeSet): number {
  let hash = hashes.get(attributes)
  if (hash === undefined) {
    const entries = attributes.keys.map((key, i) => `${JSON.stringify(key)}:${valueKey(attributes.values[i] ?? null)}`)
    hash = textHash(entries.sort().join(','))
    hashes.set(attributes, hash)
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

/** Without the claim that no two of the series have the same attributes, where two have. */
function withoutFalseClaim(points: FamilyPoints): FamilyPoints {
  if (points.producer === undefined || collisionsIn(points.series) === 0) return points
  const { producer: _, ...rest } = points
  return rest
}
