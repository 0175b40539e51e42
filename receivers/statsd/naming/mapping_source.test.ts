import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkMapping } from './mapping_check.ts'
import { formatMappingProblem, loadMapping } from './mapping_source.ts'

function problemsOf(text: string): string[] {
  return loadMapping(text, 'm.yaml').problems.map((problem) => formatMappingProblem(problem))
}

function warningsOf(text: string): string[] {
  return loadMapping(text, 'm.yaml').warnings.map((warning) => formatMappingProblem(warning, { isWarning: true }))
}

describe('a mapping file is refused with the place', () => {
  test.for([
    {
      name: 'an unknown setting',
      text: 'mappings:\n- match: a\n  nam: a\n  name: a',
      says: ['m.yaml:3:3  mappings[0].nam: unknown setting', 'did you mean name?'],
    },
    { name: 'an unknown setting at the top', text: 'mapping: []', says: ['m.yaml:1:1  mapping: unknown setting', 'one of defaults, mappings'] },
    { name: 'settings of the past', text: 'mappings:\n- { match: a, name: a, buckets: [1] }', says: ['write histogram_options with buckets in it'] },
    { name: 'a missing name', text: 'mappings:\n- match: a.*\n  labels: { some: "$1" }', says: ['m.yaml:2:3  mappings[0].name: missing name'] },
    { name: 'a bad name', text: 'mappings:\n- match: a.*\n  name: 0foo', says: ['m.yaml:3:9  mappings[0].name: not a metric name', 'found     "0foo"'] },
    { name: 'a bad glob', text: 'mappings:\n- match: bad!!line.*\n  name: a', says: ['m.yaml:2:10  mappings[0].match: not a glob'] },
    {
      name: 'a * for a part of a segment',
      text: 'mappings:\n- match: foo*.bar\n  name: a',
      says: ['a * stands for a whole segment; use match_type: regex for parts of one'],
    },
    { name: 'an expression as a glob', text: 'mappings:\n- match: foo\\.(.*)\n  name: a', says: ['hint      write match_type: regex'] },
    {
      name: 'a bare *, which is an alias',
      text: 'mappings:\n- match: *.test.*\n  name: a',
      says: ['m.yaml:2:10', 'put a match that begins with * in quotes: "*.test.*"'],
    },
    {
      name: 'a bad expression',
      text: 'mappings:\n- match: "a(?=b)"\n  match_type: regex\n  name: a',
      says: [
        'm.yaml:2:10  mappings[0].match: not a regular expression: look-around is not part of the syntax',
        "expected  Go's syntax (RE2), as in statsd_exporter",
        'at character 4',
      ],
    },
    {
      name: 'a label of one letter',
      text: 'mappings:\n- match: a\n  name: a\n  labels:\n    x: y',
      says: ['m.yaml:5:5  mappings[0].labels.x: not a label name', 'at least two characters'],
    },
    {
      name: 'a bad kind',
      text: 'mappings:\n- { match: a, name: a, observer_type: histgram }',
      says: ['not one of the values', 'one of histogram, summary', 'did you mean histogram?'],
    },
    { name: 'a bad action', text: 'mappings:\n- { match: a, name: a, action: keep }', says: ['mappings[0].action: not one of the values', 'one of map, drop'] },
    { name: 'a bad type', text: 'mappings:\n- { match: a, name: a, match_metric_type: timer }', says: ['one of counter, gauge, observer'] },
    {
      name: 'options of the other kind',
      text: 'mappings:\n- match: a\n  name: a\n  observer_type: histogram\n  summary_options: { max_age: 1s }',
      says: ['m.yaml:5:3  mappings[0].summary_options: options of the other kind'],
    },
    {
      name: 'options of the other kind than the defaults',
      text: 'defaults: { observer_type: summary }\nmappings:\n- { match: a, name: a, histogram_options: { buckets: [1] } }',
      says: ['mappings[0].histogram_options: options of the other kind'],
    },
    { name: 'a bad duration', text: 'defaults:\n  ttl: soon', says: ['m.yaml:2:8  defaults.ttl: not a duration', 'such as 200ms or 1m30s'] },
    { name: 'a bad number', text: 'mappings:\n- { match: a, name: a, scale: big }', says: ['mappings[0].scale: wrong type', 'a number'] },
    {
      name: 'buckets out of order',
      text: 'defaults: { histogram_options: { buckets: [1, 3, 2] } }',
      says: ['defaults.histogram_options.buckets[2]: buckets out of order', 'more than 3'],
    },
    { name: 'a bad quantile', text: 'defaults: { summary_options: { quantiles: [{ quantile: 95 }] } }', says: ['not a quantile'] },
    { name: 'a list for a map', text: 'mappings:\n- [a]', says: ['m.yaml:2:3  mappings[0]: wrong type', 'found     a list'] },
    { name: 'a key that is given twice', text: 'mappings:\n- match: a\n  match: b\n  name: a', says: ['m.yaml:3:3', 'not valid YAML'] },
    { name: 'a tab', text: 'mappings:\n\t- match: a', says: ['YAML is indented with spaces, not tabs'] },
  ])('for $name', ({ text, says }) => {
    const problems = problemsOf(text).join('\n')
    for (const part of says) expect(problems).toContain(part)
  })

  test('and with everything at once, in the order of the file', () => {
    const text = 'mappings:\n- { match: "!", name: a }\n- { match: a, name: "!" }\n- { match: a, name: a, ttl: x, scale: y }'
    expect(loadMapping(text, 'm.yaml').problems.map(({ line, path }) => `${line} ${path.join('.')}`)).toEqual([
      '2 mappings.0.match',
      '3 mappings.1.name',
      '4 mappings.2.ttl',
      '4 mappings.2.scale',
    ])
  })
})

