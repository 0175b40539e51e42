import type { AttributeSet, Resource, Scope } from './attributes.ts'

/** A finished span as in OTLP; times are nanoseconds since the epoch. */
export interface Span {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string
  readonly name: string
  readonly kind: 'internal' | 'server' | 'client' | 'producer' | 'consumer'
  readonly startTimeNs: bigint
  readonly endTimeNs: bigint
  readonly attributes: AttributeSet
  readonly status: 'unset' | 'ok' | 'error'
}

/** A batch of spans of one resource and scope. */
export interface Traces {
  readonly resource: Resource
  readonly scope: Scope
  readonly spans: readonly Span[]
  /** Who sent the batch, as `ip:port` or `[ipv6]:port`; absent when it did not come over a connection of its own. */
  readonly peer?: string
}
