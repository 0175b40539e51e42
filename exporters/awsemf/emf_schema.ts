/** Settings of what documents hold, and of where they are filed. Units of CloudWatch are checked with the descriptors. */
export const EMF_PROPERTIES = {
  namespace: {
    type: 'string',
    minLength: 1,
    description: 'Namespace of the metrics; without it `service.namespace/service.name` of the resource, or either of them, or `default`.',
  },
  log_group_name: {
    type: 'string',
    minLength: 1,
    description: 'Log group, in which placeholders such as `{ClusterName}` stand for attributes; without it `/metrics/<namespace>`.',
  },
  log_stream_name: {
    type: 'string',
    minLength: 1,
    description: 'Log stream, with placeholders as in `log_group_name`; without it `otel-stream-<uuid>`, another one for each process.',
  },
  placeholder_default: {
    type: 'string',
    pattern: '^[A-Za-z0-9_./#-]+$',
    default: 'unknown',
    description: 'What stands for a placeholder whose attribute is missing. That is told once in the log, and counted.',
  },
  log_streams_max: {
    type: 'integer',
    minimum: 1,
    default: 1000,
    description: 'Most pairs of log group and stream at a time; the one that was used least recently makes room.',
  },
  dimension_rollup_option: {
    type: 'string',
    enum: ['NoDimensionRollup', 'SingleDimensionRollupOnly', 'ZeroAndSingleDimensionRollup'],
    default: 'NoDimensionRollup',
    description:
      'Which further dimension sets a metric gets: none; one for each single label; these and the empty one. Each is a metric that is billed, so the default is not that of the Collector, ZeroAndSingleDimensionRollup.',
  },
  metric_declarations: {
    type: 'array',
    default: [],
    description: 'Which metrics are extracted, and with which dimensions. Once there is one, metrics that match none are log fields only.',
    items: {
      type: 'object',
      additionalProperties: false,
      required: ['metric_name_selectors'],
      properties: {
        dimensions: {
          type: 'array',
          items: { type: 'array', items: { type: 'string', minLength: 1 } },
          default: [],
          description: 'Dimension sets; one of which a label is missing is left out.',
        },
        metric_name_selectors: {
          type: 'array',
          minItems: 1,
          items: { type: 'string', format: 'regex', minLength: 1 },
          description: 'Regular expressions, one of which must be found in the name of the metric.',
        },
        label_matchers: {
          type: 'array',
          default: [],
          description: 'Conditions on labels, one of which must hold; empty = no condition.',
          items: {
            type: 'object',
            additionalProperties: false,
            required: ['label_names', 'regex'],
            properties: {
              label_names: { type: 'array', minItems: 1, items: { type: 'string', minLength: 1 }, description: 'Labels whose values are joined.' },
              separator: { type: 'string', default: ';', description: 'What stands between the values.' },
              regex: { type: 'string', format: 'regex', minLength: 1, description: 'Regular expression that must be found in the joined values.' },
            },
          },
        },
      },
    },
  },
  metric_declaration_preset: {
    type: 'string',
    enum: ['none', 'mesh', 'envoy_statsd'],
    default: 'none',
    description:
      'Declarations that are shipped, with few dimensions: for `mesh_metrics`, or for what Envoy sends to `statsd`. They are tried after `metric_declarations`. `mesh` also gives Istio’s metrics the units that their names tell.',
  },
  metric_descriptors: {
    type: 'array',
    default: [],
    description: 'Units of single metrics.',
    items: {
      type: 'object',
      additionalProperties: false,
      required: ['metric_name', 'unit'],
      properties: {
        metric_name: { type: 'string', minLength: 1, description: 'Name of the metric.' },
        unit: { type: 'string', minLength: 1, description: 'Unit as CloudWatch spells it, such as `Milliseconds`.' },
        overwrite: { type: 'boolean', default: false, description: 'Whether it replaces the unit that the metric has.' },
      },
    },
  },
  document_labels: {
    type: 'string',
    enum: ['all', 'dimensions'],
    default: 'all',
    description:
      'Which labels stand in documents: all, as in the Collector, so that logs can be searched by them; or only the dimensions of the metric. Then series that differ in nothing else become one, which CloudWatch would make of them anyway, and the log is many times smaller.',
  },
  max_custom_metrics: {
    type: 'integer',
    minimum: 0,
    default: 10_000,
    description:
      'Most metrics (namespace, name and dimension values) within an hour, because each is billed. Those beyond it go to one whose dimension values are `other`, and are counted; 0 = no limit.',
  },
  resource_to_telemetry_conversion: {
    type: 'object',
    additionalProperties: false,
    default: {},
    description: 'What becomes of resource attributes.',
    properties: { enabled: { type: 'boolean', default: false, description: 'Whether all of them become labels.' } },
  },
  parse_json_encoded_attr_values: {
    type: 'array',
    items: { type: 'string', minLength: 1 },
    default: [],
    description: 'Attributes whose values are JSON text, and are written as JSON.',
  },
  detailed_metrics: {
    type: 'boolean',
    default: false,
    description: 'Whether a summary is written as its sum, its count and each quantile, instead of as one.',
  },
  retain_initial_value_of_delta_metric: {
    type: 'boolean',
    default: false,
    description: 'Whether the first value of a cumulative series counts whole, also when it began before this process.',
  },
  histogram_format: {
    type: 'string',
    enum: ['values', 'statistics'],
    default: 'values',
    description:
      'How histograms and summaries are written: `values`, with how often each was seen, so that CloudWatch has percentiles; or `statistics`, only minimum, maximum, sum and count, as the Collector writes explicit histograms and summaries.',
  },
  non_monotonic_sums: {
    type: 'string',
    enum: ['value', 'delta'],
    default: 'value',
    description:
      'What becomes of cumulative sums that may fall: their value, as of a gauge, or as in the Collector what it has risen by, and the value again after each fall.',
  },
  zero_deltas: {
    type: 'string',
    enum: ['send', 'omit'],
    default: 'send',
    description: 'Whether a cumulative sum that has not grown is sent as 0. Without zeros an alarm sees missing data, and the log is smaller.',
  },
  otel_lib_dimension: {
    type: 'boolean',
    default: true,
    description: 'Whether the name of the instrumentation scope becomes the label `OTelLib`, as in the Collector.',
  },
  blank_label_values: {
    type: 'string',
    enum: ['dash', 'omit'],
    default: 'dash',
    description: 'What becomes of a label whose value is blank, which CloudWatch refuses as a dimension: its value is `-`, or it is left out.',
  },
  undeclared_metrics: {
    type: 'string',
    enum: ['log', 'drop'],
    default: 'log',
    description:
      'What becomes of metrics that no declaration makes a metric of: they are log fields only, as in the Collector, or they are left out and counted.',
  },
  delta_series_max: {
    type: 'integer',
    minimum: 1,
    default: 200_000,
    description: 'Most series that are remembered, to make deltas of cumulative ones. Points of others are dropped and counted.',
  },
  disable_metric_extraction: {
    type: 'boolean',
    default: false,
    description: 'Whether documents are plain log events, from which CloudWatch makes no metrics.',
  },
  storage_resolution: { type: 'integer', default: 60, description: 'Resolution of the metrics in seconds: 60, or 1 (high resolution).' },
  max_event_bytes: {
    type: 'integer',
    minimum: 4096,
    maximum: 1_048_550,
    default: 262_118,
    description: 'Largest document. One that would be larger becomes several. 16384 suits drivers that cut lines of standard output there.',
  },
  version: { type: 'string', default: '1', description: 'Version of the format; only `1` is written.' },
  eks_fargate_container_insights_enabled: { type: 'boolean', default: false, description: 'Not supported; must be false.' },
  enhanced_container_insights: { type: 'boolean', default: false, description: 'Not supported; must be false.' },
} as const
