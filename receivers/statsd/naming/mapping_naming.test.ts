import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SampleType } from '../sample.ts'
import type { Mapping } from './mapping.ts'
import { explainRules, unreachableRules } from './mapping_explain.ts'
import { MappingNaming } from './mapping_naming.ts'
import { loadMapping } from './mapping_source.ts'
import type { NoSeries, RawSeries, SeriesSpec } from './naming.ts'

/** Short texts with what breaks things in them; fast-check's own of all characters take seconds to set up. */
const anyText = fc
  .array(fc.oneof(fc.string({ unit: 'binary-ascii', maxLength: 4 }), fc.constantFrom('é', '😀', '\ud800', '\0', '.', '__', '$1', '\u2028')), { maxLength: 6 })
  .map((parts) => parts.join(''))

function mappingOf(yaml: string): Mapping {
  const { mapping, problems } = loadMapping(yaml, 'mapping.yaml')
  if (mapping === undefined) throw new Error(JSON.stringify(problems))
  return mapping
}

function resolve(yaml: string, name: string, more: Partial<RawSeries> = {}): SeriesSpec | NoSeries {
  return new MappingNaming(mappingOf(yaml)).resolve({ name, type: SampleType.counter, tags: [], ...more })
}

function text(result: SeriesSpec | NoSeries): string {
  if ('dropped' in result) return `dropped: ${result.dropped}`
  return `${result.name}{${result.labels.map(([key, value]) => `${key}=${value}`).join(',')}}`
}

const SEVERAL = `
mappings:
- match: test.dispatcher.*.*.*
  name: dispatch_events
  labels: { processor: "$1", action: "$2", result: "$3", job: test_dispatcher }
- match: test.my-dispatch-host01.name.dispatcher.*.*.*
  name: host_dispatch_events
  labels: { processor: "$1", action: "$2", result: "$3", job: test_dispatcher }
- match: request_time.*.*.*.*.*.*.*.*.*.*.*.*
  name: tyk_http_request
  labels: { method_and_path: "\${1}", response_code: "\${2}", ipv4_t4: "\${10}", orgid: "\${11}", oauthid: "\${12}" }
- match: "*.*"
  name: catchall
  labels: { first: "$1", second: "$2", third: "$3", job: "$1-$2-$3" }
- match: (.*)\\.(.*)-(.*)\\.(.*)
  match_type: regex
  name: proxy_requests_total
  labels: { job: "$1", protocol: "$2", endpoint: "$3", result: "$4" }
`

describe("statsd_exporter's documented examples", () => {
  test.for([
    { sent: 'test.dispatcher.FooProcessor.send.succeeded', is: 'dispatch_events{action=send,job=test_dispatcher,processor=FooProcessor,result=succeeded}' },
    {
      sent: 'test.my-dispatch-host01.name.dispatcher.FooProcessor.send.succeeded',
      is: 'host_dispatch_events{action=send,job=test_dispatcher,processor=FooProcessor,result=succeeded}',
    },
    {
      sent: 'request_time.get/threads/1/posts.200.0.nonversioned.discussions.a11b.172.20.0.1.12ba.',
      is: 'tyk_http_request{ipv4_t4=1,method_and_path=get/threads/1/posts,oauthid=,orgid=12ba,response_code=200}',
    },
    { sent: 'foo.bar', is: 'catchall{first=foo,job=foo-bar-,second=bar,third=}' },
    { sent: 'foo.bar.baz', is: 'foo_bar_baz{}' },
    { sent: 'proxy-1.http-goober.success', is: 'proxy_requests_total{endpoint=goober,job=proxy-1,protocol=http,result=success}' },
  ])('several rules make $is of $sent', ({ sent, is }) => {
    expect(text(resolve(SEVERAL, sent))).toBe(is)
  })

  test.for([
    { name: 'a reference takes all that could be a name', match: 'test.*', label: '$1_foo', sent: 'test.a', is: '' },
    { name: 'braces end a reference', match: 'test.*', label: '${1}_foo', sent: 'test.a', is: 'a_foo' },
    { name: 'neighbours need braces', match: 'test.*.*', label: '$1$2', sent: 'test.a.b', is: '' },
    { name: 'neighbours in braces', match: 'test.*.*', label: '${1}${2}', sent: 'test.a.b', is: 'ab' },
    { name: 'a reference twice', match: 'test.*.*', label: '$1-$2-$1', sent: 'test.a.b', is: 'a-b-a' },
    { name: 'the whole name', match: 'test.*', label: '$0', sent: 'test.a', is: 'test.a' },
    { name: 'a per cent sign', match: 'test.*', label: '$1%', sent: 'test.a', is: 'a%' },
    { name: 'segments that begin with a digit', match: 'test.99test.9092.*', label: '$1', sent: 'test.99test.9092.x', is: 'x' },
    { name: 'a single segment', match: '"*"', label: '$1', sent: 'test', is: 'test' },
    { name: 'an empty segment', match: 'test.*', label: '$1', sent: 'test.', is: '' },
    { name: 'dashes in segments', match: 'foo--bar.*', label: '$1', sent: 'foo--bar.count', is: 'count' },
  ])('$name', ({ match, label, sent, is }) => {
    const spec = resolve(`mappings: [{ match: ${match}, name: name, labels: { label: "${label}" } }]`, sent)
    expect(spec).toMatchObject({ name: 'name', labels: [['label', is]], rule: 1 })
  })

  test.for([
    { match: 'test1.*.*', type: 'glob', name: '$1', sent: 'test1.total_requests.count', is: 'total_requests' },
    { match: 'test2.*.*', type: 'glob', name: '${1}_$2', sent: 'test2.total_requests.count', is: 'total_requests_count' },
    { match: 'test3\\.(\\w+)\\.(\\w+)', type: 'regex', name: '${2}_$1', sent: 'test3.total_requests.count', is: 'count_total_requests' },
    { match: '.+', type: 'regex', name: '$0', sent: 'my.statsd-counter', is: 'my_statsd_counter' },
    { match: '(?P<what>\\w+)$', type: 'regex', name: 'x_${1}', sent: 'a.b', is: 'x_b' },
    { match: 'a.*', type: 'glob', name: '${0}_total', sent: 'a.b', is: 'a_b_total' },
  ])('the name $name of $sent is $is', ({ match, type, name, sent, is }) => {
    expect(resolve(`mappings: [{ match: '${match}', match_type: ${type}, name: "${name}" }]`, sent)).toMatchObject({ name: is })
  })
})

