import type { Host, Status } from '../../component/component.ts'
import type { Consumer } from '../../component/consumer.ts'
import { AccessLogs, type StreamOrigin } from '../../model/access_logs.ts'
import { AttributeSet, type AttributeValue, isSameValue, type Resource } from '../../model/attributes.ts'
import type { Logs } from '../../model/logs.ts'
import type { Metrics, SeriesMetrics } from '../../model/metrics.ts'
import { proxyResource } from '../../model/proxy_resource.ts'
import type { Traces } from '../../model/traces.ts'
import type { ResourceDetectionConfig } from './config.ts'
import type { Detection, DetectionFollower } from './detection.ts'

export interface ResourceDetectionOptions {
  readonly detection: Detection
  readonly config: Pick<ResourceDetectionConfig, 'override' | 'fail_on_missing_metadata'>
}

/**
 * Puts what is detected on the resources of log records, metrics and spans, and of the proxies that access logs come from.
 * `start` waits until the detectors have answered or their time is over, so that the first batch has the attributes, too. What
 * becomes of a resource is remembered as long as both live, so resources that were one stay one.
 */
export class ResourceDetection<T extends Logs | Metrics | Traces> implements Consumer<T>, DetectionFollower {
  readonly mutatesData = true
  readonly #detection: Detection
  readonly #overrides: boolean
  readonly #mustFindAll: boolean
  readonly #next: Consumer<T>
  #detected = AttributeSet.empty
  #known = new WeakMap<Resource, Resource>()
  #proxies = new WeakMap<StreamOrigin, { readonly given: Resource | undefined; readonly resource: Resource }>()
  #host: Host | undefined
  #status: Status = { kind: 'ok' }

  constructor({ detection, config }: ResourceDetectionOptions, next: Consumer<T>) {
    this.#detection = detection
    this.#overrides = config.override
    this.#mustFindAll = config.fail_on_missing_metadata
    this.#next = next
  }

  /** Rejects only with `fail_on_missing_metadata`. */
  async start(host: Host): Promise<void> {
    await this.#detection.follow(this)
    const { missing } = this.#detection
    if (this.#mustFindAll && missing.length > 0) {
      this.#detection.leave(this)
      throw new Error(`cannot detect the resource: ${missing.join('; ')}; fail_on_missing_metadata: false would start without`)
    }
    this.#host = host
    this.onDetected()
  }

  shutdown(): void {
    this.#host = undefined
    this.#detection.leave(this)
  }

  onDetected(): void {
    const { problems } = this.#detection
    const status: Status =
      problems.length === 0
        ? { kind: 'ok' }
        : { kind: 'recoverable_error', error: `not all of the resource is detected: ${problems.join('; ')}`, staysReady: true }
    if (status.error === this.#status.error || this.#host === undefined) return
    this.#status = status
    this.#host.report(status)
  }

  consume(batch: T): void | Promise<void> {
    const { attributes } = this.#detection
    if (attributes !== this.#detected) {
      this.#detected = attributes
      this.#known = new WeakMap()
      this.#proxies = new WeakMap()
    }
    if (attributes.size === 0) return this.#next.consume(batch)
    if ('groups' in batch) {
      for (const group of batch.groups) group.resource = this.#resource(group.resource)
      return this.#next.consume(batch)
    }
    if (batch instanceof AccessLogs) {
      batch.resource = this.#proxy(batch)
      return this.#next.consume(batch)
    }
    const series: SeriesMetrics = batch
    // The compiler cannot follow that what is left of T is series.
    const families = series.families.map((points) => ({ ...points, resource: this.#resource(points.resource) }))
    return this.#next.consume({ ...series, families } as unknown as T)
  }

  #proxy({ origin, resource: given }: AccessLogs): Resource {
    let known = this.#proxies.get(origin)
    if (known === undefined || known.given !== given) {
      known = { given, resource: this.#resource(given ?? proxyResource(origin)) }
      this.#proxies.set(origin, known)
    }
    return known.resource
  }

  #resource(resource: Resource): Resource {
    let result = this.#known.get(resource)
    if (result === undefined) {
      const attributes = withDetected(resource.attributes, this.#detected, this.#overrides)
      result = attributes === resource.attributes ? resource : { ...resource, attributes }
      this.#known.set(resource, result)
    }
    return result
  }
}

/** The same set when it has everything already. */
function withDetected(given: AttributeSet, detected: AttributeSet, overrides: boolean): AttributeSet {
  let result = given
  for (const [i, key] of detected.keys.entries()) {
    const value = detected.values[i] as AttributeValue
    if (overrides ? !isSameValue(result.get(key), value) : !result.has(key)) result = result.with(key, value)
  }
  return result
}
