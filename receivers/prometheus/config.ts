import { type ConfigOf, configSchema, type FieldProblem } from '../../component/config_schema.ts'
import { parseDuration } from '../../lib/duration.ts'
import { type JobConfig, prometheusSchema, type RelabelRuleConfig } from './scrape_schema.ts'

import { anchoredPattern, type RelabelRule } from './targets/relabel.ts'
import { parseFieldSelector, parseLabelSelector } from './targets/selectors.ts'

type Path = readonly (string | number)[]

export const prometheusConfig = configSchema(prometheusSchema, ({ config }): FieldProblem[] => {
  const jobs = config.scrape_configs.flatMap((job, i) => checkJob(job, config.global, ['config', 'scrape_configs', i]))
  return [...checkNames(config.scrape_configs), ...jobs]
})

export type PrometheusConfig = ConfigOf<typeof prometheusConfig>
export type GlobalConfig = PrometheusConfig['config']['global']

/** A rule of a checked config. */
export function relabelRule(rule: RelabelRuleConfig): RelabelRule {
  return {
    action: rule.action,
    sourceLabels: rule.source_labels,
    separator: rule.separator,
    regex: rule.regex === undefined ? '(.*)' : String(rule.regex),
    targetLabel: rule.target_label,
    replacement: rule.replacement === undefined ? '$1' : String(rule.replacement),
    modulus: rule.modulus ?? 1,
  }
}

/** Interval and timeout of a job, as Go writes durations. A timeout that the job does not set itself is at most its interval. */
export function scrapeTimes(job: JobConfig, global: GlobalConfig): { readonly interval: string; readonly timeout: string } {
  const interval = job.scrape_interval ?? global.scrape_interval
  if (job.scrape_timeout !== undefined) return { interval, timeout: job.scrape_timeout }
  const isLonger = (parseDuration(global.scrape_timeout) ?? 0) > (parseDuration(interval) ?? 0)
  return { interval, timeout: isLonger ? interval : global.scrape_timeout }
}

const BODY_BYTES_MAX = 256 * 2 ** 20
const SIZE = /^(\d+(?:\.\d+)?)\s*(B|[KMGTPE]i?B)?$/
const UNITS = 'BKMGTPE'

/** Bytes of a size as Prometheus writes it, where KB and KiB are both 1024; 0 is the default. Undefined when it is none. */
export function bodyBytesMax(size: string | number): number | undefined {
  const found = SIZE.exec(String(size).trim())
  if (found === null) return undefined
  const bytes = Math.floor(Number(found[1]) * 1024 ** UNITS.indexOf(found[2]?.[0] ?? 'B'))
  return bytes === 0 ? BODY_BYTES_MAX : bytes
}

function checkNames(jobs: readonly JobConfig[]): FieldProblem[] {
  const seen = new Set<string>()
  return jobs.flatMap(({ job_name: name }, i): FieldProblem[] => {
    if (!seen.has(name)) {
      seen.add(name)
      return []
    }
    return [{ path: ['config', 'scrape_configs', i, 'job_name'], problem: 'a name that another scrape config has', expected: 'a name of its own', found: name }]
  })
}

function checkJob(job: JobConfig, global: GlobalConfig, path: Path): FieldProblem[] {
  return [
    ...checkTimes(job, global, path),
    ...checkLimits(job, path),
    ...checkAccess(job, path),
    ...job.static_configs.flatMap((one, i) => checkTargets(one.targets, [...path, 'static_configs', i, 'targets'])),
    ...job.kubernetes_sd_configs.flatMap((one, i) => checkSelectors(one, [...path, 'kubernetes_sd_configs', i])),
    ...checkRules(job.relabel_configs, [...path, 'relabel_configs']),
    ...checkRules(job.metric_relabel_configs, [...path, 'metric_relabel_configs']),
  ]
}

function checkTimes(job: JobConfig, global: GlobalConfig, path: Path): FieldProblem[] {
  const { interval, timeout } = scrapeTimes(job, global)
  const intervalMs = parseDuration(interval) ?? 0
  const timeoutMs = parseDuration(timeout) ?? 0
  const where = (key: 'scrape_interval' | 'scrape_timeout'): Path => (job[key] === undefined ? ['config', 'global', key] : [...path, key])
  if (intervalMs < 1) return [{ path: where('scrape_interval'), problem: 'too short', expected: 'at least 1ms', found: interval }]
  if (timeoutMs < 1) return [{ path: where('scrape_timeout'), problem: 'too short', expected: 'at least 1ms', found: timeout }]
  if (timeoutMs <= intervalMs) return []
  return [{ path: where('scrape_timeout'), problem: 'longer than scrape_interval', expected: `at most ${interval}`, found: timeout }]
}

