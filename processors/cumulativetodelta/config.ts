import { configSchema, type FieldProblem, type FromSchema } from '../../component/config_schema.ts'
import { re2Pattern } from '../../lib/re2.ts'

const match = (description: string) =>
  ({
    type: 'object',
    additionalProperties: false,
    description,
    properties: {
      metrics: { type: 'array', items: { type: 'string' }, minItems: 1, description: 'Names of metrics, or patterns (`match_type`).' },
      match_type: { type: 'string', enum: ['strict', 'regexp'], default: 'strict', description: 'Whether `metrics` are names or regular expressions (RE2).' },
      metric_types: {
        type: 'array',
        items: { type: 'string', enum: ['sum', 'histogram', 'exponentialhistogram'] },
        minItems: 1,
        description: 'Types of metrics.',
      },
    },
  }) as const

const schema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    include: match('Only metrics that match are converted; all of them, without it.'),
    exclude: match('Metrics that match stay as they are.'),
    initial_value: {
      type: 'string',
      enum: ['auto', 'keep', 'drop'],
      default: 'auto',
      description:
        'What becomes of the first point of a stream: `keep` sends its value whole, `drop` only remembers it, `auto` keeps it when the stream began after this daemon and cannot be one that was forgotten.',
    },
    max_staleness: { type: 'string', format: 'duration', default: '1h', description: 'How long a stream is remembered without points; 0s = for ever.' },
    max_streams: {
      type: 'integer',
      minimum: 0,
      default: 200_000,
      description: 'Most streams that are remembered; points of others are dropped and counted. 0 = no limit.',
    },
  },
} as const

export type CumulativeToDeltaConfig = FromSchema<typeof schema>
export type MatchConfig = NonNullable<CumulativeToDeltaConfig['include']>

/** The settings and the checks across them; names are the Collector's. */
export const config = configSchema(schema, ({ include, exclude }) => [...problemsOf('include', include), ...problemsOf('exclude', exclude)])

function problemsOf(at: 'include' | 'exclude', given: MatchConfig | undefined): FieldProblem[] {
  if (given === undefined) return []
  if (given.metrics === undefined && given.metric_types === undefined) return [{ path: [at], problem: 'nothing to match', expected: 'metrics or metric_types' }]
  if (given.match_type === 'strict') return []
  return (given.metrics ?? []).flatMap((pattern, i) => {
    try {
      re2Pattern(pattern)
      return []
    } catch (error) {
      return [{ path: [at, 'metrics', i], problem: (error as Error).message, expected: 'a regular expression (RE2)', found: pattern }]
    }
  })
}
