import type { FieldProblem } from '../../config_schema.ts'
import type { Signal } from '../../signal.ts'
import type { ConditionNode, StatementNode } from './ast.ts'
import { type CompileOptions, type Condition, compileCondition, compileStatement, type Statement } from './compile.ts'
import { CONTEXTS, type ContextName, SIGNAL_CONTEXTS } from './contexts.ts'
import { OttlError } from './errors.ts'
import { inferContext } from './infer.ts'
import { parseCondition, parseStatement } from './parser.ts'

/** What happens when a statement fails on an item: as in the Collector. */
export type ErrorMode = 'ignore' | 'silent' | 'propagate'

/** Path of a setting below the component. */
export type SettingPath = readonly (string | number)[]

/** OTTL text as it stands in the config. */
export interface Source {
  readonly text: string
  readonly path: SettingPath
}

/** Statements that run together on each item of a context, when one of the conditions holds or there are none. */
export interface StatementGroup {
  readonly context: ContextName
  readonly conditions: readonly Condition[]
  readonly statements: readonly Statement[]
  readonly errorMode: ErrorMode
}

/** Conditions of one context, any of which may hold. */
export interface ConditionGroup {
  readonly context: ContextName
  readonly conditions: readonly Condition[]
  readonly errorMode: ErrorMode
}

/** What a group is made of. Without a context it is inferred, and every path has to begin with the name of its own. */
export interface GroupSource {
  readonly signal: Signal
  readonly context: ContextName | undefined
  readonly errorMode: ErrorMode
}

/** Compiles a group of statements. Faults are added to `problems`; with any the group is undefined. */
export function statementGroup(
  { signal, context: given, errorMode }: GroupSource,
  sources: { readonly conditions: readonly Source[]; readonly statements: readonly Source[] },
  problems: FieldProblem[],
): StatementGroup | undefined {
  const before = problems.length
  const conditions = parsed(sources.conditions, parseCondition, problems)
  const statements = parsed(sources.statements, parseStatement, problems)
  if (problems.length > before) return undefined
  const context =
    given ??
    inferContext(
      signal,
      [...statements, ...conditions].map(({ node }) => node),
    )
  if (context === undefined) {
    const [first] = sources.statements
    if (first !== undefined) problems.push(noContext(signal, first))
    return undefined
  }
  const options: CompileOptions = { context: CONTEXTS[context], needsContextNames: given === undefined }
  const group: StatementGroup = {
    context,
    conditions: compiled(conditions, (node, text) => compileCondition(node, text, options), problems),
    statements: compiled(statements, (node, text) => compileStatement(node, text, options), problems),
    errorMode,
  }
  return problems.length > before ? undefined : group
}

/**
 * Compiles conditions; without a given context each has its own, so that there may be a group for each, the outermost first. Faults are
 * added to `problems`.
 */
export function conditionGroups({ signal, context: given, errorMode }: GroupSource, sources: readonly Source[], problems: FieldProblem[]): ConditionGroup[] {
  const byContext = new Map<ContextName, Condition[]>()
  for (const { node, source } of parsed(sources, parseCondition, problems)) {
    const context = given ?? inferContext(signal, [node])
    if (context === undefined) {
      problems.push(noContext(signal, source))
      continue
    }
    const options: CompileOptions = { context: CONTEXTS[context], needsContextNames: given === undefined }
    const conditions = byContext.get(context) ?? []
    byContext.set(context, [...conditions, ...compiled([{ node, source }], (tree, text) => compileCondition(tree, text, options), problems)])
  }
  return SIGNAL_CONTEXTS[signal].toReversed().flatMap((context) => {
    const conditions = byContext.get(context)
    return conditions === undefined ? [] : [{ context, conditions, errorMode }]
  })
}

interface Parsed<N> {
  readonly node: N
  readonly source: Source
}

function parsed<N extends StatementNode | ConditionNode>(sources: readonly Source[], parse: (text: string) => N, problems: FieldProblem[]): Parsed<N>[] {
  return sources.flatMap((source) => {
    try {
      return [{ node: parse(source.text), source }]
    } catch (error) {
      problems.push(problemOf(error, source))
      return []
    }
  })
}

function compiled<N, C>(nodes: readonly Parsed<N>[], compile: (node: N, text: string) => C, problems: FieldProblem[]): C[] {
  return nodes.flatMap(({ node, source }) => {
    try {
      return [compile(node, source.text)]
    } catch (error) {
      problems.push(problemOf(error, source))
      return []
    }
  })
}

/** Characters of a statement that are shown on each side of a fault. */
const EXCERPT = 60

function problemOf(error: unknown, { text, path }: Source): FieldProblem {
  if (!(error instanceof OttlError)) throw error
  const { problem, offset, expected, hint } = error.fault
  const start = Math.max(0, offset - EXCERPT)
  const end = Math.min(text.length, offset + EXCERPT)
  return {
    path,
    problem: `${problem}, at column ${error.column} of the text`,
    ...(expected === undefined ? {} : { expected }),
    found: `${start > 0 ? '…' : ''}${text.slice(start, end)}${end < text.length ? '…' : ''}`,
    ...(hint === undefined ? {} : { hint }),
  }
}

function noContext(signal: Signal, { text, path }: Source): FieldProblem {
  return {
    path,
    problem: 'does not say what it is about',
    expected: `a path that begins with ${SIGNAL_CONTEXTS[signal].join(', ')}`,
    found: text,
    hint: 'write the name of the context before the paths, or give the context beside the list',
  }
}