function checkLimits({ body_size_limit: size }: JobConfig, path: Path): FieldProblem[] {
  if (bodyBytesMax(size) !== undefined) return []
  return [{ path: [...path, 'body_size_limit'], problem: 'not a size', expected: 'a number with a unit, such as 10MB', found: String(size) }]
}

function checkAccess({ basic_auth: basic, authorization, tls_config: tls }: JobConfig, path: Path): FieldProblem[] {
  const problems: FieldProblem[] = []
  if (basic !== undefined && authorization !== undefined)
    problems.push({ path: [...path, 'authorization'], problem: 'given together with basic_auth', expected: 'one of both', hint: 'remove one of them' })
  if (basic?.username_file !== undefined && basic.username !== '')
    problems.push({ path: [...path, 'basic_auth', 'username_file'], problem: 'given together with username', expected: 'one of both' })
  if (basic?.password_file !== undefined && basic.password !== '')
    problems.push({ path: [...path, 'basic_auth', 'password_file'], problem: 'given together with password', expected: 'one of both' })
  if (authorization?.credentials !== undefined && authorization.credentials_file !== undefined)
    problems.push({ path: [...path, 'authorization', 'credentials_file'], problem: 'given together with credentials', expected: 'one of both' })
  if (authorization?.type.trim().toLowerCase() === 'basic')
    problems.push({ path: [...path, 'authorization', 'type'], problem: 'Basic has settings of its own', expected: 'basic_auth' })
  if ((tls.cert_file === undefined) !== (tls.key_file === undefined))
    problems.push({ path: [...path, 'tls_config'], problem: 'one of cert_file and key_file without the other', expected: 'both, or neither' })
  return problems
}

function checkTargets(targets: readonly string[], path: Path): FieldProblem[] {
  return targets.flatMap((target, i): FieldProblem[] => {
    if (!/[/?#@\s]/.test(target)) return []
    const hint = target.includes('://') ? 'leave out the scheme and the path; they are scheme and metrics_path' : 'the path is metrics_path'
    return [{ path: [...path, i], problem: 'not an address', expected: 'host:port', found: target, hint }]
  })
}

function checkSelectors({ selectors }: JobConfig['kubernetes_sd_configs'][number], path: Path): FieldProblem[] {
  return selectors.flatMap(({ label, field }, i): FieldProblem[] => [
    ...problemOf(() => parseLabelSelector(label ?? ''), [...path, 'selectors', i, 'label'], label),
    ...problemOf(() => parseFieldSelector(field ?? ''), [...path, 'selectors', i, 'field'], field),
  ])
}

function problemOf(read: () => unknown, path: Path, found: string | undefined): FieldProblem[] {
  try {
    read()
    return []
  } catch (error) {
    return [{ path, problem: (error as Error).message, ...(found === undefined ? {} : { found }) }]
  }
}

const LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/
/** Actions that set one label. */
const SETTING: ReadonlySet<string> = new Set(['lowercase', 'uppercase', 'hashmod', 'keepequal', 'dropequal'])

function checkRules(rules: readonly RelabelRuleConfig[], path: Path): FieldProblem[] {
  return rules.flatMap((rule, i) => checkRule(rule, [...path, i]))
}

function checkRule(rule: RelabelRuleConfig, path: Path): FieldProblem[] {
  const { action, target_label: target, regex, modulus } = rule
  const problems: FieldProblem[] = []
  if (regex !== undefined) {
    try {
      anchoredPattern(String(regex))
    } catch (error) {
      problems.push({
        path: [...path, 'regex'],
        problem: 'not a regular expression',
        expected: 'RE2 syntax',
        found: `${String(regex)}: ${(error as Error).message}`,
      })
    }
  }
  if (target === '' && (SETTING.has(action) || action === 'replace'))
    problems.push({ path, problem: `no target_label for ${action}`, expected: 'the label that is meant' })
  else if (SETTING.has(action) && !LABEL_NAME.test(target))
    problems.push({ path: [...path, 'target_label'], problem: 'not a label name', expected: 'letters, digits and _', found: target })
  if (action === 'hashmod' && modulus === undefined) problems.push({ path, problem: 'no modulus for hashmod', expected: 'a number of at least 1' })
  return problems
}
