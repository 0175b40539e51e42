import { type GoRegexp, parseGoRegexp } from '../../../lib/go_regexp.ts'
import { EVENT_TYPES } from './glob_tree.ts'
import type { Mapping, MappingRule } from './mapping.ts'
import { type ObserverBlock, observerDefaults, observerOf, readObserver } from './mapping_observer.ts'
import { type MappingFault, type MappingPath, MappingValues, shown } from './mapping_values.ts'
import { deadReferences } from './template.ts'

/** What a check of a mapping says. */
export interface CheckedMapping {
  /** Undefined when there are problems. */
  readonly mapping?: Mapping
  readonly problems: readonly MappingFault[]
  readonly warnings: readonly MappingFault[]
}

const TOP_KEYS = ['defaults', 'mappings'] as const
const DEFAULT_KEYS = ['observer_type', 'timer_type', 'match_type', 'glob_disable_ordering', 'ttl', 'summary_options', 'histogram_options'] as const
const RULE_KEYS = [
  'match',
  'match_type',
  'match_metric_type',
  'name',
  'labels',
  'honor_labels',
  'help',
  'action',
  'scale',
  'ttl',
  'observer_type',
  'timer_type',
  'summary_options',
  'histogram_options',
] as const

/** The forms that statsd_exporter demands of globs, names and labels. */
const GLOB = /^(?:\*|[A-Za-z_][\w-]*)(?:\.(?:\*|\w[\w-]*))*$/
const NAME = /^(?:[A-Za-z_]|\$\{?\d+\}?)(?:\w|\$\{?\d+\}?)*$/
const LABEL = /^[A-Za-z_]\w+$/

/**
 * Checks a mapping in statsd_exporter's form and fills in its defaults. Never throws; reports everything at once.
 *
 * `value` is what YAML gives, with scalars as text or as values. `lineOf` tells in which line a rule begins.
 */
export function checkMapping(value: unknown, lineOf: (rule: number) => number | undefined = () => undefined): CheckedMapping {
  const values = new MappingValues()
  const top = values.record(value, [], TOP_KEYS)
  const defaults = values.record(top?.['defaults'], ['defaults'], DEFAULT_KEYS)
  const matchType = values.oneOf(defaults?.['match_type'], ['defaults', 'match_type'], ['glob', 'regex']) ?? 'glob'
  const isOrdered = !(values.flag(defaults?.['glob_disable_ordering'], ['defaults', 'glob_disable_ordering']) ?? false)
  const ttlMs = values.durationMs(defaults?.['ttl'], ['defaults', 'ttl']) ?? 0
  const observer = observerDefaults(readObserver(values, defaults, ['defaults']))
  const rules = (values.list(top?.['mappings'], ['mappings']) ?? []).map((rule, index) =>
    readRule(values, rule, { index, line: lineOf(index), matchType, ttlMs, observer }),
  )
  const { problems, warnings } = values
  const mapping: Mapping = { rules, isOrdered, observer: observerOf(observer, observer), ttlMs }
  return problems.length > 0 ? { problems, warnings } : { mapping, problems, warnings }
}

interface RuleDefaults {
  readonly index: number
  readonly line: number | undefined
  readonly matchType: 'glob' | 'regex'
  readonly ttlMs: number
  readonly observer: Required<ObserverBlock>
}

function readRule(values: MappingValues, value: unknown, defaults: RuleDefaults): MappingRule {
  const path: MappingPath = ['mappings', defaults.index]
  const rule = values.record(value ?? {}, path, RULE_KEYS) ?? {}
  const match = values.text(rule['match'], [...path, 'match']) ?? ''
  const matchType = values.oneOf(rule['match_type'], [...path, 'match_type'], ['glob', 'regex']) ?? defaults.matchType
  const regexp = matchType === 'regex' ? readRegexp(values, match, [...path, 'match']) : undefined
  if (matchType === 'glob') checkGlob(values, match, [...path, 'match'])
  const name = values.text(rule['name'], [...path, 'name']) ?? ''
  checkName(values, name, [...path, 'name'])
  const labels = readLabels(values, rule['labels'], [...path, 'labels'])
  if (matchType === 'glob') warnOfDeadReferences(values, { match, name, labels }, path)
  const ttlMs = values.durationMs(rule['ttl'], [...path, 'ttl']) ?? 0
  const own = readObserver(values, rule, path)
  checkObserver(values, own, defaults.observer, path)
  return {
    number: defaults.index + 1,
    ...(defaults.line === undefined ? {} : { line: defaults.line }),
    match,
    regexp,
    type: values.oneOf(rule['match_metric_type'], [...path, 'match_metric_type'], EVENT_TYPES),
    name,
    labels,
    honorsLabels: values.flag(rule['honor_labels'], [...path, 'honor_labels']) ?? false,
    help: values.text(rule['help'], [...path, 'help']) ?? '',
    isDrop: values.oneOf(rule['action'], [...path, 'action'], ['map', 'drop']) === 'drop',
    scale: values.number(rule['scale'], [...path, 'scale']) ?? 1,
    ttlMs: ttlMs === 0 ? defaults.ttlMs : ttlMs,
    observer: observerOf(own, defaults.observer),
  }
}

