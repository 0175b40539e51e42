import { describe, expect, test } from 'vitest'
import { AttributeSet, type AttributeValue } from '../../../model/attributes.ts'
import type { Metric } from '../../../model/data_points.ts'
import { EvaluationError } from './errors.ts'
import { holds, itemWith, plain, run } from './testing.ts'

type Attributes = Readonly<Record<string, AttributeValue>>

const map = (entries: Attributes): AttributeSet => AttributeSet.of(entries)

describe('an editor', () => {
  test.for<{ readonly statement: string; readonly before: Attributes; readonly after: Attributes }>([
    { statement: 'set(attributes["a"], 1)', before: {}, after: { a: 1n } },
    { statement: 'set(attributes["a"], 1.5)', before: { a: 'x', b: true }, after: { a: 1.5, b: true } },
    { statement: 'set(attributes["a"], attributes["missing"])', before: { a: 'x' }, after: { a: null } },
    { statement: 'set(attributes["a"]["b"]["c"], true)', before: {}, after: { a: map({ b: map({ c: true }) }) } },
    { statement: 'set(attributes["a"][1], "y")', before: { a: ['x', 'x'] }, after: { a: ['x', 'y'] } },
    { statement: 'set(attributes["a"][2], "y")', before: {}, after: { a: [null, null, 'y'] } },
    { statement: 'set(attributes[ToLowerCase("A")], [1, {"k": nil}])', before: {}, after: { a: [1n, map({ k: null })] } },
    { statement: 'set(attributes, {"x": 0xff})', before: { a: 1n }, after: { x: Uint8Array.of(255) } },
    { statement: 'set(attributes, nil)', before: { a: 1n }, after: {} },
    { statement: 'delete_key(attributes, "a")', before: { a: 1n, b: 2n }, after: { b: 2n } },
    { statement: 'delete_key(attributes["m"], "a")', before: { m: map({ a: 1n, b: 2n }) }, after: { m: map({ b: 2n }) } },
    { statement: 'delete_matching_keys(attributes, "(?i).*PASSWORD.*")', before: { my_password: 'x', b: 'y' }, after: { b: 'y' } },
    { statement: 'keep_keys(attributes, ["b", "c"])', before: { a: 1n, b: 2n }, after: { b: 2n } },
    { statement: 'keep_matching_keys(attributes, "^a")', before: { ab: 1n, ba: 2n }, after: { ab: 1n } },
    { statement: 'merge_maps(attributes, {"a": 9, "c": 3}, "insert")', before: { a: 1n }, after: { a: 1n, c: 3n } },
    { statement: 'merge_maps(attributes, {"a": 9, "c": 3}, "update")', before: { a: 1n }, after: { a: 9n } },
    { statement: 'merge_maps(attributes, ParseJSON("{\\"a\\": 9, \\"c\\": [1]}"), "upsert")', before: { a: 1n }, after: { a: 9, c: [1] } },
    { statement: 'limit(attributes, 2, ["c"])', before: { a: 1n, b: 2n, c: 3n }, after: { a: 1n, c: 3n } },
    { statement: 'limit(attributes, 1, ["c"])', before: { a: 1n, b: 2n, c: 3n }, after: { c: 3n } },
    { statement: 'truncate_all(attributes, 3)', before: { a: 'abcdef', b: 'äöü', c: 5n, d: 'abc' }, after: { a: 'abc', b: 'ä', c: 5n, d: 'abc' } },
    { statement: 'truncate_all(attributes, 4, truncation_marker = "…")', before: { a: 'abcdef', b: 'abcd' }, after: { a: 'a…', b: 'abcd' } },
    { statement: 'replace_pattern(attributes["a"], "pass\\\\=[^\\\\s]*(\\\\s?)", "pass=***$1")', before: { a: 'x pass=1 y' }, after: { a: 'x pass=*** y' } },
    { statement: 'replace_pattern(attributes["a"], "b", "x")', before: { a: 5n }, after: { a: 5n } },
    {
      statement: 'replace_pattern(attributes["a"], "b+", "$0", SHA256, "<%s>")',
      before: { a: 'abc' },
      after: { a: 'a<3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d>c' },
    },
    {
      statement: 'replace_all_patterns(attributes, "value", "/account/\\\\d{4}", "/account/{id}")',
      before: { a: '/account/1234/x', b: 1n },
      after: { a: '/account/{id}/x', b: 1n },
    },
    {
      statement: 'replace_all_patterns(attributes, "key", "^kube_([0-9A-Za-z]+_)", "k8s.${1}")',
      before: { kube_pod_x: 1n, y: 2n },
      after: { 'k8s.pod_x': 1n, y: 2n },
    },
    {
      statement: 'replace_match(attributes["a"], "/user/*/list/*", "/user/{userId}/list/{listId}")',
      before: { a: '/user/1/list/2' },
      after: { a: '/user/{userId}/list/{listId}' },
    },
    { statement: 'replace_all_matches(attributes, "ab*", "x", ToUpperCase)', before: { a: 'abc', b: 'cab' }, after: { a: 'X', b: 'cab' } },
    {
      statement: 'flatten(attributes)',
      before: { a: map({ b: 'x', c: map({ d: 1n }) }), l: ['u', 'v'], s: 's' },
      after: { 'a.b': 'x', 'a.c.d': 1n, 'l.0': 'u', 'l.1': 'v', s: 's' },
    },
    { statement: 'flatten(attributes, "app", 1)', before: { a: map({ b: map({ c: 1n }) }) }, after: { 'app.a.b': map({ c: 1n }) } },
    { statement: 'append(attributes["a"], "y")', before: { a: 'x' }, after: { a: ['x', 'y'] } },
    { statement: 'append(attributes["a"], values = ["y", 1])', before: {}, after: { a: ['y', 1n] } },
    { statement: 'delete_index(attributes["a"], 0, 2)', before: { a: [1n, 2n, 3n] }, after: { a: [3n] } },
    { statement: 'stringify_all(attributes)', before: { a: 1n, b: true, c: [1.5, 'x'], d: null }, after: { a: '1', b: 'true', c: '[1.5,"x"]', d: '' } },
    { statement: 'set(attributes["a"], "no") where attributes["a"] == nil', before: { a: 'x' }, after: { a: 'x' } },
    { statement: 'set(attributes["a"], cache["x"])', before: {}, after: { a: null } },
  ])('$statement', ({ statement, before, after }) => {
    const { log } = run(statement, 'log', itemWith(before))
    expect(plain(log.attributes)).toEqual(plain(map(after)))
    expect(log.attributes.keys).toEqual(Object.keys(after))
  })

  test('leaves the very set when nothing changes', () => {
    const item = itemWith({ a: 'x', n: 1n })
    const before = item.log.attributes
    for (const statement of [
      'set(attributes["a"], "x")',
      'delete_key(attributes, "z")',
      'keep_keys(attributes, ["a", "n"])',
      'truncate_all(attributes, 9)',
      'limit(attributes, 9, [])',
    ]) {
      run(statement, 'log', item)
    }
    expect(item.log.attributes).toBe(before)
  })
})

