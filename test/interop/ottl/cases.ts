import { CONTEXTS, type ContextName, SIGNAL_CONTEXTS } from '../../../component/kit/ottl/contexts.ts'
import type { Field } from '../../../component/kit/ottl/fields.ts'
import type { Signal } from '../../../component/signal.ts'

/** Settings of a processor that must do the same with the same batch here and in the Collector. */
export interface OttlCase {
  readonly signal: Signal
  readonly processor: 'transform' | 'filter' | 'attributes' | 'resource'
  readonly settings: Readonly<Record<string, unknown>>
}

const NAME = { logs: 'log', traces: 'trace', metrics: 'metric' } as const

/** Each list is a configuration of its own, so that a difference is seen for itself. */
function transforms(signal: Signal, lists: readonly (readonly string[])[]): OttlCase[] {
  return lists.map((statements) => ({ signal, processor: 'transform', settings: { error_mode: 'silent', [`${NAME[signal]}_statements`]: statements } }))
}

function filters(signal: Signal, lists: readonly (readonly string[])[]): OttlCase[] {
  return lists.map((conditions) => ({ signal, processor: 'filter', settings: { error_mode: 'silent', [`${NAME[signal]}_conditions`]: conditions } }))
}

/** Statements that put what an expression gives into an attribute, where there is something to put. */
const results = (expressions: readonly string[]): string[][] => expressions.map((expression) => [`set(log.attributes["result"], ${expression})`])

const EDITORS = [
  ['set(log.attributes["new"], "x")', 'set(log.attributes["ratio"], 1)', 'set(log.attributes["nested"]["user"]["id"], 8)'],
  ['set(log.attributes["list"][1], "two")', 'set(log.attributes["list"][9], "out")', 'set(log.attributes["deep"]["er"][2], true)'],
  ['set(log.attributes["x"], log.attributes["missing"])', 'set(log.severity_text, nil)', 'set(log.body, nil) where log.severity_number == 0'],
  ['set(log.attributes, {"a": 1, "b": [1.5, "x", nil], "c": {"d": 0x0a}})'],
  ['set(log.attributes, log.attributes["nested"])'],
  ['set(log.body, log.attributes["http.method"])', 'set(log.body["user"]["name"], "eva")', 'set(log.body[0], "first")'],
  ['set(log.body.string, "was a map") where IsMap(log.body)'],
  ['delete_key(log.attributes, "ok")', 'delete_key(log.attributes["nested"], "tags")', 'delete_key(resource.attributes, "replicas")'],
  ['delete_matching_keys(log.attributes, "(?i)PASSWORD|^http\\\\.")'],
  ['keep_keys(log.attributes, ["url", "ratio", "zzz"])'],
  ['keep_matching_keys(log.attributes, "^(n|l)")'],
  ['merge_maps(log.attributes, log.attributes["nested"], "upsert")'],
  ['merge_maps(log.attributes, {"ok": 5, "fresh": 6}, "insert")'],
  ['merge_maps(log.attributes, {"ok": 5, "fresh": 6}, "update")'],
  ['merge_maps(log.attributes, ParseJSON(log.attributes["json"]), "upsert")'],
  ['merge_maps(log.attributes, log.body, "upsert") where IsMap(log.body)'],
  ['limit(log.attributes, 3, ["url"])'],
  ['limit(log.attributes, 0, [])'],
  ['truncate_all(log.attributes, 5)'],
  ['truncate_all(log.attributes, 7, true, "..")'],
  ['replace_pattern(log.body, "password\\\\=[^\\\\s]*(\\\\s?)", "password=***$$1")'],
  ['replace_pattern(log.body, "/(\\\\d+)", "/<$$1>")', 'replace_pattern(log.attributes["url"], "(?P<n>\\\\d+)", "{$${n}}")'],
  ['replace_pattern(log.attributes["long"], "[äö]*", "-")'],
  ['replace_all_patterns(log.attributes, "value", "/(user|list)/\\\\d+", "/$$1/{id}")'],
  ['replace_all_patterns(log.attributes, "key", "^http\\\\.(.*)$$", "web.$${1}")'],
  ['replace_match(log.attributes["url"], "/user/*/list/*", "/user/{userId}/list/{listId}")'],
  ['replace_all_matches(log.attributes, "/user/*", "gone")'],
  ['flatten(log.attributes)'],
  ['flatten(log.attributes, "app", 1)'],
  ['append(log.attributes["list"], "more")', 'append(log.attributes["url"], values = ["x", "y"])', 'append(log.attributes["fresh"], 1)'],
  ['delete_index(log.attributes["list"], 0)', 'delete_index(log.attributes["nested"]["tags"], 0, 2)'],
  ['stringify_all(log.attributes)'],
]

