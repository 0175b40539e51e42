import { describe, expect, test } from 'vitest'
import { expandTemplate, partPattern, patternFault, wholePattern } from './patterns.ts'

test.for([
  { pattern: 'app\\.([a-z]+)', text: 'app.name', groups: ['name'] },
  { pattern: '(?P<what>[a-z]+)-(\\d+)', text: 'label-1', groups: ['label', '1'] },
  { pattern: '(?i)TEAM', text: 'team', groups: [] },
  { pattern: 'a|b', text: 'b', groups: [] },
])('matches a whole text as RE2 does: $pattern', ({ pattern, text, groups }) => {
  expect(wholePattern(pattern).exec(text)?.slice(1)).toEqual(groups)
  expect(wholePattern(pattern).exec(`${text}_`)).toBeNull()
})

test('matches some part of a text', () => {
  expect(partPattern('jaeger-agent').test('my-jaeger-agent-x2b4')).toBe(true)
})

test.for([
  { pattern: '(', fault: /unterminated group/i },
  { pattern: '[[:alpha:]]+', fault: /^\[:alpha:\] is not supported$/ },
  { pattern: '\\p{Greek}', fault: /\\p is not supported/ },
])('tells what is wrong with $pattern', ({ pattern, fault }) => {
  expect(patternFault(pattern)).toMatch(fault)
})

test('finds nothing wrong with a pattern that it can translate', () => {
  expect(patternFault('(?is)x(?P<y>z)')).toBeUndefined()
})

describe('a template', () => {
  const match = /(?<team>[a-z]+)\/(\d+)/.exec('core/7') as RegExpExecArray
  test.for([
    { template: '$1', text: 'core' },
    { template: 'prefix-$0', text: 'prefix-core/7' },
    { template: '${team}_$2', text: 'core_7' },
    { template: '$1x', text: '' },
    { template: '${1}x', text: 'corex' },
    { template: '$$1 $', text: '$1 $' },
    { template: '$9', text: '' },
  ])('is filled in as Go does: $template', ({ template, text }) => {
    expect(expandTemplate(template, match)).toBe(text)
  })
})
