import { describe, expect, test } from 'vitest'
import type { FieldProblem } from '../../config_schema.ts'
import type { Signal } from '../../signal.ts'
import type { ContextName } from './contexts.ts'
import { conditionGroups, statementGroup } from './groups.ts'

const sources = (texts: readonly string[], list: string) => texts.map((text, i) => ({ text, path: [list, i] }))

describe('the context of statements', () => {
  test.for<{ readonly signal: Signal; readonly statements: readonly string[]; readonly conditions?: readonly string[]; readonly context: ContextName }>([
    { signal: 'logs', statements: ['set(resource.attributes["a"], 1)'], context: 'resource' },
    { signal: 'logs', statements: ['set(scope.name, resource.attributes["a"])'], context: 'scope' },
    { signal: 'logs', statements: ['set(instrumentation_scope.name, "x")'], context: 'scope' },
    { signal: 'logs', statements: ['set(resource.attributes["a"], 1)', 'set(log.body, "x")'], context: 'log' },
    { signal: 'metrics', statements: ['set(metric.description, "x") where datapoint.attributes["a"] == "b"'], context: 'datapoint' },
    { signal: 'metrics', statements: ['set(resource.attributes["a"], 1)', 'set(metric.unit, "1")'], context: 'metric' },
    { signal: 'traces', statements: ['set(span.name, "x")'], conditions: ['spanevent.name == "e"'], context: 'spanevent' },
    { signal: 'traces', statements: ['set(resource.attributes["a"], 1) where IsRootSpan()'], context: 'span' },
    { signal: 'metrics', statements: ['set(resource.attributes["a"], METRIC_DATA_TYPE_SUM)'], context: 'datapoint' },
  ])('is $context for $statements', ({ signal, statements, conditions = [], context }) => {
    const problems: FieldProblem[] = []
    const group = statementGroup(
      { signal, context: undefined, errorMode: 'ignore' },
      { statements: sources(statements, 'statements'), conditions: sources(conditions, 'conditions') },
      problems,
    )
    expect(problems).toEqual([])
    expect(group?.context).toBe(context)
  })
})

test('conditions are grouped by their contexts, the outermost first', () => {
  const problems: FieldProblem[] = []
  const texts = ['spanevent.name == "a"', 'span.name == "b"', 'resource.attributes["c"] == "d"', 'span.name == "e"', 'scope.name == "f"']
  const groups = conditionGroups({ signal: 'traces', context: undefined, errorMode: 'ignore' }, sources(texts, 'trace_conditions'), problems)
  expect(problems).toEqual([])
  expect(groups.map(({ context, conditions }) => [context, conditions.length])).toEqual([
    ['resource', 1],
    ['scope', 1],
    ['span', 2],
    ['spanevent', 1],
  ])
})

test('every fault is told with its place', () => {
  const problems: FieldProblem[] = []
  const statements = sources(['set(log.body', 'set(log.bdy, 1)', 'set(attributes["a"], 1)'], 'statements')
  statementGroup({ signal: 'logs', context: undefined, errorMode: 'ignore' }, { statements, conditions: [] }, problems)
  expect(problems).toEqual([{ path: ['statements', 0], problem: 'unexpected end, at column 13 of the text', expected: ', or )', found: 'set(log.body' }])
  problems.length = 0
  statementGroup(
    { signal: 'logs', context: undefined, errorMode: 'ignore' },
    { statements: statements.slice(1), conditions: sources(['span.name == "x"'], 'conditions') },
    problems,
  )
  expect(problems.map(({ path, problem, hint }) => `${path.join('.')}: ${problem}; ${hint}`)).toEqual([
    'conditions.0: span cannot be reached from the context log, at column 1 of the text; undefined',
    'statements.1: unknown field bdy of log, at column 5 of the text; did you mean log.body?',
    'statements.2: attributes without its context, at column 5 of the text; write log.attributes, scope.attributes or resource.attributes',
  ])
  problems.length = 0
  conditionGroups({ signal: 'traces', context: undefined, errorMode: 'ignore' }, sources(['IsRootSpan()'], 'trace_conditions'), problems)
  expect(problems[0]?.problem).toBe('does not say what it is about')
})
