import type { IncomingMessage, ServerResponse } from 'node:http'
import { finished } from 'node:stream/promises'
import type { Host, Settings, ShutdownOptions } from '../../component/component.ts'
import type { ConsumerSet } from '../../component/consumer.ts'
import type { ExporterMain } from '../../component/factory.ts'
import { HttpServer } from '../../component/kit/http_server.ts'
import type { Counter, Gauge } from '../../component/telemetry.ts'
import { durationMs } from '../../lib/duration.ts'
import { TimeSlices } from '../../lib/time_slices.ts'
import type { Metrics } from '../../model/metrics.ts'
import { type OmittedReason, seriesMetrics } from '../../model/otlp/convert.ts'
import { Catalog } from './catalog.ts'
import { ChunkPool } from './chunk_writer.ts'
import type { PrometheusConfig } from './config.ts'
import { endedSeries } from './ended_series.ts'
import { IDENTITY } from './labels.ts'
import { type Negotiated, negotiate, scrapeTimeoutMs } from './negotiate.ts'
import type { Format } from './pieces.ts'
import { type RenderOptions, type RenderResult, render } from './render.ts'
import { gzip, SharedBody } from './shared_body.ts'
import type { RejectReason } from './source.ts'
import {
  droppedMetricPoints,
  exposedSeries,
  helpConflicts,
  scrapeBytes,
  scrapeSeconds,
  scrapes,
  sentMetricPoints,
  seriesRejected,
  staleScrapes,
} from './telemetry.ts'

/** What the operator can do about series that are left out. */
const HINTS: Readonly<Record<RejectReason, string>> = {
  type_conflict: 'two sources use one metric name for different types; rename one of them, or give each pipeline an exporter with its own namespace',
  name_conflict: 'the name is taken by a part of another metric, such as the _count of a histogram; rename one of them',
  label_conflict: 'the labels le (of histograms) and __name__ belong to the format; rename the attribute',
  duplicate: 'another source has a series with the same labels; tell them apart with resource_constant_labels or resource_to_telemetry_conversion',
  labels_too_long: 'the labels of one series take more than 1 MiB; shorten them before they get here',
  series_max: 'raise series_max or drop labels; the rest is counted in the series with otel_metric_overflow="true"',
}

/** How long a scrape that does not say how long it waits may wait for the newest values. */
const REFRESH_MS = 5000
/** What a rendering and its way to the client may take out of the client's patience. */
const REFRESH_SHARE = 0.6
/** Scrapes at the same time; more are refused, because every one holds memory while its client reads. */
const SCRAPES_MAX = 32
/** A scrape may share the rendering of another that came so shortly before; later ones want newer values. */
const JOIN_MS = 100
/** Names of metrics about which something was logged; more are not logged, only counted. */
const LOGGED_MAX = 1000
const EXPIRY_CHECKS = 5

/**
 * Serves metrics to Prometheus. Holds what its producers say now, asks them for the newest values before each answer,
 * and never fails a scrape because of single series: those are left out and counted.
 */
export class PrometheusExporter implements ExporterMain {
  readonly consumers: ConsumerSet
  readonly #settings: Settings
  readonly #path: string
  readonly #hasOpenMetrics: boolean
  readonly #options: Omit<RenderOptions, 'format'>
  readonly #expirationMs: number
  readonly #server: HttpServer
  readonly #catalog: Catalog
  readonly #sent: Counter
  readonly #series: Gauge
  readonly #bodies = new Map<string, { readonly body: SharedBody; readonly begunMs: number }>()
  readonly #logged = new Set<string>()
  readonly #pool = new ChunkPool()
  #host: Host | undefined
  #running = 0
  #stopTimer: (() => void) | undefined

