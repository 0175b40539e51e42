import type { FromSchema, ObjectSchema } from '../../component/config_schema.ts'

const errorMode = { type: 'string', enum: ['ignore', 'silent', 'propagate'] } as const

/** A list of statements, or of groups of them. */
const statements = <const Context extends string>(what: string, contexts: readonly Context[]) =>
  ({
    type: 'array',
    default: [],
    description: `Statements that change ${what}, in order. Either texts, whose paths begin with the name of their context, or groups.`,
    items: {
      oneOf: [
        { type: 'string', minLength: 1 },
        {
          type: 'object',
          additionalProperties: false,
          required: ['statements'],
          properties: {
            context: {
              type: 'string',
              enum: contexts,
              description: 'What the group is about; paths need not begin with its name then. Absent = inferred from the paths.',
            },
            conditions: {
              type: 'array',
              items: { type: 'string', minLength: 1 },
              default: [],
              description: 'The group is run on items for which one of these conditions holds. Empty = on all.',
            },
            statements: { type: 'array', items: { type: 'string', minLength: 1 }, minItems: 1, description: 'Statements, in order.' },
            error_mode: { ...errorMode, description: 'Like error_mode of the processor, for this group. Absent = that of the processor.' },
          },
        },
      ],
    },
  }) as const

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
        'What happens when a statement fails on an item, such as on an attribute that is missing. ignore = log it and go on with the next statement; silent = go on; propagate = refuse the whole batch.',
    },
    log_statements: statements('log records', ['log', 'scope', 'resource']),
    trace_statements: statements('spans and their events', ['spanevent', 'span', 'scope', 'resource']),
    metric_statements: statements('metrics and their points', ['datapoint', 'metric', 'scope', 'resource']),
  },
} as const satisfies ObjectSchema
export type TransformConfig = FromSchema<typeof schema>
