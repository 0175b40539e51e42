import protobuf from 'protobufjs'

/**
 * The messages of OTLP for protobufjs, by the numbers and types of opentelemetry-proto 1.x: a second opinion on our codec, which
 * therefore shares nothing with it.
 */
type Fields = Readonly<Record<string, readonly [type: string, id: number, rule?: 'repeated' | 'optional']>>

const COMMON: Readonly<Record<string, Fields>> = {
  KeyValue: { key: ['string', 1], value: ['AnyValue', 2] },
  ArrayValue: { values: ['AnyValue', 1, 'repeated'] },
  KeyValueList: { values: ['KeyValue', 1, 'repeated'] },
  InstrumentationScope: {
    name: ['string', 1],
    version: ['string', 2],
    attributes: ['KeyValue', 3, 'repeated'],
    droppedAttributesCount: ['uint32', 4],
  },
  EntityRef: { schemaUrl: ['string', 1], type: ['string', 2], idKeys: ['string', 3, 'repeated'], descriptionKeys: ['string', 4, 'repeated'] },
  Resource: { attributes: ['KeyValue', 1, 'repeated'], droppedAttributesCount: ['uint32', 2], entityRefs: ['EntityRef', 3, 'repeated'] },
}

const LOGS: Readonly<Record<string, Fields>> = {
  LogsData: { resourceLogs: ['ResourceLogs', 1, 'repeated'] },
  ResourceLogs: { resource: ['Resource', 1], scopeLogs: ['ScopeLogs', 2, 'repeated'], schemaUrl: ['string', 3] },
  ScopeLogs: { scope: ['InstrumentationScope', 1], logRecords: ['LogRecord', 2, 'repeated'], schemaUrl: ['string', 3] },
  LogRecord: {
    timeUnixNano: ['fixed64', 1],
    severityNumber: ['int32', 2],
    severityText: ['string', 3],
    body: ['AnyValue', 5],
    attributes: ['KeyValue', 6, 'repeated'],
    droppedAttributesCount: ['uint32', 7],
    flags: ['fixed32', 8],
    traceId: ['bytes', 9],
    spanId: ['bytes', 10],
    observedTimeUnixNano: ['fixed64', 11],
    eventName: ['string', 12],
  },
}

const TRACES: Readonly<Record<string, Fields>> = {
  TracesData: { resourceSpans: ['ResourceSpans', 1, 'repeated'] },
  ResourceSpans: { resource: ['Resource', 1], scopeSpans: ['ScopeSpans', 2, 'repeated'], schemaUrl: ['string', 3] },
  ScopeSpans: { scope: ['InstrumentationScope', 1], spans: ['Span', 2, 'repeated'], schemaUrl: ['string', 3] },
  Span: {
    traceId: ['bytes', 1],
    spanId: ['bytes', 2],
    traceState: ['string', 3],
    parentSpanId: ['bytes', 4],
    name: ['string', 5],
    kind: ['int32', 6],
    startTimeUnixNano: ['fixed64', 7],
    endTimeUnixNano: ['fixed64', 8],
    attributes: ['KeyValue', 9, 'repeated'],
    droppedAttributesCount: ['uint32', 10],
    events: ['Event', 11, 'repeated'],
    droppedEventsCount: ['uint32', 12],
    links: ['Link', 13, 'repeated'],
    droppedLinksCount: ['uint32', 14],
    status: ['Status', 15],
    flags: ['fixed32', 16],
  },
  Event: { timeUnixNano: ['fixed64', 1], name: ['string', 2], attributes: ['KeyValue', 3, 'repeated'], droppedAttributesCount: ['uint32', 4] },
  Link: {
    traceId: ['bytes', 1],
    spanId: ['bytes', 2],
    traceState: ['string', 3],
    attributes: ['KeyValue', 4, 'repeated'],
    droppedAttributesCount: ['uint32', 5],
    flags: ['fixed32', 6],
  },
  Status: { message: ['string', 2], code: ['int32', 3] },
}

