import type { Component, Settings } from '../../component/component.ts'
import type { Consumer } from '../../component/consumer.ts'
import { keepMetrics } from '../../component/kit/streams/keep_metrics.ts'
import { durationMs } from '../../lib/duration.ts'
import type { Metrics } from '../../model/metrics.ts'
import { dataPoints } from '../../model/otlp/convert.ts'
import { Accumulator, type Outcome } from './accumulator.ts'
import type { DeltaToCumulativeConfig } from './config.ts'
import { POINTS, STREAMS } from './telemetry.ts'

const EXPIRY_CHECKS = 10

/** Adds deltas up to cumulative sums and histograms. The daemon's own series are cumulative and pass as they are. */
export class DeltaToCumulative implements Component, Consumer<Metrics> {
  readonly mutatesData = true
  readonly #settings: Settings
  readonly #next: Consumer<Metrics>
  readonly #accumulator: Accumulator
  readonly #staleMs: number
  #stopTimer: (() => void) | undefined
  /** Batches go one after the other, so that a stream's points stay in order. */
  #last: Promise<void> = Promise.resolve()

  constructor(settings: Settings, config: DeltaToCumulativeConfig, next: Consumer<Metrics>) {
    this.#settings = settings
    this.#next = next
    this.#staleMs = durationMs(config.max_stale)
    const { telemetry, id } = settings
    const counters = new Map<Outcome, { add(value: number): void }>()
    this.#accumulator = new Accumulator(config.max_streams, (outcome) => {
      const counter = counters.get(outcome) ?? telemetry.counter(POINTS, { processor: id.text, outcome })
      counters.set(outcome, counter)
      counter.add(1)
    })
  }

  start(): void {
    const { clock, telemetry, id } = this.#settings
    const streams = telemetry.gauge(STREAMS, { processor: id.text })
    const intervalMs = Math.max(1000, this.#staleMs / EXPIRY_CHECKS)
    this.#stopTimer = clock.every(intervalMs, () => {
      this.#accumulator.expire(clock.now() - this.#staleMs)
      streams.set(this.#accumulator.streams)
    })
  }

  consume(metrics: Metrics): void | Promise<void> {
    if (!('groups' in metrics) && metrics.families.every(({ family }) => family.temporality === 'cumulative')) return this.#next.consume(metrics)
    const done = this.#last.then(() => this.#convert(metrics))
    this.#last = done.catch(() => {})
    return done
  }

  shutdown(): void {
    this.#stopTimer?.()
    this.#stopTimer = undefined
  }

  async #convert(metrics: Metrics): Promise<void> {
    const nowMs = this.#settings.clock.now()
    const converted = await keepMetrics(dataPoints(metrics), (group, metric) => this.#accumulator.convert(group, metric, nowMs))
    if (converted !== undefined) await this.#next.consume(converted)
  }
}
