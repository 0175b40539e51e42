import type { Clock, Logger } from '../../../component/component.ts'
import type { Counter } from '../../../component/telemetry.ts'
import { TimeSlices } from '../../../lib/time_slices.ts'
import type { Resource } from '../../../model/attributes.ts'
import type { DataPoints } from '../../../model/data_points.ts'
import { LineDecoder } from '../page/line_decoder.ts'
import { PageParser } from '../page/page_parser.ts'
import type { LineFault } from '../page/series_text.ts'
import { type DropReason, TargetSeries } from '../page/target_series.ts'
import type { Relabeler } from '../targets/relabel.ts'
import { offsetMs, type Target } from '../targets/target.ts'
import { type PageClient, ScrapeError, type ScrapeFault } from './page_client.ts'
import { reportPoints } from './report.ts'

/** What the targets of one job have in common. */
export interface ScrapeOptions {
  readonly clock: Clock
  readonly log: Logger
  readonly client: PageClient
  readonly honorLabels: boolean
  readonly honorTimestamps: boolean
  readonly externalLabels: ReadonlyMap<string, string>
  readonly relabel: Relabeler
  /** 0 = any number. */
  readonly sampleLimit: number
  /** Hands a batch on; resolves when it has been taken over or refused. Never rejects. */
  readonly deliver: (batch: DataPoints) => Promise<void>
  readonly counters: ScrapeCounters
}

/** What is counted of one job. */
export interface ScrapeCounters {
  readonly scrapes: (outcome: 'ok' | ScrapeFault) => Counter
  readonly dropped: (reason: DropReason | 'scrape_failed') => Counter
  readonly malformed: (fault: LineFault) => Counter
  readonly samples: Counter
  readonly bytes: Counter
}

/** When a target is scraped, milliseconds. */
export interface ScrapeTimes {
  readonly intervalMs: number
  readonly timeoutMs: number
}

const LINE_SHOWN = 200

/** Scrapes one target at its times, one scrape after the other. */
export class TargetScraper {
  readonly #target: Target
  readonly #times: ScrapeTimes
  readonly #options: ScrapeOptions
  readonly #series: TargetSeries
  #cancel: (() => void) | undefined
  #abort: AbortController | undefined
  #running: Promise<void> = Promise.resolve()
  #isStopped = false
  /** The resource of the last report; undefined before the first, and once its end was told. */
  #reported: Resource | undefined
  /** What was logged last, so that only changes are. */
  #fault: ScrapeFault | undefined
  #hasLoggedLine = false

