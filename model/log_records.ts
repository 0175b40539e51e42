import { fixed32At, fixed64At, idAt, lengthAt, payloadStart, textAt } from '../lib/protobuf/values.ts'
import { skipValue, varintLow, WireType } from '../lib/protobuf/wire.ts'
import type { ProtobufWriter } from '../lib/protobuf/writer.ts'
import { AttributeSet, type AttributeValue, decodeValue, type Resource, type Scope, writeValue } from './attributes.ts'
import type { Client } from './client.ts'
import { readAttributes } from './otlp/attribute_run.ts'
import { copyFieldsExcept } from './otlp/copy_except.ts'
import { RawRun } from './otlp/raw_run.ts'

/** What a record says but for its body and attributes, which are read apart. */
interface Fields {
  timeNs: bigint
  observedNs: bigint
  severityNumber: number
  severityText: string
  droppedAttributesCount: number
  flags: number
  traceId: string
  spanId: string
  eventName: string
}

/** Members of a record that can be given when it is made. */
export interface LogRecordPart extends Partial<Fields> {
  readonly body?: AttributeValue
  readonly attributes?: AttributeSet
}

/**
 * One record of OpenTelemetry's log data model
 * (https://opentelemetry.io/docs/specs/otel/logs/data-model/). Whoever owns the batch may set its members.
 *
 * A record that came by OTLP is read as far as it is asked for, and written back as it came as far as it was not changed. Its
 * members are accessors, so `{ ...record }` does not copy one: `copy` does, and `newLogRecord` makes one.
 */
export class LogRecord {
  /** The encoded record; undefined when it was made here. */
  #bytes: Uint8Array | undefined
  #start = 0
  #end = 0
  #fields: Fields | undefined
  #attributes: AttributeSet | undefined
  #body: AttributeValue | undefined
  /** Numbers of the encoded fields that hold no longer, as bits. */
  #changed = 0