test('labels may refer to groups by name, of several the first that took part', () => {
  const rule = `mappings: [{ match: '(?P<n>x)?(?P<n>y)', match_type: regex, name: a, labels: { by_name: "\${n}_of", none: "$m" } }]`
  expect(text(resolve(rule, 'y'))).toBe('a{by_name=y_of,none=}')
})

describe('the rule that wins', () => {
  const rules = (ordering: string, ...matches: string[]) =>
    `defaults: { glob_disable_ordering: ${ordering} }\nmappings:\n${matches.map((match, at) => `- { match: '${match}', name: rule${at + 1} }\n`).join('')}`

  test.for([
    { name: 'the first in the file', ordering: 'false', matches: ['order.*.*', 'order.*.bbb'], sent: 'order.good.bbb', is: 'rule1' },
    { name: 'the first in the file, after going back', ordering: 'false', matches: ['*.dummy.*', 'full.name.*'], sent: 'full.name.x', is: 'rule2' },
    {
      name: 'a literal, without ordering',
      ordering: 'true',
      matches: ['noorder.*.*', 'noorder.*.bbb', 'noorder.ccc.bbb'],
      sent: 'noorder.good.bbb',
      is: 'rule2',
    },
    {
      name: 'a literal in each segment, without ordering',
      ordering: 'true',
      matches: ['noorder.*.*', 'noorder.*.bbb', 'noorder.ccc.bbb'],
      sent: 'noorder.ccc.bbb',
      is: 'rule3',
    },
    { name: 'a * behind a literal that leads nowhere', ordering: 'true', matches: ['back.*.bbb', 'back.just.aaa'], sent: 'back.just.bbb', is: 'rule1' },
    { name: 'none where going back is off because a wider rule is there', ordering: 'true', matches: ['a.*.c', 'a.b.d', 'a.*.*'], sent: 'a.b.c', is: 'a_b_c' },
    { name: 'none whose path an earlier, longer rule has', ordering: 'false', matches: ['a.b.c', 'a.b'], sent: 'a.b', is: 'a_b' },
    { name: 'a shorter one when it comes first', ordering: 'false', matches: ['a.b', 'a.b.c'], sent: 'a.b', is: 'rule1' },
    { name: 'the first of two alike, in the place of the second', ordering: 'false', matches: ['a.*', '*.b', 'a.*'], sent: 'a.b', is: 'rule2' },
    { name: 'the first of two alike', ordering: 'false', matches: ['a.*', 'a.*'], sent: 'a.b', is: 'rule1' },
  ])('is $name', ({ ordering, matches, sent, is }) => {
    expect(resolve(rules(ordering, ...matches), sent)).toMatchObject({ name: is })
  })

  test('is a glob before any regular expression', () => {
    const yaml = `mappings:\n- { match: '.*', match_type: regex, name: re }\n- { match: 'a.*', name: glob }`
    expect(resolve(yaml, 'a.b')).toMatchObject({ name: 'glob', rule: 2 })
    expect(resolve(yaml, 'b.b')).toMatchObject({ name: 're', rule: 1 })
  })

  test.for([
    { type: SampleType.counter, is: 'c' },
    { type: SampleType.gauge, is: 'g' },
    { type: SampleType.set, is: 'g' },
    { type: SampleType.timer, is: 'o' },
    { type: SampleType.histogram, is: 'o' },
    { type: SampleType.distribution, is: 'o' },
  ])('is for the type of the sample: $type, $is', ({ type, is }) => {
    const globs = ['counter', 'gauge', 'observer'].map((kind) => `- { match: 'x.*', match_metric_type: ${kind}, name: ${kind[0]} }`).join('\n')
    expect(resolve(`mappings:\n${globs}`, 'x.y', { type })).toMatchObject({ name: is })
    const regexes = globs.replaceAll("match: 'x.*'", "match: 'x', match_type: regex")
    expect(resolve(`mappings:\n${regexes}`, 'x.y', { type })).toMatchObject({ name: is })
  })

  test('is the same as when rules are tried one by one, for rules of one length that are all different', () => {
    const field = fc.constantFrom('a', 'b', '*')
    const globs = fc.uniqueArray(
      fc.array(field, { minLength: 3, maxLength: 3 }).map((fields) => fields.join('.')),
      { minLength: 1, maxLength: 12 },
    )
    const sent = fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 3, maxLength: 3 })
    fc.assert(
      fc.property(globs, sent, (matches, fields) => {
        const first = matches.findIndex((match) => match.split('.').every((glob, at) => glob === '*' || glob === fields[at]))
        expect(resolve(rules('false', ...matches), fields.join('.'))).toMatchObject({ name: first < 0 ? fields.join('_') : `rule${first + 1}` })
      }),
      { numRuns: 500 },
    )
  })
})

