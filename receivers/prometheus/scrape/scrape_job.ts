import type { Settings } from '../../../component/component.ts'
import type { InstrumentSpec } from '../../../component/telemetry.ts'
import { parseDuration } from '../../../lib/duration.ts'
import type { DataPoints } from '../../../model/data_points.ts'
import { type GlobalConfig, relabelRule, scrapeTimes } from '../config.ts'
import type { JobConfig } from '../scrape_schema.ts'
import { type Relabeler, relabeler } from '../targets/relabel.ts'
import { type NoTarget, type Target, type TargetDefaults, targetOf } from '../targets/target.ts'
import { DROPPED_SAMPLES, MALFORMED_LINES, PAGE_BYTES, SAMPLES, SCRAPES, TARGETS } from '../telemetry.ts'
import { PageClient } from './page_client.ts'
import { type ScrapeCounters, type ScrapeOptions, type ScrapeTimes, TargetScraper } from './target_scraper.ts'

/** The labels of something that could become a target, `__address__` among them. */
export type FoundLabels = ReadonlyMap<string, string>

type TargetState = 'active' | 'dropped' | 'invalid' | 'duplicate'

export interface ScrapeJobOptions {
  readonly config: JobConfig
  readonly global: GlobalConfig
  /** See `ScrapeOptions.deliver`. */
  readonly deliver: (batch: DataPoints) => Promise<void>
}

/** One scrape config: turns what is found into targets and scrapes those. */
export class ScrapeJob {
  readonly config: JobConfig
  readonly #settings: Settings
  readonly #client: PageClient
  readonly #options: ScrapeOptions
  readonly #defaults: TargetDefaults
  readonly #relabel: Relabeler
  readonly #scrapers = new Map<string, TargetScraper>()
  /** What was made of labels, which are the same objects as long as nothing has changed. */
  readonly #made = new WeakMap<FoundLabels, Target | NoTarget>()
  /** Ends of targets that are being told. */
  #ending: Promise<unknown> = Promise.resolve()

  constructor(settings: Settings, { config, global, deliver }: ScrapeJobOptions) {
    this.config = config
    this.#settings = settings
    this.#client = new PageClient(config, settings)
    this.staticTargets = config.static_configs.flatMap(({ targets, labels }) => {
      const own = Object.entries(labels).map(([name, value]): [string, string] => [name, String(value)])
      return targets.map((address) => new Map([['__address__', address], ...own]))
    })
    this.#relabel = relabeler(config.relabel_configs.map(relabelRule))
    const { interval, timeout } = scrapeTimes(config, global)
    this.#defaults = {
      job: config.job_name,
      scheme: config.scheme,
      metricsPath: config.metrics_path,
      params: Object.fromEntries(Object.entries(config.params).map(([name, values]) => [name, values.map(String)])),
      scrapeInterval: interval,
      scrapeTimeout: timeout,
    }
    this.#options = {
      clock: settings.clock,
      log: settings.log,
      client: this.#client,
      honorLabels: config.honor_labels,
      honorTimestamps: config.honor_timestamps,
      externalLabels: new Map(Object.entries(global.external_labels).map(([name, value]) => [name, String(value)])),
      relabel: relabeler(config.metric_relabel_configs.map(relabelRule)),
      sampleLimit: config.sample_limit,
      deliver,
      counters: this.#counters(),
    }
  }

  /** What `static_configs` say. */
  readonly staticTargets: readonly FoundLabels[]

  /** Scrapes the targets that these make: begins with new ones, ends those that are gone, and lets the others be. */
  sync(found: readonly FoundLabels[]): void {
    const counts: Record<TargetState, number> = { active: 0, dropped: 0, invalid: 0, duplicate: 0 }
    const wanted = new Set<string>()
    for (const labels of found) {
      const target = this.#made.get(labels) ?? targetOf(labels, this.#defaults, this.#relabel)
      this.#made.set(labels, target)
      const state = typeof target === 'string' ? stateOf(target) : wanted.has(target.key) ? 'duplicate' : this.#wants(target, wanted)
      counts[state]++
    }
    for (const [key, scraper] of this.#scrapers) {
      if (wanted.has(key)) continue
      this.#scrapers.delete(key)
      this.#ending = Promise.all([this.#ending, scraper.stop({ tellsEnd: true })])
    }
    for (const [state, count] of Object.entries(counts)) this.#settings.telemetry.gauge(TARGETS, this.#labels({ state })).set(count)
  }

  /** Ends all scrapes without a word: the targets may be scraped by a successor. */
  async stop(): Promise<void> {
    await Promise.all([this.#ending, ...[...this.#scrapers.values()].map((scraper) => scraper.stop({ tellsEnd: false }))])
    this.#scrapers.clear()
    this.#client.close()
  }

  #wants(target: Target, wanted: Set<string>): TargetState {
    const times = timesOf(target)
    if (times === undefined) return 'invalid'
    wanted.add(target.key)
    if (!this.#scrapers.has(target.key)) {
      const scraper = new TargetScraper(target, times, this.#options)
      this.#scrapers.set(target.key, scraper)
      scraper.start()
    }
    return 'active'
  }

  #counters(): ScrapeCounters {
    const counter = (spec: InstrumentSpec, more: Readonly<Record<string, string>> = {}) => this.#settings.telemetry.counter(spec, this.#labels(more))
    return {
      scrapes: (outcome) => counter(SCRAPES, { outcome }),
      dropped: (reason) => counter(DROPPED_SAMPLES, { reason }),
      malformed: (reason) => counter(MALFORMED_LINES, { reason }),
      samples: counter(SAMPLES),
      bytes: counter(PAGE_BYTES),
    }
  }

  #labels(more: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
    return { receiver: this.#settings.id.text, job: this.config.job_name, ...more }
  }
}

function stateOf(reason: NoTarget): TargetState {
  return reason === 'dropped' ? 'dropped' : 'invalid'
}

/** The times of a target, which its labels may have changed; undefined when they are none. */
function timesOf({ scrapeInterval, scrapeTimeout }: Target): ScrapeTimes | undefined {
  const [intervalMs, timeoutMs] = [parseDuration(scrapeInterval) ?? 0, parseDuration(scrapeTimeout) ?? 0]
  return intervalMs >= 1 && timeoutMs >= 1 && timeoutMs <= intervalMs ? { intervalMs, timeoutMs } : undefined
}