  /** When it happened, nanoseconds since the epoch; 0 when unknown. */
  get timeNs(): bigint {
    if (this.#fields !== undefined) return this.#fields.timeNs
    const at = this.#valueAt(LogField.time)
    return at < 0 ? 0n : fixed64At(this.#bytes as Uint8Array, at)
  }

  set timeNs(value: bigint) {
    this.#write().timeNs = value
  }

  /** When it was observed, nanoseconds since the epoch; 0 when unknown. */
  get observedNs(): bigint {
    return this.#read().observedNs
  }

  set observedNs(value: bigint) {
    this.#write().observedNs = value
  }

  /** OpenTelemetry's numbers: 9 is info, 13 warn, 17 error; 0 when unknown. */
  get severityNumber(): number {
    if (this.#fields !== undefined) return this.#fields.severityNumber
    const at = this.#valueAt(LogField.severityNumber)
    return at < 0 ? 0 : varintLow(this.#bytes as Uint8Array, at) | 0
  }

  set severityNumber(value: number) {
    this.#write().severityNumber = value
  }

  get severityText(): string {
    if (this.#fields !== undefined) return this.#fields.severityText
    const at = this.#valueAt(LogField.severityText)
    if (at < 0) return ''
    const bytes = this.#bytes as Uint8Array
    const start = payloadStart(bytes, at)
    return textAt(bytes, start, start + lengthAt(bytes, at))
  }

  set severityText(value: string) {
    this.#write().severityText = value
  }

  /** Null when there is none. */
  get body(): AttributeValue {
    if (this.#body === undefined) this.#body = this.#bytes === undefined ? null : readBody(this.#bytes, this.#start, this.#end)
    return this.#body
  }

  set body(value: AttributeValue) {
    this.#body = value
    this.#changed |= 1 << LogField.body
  }

  get attributes(): AttributeSet {
    return (this.#attributes ??= this.#bytes === undefined ? AttributeSet.empty : readAttributes(this.#bytes, this.#start, this.#end, ATTRIBUTES_TAG))
  }

  set attributes(value: AttributeSet) {
    this.#attributes = value
    this.#changed |= 1 << LogField.attributes
  }

  get droppedAttributesCount(): number {
    return this.#read().droppedAttributesCount
  }

  set droppedAttributesCount(value: number) {
    this.#write().droppedAttributesCount = value
  }

  /** The low 8 bits are the W3C trace flags. */
  get flags(): number {
    return this.#read().flags
  }

  set flags(value: number) {
    this.#write().flags = value
  }

  /** 32 hex digits; empty when there is none. */
  get traceId(): string {
    return this.#read().traceId
  }

  set traceId(value: string) {
    this.#write().traceId = value
  }

  /** 16 hex digits; empty when there is none. */
  get spanId(): string {
    return this.#read().spanId
  }

  set spanId(value: string) {
    this.#write().spanId = value
  }

  /** What kind of event it is; empty for a plain record. */
  get eventName(): string {
    return this.#read().eventName
  }

  set eventName(value: string) {
    this.#write().eventName = value
  }

  /** A record with the same members, which can be set without effect on this one. */
  copy(): LogRecord {
    const copy = new LogRecord()
    copy.#bytes = this.#bytes
    copy.#start = this.#start
    copy.#end = this.#end
    copy.#fields = this.#fields === undefined ? undefined : { ...this.#fields }
    copy.#attributes = this.#attributes
    copy.#body = this.#body
    copy.#changed = this.#changed
    return copy
  }

  /** Writes the record as field `field` of a message of OTLP. */
  writeTo(writer: ProtobufWriter, field: number): void {
    const bytes = this.#bytes
    if (bytes !== undefined && this.#changed === 0) {
      writer.bytesRange(field, bytes, this.#start, this.#end)
      return
    }
    writer.open(field, this.#end - this.#start)
    if (bytes !== undefined) copyFieldsExcept(writer, bytes, this.#start, this.#end, this.#changed)
    if (bytes === undefined || (this.#changed & FIELDS) !== 0) writeFields(writer, this.#read())
    if (bytes === undefined || (this.#changed & (1 << LogField.body)) !== 0) {
      if (this.body !== null) writeValue(writer, LogField.body, this.body)
    }
    if (bytes === undefined || (this.#changed & (1 << LogField.attributes)) !== 0) this.attributes.writeTo(writer, LogField.attributes)
    writer.close()
  }

  /** Writes records one after the other as fields `field` of a message of OTLP; what came side by side and untouched is copied in one go. */
  static writeAll(records: readonly LogRecord[], writer: ProtobufWriter, field: number): void {
    const run = new RawRun(writer, field)
    for (const record of records) {
      if (record.#bytes !== undefined && record.#changed === 0) run.add(record.#bytes, record.#start, record.#end)
      else {
        run.flush()
        record.writeTo(writer, field)
      }
    }
    run.flush()
  }

  /** The members as plain data, for tests and messages. */
  toJSON(): unknown {
    return { ...this.#read(), body: this.body, attributes: this.attributes }
  }

  /** A record that says nothing but `part`. */
  static of({ body = null, attributes = AttributeSet.empty, ...fields }: LogRecordPart): LogRecord {
    const record = new LogRecord()
    record.#fields = { ...NO_FIELDS, ...fields }
    record.#body = body
    record.#attributes = attributes
    return record
  }

  /** The record encoded in `bytes[start, end)`, which have been checked (`otlp/check.ts`) and are not changed any more. */
  static ofWire(bytes: Uint8Array, start: number, end: number): LogRecord {
    const record = new LogRecord()
    record.#bytes = bytes
    record.#start = start
    record.#end = end
    return record
  }

  /** Where the value of a field begins in the encoded record, for the few that filters ask for; -1 when it is not there. */
  #valueAt(field: number): number {
    const bytes = this.#bytes as Uint8Array
    for (let p = this.#start; p < this.#end; ) {
      const tag = lengthAt(bytes, p)
      p = payloadStart(bytes, p)
      if (tag >>> 3 === field) return p
      p = skipValue(bytes, p, this.#end, tag)
    }
    return -1
  }

  #read(): Fields {
    return (this.#fields ??= readFields(this.#bytes as Uint8Array, this.#start, this.#end))
  }

  #write(): Fields {
    const fields = this.#read()
    this.#changed |= FIELDS
    return fields
  }
}

/** A record that says nothing but `part`. */
export function newLogRecord(part: LogRecordPart): LogRecord {
  return LogRecord.of(part)
}

const NO_FIELDS: Fields = {
  timeNs: 0n,
  observedNs: 0n,
  severityNumber: 0,
  severityText: '',
  droppedAttributesCount: 0,
  flags: 0,
  traceId: '',
  spanId: '',
  eventName: '',
}

/** Field numbers of `LogRecord` (opentelemetry/proto/logs/v1/logs.proto). */
const LogField = {
  time: 1,
  severityNumber: 2,
  severityText: 3,
  body: 5,
  attributes: 6,
  droppedAttributesCount: 7,
  flags: 8,
  traceId: 9,
  spanId: 10,
  observed: 11,
  eventName: 12,
} as const

const ATTRIBUTES_TAG = (LogField.attributes << 3) | WireType.bytes

/** All fields but body and attributes, as bits. */
const FIELDS = Object.values(LogField).reduce((bits, field) => bits | (1 << field), 0) & ~((1 << LogField.body) | (1 << LogField.attributes))

function readBody(bytes: Uint8Array, start: number, end: number): AttributeValue {
  let body: AttributeValue = null
  for (let p = start; p < end; ) {
    const tag = lengthAt(bytes, p)
    p = payloadStart(bytes, p)
    const next = skipValue(bytes, p, end, tag)
    if (tag >>> 3 === LogField.body) body = decodeValue(bytes, payloadStart(bytes, p), next)
    p = next
  }
  return body
}

function readFields(bytes: Uint8Array, start: number, end: number): Fields {
  const fields = { ...NO_FIELDS }
  for (let p = start; p < end; ) {
    const tag = lengthAt(bytes, p)
    p = payloadStart(bytes, p)
    const next = skipValue(bytes, p, end, tag)
    switch (tag >>> 3) {
      case LogField.time:
        fields.timeNs = fixed64At(bytes, p)
        break
      case LogField.severityNumber:
        fields.severityNumber = varintLow(bytes, p) | 0
        break
      case LogField.severityText:
        fields.severityText = textAt(bytes, payloadStart(bytes, p), next)
        break
      case LogField.droppedAttributesCount:
        fields.droppedAttributesCount = varintLow(bytes, p)
        break
      case LogField.flags:
        fields.flags = fixed32At(bytes, p)
        break
      case LogField.traceId:
        fields.traceId = idAt(bytes, payloadStart(bytes, p), next)
        break
      case LogField.spanId:
        fields.spanId = idAt(bytes, payloadStart(bytes, p), next)
        break
      case LogField.observed:
        fields.observedNs = fixed64At(bytes, p)
        break
      case LogField.eventName:
        fields.eventName = textAt(bytes, payloadStart(bytes, p), next)
        break
      default:
    }
    p = next
  }
  return fields
}

function writeFields(writer: ProtobufWriter, fields: Fields): void {
  if (fields.timeNs !== 0n) writer.fixed64(LogField.time, fields.timeNs)
  if (fields.severityNumber !== 0) writer.varint(LogField.severityNumber, fields.severityNumber | 0)
  if (fields.severityText !== '') writer.string(LogField.severityText, fields.severityText)
  if (fields.droppedAttributesCount !== 0) writer.varint(LogField.droppedAttributesCount, fields.droppedAttributesCount >>> 0)
  if (fields.flags !== 0) writer.fixed32(LogField.flags, fields.flags)
  if (fields.traceId !== '') writer.hex(LogField.traceId, fields.traceId)
  if (fields.spanId !== '') writer.hex(LogField.spanId, fields.spanId)
  if (fields.observedNs !== 0n) writer.fixed64(LogField.observed, fields.observedNs)
  if (fields.eventName !== '') writer.string(LogField.eventName, fields.eventName)
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
  /** All of the records as a request, while it is known to be the same as `groups`; looking at these may end that. */
  readonly encoded?: EncodedRequest | undefined
}

/** An OTLP request as bytes, which whoever finds it must not change and may keep. */
export interface EncodedRequest {
  readonly bytes: Uint8Array
  /** True when whoever takes them is the only one, and may free their memory, which is all theirs. */
  readonly isSole: boolean
  /** Number of log records in it. */
  readonly items: number
}

/** Number of records in all groups. */
export function logRecordCount(logs: LogRecords): number {
  if (logs.encoded !== undefined) return logs.encoded.items
  let count = 0
  for (const { records } of logs.groups) count += records.length
  return count
}

/** A copy whose groups and records can be changed; attribute sets and resources, which never change, are shared. */
export function copyLogRecords(logs: LogRecords): LogRecords {
  return { ...logs, groups: logs.groups.map((group) => ({ ...group, records: group.records.map((record) => record.copy()) })) }
}
