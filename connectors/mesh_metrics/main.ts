import type { Settings } from '../../component/component.ts'
import type { Consumer } from '../../component/consumer.ts'
import type { MainComponent } from '../../component/factory.ts'
import type { IngestOrigin, MainHalf } from '../../component/link.ts'
import type { Counter, Gauge } from '../../component/telemetry.ts'
import { durationMs } from '../../lib/duration.ts'
import { SharedRun } from '../../lib/shared_run.ts'
import { AttributeSet } from '../../model/attributes.ts'
import type { Metrics } from '../../model/metrics.ts'
import { SeriesHub } from '../../model/series/hub.ts'
import type { MeshMetricsConfig } from './config.ts'
import type { ShardMessage } from './ingest.ts'
import { planOf } from './plan.ts'
import { FLUSH_FAILURES, SERIES } from './telemetry.ts'

/**
 * The half of `mesh_metrics` on the main thread: merges what the ingest halves count and hands all series on, when asked
 * to (`flush`) and every `metrics_flush_interval`.
 */
export class MeshMetricsMain implements MainComponent, MainHalf<ShardMessage> {
  readonly #settings: Settings
  readonly #next: Consumer<Metrics>
  readonly #hubs: readonly SeriesHub[]
  readonly #intervalMs: number
  readonly #failures: Counter
  readonly #series: Gauge
  readonly #runs = new SharedRun(() => this.#flush())
  #stopTimer: (() => void) | undefined
  /** The next batch goes out because its time has come, whoever else asks for it. */
  #isDue = false

  constructor(settings: Settings, config: MeshMetricsConfig, next: Consumer<Metrics>) {
    const { telemetry, clock, id } = settings
    this.#settings = settings
    this.#next = next
    this.#intervalMs = durationMs(config.metrics_flush_interval)
    this.#failures = telemetry.counter(FLUSH_FAILURES, { connector: id.text })
    this.#series = telemetry.gauge(SERIES, { connector: id.text })
    // Istio's metrics have exactly Istio's labels: a named scope would add one to each of them.
    const isOtel = config.semantic === 'otel'
    const scope = { name: isOtel ? 'meshscope/mesh_metrics' : '', version: '' }
    const idleMs = durationMs(config.metrics_expiration)
    this.#hubs = planOf(config).groups.map(
      ({ layout }) =>
        new SeriesHub(layout, { seriesMax: config.series_max, idleMs, clock, resource: { attributes: AttributeSet.empty }, scope, isEmptyAbsent: isOtel }),
    )
  }

  start(): void {
    this.#stopTimer = this.#settings.clock.every(this.#intervalMs, () => void this.#flushInTime())
  }

  /** The ingest halves have stopped before: what they counted last is handed on now. */
  async shutdown(): Promise<void> {
    if (this.#stopTimer === undefined) return
    this.#stopTimer()
    this.#stopTimer = undefined
    await this.#flushInTime()
  }

  receive({ group, buffers }: ShardMessage, from: IngestOrigin): void {
    const hub = this.#hubs[group]
    if (hub === undefined) throw new RangeError(`BUG: shard for group ${group} of ${this.#hubs.length}`)
    hub.attach(from, buffers)
  }

  gone(from: IngestOrigin): void {
    for (const hub of this.#hubs) hub.gone(from)
  }

  /**
   * Hands everything that was counted before the call to the next component. Calls made before a flush has begun share
   * it; a call made during one gets the next. Rejects when the batch is refused.
   */
  flush(): Promise<void> {
    return this.#runs.run()
  }

  async #flushInTime(): Promise<void> {
    this.#isDue = true
    try {
      await this.flush()
    } catch (error) {
      this.#failures.add(1)
      this.#settings.log.warn({ error: String(error) }, 'periodic flush of metrics failed')
    }
  }

  async #flush(): Promise<void> {
    const isOnDemand = !this.#isDue
    this.#isDue = false
    const families = (await Promise.all(this.#hubs.map((hub) => hub.collect()))).flat()
    this.#series.set(this.#hubs.reduce((sum, hub) => sum + hub.stats().series, 0))
    await this.#next.consume({ timeMs: this.#settings.clock.now(), families, isOnDemand })
  }
}
