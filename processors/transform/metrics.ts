import type { Settings } from '../../component/component.ts'
import type { Consumer } from '../../component/consumer.ts'
import type { Counter, Gauge } from '../../component/telemetry.ts'
import { TimeSlices } from '../../lib/time_slices.ts'
import { copyDataPoints, type DataPoints, dataPointCount, type MetricGroup } from '../../model/data_points.ts'
import type { Metrics, SeriesMetrics } from '../../model/metrics.ts'
import { dataPoints } from '../../model/otlp/convert.ts'
import { insideMetrics, transform } from './processor.ts'
import { StatementRunner } from './runner.ts'
import type { TransformConfig } from './schema.ts'
import { collisionsIn, SeriesTransform } from './series.ts'
import { seriesSteps } from './series_steps.ts'
import { groupsOf } from './statements.ts'
import * as telemetry from './telemetry.ts'

/**
 * Changes metrics and their points. Series of our own stay in columns unless statements look at their values: then they become points
 * as objects, which costs much more at each scrape and is counted.
 */
export class TransformMetrics implements Consumer<Metrics> {
  /** Series are not changed in place, and points as objects are copied here: copies of series would cost more. */
  readonly mutatesData = false
  readonly #runner: StatementRunner
  readonly #series: SeriesTransform | undefined
  readonly #next: Consumer<Metrics>
  readonly #collisions: Gauge
  readonly #conversions: Counter

  constructor(settings: Settings, config: TransformConfig, next: Consumer<Metrics>) {
    const groups = groupsOf(config, 'metrics')
    const steps = seriesSteps(groups)
    const labels = { processor: settings.id.text }
    this.#runner = new StatementRunner(settings, 'metrics', groups)
    this.#series = steps === undefined ? undefined : new SeriesTransform(this.#runner, steps)
    this.#next = next
    this.#collisions = settings.telemetry.gauge(telemetry.collisions, labels)
    this.#conversions = settings.telemetry.counter(telemetry.conversions, labels)
  }

  async consume(metrics: Metrics): Promise<void> {
    if (this.#runner.groups.length === 0) return this.#next.consume(metrics)
    if (!('groups' in metrics) && this.#series !== undefined) return this.#consumeSeries(metrics, this.#series)
    const points = 'groups' in metrics ? copyDataPoints(metrics) : await this.#converted(metrics)
    await transform<MetricGroup>(this.#runner, points.groups, insideMetrics)
    await this.#next.consume(points)
  }

  async #consumeSeries(metrics: SeriesMetrics, series: SeriesTransform): Promise<void> {
    try {
      const changed = await series.run(metrics)
      this.#collisions.set(collisionsIn(changed))
      await this.#next.consume(changed)
    } finally {
      this.#runner.flush()
    }
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
