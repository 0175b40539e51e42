import { describe, expect, test } from 'vitest'
import { type Dialect, type RejectReason, SampleType, TAGS_MAX } from '../sample.ts'
import { LineParser } from './line_parser.ts'
import { CollectingSink, type Seen } from './testing.ts'

const { counter, gauge, timer, histogram, distribution, set } = SampleType

function parse(text: string | Uint8Array, dialect: Dialect = 'lenient'): readonly Seen[] {
  const sink = new CollectingSink()
  const bytes = Buffer.from(text)
  new LineParser(dialect).parsePacket(bytes, 0, bytes.length, sink)
  return sink.seen
}

describe('DogStatsD', () => {
  test.for<[string, object]>([
    ['a:1|c', { name: 'a', type: counter, value: 1 }],
    ['a.b:2.5|g', { name: 'a.b', type: gauge, value: 2.5 }],
    ['a:-2|g', { name: 'a', type: gauge, value: -2 }],
    ['a:3|ms', { name: 'a', type: timer, value: 3 }],
    ['a:-3|h', { name: 'a', type: histogram, value: -3 }],
    ['a:1e3|d', { name: 'a', type: distribution, value: 1000 }],
    ['a:x:y|s', { name: 'a', type: set, value: 0, member: 'x:y' }],
    ['a:1|c|@0.25', { name: 'a', type: counter, value: 1, weight: 4 }],
    ['a:1|g|@0.25', { name: 'a', type: gauge, value: 1 }],
    [
      'a:1|c|#k:v,flag,e:',
      {
        name: 'a',
        type: counter,
        value: 1,
        tags: [
          ['k', 'v'],
          ['flag', undefined],
          ['e', ''],
        ],
      },
    ],
    ['a:1|c|#k:v:w', { name: 'a', type: counter, value: 1, tags: [['k', 'v:w']] }],
    ['a:1|c|#k:v|#l:w', { name: 'a', type: counter, value: 1, tags: [['l', 'w']] }],
    ['a:1|c|c:ci-abc', { name: 'a', type: counter, value: 1, container: 'abc' }],
    ['a:1|c|c:cid-abc', { name: 'a', type: counter, value: 1, container: 'abc' }],
    ['a:1|c|c:abc', { name: 'a', type: counter, value: 1, container: 'abc' }],
    ['a:1|c|c:in-123', { name: 'a', type: counter, value: 1, inode: '123' }],
    ['a:1|c|c:in-123,ci-abc', { name: 'a', type: counter, value: 1, container: 'abc' }],
    ['a:1|c|T1656581400|@0.5', { name: 'a', type: counter, value: 1, weight: 2, timestampS: 1656581400 }],
    ['a:1|c|e:it-false,cn-web,pu-1|card:high', { name: 'a', type: counter, value: 1, external: 'it-false,cn-web,pu-1', cardinality: 'high' }],
  ])('reads %s', ([line, sample]) => {
    expect(parse(line, 'dogstatsd')).toEqual([sample, 'accepted'])
  })

  test('hands on every value of a packed line, or none', () => {
    expect(parse('a:1::2.5|ms|@0.5|#k:v', 'dogstatsd')).toEqual([
      { name: 'a', type: timer, value: 1, weight: 2, tags: [['k', 'v']] },
      { name: 'a', type: timer, value: 2.5, weight: 2, tags: [['k', 'v']] },
      'accepted',
    ])
    expect(parse('a:1:x|ms', 'dogstatsd')).toEqual([{ rejected: 'bad_value' }])
  })

  test('counts sections it does not know and takes the line', () => {
    expect(parse('a:1|c|#k:v|z:9|c:abc', 'dogstatsd')).toEqual([
      { flaw: 'unknown_section', part: 'z:9' },
      { name: 'a', type: counter, value: 1, tags: [['k', 'v']], container: 'abc' },
      'accepted',
    ])
  })

  test('tells events and service checks from metrics', () => {
    expect(parse('_e{1,1}:a|b\n_sc|a|0\n_e{9,9}:a|b\n_sc|a|9\n_sca:1|c', 'dogstatsd')).toEqual([
      'event',
      'accepted',
      'service check',
      'accepted',
      { rejected: 'bad_event' },
      { rejected: 'bad_service_check' },
      { name: '_sca', type: counter, value: 1 },
      'accepted',
    ])
  })
})

