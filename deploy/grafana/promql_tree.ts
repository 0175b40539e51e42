/** PromQL read with Prometheus' own grammar. */
import { parser } from '@prometheus-io/lezer-promql'

/** A vector selector, where it stands. */
export interface Selector {
  readonly metric: string
  /** The matchers as they are written: `job=~"$job"`. */
  readonly matchers: readonly string[]
  /** The innermost function or aggregation around it that is called with it: `rate`, `sum`. */
  readonly within: readonly string[]
}

/** The places at which an expression, its variables replaced, is not PromQL; none when it is. */
export function syntaxErrors(expression: string): string[] {
  const errors: string[] = []
  parser.parse(expression).iterate({
    enter: ({ type, from, to }) => {
      if (type.isError) errors.push(`at ${from}: ${JSON.stringify(expression.slice(Math.max(0, from - 20), to + 20))}`)
    },
  })
  return errors
}

/** Every vector selector of an expression, whose variables may stand in strings only. */
export function selectors(expression: string): Selector[] {
  const text = (node: { readonly from: number; readonly to: number }): string => expression.slice(node.from, node.to)
  const found: Selector[] = []
  const calls: { readonly name: string; readonly to: number }[] = []
  let current: { metric: string; matchers: string[]; within: readonly string[] } | undefined
  parser.parse(expression).iterate({
    enter: (node) => {
      while (calls.length > 0 && node.from >= (calls.at(-1)?.to ?? 0)) calls.pop()
      if (node.name === 'FunctionCall' || node.name === 'AggregateExpr') calls.push({ name: /^\w+/.exec(text(node))?.[0] ?? '', to: node.to })
      if (node.name === 'VectorSelector') {
        current = { metric: '', matchers: [], within: calls.map(({ name }) => name) }
        found.push(current)
      }
      if (current === undefined) return
      if (node.name === 'Identifier' && current.metric === '') current.metric = text(node)
      if (node.name === 'UnquotedLabelMatcher' || node.name === 'LabelMatcher') current.matchers.push(text(node).replaceAll(/\s/g, ''))
    },
  })
  return found
}