const FIELDS = [
  ['set(log.time_unix_nano, log.observed_time_unix_nano)', 'set(log.severity_number, SEVERITY_NUMBER_FATAL4)', 'set(log.severity_text, "FATAL")'],
  ['set(log.time, Unix(5, 7))', 'set(log.observed_time, log.time + Duration("1m30.5s"))'],
  [
    'set(log.trace_id, TraceID(0x000102030405060708090a0b0c0d0e0f))',
    'set(log.span_id.string, "00ABCDEF00ABCDEF")',
    'set(log.flags, 255)',
    'set(log.dropped_attributes_count, 9)',
  ],
  [
    'set(log.event_name, Concat([log.event_name, "!"], ""))',
    'set(scope.name, "mine")',
    'set(scope.attributes["x"], 1)',
    'set(resource.schema_url, "https://x")',
  ],
  ['set(resource.attributes["seen"], log.severity_number)', 'set(log.attributes["seen"], resource.attributes["seen"])'],
  ['set(log.cache["n"], log.severity_number)', 'set(log.attributes["n"], log.cache["n"]) where log.cache["n"] > 9'],
  ['set(resource.attributes["env"], "prod") where resource.attributes["service.name"] == "cart"'],
  ['set(scope.version, Concat([scope.name, resource.attributes["service.name"]], "@"))'],
]

