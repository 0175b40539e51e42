import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createSecureServer, type ServerOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { DataPoints } from '../../model/data_points.ts'
import { checkedConfig } from '../../test/fakes/checked_config.ts'
import { type FakeSettings, fakeSettings } from '../../test/fakes/settings.ts'
import { type PrometheusConfig, prometheusConfig } from './config.ts'
import { PrometheusReceiver } from './receiver.ts'

type Answer = (request: IncomingMessage, response: ServerResponse) => void

/** A target on a port of its own that a test answers for. */
export class FakeTarget {
  readonly requests: IncomingMessage[] = []
  readonly #server: Server

  private constructor(answer: Answer, tls: ServerOptions | undefined) {
    const handle: Answer = (request, response) => {
      this.requests.push(request)
      answer(request, response)
    }
    this.#server = tls === undefined ? createServer(handle) : createSecureServer(tls, handle)
  }

  /** Begins to listen, by TLS when there are options for it. */
  static async start(answer: Answer, tls?: ServerOptions): Promise<FakeTarget> {
    const target = new FakeTarget(answer, tls)
    await new Promise<void>((resolve) => target.#server.listen(0, '127.0.0.1', resolve))
    return target
  }

  /** `host:port`. */
  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

/** The points of one name in a batch, as far as tests look at them. */
export interface SeenPoint {
  readonly name: string
  readonly value: unknown
  readonly labels: Readonly<Record<string, unknown>>
  readonly instance: unknown
  /** Of the resource, as `target_info` of a test says it. */
  readonly version: unknown
  readonly isEnded: boolean
}

/** A receiver with a clock that the test moves, and what it has handed on. */
export class ReceiverRun {
  readonly settings: FakeSettings
  readonly receiver: PrometheusReceiver
  readonly points: SeenPoint[] = []
  /** Set to make the pipeline refuse. */
  refusal: Error | undefined
  readonly #waiting = new Set<() => void>()

  constructor(config: object, settings: FakeSettings = fakeSettings('receiver', 'prometheus'), then?: (batch: DataPoints) => void | Promise<void>) {
    this.settings = settings
    this.receiver = new PrometheusReceiver(this.settings, configOf(config), { metrics: { consume: (batch) => this.#take(batch as DataPoints, then) } })
  }

  start(): void {
    this.receiver.start()
  }

  stop(): Promise<void> {
    return this.receiver.shutdown({ signal: AbortSignal.timeout(5000) })
  }

  /** Moves the clock, and resolves when so many scrapes have been reported (by their `up`) since. */
  async advance(ms: number, scrapes: number): Promise<void> {
    const before = this.#ups()
    this.settings.clock.advance(ms)
    await this.until(() => this.#ups() - before >= scrapes)
    // The next scrape is put down right after the report of the last one.
    await new Promise((resolve) => setImmediate(resolve))
  }

  /** Resolves when `holds` after something was handed on. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => this.#waiting.add(resolve))
  }

  /** The last value of a series. */
  last(name: string, instance?: string): unknown {
    return this.points.findLast((point) => point.name === name && (instance === undefined || point.instance === instance))?.value
  }

  /** Sum of a counter of the receiver. */
  counted(name: string, labels: Readonly<Record<string, string>> = {}): number {
    return this.settings.telemetry.value(name, labels)
  }

  #ups(): number {
    return this.points.filter(({ name }) => name === 'scrape_series_added').length
  }

  async #take(batch: DataPoints, then?: (batch: DataPoints) => void | Promise<void>): Promise<void> {
    const { groups } = batch
    await then?.(batch)
    for (const { resource, metrics } of groups) {
      for (const metric of metrics) {
        for (const point of metric.points) {
          this.points.push({
            name: metric.name,
            value: 'value' in point ? point.value : 'count' in point ? point.count : undefined,
            labels: Object.fromEntries(point.attributes.keys.map((key, i) => [key, point.attributes.values[i]])),
            version: resource.attributes.get('version'),
            instance: resource.attributes.get('service.instance.id'),
            isEnded: point.flags === 1,
          })
        }
      }
    }
    for (const resolve of this.#waiting) resolve()
    this.#waiting.clear()
    if (this.refusal !== undefined) throw this.refusal
  }
}

/** A checked config. Throws its problems as lines. */
export function configOf(config: object): PrometheusConfig {
  return checkedConfig(prometheusConfig, { config })
}
