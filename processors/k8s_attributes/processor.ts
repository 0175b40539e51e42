import type { Settings } from '../../component/component.ts'
import type { Consumer } from '../../component/consumer.ts'
import { identityOf } from '../../component/kit/identity.ts'
import type { Signal } from '../../component/signal.ts'
import type { Counter } from '../../component/telemetry.ts'
import type { AccessLogs, StreamOrigin } from '../../model/access_logs.ts'
import type { Resource } from '../../model/attributes.ts'
import type { Client } from '../../model/client.ts'
import type { LogRecords } from '../../model/log_records.ts'
import type { Logs } from '../../model/logs.ts'
import type { Metrics, SeriesMetrics } from '../../model/metrics.ts'
import { proxyResource } from '../../model/proxy_resource.ts'
import type { Traces } from '../../model/traces.ts'
import { connectionAddress } from './association.ts'
import { Enricher, type Enrichment, type ResourceCounters } from './enricher.ts'
import type { K8sAttributesConfig } from './schema.ts'
import * as telemetry from './telemetry.ts'

/** Senders remembered for one resource that several of them share; beyond it they are learnt anew. */
const CONNECTIONS_MAX = 4096

/**
 * Puts on every batch of access logs the resource that its stream is about: what its proxy says of itself, completed
 * with what is known of its pod. Synchronous; nothing is made per batch as long as nothing changes. Log records are
 * completed as metrics and spans are.
 */
export class LogAttributes implements Consumer<Logs> {
  readonly mutatesData = true
  readonly #next: Consumer<Logs>
  readonly #enricher: Enricher
  readonly #clock: Settings['clock']
  readonly #records: KnownResources
  readonly #known = new WeakMap<StreamOrigin, { readonly given: Resource | undefined; readonly enrichment: Enrichment }>()

  constructor(settings: Settings, config: K8sAttributesConfig, next: Consumer<Logs>) {
    this.#next = next
    this.#clock = settings.clock
    this.#enricher = enricherFor(settings, config, 'logs')
    this.#records = new KnownResources(this.#enricher)
  }

  consume(logs: Logs): void | Promise<void> {
    return this.#next.consume('groups' in logs ? this.#withRecords(logs) : this.#withOrigin(logs))
  }

  #withOrigin(logs: AccessLogs): AccessLogs {
    const { origin, resource: given } = logs
    let known = this.#known.get(origin)
    if (known === undefined || known.given !== given) {
      known = { given, enrichment: this.#enricher.begin(given ?? proxyResource(origin), connectionAddress(origin.peer)) }
      this.#known.set(origin, known)
    }
    const { enrichment } = known
    logs.resource = this.#enricher.resourceAt(enrichment, logs.receivedMs)
    enrichment.counter.add(1)
    return logs
  }

  #withRecords(logs: LogRecords): LogRecords {
    const nowMs = this.#clock.now()
    return this.#records.complete(logs, ({ records: [first] }) => timeMs(first?.timeNs || first?.observedNs, nowMs))
  }
}

/** Milliseconds of a time in nanoseconds; `otherwise` when it is unknown. */
function timeMs(ns: bigint | undefined, otherwise: number): number {
  return ns === undefined || ns === 0n ? otherwise : Number(ns / 1_000_000n)
}

/** The resources of metrics, spans and log records, by their identity and the address that they came from. */
class KnownResources {
  readonly #enricher: Enricher
  readonly #known = new WeakMap<Resource, Map<string, Enrichment>>()

  constructor(enricher: Enricher) {
    this.#enricher = enricher
  }

  of(resource: Resource, connection: string): Enrichment {
    let senders = this.#known.get(resource)
    if (senders === undefined) {
      senders = new Map()
      this.#known.set(resource, senders)
    }
    let enrichment = senders.get(connection)
    if (enrichment === undefined) {
      if (senders.size >= CONNECTIONS_MAX) senders.clear()
      enrichment = this.#enricher.begin(resource, connection)
      senders.set(connection, enrichment)
    }
    return enrichment
  }

