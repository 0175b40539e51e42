import type { Clock } from '../../../component/component.ts'
import type { AttributeSet } from '../../../model/attributes.ts'
import type { AwsEmfConfig } from '../config.ts'
import type { DimensionChooser } from './dimensions.ts'
import { scaledDistribution } from './distribution.ts'
import type { ChangeReason, DropReason } from './document.ts'
import { readingFault } from './document_writer.ts'
import { Group, type Reading } from './groups.ts'
import type { LabelOrigin } from './label_catalog.ts'
import type { LabelSet } from './label_set.ts'
import type { LogTargets } from './log_targets.ts'
import type { MetricGuard } from './metric_guard.ts'
import type { MetricName } from './metric_name.ts'

/** What is chosen for a metric with a set of labels. */
export interface RouteChoice {
  /** Dimension sets that it is extracted with. */
  readonly sets: readonly (readonly string[])[]
  /** True for what no declaration makes a metric of, when that is left out. */
  readonly isUndeclared: boolean
  /** True when series with other labels go to the same place. */
  readonly isShared: boolean
}

/** Where the readings of one metric with one set of labels go. */
export class Route {
  readonly metric: MetricName
  readonly labels: LabelSet
  readonly sets: RouteChoice['sets']
  readonly isUndeclared: boolean
  readonly isShared: boolean
  /** The hour in which the guard was asked; -1 = never. */
  hour = -1
  /** JSON of the sets that the guard admits; empty for none. */
  admitted = ''
  /** Where those go that it does not. */
  overflow: { readonly labels: LabelSet; readonly dimensions: string } | undefined

  constructor(metric: MetricName, labels: LabelSet, choice: RouteChoice) {
    this.metric = metric
    this.labels = labels
    this.sets = choice.sets
    this.isUndeclared = choice.isUndeclared
    this.isShared = choice.isShared
  }
}

export interface RouterParts {
  readonly chooser: DimensionChooser
  readonly targets: LogTargets
  readonly guard: MetricGuard
  readonly clock: Clock
  onChanged(reason: ChangeReason, points: number): void
  onDropped(reason: DropReason, points: number): void
}

/** Most texts of dimension sets that are shared. */
const TEXTS_MAX = 10_000

/** Collects the readings of a batch in groups that become documents. */
export class Router {
  readonly #parts: RouterParts
  readonly #dropsUndeclared: boolean
  readonly #isExtracting: boolean
  readonly #keepsDimensionsOnly: boolean
  readonly #texts = new Map<string, string>()
  #textOf = new WeakMap<Route['sets'], string>()
  #groups: Group[] = []

  constructor(config: AwsEmfConfig, parts: RouterParts) {
    this.#parts = parts
    this.#isExtracting = !config.disable_metric_extraction
    this.#keepsDimensionsOnly = config.document_labels === 'dimensions'
    this.#dropsUndeclared = this.#isExtracting && config.undeclared_metrics === 'drop'
  }

