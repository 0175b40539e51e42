const NUMBER = { type: 'number' } as const

const OBSERVER = {
  observer_type: { type: 'string', enum: ['histogram', 'summary'], description: 'What timers, histograms and distributions become.' },
  timer_type: { type: 'string', enum: ['histogram', 'summary'], description: 'Old name of observer_type.' },
  summary_options: {
    type: 'object',
    additionalProperties: false,
    description: 'How summaries are kept.',
    properties: {
      quantiles: {
        type: 'array',
        description: 'Quantiles, 0 to 1; the error is not needed here.',
        items: {
          type: 'object',
          additionalProperties: false,
          properties: {
            quantile: { ...NUMBER, description: 'The quantile.' },
            error: { ...NUMBER, description: 'Read and not needed.' },
          },
        },
      },
      max_age: { type: 'string', description: 'For how long a summary looks back.' },
      age_buckets: { type: 'integer', description: 'In how many steps it forgets.' },
      buf_cap: { type: 'integer', description: 'Read and not needed.' },
    },
  },
  histogram_options: {
    type: 'object',
    additionalProperties: false,
    description: 'How histograms are kept.',
    properties: {
      buckets: { type: 'array', items: NUMBER, description: 'Upper bounds.' },
      native_histogram_bucket_factor: { ...NUMBER, description: 'Growth from bucket to bucket of a native histogram.' },
      native_histogram_max_buckets: { type: 'integer', description: 'Most buckets of a native histogram.' },
    },
  },
} as const

/** The statsd_exporter's mapping as a part of the config; MAPPING.md says what the settings mean. */
export const mappingSchema = {
  type: 'object',
  additionalProperties: false,
  description: 'The same as a file for mapping_file, in place.',
  properties: {
    defaults: {
      type: 'object',
      additionalProperties: false,
      description: 'For rules that do not say otherwise.',
      properties: {
        ...OBSERVER,
        match_type: { type: 'string', enum: ['glob', 'regex'], description: 'How match is read.' },
        glob_disable_ordering: { type: 'boolean', description: 'True: at each segment a literal goes before *, wherever its rule stands.' },
        ttl: { type: 'string', description: 'Idle time after which a series ends; 0 = never.' },
      },
    },
    mappings: {
      type: 'array',
      description: 'The rules.',
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['match'],
        properties: {
          match: { type: 'string', description: 'Glob or regular expression of the name.' },
          match_type: { type: 'string', enum: ['glob', 'regex'], description: 'How match is read.' },
          match_metric_type: { type: 'string', enum: ['counter', 'gauge', 'observer'], description: 'Only samples of this type.' },
          name: { type: 'string', description: 'Name of the metric; $1 is what the first * or group holds.' },
          labels: { type: 'object', additionalProperties: { type: 'string' }, description: 'Labels of the series; $1 as in name.' },
          honor_labels: { type: 'boolean', description: 'A tag of the sample wins over a label of the rule.' },
          help: { type: 'string', description: 'Help text of the metric.' },
          action: { type: 'string', enum: ['map', 'drop'], description: 'Whether samples are named or dropped.' },
          ttl: { type: 'string', description: 'Idle time after which a series ends; 0 = never.' },
          scale: { ...NUMBER, description: 'Every value is multiplied by it.' },
          ...OBSERVER,
        },
      },
    },
  },
} as const