describe('a converter', () => {
  test.for<{ readonly call: string; readonly gives: AttributeValue }>([
    { call: 'Concat(["a", 1, 2.5, true, nil, attributes["l"]], "-")', gives: 'a-1-2.5-true-<nil>-[1,"<"]'.replace('<"', '\\u003c"') },
    { call: 'Split("a,b", ",")[1]', gives: 'b' },
    { call: 'Substring("abcdef", 1, 3)', gives: 'bcd' },
    { call: 'ToUpperCase("Straße")', gives: 'STRAßE' },
    { call: 'ConvertCase("ABC", "lower")', gives: 'abc' },
    { call: 'Trim("  a b ")', gives: 'a b' },
    { call: 'Trim("--a-", "-")', gives: 'a' },
    { call: 'TrimPrefix("abc", "a")', gives: 'bc' },
    { call: 'TrimSuffix("abc", "bc")', gives: 'a' },
    { call: 'Index("äbc", "c")', gives: 3n },
    { call: 'Index(["a", 2.0], 2)', gives: 1n },
    { call: 'Index(["a"], "b")', gives: -1n },
    { call: 'Int("42")', gives: 42n },
    { call: 'Int(-2.9)', gives: -2n },
    { call: 'Int(true)', gives: 1n },
    { call: 'Int(nil)', gives: null },
    { call: 'Double("1e3")', gives: 1000 },
    { call: 'Double(7)', gives: 7 },
    { call: 'Bool("T")', gives: true },
    { call: 'Bool(0)', gives: false },
    { call: 'String(1.5)', gives: '1.5' },
    { call: 'String(0x0aff)', gives: '0aff' },
    { call: 'String({"b": 1, "a": "x"})', gives: '{"a":"x","b":1}' },
    { call: 'Len("äb")', gives: 3n },
    { call: 'Len([1, 2])', gives: 2n },
    { call: 'ParseJSON("{\\"a\\": [1, null]}")["a"][0]', gives: 1 },
    { call: 'ExtractPatterns("GET /x", "^(?P<method>\\\\w+) (?P<path>.*)$")', gives: map({ method: 'GET', path: '/x' }) },
    { call: 'ParseKeyValue("a=1 b=\'x y\' c=z=w")', gives: map({ a: '1', b: 'x y', c: 'z=w' }) },
    { call: 'ParseKeyValue("k:v;l:w", ":", ";")["l"]', gives: 'w' },
    { call: 'UnixNano(Time("2023-11-14T22:13:20.123456789Z", "%Y-%m-%dT%H:%M:%S.%L%z"))', gives: 1_700_000_000_123_456_789n },
    { call: 'UnixSeconds(Time("14/Nov/2023:23:13:20 +0100", "%d/%b/%Y:%H:%M:%S %z"))', gives: 1_700_000_000n },
    { call: 'UnixMilli(Time("Tue November  7 1999 07:05:09,25 PM", "%a %B %e %Y %I:%M:%S,%f %p", "UTC"))', gives: 942_001_509_250n },
    { call: 'UnixSeconds(Time("99-01-02 03:04", "%y-%m-%d %R", "UTC"))', gives: 915_246_240n },
    { call: 'Coalesce([attributes["none"], "x"])', gives: 'x' },
    { call: 'Keys({"a": 1, "b": 2})', gives: ['a', 'b'] },
    { call: 'Values({"a": 1, "b": 2})', gives: [1n, 2n] },
    { call: 'Hex(0x01ff)', gives: '01ff' },
    { call: 'SHA256("abc")', gives: 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad' },
    { call: 'MD5("abc")', gives: '900150983cd24fb0d6963f7d28e17f72' },
    { call: 'FNV("abc")', gives: -1792535898324117685n },
    { call: 'Base64Encode("abc")', gives: 'YWJj' },
    { call: 'Milliseconds(Duration("1m2.5s"))', gives: 62_500n },
    { call: 'Seconds(Duration("-1500ms"))', gives: -1.5 },
    { call: 'UnixMilli(Unix(2, 500000000))', gives: 2500n },
    { call: 'UnixNano(time)', gives: 1_700_000_000_123_456_789n },
    { call: '1 + 2 * 3 - 4 / 3', gives: 6n },
    { call: '-(7 / 2) + 0.5', gives: -2.5 },
    { call: '9223372036854775807 + 1', gives: -9223372036854775808n },
  ])('$call', ({ call, gives }) => {
    const { log } = run(`set(attributes["result"], ${call})`, 'log', itemWith({ l: [1n, '<'] }))
    expect(plain(log.attributes.get('result'))).toEqual(plain(gives))
  })

  test.for([
    'ToLowerCase(attributes["none"])',
    'ToLowerCase(attributes["n"])',
    'Substring("abc", 2, 5)',
    'Int(attributes["s"])',
    'Int(Concat(["9999999999", "9999999999"], ""))',
    'Double(Concat(["1", "5"], ","))',
    'Bool(attributes["s"])',
    'Len(attributes["n"])',
    'ParseJSON("{")',
    'ParseJSON("1")',
    'ParseJSON("{}")["a"]',
    'Split("a", ",")[1]',
    '1 / 0',
    '1.5 / 0',
    '1 + time',
    'attributes["n"]["x"]',
    'time',
    'Duration(attributes["s"])',
    'TraceID(attributes["s"])',
    'Time("2023-02-30", "%F")',
    'Time("yesterday", "%F")',
    'ParseKeyValue("a")',
    'ParseKeyValue("")',
    'ParseKeyValue("a=\'b")',
    'ExtractPatterns("a", attributes["s"])',
  ])('fails where it cannot: %s', (call) => {
    expect(() => run(`set(attributes["result"], ${call})`, 'log', itemWith({ n: 5n, s: '(' }))).toThrow(EvaluationError)
  })
})

describe('a condition', () => {
  test.for<{ readonly condition: string; readonly holds: boolean }>([
    { condition: 'IsMatch(body, "^h")', holds: true },
    { condition: 'IsMatch(attributes["n"], "5")', holds: true },
    { condition: 'IsMatch(attributes["none"], ".*")', holds: false },
    { condition: 'IsString(body) and not IsInt(body)', holds: true },
    { condition: 'IsInt(attributes["n"]) and IsDouble(1.5) and IsBool(false) and IsMap({}) and IsList([])', holds: true },
    { condition: 'IsEmpty(attributes["none"]) and IsEmpty("") and IsEmpty({}) and not IsEmpty(attributes["n"])', holds: true },
    { condition: 'HasPrefix(body, "he") and HasSuffix(body, "lo")', holds: true },
    { condition: 'ContainsValue(attributes["l"], 2)', holds: true },
    { condition: 'ContainsValue(["a"], "b")', holds: false },
    { condition: 'IsInCIDR("10.1.2.3", ["192.168.0.0/16", "10.0.0.0/8"])', holds: true },
    { condition: 'IsInCIDR("fd00::1", ["10.0.0.0/8"])', holds: false },
    { condition: 'severity_number >= SEVERITY_NUMBER_INFO and severity_number < SEVERITY_NUMBER_WARN', holds: true },
    { condition: 'trace_id == TraceID(0x00000000000000000000000000000000)', holds: true },
    { condition: 'trace_id.string == "00000000000000000000000000000000"', holds: true },
    { condition: 'span_id != SpanID("0000000000000001")', holds: true },
    { condition: 'time > Unix(1) and time - Unix(1) > Duration("1h")', holds: true },
    { condition: 'resource.attributes["service.name"] == "shop" and scope.name == "lib" and instrumentation_scope.version == "1.0"', holds: true },
    { condition: 'log.body == "hello"', holds: true },
    { condition: 'true and (false or not false)', holds: true },
  ])('$condition', ({ condition, holds: expected }) => {
    expect(holds(condition, 'log', itemWith({ n: 5n, l: [1n, 2n] }))).toBe(expected)
  })
})

describe('an editor of metrics', () => {
  test('makes a gauge of a sum and back', () => {
    const item = itemWith()
    run('convert_sum_to_gauge()', 'metric', item)
    expect(item.metric).toEqual({ name: 'requests', description: 'Requests.', unit: '1', type: 'gauge' })
    run('convert_sum_to_gauge()', 'metric', item)
    run('convert_gauge_to_sum("delta", true)', 'metric', item)
    expect(item.metric).toMatchObject({ type: 'sum', temporality: 'delta', isMonotonic: true })
  })

  test('scales values', () => {
    const item = itemWith()
    run('scale_metric(2.5, "ms")', 'metric', item)
    expect([item.metric.unit, item.point]).toMatchObject(['ms', { value: 12n }])
    const base = { attributes: AttributeSet.empty, startTimeNs: 0n, timeNs: 0n, flags: 0 }
    const exemplars = [{ timeNs: 0n, value: 1, traceId: '', spanId: '', filteredAttributes: AttributeSet.empty }]
    const histogram = { ...base, exemplars, count: 1n, sum: 3, min: undefined, max: 2, bounds: [1, 2], bucketCounts: [1n, 0n, 0n] }
    item.metric = { name: 'h', description: '', unit: 's', type: 'histogram' }
    item.points = [histogram]
    run('scale_metric(10.0)', 'metric', item)
    expect(histogram).toMatchObject({ sum: 30, max: 20, min: undefined, bounds: [10, 20], exemplars: [{ value: 10 }], bucketCounts: [1n, 0n, 0n] })
    expect(exemplars[0]?.value).toBe(1)
    item.metric = { name: 'e', description: '', unit: 's', type: 'exponential_histogram' }
    expect(() => run('scale_metric(10.0)', 'metric', item)).toThrow(EvaluationError)
  })

  test.for([
    { aggregation: 'sum', value: 9n },
    { aggregation: 'mean', value: 3n },
    { aggregation: 'min', value: 1n },
    { aggregation: 'max', value: 6n },
    { aggregation: 'median', value: 2n },
    { aggregation: 'count', value: 3n },
  ])('makes one point of those that become the same: $aggregation', ({ aggregation, value }) => {
    const item = itemWith()
    const point = (given: bigint, pod: string, zone: string, startTimeNs = 5n) => ({
      attributes: map({ pod, zone }),
      startTimeNs,
      timeNs: 9n,
      flags: 0,
      exemplars: [],
      value: given,
    })
    const points = [point(2n, '1', 'a'), point(7n, '2', 'b'), point(6n, '3', 'a', 3n), point(1n, '4', 'a')]
    const metric: Metric = { name: 'm', description: '', unit: '', type: 'sum', temporality: 'cumulative', isMonotonic: true, points }
    item.metric = metric
    run(`aggregate_on_attributes("${aggregation}", ["zone"])`, 'metric', item)
    expect(metric.points.map((each) => [plain(each.attributes), each.value, each.startTimeNs])).toEqual([
      [{ zone: 'a' }, value, 3n],
      [{ zone: 'b' }, 7n, 5n],
    ])
  })

  test('adds histograms of the same bounds up', () => {
    const item = itemWith()
    const point = (bounds: readonly number[], bucketCounts: readonly bigint[], sum: number) => ({
      attributes: map({ pod: String(sum) }),
      startTimeNs: 1n,
      timeNs: 9n,
      flags: 0,
      exemplars: [],
      bounds,
      bucketCounts,
      sum,
      count: bucketCounts.reduce((total, count) => total + count),
      min: sum / 2,
      max: sum,
    })
    const points = [point([1], [1n, 2n], 4), point([1], [3n, 0n], 2), point([2], [1n, 1n], 8)]
    const metric: Metric = { name: 'm', description: '', unit: '', type: 'histogram', temporality: 'delta', points }
    item.metric = metric
    run('aggregate_on_attributes("sum", [])', 'metric', item)
    expect(metric.points.map(({ count, sum, min, max, bucketCounts }) => [count, sum, min, max, bucketCounts])).toEqual([
      [6n, 6, 1, 4, [4n, 2n]],
      [2n, 8, 4, 8, [1n, 1n]],
    ])
  })
})