const METRICS: Readonly<Record<string, Fields>> = {
  MetricsData: { resourceMetrics: ['ResourceMetrics', 1, 'repeated'] },
  ResourceMetrics: { resource: ['Resource', 1], scopeMetrics: ['ScopeMetrics', 2, 'repeated'], schemaUrl: ['string', 3] },
  ScopeMetrics: { scope: ['InstrumentationScope', 1], metrics: ['Metric', 2, 'repeated'], schemaUrl: ['string', 3] },
  Gauge: { dataPoints: ['NumberDataPoint', 1, 'repeated'] },
  Sum: { dataPoints: ['NumberDataPoint', 1, 'repeated'], aggregationTemporality: ['int32', 2], isMonotonic: ['bool', 3] },
  Histogram: { dataPoints: ['HistogramDataPoint', 1, 'repeated'], aggregationTemporality: ['int32', 2] },
  ExponentialHistogram: { dataPoints: ['ExponentialHistogramDataPoint', 1, 'repeated'], aggregationTemporality: ['int32', 2] },
  Summary: { dataPoints: ['SummaryDataPoint', 1, 'repeated'] },
  HistogramDataPoint: {
    attributes: ['KeyValue', 9, 'repeated'],
    startTimeUnixNano: ['fixed64', 2],
    timeUnixNano: ['fixed64', 3],
    count: ['fixed64', 4],
    sum: ['double', 5, 'optional'],
    bucketCounts: ['fixed64', 6, 'repeated'],
    explicitBounds: ['double', 7, 'repeated'],
    exemplars: ['Exemplar', 8, 'repeated'],
    flags: ['uint32', 10],
    min: ['double', 11, 'optional'],
    max: ['double', 12, 'optional'],
  },
  ExponentialHistogramDataPoint: {
    attributes: ['KeyValue', 1, 'repeated'],
    startTimeUnixNano: ['fixed64', 2],
    timeUnixNano: ['fixed64', 3],
    count: ['fixed64', 4],
    sum: ['double', 5, 'optional'],
    scale: ['sint32', 6],
    zeroCount: ['fixed64', 7],
    positive: ['Buckets', 8],
    negative: ['Buckets', 9],
    flags: ['uint32', 10],
    exemplars: ['Exemplar', 11, 'repeated'],
    min: ['double', 12, 'optional'],
    max: ['double', 13, 'optional'],
    zeroThreshold: ['double', 14],
  },
  Buckets: { offset: ['sint32', 1], bucketCounts: ['uint64', 2, 'repeated'] },
  SummaryDataPoint: {
    attributes: ['KeyValue', 7, 'repeated'],
    startTimeUnixNano: ['fixed64', 2],
    timeUnixNano: ['fixed64', 3],
    count: ['fixed64', 4],
    sum: ['double', 5],
    quantileValues: ['ValueAtQuantile', 6, 'repeated'],
    flags: ['uint32', 8],
  },
  ValueAtQuantile: { quantile: ['double', 1], value: ['double', 2] },
}

/** Messages with a `oneof`: its name, its members, and the other fields. */
const CHOICES: Readonly<Record<string, { readonly name: string; readonly of: Fields; readonly others: Fields }>> = {
  AnyValue: {
    name: 'value',
    of: {
      stringValue: ['string', 1],
      boolValue: ['bool', 2],
      intValue: ['int64', 3],
      doubleValue: ['double', 4],
      arrayValue: ['ArrayValue', 5],
      kvlistValue: ['KeyValueList', 6],
      bytesValue: ['bytes', 7],
    },
    others: {},
  },
  Metric: {
    name: 'data',
    of: {
      gauge: ['Gauge', 5],
      sum: ['Sum', 7],
      histogram: ['Histogram', 9],
      exponentialHistogram: ['ExponentialHistogram', 10],
      summary: ['Summary', 11],
    },
    others: { name: ['string', 1], description: ['string', 2], unit: ['string', 3], metadata: ['KeyValue', 12, 'repeated'] },
  },
  NumberDataPoint: {
    name: 'value',
    of: { asDouble: ['double', 4], asInt: ['sfixed64', 6] },
    others: {
      attributes: ['KeyValue', 7, 'repeated'],
      startTimeUnixNano: ['fixed64', 2],
      timeUnixNano: ['fixed64', 3],
      exemplars: ['Exemplar', 5, 'repeated'],
      flags: ['uint32', 8],
    },
  },
  Exemplar: {
    name: 'value',
    of: { asDouble: ['double', 3], asInt: ['sfixed64', 6] },
    others: { filteredAttributes: ['KeyValue', 7, 'repeated'], timeUnixNano: ['fixed64', 2], spanId: ['bytes', 4], traceId: ['bytes', 5] },
  },
}

/** What servers answer, and what they say when they fail. */
const RESPONSES: Readonly<Record<string, Fields>> = {
  ExportResponse: { partialSuccess: ['PartialSuccess', 1] },
  PartialSuccess: { rejected: ['int64', 1], errorMessage: ['string', 2] },
  Status_: { code: ['int32', 1], message: ['string', 2], details: ['Any', 3, 'repeated'] },
  Any: { typeUrl: ['string', 1], value: ['bytes', 2] },
  RetryInfo: { retryDelay: ['Duration', 1] },
  Duration: { seconds: ['int64', 1], nanos: ['int32', 2] },
}

function fieldsOf(fields: Fields): Record<string, protobuf.IField> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, [type, id, rule]]) => [
      name,
      // Explicit presence is a `oneof` of one member in disguise.
      { type, id, ...(rule === 'repeated' ? { rule } : rule === 'optional' ? { options: { proto3_optional: true } } : {}) },
    ]),
  )
}

function typeOf(fields: Fields): protobuf.IType {
  const optional = Object.entries(fields).filter(([, [, , rule]]) => rule === 'optional')
  const oneofs = Object.fromEntries(optional.map(([name]) => [`_${name}`, { oneof: [name] }]))
  return { fields: fieldsOf(fields), ...(optional.length === 0 ? {} : { oneofs }) }
}

/** All messages of OTLP in one namespace; field names are those of OTLP's JSON. */
export const otlpRoot: protobuf.Root = protobuf.Root.fromJSON({
  options: { syntax: 'proto3' },
  nested: {
    ...Object.fromEntries(Object.entries({ ...COMMON, ...LOGS, ...TRACES, ...METRICS, ...RESPONSES }).map(([name, fields]) => [name, typeOf(fields)])),
    ...Object.fromEntries(
      Object.entries(CHOICES).map(([name, choice]) => [
        name,
        { fields: fieldsOf({ ...choice.others, ...choice.of }), oneofs: { [choice.name]: { oneof: Object.keys(choice.of) } } },
      ]),
    ),
  },
})