describe('a series with a rule', () => {
  test('has labels of the rule instead of tags, unless the rule honors them', () => {
    const tags: RawSeries['tags'] = [
      ['some-tag', 'tag'],
      ['other', 'x'],
      ['flag', undefined],
      ['empty', ''],
    ]
    const rule = (honor: string) => `mappings: [{ match: a, name: a, honor_labels: ${honor}, labels: { some_tag: rule, more: rule } }]`
    expect(text(resolve(rule('false'), 'a', { tags }))).toBe('a{more=rule,other=x,some_tag=rule}')
    expect(text(resolve(rule('true'), 'a', { tags }))).toBe('a{more=rule,other=x,some_tag=tag}')
  })

  test('keeps no label that a Prometheus series cannot have', () => {
    const tags: RawSeries['tags'] = [
      ['__name__', 'x'],
      ['le', '1'],
      ['quantile', '2'],
    ]
    expect(text(resolve('', 'a', { tags, type: SampleType.timer }))).toBe('a{exported___name__=x,exported_quantile=2,le=1}')
  })

  test.for([
    { name: 'nothing for a counter', type: SampleType.counter, rule: '', scale: 1, unit: '' },
    { name: 'seconds for a timer', type: SampleType.timer, rule: '', scale: 0.001, unit: 's' },
    { name: 'nothing for a histogram', type: SampleType.histogram, rule: '', scale: 1, unit: '' },
    { name: 'what the rule says', type: SampleType.gauge, rule: ', scale: 1024', scale: 1024, unit: '' },
    { name: 'both for a timer with a rule', type: SampleType.timer, rule: ', scale: 1000', scale: 1, unit: '' },
  ])('is scaled by $name', ({ type, rule, scale, unit }) => {
    expect(resolve(`mappings: [{ match: a, name: a${rule} }]`, 'a', { type })).toMatchObject({ scale, unit, isExactName: true })
  })

  test('is dropped where the rule says so, with the number of the rule', () => {
    const yaml = `mappings:\n- { match: keep, name: keep }\n- { match: '.', match_type: regex, action: drop, name: dropped }`
    expect(resolve(yaml, 'other')).toEqual({ dropped: 'mapping_drop', rule: 2 })
    expect(resolve(yaml, 'keep')).toMatchObject({ name: 'keep', rule: 1 })
  })

  test('is not made when the template leaves nothing of the name', () => {
    expect(resolve(`mappings: [{ match: 'a(b?)', match_type: regex, name: "$1" }]`, 'a')).toEqual({ dropped: 'bad_name', rule: 1 })
    expect(resolve('', '')).toEqual({ dropped: 'bad_name' })
  })

  test('takes time to live, help and observer from the rule, or else from the defaults', () => {
    const yaml = `
defaults: { ttl: 1m, observer_type: histogram, histogram_options: { buckets: [1, 2] } }
mappings:
- { match: own, name: own, ttl: 5s, help: Own help., observer_type: summary, summary_options: { quantiles: [{ quantile: 0.9, error: 0.1 }, { quantile: 0.5, error: 0.1 }], max_age: 30s, age_buckets: 3, buf_cap: 10 } }
- { match: own.buckets, name: b, histogram_options: { buckets: [7] } }
`
    const timer = { type: SampleType.timer }
    const summary = { kind: 'summary', quantiles: [0.5, 0.9], maxAgeMs: 30_000, ageBuckets: 3 }
    expect(resolve(yaml, 'own', timer)).toMatchObject({ ttlMs: 5000, help: 'Own help.', aggregation: summary })
    expect(resolve(yaml, 'own.buckets', timer)).toMatchObject({ ttlMs: 60_000, aggregation: { kind: 'explicit', bounds: [7] } })
    expect(resolve(yaml, 'unmapped', timer)).toMatchObject({ ttlMs: 60_000, aggregation: { kind: 'explicit', bounds: [1, 2] } })
    expect(resolve(yaml, 'unmapped', { type: SampleType.set })).toMatchObject({ aggregation: { kind: 'set' } })
  })

  test('is a summary of ten minutes when nothing is said', () => {
    const aggregation = { kind: 'summary', quantiles: [0.5, 0.9, 0.99], maxAgeMs: 600_000, ageBuckets: 5 }
    expect(resolve('', 'x', { type: SampleType.distribution })).toMatchObject({ ttlMs: 0, aggregation })
  })
})