function readRegexp(values: MappingValues, text: string, path: MappingPath): GoRegexp | undefined {
  const regexp = parseGoRegexp(text)
  if ('regexp' in regexp) {
    if (regexp.isRisky)
      values.warnings.push({
        path,
        problem: 'a repetition inside a repetition',
        found: shown(text),
        hint: 'matching can take very long for some names, which it cannot in statsd_exporter; say what separates the repeated parts, such as (?:[^.]+\\.)*',
      })
    return regexp
  }
  values.problems.push({
    path,
    problem: `not a regular expression: ${regexp.problem}`,
    expected: "Go's syntax (RE2), as in statsd_exporter",
    found: `${shown(text)}, at character ${regexp.at + 1}`,
  })
  return undefined
}

function checkGlob(values: MappingValues, match: string, path: MappingPath): void {
  if (GLOB.test(match)) return
  const isPartial = /[^.]\*|\*[^.]/.test(match)
  const isRegex = /[()[\]\\^$|+?]/.test(match)
  const hint =
    isPartial && !isRegex ? 'a * stands for a whole segment; use match_type: regex for parts of one' : isRegex ? 'write match_type: regex' : undefined
  values.problems.push({
    path,
    problem: match === '' ? 'missing match' : 'not a glob',
    expected: 'segments of letters, digits, _ and -, or *, with dots between them; the first does not begin with a digit',
    ...(match === '' ? {} : { found: shown(match) }),
    ...(hint === undefined ? {} : { hint }),
  })
}

function checkName(values: MappingValues, name: string, path: MappingPath): void {
  if (NAME.test(name)) return
  values.problems.push({
    path,
    problem: name === '' ? 'missing name' : 'not a metric name',
    expected: 'letters, digits, _ and references such as ${1}, not beginning with a digit; also where action is drop',
    ...(name === '' ? {} : { found: shown(name) }),
  })
}

function readLabels(values: MappingValues, value: unknown, path: MappingPath): (readonly [string, string])[] {
  return Object.entries(values.map(value, path) ?? {}).map(([key, template]) => {
    if (!LABEL.test(key))
      values.problems.push({
        path: [...path, key],
        isKey: true,
        problem: 'not a label name',
        expected: 'at least two characters: letters, digits and _, not beginning with a digit',
        found: shown(key),
      })
    return [key, values.text(template, [...path, key]) ?? ''] as const
  })
}

interface Templates {
  readonly match: string
  readonly name: string
  readonly labels: readonly (readonly [string, string])[]
}

function warnOfDeadReferences(values: MappingValues, { match, name, labels }: Templates, path: MappingPath): void {
  const captures = match.split('.').filter((field) => field === '*').length
  const places: [MappingPath, string][] = [
    [[...path, 'name'], name],
    ...labels.map(([key, template]): [MappingPath, string] => [[...path, 'labels', key], template]),
  ]
  for (const [place, template] of places) {
    for (const reference of deadReferences(template, captures)) {
      const number = /^\$(\d+)[\w$]/.exec(reference)?.[1]
      const hint = number === undefined || Number(number) > captures ? `the match has ${captures === 0 ? 'no' : captures} *` : `write \${${number}}`
      values.warnings.push({
        path: place,
        problem: 'reference to nothing',
        expected: 'a reference to a * of the match',
        found: shown(reference),
        hint: `${hint}; as it is, it leaves nothing`,
      })
    }
  }
}

function checkObserver(values: MappingValues, own: ObserverBlock, defaults: Required<ObserverBlock>, path: MappingPath): void {
  const type = own.type ?? (defaults.hasType ? defaults.type : undefined)
  const wrong = type === 'histogram' && own.hasSummary ? 'summary_options' : type === 'summary' && own.hasHistogram ? 'histogram_options' : undefined
  if (wrong === undefined) return
  values.problems.push({
    path: [...path, wrong],
    isKey: true,
    problem: `options of the other kind`,
    expected: `only ${type}_options, since observer_type is ${type}`,
    hint: `remove ${wrong}, or change observer_type`,
  })
}