const EXPRESSIONS = [
  '1 + 2 * 3 - 8 / 3',
  '-(7 / 2)',
  '7 / 2.0',
  '1.5 * 2',
  '9223372036854775807 + 1',
  '1 / 0',
  '-log.severity_number + 1',
  'log.attributes["ratio"] * 4',

  'Concat(["a", 1, 2.5, true, nil, log.attributes["list"]], "-")',
  'Concat([log.attributes["bytes"], 1.0e21, 0.000001], " ")',
  'Concat(log.attributes["list"], "+")',
  'Split(log.attributes["url"], "/")',
  'Split(log.attributes["url"], "/")[1]',
  'Substring(log.attributes["url"], 1, 4)',
  'Substring("abc", 2, 9)',

  'ToUpperCase(log.attributes["long"])',
  'ToLowerCase("ÄÖÜ ẞ")',
  'ConvertCase("aBc", "upper")',
  'Trim("  x ")',
  'Trim("--x-", "-")',
  'TrimPrefix("abc", "ab")',
  'TrimSuffix("abc", "c")',
  'Index("äbc", "c")',
  'Index(log.attributes["list"], 2)',
  'Index([1.0, "b"], "b")',
  'Int(log.attributes["number"])',
  'Int(-2.9)',
  'Int(true)',
  'Int(log.attributes["url"])',
  'Int(log.attributes["missing"])',
  'Double("1e3")',
  'Double(7)',
  'Double(log.attributes["url"])',
  'Bool("T")',
  'Bool(0)',
  'String(1.5)',
  'String(log.attributes["bytes"])',
  'String(log.attributes["nested"])',
  'String(log.attributes["list"])',
  'String(true)',
  'String(1.0e21)',
  'String("<&>")',
  'String({"h": "<&>"})',
  'Len(log.attributes["long"])',
  'Len(log.attributes["list"])',
  'Len(log.attributes)',
  'Len(log.body)',
  'ParseJSON(log.attributes["json"])',
  'ParseJSON(log.attributes["json"])["a"]["b"][3]',
  'ExtractPatterns(log.attributes["url"], "^/(?P<first>\\\\w+)/(?P<second>\\\\d+)(?P<none>x)?")',
  'Coalesce([log.attributes["missing"], log.attributes["url"], "z"])',
  'Keys(log.attributes["nested"])',
  'UnixNano(Time("2023-11-14T22:13:20.123456789Z", "%Y-%m-%dT%H:%M:%S.%L%z", "UTC"))',
  'UnixNano(Time("2023-11-14T22:13:20Z", "%Y-%m-%dT%H:%M:%SZ", "UTC"))',
  'UnixNano(Time("2023-11-14T22:13:20.5Z", "%Y-%m-%dT%H:%M:%SZ", "UTC"))',
  'UnixNano(Time("14/Nov/2023:23:13:20 +0100", "%d/%b/%Y:%H:%M:%S %z", "UTC"))',
  'UnixNano(Time("2023-11-14 22:13:20,25 PM", "%F %T,%f %p", "UTC"))',
  'UnixNano(Time("Tue, 14 Nov 2023 22:13:20 GMT", "%a, %d %b %Y %H:%M:%S %Z", "UTC"))',
  'UnixNano(Time("November  7 1999", "%B %e %Y", "UTC"))',
  'UnixNano(Time("07:05:09 PM 1/2/99", "%I:%M:%S %p %q/%g/%y", "UTC"))',
  'UnixNano(Time("2023-02-30", "%F", "UTC"))',
  'UnixNano(Time("2023-1-4 5:6:7.75", "%Y-%m-%d %H:%M:%S", "UTC"))',
  'UnixNano(Time("2023-01-04T05:06:07-02:30", "%FT%T%z", "UTC"))',
  'UnixNano(Time("2023-13-04", "%F", "UTC"))',
  'UnixNano(Time("2023-11-14", "%Y/%m/%d", "UTC"))',
  'UnixNano(Time("2023-11-14 5:6:7", "%F %T", "UTC"))',
  'UnixNano(Time("2023-11-14 05:06:07+01:00", "%F %T%j", "UTC"))',
  'UnixNano(Time("11/14/2023 22:13", "%D %R", "UTC"))',
  'UnixNano(Time("2023-11-14   22", "%Y-%m-%d %H", "UTC"))',
  'ParseKeyValue("a=1 b=2  c=x=y")',
  'ParseKeyValue("a:\\"x y\\";b:\'z\'", ":", ";")',
  'ParseKeyValue(log.attributes["url"], "/", "x")',
  'ParseKeyValue("k = v, l= w ", "=", ",")',
  'Values(log.attributes["nested"])',
  'Hex(log.attributes["bytes"])',
  'Hex(255)',
  'Hex("ab")',
  'MD5("abc")',
  'SHA1("abc")',
  'SHA256("abc")',
  'SHA512("abc")',
  'FNV("abc")',
  'Base64Encode("abc")',
  'Milliseconds(Duration("1m2.5s"))',
  'Seconds(Duration("-1500ms"))',
  'Hours(Duration("90m"))',
  'UnixNano(log.time)',
  'UnixMilli(log.time)',
  'UnixSeconds(Unix(7))',
  'log.trace_id.string',
  'log.span_id.string',
  'log.body.string',
  'log.attributes["nested"]["user"]',
  'log.attributes["list"][3]',
  'log.attributes["list"][4]',
  'log.attributes["url"]["x"]',
  '[1, "a", log.severity_number]',
  '{"a": log.severity_number, "b": {"c": log.attributes["ok"]}}',
  'log.attributes[Concat(["u", "rl"], "")]',
]

