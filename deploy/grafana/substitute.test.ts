import { expect, test } from 'vitest'
import { selectors, syntaxErrors } from './promql_tree.ts'
import { INTERVALS, substitute, variablesIn } from './substitute.ts'

test('variables in both spellings get values, groups of regular expressions stay', () => {
  const text = 'label_replace(rate(x{a=~"$a",b="${b:regex}"}[$__rate_interval]), "class", "${1}xx", "code", "(.).*")'
  expect(variablesIn(text)).toEqual(['a', 'b', '__rate_interval'])
  expect(substitute(text, { ...INTERVALS, a: 'one|two' })).toBe('label_replace(rate(x{a=~"one|two",b="${b:regex}"}[5m]), "class", "${1}xx", "code", "(.).*")')
})

test('selectors tell their matchers and what they are in', () => {
  const expression = 'sum by (a) (rate(m_total{job=~"$job", x!="1"}[5m])) / topk(3, up)'
  expect(selectors(expression)).toEqual([
    { metric: 'm_total', matchers: ['job=~"$job"', 'x!="1"'], within: ['sum', 'rate'] },
    { metric: 'up', matchers: [], within: ['topk'] },
  ])
})

test('what is not PromQL is told with its place', () => {
  expect(syntaxErrors('sum(rate(x[5m]))')).toEqual([])
  expect(syntaxErrors('sum(rate(x[5m])')).toHaveLength(1)
})
