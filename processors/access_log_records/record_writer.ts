import { ProtobufWriter } from '../../lib/protobuf/writer.ts'
import { AttributeBuffer, AttributeTag, attributeKey } from '../../model/access_log_otlp/attribute_buffer.ts'
import { EntryAttributes, type EntryAttributesOptions } from '../../model/access_log_otlp/entry_attributes.ts'
import { beginField, endField } from '../../model/access_log_otlp/nested_field.ts'
import { Severity, severityOf } from '../../model/access_log_otlp/outcome.ts'
import { putNanos } from '../../model/access_log_otlp/times.ts'
import type { AccessLogs } from '../../model/access_logs.ts'
import { readTraceIds, traceFlags } from '../../model/trace_ids.ts'
import { bodyText } from './body.ts'
import type { AccessLogRecordsConfig } from './config.ts'
import { Choice, Selection } from './selection.ts'

/** Tag of `log_records` in ScopeLogs. */
const LOG_RECORDS_TAG = 0x12
/** What `endField` can put into a length. */
const RECORD_BYTES_MAX = (1 << 21) - 1

const OBSERVED_BYTES = 9

const WEIGHT = attributeKey('sampling.weight')

/** `severity_number` and `severity_text` of LogRecord. */
function severityFields(number: number, text: string): Uint8Array {
  return new ProtobufWriter(16).varint(2, number).string(3, text).finish()
}
const INFO = severityFields(Severity.info, 'INFO')
const WARN = severityFields(Severity.warn, 'WARN')
const ERROR = severityFields(Severity.error, 'ERROR')

/** What became of the rows of a batch. */
export interface Outcomes {
  written: number
  notIncluded: number
  sampled: number
  tooLarge: number
}

/** Writes access-log entries as LogRecords (opentelemetry/proto/logs/v1), fields of a ScopeLogs one behind the other. */
export class RecordWriter {
  readonly #attributes: EntryAttributes
  readonly #selection: Selection
  readonly #body: AccessLogRecordsConfig['body']
  readonly #ids = new Uint8Array(24)
  /** `observed_time_unix_nano` of the batch, tag and all. */
  readonly #observed = new AttributeBuffer(AttributeTag.record, OBSERVED_BYTES)

  constructor(config: AccessLogRecordsConfig, attributes: EntryAttributesOptions) {
    this.#attributes = new EntryAttributes(AttributeTag.record, attributes)
    this.#selection = new Selection(config)
    this.#body = config.body
  }

  /** Writes the rows that are to become records and adds to `outcomes`. */
  write(logs: AccessLogs, out: AttributeBuffer, outcomes: Outcomes): void {
    this.#attributes.begin(logs)
    this.#observed.at = 0
    putNanos(this.#observed, 0x59, Math.floor(logs.receivedMs / 1000), Math.round((logs.receivedMs % 1000) * 1e6))
    for (let i = 0; i < logs.length; i++) {
      const severity = severityOf(logs, i)
      const hasTrace = readTraceIds(logs, i, this.#ids)
      const choice = this.#selection.choose(logs, i, severity, hasTrace ? this.#ids : undefined)
      if (choice === Choice.keep) this.#record(logs, i, { severity, hasTrace }, out, outcomes)
      else if (choice === Choice.sampled) outcomes.sampled++
      else outcomes.notIncluded++
    }
  }

  #record(logs: AccessLogs, i: number, of: { readonly severity: number; readonly hasTrace: boolean }, out: AttributeBuffer, outcomes: Outcomes): void {
    const start = beginField(out, LOG_RECORDS_TAG)
    this.#head(logs, i, of.severity, out)
    const attributesAt = out.at
    this.#attributes.write(i, out)
    this.#weight(logs, i, of.severity, out)
    if (out.at - start > RECORD_BYTES_MAX) {
      out.at = attributesAt
      outcomes.tooLarge++
    }
    if (of.hasTrace) this.#trace(logs, i, out)
    endField(out, start)
    outcomes.written++
  }

  /** `time_unix_nano` (1), severity (2, 3), `body` (5), `observed_time_unix_nano` (11). */
  #head(logs: AccessLogs, i: number, severity: number, out: AttributeBuffer): void {
    const seconds = logs.startSeconds[i] as number
    if (seconds > 0) putNanos(out, 0x09, seconds, logs.startNanos[i] as number)
    out.raw(severity === Severity.info ? INFO : severity === Severity.warn ? WARN : ERROR)
    if (this.#body !== 'none') {
      const text = bodyText(this.#body, logs, i, this.#attributes.redaction)
      out.raw(new ProtobufWriter(text.length + 16).open(5).string(1, text).close().view())
    }
    out.raw(this.#observed.bytes)
  }

  #weight(logs: AccessLogs, i: number, severity: number, out: AttributeBuffer): void {
    const selection = this.#selection
    const weight = severity >= Severity.warn ? selection.failedWeight : selection.weight
    if (weight > 1 && !selection.isSlow(logs, i)) out.double(WEIGHT, weight)
  }

  /** `flags` (8), `trace_id` (9) and `span_id` (10). */
  #trace(logs: AccessLogs, i: number, out: AttributeBuffer): void {
    out.reserve(48)
    const { bytes, view } = out
    let { at } = out
    const flags = traceFlags(logs, i)
    if (flags > 0) {
      bytes[at] = 0x45
      view.setUint32(at + 1, flags, true)
      at += 5
    }
    const ids = this.#ids
    bytes[at++] = 0x4a
    bytes[at++] = 16
    for (let n = 0; n < 16; n++) bytes[at++] = ids[n] as number
    let hasSpan = 0
    for (let n = 16; n < 24; n++) hasSpan |= ids[n] as number
    if (hasSpan !== 0) {
      bytes[at++] = 0x52
      bytes[at++] = 8
      for (let n = 16; n < 24; n++) bytes[at++] = ids[n] as number
    }
    out.at = at
  }
}