describe('lenient', () => {
  test.for<[string, object]>([
    ['envoy.cluster.outbound|9080||r.default.upstream_rq:5|c', { name: 'envoy.cluster.outbound|9080||r.default.upstream_rq', type: counter, value: 5 }],
    [
      'a:1|c|#n:outbound|80|v1|reviews,k:v',
      {
        name: 'a',
        type: counter,
        value: 1,
        tags: [
          ['n', 'outbound|80|v1|reviews'],
          ['k', 'v'],
        ],
      },
    ],
    ['a:1|c|#n:inbound|9080||', { name: 'a', type: counter, value: 1, tags: [['n', 'inbound|9080||']] }],
    ['a:1|c|#n:inbound|9080|||@0.5', { name: 'a', type: counter, value: 1, weight: 2, tags: [['n', 'inbound|9080||']] }],
    [
      'a:1|c|#n:x|80||,k:v|',
      {
        name: 'a',
        type: counter,
        value: 1,
        tags: [
          ['n', 'x|80||'],
          ['k', 'v'],
        ],
      },
    ],
    ['a:1|c|#k:v|', { name: 'a', type: counter, value: 1, tags: [['k', 'v']] }],
    ['a:1|c|#k:v||@0.5||', { name: 'a', type: counter, value: 1, weight: 2, tags: [['k', 'v']] }],
    [
      'a:1|c|#k:v|#l:w',
      {
        name: 'a',
        type: counter,
        value: 1,
        tags: [
          ['k', 'v'],
          ['l', 'w'],
        ],
      },
    ],
    ['a:1|c|@0.5|@0.1', { name: 'a', type: counter, value: 1, weight: 10 }],
    [
      ' a : 1 | c | #k:v , l:w \0',
      {
        name: 'a',
        type: counter,
        value: 1,
        tags: [
          ['k', 'v'],
          ['l', 'w'],
        ],
      },
    ],
    [
      'a#k=v,l=w:1|c',
      {
        name: 'a',
        type: counter,
        value: 1,
        tags: [
          ['k', 'v'],
          ['l', 'w'],
        ],
      },
    ],
    ['a,k=v:1|c', { name: 'a', type: counter, value: 1, tags: [['k', 'v']] }],
    [
      'a;k=v;l=w:1|c|#m:x',
      {
        name: 'a',
        type: counter,
        value: 1,
        tags: [
          ['k', 'v'],
          ['l', 'w'],
          ['m', 'x'],
        ],
      },
    ],
    [
      'a.[k=v,l=w]b:1|c',
      {
        name: 'a.b',
        type: counter,
        value: 1,
        tags: [
          ['k', 'v'],
          ['l', 'w'],
        ],
      },
    ],
    ['l.[__]_15090.cx:1|c', { name: 'l.[__]_15090.cx', type: counter, value: 1 }],
    ['a=b,c:1|c', { name: 'a=b,c', type: counter, value: 1 }],
    ['a:-2|g', { name: 'a', type: gauge, value: -2, isDelta: true }],
    ['a:+2|g', { name: 'a', type: gauge, value: 2, isDelta: true }],
    ['a:-2|g|#k:v', { name: 'a', type: gauge, value: -2, tags: [['k', 'v']] }],
    ['a:-2|g|c:abc', { name: 'a', type: gauge, value: -2, container: 'abc' }],
    ['a:1|c\r', { name: 'a', type: counter, value: 1 }],
  ])('reads %j', ([line, sample]) => {
    expect(parse(line)).toEqual([sample, 'accepted'])
  })

  test('reads several samples behind one name, each with its rate, all with the tags', () => {
    expect(parse('a:1|c|@0.5:2:3|ms:x|t:+1|g|#k:v')).toEqual([
      { name: 'a', type: counter, value: 1, weight: 2, tags: [['k', 'v']] },
      { name: 'a', type: timer, value: 2, tags: [['k', 'v']] },
      { name: 'a', type: timer, value: 3, tags: [['k', 'v']] },
      { flaw: 'bad_type', part: 'x|t' },
      { name: 'a', type: gauge, value: 1, tags: [['k', 'v']] },
      'accepted',
    ])
  })

  test.for<[string, string, string]>([
    ['a:1|c|@2', 'bad_rate', '@2'],
    ['a:1|c|@x', 'bad_rate', '@x'],
    ['a:1|c|T-5', 'bad_timestamp', 'T-5'],
    ['a:1|c|zz', 'unknown_section', 'zz'],
    ['a:1|c|#:v', 'bad_tags', ':v'],
    ['a:1:x|c', 'bad_value', 'x'],
  ])('takes %s and counts %s', ([line, flaw, part]) => {
    const seen = parse(line)
    expect(seen).toContainEqual({ flaw, part })
    expect(seen).toContainEqual({ name: 'a', type: counter, value: 1 })
    expect(seen.at(-1)).toBe('accepted')
  })

  test('takes bytes that are not UTF-8 and counts the line', () => {
    expect(parse(Buffer.from('61ff3a317c63', 'hex'))).toEqual([
      { flaw: 'not_utf8', part: 'a\ufffd:1|c' },
      { name: 'a\ufffd', type: counter, value: 1 },
      'accepted',
    ])
    expect(parse('é:1|c|#k:µ')).toEqual([{ name: 'é', type: counter, value: 1, tags: [['k', 'µ']] }, 'accepted'])
  })
})

