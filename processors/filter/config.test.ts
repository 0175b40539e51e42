import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { checkComponents } from '../../config/components.ts'
import { formatProblem, ProblemList } from '../../config/problem.ts'
import { readSources } from '../../config/sources.ts'
import { yaml } from '../../lib/yaml.ts'
import { filterProcessor } from './factory.ts'

/** What the loader says of a processor's settings, as text. */
function problemsOf(settings: string): string {
  const text = `processors:\n  filter:\n${settings.replaceAll(/^/gm, '    ')}`
  const problems = new ProblemList()
  const root = readSources({ sources: [`yaml:${text}`], overrides: [] }, { env: {}, readFile: () => '', orderOf: () => 0 }, problems)
  if (root !== undefined) checkComponents(root, [filterProcessor], problems)
  return problems
    .problems()
    .map((problem) => formatProblem(problem))
    .join('\n')
}

test('the examples of the README are understood', () => {
  const readme = readFileSync(join(import.meta.dirname, 'README.md'), 'utf8')
  const examples = [...readme.matchAll(/```yaml\n([^]*?)```/g)].map(([, text = '']) => yaml().parse(text) as { processors: { filter: unknown } })
  expect(examples).toHaveLength(1)
  for (const { processors } of examples) expect(problemsOf(JSON.stringify(processors.filter))).toBe('')
})

describe('what the Collector documents is understood', () => {
  test.for([
    `error_mode: propagate
trace_conditions:
  - span.attributes["container.name"] == "app_container_1"
  - resource.attributes["host.name"] == "localhost"
  - span.name == "app_3"
metric_conditions:
  - metric.name == "my.metric" and resource.attributes["my_label"] == "abc123"
  - metric.type == METRIC_DATA_TYPE_HISTOGRAM
  - metric.name == "k8s.pod.phase" and datapoint.value_int == 4
log_conditions:
  - IsMatch(log.body, ".*password.*")
  - log.severity_number < SEVERITY_NUMBER_WARN`,
    `trace_conditions:
  - context: span
    conditions:
      - IsRootSpan()
  - conditions:
      - spanevent.name == "bar"`,
    `error_mode: ignore
traces:
  span:
    - 'attributes["container.name"] == "app_container_1"'
    - 'resource.attributes["host.name"] == "localhost"'
    - 'name == "app_3"'
  spanevent:
    - 'attributes["grpc"] == true'
    - 'IsMatch(name, ".*grpc.*")'
metrics:
  metric:
    - 'HasAttrKeyOnDatapoint("bad.metric")'
    - 'type == METRIC_DATA_TYPE_HISTOGRAM'
  datapoint:
    - 'metric.type == METRIC_DATA_TYPE_SUMMARY'
    - 'resource.attributes["service.name"] == "my_service_name"'
logs:
  log_record:
    - 'IsMatch(body, ".*password.*")'
    - 'severity_number < SEVERITY_NUMBER_WARN'`,
  ])('%s', (settings) => {
    expect(problemsOf(settings)).toBe('')
  })
})

describe('old settings are told with the conditions that say the same', () => {
  test.for([
    {
      settings: 'metrics: {exclude: {match_type: strict, metric_names: [hello_world, hello/world]}}',
      hint: `write metric_conditions: ['metric.name == "hello_world" or metric.name == "hello/world"']`,
    },
    {
      settings: `metrics: {include: {match_type: regexp, metric_names: ["prefix/.*"], resource_attributes: [{key: container.name, value: "app's \\\\d"}]}}`,
      hint: `write metric_conditions: ['not (IsMatch(metric.name, "prefix/.*") and IsMatch(resource.attributes["container.name"], "app''s \\\\d"))']`,
    },
    {
      settings: 'logs: {exclude: {match_type: strict, severity_number: {min: info, match_undefined: true}, bodies: [ok], record_attributes: [{key: a}]}}',
      hint: `write log_conditions: ['log.attributes["a"] != nil and log.body == "ok" and (log.severity_number >= SEVERITY_NUMBER_INFO or log.severity_number == SEVERITY_NUMBER_UNSPECIFIED)']`,
    },
  ])('$settings', ({ settings, hint }) => {
    const told = problemsOf(settings)
    expect(told).toContain('not supported: an old form of conditions')
    expect(told).toContain(hint)
    const [list = '', condition = ''] = hint.replace('write ', '').split(': [')
    expect(problemsOf(`${list}: [${condition}`)).toBe('')
  })
})

test.for([
  { settings: 'log_conditions: ["set(log.body, 1)"]', problem: /log_conditions\[0\]: set gives no value, at column 1 of the text/ },
  { settings: 'log_conditions: ["log.body"]', problem: /a value where a condition must stand, at column 1/ },
  {
    settings: 'log_conditions: [{context: log, conditions: ["bdy == 1"]}]',
    problem: /log_conditions\[0\]\.conditions\[0\]: unknown field bdy of log, at column 1/,
  },
  { settings: 'trace_conditions: ["IsRootSpan() or spanevent.name == \\"bar\\""]', problem: /IsRootSpan in the context spanevent, at column 1/ },
  { settings: 'traces: {span: ["true"]}\ntrace_conditions: ["span.name == \\"a\\""]', problem: /traces: beside trace_conditions/ },
  { settings: 'log_conditions: ["log.body == 1", {conditions: ["log.body == 1"]}]', problem: /texts and groups in one list/ },
  { settings: 'spans: {}', problem: /spans: unknown setting/ },
])('a condition that is not supported is told: $settings', ({ settings, problem }) => {
  expect(problemsOf(settings)).toMatch(problem)
})
