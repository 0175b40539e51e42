import type { Component, Settings } from '../../component/component.ts'
import type { Consumer } from '../../component/consumer.ts'
import { FirstSamples } from '../../component/kit/deltas/first_samples.ts'
import { keepMetrics } from '../../component/kit/streams/keep_metrics.ts'
import { durationMs } from '../../lib/duration.ts'
import type { Metrics } from '../../model/metrics.ts'
import { dataPoints } from '../../model/otlp/convert.ts'
import type { CumulativeToDeltaConfig } from './config.ts'
import { DeltaConverter, type Outcome } from './converter.ts'
import { POINTS, STREAMS } from './telemetry.ts'

const EXPIRY_CHECKS = 10

/**
 * Turns cumulative sums and histograms into deltas. The daemon's own series become points here; those that were made for an
 * exporter that is read are left out: their deltas come with the producer's next batch.
 */
export class CumulativeToDelta implements Component, Consumer<Metrics> {
  readonly mutatesData = true
  readonly #settings: Settings
  readonly #next: Consumer<Metrics>
  readonly #converter: DeltaConverter
  readonly #staleMs: number
  #stopTimer: (() => void) | undefined
  /** Batches go one after the other, so that a stream's points stay in order. */
  #last: Promise<void> = Promise.resolve()

  constructor(settings: Settings, config: CumulativeToDeltaConfig, next: Consumer<Metrics>) {
    this.#settings = settings
    this.#next = next
    this.#staleMs = durationMs(config.max_staleness)
    const { telemetry, clock, id } = settings
    const counters = new Map<Outcome, { add(value: number): void }>()
    this.#converter = new DeltaConverter(config, {
      firstSamples: new FirstSamples(clock),
      count: (outcome) => {
        const counter = counters.get(outcome) ?? telemetry.counter(POINTS, { processor: id.text, outcome })
        counters.set(outcome, counter)
        counter.add(1)
      },
    })
  }

  start(): void {
    const { clock, telemetry, id } = this.#settings
    const streams = telemetry.gauge(STREAMS, { processor: id.text })
    const intervalMs = this.#staleMs > 0 ? Math.max(1000, this.#staleMs / EXPIRY_CHECKS) : 60_000
    this.#stopTimer = clock.every(intervalMs, () => {
      if (this.#staleMs > 0) this.#converter.expire(clock.monotonic() - this.#staleMs)
      streams.set(this.#converter.streams)
    })
  }

  consume(metrics: Metrics): Promise<void> {
    const done = this.#last.then(() => this.#convert(metrics))
    this.#last = done.catch(() => {})
    return done
  }

  shutdown(): void {
    this.#stopTimer?.()
    this.#stopTimer = undefined
  }

  async #convert(metrics: Metrics): Promise<void> {
    if (metrics.isOnDemand === true) return
    const nowMs = this.#settings.clock.monotonic()
    const converted = await keepMetrics(dataPoints(metrics), (group, metric) => this.#converter.convert(group, metric, nowMs))
    if (converted !== undefined) await this.#next.consume(converted)
  }
}
