import type { TimeSlices } from '../../lib/time_slices.ts'
import type { AttributeSet, Resource, Scope } from '../../model/attributes.ts'
import type { FamilyPoints, MetricFamily, SeriesMetrics } from '../../model/metrics.ts'
import { type Claims, claim } from './claims.ts'
import { LabelArena } from './label_arena.ts'
import { type BaseLabels, baseLabels, type ResourceLabelOptions } from './labels.ts'
import { type ExposedName, exposedName, type NameOptions } from './names.ts'
import { keyOf, PointStore } from './point_store.ts'
import { isOfFamily, type RejectReason, reasonOf, Source, sourcesOf, Verdict, type Verdicts } from './source.ts'

export interface CatalogSettings extends NameOptions, ResourceLabelOptions {
  /** Most series exposed; one histogram with all its lines is one series. */
  readonly seriesMax: number
  /** A series that has not changed for so long is no longer exposed; 0 = never. */
  readonly expirationMs: number
  readonly clock: { now(): number }
  /** Series that are left out, each told once. */
  readonly rejected: (reason: RejectReason, series: number, family: string) => void
  /** Points of single series that could not be kept. */
  readonly dropped: (reason: 'out_of_order' | 'series_max', points: number) => void
  /** A source whose description differs from the one that is served. */
  readonly helpConflict: (family: string) => void
}

/** One family as it is served, frozen for one rendering. */
export interface ServedFamily {
  readonly exposed: ExposedName
  readonly help: string
  /** True when no other family is called like this counter without `_total`. */
  readonly isBaseFree: boolean
  readonly isCreatedFree: boolean
  readonly sources: readonly ServedSource[]
}

export interface ServedSource {
  readonly source: Source
  readonly points: FamilyPoints
  readonly count: number
  readonly verdicts: Verdicts
  readonly labels: LabelArena
  /** Time of the points; by series where they came one by one. */
  readonly timeMs: number
  readonly timesMs: Float64Array | undefined
}

/** What a rendering shows. */
export interface Served {
  /** Sorted by name. */
  readonly families: readonly ServedFamily[]
  /** Labels of the `target_info` lines. */
  readonly targets: readonly string[]
  readonly cutoffMs: number
}

/** All sources of one exposed name, in the order of their arrival. */
interface Group {
  sources: Source[]
  /** Undefined as long as labels cannot be equal. */
  claims: Claims | undefined
  /** The lists of series that the verdicts are about. */
  judgedLists: readonly unknown[]
  /** Whether the names beside this one are free, of a family with this base; as of so many changes of groups. */
  isBaseFree: boolean
  isCreatedFree: boolean
  base: string
  changes: number
}

/** What tells families of one resource and scope apart, whatever buckets their points have. */
export type FamilyIdentity = Pick<MetricFamily, 'name' | 'type' | 'isMonotonic' | 'temporality' | 'unit' | 'isExactName'>

function familyKey(f: FamilyIdentity, { resource, scope }: { readonly resource: Resource; readonly scope: Scope }): string {
  return JSON.stringify([f.name, f.type, f.isMonotonic, f.temporality, f.unit, f.isExactName, keyOf(resource.attributes), scopeKey(scope)])
}

interface NewsTimes {
  readonly timeMs: number
  readonly hasOwnTimes: boolean
}

interface StoreEntry {
  readonly store: PointStore
  readonly source: Source
  readonly family: string
}

/** What the names of a family's samples have behind its own. */
const SAMPLE_SUFFIXES = { counter: [''], gauge: [''], histogram: ['', '_bucket', '_count', '_sum'], summary: ['', '_count', '_sum'] } as const

/** Counting all series for each one that finds no room would take long with many families. */
const FULL_FOR = 256

const REOPEN_LISTS: readonly unknown[] = []

/**
 * Everything the exporter knows of: complete batches by producer, single points in stores, and which of all these
 * series may be served together. What does not fit (types, names or labels that clash) is left out series by series.
 */
