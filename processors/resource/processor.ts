import type { Consumer } from '../../component/consumer.ts'
import { AttributeActions } from '../../component/kit/attributes/actions.ts'
import { AccessLogs, type StreamOrigin } from '../../model/access_logs.ts'
import type { Resource } from '../../model/attributes.ts'
import type { Client } from '../../model/client.ts'
import type { Logs } from '../../model/logs.ts'
import type { Metrics, SeriesMetrics } from '../../model/metrics.ts'
import { proxyResource } from '../../model/proxy_resource.ts'
import type { Traces } from '../../model/traces.ts'
import type { ResourceConfig } from './config.ts'

/**
 * Acts on the attributes of resources: of log records, metrics and spans, and of the proxies that access logs come from.
 * What becomes of a resource is remembered as long as it lives, so resources that were one stay one, and a batch of access
 * logs costs a look-up.
 */
export class ResourceActions<T extends Logs | Metrics | Traces> implements Consumer<T> {
  readonly mutatesData = true
  readonly #actions: AttributeActions
  readonly #next: Consumer<T>
  readonly #known = new WeakMap<Resource, Resource>()
  readonly #proxies = new WeakMap<StreamOrigin, { readonly given: Resource | undefined; readonly resource: Resource }>()

  constructor(config: ResourceConfig, next: Consumer<T>) {
    this.#actions = new AttributeActions(config.attributes)
    this.#next = next
  }

  consume(batch: T): void | Promise<void> {
    if ('groups' in batch) {
      const known = this.#actions.readsClient ? new WeakMap<Resource, Resource>() : this.#known
      for (const group of batch.groups) group.resource = this.#resource(group.resource, batch.client, known)
      return this.#next.consume(batch)
    }
    if (batch instanceof AccessLogs) {
      batch.resource = this.#proxy(batch)
      return this.#next.consume(batch)
    }
    const series: SeriesMetrics = batch
    // The compiler cannot follow that what is left of T is series.
    const families = series.families.map((points) => ({ ...points, resource: this.#resource(points.resource, series.client, this.#known) }))
    return this.#next.consume({ ...series, families } as unknown as T)
  }

  #proxy({ origin, resource: given }: AccessLogs): Resource {
    let known = this.#proxies.get(origin)
    if (known === undefined || known.given !== given) {
      const resource = this.#resource(given ?? proxyResource(origin), { address: origin.peer }, new WeakMap())
      known = { given, resource }
      this.#proxies.set(origin, known)
    }
    return known.resource
  }

  #resource(resource: Resource, client: Client | undefined, known: WeakMap<Resource, Resource>): Resource {
    let result = known.get(resource)
    if (result === undefined) {
      const attributes = this.#actions.apply(resource.attributes, client)
      result = attributes === resource.attributes ? resource : { ...resource, attributes }
      known.set(resource, result)
    }
    return result
  }
}