const CONDITIONS = [
  'log.severity_number >= SEVERITY_NUMBER_WARN',
  'log.attributes["http.status"] == 200.0',
  'log.attributes["http.status"] == "200"',
  'log.attributes["ratio"] < 1',
  'log.attributes["ok"] == true',
  'log.attributes["missing"] == nil',
  'log.attributes["none"] == nil',
  'log.attributes["missing"] < 1',
  'log.body == nil',
  'log.body != "x"',
  'log.body > "A"',
  'log.attributes["missing"] <= nil',
  'log.attributes["list"] == ["a", 2, 2.5, false]',
  'log.attributes["nested"]["tags"] != ["x", "y"]',
  'log.body == {"level": "error", "user": {"id": 9}, "items": ["p", "q"]}',
  'log.attributes["bytes"] == 0x01fe',
  'IsMatch(log.body, "^GET")',
  'IsMatch(log.attributes["http.status"], "^5")',
  'IsMatch(log.body, "error")',
  'IsMatch(log.attributes["missing"], ".*")',
  'not IsMatch(log.body, "(?i)get")',
  'IsString(log.body)',
  'IsMap(log.body)',
  'IsList(log.body)',
  'IsInt(log.body)',
  'IsDouble(log.attributes["ratio"])',
  'IsBool(log.attributes["ok"])',
  'IsEmpty(log.attributes)',
  'IsEmpty(log.attributes["a"])',
  'IsEmpty(log.attributes["missing"])',
  'HasPrefix(log.attributes["url"], "/user")',
  'HasSuffix(log.severity_text, "OR")',
  'ContainsValue(log.attributes["list"], 2)',
  'ContainsValue(log.body, "l")',
  'IsInCIDR(Concat(["10.1.2.", log.flags], ""), ["10.0.0.0/8"])',
  'log.trace_id == TraceID(0x0102030405060708090a0b0c0d0e0f10)',
  'log.span_id == SpanID(0x0000000000000000)',
  'log.time > Unix(1600000000)',
  'log.time - log.observed_time < Duration("0s")',
  'log.time_unix_nano == 1',
  'true and log.flags == 1',
  'false or log.flags == 1',
  'not (log.flags == 1 or log.severity_number == 0) and true',
  'Int(log.attributes["url"]) == 1 or log.severity_number == 9',
  'log.severity_number == 9 or Int(log.attributes["url"]) == 1',
  '1 / 0 == log.flags or 1 < 2',
  '(Int(log.attributes["url"]) == 1 and false) or log.flags == 1',
  'resource.attributes["service.name"] == "web"',
  'scope.name == "other"',
  'instrumentation_scope.version == "1.2" and log.severity_number > 9',
]

const SPAN_STATEMENTS = [
  [
    'set(span.name, Concat([span.kind.string, span.attributes["http.route"]], " ")) where span.kind == SPAN_KIND_SERVER',
    'set(span.kind, SPAN_KIND_PRODUCER) where span.kind != SPAN_KIND_SERVER',
  ],
  ['set(span.status.code, STATUS_CODE_OK) where span.status.code == STATUS_CODE_ERROR', 'set(span.status.message, "")', 'set(span.trace_state, "c=d")'],
  [
    'set(span.attributes["ms"], Milliseconds(span.end_time - span.start_time))',
    'set(span.end_time_unix_nano, span.start_time_unix_nano + 1)',
    'set(span.attributes["root"], true) where IsRootSpan()',
  ],
  [
    'set(span.parent_span_id, SpanID(0x0a0b0c0d0e0f0102)) where span.parent_span_id == SpanID(0x0000000000000000)',
    'set(span.span_id.string, "ffffffffffffffff")',
  ],
  [
    'replace_pattern(span.attributes["process.command_line"], "password\\\\=[^\\\\s]*(\\\\s?)", "password=***$$1")',
    'limit(span.attributes, 2, ["http.status"])',
    'set(span.flags, 3)',
  ],
  [
    'set(spanevent.attributes["span"], span.name)',
    'delete_key(spanevent.attributes, "secret")',
    'set(spanevent.name, ToUpperCase(spanevent.name))',
    'set(spanevent.time, spanevent.time + Duration("1s"))',
  ],
  ['set(span.attributes["last"], spanevent.name)', 'set(spanevent.attributes["n"], spanevent.attributes["n"] + 1) where spanevent.attributes["n"] != nil'],
]