export class Catalog {
  readonly #settings: CatalogSettings
  readonly #groups = new Map<string, Group>()
  readonly #producers = new Map<object, Map<string, Source[]>>()
  readonly #stores = new Map<string, StoreEntry>()
  /** Family → keys of its stores; one, as long as the buckets of a histogram stay the same. */
  readonly #siblings = new Map<string, string[]>()
  readonly #arenas = new WeakMap<readonly AttributeSet[], LabelArena[]>()
  readonly #bases = new WeakMap<Resource, WeakMap<Scope, BaseLabels>>()
  /** Names of the groups, sorted; undefined when there are others by now. */
  #names: readonly string[] | undefined
  /** Groups that have come or gone. */
  #changes = 0
  /** True when no source has come, gone, or gone on with another number of series since it was settled what clashes. */
  #isSettled = false
  /** Number of the batch that is being taken. */
  #batch = 0
  #stored = 0
  /** So many series may be shown before they must be counted again. */
  #room = 0
  /** For so many series it is not counted again whether there is room meanwhile. */
  #fullFor = 0

  constructor(settings: CatalogSettings) {
    this.#settings = settings
  }

  /** Takes a batch; returns how many of its points were kept. `hasOwnTimes` says that points are of the time of `updatedMs`, not of the batch. */
  consume(metrics: SeriesMetrics, hasOwnTimes = false): number {
    let kept = 0
    this.#batch++
    const complete = new Map<object, Map<string, FamilyPoints[]>>()
    for (const points of metrics.families) {
      if (points.producer === undefined) kept += this.#addNews(points, { timeMs: metrics.timeMs, hasOwnTimes })
      else {
        kept += points.series.length
        if (this.#goesOn(points, points.producer, metrics.timeMs)) continue
        const families = complete.get(points.producer) ?? new Map<string, FamilyPoints[]>()
        const lists = families.get(points.family.name)
        if (lists === undefined) families.set(points.family.name, [points])
        else lists.push(points)
        complete.set(points.producer, families)
      }
    }
    for (const [producer, families] of complete) for (const [name, lists] of families) this.#replace(producer, name, lists, metrics.timeMs)
    return kept
  }

  /** Ends series of which a producer of news says that they have no value any more. */
  end(family: FamilyIdentity, of: { readonly resource: Resource; readonly scope: Scope }, ended: readonly AttributeSet[]): void {
    for (const key of this.#siblings.get(familyKey(family, of)) ?? []) {
      const entry = this.#stores.get(key)
      if (entry === undefined) continue
      for (const attributes of ended) entry.store.remove(attributes)
      this.#expireStore(key, entry, -Number.MAX_VALUE)
    }
  }

  /** Lets go of what has expired; for a timer. */
  expire(): void {
    const cutoffMs = this.#cutoff()
    if (cutoffMs === Number.NEGATIVE_INFINITY) return
    for (const [key, entry] of this.#stores) this.#expireStore(key, entry, cutoffMs)
    for (const [producer, families] of this.#producers) {
      for (const [name, sources] of families) {
        const rest = sources.filter((source) => !source.isExpired(cutoffMs))
        if (rest.length === sources.length) continue
        for (const source of sources) if (!rest.includes(source)) this.#remove(source)
        if (rest.length === 0) families.delete(name)
        else families.set(name, rest)
      }
      if (families.size === 0) this.#producers.delete(producer)
    }
  }

  /** Decides on everything that is new, renders its labels, and freezes what is to be served. */
  async serve(slices: TimeSlices): Promise<Served> {
    this.#settleFamilies()
    this.#room = 0
    this.#fullFor = 0
    const families: ServedFamily[] = []
    this.#names ??= [...this.#groups.keys()].sort()
    for (const name of this.#names) {
      const group = this.#groups.get(name)
      if (group === undefined) continue
      const sources = isJudged(group) ? group.sources : await this.#judgeGroup(group, slices)
      const [first] = sources
      if (first === undefined) continue
      const { exposed } = first
      this.#findFree(group, exposed)
      const { isBaseFree, isCreatedFree } = group
      families.push({ exposed, help: first.points.family.description, isBaseFree, isCreatedFree, sources: sources.map(freeze) })
    }
    return { families, targets: this.#targets(), cutoffMs: this.#cutoff() }
  }

  #findFree(group: Group, { name, base }: ExposedName): void {
    if (group.base === base && group.changes === this.#changes) return
    group.base = base
    group.changes = this.#changes
    group.isBaseFree = base === name || !this.#groups.has(base)
    group.isCreatedFree = !this.#groups.has(`${base}_created`)
  }

  #cutoff(): number {
    const { expirationMs, clock } = this.#settings
    return expirationMs === 0 ? Number.NEGATIVE_INFINITY : clock.now() - expirationMs
  }

  /** Takes the list of the only source of its name; false when it belongs to another one, or is new. */
  #goesOn(points: FamilyPoints, producer: object, timeMs: number): boolean {
    const sources = this.#producers.get(producer)?.get(points.family.name)
    const [only] = sources ?? []
    if (only === undefined || sources?.length !== 1 || only.batch === this.#batch || points.series.length === 0) return false
    if (only.points.series !== points.series || !isOfFamily(only, points)) return false
    this.#update(only, points, { labels: only.labels, count: points.series.length, timeMs })
    only.batch = this.#batch
    return true
  }

  #replace(producer: object, name: string, news: readonly FamilyPoints[], timeMs: number): void {
    const families = this.#producers.get(producer) ?? new Map<string, Source[]>()
    this.#producers.set(producer, families)
    const before = families.get(name) ?? []
    const lists = [...before.filter(({ batch }) => batch === this.#batch).map(({ points }) => points), ...news]
    const { found, ended } = sourcesOf(lists, before)
    const after: Source[] = []
    for (const [i, points] of lists.entries()) {
      if (points.series.length === 0) continue
      const source = found[i] ?? this.#newSource(points, { producer })
      this.#update(source, points, { labels: this.#arenaFor(points, source), count: points.series.length, timeMs })
      after.push(source)
    }
    for (const source of ended) this.#remove(source)
    // An array that has grown has room for sixteen more, and most families have one source.
    if (after.length > 0) families.set(name, after.slice())
    else families.delete(name)
    if (families.size === 0) this.#producers.delete(producer)
  }

  #addNews(points: FamilyPoints, { timeMs, hasOwnTimes }: NewsTimes): number {
    const nowMs = this.#settings.clock.now()
    const { family: f } = points
    const family = familyKey(f, points)
    const key = `${family}${f.bounds.join(',')} ${f.bucketsMax ?? 0} ${f.quantiles?.join(',') ?? ''}`
    let entry = this.#stores.get(key)
    if (entry === undefined) {
      const store = new PointStore(points)
      entry = { store, source: this.#newSource(store.points, { store }), family }
      this.#stores.set(key, entry)
      this.#siblings.set(family, [...(this.#siblings.get(family) ?? []), key])
    }
    const { store, source } = entry
    const siblings = (this.#siblings.get(family) ?? []).filter((other) => other !== key)
    const lost = { out_of_order: 0, series_max: 0 }
    let kept = 0
    for (let i = 0; i < points.series.length; i++) {
      const size = store.size
      const outcome = store.add(points, i, {
        pointMs: hasOwnTimes ? (points.updatedMs[i] as number) : timeMs,
        nowMs,
        mayGrow: this.#stored < this.#settings.seriesMax,
      })
      this.#stored += store.size - size
      if (outcome === 'taken' || (outcome === 'no_room' && store.hasOverflow)) kept++
      else lost[outcome === 'no_room' ? 'series_max' : outcome]++
      // The buckets of a histogram have changed: the new ones replace the old ones.
      for (const sibling of siblings) this.#stores.get(sibling)?.store.remove(points.series[i] as AttributeSet)
    }
    for (const sibling of siblings) this.#expireStore(sibling, this.#stores.get(sibling) as StoreEntry, -Number.MAX_VALUE)
    this.#refreshStore(source, timeMs)
    for (const [reason, count] of Object.entries(lost)) if (count > 0) this.#settings.dropped(reason as keyof typeof lost, count)
    return kept
  }

  /** Lets go of what a store has not heard of since `cutoffMs`, and of the store when nothing is left. */
  #expireStore(key: string, { store, source, family }: StoreEntry, cutoffMs: number): void {
    this.#stored -= store.size
    store.expire(cutoffMs)
    this.#stored += store.size
    if (store.size > 0) {
      this.#refreshStore(source, source.timeMs)
      return
    }
    this.#remove(source)
    this.#stores.delete(key)
    const rest = (this.#siblings.get(family) ?? []).filter((other) => other !== key)
    if (rest.length === 0) this.#siblings.delete(family)
    else this.#siblings.set(family, rest)
  }

  #refreshStore(source: Source, timeMs: number): void {
    const store = source.store as PointStore
    this.#update(source, store.points, { labels: this.#arenaFor(store.points, source), count: store.size, timeMs })
  }

  #newSource(points: FamilyPoints, owner: { readonly producer?: object; readonly store?: PointStore }): Source {
    const exposed = exposedName(points.family, this.#settings)
    const base = this.#baseFor(points.resource, points.scope)
    const source = new Source(points, { exposed, base, labels: this.#arenaFor(points, { base }), ...owner })
    const group = this.#groups.get(exposed.name) ?? this.#newGroup(exposed.name)
    // An array that has grown has room for sixteen more, and most metrics have one source.
    if (group.sources.length === 0) group.sources = [source]
    else group.sources.push(source)
    this.#isSettled = false
    return source
  }

  #newGroup(name: string): Group {
    const group: Group = { sources: [], claims: undefined, judgedLists: REOPEN_LISTS, isBaseFree: true, isCreatedFree: true, base: '', changes: -1 }
    this.#groups.set(name, group)
    this.#names = undefined
    this.#changes++
    return group
  }

  #remove(source: Source): void {
    const group = this.#groups.get(source.exposed.name)
    if (group === undefined) return
    group.sources = group.sources.filter((other) => other !== source)
    this.#isSettled = false
    if (group.sources.length > 0) return
    this.#groups.delete(source.exposed.name)
    this.#names = undefined
    this.#changes++
  }

  #baseFor(resource: Resource, scope: Scope): BaseLabels {
    const byScope = this.#bases.get(resource) ?? new WeakMap<Scope, BaseLabels>()
    this.#bases.set(resource, byScope)
    const known = byScope.get(scope) ?? baseLabels(resource, scope, this.#settings)
    byScope.set(scope, known)
    return known
  }

  #arenaFor({ series, family }: FamilyPoints, of: { readonly base: BaseLabels; readonly labels?: LabelArena }): LabelArena {
    const arenas = this.#arenas.get(series) ?? []
    const plans = family.isExactName === true ? of.base.plans.exact : of.base.plans.translated
    const known = arenas.find((arena) => arena.plans.isExact === plans.isExact && isSameSet(arena.plans.taken, plans.taken))
    if (known !== undefined) return known
    const arena = new LabelArena(series, plans, of.labels?.series === series ? undefined : of.labels)
    this.#arenas.set(series, arenas.concat(arena))
    return arena
  }

  #update(source: Source, points: FamilyPoints, of: { readonly labels: LabelArena; readonly count: number; readonly timeMs: number }): void {
    if (source.count !== of.count) this.#isSettled = false
    source.update(points, of.labels, of)
  }

  /** Finds the families that clash as a whole. */
  #settleFamilies(): void {
    if (this.#isSettled) return
    this.#isSettled = true
    const taken = new Map<string, string>()
    for (const [name, group] of this.#groups) {
      const sources = group.sources.filter((source) => source.count > 0)
      const [first] = sources
      if (first === undefined) continue
      const samples = SAMPLE_SUFFIXES[first.exposed.type].map((suffix) => `${name}${suffix}`)
      const clashes = samples.some((sample) => taken.has(sample))
      if (!clashes) for (const sample of samples) taken.set(sample, name)
      for (const source of sources) {
        this.#setConflict(source, clashes ? 'name_conflict' : source.exposed.type === first.exposed.type ? undefined : 'type_conflict')
        if (source.conflict === undefined && !source.isHelpCounted && source.points.family.description !== first.points.family.description) {
          source.isHelpCounted = true
          this.#settings.helpConflict(name)
        }
      }
    }
  }

  #setConflict(source: Source, conflict: RejectReason | undefined): void {
    if (source.conflict !== conflict) source.conflictCounted = 0
    source.conflict = conflict
    if (conflict === undefined || source.count <= source.conflictCounted) return
    this.#settings.rejected(conflict, source.count - source.conflictCounted, source.exposed.name)
    source.conflictCounted = source.count
  }

