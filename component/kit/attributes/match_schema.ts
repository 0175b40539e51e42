import { re2Pattern } from '../../../lib/re2.ts'
import type { FieldProblem, FromSchema } from '../../config_schema.ts'

const texts = (description: string) => ({ type: 'array', items: { type: 'string' }, minItems: 1, description }) as const

const pairs = (description: string) =>
  ({
    type: 'array',
    minItems: 1,
    description,
    items: {
      type: 'object',
      additionalProperties: false,
      required: ['key'],
      properties: {
        key: { type: 'string', minLength: 1, description: 'The attribute that must be there.' },
        value: { oneOf: [{ type: 'string' }, { type: 'number' }, { type: 'boolean' }], description: 'What its value must be; any, without it.' },
      },
    },
  }) as const

const PROPERTIES = {
  match_type: { type: 'string', enum: ['strict', 'regexp'], description: 'Whether texts must be equal, or match as regular expressions anywhere in the text.' },
  services: texts('Values of the resource attribute `service.name`.'),
  resources: pairs('Resource attributes; all must match.'),
  libraries: {
    type: 'array',
    minItems: 1,
    description: 'Instrumentation scopes; one must match.',
    items: {
      type: 'object',
      additionalProperties: false,
      required: ['name'],
      properties: {
        name: { type: 'string', description: 'Name of the scope.' },
        version: { type: 'string', description: 'Its version; any, without it.' },
      },
    },
  },
  attributes: pairs('Attributes of the record, point or span; all must match.'),
  span_names: texts('Traces only: names of spans.'),
  span_kinds: texts('Traces only: `SPAN_KIND_SERVER`, `SPAN_KIND_CLIENT` and so on.'),
  log_bodies: texts('Logs only: bodies that are texts.'),
  log_severity_texts: texts('Logs only: severity texts.'),
  log_severity_number: {
    type: 'object',
    additionalProperties: false,
    required: ['min'],
    description: 'Logs only: the lowest severity.',
    properties: {
      min: {
        oneOf: [{ type: 'integer', minimum: 1, maximum: 24 }, { type: 'string' }],
        description: "OpenTelemetry's number, such as 9, or its name, such as `INFO` or `ERROR2`.",
      },
      match_undefined: { type: 'boolean', default: false, description: 'Whether records without severity match.' },
    },
  },
  metric_names: texts('Metrics only: names of metrics.'),
} as const

const matchSchema = (description: string) =>
  ({ type: 'object', additionalProperties: false, required: ['match_type'], properties: PROPERTIES, description }) as const

/** `include` and `exclude` of the processor `attributes`. */
export const MATCH_PROPERTIES = {
  include: matchSchema('Only what matches is acted on: everything that is listed here must match.'),
  exclude: matchSchema('What matches is left alone; `include` is looked at first.'),
} as const

export type MatchConfig = FromSchema<ReturnType<typeof matchSchema>>

const LISTS = ['services', 'span_names', 'span_kinds', 'log_bodies', 'log_severity_texts', 'metric_names'] as const

/** What is wrong with `include` or `exclude`. */
export function matchProblems(config: MatchConfig, at: 'include' | 'exclude'): FieldProblem[] {
  const problems: FieldProblem[] = []
  if (Object.keys(config).length === 1) problems.push({ path: [at], problem: 'nothing to match', expected: 'services, attributes or another list' })
  if (config.match_type === 'regexp') {
    const patterns: (readonly [readonly (string | number)[], string | undefined])[] = [
      ...LISTS.flatMap((list) => (config[list] ?? []).map((text, i) => [[at, list, i], text] as const)),
      ...(['resources', 'attributes'] as const).flatMap((list) =>
        (config[list] ?? []).map(({ value }, i) => [[at, list, i, 'value'], typeof value === 'string' ? value : undefined] as const),
      ),
      ...(config.libraries ?? []).map(({ name }, i) => [[at, 'libraries', i, 'name'], name] as const),
    ]
    for (const [path, pattern] of patterns) {
      const fault = pattern === undefined ? undefined : faultOf(pattern)
      if (fault !== undefined) problems.push({ path, problem: fault, expected: 'a regular expression (RE2)', found: pattern ?? '' })
    }
  }
  const min = config.log_severity_number?.min
  if (min !== undefined && severityNumber(min) === undefined) {
    problems.push({
      path: [at, 'log_severity_number', 'min'],
      problem: 'not a severity',
      expected: '1 to 24, or TRACE, DEBUG, INFO, WARN, ERROR or FATAL, with 2 to 4 behind it or without',
      found: String(min),
    })
  }
  return problems
}

function faultOf(pattern: string): string | undefined {
  try {
    re2Pattern(pattern)
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

const SEVERITIES = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL']

/** OpenTelemetry's number of a severity such as `WARN` or `WARN3`; a number is one already. */
export function severityNumber(name: string | number): number | undefined {
  if (typeof name === 'number') return name
  const [, base = '', step] = /^([A-Z]+)([1-4]?)$/.exec(name) ?? []
  const at = SEVERITIES.indexOf(base)
  return at < 0 ? undefined : at * 4 + (step === undefined || step === '' ? 1 : Number(step))
}
