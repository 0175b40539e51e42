import type { AttributeSet } from '../../model/attributes.ts'
import type { FamilyPoints } from '../../model/metrics.ts'
import type { LabelArena } from './label_arena.ts'
import type { BaseLabels } from './labels.ts'
import type { ExposedName } from './names.ts'
import type { Pieces } from './pieces.ts'
import type { PointStore } from './point_store.ts'

/** Why a series is not exposed; the label `reason` of the exporter's counters. */
export type RejectReason = 'type_conflict' | 'name_conflict' | 'label_conflict' | 'duplicate' | 'labels_too_long' | 'series_max'

/** What was decided about a series; the order of `REASONS`. */
export const Verdict = { open: 0, shown: 1, labelConflict: 2, duplicate: 3, labelsTooLong: 4, overflow: 5 } as const

const REASONS: readonly (RejectReason | undefined)[] = [undefined, undefined, 'label_conflict', 'duplicate', 'labels_too_long', 'series_max']

/** The reason behind a verdict; undefined when the series is shown. */
export function reasonOf(verdict: number): RejectReason | undefined {
  return REASONS[verdict]
}

const NO_VERDICTS = new Uint8Array(0)

/** Verdicts on a list of series, one after another. Takes no memory as long as all are shown. */
export class Verdicts {
  /** So many series from the first on are shown, as long as there is no array. */
  #shown = 0
  #array = NO_VERDICTS

  /** What was decided on a series; `open` when nothing was. */
  of(index: number): number {
    if (this.#array !== NO_VERDICTS) return this.#array[index] ?? Verdict.open
    return index < this.#shown ? Verdict.shown : Verdict.open
  }

  set(index: number, verdict: number): void {
    if (this.#array === NO_VERDICTS) {
      if (verdict === Verdict.shown && index <= this.#shown) {
        this.#shown = Math.max(this.#shown, index + 1)
        return
      }
      this.#array = new Uint8Array(Math.max(64, this.#shown, index + 1)).fill(Verdict.shown, 0, this.#shown)
    }
    if (index >= this.#array.length) {
      const grown = new Uint8Array(Math.max(this.#array.length * 2, index + 1))
      grown.set(this.#array)
      this.#array = grown
    }
    this.#array[index] = verdict
  }

  copy(): Verdicts {
    const copied = new Verdicts()
    copied.#shown = this.#shown
    copied.#array = this.#array === NO_VERDICTS ? NO_VERDICTS : this.#array.slice()
    return copied
  }
}

/** The series of one family, resource and scope that one producer (or all who tell news) makes. */
export class Source {
  readonly exposed: ExposedName
  readonly base: BaseLabels
  readonly producer: object | undefined
  readonly store: PointStore | undefined
  points: FamilyPoints
  /** Series in the last batch; `points.series` may have grown since. */
  count = 0
  /** Number of the batch in which it went on as it was. */
  batch = 0
  /** Time of the last batch. */
  timeMs = 0
  labels: LabelArena
  verdicts = new Verdicts()
  /** Series decided on, from the first on. */
  judged = 0
  /** Series with the verdict `shown`. */
  shown = 0
  /** Set when the whole source must not be exposed. */
  conflict: RejectReason | undefined
  /** Series counted as rejected for `conflict`. */
  conflictCounted = 0
  isHelpCounted = false
  /** Fixed text of its lines, by format; undefined as long as none is kept. */
  pieces: Map<string, Pieces> | undefined

  constructor(points: FamilyPoints, parts: { exposed: ExposedName; base: BaseLabels; labels: LabelArena; producer?: object; store?: PointStore }) {
    this.points = points
    this.exposed = parts.exposed
    this.base = parts.base
    this.labels = parts.labels
    this.producer = parts.producer
    this.store = parts.store
  }

  /** Takes the next batch of the same family; `labels` belongs to its series. What was decided stays decided. */
  update(points: FamilyPoints, labels: LabelArena, batch: { readonly count: number; readonly timeMs: number }): void {
    if (points.series !== this.points.series) this.#carryVerdicts(this.points.series, points.series, batch.count)
    this.points = points
    this.labels = labels
    this.count = batch.count
    this.timeMs = batch.timeMs
  }

  /** Decides on the next series; true when it is the first time that it is rejected for this reason. */
  judge(verdict: number): boolean {
    const before = this.verdicts.of(this.judged)
    this.verdicts.set(this.judged++, verdict)
    if (verdict === Verdict.shown) this.shown++
    return reasonOf(verdict) !== undefined && before !== verdict
  }

  /** All series are to be decided on anew; earlier verdicts are remembered so that nothing is counted twice. */
  reopen(): void {
    // Renderings that run hold on to the old ones.
    this.verdicts = this.verdicts.copy()
    this.judged = 0
    this.shown = 0
  }

  /** True when nothing in it has changed since `cutoffMs`. */
  isExpired(cutoffMs: number): boolean {
    const { updatedMs } = this.points
    for (let i = 0; i < this.count; i++) if ((updatedMs[i] as number) >= cutoffMs) return false
    return true
  }

  #carryVerdicts(old: readonly AttributeSet[], next: readonly AttributeSet[], count: number): void {
    const verdicts = new Verdicts()
    let from = 0
    for (let to = 0; to < count; to++) {
      while (from < this.judged && old[from] !== next[to]) from++
      if (from >= this.judged) break
      verdicts.set(to, this.verdicts.of(from++))
    }
    this.verdicts = verdicts
    this.judged = 0
    this.shown = 0
  }
}

/** Whether a list of points is of the family, resource and scope of a source. */
export function isOfFamily({ points }: Source, { family, resource, scope }: FamilyPoints): boolean {
  return points.family === family && points.resource === resource && points.scope === scope
}

/**
 * Which of the sources `before` goes on with which list, by the list's place, and which have ended: those of no list that has series. A family may have lists by the thousand: what shows the
 * same series goes first, and only what is left is compared one by one.
 */
export function sourcesOf(
  lists: readonly FamilyPoints[],
  before: readonly Source[],
): { readonly found: readonly (Source | undefined)[]; readonly ended: ReadonlySet<Source> } {
  const ended = new Set(before)
  const bySeries = new Map(before.map((source) => [source.points.series, source]))
  const found = lists.map((points) => {
    const source = bySeries.get(points.series)
    return source !== undefined && points.series.length > 0 && isOfFamily(source, points) && ended.delete(source) ? source : undefined
  })
  for (const [i, points] of lists.entries()) {
    if (found[i] !== undefined || points.series.length === 0) continue
    for (const source of ended) {
      if (source.points.series[0]?.keys !== points.series[0]?.keys || !isOfFamily(source, points)) continue
      found[i] = source
      ended.delete(source)
      break
    }
  }
  return { found, ended }
}
