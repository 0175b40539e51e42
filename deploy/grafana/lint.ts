/** What people expect of dashboards they are to install: the rules of Grafana's dashboard-linter, which needs a Go module that builds nowhere here, and some of our own. */
import { type Dashboard, type Panel, VariableRefresh } from '@grafana/schema'
import { legendLabels, panelsOf, targetsOf } from './model.ts'
import { type Selector, selectors, syntaxErrors } from './promql_tree.ts'
import { INTERVALS, substitute, variablesIn } from './substitute.ts'
import { UNITS } from './units.ts'

/** Names that Grafana itself fills in. */
const BUILT_IN = /^__/
/** Metrics that are on pages which belong to one daemon each. */
const OF_A_PAGE = /^(?:otelcol_|meshscope_|envoy_|up$)/
const COUNTER = /_(?:total|sum|count|bucket)$/
/** Functions that turn a counter into what it grew by. */
const GROWTH = new Set(['rate', 'irate', 'increase'])
/** Grafana's own limit. */
const UID_LENGTH_MAX = 40

/** One sentence for each rule that a dashboard breaks; `all` are the dashboards that links may lead to. */
export function lint(dashboard: Dashboard, all: readonly Dashboard[]): string[] {
  const of = (check: (board: Dashboard) => readonly string[]): string[] => check(dashboard).map((problem) => `${dashboard.uid}: ${problem}`)
  return [
    ...of(header),
    ...of(variables),
    ...of(grid),
    ...of((board) => panelsOf(board).flatMap((panel) => panelProblems(panel).map((problem) => `${panel.title}: ${problem}`))),
    ...of((board) => linkProblems(board, all)),
  ]
}

function header({ uid = '', title = '', description = '', editable, tags = [], schemaVersion }: Dashboard): string[] {
  const problems: string[] = []
  if (!/^[a-z0-9-]+$/.test(uid) || uid.length > UID_LENGTH_MAX) problems.push(`uid ${uid} is not of a-z, 0-9 and -, or longer than ${UID_LENGTH_MAX}`)
  if (title === '' || description === '') problems.push('no title or description')
  if (editable !== false) problems.push('editable, although what is provisioned cannot be saved')
  if (!tags.includes('meshscope')) problems.push('without the tag meshscope')
  if (schemaVersion < 36) problems.push(`schemaVersion ${schemaVersion} is from before Grafana 9`)
  return problems
}

function variables(dashboard: Dashboard): string[] {
  const problems: string[] = []
  const defined = (dashboard.templating?.list ?? []).map(({ name }) => name)
  const [first] = dashboard.templating?.list ?? []
  if (first?.type !== 'datasource' || first.name !== 'datasource') problems.push('the first variable is not datasource')
  for (const variable of dashboard.templating?.list ?? []) {
    if (variable.label === undefined || variable.description === undefined) problems.push(`variable ${variable.name} has no label or description`)
    if (variable.type === 'query' && variable.refresh !== VariableRefresh.onTimeRangeChanged)
      problems.push(`variable ${variable.name} is not refreshed when the time range changes`)
    if (variable.type === 'query' && variable.datasource?.uid !== '${datasource}') problems.push(`variable ${variable.name} asks another data source`)
  }
  for (const variable of dashboard.templating?.list ?? []) {
    const { query = '' } = (typeof variable.query === 'object' ? variable.query : {}) as { readonly query?: string }
    const expression = /^label_values\((.*), \w+\)$/.exec(query)?.[1] ?? /^query_result\((.*)\)$/.exec(query)?.[1]
    if (variable.type === 'query' && expression === undefined) problems.push(`variable ${variable.name} asks neither for label_values nor for query_result`)
    problems.push(...syntaxErrors(expression ?? 'up').map((error) => `variable ${variable.name} ${error}`))
  }
  const body = JSON.stringify({ panels: dashboard.panels, list: dashboard.templating?.list })
  const used = new Set(variablesIn(body).filter((name) => !BUILT_IN.test(name)))
  for (const name of used) if (!defined.includes(name)) problems.push(`$${name} is no variable`)
  for (const name of defined) if (!used.has(name)) problems.push(`variable ${name} is not used`)
  return problems
}

function grid(dashboard: Dashboard): string[] {
  const problems: string[] = []
  const ids = (dashboard.panels ?? []).map(({ id }) => id)
  if (new Set(ids).size !== ids.length || ids.includes(undefined)) problems.push('panel ids are not unique')
  const taken = new Map<string, number>()
  for (const { id = 0, gridPos } of dashboard.panels ?? []) {
    if (gridPos === undefined || gridPos.x + gridPos.w > 24) {
      problems.push(`panel ${id} is not within the 24 columns`)
      continue
    }
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
        const other = taken.get(`${x} ${y}`)
        if (other !== undefined) problems.push(`panels ${other} and ${id} overlap`)
        taken.set(`${x} ${y}`, id)
      }
    }
  }
  return [...new Set(problems)]
}

