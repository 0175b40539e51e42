import type { FieldProblem } from '../../component/config_schema.ts'
import { printValue } from '../../component/kit/ottl/ast.ts'
import type { FilterConfig, OldLogMatch, OldMetricMatch } from './schema.ts'

/** Problems for `include` and `exclude`, each with the conditions that say the same. */
export function oldMatchProblems({ logs, metrics }: FilterConfig): FieldProblem[] {
  return [
    ...problemOf(['logs', 'include'], 'log_conditions', logs?.include && logConditions(logs.include)),
    ...problemOf(['logs', 'exclude'], 'log_conditions', logs?.exclude && logConditions(logs.exclude)),
    ...problemOf(['metrics', 'include'], 'metric_conditions', metrics?.include && metricConditions(metrics.include)),
    ...problemOf(['metrics', 'exclude'], 'metric_conditions', metrics?.exclude && metricConditions(metrics.exclude)),
  ]
}

function problemOf(path: readonly [string, 'include' | 'exclude'], list: string, condition: string | undefined): FieldProblem[] {
  if (condition === undefined) return []
  const written = path[1] === 'include' ? `not (${condition})` : condition
  return [
    {
      path,
      problem: 'not supported: an old form of conditions',
      expected: `${list}, of which any drops`,
      hint: condition === '' ? `write ${list}` : `write ${list}: [${quoted(written)}]`,
    },
  ]
}

/** As text in YAML. */
function quoted(condition: string): string {
  return `'${condition.replaceAll("'", "''").replaceAll('$', '$$$$')}'`
}

function metricConditions({ match_type: type, metric_names: names, resource_attributes: resource }: OldMetricMatch): string {
  return allOf([anyOf(names.map((name) => textIs('metric.name', name, type))), ...attributesAre('resource', resource, type)])
}

function logConditions(match: OldLogMatch): string {
  const { match_type: type, severity_number: severity } = match
  const least = severity === undefined ? [] : [`log.severity_number >= SEVERITY_NUMBER_${severity.min.toUpperCase()}`]
  if (severity?.match_undefined === true) least.push('log.severity_number == SEVERITY_NUMBER_UNSPECIFIED')
  return allOf([
    ...attributesAre('resource', match.resource_attributes, type),
    ...attributesAre('log', match.record_attributes, type),
    anyOf(match.severity_texts.map((text) => textIs('log.severity_text', text, type))),
    anyOf(match.bodies.map((text) => textIs('log.body', text, type))),
    anyOf(least),
  ])
}

function attributesAre(context: string, attributes: OldLogMatch['record_attributes'], type: string): string[] {
  return attributes.map(({ key, value }) => {
    const path = `${context}.attributes[${literal(key)}]`
    if (value === undefined) return `${path} != nil`
    return typeof value === 'string' ? textIs(path, value, type) : `${path} == ${value}`
  })
}

function textIs(path: string, value: string, type: string): string {
  return type === 'regexp' ? `IsMatch(${path}, ${literal(value)})` : `${path} == ${literal(value)}`
}

function literal(value: string): string {
  return printValue({ kind: 'string', value, offset: 0 })
}

function anyOf(conditions: readonly string[]): string {
  return conditions.length < 2 ? conditions.join('') : `(${conditions.join(' or ')})`
}

function allOf(conditions: readonly string[]): string {
  const given = conditions.filter((condition) => condition !== '')
  return given.length === 1 ? (given[0] ?? '').replace(/^\((.*)\)$/, '$1') : given.join(' and ')
}
