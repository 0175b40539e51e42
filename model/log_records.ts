import type { AttributeSet, Resource, Scope } from './attributes.ts'

/** One record of OpenTelemetry's log data model. */
export interface LogRecord {
  /** When it happened, milliseconds since the epoch. */
  readonly timeMs: number
  /** When it arrived, milliseconds since the epoch. */
  readonly observedMs: number
  /** OpenTelemetry's numbers: 9 is info, 13 warn, 17 error. */
  readonly severityNumber: number
  readonly severityText: string
  readonly body: string
  readonly attributes: AttributeSet
  /** What kind of event it is; empty for a plain record. */
  readonly eventName: string
}

/**
 * A batch of log records. Produced and consumed on the main thread, where access logs never are: these stay in columns, in the
 * ingest workers.
 */
export interface LogRecords {
  readonly resource: Resource
  readonly scope: Scope
  readonly records: readonly LogRecord[]
}
