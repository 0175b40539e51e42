import type { Component, Settings, ShutdownOptions } from '../../component/component.ts'
import { type ConsumerSet, PermanentError, RefusedError } from '../../component/consumer.ts'
import { identityOf } from '../../component/kit/identity.ts'
import type { ItemCounters } from '../../component/kit/receiver_telemetry.ts'
import { type DataPoints, dataPointCount } from '../../model/data_points.ts'
import type { PrometheusConfig } from './config.ts'
import { PodDiscoverer } from './discovery.ts'
import { ScrapeJob } from './scrape/scrape_job.ts'
import { pointCounters } from './telemetry.ts'

/** How often it is looked whether there are other pods, as Prometheus does at most. */
const REFRESH_MS = 5000

/** Scrapes pages of metrics at their intervals and hands on what they say as points. */
export class PrometheusReceiver implements Component {
  readonly #settings: Settings
  readonly #config: PrometheusConfig['config']
  readonly #next: ConsumerSet
  readonly #points: ItemCounters
  #jobs: readonly ScrapeJob[] = []
  #stopRefresh: (() => void) | undefined

  constructor(settings: Settings, { config }: PrometheusConfig, next: ConsumerSet) {
    this.#settings = settings
    this.#config = config
    this.#next = next
    this.#points = pointCounters(settings.telemetry, settings.id.text)
  }

  start(): void {
    const { global, scrape_configs: configs } = this.#config
    this.#jobs = configs.map((config) => new ScrapeJob(this.#settings, { config, global, deliver: (batch) => this.#deliver(batch) }))
    const discoveries = this.#jobs.map((job) => new PodDiscoverer(job.config.kubernetes_sd_configs))
    for (const job of this.#jobs) job.sync(job.staticTargets)
    const index = identityOf(this.#settings)
    if (index === undefined) return
    const refresh = (): void => {
      for (const [i, job] of this.#jobs.entries()) {
        const found = discoveries[i]?.find(index)
        if (found !== undefined) job.sync([...job.staticTargets, ...found])
      }
    }
    refresh()
    this.#stopRefresh = this.#settings.clock.every(REFRESH_MS, refresh)
  }

  /** Breaks off the scrapes that run. The series are not ended: after a reload they go on. */
  async shutdown({ signal }: ShutdownOptions): Promise<void> {
    this.#stopRefresh?.()
    this.#stopRefresh = undefined
    const stopped = Promise.all(this.#jobs.map((job) => job.stop()))
    this.#jobs = []
    if (signal.aborted) return
    await Promise.race([stopped, new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))])
  }

  async #deliver(batch: DataPoints): Promise<void> {
    // The batch is the consumer's afterwards.
    const points = dataPointCount(batch)
    try {
      await this.#next.metrics?.consume(batch)
      this.#points.accepted.add(points)
    } catch (error) {
      if (error instanceof RefusedError || error instanceof PermanentError) this.#points.refused.add(points)
      else {
        this.#points.failed.add(points)
        this.#settings.log.error({ error }, 'batch failed')
      }
    }
  }
}