  /**
   * The batch with the resources of its groups completed. It is left as it is; a new one shares everything but the resources,
   * and is only made when there is something to say.
   */
  complete<Batch extends { readonly groups: readonly { readonly resource: Resource }[]; readonly client?: Client }>(
    batch: Batch,
    timeOf: (group: Batch['groups'][number]) => number,
  ): Batch {
    const connection = batch.client === undefined ? '' : connectionAddress(batch.client.address)
    const completed = new Map<Resource, Resource>()
    for (const group of batch.groups) {
      if (completed.has(group.resource)) continue
      const enrichment = this.of(group.resource, connection)
      completed.set(group.resource, this.#enricher.resourceAt(enrichment, timeOf(group)))
      enrichment.counter.add(1)
    }
    if ([...completed].every(([given, resource]) => given === resource)) return batch
    return { ...batch, groups: batch.groups.map((group) => ({ ...group, resource: completed.get(group.resource) as Resource })) }
  }
}

/** Completes the resources of metrics. The batch is left as it is; a new one shares everything but the resources. */
export class MetricAttributes implements Consumer<Metrics> {
  readonly mutatesData = false
  readonly #next: Consumer<Metrics>
  readonly #enricher: Enricher
  readonly #known: KnownResources
  readonly #clock: Settings['clock']

  constructor(settings: Settings, config: K8sAttributesConfig, next: Consumer<Metrics>) {
    this.#next = next
    this.#clock = settings.clock
    this.#enricher = enricherFor(settings, config, 'metrics')
    this.#known = new KnownResources(this.#enricher)
  }

  consume(metrics: Metrics): void | Promise<void> {
    if (!('groups' in metrics)) return this.#next.consume(this.#withSeries(metrics))
    const nowMs = this.#clock.now()
    return this.#next.consume(this.#known.complete(metrics, ({ metrics: [first] }) => timeMs(first?.points[0]?.timeNs, nowMs)))
  }

  #withSeries(metrics: SeriesMetrics): SeriesMetrics {
    const connection = metrics.client === undefined ? '' : connectionAddress(metrics.client.address)
    const counted = new Set<Enrichment>()
    const families = metrics.families.map((points) => {
      const enrichment = this.#known.of(points.resource, connection)
      const resource = this.#enricher.resourceAt(enrichment, metrics.timeMs)
      if (!counted.has(enrichment)) enrichment.counter.add(1)
      counted.add(enrichment)
      return resource === points.resource ? points : { ...points, resource }
    })
    return { ...metrics, families }
  }
}

/** Completes the resources of spans. The batch is left as it is; a new one shares everything but the resources. */
export class SpanAttributes implements Consumer<Traces> {
  readonly mutatesData = false
  readonly #next: Consumer<Traces>
  readonly #known: KnownResources
  readonly #clock: Settings['clock']

  constructor(settings: Settings, config: K8sAttributesConfig, next: Consumer<Traces>) {
    this.#next = next
    this.#clock = settings.clock
    this.#known = new KnownResources(enricherFor(settings, config, 'traces'))
  }

  consume(traces: Traces): void | Promise<void> {
    const nowMs = this.#clock.now()
    return this.#next.consume(this.#known.complete(traces, ({ spans: [first] }) => timeMs(first?.endTimeNs, nowMs)))
  }
}

function enricherFor(settings: Settings, config: K8sAttributesConfig, signal: Signal): Enricher {
  const { telemetry: meter, id } = settings
  const labels = { processor: id.text, signal }
  const counters = new Map<string, Counter>()
  const resourceCounters: ResourceCounters = {
    of: (source, outcome) => {
      const key = `${outcome} ${source}`
      const counter = counters.get(key) ?? meter.counter(telemetry.resources, { ...labels, source, outcome })
      counters.set(key, counter)
      return counter
    },
    built: meter.counter(telemetry.builds, labels),
  }
  return new Enricher(config, config.passthrough ? undefined : identityOf(settings), resourceCounters)
}
