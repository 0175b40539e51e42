import { Item } from '../../component/kit/ottl/item.ts'
import { headerOf, SeriesMemo } from '../../component/kit/ottl/series_touch.ts'
import { TimeSlices } from '../../lib/time_slices.ts'
import type { AttributeSet, Resource } from '../../model/attributes.ts'
import type { FamilyPoints, MetricFamily, SeriesMetrics } from '../../model/metrics.ts'
import type { Drops, StageTests } from './tester.ts'

/** Series between two looks at the clock. */
const SERIES_PER_LOOK = 256

/** Stands for all families where a scope is tested whatever family it is of. */
const ANY_FAMILY: MetricFamily = { name: '', description: '', unit: '', type: 'gauge', isMonotonic: false, temporality: 'cumulative', bounds: [] }

/**
 * Drops series in columns by conditions that read nothing but attributes, names, scopes and resources: whether a series is dropped is
 * found out once in its life. Values are copied only where some series of a family are dropped and some are not.
 */
export class SeriesFilter {
  readonly #stages: readonly SeriesStage[]

  /** `readsPoints` tells whether the conditions of a stage on metrics look at the attributes of all points. */
  constructor(stages: readonly StageTests[], readsPoints: (stage: number) => boolean) {
    this.#stages = stages.map((tests, i) => new SeriesStage(tests, readsPoints(i)))
  }

  async run(metrics: SeriesMetrics): Promise<SeriesMetrics> {
    let families = metrics.families
    for (const stage of this.#stages) {
      const kept: FamilyPoints[] = []
      for (const points of families) {
        const left = await stage.filter(points)
        if (left !== undefined) kept.push(left)
      }
      families = kept
    }
    return { ...metrics, families }
  }
}

class SeriesStage {
  readonly #tests: StageTests
  readonly #readsPoints: boolean
  readonly #item = new Item()
  readonly #resources = new WeakMap<Resource, boolean>()
  readonly #scopes = new SeriesMemo<boolean>()
  readonly #metrics = new SeriesMemo<boolean>()
  readonly #series = new SeriesMemo<KeptSeries>()

  constructor(tests: StageTests, readsPoints: boolean) {
    this.#tests = tests
    this.#readsPoints = readsPoints
  }

  /** What is left of a family; undefined for nothing. */
  async filter(points: FamilyPoints): Promise<FamilyPoints | undefined> {
    if (this.#dropsWhole(points)) return undefined
    const { datapoint: drops } = this.#tests
    if (drops === undefined) return points
    const { resource, scope, family } = points
    return this.#series
      .of(resource, scope, family, () => new KeptSeries())
      .of(points, (attributes) => {
        this.#show(points)
        this.#item.metric = headerOf(family)
        this.#item.point = { attributes }
        return !drops(this.#item)
      })
  }

  #dropsWhole(points: FamilyPoints): boolean {
    const { resource, scope, family } = points
    const { resource: dropsResource, scope: dropsScope, metric: dropsMetric } = this.#tests
    const test = (drops: Drops): boolean => {
      this.#show(points)
      return drops(this.#item)
    }
    if (dropsResource !== undefined) {
      let isDropped = this.#resources.get(resource)
      if (isDropped === undefined) {
        isDropped = test(dropsResource)
        this.#resources.set(resource, isDropped)
      }
      if (isDropped) return true
    }
    if (dropsScope !== undefined && this.#scopes.of(resource, scope, ANY_FAMILY, () => test(dropsScope))) return true
    if (dropsMetric === undefined) return false
    const testMetric = (): boolean => {
      this.#item.metric = headerOf(family)
      this.#item.points = points.series.map((attributes) => ({ attributes }))
      return test(dropsMetric)
    }
    return this.#readsPoints ? testMetric() : this.#metrics.of(resource, scope, family, testMetric)
  }

  #show({ resource, scope }: FamilyPoints): void {
    this.#item.resource = { resource }
    this.#item.scope = { scope }
  }
}

/**
 * Which series of one family are kept. Producers append to their list of series in place and make a new one when a series ends; so does
 * this one, as exporters keep what they have rendered by the identity of the list.
 */
class KeptSeries {
  readonly #known = new WeakMap<AttributeSet, boolean>()
  #list: KeptList = { all: [], tested: 0, last: undefined, indices: [], series: [] }

  /** What is left of the points; undefined for nothing. */
  async of(points: FamilyPoints, keeps: (attributes: AttributeSet) => boolean): Promise<FamilyPoints | undefined> {
    const { series } = points
    const { all, tested, last } = this.#list
    const isLonger = series === all && series.length >= tested && (tested === 0 || series[tested - 1] === last)
    if (!isLonger) this.#list = { all: series, tested: 0, last: undefined, indices: [], series: [] }
    // Another batch may come while this one waits for its turn; its list is then this one or a new one.
    const list = this.#list
    const slices = new TimeSlices()
    while (list.tested < series.length) {
      this.#test(list, keeps)
      if (list.tested % SERIES_PER_LOOK === 0 && slices.isOver) await slices.next()
    }
    if (list.indices.length === series.length) return points
    // Without series, those of a producer have ended.
    return list.indices.length === 0 && points.producer === undefined ? undefined : compacted(points, list)
  }

  #test(list: KeptList, keeps: (attributes: AttributeSet) => boolean): void {
    const attributes = list.all[list.tested] as AttributeSet
    let isKept = this.#known.get(attributes)
    if (isKept === undefined) {
      isKept = keeps(attributes)
      this.#known.set(attributes, isKept)
    }
    if (isKept) {
      list.indices.push(list.tested)
      list.series.push(attributes)
    }
    list.tested++
    list.last = attributes
  }
}

/** A list of series and what is left of it. */
interface KeptList {
  readonly all: readonly AttributeSet[]
  /** How many have been tested, and the last of them. */
  tested: number
  last: AttributeSet | undefined
  /** Those that are kept. */
  readonly indices: number[]
  readonly series: AttributeSet[]
}

/** The points of the series that are kept. */
function compacted(points: FamilyPoints, { indices: kept, series }: KeptList): FamilyPoints {
  const { stride, offset, exemplar } = points
  return {
    ...points,
    series,
    values: gathered(points.values, kept, { stride, offset }),
    offset: 0,
    startTimesMs: gathered(points.startTimesMs, kept),
    updatedMs: gathered(points.updatedMs, kept),
    ...(exemplar === undefined ? {} : { exemplar: (i: number) => exemplar(kept[i] as number) }),
  }
}

/** The numbers of these indices, `stride` for each. */
function gathered(numbers: Float64Array, kept: readonly number[], { stride, offset } = { stride: 1, offset: 0 }): Float64Array {
  const result = new Float64Array(kept.length * stride)
  let to = 0
  for (let i = 0; i < kept.length; i++) {
    const from = offset + (kept[i] as number) * stride
    for (let k = 0; k < stride; k++) result[to++] = numbers[from + k] as number
  }
  return result
}
