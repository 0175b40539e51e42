import type { Dialect } from '../../receivers/statsd/sample.ts'

/** Lines that each of these dialects reads otherwise than what it is held against, and why. */
export interface Difference {
  readonly dialects: readonly Dialect[]
  readonly lines: readonly string[]
  readonly reason: string
}

const SECTION_OTHERS: readonly Dialect[] = ['lenient', 'strict']

/**
 * All differences between our dialects and the recorded results of their peers; for `lenient` and `strict`, of most peers.
 * The test of the cases reads it both ways, and DIALECTS.md shows it.
 */
export const DIFFERENCES: readonly Difference[] = [
  {
    dialects: ['dogstatsd', 'statsd_exporter', 'telegraf'],
    lines: ['NaN.should.be:NaN|g', 'foo:nan|c'],
    reason: 'Values are finite: NaN would poison a sum for good. Telegraf turns it into −2^63.',
  },
  {
    dialects: ['lenient', 'strict', 'dogstatsd', 'etsy', 'statsd_exporter', 'telegraf'],
    lines: ['foo:-Infinity|c'],
    reason: 'Values are finite.',
  },
  { dialects: ['etsy'], lines: ['foo:1e400|g'], reason: 'Values are finite; JavaScript reads this as Infinity.' },
  {
    dialects: ['lenient', 'strict', 'dogstatsd', 'statsd_exporter', 'telegraf'],
    lines: ['foo:0x1p-2|g', 'foo:1_000|c'],
    reason: 'Values are decimal; only the number parser of Go takes these.',
  },
  { dialects: ['etsy'], lines: ['foo:0x10|c'], reason: 'Values are decimal; only the number parser of JavaScript takes this.' },
  {
    dialects: ['lenient', 'dogstatsd', 'statsd_exporter', 'telegraf'],
    lines: ['foo:1|c|@-0.5'],
    reason: 'A rate below 0 makes no sense: counted, read as 1.',
  },
  {
    dialects: ['lenient', 'dogstatsd', 'etsy', 'statsd_exporter', 'telegraf'],
    lines: ['foo:1|c|@2'],
    reason: 'A rate above 1 makes no sense: counted, read as 1.',
  },
  { dialects: ['dogstatsd', 'etsy'], lines: ['foo:2|c|@0'], reason: 'A rate of 0 divides by 0: counted, read as 1.' },
  { dialects: ['strict'], lines: ['foo:2|c|@0', 'foo:1|c|@-0.5', 'foo:1|c|@2'], reason: 'A rate outside 0 to 1 ends the line.' },
  { dialects: ['lenient'], lines: ['foo:1|c|@', 'foo:1|c|@bar'], reason: 'A rate that is none loses the rate (counted), not the sample.' },
  {
    dialects: ['etsy'],
    lines: ['foo:1|c|@1e-1', 'foo:1|c|@+1'],
    reason: 'The server reads digits and points only: 1 for the one, and it throws at the other.',
  },
  {
    dialects: ['etsy', 'telegraf'],
    lines: [':100|ms'],
    reason: 'A metric needs a name.',
  },
  {
    dialects: ['telegraf'],
    lines: ['foo:0.4|c', 'foo:1.5|c|@0.5', 'foo:1|c|@0.3', 'foo:18446744073709551616|c'],
    reason: 'Telegraf cuts counters to 64-bit integers before and after it applies the rate; here nothing is cut off.',
  },
  {
    dialects: ['telegraf'],
    lines: ['foo:100|c|#a,b,c', 'test.metric:42|c|#:val1'],
    reason: 'Telegraf takes a bare tag for the value of the one before it, or a value for a key.',
  },
  { dialects: ['telegraf'], lines: ['♬†øU†øU¥ºuT0♪:666|g|#intitulé:T0µ'], reason: 'Telegraf cuts a character of several bytes at the end of the tags.' },
  { dialects: ['telegraf'], lines: ['foo:1|c:200|ms'], reason: 'Telegraf takes the second sample for a container id and loses it.' },
  {
    dialects: ['telegraf'],
    lines: ['foo:1|c|#a:b|c:cid-abc123'],
    reason: 'A container id is the id, without the prefix of the form it came in.',
  },
  {
    dialects: ['lenient'],
    lines: ['foo:0.01|d|@0.2|#tag1:bar,#tag2:baz', 'foo:0.01|h|@0.2|#tag1:bar,#tag2:baz', 'foo:100|c|#tag1:bar,#tag2:baz'],
    reason: 'The PHP client writes # in front of every tag; it is not part of the key.',
  },
  { dialects: ['lenient'], lines: ['foo:1|c| #a:b'], reason: 'Blanks around sections are not part of them, so the tags are kept.' },
  { dialects: ['lenient'], lines: ['foo: 1|c', 'foo:1|c '], reason: 'Blanks around values and lines are not part of them.' },
  {
    dialects: ['lenient'],
    lines: [
      'foo#tag1=bar,tag2=baz:100|c',
      'foo.[tag1=bar,tag2=baz]test:100|c',
      'foo;tag1=bar;tag2=baz:100|c',
      'envoy.cluster.upstream_cx_total;envoy.cluster_name=backend_v1:3|c',
    ],
    reason: 'Tags inside names are tags in all four styles, when every part of them is a key, = and a value.',
  },
  {
    dialects: ['lenient'],
    lines: [
      'foo#tag1=foo,tag3=bing:100|c|#tag1:bar,#tag2:baz',
      'foo[tag1=foo,tag3=bing]:100|c|#tag1:bar,#tag2:baz',
      'foo,tag1=foo,tag3=bing:100|c|#tag1:bar,#tag2:baz',
    ],
    reason: 'Tags of the name and of the tag section are kept together; the last of a key counts.',
  },
  {
    dialects: SECTION_OTHERS,
    lines: [
      'foo_timing:0.5:120:3000:10:20000:0.01|ms|#tag1:bar,tag2:baz',
      'foo_histogram:0.5:120:3000:10:20000:0.01|h|#tag1:bar,tag2:baz',
      'foo_counter:0.5:120:3000:10:20000:0.01|c|#tag1:bar,tag2:baz',
      'foo_gauge:0.5:120:3000:10:20000:0.01|g|#tag1:bar,tag2:baz',
      'daemon:666:777|g',
      'daemon:666:777|c',
      'page.views:1:2:32|d',
    ],
    reason: 'Several values of one type are DogStatsD 1.1, for all types but sets.',
  },
  {
    dialects: ['lenient'],
    lines: ['foo.[tag1=bar,tag2=baz]test:0.5:120|ms', 'a.packing:1:2:|ms|#|:|c:xyz', 'daemon:21::22|h'],
    reason: 'Several values of one type are DogStatsD 1.1; empty ones between them are passed over.',
  },
  {
    dialects: ['lenient'],
    lines: ['foo:1|c:200|ms', 'users.current:32|g:+10|g:-10|g'],
    reason: 'Several samples behind one name are the grammar of etsy, the statsd_exporter and Telegraf.',
  },
  { dialects: ['lenient'], lines: ['foo:100|c|#tag1:value|c'], reason: 'What follows | and looks like no section belongs to the tag value.' },
  {
    dialects: ['lenient'],
    lines: ['envoy.cluster.upstream_rq_xx:5|c|#envoy.response_code_class:2,envoy.cluster_name:outbound|9080||reviews'],
    reason: 'What follows | and looks like no section belongs to the tag value: this is how Envoy sends the clusters of Istio.',
  },
  {
    dialects: ['lenient'],
    lines: ['example.metric:2.39283|d|T1657100540|@1.000000|#environment:dev|c:2a25f7fc|f:wowthisisacoolfeature|f2:omgthisoneiscooler'],
    reason: 'Unknown sections are passed over and counted, however many.',
  },
  {
    dialects: SECTION_OTHERS,
    lines: [
      '_e{10,9}:test title|test text',
      '_e{10,9}:test title|test text|t:warning|d:12345|p:low|h:some.host|k:aggKey|s:source test|#tag1,tag2:test',
      '_e{5,4}:title|text|p:urgent',
      '_e{5,4}:title|text|t:test',
      '_e{5,4}:title|text|d:abc',
      '_e{10,0}:test title||t:warning',
      '_e{1,1}:a|b|#tag1,t:tag2|t:warning|d:123123|h:hoost|p:low|c:xyz',
      '_sc|agent.up|0',
      '_sc|agent.up|0|d:21|h:localhost|h:localhost2|d:22',
    ],
    reason: 'Events and service checks are read as the Datadog Agent reads them.',
  },
  {
    dialects: ['strict'],
    lines: [
      'foo:100|c|#tag:value,,',
      'a:1|g|#,,f',
      'a:1|g|#',
      'test.metric:42|c|#,,layer:gateway,component:scoring',
      'test.metric:42|c|#:val1',
      'foo:1|c|#tag1:',
      'foo:1|c|#tag1,tag2:valueA,tag2:valueB,tag3:value,tag3,tag4:',
      'new.first.empty:1|g||#,|c:xyz',
      'new.last.empty:1|g|#,|c:xyz|',
    ],
    reason: 'Tags have a key, and a value when they have a colon; none is empty.',
  },
  {
    dialects: ['strict'],
    lines: [
      'foo:1|c| #a:b',
      'foo:100|c|#tag1:value|c',
      'daemon:666|g|m:test',
      'test.metric:42|c|$extra',
      'foo:1|c|',
      'envoy.cluster.upstream_rq_xx:5|c|#envoy.response_code_class:2,envoy.cluster_name:outbound|9080||reviews',
    ],
    reason: 'Only the sections of DogStatsD 1.6 are taken, none of them empty.',
  },
  {
    dialects: ['strict'],
    lines: ['foo:100|c|#tag:val|Tnot-a-ts', 'foo:100|c|#tag:val|T', 'metric:1234|g|#onetag|T-102348932', 'metric:1234|g|#onetag|T0'],
    reason: 'A timestamp is a whole number above 0.',
  },
  {
    dialects: ['strict'],
    lines: [
      'foo#tag1=bar,tag2=baz:100|c',
      'foo,tag1=bar,tag2=baz:100|c',
      'foo.[tag1=bar,tag2=baz]test:100|c',
      'foo.[]test:100|c',
      '[tag1=bar,tag2=bazfoo.test:100|c',
      'foo]x[a=b:1|c',
      'foo;tag1=bar;tag2=baz:100|c',
      'foo#tag1=foo,tag3=bing:100|c|#tag1:bar,#tag2:baz',
      'foo[tag1=foo,tag3=bing]:100|c|#tag1:bar,#tag2:baz',
      'foo,tag1=foo,tag3=bing:100|c|#tag1:bar,#tag2:baz',
      'envoy.cluster.upstream_cx_total;envoy.cluster_name=backend_v1:3|c',
      'envoy.listener.[__]_15090.downstream_cx_total:1|c',
      ' foo:1|c',
      'smp gge:1|g',
      'invalid\ufffd(utf8:1|c',
    ],
    reason: 'Names are UTF-8 without blanks and without what some dialect takes for tags.',
  },
]