  /** Decides on all series of a group; returns the sources to serve. */
  async #judgeGroup(group: Group, slices: TimeSlices): Promise<readonly Source[]> {
    for (let attempt = 1; ; attempt++) {
      // A batch may arrive between two slices and change the list under our hands; in the end we do it in one go.
      const pause = attempt < 4 ? slices : undefined
      const sources = group.sources.filter((source) => source.conflict === undefined && source.count > 0)
      await renderLabels(sources, pause)
      this.#openClaims(group, sources)
      for (const source of sources) {
        while (source.judged < source.count && source.judged < source.labels.count) {
          this.#judge(source, group)
          if ((source.judged & 31) === 0 && pause?.isOver === true) await pause.next()
        }
      }
      if (sources.every((source) => source.judged >= source.count && group.sources.includes(source))) return sources
    }
  }

  /** Decides on everything anew when the lists of series are others than before, or labels have come to be comparable. */
  #openClaims(group: Group, sources: readonly Source[]): void {
    const needsClaims = sources.length > 1 || sources.some((source) => !source.labels.isUniform)
    const lists = sources.map((source) => source.points.series)
    const isSame = lists.length === group.judgedLists.length && lists.every((list, i) => list === group.judgedLists[i])
    if (!isSame || needsClaims !== (group.claims !== undefined)) {
      group.claims = needsClaims ? new Map() : undefined
      for (const source of sources) source.reopen()
    }
    group.judgedLists = lists
  }

  #judge(source: Source, group: Group): void {
    const index = source.judged
    const verdict = this.#verdict(source, index, group)
    if (source.judge(verdict)) this.#settings.rejected(reasonOf(verdict) as RejectReason, 1, source.exposed.name)
  }

  #verdict(source: Source, index: number, group: Group): number {
    const attributes = source.points.series[index] as AttributeSet
    const plan = source.labels.plan(attributes)
    const { type } = source.exposed
    if (plan.hasMetricName || (plan.hasBound && type === 'histogram') || (plan.hasQuantile && type === 'summary')) return Verdict.labelConflict
    if (source.labels.lengthOf(index) < 0) return Verdict.labelsTooLong
    if (group.claims !== undefined && !claim(group.claims, source, index)) return Verdict.duplicate
    // Who is in the overflow series stays there until it ends: a total must not fall because others have ended.
    const isOver = source.verdicts.of(index) === Verdict.overflow || !this.#hasRoom()
    return isOver && source.verdicts.of(index) !== Verdict.shown ? Verdict.overflow : Verdict.shown
  }

  /** True when one more series may be shown. Counts them all only when as many may have been added as there was room for. */
  #hasRoom(): boolean {
    if (this.#room > 0) {
      this.#room--
      return true
    }
    if (this.#fullFor > 0) {
      this.#fullFor--
      return false
    }
    let shown = 0
    for (const { sources } of this.#groups.values()) for (const source of sources) shown += source.shown
    if (shown >= this.#settings.seriesMax) {
      this.#fullFor = FULL_FOR
      return false
    }
    this.#room = this.#settings.seriesMax - shown - 1
    return true
  }

  #targets(): string[] {
    const targets = new Map<string, string>()
    for (const { sources } of this.#groups.values()) {
      for (const { base } of sources) if (base.target !== undefined && !targets.has(base.targetKey)) targets.set(base.targetKey, base.target)
    }
    return [...targets.values()].sort()
  }
}

/** True when nothing is to be decided: the group has one source, of which all series have been decided on. */
function isJudged({ sources, judgedLists, claims }: Group): boolean {
  const [only] = sources
  if (only === undefined || sources.length > 1 || claims !== undefined || only.conflict !== undefined || only.count === 0) return false
  return judgedLists.length === 1 && judgedLists[0] === only.points.series && only.judged >= only.count && only.labels.count >= only.count
}

function freeze(source: Source): ServedSource {
  const { points, count, verdicts, labels, timeMs } = source
  return { source, points, count, verdicts, labels, timeMs, timesMs: source.store?.timesMs }
}

async function renderLabels(sources: readonly Source[], slices: TimeSlices | undefined): Promise<void> {
  for (const source of sources) {
    while (source.labels.count < source.count) {
      source.labels.append()
      if ((source.labels.count & 31) === 0 && slices?.isOver === true) await slices.next()
    }
  }
}

function scopeKey(scope: Scope): string {
  return JSON.stringify([scope.name, scope.version, scope.attributes === undefined ? '' : keyOf(scope.attributes)])
}

function isSameSet(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a === b || (a.size === b.size && [...a].every((name) => b.has(name)))
}
