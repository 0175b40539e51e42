import type { Clock } from '../../../component/component.ts'
import { FirstSamples } from '../../../component/kit/deltas/first_samples.ts'
import { TimeSlices } from '../../../lib/time_slices.ts'
import type { FamilyPoints, Metrics } from '../../../model/metrics.ts'
import type { AwsEmfConfig } from '../config.ts'
import { ColumnReader } from './column_reader.ts'
import { DimensionChooser } from './dimensions.ts'
import type { ChangeReason, DropReason, EmfDocument } from './document.ts'
import { DocumentWriter } from './document_writer.ts'
import type { Group } from './groups.ts'
import { LabelCatalog } from './label_catalog.ts'
import { LogTargets, type MissingPlaceholder } from './log_targets.ts'
import { MetricGuard } from './metric_guard.ts'
import { MetricNamer } from './metric_name.ts'
import { PointReader } from './point_reader.ts'
import type { ReaderParts } from './readings.ts'
import { Router } from './routes.ts'
import { SeriesCatalog } from './series_catalog.ts'

export interface EmfEncoderOptions {
  readonly clock: Clock
  /** Told of points that are in no document. */
  onDropped(reason: DropReason, points: number): void
  /** Told of names that were changed (once for each series), and of points that are counted under other names or in another place. */
  onChanged?(reason: ChangeReason, points: number): void
  /** Told the first time that a placeholder of a log group or stream cannot be filled. */
  onMissing?(missing: MissingPlaceholder): void
}

/** Longest time for which the event loop waits while a batch is encoded. */
const SLICE_MS = 6
/** Documents that are handed over at a time. */
const DOCUMENTS_MAX = 1000

/**
 * Makes documents of CloudWatch's embedded metric format of metrics. What it remembers of series (for deltas, labels and routes)
 * is bounded; see `series_catalog.ts`. Batches are encoded one after the other, in the order in which their first slice is asked for.
 */
export class EmfEncoder {
  readonly #options: EmfEncoderOptions
  readonly #catalog: SeriesCatalog
  readonly #router: Router
  readonly #guard: MetricGuard
  readonly #columns: ColumnReader
  readonly #points: PointReader
  readonly #writer: DocumentWriter
  #last: Promise<void> = Promise.resolve()

  constructor(config: AwsEmfConfig, options: EmfEncoderOptions) {
    this.#options = options
    const { clock } = options
    const onDropped = (reason: DropReason, points: number): void => options.onDropped(reason, points)
    const onChanged = (reason: ChangeReason, points = 1): void => options.onChanged?.(reason, points)
    const chooser = new DimensionChooser(config)
    const targets = new LogTargets(config)
    const labels = new LabelCatalog(config, targets, { onChanged, onMissing: onceEach(onChanged, options) })
    const namer = new MetricNamer(config, chooser, onChanged)
    const firstSamples = new FirstSamples(clock)
    this.#guard = new MetricGuard(config.max_custom_metrics, clock)
    this.#router = new Router(config, { chooser, targets, guard: this.#guard, clock, onChanged, onDropped })
    this.#catalog = new SeriesCatalog(config.delta_series_max, { labels, namer, router: this.#router, firstSamples, clock })
    const parts: ReaderParts = { catalog: this.#catalog, router: this.#router, namer, firstSamples, onDropped }
    this.#columns = new ColumnReader(config, parts)
    this.#points = new PointReader(config, parts)
    this.#writer = new DocumentWriter(config.max_event_bytes, (points) => onDropped('too_large', points))
  }

  /** Series that are remembered. */
  get series(): number {
    return this.#catalog.size
  }

  /** Custom metrics of this hour, where their number is limited. */
  get customMetrics(): number {
    return this.#guard.metrics
  }

  /**
   * The documents of a batch, in parts: encoding never keeps the event loop for more than some milliseconds. A batch that was made
   * for a scrape has none. A caller that stops early (`return`) loses the rest, which is counted as dropped.
   */
  encode(metrics: Metrics): AsyncGenerator<readonly EmfDocument[], void> {
    // Producers append to their lists while this waits.
    const counts = 'families' in metrics ? metrics.families.map(pointCount) : []
    return this.#encode(metrics, counts)
  }

  async *#encode(metrics: Metrics, counts: readonly number[]): AsyncGenerator<readonly EmfDocument[], void> {
    if (metrics.isOnDemand === true) return
    const done = await this.#turn()
    try {
      const slices = new TimeSlices(SLICE_MS)
      this.#catalog.begin()
      this.#router.begin()
      await this.#read(metrics, counts, slices)
      yield* this.#documents(this.#router.take(), slices)
      await this.#catalog.sweep()
    } finally {
      done()
    }
  }

  /** Waits until the batches before this one are done; the returned function lets the next one begin. */
  async #turn(): Promise<() => void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const before = this.#last
    this.#last = promise
    await before
    return resolve
  }

  async #read(metrics: Metrics, counts: readonly number[], slices: TimeSlices): Promise<void> {
    if ('families' in metrics) {
      const timeMs = Math.round(metrics.timeMs > 0 ? metrics.timeMs : this.#options.clock.now())
      for (const [i, points] of metrics.families.entries()) await this.#columns.read({ points, count: counts[i] as number, timeMs }, slices)
      return
    }
    const nowMs = this.#options.clock.now()
    for (const group of metrics.groups) for (const metric of group.metrics) await this.#points.read(group, metric, nowMs, slices)
  }

  async *#documents(groups: readonly Group[], slices: TimeSlices): AsyncGenerator<readonly EmfDocument[], void> {
    let documents: EmfDocument[] = []
    let at = 0
    try {
      while (at < groups.length) {
        this.#writer.write(groups[at++] as Group, documents)
        if (documents.length < DOCUMENTS_MAX && !(at % 16 === 0 && slices.isOver)) continue
        if (documents.length > 0) yield documents
        documents = []
        await slices.next()
      }
      if (documents.length > 0) yield documents
    } finally {
      const lost = groups.slice(at).reduce((sum, { points }) => sum + points, 0)
      if (lost > 0) this.#options.onDropped('aborted', lost)
    }
  }
}

/** Points of a family whose values are there. */
function pointCount({ series, values, offset, stride, startTimesMs }: FamilyPoints): number {
  const room = stride > 0 ? Math.floor((values.length - offset) / stride) : 0
  return Math.min(series.length, room, startTimesMs.length)
}

/** Counts each series whose placeholder is missing, and tells the first one of each. */
function onceEach(onChanged: (reason: ChangeReason) => void, options: EmfEncoderOptions): (missing: MissingPlaceholder) => void {
  const told = new Set<string>()
  return (missing) => {
    onChanged('missing_placeholder')
    if (told.has(missing.placeholder)) return
    told.add(missing.placeholder)
    options.onMissing?.(missing)
  }
}
