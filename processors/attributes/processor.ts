import type { Consumer } from '../../component/consumer.ts'
import { AttributeActions } from '../../component/kit/attributes/actions.ts'
import { Selection } from '../../component/kit/attributes/match.ts'
import type { AttributeSet } from '../../model/attributes.ts'
import type { Client } from '../../model/client.ts'
import type { DataPoints } from '../../model/data_points.ts'
import type { LogRecords } from '../../model/log_records.ts'
import type { Logs } from '../../model/logs.ts'
import type { FamilyPoints, Metrics, SeriesMetrics } from '../../model/metrics.ts'
import type { Traces } from '../../model/traces.ts'
import type { AttributesConfig } from './config.ts'

/** Acts on the attributes of log records. */
export class LogAttributeActions implements Consumer<Logs> {
  readonly mutatesData = true
  readonly #actions: AttributeActions
  readonly #selection: Selection
  readonly #next: Consumer<Logs>

  constructor(config: AttributesConfig, next: Consumer<Logs>) {
    this.#actions = new AttributeActions(config.actions)
    this.#selection = new Selection(config)
    this.#next = next
  }

  consume(logs: Logs): void | Promise<void> {
    if (!('groups' in logs)) throw new Error('BUG: access logs on the main thread')
    this.#act(logs)
    return this.#next.consume(logs)
  }

  #act({ groups, client }: LogRecords): void {
    const { isWhole } = this.#selection
    for (const { resource, scope, records } of groups) {
      for (const record of records) {
        if (isWhole || this.#selection.hasLog(record, resource, scope)) record.attributes = this.#actions.apply(record.attributes, client)
      }
    }
  }
}

/** Acts on the attributes of spans. */
export class SpanAttributeActions implements Consumer<Traces> {
  readonly mutatesData = true
  readonly #actions: AttributeActions
  readonly #selection: Selection
  readonly #next: Consumer<Traces>

  constructor(config: AttributesConfig, next: Consumer<Traces>) {
    this.#actions = new AttributeActions(config.actions)
    this.#selection = new Selection(config)
    this.#next = next
  }

  consume(traces: Traces): void | Promise<void> {
    const { isWhole } = this.#selection
    for (const { resource, scope, spans } of traces.groups) {
      for (const span of spans) {
        if (isWhole || this.#selection.hasSpan(span, resource, scope)) span.attributes = this.#actions.apply(span.attributes, traces.client)
      }
    }
    return this.#next.consume(traces)
  }
}

/**
 * Acts on the attributes of data points. The daemon's own series are read again and again with the same attribute sets, so
 * what becomes of each set is remembered as long as the set lives.
 */
export class MetricAttributeActions implements Consumer<Metrics> {
  readonly mutatesData = true
  readonly #actions: AttributeActions
  readonly #selection: Selection
  readonly #next: Consumer<Metrics>
  readonly #known = new WeakMap<AttributeSet, AttributeSet>()

  constructor(config: AttributesConfig, next: Consumer<Metrics>) {
    this.#actions = new AttributeActions(config.actions)
    this.#selection = new Selection(config)
    this.#next = next
  }

  consume(metrics: Metrics): void | Promise<void> {
    if (!('groups' in metrics)) return this.#next.consume(this.#withSeries(metrics))
    this.#act(metrics)
    return this.#next.consume(metrics)
  }

  #act({ groups, client }: DataPoints): void {
    const { isWhole } = this.#selection
    for (const group of groups) {
      for (const { name, points } of group.metrics) {
        for (const point of points) {
          if (isWhole || this.#selection.hasPoint(name, point.attributes, group)) point.attributes = this.#actions.apply(point.attributes, client)
        }
      }
    }
  }

  #withSeries(metrics: SeriesMetrics): SeriesMetrics {
    return { ...metrics, families: metrics.families.map((points) => ({ ...points, series: this.#series(points, metrics.client) })) }
  }

  #series(points: FamilyPoints, client: Client | undefined): readonly AttributeSet[] {
    const { isWhole } = this.#selection
    const { name } = points.family
    return points.series.map((attributes) => {
      if (!isWhole && !this.#selection.hasPoint(name, attributes, points)) return attributes
      if (this.#actions.readsClient) return this.#actions.apply(attributes, client)
      let result = this.#known.get(attributes)
      if (result === undefined) {
        result = this.#actions.apply(attributes, client)
        this.#known.set(attributes, result)
      }
      return result
    })
  }
}
