import type { FieldProblem } from '../../component/config_schema.ts'
import type { ContextName } from '../../component/kit/ottl/contexts.ts'
import { type ConditionGroup, conditionGroups, type ErrorMode, type Source } from '../../component/kit/ottl/groups.ts'
import type { Signal } from '../../component/signal.ts'
import { oldMatchProblems } from './old_match.ts'
import type { FilterConfig } from './schema.ts'

/** Conditions that are looked at together on the way through a batch: at most one group for each context, the outermost first. */
export type Stage = readonly ConditionGroup[]

/** A group as it is in the lists of all signals. */
interface Group {
  readonly context?: ContextName
  readonly conditions: readonly string[]
  readonly error_mode?: ErrorMode
}

const LISTS = { logs: 'log_conditions', traces: 'trace_conditions', metrics: 'metric_conditions' } as const
const SIGNALS = ['logs', 'traces', 'metrics'] as const satisfies readonly Signal[]

/** What the old lists by context are called today. */
const OLD_LISTS: Readonly<Record<string, ContextName>> = {
  resource: 'resource',
  log_record: 'log',
  span: 'span',
  spanevent: 'spanevent',
  metric: 'metric',
  datapoint: 'datapoint',
}

/** The conditions of a signal, ready to be tested, stage by stage. The config must have been checked. */
export function stagesOf(config: FilterConfig, signal: Signal): Stage[] {
  const problems: FieldProblem[] = []
  const stages = compiledStages(config, signal, problems)
  if (problems.length > 0) throw new Error(`BUG: ${problems[0]?.path.join('.')} passed the config check: ${problems[0]?.problem}`)
  return stages
}

/** Everything that is wrong with the conditions. */
export function problemsOf(config: FilterConfig): FieldProblem[] {
  const problems = oldMatchProblems(config)
  for (const signal of SIGNALS) compiledStages(config, signal, problems)
  return problems
}

function compiledStages(config: FilterConfig, signal: Signal, problems: FieldProblem[]): Stage[] {
  const list = LISTS[signal]
  const items: readonly (string | Group)[] = config[list]
  const old = oldStage(config, signal, problems)
  if (items.length > 0 && old.length > 0) {
    problems.push({ path: [signal], problem: `beside ${list}`, expected: `either ${list} or ${signal}`, hint: `move the conditions to ${list}` })
    return []
  }
  const kinds = new Set(items.map((item) => typeof item))
  if (kinds.size > 1) {
    const at = items.findIndex((item) => typeof item !== typeof items[0])
    problems.push({
      path: [list, at],
      problem: 'texts and groups in one list',
      expected: 'either texts or groups',
      hint: 'put the texts into a group: - conditions: [...]',
    })
    return []
  }
  if (old.length > 0) return [old]
  const compile = (context: ContextName | undefined, errorMode: ErrorMode, sources: readonly Source[]): Stage =>
    conditionGroups({ signal, context, errorMode }, sources, problems)
  const texts = items.filter((item) => typeof item === 'string')
  if (texts.length > 0)
    return [
      compile(
        undefined,
        config.error_mode,
        texts.map((text, i) => ({ text, path: [list, i] })),
      ),
    ]
  return items.flatMap((group, i) => {
    if (typeof group === 'string') return []
    const sources = group.conditions.map((text, j) => ({ text, path: [list, i, 'conditions', j] }))
    return [compile(group.context, group.error_mode ?? config.error_mode, sources)]
  })
}

/** The lists by context below `logs`, `traces` and `metrics` as one stage. */
function oldStage(config: FilterConfig, signal: Signal, problems: FieldProblem[]): Stage {
  return Object.entries(config[signal] ?? {}).flatMap(([name, texts]) => {
    const context = OLD_LISTS[name]
    if (context === undefined || !Array.isArray(texts)) return []
    const sources = texts.map((text: string, i) => ({ text, path: [signal, name, i] }))
    return conditionGroups({ signal, context, errorMode: config.error_mode }, sources, problems)
  })
}
