import type { AttributeSet } from '../../model/attributes.ts'
import type { FamilyPoints } from '../../model/metrics.ts'
import type { BaseLabels, LabelArena } from './labels.ts'
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

/** The series of one family, resource and scope that one producer (or all who tell news) makes. */
export class Source {
  readonly exposed: ExposedName
  readonly base: BaseLabels
  readonly producer: object | undefined
  readonly store: PointStore | undefined
  points: FamilyPoints
  /** Series in the last batch; `points.series` may have grown since. */
  count = 0
  /** Time of the last batch. */
  timeMs = 0
  labels: LabelArena
  verdicts: Uint8Array = new Uint8Array(64)
  /** Series decided on, from the first on. */
  judged = 0
  /** Series with the verdict `shown`. */
  shown = 0
  /** Set when the whole source must not be exposed. */
  conflict: RejectReason | undefined
  /** Series counted as rejected for `conflict`. */
  conflictCounted = 0
  isHelpCounted = false
  /** Fixed text of its lines, by format. */
  readonly pieces = new Map<string, Pieces>()

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
    if (this.judged === this.verdicts.length) {
      const grown = new Uint8Array(this.judged * 2)
      grown.set(this.verdicts)
      this.verdicts = grown
    }
    const before = this.verdicts[this.judged]
    this.verdicts[this.judged++] = verdict
    if (verdict === Verdict.shown) this.shown++
    return reasonOf(verdict) !== undefined && before !== verdict
  }

  /** All series are to be decided on anew; earlier verdicts are remembered so that nothing is counted twice. */
  reopen(): void {
    // Renderings that run hold on to the array.
    this.verdicts = this.verdicts.slice()
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
    const verdicts = new Uint8Array(Math.max(64, count))
    let from = 0
    for (let to = 0; to < count; to++) {
      while (from < this.judged && old[from] !== next[to]) from++
      if (from >= this.judged) break
      verdicts[to] = this.verdicts[from++] as number
    }
    this.verdicts = verdicts
    this.judged = 0
    this.shown = 0
  }
}
