import { expect, test } from 'vitest'
import { configSchema } from '../component/config_schema.ts'
import { formatProblem, ProblemList } from './problem.ts'
import { checkSchema } from './schema_check.ts'
import { readSources } from './sources.ts'

const config = configSchema(
  { type: 'object', additionalProperties: false, properties: { size: { type: 'integer', default: 3, description: 'How large.' } } },
  ({ size }) => [
    ...(size > 5 ? [{ path: ['size'], problem: 'large', hint: 'it may be slow', isWarning: true }] : []),
    ...(size > 50 ? [{ path: ['size'], problem: 'too large' }] : []),
  ],
)

/** The checked value, and what was said as lines. */
function checked(settings: object): { readonly value: unknown; readonly problems: readonly string[]; readonly warnings: readonly string[] } {
  const problems = new ProblemList()
  const outside = { env: {}, readFile: () => '', orderOf: () => 0 }
  const root = readSources({ sources: [`yaml:${JSON.stringify({ box: settings })}`], overrides: [] }, outside, problems)
  if (root === undefined) throw new Error('BUG: the source of the test is no YAML')
  const value = checkSchema({ root, path: ['box'], config }, problems)
  return { value, problems: problems.problems().map((problem) => formatProblem(problem)), warnings: problems.warnings().map(({ problem }) => problem) }
}

test('a warning of a check across fields is told, and the config is good all the same', () => {
  expect(checked({ size: 6 })).toEqual({ value: { size: 6 }, problems: [], warnings: ['large'] })
  expect(checked({})).toEqual({ value: { size: 3 }, problems: [], warnings: [] })
})

test('a problem beside a warning makes the config bad', () => {
  expect(checked({ size: 51 })).toMatchObject({ value: undefined, problems: [expect.stringContaining('box.size: too large')], warnings: ['large'] })
})
