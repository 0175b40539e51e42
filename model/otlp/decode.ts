import type { DataPoints, MetricGroup } from '../data_points.ts'
import { type LogGroup, LogRecord, type LogRecords } from '../log_records.ts'
import { Span, type SpanGroup, type Traces } from '../traces.ts'
import { checkedMessage } from './check.ts'
import { readMetric } from './decode_points.ts'
import { eachGroup, ITEMS_FIELD } from './groups.ts'

/**
 * Reads the bytes of an `ExportLogsServiceRequest`, which are those of a `LogsData`. The records keep the bytes, which therefore
 * must not change any more. Throws `OtlpError` when they are no such message; what has been returned throws nothing later.
 * See https://opentelemetry.io/docs/specs/otlp/#binary-protobuf-encoding.
 */
export function decodeLogs(bytes: Uint8Array): LogRecords {
  const checked = checkedMessage(withoutSubclass(bytes), 'LogsData')
  const groups: LogGroup[] = []
  eachGroup(checked, ({ resource, scope, fields }) => {
    const records: LogRecord[] = []
    while (fields.next()) if (fields.field === ITEMS_FIELD) records.push(LogRecord.ofWire(checked, fields.start, fields.end))
    groups.push({ resource, scope, records })
  })
  return { groups }
}

/** Reads the bytes of an `ExportTraceServiceRequest`, which are those of a `TracesData`; otherwise as `decodeLogs`. */
export function decodeTraces(bytes: Uint8Array): Traces {
  const checked = checkedMessage(withoutSubclass(bytes), 'TracesData')
  const groups: SpanGroup[] = []
  eachGroup(checked, ({ resource, scope, fields }) => {
    const spans: Span[] = []
    while (fields.next()) if (fields.field === ITEMS_FIELD) spans.push(Span.ofWire(checked, fields.start, fields.end))
    groups.push({ resource, scope, spans })
  })
  return { groups }
}

/** Reads the bytes of an `ExportMetricsServiceRequest`, which are those of a `MetricsData`; otherwise as `decodeLogs`. */
export function decodeMetrics(bytes: Uint8Array): DataPoints {
  const checked = checkedMessage(withoutSubclass(bytes), 'MetricsData')
  const groups: MetricGroup[] = []
  eachGroup(checked, ({ resource, scope, fields }) => {
    const group: MetricGroup = { resource, scope, metrics: [] }
    while (fields.next()) if (fields.field === ITEMS_FIELD) group.metrics.push(readMetric(fields.message()))
    groups.push(group)
  })
  return { groups }
}

/** Code that sees Buffers and plain arrays in turn is slower than code that sees one of them. */
function withoutSubclass(bytes: Uint8Array): Uint8Array {
  return bytes.constructor === Uint8Array ? bytes : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
}
