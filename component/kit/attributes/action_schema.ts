import { re2Pattern } from '../../../lib/re2.ts'
import type { FieldProblem, FromSchema } from '../../config_schema.ts'

const SCALARS = [{ type: 'string' }, { type: 'number' }, { type: 'boolean' }] as const

/** One entry of `actions` (processor `attributes`) or `attributes` (processor `resource`). */
const ACTION_SCHEMA = {
  type: 'object',
  additionalProperties: false,
  required: ['action'],
  properties: {
    key: { type: 'string', minLength: 1, description: 'The attribute that is acted on; for `extract` the one that is read.' },
    action: {
      type: 'string',
      enum: ['insert', 'update', 'upsert', 'delete', 'hash', 'extract', 'convert'],
      description:
        '`insert` sets an attribute that is not there, `update` one that is, `upsert` either; `delete` removes it; `hash` replaces its value by its SHA-256; `extract` sets one attribute for each named group of `pattern`; `convert` changes its type.',
    },
    value: {
      oneOf: [...SCALARS, { type: 'array', items: { oneOf: SCALARS } }],
      description: 'The value to set. A number without decimal places is an integer.',
    },
    from_attribute: { type: 'string', minLength: 1, description: 'The attribute whose value is set; nothing happens when it is not there.' },
    from_context: {
      type: 'string',
      minLength: 1,
      description:
        'What is known of the sender: `metadata.<header>` (receivers need `include_metadata`), `auth.<attribute>` or `client.address`. Nothing happens when it is not known.',
    },
    pattern: {
      type: 'string',
      description:
        'For `extract` what the value must match, with named groups `(?P<name>…)`. For `delete` and `hash` the keys that are acted on, beside `key`.',
    },
    converted_type: {
      type: 'string',
      enum: ['int', 'double', 'string'],
      description: 'For `convert`: the type that the value gets. What cannot be converted stays.',
    },
  },
} as const

/** The list of actions; in order, each sees what those before it did. */
export const ACTIONS_SCHEMA = {
  type: 'array',
  items: ACTION_SCHEMA,
  minItems: 1,
  description: 'What is done to the attributes, one after the other.',
} as const

export type ActionConfig = FromSchema<typeof ACTION_SCHEMA>

const SETS: ReadonlySet<string> = new Set(['insert', 'update', 'upsert'])
const HAS_PATTERN: ReadonlySet<string> = new Set(['extract', 'delete', 'hash'])

/** What is wrong with a list of actions; `path` is where the list stands in the component's config. */
export function actionProblems(actions: readonly ActionConfig[], path: readonly string[]): FieldProblem[] {
  return actions.flatMap((action, i) => problemsOf(action).map((problem) => ({ ...problem, path: [...path, i, ...problem.path] })))
}

function problemsOf(given: ActionConfig): FieldProblem[] {
  const { action } = given
  const problems: FieldProblem[] = []
  const takesKeys = action === 'delete' || action === 'hash'
  if (given.key === undefined && !(takesKeys && given.pattern !== undefined)) {
    problems.push({ path: [], problem: 'no key', expected: takesKeys ? 'key or pattern' : `the key of the attribute to ${action}` })
  }
  problems.push(...sourceProblems(given))
  if (given.pattern !== undefined) problems.push(...patternProblems(action, given.pattern))
  else if (action === 'extract') problems.push({ path: [], problem: 'no pattern', expected: 'a pattern with named groups (?P<name>…)' })
  if ((given.converted_type !== undefined) !== (action === 'convert')) {
    problems.push({ path: [], problem: 'converted_type and convert belong together', expected: 'action: convert with converted_type' })
  }
  return problems
}

function sourceProblems({ action, value, from_attribute: attribute, from_context: context }: ActionConfig): FieldProblem[] {
  const sources = [value, attribute, context].filter((source) => source !== undefined).length
  if (!SETS.has(action))
    return sources === 0 ? [] : [{ path: [], problem: `${action} takes no value`, expected: 'neither value, from_attribute nor from_context' }]
  const problems: FieldProblem[] = []
  if (sources !== 1)
    problems.push({ path: [], problem: sources === 0 ? 'no value' : 'several values', expected: 'one of value, from_attribute and from_context' })
  if (context !== undefined && !/^(?:metadata\..+|auth\..+|client\.address)$/.test(context)) {
    problems.push({ path: ['from_context'], problem: 'not known', expected: 'metadata.<header>, auth.<attribute> or client.address', found: context })
  }
  return problems
}

function patternProblems(action: string, pattern: string): FieldProblem[] {
  if (!HAS_PATTERN.has(action)) return [{ path: ['pattern'], problem: `${action} takes no pattern`, expected: 'extract, delete or hash' }]
  try {
    re2Pattern(pattern)
  } catch (error) {
    return [{ path: ['pattern'], problem: (error as Error).message, expected: 'a regular expression (RE2)', found: pattern }]
  }
  return action === 'extract' && !/\(\?P?</.test(pattern)
    ? [{ path: ['pattern'], problem: 'no named group', expected: '(?P<name>…), which names the attribute to set', found: pattern }]
    : []
}
