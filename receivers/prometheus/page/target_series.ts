import { AttributeSet, type Resource, type Scope } from '../../../model/attributes.ts'
import type { DataPoint, DataPoints } from '../../../model/data_points.ts'
import type { Labels, Relabeler } from '../targets/relabel.ts'
import { Families, type Family, type RoleOfLine } from './families.ts'
import { numberOf } from './numbers.ts'
import type { Metadata, PageSink, SampleLine } from './page_parser.ts'
import { CreatedSlot, HistogramSeries, NumberSeries, type ScrapeTime, type Series, type Slot, SummarySeries } from './series.ts'
import { type GroupMetric, type MetricType, metricOf, SeriesGroup, SeriesOwner } from './series_group.ts'
import { type LineFault, parseSeries } from './series_text.ts'

/** Why a sample that could be read is not handed on; the label `reason` of the counter of dropped samples. */
export type DropReason = 'relabel' | 'duplicate' | 'invalid_name' | 'invalid_label' | 'incomplete'

export interface TargetSeriesOptions {
  /** The target's labels, `job` and `instance` among them. */
  readonly labels: ReadonlyMap<string, string>
  /** Labels of samples that have none of that name, whatever relabelling did. */
  readonly externalLabels: ReadonlyMap<string, string>
  readonly resource: Resource
  readonly honorLabels: boolean
  readonly honorTimestamps: boolean
  readonly relabel: Relabeler
  readonly onMalformed: (fault: LineFault, line: string) => void
}

/** What a scrape has brought. */
export interface PageCounts {
  /** Samples that could be read. */
  scraped: number
  /** Those that relabelling has left. */
  kept: number
  /** Those whose series was not on the page before. */
  added: number
  readonly dropped: Map<DropReason, number>
}

interface Entry {
  /** Empty once the entry is not in use any more. */
  text: string
  seen: number
  readonly slot: Slot | undefined
  /** What came behind it last time. Pages mostly have one order, and comparing two texts takes less time than finding one among many. */
  next: Entry | undefined
}

/** Points are handed on in batches of about so many, so that consumers do not keep others waiting. */
const BATCH_POINTS = 2000
const NAME = '__name__'
const NEW_FAMILIES_MAX = 1000

/**
 * The series of one target over its scrapes. A line whose series was on the page before is found by its text, so that labels are
 * parsed and relabelled once.
 *
 * For a scrape: `begin`, the page by `PageSink`, then `finish` or, when it failed, `fail`.
 */
export class TargetSeries implements PageSink {
  counts: PageCounts = noCounts()
  readonly #options: TargetSeriesOptions
  readonly #families = new Families()
  readonly #entries = new Map<string, Entry>()
  readonly #groups = new Map<string, SeriesGroup>()
  readonly #owners = new Map<string, SeriesOwner>()
  /** What the target itself is. */
  readonly #owner: SeriesOwner
  #time: ScrapeTime = { scrape: 0, timeMs: 0 }
  #seenEntries = 0
  /** Mostly there is one only. */
  #lastGroup: { readonly job: string; readonly instance: string; readonly scope: Scope; readonly group: SeriesGroup } | undefined
  /** The entry of the line before. */
  #last: Entry | undefined
  /** Stands before the first line. */
  readonly #first: Entry = { text: '', seen: 0, slot: undefined, next: undefined }

  constructor(options: TargetSeriesOptions) {
    this.#options = options
    this.#owner = new SeriesOwner(options.resource)
  }

  /** The target's resource, with what its `target_info` said last. */
  get resource(): Resource {
    return this.#owner.resource
  }

  /** Begins the next scrape; samples without a time of their own get this one. */
  begin(timeMs: number): void {
    this.#time = { scrape: this.#time.scrape + 1, timeMs }
    this.#seenEntries = 0
    this.#last = this.#first
    this.counts = noCounts()
  }