  constructor(settings: Settings, config: PrometheusConfig) {
    this.#settings = settings
    this.#path = config.path
    this.#hasOpenMetrics = config.enable_open_metrics
    this.#expirationMs = durationMs(config.metric_expiration)
    const addsSuffixes =
      config.translation_strategy === undefined ? config.add_metric_suffixes : config.translation_strategy === 'UnderscoreEscapingWithSuffixes'
    const targetName = config.namespace === '' ? 'target_info' : `${config.namespace.replace(/[^a-zA-Z0-9_:]/g, '_')}_target_info`
    this.#options = { sendsTimestamps: config.send_timestamps, sendsCreated: config.created_samples, targetName }
    this.#catalog = new Catalog({
      namespace: config.namespace,
      addsSuffixes,
      constLabels: config.const_labels,
      hasScopeInfo: !config.without_scope_info,
      isResourceLabel: resourceLabels(config),
      seriesMax: config.series_max,
      expirationMs: this.#expirationMs,
      clock: settings.clock,
      rejected: (reason, series, family) => {
        this.#counter(seriesRejected, { reason }).add(series)
        this.#logOnce(`${reason} ${family}`, { metric: family, reason, hint: HINTS[reason] }, 'series are not exposed')
      },
      dropped: (reason, points) => this.#counter(droppedMetricPoints, { reason }).add(points),
      helpConflict: (family) => {
        this.#counter(helpConflicts).add(1)
        this.#logOnce(`help ${family}`, { metric: family }, 'metric has several descriptions; the first is exposed')
      },
    })
    this.#server = new HttpServer(config, { log: settings.log, clock: settings.clock, handle: (request, response) => this.#handle(request, response) })
    this.#sent = this.#counter(sentMetricPoints)
    this.#series = settings.telemetry.gauge(exposedSeries, { exporter: settings.id.text })
    this.consumers = { metrics: { consume: (batch) => this.#consume(batch) } }
  }

  #consume(batch: Metrics): void {
    if (!('groups' in batch)) {
      this.#sent.add(this.#catalog.consume(batch))
      return
    }
    for (const { family, group, ended } of endedSeries(batch)) this.#catalog.end(family, group, ended)
    const omitted = (reason: OmittedReason, points: number): void => {
      // Said by its marker, and done.
      if (reason !== 'no_value') this.#counter(droppedMetricPoints, { reason }).add(points)
    }
    this.#sent.add(this.#catalog.consume(seriesMetrics(batch, { nowMs: this.#settings.clock.now(), onOmitted: omitted }), true))
  }

  /** Where metrics are served; empty before `start`. */
  get addresses(): readonly { readonly host: string; readonly port: number }[] {
    return this.#server.addresses
  }

  async start(host: Host): Promise<void> {
    this.#host = host
    await this.#server.start(host)
    if (this.#expirationMs > 0) {
      const intervalMs = Math.min(60_000, Math.max(100, this.#expirationMs / EXPIRY_CHECKS))
      this.#stopTimer = this.#settings.clock.every(intervalMs, () => this.#catalog.expire())
    }
  }

  async shutdown(options: ShutdownOptions): Promise<void> {
    this.#stopTimer?.()
    this.#stopTimer = undefined
    await this.#server.close(options)
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '/').split('?', 1)[0] as string
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD')
      answer(response, 405, `method ${request.method} is not allowed here; use GET\n`)
    } else if (path === this.#path) await this.#scrape(request, response)
    else if (path === '/')
      answer(response, 200, `<!doctype html><title>meshscope</title><p>Metrics for Prometheus: <a href="${this.#path}">${this.#path}</a></p>\n`, 'text/html')
    else answer(response, 404, `nothing is served here; metrics are at ${this.#path}\n`)
  }

  async #scrape(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chosen = negotiate(request.headers.accept, textOf(request.headers['accept-encoding']), { hasOpenMetrics: this.#hasOpenMetrics })
    if (this.#running >= SCRAPES_MAX) {
      this.#count(chosen.format, 'refused')
      response.setHeader('Retry-After', '1')
      answer(response, 503, `${SCRAPES_MAX} scrapes are running; try again\n`)
      return
    }
    response.writeHead(200, { 'Content-Type': chosen.contentType, Vary: 'Accept, Accept-Encoding', ...(chosen.isGzip ? { 'Content-Encoding': 'gzip' } : {}) })
    if (request.method === 'HEAD') {
      response.end()
      return
    }
    const startedMs = this.#settings.clock.monotonic()
    this.#running++
    try {
      const body = this.#body(chosen, scrapeTimeoutMs(textOf(request.headers['x-prometheus-scrape-timeout-seconds'])))
      for await (const chunk of body.read()) await write(response, chunk)
      response.end()
      await finished(response)
      this.#count(chosen.format, 'ok')
      this.#counter(scrapeSeconds).add((this.#settings.clock.monotonic() - startedMs) / 1000)
    } catch (error) {
      const isAborted = error instanceof ClientGone || (error as NodeJS.ErrnoException).code === 'ERR_STREAM_PREMATURE_CLOSE'
      this.#count(chosen.format, isAborted ? 'aborted' : 'failed')
      if (!isAborted) this.#settings.log.error({ error: error instanceof Error ? error.message : String(error) }, 'scrape failed')
      response.destroy()
    } finally {
      this.#running--
      for (const [key, { body }] of this.#bodies) if (!body.isJoinable) this.#bodies.delete(key)
    }
  }

  /** The body for a format and encoding: one that has only just been begun, or a new one. */
  #body({ format, isGzip }: Pick<Negotiated, 'format' | 'isGzip'>, timeoutMs: number | undefined): SharedBody {
    const key = `${format} ${isGzip}`
    const nowMs = this.#settings.clock.monotonic()
    const known = this.#bodies.get(key)
    if (known?.body.isJoinable === true && nowMs - known.begunMs <= JOIN_MS) return known.body
    const body = isGzip
      ? new SharedBody(gzip(this.#body({ format, isGzip: false }, timeoutMs).read()))
      : new SharedBody(this.#produce(format, timeoutMs), (chunk) => this.#pool.give(chunk))
    this.#bodies.set(key, { body, begunMs: nowMs })
    return body
  }

  async *#produce(format: Format, timeoutMs: number | undefined): AsyncGenerator<Buffer, void, void> {
    await this.#refresh(timeoutMs === undefined ? REFRESH_MS : timeoutMs * REFRESH_SHARE)
    const result: RenderResult = { series: 0, bytes: 0 }
    const served = await this.#catalog.serve(new TimeSlices())
    yield* render(served, { ...this.#options, format }, result, this.#pool)
    this.#series.set(result.series)
    this.#counter(scrapeBytes).add(result.bytes)
  }

  /** Asks the producers for the newest values; goes on with the ones known when they take too long. */
  async #refresh(withinMs: number): Promise<void> {
    if (this.#host === undefined) return
    const timeout = Promise.withResolvers<'timeout'>()
    const cancel = this.#settings.clock.after(withinMs, () => timeout.resolve('timeout'))
    const refreshed = this.#host.refresh().then(
      () => undefined,
      (error: unknown) => ({ error }),
    )
    const outcome = await Promise.race([refreshed, timeout.promise])
    cancel()
    if (outcome === undefined) return
    const reason = outcome === 'timeout' ? 'timeout' : 'error'
    this.#counter(staleScrapes, { reason }).add(1)
    const error =
      outcome === 'timeout' ? `no answer within ${Math.round(withinMs)}ms` : outcome.error instanceof Error ? outcome.error.message : String(outcome.error)
    this.#logOnce(`refresh ${reason}`, { reason, error }, 'could not refresh values before a scrape')
  }

  #count(format: Format, outcome: 'ok' | 'aborted' | 'failed' | 'refused'): void {
    this.#counter(scrapes, { format, outcome }).add(1)
  }

  #counter(spec: Parameters<Settings['telemetry']['counter']>[0], labels: Readonly<Record<string, string>> = {}): Counter {
    return this.#settings.telemetry.counter(spec, { exporter: this.#settings.id.text, ...labels })
  }

  #logOnce(key: string, fields: Readonly<Record<string, unknown>>, message: string): void {
    if (this.#logged.has(key) || this.#logged.size >= LOGGED_MAX) return
    this.#logged.add(key)
    this.#settings.log.warn(fields, message)
  }
}