test.for([
  { sent: 'clean', is: 'clean' },
  { sent: '0starts_with_digit', is: '_0starts_with_digit' },
  { sent: 'with--doubledash', is: 'with_doubledash' },
  { sent: 'with---multiple-dashes', is: 'with_multiple_dashes' },
  { sent: 'with.dot', is: 'with_dot' },
  { sent: 'with😱emoji', is: 'with_emoji' },
  { sent: 'with.*.multiple', is: 'with___multiple' },
  { sent: 'test.web-server.foo.bar', is: 'test_web_server_foo_bar' },
])('the name $sent without a rule is $is', ({ sent, is }) => {
  expect(resolve('', sent)).toMatchObject({ name: is })
})

test('every rule says why it named a sample or did not', () => {
  const mapping = mappingOf(`
mappings:
- { match: '(a|b)', match_type: regex, name: re }
- { match: a.b.c, name: long }
- { match: a.b, name: unreached }
- { match: a.x, name: other }
- { match: a.*, match_metric_type: gauge, name: typed }
- { match: '*.b', name: hit }
- { match: '*.*', name: late }
- { match: nothing, match_type: regex, name: re2 }
`)
  expect(explainRules(mapping, 'a.b', 'counter').map(({ rule, isHit, why }) => `${rule.number} ${isHit} ${why}`)).toEqual([
    '2 false has 3 segments, and the name has 2 segments',
    '3 false fits, but is never reached: an earlier rule has the same match or begins with it',
    '4 false segment 2 is "b", not "x"',
    '5 false is for gauges, and the sample is a counter',
    '6 true fits and goes first',
    '7 false fits too, but rule 6 comes earlier',
    '1 false fits too, but globs go before regular expressions, and rule 6 fits',
    '8 false the expression finds nothing in the name',
  ])
})

test('rules that no name reaches are found', () => {
  const mapping = mappingOf(`
mappings:
- { match: a.*, name: wide }
- { match: a.b, name: shadowed }
- { match: c.d.e, name: long }
- { match: c.d, name: prefix }
- { match: x.*, match_metric_type: gauge, name: fine }
- { match: '.+', match_type: regex, name: all }
- { match: 'x', match_type: regex, name: behind }
`)
  expect(unreachableRules(mapping).map(({ rule, by }) => `${rule.number} by ${by?.number}`)).toEqual(['2 by 1', '4 by undefined', '7 by 6'])
})

test('no name, tag or type makes it throw', () => {
  const naming = new MappingNaming(mappingOf(SEVERAL))
  const tag = fc.tuple(anyText, fc.option(anyText, { nil: undefined }))
  fc.assert(
    fc.property(anyText, fc.integer({ min: 0, max: 5 }), fc.array(tag, { maxLength: 4 }), (name, type, tags) => {
      const result = naming.resolve({ name, type: type as SampleType, tags })
      if ('dropped' in result) return
      expect(result.name).toMatch(/^[A-Za-z_]\w*$/)
      const keys = result.labels.map(([key]) => key)
      expect(keys).toEqual([...new Set(keys)].sort())
      for (const key of keys) expect(key).toMatch(/^[A-Za-z_]\w*$/)
    }),
    { numRuns: 1000 },
  )
})
