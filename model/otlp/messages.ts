/**
 * What a field of an OTLP message is, as far as its bytes can be checked before anybody reads them. Everything from
 * `message` on is a message: `Kind.message` plus its number in `MESSAGES`.
 */
export const Kind = { unknown: 0, varint: 1, fixed64: 2, fixed32: 3, text: 4, bytes: 5, traceId: 6, spanId: 7, fixed64s: 8, varints: 9, message: 16 } as const

/** Field numbers of a message take five bits of an index into `KINDS`; OTLP has none above 16 that is read here. */
export const FIELD_BITS = 5

type FieldOf = readonly [field: number, name: string, kind: Exclude<keyof typeof Kind, 'message' | 'unknown'> | MessageName]

/**
 * The fields of OTLP's messages, version 1 of the protocol, under their names in
 * https://github.com/open-telemetry/opentelemetry-proto. Fields that are not listed are skipped, and kept where bytes are copied.
 */
const FIELDS = {
  LogsData: [[1, 'resource_logs', 'ResourceLogs']],
  ResourceLogs: [
    [1, 'resource', 'Resource'],
    [2, 'scope_logs', 'ScopeLogs'],
    [3, 'schema_url', 'text'],
  ],
  ScopeLogs: [
    [1, 'scope', 'InstrumentationScope'],
    [2, 'log_records', 'LogRecord'],
    [3, 'schema_url', 'text'],
  ],
  LogRecord: [
    [1, 'time_unix_nano', 'fixed64'],
    [2, 'severity_number', 'varint'],
    [3, 'severity_text', 'text'],
    [5, 'body', 'AnyValue'],
    [6, 'attributes', 'KeyValue'],
    [7, 'dropped_attributes_count', 'varint'],
    [8, 'flags', 'fixed32'],
    [9, 'trace_id', 'traceId'],
    [10, 'span_id', 'spanId'],
    [11, 'observed_time_unix_nano', 'fixed64'],
    [12, 'event_name', 'text'],
  ],
  TracesData: [[1, 'resource_spans', 'ResourceSpans']],
  ResourceSpans: [
    [1, 'resource', 'Resource'],
    [2, 'scope_spans', 'ScopeSpans'],
    [3, 'schema_url', 'text'],
  ],
  ScopeSpans: [
    [1, 'scope', 'InstrumentationScope'],
    [2, 'spans', 'Span'],
    [3, 'schema_url', 'text'],
  ],
  Span: [
    [1, 'trace_id', 'traceId'],
    [2, 'span_id', 'spanId'],
    [3, 'trace_state', 'text'],
    [4, 'parent_span_id', 'spanId'],
    [5, 'name', 'text'],
    [6, 'kind', 'varint'],
    [7, 'start_time_unix_nano', 'fixed64'],
    [8, 'end_time_unix_nano', 'fixed64'],
    [9, 'attributes', 'KeyValue'],
    [10, 'dropped_attributes_count', 'varint'],
    [11, 'events', 'Event'],
    [12, 'dropped_events_count', 'varint'],
    [13, 'links', 'Link'],
    [14, 'dropped_links_count', 'varint'],
    [15, 'status', 'Status'],
    [16, 'flags', 'fixed32'],
  ],
  Event: [
    [1, 'time_unix_nano', 'fixed64'],
    [2, 'name', 'text'],
    [3, 'attributes', 'KeyValue'],
    [4, 'dropped_attributes_count', 'varint'],
  ],
  Link: [
    [1, 'trace_id', 'traceId'],
    [2, 'span_id', 'spanId'],
    [3, 'trace_state', 'text'],
    [4, 'attributes', 'KeyValue'],
    [5, 'dropped_attributes_count', 'varint'],
    [6, 'flags', 'fixed32'],
  ],
  Status: [
    [2, 'message', 'text'],
    [3, 'code', 'varint'],
  ],
  MetricsData: [[1, 'resource_metrics', 'ResourceMetrics']],
  ResourceMetrics: [
    [1, 'resource', 'Resource'],
    [2, 'scope_metrics', 'ScopeMetrics'],
    [3, 'schema_url', 'text'],
  ],
  ScopeMetrics: [
    [1, 'scope', 'InstrumentationScope'],
    [2, 'metrics', 'Metric'],
    [3, 'schema_url', 'text'],
  ],
  Metric: [
    [1, 'name', 'text'],
    [2, 'description', 'text'],
    [3, 'unit', 'text'],
    [5, 'gauge', 'Gauge'],
    [7, 'sum', 'Sum'],
    [9, 'histogram', 'Histogram'],
    [10, 'exponential_histogram', 'ExponentialHistogram'],
    [11, 'summary', 'Summary'],
    [12, 'metadata', 'KeyValue'],
  ],
  Gauge: [[1, 'data_points', 'NumberDataPoint']],
  Sum: [
    [1, 'data_points', 'NumberDataPoint'],
    [2, 'aggregation_temporality', 'varint'],
    [3, 'is_monotonic', 'varint'],
  ],
  Histogram: [
    [1, 'data_points', 'HistogramDataPoint'],
    [2, 'aggregation_temporality', 'varint'],
  ],
  ExponentialHistogram: [
    [1, 'data_points', 'ExponentialHistogramDataPoint'],
    [2, 'aggregation_temporality', 'varint'],
  ],
  Summary: [[1, 'data_points', 'SummaryDataPoint']],
  NumberDataPoint: [
    [2, 'start_time_unix_nano', 'fixed64'],
    [3, 'time_unix_nano', 'fixed64'],
    [4, 'as_double', 'fixed64'],
    [5, 'exemplars', 'Exemplar'],
    [6, 'as_int', 'fixed64'],
    [7, 'attributes', 'KeyValue'],
    [8, 'flags', 'varint'],
  ],
  HistogramDataPoint: [
    [2, 'start_time_unix_nano', 'fixed64'],
    [3, 'time_unix_nano', 'fixed64'],
    [4, 'count', 'fixed64'],
    [5, 'sum', 'fixed64'],
    [6, 'bucket_counts', 'fixed64s'],
    [7, 'explicit_bounds', 'fixed64s'],
    [8, 'exemplars', 'Exemplar'],
    [9, 'attributes', 'KeyValue'],
    [10, 'flags', 'varint'],
    [11, 'min', 'fixed64'],
    [12, 'max', 'fixed64'],
  ],
  ExponentialHistogramDataPoint: [
    [1, 'attributes', 'KeyValue'],
    [2, 'start_time_unix_nano', 'fixed64'],
    [3, 'time_unix_nano', 'fixed64'],
    [4, 'count', 'fixed64'],
    [5, 'sum', 'fixed64'],
    [6, 'scale', 'varint'],
    [7, 'zero_count', 'fixed64'],
    [8, 'positive', 'Buckets'],
    [9, 'negative', 'Buckets'],
    [10, 'flags', 'varint'],
    [11, 'exemplars', 'Exemplar'],
    [12, 'min', 'fixed64'],
    [13, 'max', 'fixed64'],
    [14, 'zero_threshold', 'fixed64'],
  ],
  Buckets: [
    [1, 'offset', 'varint'],
    [2, 'bucket_counts', 'varints'],
  ],
  SummaryDataPoint: [
    [2, 'start_time_unix_nano', 'fixed64'],
    [3, 'time_unix_nano', 'fixed64'],
    [4, 'count', 'fixed64'],
    [5, 'sum', 'fixed64'],
    [6, 'quantile_values', 'ValueAtQuantile'],
    [7, 'attributes', 'KeyValue'],
    [8, 'flags', 'varint'],
  ],
  ValueAtQuantile: [
    [1, 'quantile', 'fixed64'],
    [2, 'value', 'fixed64'],
  ],
  Exemplar: [
    [2, 'time_unix_nano', 'fixed64'],
    [3, 'as_double', 'fixed64'],
    [4, 'span_id', 'spanId'],
    [5, 'trace_id', 'traceId'],
    [6, 'as_int', 'fixed64'],
    [7, 'filtered_attributes', 'KeyValue'],
  ],
  Resource: [
    [1, 'attributes', 'KeyValue'],
    [2, 'dropped_attributes_count', 'varint'],
    [3, 'entity_refs', 'EntityRef'],
  ],
  EntityRef: [
    [1, 'schema_url', 'text'],
    [2, 'type', 'text'],
    [3, 'id_keys', 'text'],
    [4, 'description_keys', 'text'],
  ],
  InstrumentationScope: [
    [1, 'name', 'text'],
    [2, 'version', 'text'],
    [3, 'attributes', 'KeyValue'],
    [4, 'dropped_attributes_count', 'varint'],
  ],
  KeyValue: [
    [1, 'key', 'text'],
    [2, 'value', 'AnyValue'],
  ],
  AnyValue: [
    [1, 'string_value', 'text'],
    [2, 'bool_value', 'varint'],
    [3, 'int_value', 'varint'],
    [4, 'double_value', 'fixed64'],
    [5, 'array_value', 'ArrayValue'],
    [6, 'kvlist_value', 'KeyValueList'],
    [7, 'bytes_value', 'bytes'],
  ],
  ArrayValue: [[1, 'values', 'AnyValue']],
  KeyValueList: [[1, 'values', 'KeyValue']],
} as const satisfies Readonly<Record<string, readonly (readonly [number, string, string])[]>>

export type MessageName = keyof typeof FIELDS

/** Names of the messages; a message's number is its place. */
export const MESSAGES = Object.keys(FIELDS) as MessageName[]

/** The number of a message. */
export function messageNumber(name: MessageName): number {
  return MESSAGES.indexOf(name)
}

/** What each field is, at `message << FIELD_BITS | field`. */
export const KINDS = kindTable()

/** `LogRecord.body`, for error messages; the number of a field that has no name. */
export function fieldName(message: number, field: number): string {
  const name = MESSAGES[message] as MessageName
  const known = (FIELDS[name] as readonly FieldOf[]).find(([number]) => number === field)
  return `${name}.${known?.[1] ?? `field ${field}`}`
}

function kindTable(): Uint8Array {
  const kinds = new Uint8Array(MESSAGES.length << FIELD_BITS)
  for (const [number, name] of MESSAGES.entries()) {
    for (const [field, , kind] of FIELDS[name] as readonly FieldOf[]) {
      kinds[(number << FIELD_BITS) | field] = isScalar(kind) ? Kind[kind] : Kind.message + messageNumber(kind)
    }
  }
  return kinds
}

function isScalar(kind: FieldOf[2]): kind is Exclude<FieldOf[2], MessageName> {
  return kind in Kind
}
