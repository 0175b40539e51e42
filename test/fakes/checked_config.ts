import type { ConfigSchema } from '../../component/config_schema.ts'
import { ProblemList } from '../../config/problem.ts'
import { checkSchema } from '../../config/schema_check.ts'
import { readSources } from '../../config/sources.ts'

/** The settings of one component as the config loader gives them to it: checked, with defaults. Throws its problems as lines. */
export function checkedConfig<C>(config: ConfigSchema<C>, settings: object): C {
  const problems = new ProblemList()
  const outside = { env: {}, readFile: () => '', orderOf: () => 0 }
  const root = readSources({ sources: [`yaml:${JSON.stringify({ it: settings })}`], overrides: [] }, outside, problems)
  const checked = root === undefined ? undefined : checkSchema({ root, path: ['it'], config }, problems)
  if (checked === undefined || problems.problems().length > 0)
    throw new Error(
      problems
        .problems()
        .map(({ path, problem }) => `${path}: ${problem}`)
        .join('\n'),
    )
  return checked as C
}
