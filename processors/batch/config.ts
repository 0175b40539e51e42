import { configSchema, type FieldProblem, type FromSchema } from '../../component/config_schema.ts'

const schema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    send_batch_size: {
      type: 'integer',
      minimum: 0,
      default: 8192,
      description: 'A batch with this many records, points or spans is sent at once; 0 sends everything at once.',
    },
    timeout: { type: 'string', format: 'duration', default: '200ms', description: 'Longest time that items wait for a full batch; 0 sends at once.' },
    send_batch_max_size: {
      type: 'integer',
      minimum: 0,
      default: 0,
      description: 'Most items of a batch; larger ones are cut. 0 is no limit. Not smaller than `send_batch_size`.',
    },
    metadata_keys: {
      type: 'array',
      items: { type: 'string', minLength: 1, description: 'Name of a header, in any case.' },
      uniqueItems: true,
      default: [],
      description: 'Batches are made for each combination of values of these request headers (receivers need `include_metadata`).',
    },
    metadata_cardinality_limit: {
      type: 'integer',
      minimum: 0,
      default: 1000,
      description: 'Most combinations of header values that are batched apart; batches with further ones are refused. 0 is no limit.',
    },
    pending_batches_max: {
      type: 'integer',
      minimum: 1,
      default: 16,
      description: 'Most full batches that wait because the pipeline does not take them; beyond it senders are told to come back later.',
    },
  },
} as const

export type BatchConfig = FromSchema<typeof schema>

/** The settings and the checks across them; names and defaults are the Collector's. */
export const config = configSchema(schema, check)

function check({ send_batch_size: size, send_batch_max_size: sizeMax, metadata_keys: keys }: BatchConfig): FieldProblem[] {
  const problems: FieldProblem[] = []
  if (sizeMax > 0 && sizeMax < size) {
    problems.push({
      path: ['send_batch_max_size'],
      problem: 'smaller than send_batch_size',
      expected: `0, or at least ${size}`,
      found: String(sizeMax),
      hint: 'raise it, or set send_batch_size too',
    })
  }
  const seen = new Set<string>()
  for (const [i, key] of keys.entries()) {
    const lower = key.toLowerCase()
    if (seen.has(lower)) problems.push({ path: ['metadata_keys', i], problem: 'named twice', expected: 'each header once, in any case', found: key })
    seen.add(lower)
  }
  return problems
}
