import { AttributeSet, type AttributeValue, type Resource, type Scope } from './attributes.ts'
import type { Client } from './client.ts'

/**
 * One record of OpenTelemetry's log data model
 * (https://opentelemetry.io/docs/specs/otel/logs/data-model/). Whoever owns the batch may set its members.
 */
export interface LogRecord {
  /** When it happened, nanoseconds since the epoch; 0 when unknown. */
  timeNs: bigint
  /** When it was observed, nanoseconds since the epoch; 0 when unknown. */
  observedNs: bigint
  /** OpenTelemetry's numbers: 9 is info, 13 warn, 17 error; 0 when unknown. */
  severityNumber: number
  severityText: string
  /** Null when there is none. */
  body: AttributeValue
  attributes: AttributeSet
  droppedAttributesCount: number
  /** The low 8 bits are the W3C trace flags. */
  flags: number
  /** 32 hex digits; empty when there is none. */
  traceId: string
  /** 16 hex digits; empty when there is none. */
  spanId: string
  /** What kind of event it is; empty for a plain record. */
  eventName: string
}

/** A record that says nothing but `part`. */
export function newLogRecord(part: Partial<LogRecord>): LogRecord {
  return {
    timeNs: 0n,
    observedNs: 0n,
    severityNumber: 0,
    severityText: '',
    body: null,
    attributes: AttributeSet.empty,
    droppedAttributesCount: 0,
    flags: 0,
    traceId: '',
    spanId: '',
    eventName: '',
    ...part,
  }
}

/** The records of one resource and scope. */
export interface LogGroup {
  resource: Resource
  scope: Scope
  records: LogRecord[]
}

/**
 * A batch of log records. Produced and consumed on the main thread, where access logs never are: these stay in columns, in the
 * ingest workers, until `access_log_records` makes records of them.
 */
export interface LogRecords {
  readonly groups: LogGroup[]
  readonly client?: Client
}

/** Number of records in all groups. */
export function logRecordCount(logs: LogRecords): number {
  let count = 0
  for (const { records } of logs.groups) count += records.length
  return count
}

/** A copy whose groups and records can be changed; attribute sets and resources, which never change, are shared. */
export function copyLogRecords(logs: LogRecords): LogRecords {
  return { ...logs, groups: logs.groups.map((group) => ({ ...group, records: group.records.map((record) => ({ ...record })) })) }
}