  constructor(target: Target, times: ScrapeTimes, options: ScrapeOptions) {
    this.#target = target
    this.#times = times
    this.#options = options
    const { honorLabels, honorTimestamps, relabel, externalLabels } = options
    this.#series = new TargetSeries({
      labels: target.labels,
      externalLabels,
      resource: target.resource,
      honorLabels,
      honorTimestamps,
      relabel,
      onMalformed: (fault, line) => this.#malformed(fault, line),
    })
  }

  /** Begins with the target's place in the interval, which is the same after every start. */
  start(): void {
    const { intervalMs } = this.#times
    const { clock } = this.#options
    const delayMs = (offsetMs(this.#target, intervalMs) - (clock.now() % intervalMs) + intervalMs) % intervalMs
    this.#schedule(clock.monotonic() + delayMs)
  }

  /** Ends what runs; with `tellsEnd`, says of every series that it has ended. Safe twice. */
  async stop(options: { readonly tellsEnd: boolean }): Promise<void> {
    this.#isStopped = true
    this.#cancel?.()
    this.#cancel = undefined
    this.#abort?.abort(new ScrapeError('stopped', 'the target is gone, or the receiver is being stopped'))
    await this.#running
    const resource = this.#reported
    if (!options.tellsEnd || resource === undefined) return
    this.#reported = undefined
    const timeMs = this.#options.clock.now()
    this.#series.begin(timeMs)
    for (const batch of this.#series.fail()) await this.#options.deliver(batch)
    await this.#options.deliver(reportPoints({ labels: this.#target.labels, resource }, timeMs))
  }

  #schedule(atMs: number): void {
    if (this.#isStopped) return
    const { clock } = this.#options
    this.#cancel = clock.after(Math.max(0, atMs - clock.monotonic()), () => {
      this.#running = this.#run(atMs)
    })
  }

  async #run(atMs: number): Promise<void> {
    const { clock } = this.#options
    try {
      await this.#scrape()
    } catch (error) {
      this.#options.log.error({ error, target: this.#target.url.href }, 'scrape failed unexpectedly')
    }
    // Scrapes that a long one has run over are left out.
    const { intervalMs } = this.#times
    const missed = Math.max(0, Math.floor((clock.monotonic() - atMs) / intervalMs))
    this.#schedule(atMs + (missed + 1) * intervalMs)
  }

  async #scrape(): Promise<void> {
    const { clock, counters, deliver } = this.#options
    const [timeMs, startedMs] = [clock.now(), clock.monotonic()]
    this.#series.begin(timeMs)
    const abort = new AbortController()
    this.#abort = abort
    const { timeoutMs } = this.#times
    const cancel = clock.after(timeoutMs, () => abort.abort(new ScrapeError('timeout', `no whole page within ${this.#target.scrapeTimeout}`)))
    const fault = await this.#read(abort.signal)
    cancel()
    this.#abort = undefined
    const durationSeconds = (clock.monotonic() - startedMs) / 1000
    counters.scrapes(fault?.fault ?? 'ok').add(1)
    if (this.#isStopped) return
    const { counts } = this.#series
    const slices = new TimeSlices()
    for (const batch of fault === undefined ? this.#series.finish() : this.#series.fail()) {
      await deliver(batch)
      if (slices.isOver) await slices.next()
    }
    this.#count(fault)
    const report = fault === undefined ? counts : { scraped: 0, kept: 0, added: 0 }
    const { labels } = this.#target
    const { resource } = this.#series
    if (this.#reported !== undefined && this.#reported !== resource) await deliver(reportPoints({ labels, resource: this.#reported }, timeMs))
    this.#reported = resource
    await deliver(reportPoints({ labels, resource }, timeMs, { ...report, isUp: fault === undefined, durationSeconds }))
    this.#log(fault)
  }

  /** Reads the page; returns what went wrong. */
  async #read(signal: AbortSignal): Promise<ScrapeError | undefined> {
    const { client, counters, sampleLimit } = this.#options
    const slices = new TimeSlices()
    try {
      const page = await client.open(this.#target.url, String(this.#times.timeoutMs / 1000), signal)
      const lines = new LineDecoder()
      const parser = new PageParser(this.#series, page.format)
      for await (const chunk of page.chunks) {
        counters.bytes.add(chunk.length)
        parser.push(lines.push(chunk))
        if (sampleLimit > 0 && this.#series.counts.kept > sampleLimit)
          throw new ScrapeError('sample_limit', `the page has more than ${sampleLimit} samples after relabelling (sample_limit)`)
        if (slices.isOver) await slices.next()
      }
      parser.push(lines.end())
      if (page.format === 'openmetrics' && !parser.hasEnded) throw new ScrapeError('cut', 'the page does not end with # EOF, so it is not whole')
      return undefined
    } catch (error) {
      if (error instanceof ScrapeError) return error
      throw error
    }
  }

  #count(fault: ScrapeError | undefined): void {
    const { counters } = this.#options
    const { scraped, dropped } = this.#series.counts
    if (fault !== undefined) {
      if (scraped > 0) counters.dropped('scrape_failed').add(scraped)
      return
    }
    counters.samples.add(scraped)
    for (const [reason, count] of dropped) counters.dropped(reason).add(count)
  }

  #log(error: ScrapeError | undefined): void {
    const { log } = this.#options
    const target = this.#target.url.href
    if (error !== undefined && error.fault !== this.#fault) log.warn({ target, reason: error.fault, error: error.message }, 'target cannot be scraped')
    else if (error === undefined && this.#fault !== undefined) log.info({ target }, 'target can be scraped again')
    this.#fault = error?.fault
  }

  #malformed(fault: LineFault, line: string): void {
    this.#options.counters.malformed(fault).add(1)
    if (this.#hasLoggedLine) return
    this.#hasLoggedLine = true
    this.#options.log.warn({ target: this.#target.url.href, reason: fault, line: line.slice(0, LINE_SHOWN) }, 'page has a line that cannot be read')
  }
}