function panelProblems(panel: Panel): string[] {
  const problems: string[] = []
  if ((panel.title ?? '') === '') problems.push('no title')
  if ((panel.description ?? '').length < 20) problems.push('no description')
  if (panel.datasource?.uid !== '${datasource}') problems.push('does not ask ${datasource}')
  const unit = panel.fieldConfig?.defaults.unit
  if (unit === undefined || !(unit in UNITS)) problems.push(`unit ${unit} is not one of ${Object.keys(UNITS).join(', ')}`)
  const values = (panel.fieldConfig?.defaults.thresholds?.steps ?? []).map(({ value }) => value ?? Number.NEGATIVE_INFINITY)
  if (values.some((value, index) => index > 0 && value < (values[index - 1] ?? 0))) problems.push('thresholds do not ascend')
  if ((panel.targets ?? []).length === 0) problems.push('no query')
  const refs = (panel.targets ?? []).map(({ refId }) => refId)
  if (new Set(refs).size !== refs.length) problems.push('two queries have the same refId')
  problems.push(...fieldProblems(panel))
  for (const { expr, legendFormat } of targetsOf(panel)) problems.push(...exprProblems(expr), ...legendProblems(expr, legendFormat))
  return problems
}

/** Links of cells take values of columns that the queries have. */
function fieldProblems(panel: Panel): string[] {
  const columns = Array.from(JSON.stringify(panel.fieldConfig?.overrides ?? []).matchAll(/__data\.fields\[\\"(\w+)\\"\]/g), ([, column = '']) => column)
  const isKept = (column: string): boolean => targetsOf(panel).every(({ expr }) => new RegExp(`by \\([^)]*\\b${column}\\b`).test(expr))
  return columns.filter((column) => !isKept(column)).map((column) => `a link takes the column ${column}, which not every query keeps`)
}

function exprProblems(expr: string): string[] {
  const problems = syntaxErrors(substitute(expr, INTERVALS))
  for (const range of expr.matchAll(/\[([^\]]+)\]/g)) {
    // What is said to be of an hour may say so.
    if (range[1] !== '$__rate_interval' && !expr.includes(`increase(`)) problems.push(`a range of ${range[1]} instead of $__rate_interval`)
  }
  for (const selector of selectors(substitute(expr, INTERVALS))) problems.push(...selectorProblems(selector))
  return problems
}

function selectorProblems({ metric, matchers, within }: Selector): string[] {
  const problems: string[] = []
  if (OF_A_PAGE.test(metric)) {
    for (const matcher of ['job=~"$job"', 'instance=~"$instance"']) if (!matchers.includes(matcher)) problems.push(`${metric} without ${matcher}`)
  }
  if (metric.startsWith('istio_') && metric !== 'istio_build' && !matchers.some((matcher) => /^(?:reporter|destination_service)[=!]/.test(matcher))) {
    problems.push(`${metric} without a reporter: every call would count twice`)
  }
  const isOpen = metric.startsWith('istio_tcp_connections_') && within.includes('clamp_min')
  if (COUNTER.test(metric) && !metric.startsWith('envoy_cluster_membership') && !isOpen && !within.some((name) => GROWTH.has(name))) {
    problems.push(`the counter ${metric} is not within rate or increase`)
  }
  return problems
}

/** A legend names labels that the expression keeps. */
function legendProblems(expr: string, legend: string): string[] {
  return legendLabels(legend).flatMap((label) => {
    const isKept = new RegExp(`by \\([^)]*\\b${label}\\b[^)]*\\)`).test(expr)
    return isKept ? [] : [`the legend has {{${label}}}, which no "by" keeps`]
  })
}

function linkProblems(dashboard: Dashboard, all: readonly Dashboard[]): string[] {
  const problems: string[] = []
  const urls = [
    ...(dashboard.links ?? []).map(({ url = '' }) => url),
    ...JSON.stringify(dashboard.panels)
      .matchAll(/"url":"([^"]*(?:\\"[^"]*)*)"/g)
      .map(([, url = '']) => url),
  ]
  for (const url of urls) {
    const [, uid] = /^\/d\/([^?]+)/.exec(url) ?? []
    const target = all.find((other) => other.uid === uid)
    if (target === undefined) problems.push(`a link leads to ${url}, which is none of ours`)
    const isOtherSource = target?.templating?.list?.[0]?.query !== dashboard.templating?.list?.[0]?.query
    const keepsAll = (dashboard.links ?? []).some((link) => link.url === url && link.includeVars)
    if (target !== undefined && isOtherSource && keepsAll) problems.push(`a link gives ${uid} a data source of another kind`)
    const names = (target?.templating?.list ?? []).map(({ name }) => name)
    for (const [, name = ''] of url.matchAll(/[?&]var-(\w+)=/g)) if (!names.includes(name)) problems.push(`a link sets ${name}, which ${uid} has not`)
  }
  return problems
}
