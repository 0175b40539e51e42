import type { Clock } from '../../../component/component.ts'
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

/** Where the readings of one metric with one set of labels go. */
export class Route {
  readonly metric: MetricName
  readonly labels: LabelSet
  readonly origin: LabelOrigin
  readonly sets: readonly (readonly string[])[]
  /** True for what no declaration makes a metric of, when that is left out. */
  readonly isUndeclared: boolean
  /** The hour in which the guard was asked; -1 = never. */
  hour = -1
  /** JSON of the sets that the guard admits; empty for none. */
  admitted = ''
  /** Where those go that it does not. */
  overflow: { readonly labels: LabelSet; readonly dimensions: string } | undefined

  constructor(metric: MetricName, labels: LabelSet, choice: { readonly origin: LabelOrigin; readonly sets: Route['sets']; readonly isUndeclared: boolean }) {
    this.metric = metric
    this.labels = labels
    this.origin = choice.origin
    this.sets = choice.sets
    this.isUndeclared = choice.isUndeclared
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
  readonly #texts = new Map<string, string>()
  #textOf = new WeakMap<Route['sets'], string>()
  #groups: Group[] = []
  #points = 0

  constructor(config: AwsEmfConfig, parts: RouterParts) {
    this.#parts = parts
    this.#isExtracting = !config.disable_metric_extraction
    this.#dropsUndeclared = this.#isExtracting && config.undeclared_metrics === 'drop'
  }

  /** Where readings of a metric with these labels go. */
  route(metric: MetricName, labels: LabelSet, origin: LabelOrigin): Route {
    const { sets, isCut } = this.#parts.chooser.setsOf(metric.declarations, labels)
    if (isCut) this.#parts.onChanged('dimensions_cut', 1)
    return new Route(metric, labels, { origin, sets, isUndeclared: sets.length === 0 && this.#dropsUndeclared })
  }

  begin(): void {
    this.#parts.targets.beginBatch()
  }

  /** Points that stand in the groups that nobody has taken. */
  get points(): number {
    return this.#points
  }

  /** Takes a reading in the unit that the metric has. One that CloudWatch would refuse is dropped and counted. */
  put(route: Route, timestampMs: number, reading: Reading): void {
    const { metric, labels } = route
    const scaled = inUnit(reading, metric.scale)
    const fault = readingFault(scaled)
    if (fault !== undefined) return this.#parts.onDropped(fault, 1)
    if (route.isUndeclared) return this.#parts.onDropped('undeclared', 1)
    this.#points++
    if (this.#isExtracting && route.sets.length > 0) {
      const hour = this.#parts.guard.hour()
      if (route.hour !== hour) this.#admit(route, hour)
      if (route.overflow !== undefined) this.#overflow(route, timestampMs, scaled)
      // A metric that is beyond the limit with all its sets is in no document of its own, which would cost, too.
      if (route.admitted === '') return
    }
    this.#group(labels, timestampMs).add(metric, route.admitted, scaled)
  }

  /** What was collected, one group for all labels and times. The caller owns it and tells `taken`. */
  take(): Group[] {
    const groups = this.#groups
    for (const { labels } of groups) labels.groups = undefined
    this.#groups = []
    this.#points = 0
    return groups
  }

  #overflow(route: Route, timestampMs: number, reading: Reading): void {
    if (route.overflow === undefined) return
    this.#parts.onChanged('custom_metrics_limit', 1)
    const group = this.#group(route.overflow.labels, timestampMs)
    const isCounted = route.admitted === ''
    group.merge(route.metric, route.overflow.dimensions, reading, isCounted ? 1 : 0)
  }

  #group(labels: LabelSet, timestampMs: number): Group {
    if (labels.groups !== undefined) for (const group of labels.groups) if (group.timestampMs === timestampMs) return group
    const { target, isCrowded } = this.#parts.targets.use(labels.place.logs)
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
    const { metric, labels, sets, origin } = route
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
