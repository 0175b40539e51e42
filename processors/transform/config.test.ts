import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { checkComponents } from '../../config/components.ts'
import { formatProblem, ProblemList } from '../../config/problem.ts'
import { readSources } from '../../config/sources.ts'
import { yaml } from '../../lib/yaml.ts'
import { transformProcessor } from './factory.ts'

/** What the loader says of a processor's settings, as text. */
function problemsOf(settings: string): string {
  const text = `processors:\n  transform:\n${settings.replaceAll(/^/gm, '    ')}`
  const problems = new ProblemList()
  const root = readSources({ sources: [`yaml:${text}`], overrides: [] }, { env: {}, readFile: () => '', orderOf: () => 0 }, problems)
  if (root !== undefined) checkComponents(root, [transformProcessor], problems)
  return problems
    .problems()
    .map((problem) => formatProblem(problem))
    .join('\n')
}

test('the examples of the README are understood', () => {
  const readme = readFileSync(join(import.meta.dirname, 'README.md'), 'utf8')
  const examples = [...readme.matchAll(/```yaml\n([^]*?)```/g)].map(([, text = '']) => yaml().parse(text) as { processors: { transform: unknown } })
  expect(examples).toHaveLength(1)
  for (const { processors } of examples) expect(problemsOf(JSON.stringify(processors.transform))).toBe('')
})

describe('statements of the Collector are understood', () => {
  // Of its README, transform and OTTL.
  test.for([
    `error_mode: ignore
trace_statements:
  - keep_keys(span.attributes, ["service.name", "service.namespace", "cloud.region", "process.command_line"])
  - replace_pattern(span.attributes["process.command_line"], "password\\\\=[^\\\\s]*(\\\\s?)", "password=***")
  - limit(span.attributes, 100, [])
  - truncate_all(span.attributes, 4096)
log_statements:
  - set(log.severity_text, "FAIL") where log.body == "request failed"
  - replace_all_matches(log.attributes, "/user/*/list/*", "/user/{userId}/list/{listId}")
  - replace_all_patterns(log.attributes, "value", "/account/\\\\d{4}", "/account/{accountId}")
  - set(log.body, log.attributes["http.route"])`,
    `log_statements:
  - context: log
    conditions:
      - IsMap(body) and body["object"] != nil
    statements:
      - set(body, attributes["http.route"])`,
    `metric_statements:
  - error_mode: propagate
    conditions: [metric.type == METRIC_DATA_TYPE_SUM]
    statements: ['set(metric.description, "Sum")']`,
    `log_statements:
  - context: log
    statements:
      - 'replace_pattern(attributes["x"], "^kube_([0-9A-Za-z]+_)", "k8s.$$1.")'
      - merge_maps(log.cache, ParseJSON(log.body), "upsert") where IsMatch(log.body, "^\\\\{")
      - set(time, Unix(Int(cache["ts"]))) where cache["ts"] != nil
      - flatten(attributes, "app", 2)`,
  ])('%s', (settings) => {
    expect(problemsOf(settings)).toBe('')
  })
})

describe('a statement that is not supported is told with its place', () => {
  test('of the YAML and of the text', () => {
    expect(problemsOf('log_statements:\n  - set(log.body, "x")\n  - set(log.attributes["a"], ParseXML(log.body))')).toMatch(
      /^yaml:processors::5:9 {2}processors\.transform\.log_statements\[1\]: unknown function ParseXML, at column 26 of the text\n {2}expected {2}one of .*ParseJSON.*\n {2}found {5}set\(log\.attributes\["a"\], ParseXML\(log\.body\)\)$/,
    )
  })

  test.for([
    { settings: 'log_statements: [1]', problem: /log_statements/ },
    { settings: 'log_statements: ["set(log.body, 1)", {statements: ["set(log.body, 1)"]}]', problem: /texts and groups in one list/ },
    { settings: 'log_statements: [{context: span, statements: ["set(name, 1)"]}]', problem: /log_statements.*context/ },
    { settings: 'log_statements: [{statements: []}]', problem: /statements/ },
    { settings: 'log_statements: ["set(span.name, 1)"]', problem: /does not say what it is about/ },
    {
      settings: 'metric_statements: ["extract_sum_metric(true) where metric.name == \\"x\\""]',
      problem: /unknown function extract_sum_metric, at column 1 of the text/,
    },
    { settings: 'error_mode: log', problem: /error_mode/ },
    { settings: 'profile_statements: []', problem: /profile_statements: unknown setting/ },
    { settings: 'trace_statements: ["set(span.attributes[\\"a\\"], span.events)"]', problem: /unknown field events of span, at column 27 of the text/ },
  ])('$settings', ({ settings, problem }) => {
    expect(problemsOf(settings)).toMatch(problem)
  })
})
