import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Meter } from '@opentelemetry/api'
import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { MeterProvider } from '@opentelemetry/sdk-metrics'
import type { Host, Logger } from '../component/component.ts'
import { HttpServer } from '../component/kit/http_server.ts'
import { systemClock } from '../lib/clock.ts'
import type { OwnTelemetry } from './own_telemetry.ts'

export interface MetricsServerOptions {
  /** `host:port`; port 0 lets the system choose. */
  readonly address: string
  readonly path?: string
  /** Attributes of the `target_info` series. */
  readonly resource: Readonly<Record<string, string>>
  readonly log: Logger
}

const LISTENER = {
  read_timeout: '10s',
  read_header_timeout: '10s',
  write_timeout: '30s',
  idle_timeout: '1m',
  keep_alives_enabled: true,
  response_headers: {},
} as const

/** Serves the daemon's own telemetry in the Prometheus text format, by default on `localhost:8888/metrics`. */
export class MetricsServer {
  readonly #telemetry: OwnTelemetry
  readonly #options: MetricsServerOptions
  readonly #reader: PrometheusExporter
  readonly #provider: MeterProvider
  readonly #meter: Meter
  readonly #instruments = new Set<string>()
  readonly #serializer = new PrometheusSerializer(undefined, false, undefined, false, true)
  readonly #server: HttpServer

  constructor(telemetry: OwnTelemetry, options: MetricsServerOptions) {
    this.#telemetry = telemetry
    this.#options = options
    // The exporter's own server cannot listen on port 0 nor tell when a port is taken; it is used as a reader only.
    this.#reader = new PrometheusExporter({ preventServerStart: true })
    this.#provider = new MeterProvider({ resource: resourceFromAttributes(options.resource), readers: [this.#reader] })
    this.#meter = this.#provider.getMeter('meshscope')
    this.#server = new HttpServer(
      { ...LISTENER, endpoint: options.address },
      { log: options.log, clock: systemClock, handle: (request, response) => this.#answer(request, response) },
    )
  }

  /** Opens the listener; resolves to its port. Rejects with a sentence for the operator when that is not possible. */
  async start(): Promise<number> {
    const host: Host = { report: () => {}, sharesPorts: false, chosenPort: () => 0, listening: () => {}, refresh: async () => {} }
    try {
      await this.#server.start(host)
    } catch (error) {
      throw new Error(`service.telemetry.metrics: ${(error as Error).message}`, { cause: error })
    }
    return this.#server.addresses[0]?.port ?? 0
  }

  async shutdown(): Promise<void> {
    await this.#server.close({ signal: AbortSignal.abort() })
    await this.#provider.shutdown()
  }

  /** The page as it would be served now. */
  async render(): Promise<string> {
    const counters = this.#register()
    const { resourceMetrics } = await this.#reader.collect()
    return exactNames(this.#serializer.serialize(resourceMetrics), counters)
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '').split('?')[0]
    if (path !== (this.#options.path ?? '/metrics')) {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('see /metrics\n')
      return
    }
    try {
      const body = await this.render()
      response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }).end(body)
    } catch (error) {
      response.writeHead(500, { 'content-type': 'text/plain' }).end(`cannot collect metrics: ${(error as Error).message}\n`)
    }
  }

  /** Makes an observable instrument of every family that has none yet; returns the names of all counters. */
  #register(): ReadonlySet<string> {
    const counters = new Set<string>()
    for (const spec of this.#telemetry.specs()) {
      if (spec.type === 'counter') counters.add(spec.name)
      if (this.#instruments.has(spec.name)) continue
      this.#instruments.add(spec.name)
      const options = { description: spec.description, unit: spec.unit }
      const instrument =
        spec.type === 'counter' ? this.#meter.createObservableCounter(spec.name, options) : this.#meter.createObservableGauge(spec.name, options)
      instrument.addCallback((result) => {
        for (const { labels, value } of this.#telemetry.family(spec.name)) result.observe(value, labels)
      })
    }
    return counters
  }
}

/**
 * Gives counters the names they were declared with: like the Collector's, the page has no `_total` and no units, while
 * the library's serializer appends `_total` to every counter.
 */
function exactNames(page: string, counters: ReadonlySet<string>): string {
  return page
    .replace(/^# UNIT .*\n/gm, '')
    .replace(/^(# (?:HELP|TYPE) )?([a-zA-Z_][a-zA-Z0-9_]*)_total(?=[ {])/gm, (whole, prefix: string | undefined, name: string) =>
      counters.has(name) ? `${prefix ?? ''}${name}` : whole,
    )
    .replace(/\n+/g, '\n')
    .replace(/\n*$/, '\n')
}