const METRIC_STATEMENTS = [
  ...['sum', 'mean', 'min', 'max', 'median', 'count'].map((name) => [
    `aggregate_on_attributes("${name}", []) where metric.type == METRIC_DATA_TYPE_GAUGE or metric.type == METRIC_DATA_TYPE_HISTOGRAM`,
  ]),
  ['aggregate_on_attributes("sum")', 'aggregate_on_attributes("max", ["path"]) where metric.type == METRIC_DATA_TYPE_HISTOGRAM'],
  ['convert_sum_to_gauge() where metric.name == "kube_requests_total"', 'convert_gauge_to_sum("cumulative", false) where metric.name == "temperature"'],
  ['scale_metric(10.0, "x") where metric.unit != "C"'],
  [
    'replace_pattern(metric.name, "^kube_([0-9A-Za-z]+_)", "k8s.$$1")',
    'set(metric.unit, "{requests}") where metric.unit == "1"',
    'set(metric.description, "Sum") where metric.type == METRIC_DATA_TYPE_SUM',
  ],
  ['set(metric.is_monotonic, false)', 'set(metric.aggregation_temporality, AGGREGATION_TEMPORALITY_DELTA)', 'set(metric.metadata["x"], "y")'],
  [
    'delete_key(datapoint.attributes, "pod")',
    'set(datapoint.attributes["metric"], metric.name)',
    'set(datapoint.value_double, datapoint.value_double * 2) where metric.type == METRIC_DATA_TYPE_GAUGE',
  ],
  [
    'set(datapoint.value_int, datapoint.value_int + 1) where datapoint.value_int > 10',
    'set(datapoint.flags, 1)',
    'set(datapoint.time_unix_nano, datapoint.start_time_unix_nano)',
  ],
  [
    'set(datapoint.count, datapoint.count + 1)',
    'set(datapoint.sum, datapoint.sum / 2)',
    'set(datapoint.bucket_counts, [3, 2, 1])',
    'set(datapoint.explicit_bounds, [0.5, 5.0])',
  ],
  [
    'set(datapoint.scale, 1)',
    'set(datapoint.zero_count, 7)',
    'set(datapoint.positive.offset, 3)',
    'set(datapoint.negative.bucket_counts, [4])',
    'set(datapoint.attributes["o"], datapoint.positive.offset)',
  ],
  [
    'set(metric.description, datapoint.attributes["path"])',
    'set(datapoint.attributes["before"], metric.description)',
    'set(resource.attributes["last"], datapoint.attributes["path"])',
  ],
  ['set(datapoint.value_int, 3)', 'set(datapoint.attributes["d"], datapoint.value_double)', 'set(datapoint.attributes["i"], datapoint.value_int)'],
]

/** Where the value of a field can be put, and what can be put into a field of a type. */
const PLACES: Readonly<Record<ContextName, string>> = {
  resource: 'resource.attributes["result"]',
  scope: 'scope.attributes["result"]',
  log: 'log.attributes["result"]',
  span: 'span.attributes["result"]',
  spanevent: 'spanevent.attributes["result"]',
  metric: 'resource.attributes["result"]',
  datapoint: 'datapoint.attributes["result"]',
}
const VALUES: Readonly<Record<Field['type'], string>> = {
  string: '"0102030405060708"',
  int: '2',
  double: '2.5',
  bool: 'false',
  map: '{"k": "v"}',
  list: '[1, 2]',
  time: 'Unix(7)',
  id: 'SpanID(0x0102030405060708)',
  any: '"x"',
}

/** What of a field can be an attribute: the Collector leaves an empty one for times and ids, copies a map into itself, and refuses counts. */
function valueOf(path: string, type: Field['type']): string {
  if (type === 'time') return `UnixNano(${path})`
  if (type === 'id') return `${path}.string`
  return type === 'map' || type === 'list' ? `Len(${path})` : path
}

