import { describe, expect, it } from 'vitest'
import { parseExposition } from '../../test/fakes/exposition.ts'

const counter = '# TYPE a_total counter\n'
const histogram = '# TYPE h histogram\n'

describe('parseExposition, which other tests rely on', () => {
  it('reads what both formats have', () => {
    const text = parseExposition('# HELP a_total b\\nc\n# TYPE a_total counter\na_total{x="\\"\\\\\\n",y=""} 1.5e3 1700\na_total NaN\n'.replace('NaN', '+Inf'))
    expect(text.samples).toEqual([
      { name: 'a_total', labels: { x: '"\\\n', y: '' }, value: 1500, timestampMs: 1700 },
      { name: 'a_total', labels: {}, value: Number.POSITIVE_INFINITY },
    ])
    expect(text.families.get('a_total')).toMatchObject({ type: 'counter', help: 'b\nc' })
    const open = parseExposition('# TYPE a_seconds counter\n# UNIT a_seconds seconds\na_seconds_total 2 1.5 # {trace_id="x"} 2 3\n# EOF\n')
    expect(open.samples[0]).toEqual({
      name: 'a_seconds_total',
      labels: {},
      value: 2,
      timestampMs: 1500,
      exemplar: { labels: { trace_id: 'x' }, value: 2, timestampMs: 3000 },
    })
    expect(text.sum('a_total', { y: '' })).toBe(Number.POSITIVE_INFINITY)
    expect(text.sum('b')).toBeUndefined()
  })

  it.each([
    ['no line feed at the end', `${counter}a_total 1`, 'line feed'],
    ['an empty line', `${counter}\na_total 1\n`, 'empty line'],
    ['a sample without type', 'a 1\n', 'does not belong'],
    ['a sample of another family', `${counter}b 1\n`, 'does not belong'],
    ['a second type', `${counter}${counter}a_total 1\n`, 'second TYPE'],
    ['a type after samples', `${counter}a_total 1\n# HELP a_total x\n`, 'after samples'],
    ['a family in two pieces', `${counter}a_total 1\n# TYPE b gauge\nb 1\n${counter}a_total{x="1"} 1\n`, 'one piece'],
    ['an unknown type', '# TYPE a thing\na 1\n', 'unknown type'],
    ['a family without samples', counter, 'no samples'],
    ['a duplicate label', `${counter}a_total{x="1",x="2"} 1\n`, 'duplicate label'],
    ['a duplicate series', `${counter}a_total{x="1",y="2"} 1\na_total{y="2",x="1"} 1\n`, 'duplicate series'],
    ['a bad label name', `${counter}a_total{1x="1"} 1\n`, 'no label name'],
    ['an open value', `${counter}a_total{x="1} 1\n`, 'unterminated'],
    ['an unknown escape', `${counter}a_total{x="\\t"} 1\n`, 'unknown escape'],
    ['a value that is no number', `${counter}a_total one\n`, 'not a number'],
    ['a negative counter', `${counter}a_total -1\n`, 'below 0'],
    ['a time with a point', `${counter}a_total 1 1.5\n`, 'not a timestamp'],
    ['an exemplar in text format', `${counter}a_total 1 # {x="1"} 1\n`, 'exemplar in text'],
    ['an exemplar on a gauge', '# TYPE g gauge\ng 1 # {x="1"} 1\n# EOF\n', 'cannot have one'],
    ['an exemplar that is too long', `# TYPE a counter\na_total 1 # {x="${'y'.repeat(128)}"} 1\n# EOF\n`, 'longer than 128'],
    ['a counter without _total', '# TYPE a counter\na 1\n# EOF\n', 'does not belong'],
    ['a unit that is not in the name', '# TYPE a gauge\n# UNIT a seconds\na 1\n# EOF\n', 'unit'],
    ['buckets that fall', `${histogram}h_bucket{le="1"} 2\nh_bucket{le="+Inf"} 1\nh_count 1\nh_sum 1\n`, 'ascend'],
    ['no last bucket', `${histogram}h_bucket{le="1"} 2\nh_count 2\nh_sum 1\n`, '+Inf'],
    ['another count than buckets', `${histogram}h_bucket{le="+Inf"} 1\nh_count 2\nh_sum 1\n`, 'count'],
  ])('refuses %s', (_, text, message) => {
    expect(() => parseExposition(text)).toThrow(message)
  })
})
