import { AttributeSet, type AttributeValue, type Resource, type Scope } from '../../../model/attributes.ts'
import type { DataPoint, Temporality } from '../../../model/data_points.ts'
import type { LogRecord } from '../../../model/log_records.ts'
import type { Span, SpanEvent } from '../../../model/traces.ts'

/** Holds a resource that statements may exchange; shared by all groups of a batch that had the same resource object. */
export interface ResourceCell {
  resource: Resource
}

/** Holds a scope that statements may exchange. */
export interface ScopeCell {
  scope: Scope
}

/** A metric without its points: of `DataPoints`, or of a family of series. */
export interface MetricHeader {
  name: string
  description: string
  unit: string
  type: 'none' | 'gauge' | 'sum' | 'histogram' | 'exponential_histogram' | 'summary'
  /** Sums and histograms only. */
  temporality?: Temporality
  /** Sums only. */
  isMonotonic?: boolean
  metadata?: readonly (readonly [string, AttributeValue])[]
}

/** A point of which only the attributes can be read and set. */
export interface PointAttributes {
  attributes: AttributeSet
}

/**
 * What a statement works on: an item with what it stands in. One object serves all items of a batch, one after the other; whoever runs
 * statements sets the members of their context and of those above it. The others are not looked at.
 */
export class Item {
  resource!: ResourceCell
  scope!: ScopeCell
  log!: LogRecord
  span!: Span
  event!: SpanEvent
  metric!: MetricHeader
  /** Statements that touch `values` need the whole point of the metric's type, others only its attributes. */
  point!: PointAttributes | DataPoint
  /** The attributes of all points of the metric; for functions that look at them. */
  points: Iterable<PointAttributes> = []
  /** Statements' scratch pad, empty at the start of each item. */
  cache = AttributeSet.empty
}