  /** The labels of a metric with these attributes, and what to make of it. */
  choose(metric: MetricName, origin: LabelOrigin, attributes: AttributeSet): { readonly labels: LabelSet; readonly choice: RouteChoice } {
    let choice: RouteChoice = { sets: [], isUndeclared: this.#dropsUndeclared, isShared: false }
    const labels = origin.labels(attributes, metric.name, (all) => {
      const { sets, isCut } = this.#parts.chooser.setsOf(metric.declarations, all)
      if (isCut) this.#parts.onChanged('dimensions_cut', 1)
      const isShared = this.#keepsDimensionsOnly && sets.length > 0
      choice = { sets, isUndeclared: sets.length === 0 && this.#dropsUndeclared, isShared }
      return isShared ? new Set(sets.flat()) : undefined
    })
    return { labels, choice }
  }

  begin(): void {
    this.#parts.targets.beginBatch()
  }

  /**
   * Takes a reading in the unit that the metric has. One that CloudWatch would refuse is dropped and counted. `points` is 0 for what
   * is told of a point beside its first reading.
   */
  put(route: Route, timestampMs: number, reading: Reading, points = 1): void {
    const { metric, labels } = route
    const scaled = inUnit(reading, metric.scale)
    const fault = readingFault(scaled)
    if (fault !== undefined) return this.#parts.onDropped(fault, points)
    if (route.isUndeclared) return this.#parts.onDropped('undeclared', points)
    if (this.#isExtracting && route.sets.length > 0) {
      const hour = this.#parts.guard.hour()
      if (route.hour !== hour) this.#admit(route, hour)
      if (route.overflow !== undefined) this.#overflow(route, { timestampMs, reading: scaled, points })
      // A metric that is beyond the limit with all its sets is in no document of its own, which would cost, too.
      if (route.admitted === '') return
    }
    const group = this.#group(labels, timestampMs)
    if (route.isShared) group.merge(metric, route.admitted, scaled, points)
    else group.add(metric, route.admitted, scaled, points)
  }

  /** What was collected, one group for all labels and times. The caller owns it. */
  take(): Group[] {
    const groups = this.#groups
    for (const { labels } of groups) labels.groups = undefined
    this.#groups = []
    return groups
  }

  #overflow(
    { overflow, admitted, metric }: Route,
    { timestampMs, reading, points }: { readonly timestampMs: number; readonly reading: Reading; readonly points: number },
  ): void {
    if (overflow === undefined) return
    this.#parts.onChanged('custom_metrics_limit', points)
    // A point that has a document of its own, too, is counted there.
    this.#group(overflow.labels, timestampMs).merge(metric, overflow.dimensions, reading, admitted === '' ? points : 0)
  }

  #group(labels: LabelSet, timestampMs: number): Group {
    if (labels.groups !== undefined) for (const group of labels.groups) if (group.timestampMs === timestampMs) return group
    const { target, isCrowded } = this.#parts.targets.use(labels.logs)
    if (isCrowded) this.#parts.onChanged('log_streams_limit', 1)
    const group = new Group(labels, timestampMs, target)
    labels.heardAt = this.#parts.clock.monotonic()
    if (labels.groups === undefined) labels.groups = [group]
    else labels.groups.push(group)
    this.#groups.push(group)
    return group
  }

  /** Asks the guard for each dimension set: it is a metric by itself. */
  #admit(route: Route, hour: number): void {
    route.hour = hour
    const { metric, labels, sets } = route
    const { origin } = labels
    const { guard } = this.#parts
    if (!guard.isLimited) {
      route.admitted = this.#shared(sets)
      return
    }
    const beyond = sets.filter((set) => !guard.admits(`${origin.namespace}|${metric.name}|${set.map((key) => `${key}=${labels.valueOf(key)}`).join('|')}`))
    route.admitted = beyond.length === sets.length ? '' : this.#shared(beyond.length === 0 ? sets : sets.filter((set) => !beyond.includes(set)))
    route.overflow = undefined
    if (beyond.length === 0) return
    const keys = [...new Set(beyond.flat())].sort()
    route.overflow = { labels: origin.overflow(keys), dimensions: this.#shared(beyond) }
  }

  /** The JSON of sets, as one text for all series that have the same. */
  #shared(sets: Route['sets']): string {
    const known = this.#textOf.get(sets)
    if (known !== undefined) return known
    const text = JSON.stringify(sets)
    const shared = this.#texts.get(text) ?? text
    if (this.#texts.size >= TEXTS_MAX) this.#texts.clear()
    this.#texts.set(shared, shared)
    this.#textOf.set(sets, shared)
    return shared
  }
}

function inUnit(reading: Reading, scale: number): Reading {
  if (scale === 1) return reading
  return typeof reading === 'number' ? reading * scale : scaledDistribution(reading, scale)
}
