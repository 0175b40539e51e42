import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parser } from '@prometheus-io/lezer-promql'
import { parse } from 'yaml'

/** Where the rule files and their tests are. */
export const PROMETHEUS = join(import.meta.dirname, '../../deploy/prometheus')

/** A rule of a Prometheus rule file: one of `record` and `alert` is there. */
export interface Rule {
  readonly file: string
  readonly record?: string
  readonly alert?: string
  readonly expr: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
}

/** One `promql_expr_test` of a promtool test file. */
export interface ExpressionTest {
  readonly file: string
  readonly expr: string
  readonly samples: readonly { readonly labels: string }[]
}

/** All rules of `deploy/prometheus/rules`, in the order of the files. */
export function readRules(): Rule[] {
  return yamlFiles('rules').flatMap(({ file, content }) =>
    (content as { readonly groups: readonly { readonly rules: readonly Omit<Rule, 'file'>[] }[] }).groups.flatMap(({ rules }) =>
      rules.map((rule) => ({ ...rule, file })),
    ),
  )
}

interface TestFile {
  readonly tests: readonly { readonly promql_expr_test?: readonly { readonly expr: string; readonly exp_samples: ExpressionTest['samples'] }[] }[]
}

/** All tests of expressions in `deploy/prometheus/tests`. */
export function readExpressionTests(): ExpressionTest[] {
  return yamlFiles('tests').flatMap(({ file, content }) =>
    (content as TestFile).tests.flatMap(({ promql_expr_test: tests = [] }) => tests.map(({ expr, exp_samples }) => ({ file, expr, samples: exp_samples }))),
  )
}

/** What a PromQL expression asks for. */
export interface Expression {
  /** False when the expression does not parse. */
  readonly isGood: boolean
  /** Metric names with the labels that their matchers name. */
  readonly selectors: readonly { readonly metric: string; readonly labels: readonly string[] }[]
  /** Labels in `by`, `without`, `on`, `ignoring` and `group_left`. */
  readonly groupingLabels: readonly string[]
}

/** Takes a PromQL expression apart with the grammar of Prometheus' own editor. */
export function analyse(expr: string): Expression {
  let isGood = true
  const selectors: { metric: string; labels: string[] }[] = []
  const groupingLabels: string[] = []
  let isGrouping = false
  parser.parse(expr).iterate({
    enter: ({ name, from, to, type }) => {
      const text = expr.slice(from, to)
      if (type.isError) isGood = false
      else if (name === 'VectorSelector') selectors.push({ metric: '', labels: [] })
      else if (name === 'GroupingLabels') isGrouping = true
      const selector = selectors.at(-1)
      if (name === 'Identifier' && selector !== undefined) selector.metric = text
      if (name === 'LabelName' && isGrouping) groupingLabels.push(text)
      else if (name === 'LabelName') selector?.labels.push(text)
    },
    leave: ({ name }) => {
      if (name === 'GroupingLabels') isGrouping = false
    },
  })
  return { isGood, selectors, groupingLabels }
}

function yamlFiles(folder: string): { file: string; content: unknown }[] {
  const names = readdirSync(join(PROMETHEUS, folder)).filter((name) => name.endsWith('.yaml'))
  return names.map((file) => ({ file, content: parse(readFileSync(join(PROMETHEUS, folder, file), 'utf8')) as unknown }))
}
