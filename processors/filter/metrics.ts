import type { Settings } from '../../component/component.ts'
import type { Consumer } from '../../component/consumer.ts'
import type { Condition } from '../../component/kit/ottl/compile.ts'
import { needsOnlyLasting } from '../../component/kit/ottl/series_touch.ts'
import type { Counter } from '../../component/telemetry.ts'
import { TimeSlices } from '../../lib/time_slices.ts'
import { type DataPoint, type DataPoints, dataPointCount, type Metric, type MetricGroup } from '../../model/data_points.ts'
import type { Metrics, SeriesMetrics } from '../../model/metrics.ts'
import { dataPoints } from '../../model/otlp/convert.ts'
import { filterGroups, type Pass } from './batch_filter.ts'
import { type Stage, stagesOf } from './conditions.ts'
import type { FilterConfig } from './schema.ts'
import { SeriesFilter } from './series.ts'
import * as telemetry from './telemetry.ts'
import { ConditionTester, type StageTests } from './tester.ts'

/**
 * Drops metrics and data points. Series of our own stay in columns unless conditions look at their values: then they become points as
 * objects, which costs much more at each scrape and is counted.
 */
export class FilterMetrics implements Consumer<Metrics> {
  /** Nothing is changed in place: copies of series would cost more than those of the lists that are filtered. */
  readonly mutatesData = false
  readonly #tester: ConditionTester
  readonly #series: SeriesFilter | undefined
  readonly #next: Consumer<Metrics>
  readonly #filtered: Counter
  readonly #conversions: Counter

  constructor(settings: Settings, config: FilterConfig, next: Consumer<Metrics>) {
    const stages = stagesOf(config, 'metrics')
    const labels = { filter: settings.id.text }
    this.#tester = new ConditionTester(settings, 'metrics', stages)
    this.#series = stages.every(canStayInColumns) ? new SeriesFilter(this.#tester.stages, (i) => stages[i]?.some(readsPoints) ?? false) : undefined
    this.#next = next
    this.#filtered = settings.telemetry.counter(telemetry.filteredPoints, labels)
    this.#conversions = settings.telemetry.counter(telemetry.conversions, labels)
  }

  async consume(metrics: Metrics): Promise<void> {
    if (this.#tester.stages.length === 0) return this.#next.consume(metrics)
    try {
      if (!('groups' in metrics) && this.#series !== undefined) await this.#filterSeries(metrics, this.#series)
      else await this.#filterPoints('groups' in metrics ? metrics : await this.#converted(metrics))
    } finally {
      this.#tester.flush()
    }
  }

  async #filterSeries(metrics: SeriesMetrics, filter: SeriesFilter): Promise<void> {
    const kept = await filter.run(metrics)
    this.#filtered.add(seriesIn(metrics) - seriesIn(kept))
    if (kept.families.length > 0) await this.#next.consume(kept)
  }

  async #filterPoints(points: DataPoints): Promise<void> {
    const before = dataPointCount(points)
    const groups = await filterGroups<MetricGroup>(this.#tester.stages, points.groups.map(copyLists), filterMetrics)
    const kept = { ...points, groups }
    this.#filtered.add(before - dataPointCount(kept))
    if (groups.length > 0) await this.#next.consume(kept)
  }

  /** Family by family, so that a large batch does not keep the loop. */
  async #converted(metrics: SeriesMetrics): Promise<DataPoints> {
    const slices = new TimeSlices()
    const groups: MetricGroup[] = []
    for (const family of metrics.families) {
      groups.push(...dataPoints({ ...metrics, families: [family] }).groups)
      if (slices.isOver) await slices.next()
    }
    const points = { ...dataPoints({ ...metrics, families: [] }), groups }
    this.#conversions.add(dataPointCount(points))
    return points
  }
}

/** A group whose lists can be filtered; the points are shared. */
function copyLists(group: MetricGroup): MetricGroup {
  return { ...group, metrics: group.metrics.map((metric) => ({ ...metric })) }
}

async function filterMetrics(group: MetricGroup, { metric: drops, datapoint: dropsPoint }: StageTests, pass: Pass): Promise<boolean> {
  if (drops !== undefined) {
    const show = (item: Pass['item'], metric: Metric): void => {
      item.metric = metric
      item.points = metric.points
    }
    const kept = await pass.filter(group.metrics, show, drops)
    if (kept !== group.metrics) group.metrics = [...kept]
  }
  if (dropsPoint !== undefined) {
    const kept: Metric[] = []
    for (const metric of group.metrics) {
      pass.item.metric = metric
      const points = await pass.filter<DataPoint>(metric.points, (item, point) => void (item.point = point), dropsPoint)
      // The points of one metric are of one type, which the compiler cannot follow.
      if (points !== metric.points) metric.points = [...points] as typeof metric.points & []
      if (metric.type === 'none' || points.length > 0) kept.push(metric)
    }
    group.metrics = kept
  }
  return group.metrics.length > 0
}

function canStayInColumns(stage: Stage): boolean {
  return stage.every(({ conditions }) => needsOnlyLasting(conditions.map(withoutPoints)))
}

/** Conditions on metrics may look at the attributes of all points, which series have in their columns. */
function withoutPoints({ reads, writes }: Condition): Pick<Condition, 'reads' | 'writes'> {
  return { reads: new Set([...reads].filter((touch) => touch !== 'points')), writes }
}

function readsPoints({ conditions }: Stage[number]): boolean {
  return conditions.some(({ reads }) => reads.has('points'))
}

function seriesIn({ families }: SeriesMetrics): number {
  return families.reduce((sum, { series }) => sum + series.length, 0)
}
