import { configSchema, type FieldProblem, type FromSchema } from '../../component/config_schema.ts'
import { durationMs } from '../../lib/duration.ts'

const schema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    check_interval: { type: 'string', format: 'duration', default: '1s', description: 'How often the memory of the process is measured.' },
    limit_mib: { type: 'integer', minimum: 0, default: 0, description: 'Hard limit of resident memory in MiB; beyond it garbage is collected, too.' },
    limit_percentage: {
      type: 'integer',
      minimum: 0,
      maximum: 100,
      default: 0,
      description: 'Hard limit as a share of what the process may use: of its cgroup, else of the machine. `limit_mib` wins over it.',
    },
    spike_limit_mib: {
      type: 'integer',
      minimum: 0,
      default: 0,
      description: 'How far below the hard limit the soft limit is, from which on data is refused. 0 is a fifth of the hard limit.',
    },
    spike_limit_percentage: { type: 'integer', minimum: 0, maximum: 100, default: 0, description: 'The same as a share, with `limit_percentage`.' },
    min_gc_interval_when_soft_limited: {
      type: 'string',
      format: 'duration',
      default: '10s',
      description: 'Shortest time between two collections of garbage while memory is above the soft limit.',
    },
    min_gc_interval_when_hard_limited: {
      type: 'string',
      format: 'duration',
      default: '1s',
      description: 'Shortest time between two collections of garbage while memory is above the hard limit.',
    },
  },
} as const

export type MemoryLimiterConfig = FromSchema<typeof schema>

/** The settings and the checks across them; names are the Collector's. */
export const config = configSchema(schema, check)

function check(given: MemoryLimiterConfig): FieldProblem[] {
  const problems: FieldProblem[] = []
  if (durationMs(given.check_interval) <= 0) {
    problems.push({ path: ['check_interval'], problem: 'not a time', expected: 'more than 0s', found: given.check_interval, hint: '1s is a good value' })
  }
  if (given.limit_mib === 0 && given.limit_percentage === 0) {
    problems.push({ path: [], problem: 'no limit', expected: 'limit_mib or limit_percentage', hint: 'limit_percentage: 80 fits most containers' })
  }
  if (given.limit_mib > 0 && given.spike_limit_mib >= given.limit_mib) problems.push(spikeProblem('spike_limit_mib', given.spike_limit_mib, given.limit_mib))
  if (given.limit_mib === 0 && given.limit_percentage > 0 && given.spike_limit_percentage >= given.limit_percentage) {
    problems.push(spikeProblem('spike_limit_percentage', given.spike_limit_percentage, given.limit_percentage))
  }
  return problems
}

function spikeProblem(key: string, found: number, limit: number): FieldProblem {
  return {
    path: [key],
    problem: 'leaves nothing below the limit',
    expected: `less than ${limit}`,
    found: String(found),
    hint: 'a fifth of the limit is a good value',
  }
}