/** Which resource attributes become labels, by either of the two options. */
function resourceLabels(config: PrometheusConfig): (key: string) => boolean {
  const { enabled, exclude_service_attributes: leavesOutService } = config.resource_to_telemetry_conversion
  const some = config.resource_constant_labels
  const included = some?.included.map((pattern) => wildcard(pattern)) ?? []
  const excluded = some?.excluded.map((pattern) => wildcard(pattern)) ?? []
  return (key) => {
    if (enabled && !(leavesOutService && IDENTITY.has(key))) return true
    return included.some((pattern) => pattern.test(key)) && !excluded.some((pattern) => pattern.test(key))
  }
}

function wildcard(pattern: string): RegExp {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.')
  return new RegExp(`^${source}$`, 's')
}

function textOf(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header.join(',') : header
}

/** The client closed the connection, or took longer than the write timeout. */
class ClientGone extends Error {}

/** Hands a chunk to the connection and resolves when it is out of our hands. */
function write(response: ServerResponse, chunk: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const gone = (): void => reject(new ClientGone())
    if (response.destroyed) gone()
    response.once('close', gone)
    response.write(chunk, (error) => {
      response.off('close', gone)
      if (error == null) resolve()
      else gone()
    })
  })
}

function answer(response: ServerResponse, status: number, text: string, type = 'text/plain'): void {
  response.writeHead(status, { 'Content-Type': `${type}; charset=utf-8` }).end(text)
}