describe('what is refused', () => {
  test.for<[Dialect, string, RejectReason]>([
    ['lenient', 'a', 'no_value'],
    ['lenient', ' ', 'no_value'],
    ['lenient', 'a|c', 'no_value'],
    ['lenient', ':1|c', 'empty_name'],
    ['lenient', ' :1|c', 'empty_name'],
    ['lenient', 'a:|c', 'bad_value'],
    ['lenient', 'a:x|c', 'bad_value'],
    ['lenient', 'urn:a:1|c', 'bad_value'],
    ['lenient', 'a:NaN|g', 'bad_value'],
    ['lenient', 'a:1e400|g', 'bad_value'],
    ['lenient', 'a:|s', 'bad_value'],
    ['lenient', 'a:1', 'bad_type'],
    ['lenient', 'a:1|', 'bad_type'],
    ['lenient', 'a:1|t', 'bad_type'],
    ['lenient', 'a:1|msx', 'bad_type'],
    ['dogstatsd', 'a|b:1|c', 'no_value'],
    ['dogstatsd', 'a:1|c|@x', 'bad_rate'],
    ['dogstatsd', 'a:1|c|Tx', 'bad_timestamp'],
    ['dogstatsd', 'a:1|c:2|ms', 'bad_type'],
    ['dogstatsd', 'a: 1|c', 'bad_value'],
    ['strict', 'a b:1|c', 'bad_name'],
    ['strict', 'a:1|c|@2', 'bad_rate'],
    ['strict', 'a:1|c|', 'bad_section'],
    ['strict', 'a:1|c|z:1', 'bad_section'],
    ['strict', 'a:1|c|#', 'bad_tags'],
    ['strict', 'a:1|c|#k:v,,', 'bad_tags'],
    ['strict', 'a:1|c\r', 'bad_type'],
    ['etsy', 'a:-1|ms', 'bad_value'],
    ['etsy', 'a:1|c|x', 'bad_section'],
    ['etsy', 'a:1|c|@-1', 'bad_rate'],
    ['statsd_exporter', 'a:x|s', 'bad_type'],
    ['statsd_exporter', 'a:1|c|#k:v|z:1', 'bad_section'],
    ['statsd_exporter', 'a:1|c|#k:v|c', 'bad_container'],
    ['statsd_exporter', 'a#k=v:1|c|#l:w', 'mixed_tag_styles'],
    ['statsd_exporter', 'a]x[k=v:1|c', 'bad_tags'],
    ['statsd_exporter', '[k=v]:1|c', 'empty_name'],
    ['statsd_exporter', 'a:1:2|c', 'bad_type'],
    ['telegraf', 'a:1:2|ms', 'bad_type'],
    ['telegraf', 'a:+1|ms', 'bad_value'],
  ])('%s refuses %j: %s', ([dialect, line, reason]) => {
    const seen = parse(line, dialect)
    expect(seen.at(-1)).toEqual({ rejected: reason })
    expect(seen.filter((one) => typeof one === 'object' && 'value' in one)).toEqual([])
  })

  test('strict and statsd_exporter refuse bytes that are not UTF-8', () => {
    const line = Buffer.from('61ff3a317c63', 'hex')
    expect([parse(line, 'strict'), parse(line, 'statsd_exporter')]).toEqual([[{ rejected: 'not_utf8' }], [{ rejected: 'not_utf8' }]])
  })

  test('lines with too many tags are refused, those with as many as may be are taken', () => {
    const line = (tags: number): string => `a:1|c|#${Array.from({ length: tags }, (_, i) => `k${i}:v`).join(',')}`
    expect(parse(line(TAGS_MAX)).at(-1)).toBe('accepted')
    expect(parse(line(TAGS_MAX + 1))).toEqual([{ rejected: 'too_many_tags' }])
  })
})

