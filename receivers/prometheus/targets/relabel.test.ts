import { expect, test } from 'vitest'
import { type RelabelRule, relabeler } from './relabel.ts'

const rule = (fields: Partial<RelabelRule>): RelabelRule => ({
  action: 'replace',
  sourceLabels: [],
  separator: ';',
  regex: '(.*)',
  targetLabel: '',
  replacement: '$1',
  modulus: 1,
  ...fields,
})

type Labels = Readonly<Record<string, string>>

// Most of these are cases of Prometheus' own documentation and behaviour, with the results written by hand.
test.for<readonly [string, readonly Partial<RelabelRule>[], Labels, Labels | undefined]>([
  ['copies a label', [{ sourceLabels: ['a'], targetLabel: 'd' }], { a: 'foo' }, { a: 'foo', d: 'foo' }],
  [
    'uses groups',
    [{ sourceLabels: ['a', 'b'], regex: 'f(.*);(.*)r', targetLabel: 'a', replacement: 'b${1}${2}m' }],
    { a: 'foo', b: 'bar' },
    { a: 'boobam', b: 'bar' },
  ],
  ['has to match all', [{ sourceLabels: ['a'], regex: 'o', targetLabel: 'd', replacement: 'x' }], { a: 'foo' }, { a: 'foo' }],
  ['removes a label that becomes empty', [{ sourceLabels: ['a'], regex: '.*', targetLabel: 'b', replacement: '' }], { a: 'x', b: 'y' }, { a: 'x' }],
  ['takes a missing label as empty', [{ sourceLabels: ['no'], targetLabel: 'b', replacement: 'set' }], {}, { b: 'set' }],
  [
    'names the target by a group',
    [{ sourceLabels: ['a'], regex: 'some-([^-]+)-([^,]+)', targetLabel: '${1}', replacement: '${2}' }],
    { a: 'some-name-value' },
    { a: 'some-name-value', name: 'value' },
  ],
  [
    'leaves alone what makes no label name',
    [{ sourceLabels: ['a'], regex: '(.*)', targetLabel: '${1}', replacement: 'x' }],
    { a: 'not-a-name' },
    { a: 'not-a-name' },
  ],
  ['matches line feeds', [{ sourceLabels: ['a'], regex: 'a.b', targetLabel: 'd', replacement: 'x' }], { a: 'a\nb' }, { a: 'a\nb', d: 'x' }],
  [
    'adds the port of an annotation',
    [{ sourceLabels: ['__address__', 'port'], regex: '([^:]+)(?::\\d+)?;(\\d+)', targetLabel: '__address__', replacement: '$1:$2' }],
    { __address__: '10.0.0.1:8080', port: '15020' },
    { __address__: '10.0.0.1:15020', port: '15020' },
  ],
  ['keeps', [{ action: 'keep', sourceLabels: ['a'], regex: 'f.*' }], { a: 'foo' }, { a: 'foo' }],
  ['keeps not', [{ action: 'keep', sourceLabels: ['a'], regex: 'x|y' }], { a: 'foo' }, undefined],
  ['drops', [{ action: 'drop', sourceLabels: ['a'], regex: 'f(.)\\w' }], { a: 'foo' }, undefined],
  ['drops not', [{ action: 'drop', sourceLabels: ['a'], regex: 'oo' }], { a: 'foo' }, { a: 'foo' }],
  ['keeps equal ones', [{ action: 'keepequal', sourceLabels: ['a'], targetLabel: 'b' }], { a: '1', b: '1' }, { a: '1', b: '1' }],
  ['does not keep unequal ones', [{ action: 'keepequal', sourceLabels: ['a'], targetLabel: 'b' }], { a: '1', b: '2' }, undefined],
  ['drops equal ones', [{ action: 'dropequal', sourceLabels: ['a'], targetLabel: 'b' }], { a: '1', b: '1' }, undefined],
  ['does not drop unequal ones', [{ action: 'dropequal', sourceLabels: ['a'], targetLabel: 'b' }], { a: '1' }, { a: '1' }],
  ['hashes', [{ action: 'hashmod', sourceLabels: ['c'], targetLabel: 'd', modulus: 1000 }], { c: 'baz' }, { c: 'baz', d: '976' }],
  [
    'hashes line feeds, too',
    [{ action: 'hashmod', sourceLabels: ['a'], targetLabel: 'd', modulus: 1000 }],
    { a: 'foo\nbar', b: 'x' },
    { a: 'foo\nbar', b: 'x', d: '734' },
  ],
  [
    'maps labels',
    [{ action: 'labelmap', regex: '__meta_(b.*)', replacement: 'm_${1}' }],
    { __meta_b1: '1', __meta_c: '2' },
    { __meta_b1: '1', __meta_c: '2', m_b1: '1' },
  ],
  ['drops labels', [{ action: 'labeldrop', regex: 'b.*' }], { a: '1', b1: '2', b2: '3' }, { a: '1' }],
  ['keeps labels', [{ action: 'labelkeep', regex: 'b.*' }], { a: '1', b1: '2', b2: '3' }, { b1: '2', b2: '3' }],
  [
    'changes case',
    [
      { action: 'lowercase', sourceLabels: ['a'], targetLabel: 'b' },
      { action: 'uppercase', sourceLabels: ['a'], targetLabel: 'c' },
    ],
    { a: 'bAr' },
    { a: 'bAr', b: 'bar', c: 'BAR' },
  ],
  [
    'stops at the first that drops',
    [
      { action: 'drop', sourceLabels: ['a'], regex: '1' },
      { sourceLabels: ['a'], targetLabel: 'b' },
    ],
    { a: '1' },
    undefined,
  ],
])('%s', ([, rules, labels, expected]) => {
  const changed = new Map(Object.entries(labels))
  const isKept = relabeler(rules.map(rule))(changed)
  expect(isKept ? Object.fromEntries(changed) : undefined).toEqual(expected)
})

test('a pattern that is none is told', () => {
  expect(() => relabeler([rule({ regex: '(' })])).toThrow(SyntaxError)
})