/** Reads and sets every field of a signal. */
function fieldCases(signal: Signal): OttlCase[] {
  return SIGNAL_CONTEXTS[signal].flatMap((context) =>
    Object.entries(CONTEXTS[context].fields).flatMap(([name, { type, set }]) => {
      const path = `${context}.${name}`
      return transforms(signal, [[`set(${PLACES[context]}, ${valueOf(path, type)})`], ...(set === undefined ? [] : [[`set(${path}, ${VALUES[type]})`]])])
    }),
  )
}

export const CASES: readonly OttlCase[] = [
  ...fieldCases('logs'),
  ...fieldCases('traces'),
  ...fieldCases('metrics'),
  ...transforms('logs', [...EDITORS, ...FIELDS, ...results(EXPRESSIONS)]),
  ...filters('logs', [
    ...CONDITIONS.map((condition) => [condition]),
    ['log.severity_number == 17', 'resource.attributes["service.name"] == "web"', 'scope.name == "other"'],
  ]),
  ...transforms('traces', SPAN_STATEMENTS),
  ...filters('traces', [
    ['(span.end_time - span.start_time) < Duration("1s") and span.status.code != STATUS_CODE_ERROR'],
    ['spanevent.name == "grpc.message"', 'span.name == "db"'],
    ['spanevent.name != ""'],
    ['span.attributes["http.status"] != nil and IsMatch(span.name, "^GET")'],
    ['span.kind == SPAN_KIND_CLIENT', 'scope.name == "lib"'],
  ]),
  ...transforms('metrics', METRIC_STATEMENTS),
  ...filters('metrics', [
    ['datapoint.attributes["path"] == "/healthz"'],
    ['datapoint.attributes["path"] != nil'],
    ['metric.name == "latency"', 'metric.type == METRIC_DATA_TYPE_GAUGE'],
    ['datapoint.value_int == 5', 'datapoint.value_double > 20.0'],
    ['datapoint.count > 3 and datapoint.sum < 5.0'],
    ['metric.is_monotonic == true and metric.aggregation_temporality == AGGREGATION_TEMPORALITY_CUMULATIVE'],
    ['datapoint.scale == 2 or datapoint.positive.offset == 1', 'metric.unit == ""'],
  ]),
  {
    signal: 'metrics',
    processor: 'filter',
    settings: { error_mode: 'silent', metrics: { metric: ['HasAttrKeyOnDatapoint("pod")'], datapoint: ['attributes["room"] == "b"'] } },
  },
  {
    signal: 'logs',
    processor: 'filter',
    settings: { error_mode: 'silent', logs: { resource: ['attributes["service.name"] == "web"'], log_record: ['severity_number < 10'] } },
  },
  { signal: 'traces', processor: 'filter', settings: { error_mode: 'silent', traces: { span: ['IsRootSpan()'], spanevent: ['name == "retry"'] } } },
  // The Collector takes names of converters for enums when it infers the context.
  {
    signal: 'logs',
    processor: 'transform',
    settings: {
      error_mode: 'silent',
      log_statements: [
        {
          context: 'log',
          statements: [
            'replace_pattern(attributes["url"], "\\\\d+", "$$0", SHA256, "h:%s")',
            'replace_all_matches(attributes, "{GET,POST}", "verb", ToUpperCase)',
            'replace_all_patterns(attributes, "value", "(l)ong", "$$1", ToUpperCase)',
          ],
        },
      ],
    },
  },
  {
    signal: 'logs',
    processor: 'transform',
    settings: {
      error_mode: 'silent',
      log_statements: [
        {
          context: 'log',
          conditions: ['severity_number > 9', 'body == 5'],
          statements: ['set(attributes["high"], true)', 'set(resource.attributes["high"], true)'],
        },
        { context: 'resource', statements: ['set(attributes["second"], attributes["high"])'] },
        { statements: ['set(log.attributes["third"], resource.attributes["second"])'], conditions: ['scope.name == "lib"'] },
      ],
    },
  },
]
