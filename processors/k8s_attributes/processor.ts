import type { Settings } from '../../component/component.ts'
import type { Consumer } from '../../component/consumer.ts'
import { identityOf } from '../../component/kit/identity.ts'
import type { Signal } from '../../component/signal.ts'
import type { Counter } from '../../component/telemetry.ts'
import type { AccessLogs, StreamOrigin } from '../../model/access_logs.ts'
import type { Resource } from '../../model/attributes.ts'
import type { Metrics } from '../../model/metrics.ts'
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
 * with what is known of its pod. Synchronous; nothing is made per batch as long as nothing changes.
 */
export class AccessLogAttributes implements Consumer<AccessLogs> {
  readonly mutatesData = true
  readonly #next: Consumer<AccessLogs>
  readonly #enricher: Enricher
  readonly #known = new WeakMap<StreamOrigin, { readonly given: Resource | undefined; readonly enrichment: Enrichment }>()

  constructor(settings: Settings, config: K8sAttributesConfig, next: Consumer<AccessLogs>) {
    this.#next = next
    this.#enricher = enricherFor(settings, config, 'logs')
  }

  consume(logs: AccessLogs): void | Promise<void> {
    const { origin, resource: given } = logs
    let known = this.#known.get(origin)
    if (known === undefined || known.given !== given) {
      known = { given, enrichment: this.#enricher.begin(given ?? proxyResource(origin), connectionAddress(origin.peer)) }
      this.#known.set(origin, known)
    }
    const { enrichment } = known
    logs.resource = this.#enricher.resourceAt(enrichment, logs.receivedMs)
    enrichment.counter.add(1)
    return this.#next.consume(logs)
  }
}

/** The resources of metrics and traces, by their identity and the address that they came from. */
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
}

/** Completes the resources of metrics. The batch is left as it is; a new one shares everything but the resources. */
export class MetricAttributes implements Consumer<Metrics> {
  readonly mutatesData = false
  readonly #next: Consumer<Metrics>
  readonly #enricher: Enricher
  readonly #known: KnownResources

  constructor(settings: Settings, config: K8sAttributesConfig, next: Consumer<Metrics>) {
    this.#next = next
    this.#enricher = enricherFor(settings, config, 'metrics')
    this.#known = new KnownResources(this.#enricher)
  }

  consume(metrics: Metrics): void | Promise<void> {
    const connection = metrics.peer === undefined ? '' : connectionAddress(metrics.peer)
    const counted = new Set<Enrichment>()
    const families = metrics.families.map((points) => {
      const enrichment = this.#known.of(points.resource, connection)
      const resource = this.#enricher.resourceAt(enrichment, metrics.timeMs)
      if (!counted.has(enrichment)) enrichment.counter.add(1)
      counted.add(enrichment)
      return resource === points.resource ? points : { ...points, resource }
    })
    return this.#next.consume({ ...metrics, families })
  }
}

/** Completes the resource of spans. The batch is left as it is; a new one shares everything but the resource. */
export class SpanAttributes implements Consumer<Traces> {
  readonly mutatesData = false
  readonly #next: Consumer<Traces>
  readonly #enricher: Enricher
  readonly #known: KnownResources
  readonly #clock: Settings['clock']

  constructor(settings: Settings, config: K8sAttributesConfig, next: Consumer<Traces>) {
    this.#next = next
    this.#clock = settings.clock
    this.#enricher = enricherFor(settings, config, 'traces')
    this.#known = new KnownResources(this.#enricher)
  }

  consume(traces: Traces): void | Promise<void> {
    const enrichment = this.#known.of(traces.resource, traces.peer === undefined ? '' : connectionAddress(traces.peer))
    const endNs = traces.spans[0]?.endTimeNs ?? 0n
    const timeMs = endNs > 0n ? Number(endNs / 1_000_000n) : this.#clock.now()
    const resource = this.#enricher.resourceAt(enrichment, timeMs)
    enrichment.counter.add(1)
    return this.#next.consume(resource === traces.resource ? traces : { ...traces, resource })
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
