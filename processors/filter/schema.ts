import type { FromSchema, ObjectSchema } from '../../component/config_schema.ts'

const errorMode = { type: 'string', enum: ['ignore', 'silent', 'propagate'] } as const

const conditionList = (what: string) => ({ type: 'array', items: { type: 'string', minLength: 1 }, default: [], description: what }) as const

/** A list of conditions, or of groups of them. */
const conditions = <const Context extends string>(what: string, contexts: readonly Context[]) =>
  ({
    type: 'array',
    default: [],
    description: `Conditions of which any drops ${what}. Either texts, whose paths begin with the name of their context, or groups.`,
    items: {
      oneOf: [
        { type: 'string', minLength: 1 },
        {
          type: 'object',
          additionalProperties: false,
          required: ['conditions'],
          properties: {
            context: {
              type: 'string',
              enum: contexts,
              description: 'What the conditions are about; paths need not begin with its name then. Absent = inferred from the paths of each.',
            },
            conditions: { type: 'array', items: { type: 'string', minLength: 1 }, minItems: 1, description: 'Conditions of which any drops.' },
            error_mode: { ...errorMode, description: 'Like error_mode of the processor, for this group. Absent = that of the processor.' },
          },
        },
      ],
    },
  }) as const

const texts = (description: string) => ({ type: 'array', items: { type: 'string' }, default: [], description }) as const

const attributes = (description: string) =>
  ({
    type: 'array',
    default: [],
    description,
    items: {
      type: 'object',
      additionalProperties: false,
      required: ['key'],
      properties: {
        key: { type: 'string', description: 'Name of the attribute.' },
        value: { oneOf: [{ type: 'string' }, { type: 'boolean' }, { type: 'number' }], description: 'Its value, or a pattern. Absent = any.' },
      },
    },
  }) as const

/** Settings of the Collector before OTTL. They are known only to say how to write them today. */
const OLD = 'Not supported any more; the problem that is told says how to write it as conditions.'

const oldMetricMatch = {
  type: 'object',
  additionalProperties: false,
  description: OLD,
  properties: {
    match_type: { type: 'string', enum: ['strict', 'regexp', 'expr'], default: 'strict', description: OLD },
    metric_names: texts(OLD),
    expressions: texts(OLD),
    resource_attributes: attributes(OLD),
  },
} as const

const oldLogMatch = {
  type: 'object',
  additionalProperties: false,
  description: OLD,
  properties: {
    match_type: { type: 'string', enum: ['strict', 'regexp'], default: 'strict', description: OLD },
    resource_attributes: attributes(OLD),
    record_attributes: attributes(OLD),
    severity_texts: texts(OLD),
    bodies: texts(OLD),
    severity_number: {
      type: 'object',
      additionalProperties: false,
      description: OLD,
      required: ['min'],
      properties: { min: { type: 'string', description: OLD }, match_undefined: { type: 'boolean', default: false, description: OLD } },
    },
  },
} as const

/** The settings; names and defaults are the Collector's. */
export const schema = {
  type: 'object',
  additionalProperties: false,
  default: {},
  properties: {
    error_mode: {
      ...errorMode,
      default: 'ignore',
      description:
        'What happens when a condition fails on an item. ignore = log it and go on with the next condition; silent = go on; propagate = refuse the whole batch.',
    },
    log_conditions: conditions('log records', ['log', 'scope', 'resource']),
    trace_conditions: conditions('spans and their events', ['spanevent', 'span', 'scope', 'resource']),
    metric_conditions: conditions('metrics and their points', ['datapoint', 'metric', 'scope', 'resource']),
    logs: {
      type: 'object',
      additionalProperties: false,
      description: 'Conditions on log records by their context; an older way to write log_conditions.',
      properties: {
        resource: conditionList('Conditions that drop all records of a resource.'),
        log_record: conditionList('Conditions that drop a record.'),
        include: oldLogMatch,
        exclude: oldLogMatch,
      },
    },
    traces: {
      type: 'object',
      additionalProperties: false,
      description: 'Conditions on spans by their context; an older way to write trace_conditions.',
      properties: {
        resource: conditionList('Conditions that drop all spans of a resource.'),
        span: conditionList('Conditions that drop a span.'),
        spanevent: conditionList('Conditions that drop an event of a span.'),
      },
    },
    metrics: {
      type: 'object',
      additionalProperties: false,
      description: 'Conditions on metrics by their context; an older way to write metric_conditions.',
      properties: {
        resource: conditionList('Conditions that drop all metrics of a resource.'),
        metric: conditionList('Conditions that drop a metric.'),
        datapoint: conditionList('Conditions that drop a data point.'),
        include: oldMetricMatch,
        exclude: oldMetricMatch,
      },
    },
  },
} as const satisfies ObjectSchema
export type FilterConfig = FromSchema<typeof schema>
export type OldMetricMatch = FromSchema<typeof oldMetricMatch>
export type OldLogMatch = FromSchema<typeof oldLogMatch>