describe('a mapping file', () => {
  test('may be empty', () => {
    expect(loadMapping('', 'm.yaml')).toMatchObject({ mapping: { rules: [], isOrdered: true, ttlMs: 0 }, problems: [], warnings: [] })
  })

  test('reads scalars for what their place wants', () => {
    const text =
      'defaults: { glob_disable_ordering: yes }\nmappings:\n- { match: a, name: on, scale: 1e-6, honor_labels: On, labels: { code: 0200, flag: true, none: } }'
    const { mapping } = loadMapping(text, 'm.yaml')
    expect(mapping?.isOrdered).toBe(false)
    expect(mapping?.rules).toMatchObject([
      {
        name: 'on',
        scale: 1e-6,
        honorsLabels: true,
        labels: [
          ['code', '0200'],
          ['flag', 'true'],
          ['none', ''],
        ],
      },
    ])
  })

  test('may use anchors and merge keys', () => {
    const text = 'defaults: &d\n  ttl: 5s\nmappings:\n- &r { match: a, name: a, ttl: 1s }\n- { <<: *r, match: b }'
    expect(loadMapping(text, 'm.yaml').mapping?.rules).toMatchObject([
      { match: 'a', ttlMs: 1000, line: 4 },
      { match: 'b', name: 'a', ttlMs: 1000, line: 5 },
    ])
  })

  test('means the same written in a config', () => {
    const inline = { defaults: { ttl: '5s' }, mappings: [{ match: 'a.*', name: 'a', labels: { code: 200, flag: true }, scale: 2, honor_labels: true }] }
    const text = 'defaults: { ttl: 5s }\nmappings: [{ match: a.*, name: a, labels: { code: 200, flag: true }, scale: 2, honor_labels: true }]'
    expect(checkMapping(inline, () => 2)).toEqual({ mapping: loadMapping(text, 'm.yaml').mapping, problems: [], warnings: [] })
  })

  test.for([
    {
      name: 'a reference that ends too late',
      text: 'mappings:\n- { match: a.*, name: "$1_total" }',
      says: 'hint      write ${1}; as it is, it leaves nothing',
    },
    {
      name: 'a reference to no *',
      text: 'mappings:\n- { match: a, name: a, labels: { ab: "$1" } }',
      says: 'hint      the match has no *; as it is, it leaves nothing',
    },
    {
      name: 'a rule that is never reached',
      text: 'mappings:\n- { match: a.*, name: a }\n- { match: a.b, name: b }',
      says: 'm.yaml:3:12  warning: mappings[1].match: rule is never reached\n  found     "a.b"\n  hint      rule 1 in line 2 takes all',
    },
    { name: 'a rule behind a longer one', text: 'mappings:\n- { match: a.b.c, name: a }\n- { match: a.b, name: b }', says: 'put the shorter one first' },
    { name: 'an old name', text: 'mappings:\n- { match: a, name: a, timer_type: histogram }', says: 'warning: mappings[0].timer_type: old name' },
    { name: 'a duration without a unit', text: 'defaults: { ttl: 30 }', says: 'write 30s if seconds were meant' },
    { name: 'a native histogram', text: 'defaults: { histogram_options: { native_histogram_max_buckets: 10 } }', says: 'setting has no effect' },
    { name: 'a repetition in a repetition', text: 'mappings:\n- { match: "(a+)+", match_type: regex, name: a }', says: 'a repetition inside a repetition' },
  ])('is warned of $name', ({ text, says }) => {
    expect(problemsOf(text)).toEqual([])
    expect(warningsOf(text).join('\n')).toContain(says)
  })
})

test('no text makes it throw', () => {
  const piece = fc.constantFrom(
    'mappings:',
    '\n',
    '- ',
    'match',
    ': ',
    'a.*',
    '{',
    '}',
    '[',
    ']',
    '  ',
    '&a',
    '*a',
    '<<',
    '"',
    'name',
    'labels',
    'defaults',
    'ttl',
    '1',
    '\t',
    '|',
    '!!x',
    '---',
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
      const { mapping, problems } = loadMapping(pieces.join(''), 'm.yaml')
      expect(mapping === undefined).toBe(problems.length > 0)
    }),
    { numRuns: 1000 },
  )
})