describe('etsy, statsd_exporter and telegraf', () => {
  test.for<[Dialect, string, readonly Seen[]]>([
    ['etsy', 'a:1|h', [{ name: 'a', type: counter, value: 1 }, 'accepted']],
    ['etsy', 'a:1:2|c', [{ flaw: 'bad_type', part: '1' }, { name: 'a', type: counter, value: 2 }, 'accepted']],
    [
      'etsy',
      'a:1|c|@0.5:x|s|#k:v',
      [{ name: 'a', type: counter, value: 1, weight: 2, tags: [['k', 'v']] }, { name: 'a', type: set, value: 0, member: 'x', tags: [['k', 'v']] }, 'accepted'],
    ],
    [
      'statsd_exporter',
      'a:1|c|@0.5|@0.1|#k:v,flag,#l:w',
      [
        { flaw: 'bad_tags', part: 'flag' },
        {
          name: 'a',
          type: counter,
          value: 1,
          weight: 20,
          tags: [
            ['k', 'v'],
            ['l', 'w'],
          ],
        },
        'accepted',
      ],
    ],
    ['statsd_exporter', 'a[k=v]b:1|c', [{ name: 'ab', type: counter, value: 1, tags: [['k', 'v']] }, 'accepted']],
    ['statsd_exporter', 'a:1|c:2|ms', [{ name: 'a', type: counter, value: 1 }, { name: 'a', type: timer, value: 2 }, 'accepted']],
    [
      'telegraf',
      'a,k=v:1|c|#l:w|@0.5|c:abc',
      [
        {
          name: 'a',
          type: counter,
          value: 1,
          weight: 2,
          tags: [
            ['k', 'v'],
            ['l', 'w'],
          ],
          container: 'abc',
        },
        'accepted',
      ],
    ],
    ['telegraf', 'a:1|g:x|g:2|g', [{ name: 'a', type: gauge, value: 1 }, { flaw: 'bad_value', part: 'x|g:2|g' }, 'accepted']],
  ])('%s reads %s', ([dialect, line, seen]) => {
    expect(parse(line, dialect)).toEqual(seen)
  })
})

test('counts the lines of a packet, whatever ends them, and not the empty ones', () => {
  const sink = new CollectingSink()
  const bytes = Buffer.from('\na:1|c\r\n\r\n\nb:2|c\nbad\n')
  expect(new LineParser('lenient').parsePacket(bytes, 0, bytes.length, sink)).toBe(3)
  expect(sink.seen).toEqual([{ name: 'a', type: counter, value: 1 }, 'accepted', { name: 'b', type: counter, value: 2 }, 'accepted', { rejected: 'no_value' }])
})

test('looks at nothing beyond the part of the buffer it is given', () => {
  const sink = new CollectingSink()
  const bytes = Buffer.from('xxa:1|c|@0.5yy|#k:v')
  new LineParser('lenient').parseLine(bytes, 2, 12, sink)
  expect(sink.seen).toEqual([{ name: 'a', type: counter, value: 1, weight: 2 }, 'accepted'])
})
