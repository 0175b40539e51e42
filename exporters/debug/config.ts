import { type ConfigOf, configSchema } from '../../component/config_schema.ts'

export const config = configSchema({
  type: 'object',
  additionalProperties: false,
  properties: {
    verbosity: {
      type: 'string',
      enum: ['basic', 'normal', 'detailed'],
      default: 'basic',
      description: '`basic` prints one line per batch, `normal` one per entry, point or span, `detailed` everything that is set.',
    },
    sampling_initial: {
      type: 'integer',
      minimum: 0,
      default: 2,
      description: 'How many batches are printed at the beginning of each second, per signal and ingest worker.',
    },
    sampling_thereafter: {
      type: 'integer',
      minimum: 0,
      default: 1,
      description: 'Of the further batches of that second every n-th is printed: 1 = all, 0 = none. The others are counted as dropped.',
    },
    use_internal_logger: {
      type: 'boolean',
      default: false,
      description: "Whether the text goes into the daemon's own log instead of `output_paths`.",
    },
    output_paths: {
      type: 'array',
      items: { type: 'string', enum: ['stdout', 'stderr'] },
      minItems: 1,
      uniqueItems: true,
      default: ['stdout'],
      description: 'Where the text goes; the `file` exporter writes files.',
    },
  },
})

export type DebugConfig = ConfigOf<typeof config>