  metadata(keyword: Metadata, name: string, text: string): void {
    // What the lines of a family are is decided when they are first seen.
    if (!this.#families.set(keyword, name, text)) return
    for (const entry of this.#entries.values()) entry.text = ''
    this.#entries.clear()
  }

  malformed(fault: LineFault, line: string): void {
    this.#options.onMalformed(fault, line)
  }

  sample(line: SampleLine): void {
    const entry = this.#entryOf(line.series)
    if (entry === undefined) return
    const { counts } = this
    counts.scraped++
    if (entry.seen === this.#time.scrape) {
      this.#drop('duplicate')
      return
    }
    entry.seen = this.#time.scrape
    this.#seenEntries++
    if (entry.slot === undefined) {
      this.#drop('relabel')
      return
    }
    counts.kept++
    if (!this.#options.honorTimestamps) line.timeMs = Number.NaN
    if (!entry.slot.set(line, this.#time)) this.#drop('duplicate')
  }

  /** The batches of a page that was read whole: its values, and markers for series that are no longer on it. */
  *finish(): Generator<DataPoints> {
    const batches = new Batches()
    for (const owner of [this.#owner, ...this.#owners.values()]) yield* this.#renew(owner, batches)
    for (const [key, group] of this.#groups) {
      for (const [name, metric] of group.metrics) {
        yield* this.#pointsOf(group, metric, batches)
        if (metric.series.size === 0) group.metrics.delete(name)
      }
      if (group.metrics.size > 0) continue
      this.#groups.delete(key)
      this.#lastGroup = undefined
    }
    if (!batches.isEmpty) yield batches.take()
    this.#forgetUnseen()
  }

  /** Markers for every series that had a value, because nobody knows what it is now. What is known of them is kept for when they come back. */
  *fail(): Generator<DataPoints> {
    const batches = new Batches()
    for (const group of this.#groups.values()) yield* this.#endLive(group, batches)
    if (!batches.isEmpty) yield batches.take()
  }

  /** Where the resource has changed, the series under the old one end. */
  *#renew(owner: SeriesOwner, batches: Batches): Generator<DataPoints> {
    const resource = owner.currentResource(this.#time)
    if (resource === owner.resource) return
    for (const group of this.#groups.values()) if (group.owner === owner) yield* this.#endLive(group, batches)
    if (!batches.isEmpty) yield batches.take()
    owner.resource = resource
  }

  *#pointsOf(group: SeriesGroup, metric: GroupMetric, batches: Batches): Generator<DataPoints> {
    for (const [key, series] of metric.series) {
      const point = series.seen === this.#time.scrape ? series.point(this.#time) : undefined
      const said = point ?? (series.isLive ? series.ended(this.#time.timeMs) : undefined)
      if (said !== undefined && batches.add(group, metric, said)) yield batches.take()
      series.isLive = point !== undefined
      if (series.seen !== this.#time.scrape) metric.series.delete(key)
      else if (point === undefined) this.#drop('incomplete')
    }
  }

  *#endLive(group: SeriesGroup, batches: Batches): Generator<DataPoints> {
    for (const metric of group.metrics.values()) {
      for (const series of metric.series.values()) {
        if (series.isLive && batches.add(group, metric, series.ended(this.#time.timeMs))) yield batches.take()
        series.isLive = false
      }
    }
  }

  #forgetUnseen(): void {
    if (this.#seenEntries === this.#entries.size) return
    for (const [text, entry] of this.#entries) {
      if (entry.seen === this.#time.scrape) continue
      entry.text = ''
      this.#entries.delete(text)
    }
    const owners = new Set([...this.#groups.values()].map(({ owner }) => owner))
    for (const [key, owner] of this.#owners) if (owner.isEmpty && !owners.has(owner)) this.#owners.delete(key)
    if (this.#families.size <= NEW_FAMILIES_MAX) return
    const used = new Set<Family>()
    for (const group of this.#groups.values()) for (const { family } of group.metrics.values()) if (family !== undefined) used.add(family)
    this.#families.keepOnly(used)
  }

  #entryOf(series: string): Entry | undefined {
    const last = this.#last
    const expected = last?.next
    if (expected !== undefined && expected.text === series) {
      this.#last = expected
      return expected
    }
    const entry = this.#entries.get(series) ?? this.#newEntry(series)
    if (entry === undefined) return undefined
    if (last !== undefined) last.next = entry
    this.#last = entry
    return entry
  }

  #newEntry(series: string): Entry | undefined {
    // The text is a part of a chunk of the page, which must not be kept for it.
    const text = Buffer.from(series).toString()
    const parsed = parseSeries(text)
    if (typeof parsed === 'string') {
      this.malformed(parsed, text)
      return undefined
    }
    const labels = this.#withTarget(parsed.labels)
    labels.set(NAME, parsed.name)
    const isKept = this.#options.relabel(labels)
    for (const [name, value] of this.#options.externalLabels) if (!labels.has(name)) labels.set(name, value)
    const slot = isKept ? this.#slotFor(this.#families.roleOf(parsed.name, parsed.labels), labels) : undefined
    if (slot === 'invalid_name' || slot === 'invalid_label') {
      this.#drop(slot)
      return undefined
    }
    if (slot !== undefined) this.counts.added++
    const entry: Entry = { text, seen: 0, slot, next: undefined }
    this.#entries.set(text, entry)
    return entry
  }

  /** The labels of a sample with those of the target; where both have one, `honor_labels` decides which keeps the name. */
  #withTarget(own: ReadonlyMap<string, string>): Labels {
    const labels = new Map(own)
    for (const [name, value] of this.#options.labels) {
      const said = labels.get(name)
      if (this.#options.honorLabels) {
        if (said === undefined) labels.set(name, value)
        continue
      }
      labels.set(name, value)
      if (said === undefined) continue
      let moved = `exported_${name}`
      while (labels.has(moved) || this.#options.labels.has(moved)) moved = `exported_${moved}`
      labels.set(moved, said)
    }
    return labels
  }

  #slotFor({ family, role, suffix }: RoleOfLine, labels: Labels): Slot | 'invalid_name' | 'invalid_label' {
    const name = labels.get(NAME) ?? ''
    if (name === '') return 'invalid_name'
    const group = this.#groupOf(labels)
    // A rule may have renamed the line to something that is not a part of a family any more.
    const isPart = suffix !== '' && name.endsWith(suffix) && name.length > suffix.length
    const base = isPart ? name.slice(0, -suffix.length) : name
    if (name === 'target_info') return group.owner.infoSlot(Object.fromEntries([...labels].filter(([key]) => isAttribute(key))))
    switch (isPart || role === 'quantile' || role === 'value' ? role : 'value') {
      case 'bucket': {
        const bound = numberOf(labels.get('le') ?? '')
        if (bound === undefined || Number.isNaN(bound)) return 'invalid_label'
        labels.delete('le')
        return (seriesOf(group.metric(base, 'histogram', family), labels) as HistogramSeries).cell(bound)
      }
      case 'quantile': {
        const quantile = numberOf(labels.get('quantile') ?? '')
        if (quantile === undefined || Number.isNaN(quantile)) return 'invalid_label'
        labels.delete('quantile')
        return (seriesOf(group.metric(name, 'summary', family), labels) as SummarySeries).cell(quantile)
      }
      case 'sum':
      case 'count': {
        const series = seriesOf(group.metric(base, family?.type === 'histogram' ? 'histogram' : 'summary', family), labels)
        return (series as HistogramSeries | SummarySeries)[role as 'sum' | 'count']
      }
      case 'created':
        return new CreatedSlot(seriesOf(createdMetric(group, base, family), labels))
      default: {
        const isCounter = family?.type === 'counter' && role === 'value'
        return seriesOf(group.metric(name, isCounter ? 'counter' : 'gauge', family), labels) as NumberSeries
      }
    }
  }

  /** The group of a sample: with other labels `job` or `instance` than the target's, it is about something else. */
  #groupOf(labels: Labels): SeriesGroup {
    const of = (name: string): string => labels.get(name) ?? ''
    const [job, instance] = [of('job'), of('instance')]
    const scope = { name: of('otel_scope_name'), version: of('otel_scope_version') }
    const last = this.#lastGroup
    if (last !== undefined && last.job === job && last.instance === instance && last.scope.name === scope.name && last.scope.version === scope.version)
      return last.group
    const key = JSON.stringify([job, instance, scope.name, scope.version])
    let group = this.#groups.get(key)
    if (group === undefined) {
      group = new SeriesGroup(this.#ownerOf(job, instance), scope)
      this.#groups.set(key, group)
    }
    this.#lastGroup = { job, instance, scope, group }
    return group
  }

  #ownerOf(job: string, instance: string): SeriesOwner {
    const { labels } = this.#options
    if (job === (labels.get('job') ?? '') && instance === (labels.get('instance') ?? '')) return this.#owner
    const key = JSON.stringify([job, instance])
    const owner = this.#owners.get(key) ?? new SeriesOwner(otherResource(job, instance))
    this.#owners.set(key, owner)
    return owner
  }

  #drop(reason: DropReason): void {
    const { dropped } = this.counts
    dropped.set(reason, (dropped.get(reason) ?? 0) + 1)
  }
}

function noCounts(): PageCounts {
  return { scraped: 0, kept: 0, added: 0, dropped: new Map() }
}

function otherResource(job: string, instance: string): Resource {
  const attributes = { ...(job === '' ? {} : { 'service.name': job }), ...(instance === '' ? {} : { 'service.instance.id': instance }) }
  return { attributes: AttributeSet.of(attributes) }
}

/** The metric that a `_created` line is about. */
function createdMetric(group: SeriesGroup, base: string, family: Family | undefined): GroupMetric {
  if (family?.type === 'counter') return group.metric(`${base}_total`, 'counter', family)
  return group.metric(base, family?.type === 'histogram' ? 'histogram' : 'summary', family)
}

const ELSEWHERE: ReadonlySet<string> = new Set(['job', 'instance', 'otel_scope_name', 'otel_scope_version'])

/** True for labels that become attributes of points; the others are in the resource or the scope, or are nobody's. */
function isAttribute(name: string): boolean {
  return !name.startsWith('__') && !ELSEWHERE.has(name)
}

function seriesOf(metric: GroupMetric, labels: Labels): Series {
  const names = [...labels.keys()].filter(isAttribute).sort()
  const values = names.map((name) => labels.get(name) as string)
  const key = JSON.stringify([names, values])
  let series = metric.series.get(key)
  if (series === undefined) {
    series = newSeries(metric.type, names.length === 0 ? AttributeSet.empty : new AttributeSet(names, values))
    metric.series.set(key, series)
  }
  return series
}

function newSeries(type: MetricType, attributes: AttributeSet): Series {
  if (type === 'histogram') return new HistogramSeries(attributes)
  return type === 'summary' ? new SummarySeries(attributes) : new NumberSeries(attributes, type === 'counter')
}

/** Collects points until a batch is full. */
class Batches {
  readonly #groups = new Map<SeriesGroup, Map<GroupMetric, DataPoint[]>>()
  #count = 0
  /** Points come metric by metric. */
  #metric: GroupMetric | undefined
  #points: DataPoint[] = []

  get isEmpty(): boolean {
    return this.#count === 0
  }

  /** True when the batch is full. */
  add(group: SeriesGroup, metric: GroupMetric, point: DataPoint): boolean {
    if (metric !== this.#metric) this.#open(group, metric)
    this.#points.push(point)
    return ++this.#count >= BATCH_POINTS
  }

  take(): DataPoints {
    const groups = [...this.#groups].map(
      ([
        {
          owner: { resource },
          scope,
        },
        metrics,
      ]) => ({
        resource,
        scope,
        metrics: [...metrics].map(([metric, points]) => metricOf(metric, points)),
      }),
    )
    this.#groups.clear()
    this.#count = 0
    this.#metric = undefined
    return { groups }
  }

  #open(group: SeriesGroup, metric: GroupMetric): void {
    const metrics = this.#groups.get(group) ?? new Map<GroupMetric, DataPoint[]>()
    this.#groups.set(group, metrics)
    this.#points = metrics.get(metric) ?? []
    metrics.set(metric, this.#points)
    this.#metric = metric
  }
}
