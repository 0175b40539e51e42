import { configSchema, type FromSchema } from '../../component/config_schema.ts'
import { durationMs } from '../../lib/duration.ts'

const schema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    max_stale: { type: 'string', format: 'duration', default: '5m', description: 'How long a stream is remembered without points; it begins anew afterwards.' },
    max_streams: {
      type: 'integer',
      minimum: 0,
      default: 200_000,
      description: 'Most streams that are remembered; points of others are dropped and counted. 0 = no limit.',
    },
  },
} as const

export type DeltaToCumulativeConfig = FromSchema<typeof schema>

/** The settings and the checks across them; names are the Collector's. */
export const config = configSchema(schema, ({ max_stale: stale }) =>
  durationMs(stale) > 0 ? [] : [{ path: ['max_stale'], problem: 'not a time', expected: 'more than 0s', found: stale, hint: 'the default is 5m' }],
)
