import type { FieldProblem } from '../../component/config_schema.ts'
import type { ContextName } from '../../component/kit/ottl/contexts.ts'
import { type ErrorMode, type Source, type StatementGroup, statementGroup } from '../../component/kit/ottl/groups.ts'
import type { Signal } from '../../component/signal.ts'
import type { TransformConfig } from './schema.ts'

const LISTS = { logs: 'log_statements', traces: 'trace_statements', metrics: 'metric_statements' } as const

/** A group as it is in the lists of all signals. */
interface Group {
  readonly context?: ContextName
  readonly conditions: readonly string[]
  readonly statements: readonly string[]
  readonly error_mode?: ErrorMode
}

/** The statements of a signal, ready to run. The config must have been checked. */
export function groupsOf(checked: TransformConfig, signal: Signal): StatementGroup[] {
  const problems: FieldProblem[] = []
  const groups = compiledGroups(checked, signal, problems)
  if (problems.length > 0) throw new Error(`BUG: ${problems[0]?.path.join('.')} passed the config check: ${problems[0]?.problem}`)
  return groups
}

/** What is wrong with the statements of a signal. */
export function problemsOf(checked: TransformConfig, signal: Signal): FieldProblem[] {
  const problems: FieldProblem[] = []
  compiledGroups(checked, signal, problems)
  return problems
}

function compiledGroups(checked: TransformConfig, signal: Signal, problems: FieldProblem[]): StatementGroup[] {
  const list = LISTS[signal]
  const items: readonly (string | Group)[] = checked[list]
  const texts = items.filter((item) => typeof item === 'string')
  if (texts.length > 0 && texts.length < items.length) {
    const at = items.findIndex((item) => typeof item !== typeof items[0])
    problems.push({
      path: [list, at],
      problem: 'texts and groups in one list',
      expected: 'either texts or groups',
      hint: 'put the texts into a group: - statements: [...]',
    })
    return []
  }
  const compile = (group: Omit<Group, 'statements'>, statements: readonly Source[], conditions: readonly Source[]): StatementGroup[] => {
    const mode: ErrorMode = group.error_mode ?? checked.error_mode
    const compiled = statementGroup({ signal, context: group.context, errorMode: mode }, { statements, conditions }, problems)
    return compiled === undefined ? [] : [compiled]
  }
  if (texts.length > 0)
    return compile(
      { conditions: [] },
      texts.map((text, i) => ({ text, path: [list, i] })),
      [],
    )
  return items.flatMap((group, i) => {
    if (typeof group === 'string') return []
    const sources = (name: 'statements' | 'conditions'): Source[] => group[name].map((text, j) => ({ text, path: [list, i, name, j] }))
    return compile(group, sources('statements'), sources('conditions'))
  })
}
