/** A dashboard: rows of panels, laid out and numbered, with links to all the others. */
import { type Dashboard, DashboardCursorSync, type DashboardLink, type Panel, type RowPanel, type VariableModel } from '@grafana/schema'
import type { PanelSpec } from './panels.ts'

/** Columns of Grafana's grid. */
const COLUMNS = 24
/** Of Grafana 12; older ones read it too, as far as they know its fields. */
const SCHEMA_VERSION = 42

/** Names of our dashboards in URLs. They never change: links, bookmarks and provisioning depend on them. */
export const UIDS = {
  mesh: 'meshscope-mesh',
  service: 'meshscope-service',
  workload: 'meshscope-workload',
  edge: 'meshscope-edge',
  tcp: 'meshscope-tcp',
  envoy: 'meshscope-envoy-statsd',
  cloudwatch: 'meshscope-cloudwatch',
  health: 'meshscope-health',
} as const

export type DashboardName = keyof typeof UIDS

/** Panels below a heading. */
export interface Row {
  readonly title: string
  readonly panels: readonly PanelSpec[]
}

export interface DashboardSpec {
  readonly name: DashboardName
  readonly title: string
  readonly description: string
  readonly variables: readonly VariableModel[]
  readonly rows: readonly Row[]
  /** The dashboards that belong to what this one shows, in the order of the links on top. */
  readonly related: readonly Related[]
}

/** A link on top. */
export interface Related {
  readonly name: DashboardName
  readonly title: string
  /** What of this dashboard's variables the other one is to have; all unless told otherwise. */
  readonly keeps?: 'all' | 'datasource' | 'nothing'
}

/** The dashboard as Grafana imports and provisions it. */
export function dashboard({ name, title, description, variables, rows, related }: DashboardSpec): Dashboard {
  return {
    uid: UIDS[name],
    title: `Meshscope / ${title}`,
    description,
    tags: ['meshscope'],
    timezone: 'browser',
    editable: false,
    graphTooltip: DashboardCursorSync.Crosshair,
    schemaVersion: SCHEMA_VERSION,
    version: 1,
    refresh: '30s',
    time: { from: 'now-1h', to: 'now' },
    timepicker: { refresh_intervals: ['5s', '10s', '30s', '1m', '5m', '15m'] },
    annotations: { list: [] },
    links: related.map(linkTo),
    templating: { list: [...variables] },
    panels: layOut(rows),
  }
}

/** A link that keeps the time range, and variables. */
function linkTo({ name, title, keeps = 'all' }: Related): DashboardLink {
  return {
    type: 'link',
    title,
    url: keeps === 'datasource' ? `/d/${UIDS[name]}?\${datasource:queryparam}` : `/d/${UIDS[name]}`,
    icon: 'external link',
    tooltip: '',
    tags: [],
    asDropdown: false,
    includeVars: keeps === 'all',
    keepTime: true,
    targetBlank: false,
  }
}

/**
 * Where a click on a cell leads: another dashboard, for the time and data source of this one. `variables` are those of the other
 * dashboard, with the column of the row that fills them, by the name that it has in the query's result.
 */
export function drillDown(name: DashboardName, title: string, variables: Readonly<Record<string, string>>): { readonly title: string; readonly url: string } {
  const filled = Object.entries(variables).map(([variable, column]) => `var-${variable}=\${__data.fields["${column}"]:percentencode}`)
  return { title, url: `/d/${UIDS[name]}?${['${datasource:queryparam}', ...filled, '${__url_time_range}'].join('&')}` }
}

/** Fills rows from left to right; a panel that does not fit begins below the highest one beside it. */
function layOut(rows: readonly Row[]): (Panel | RowPanel)[] {
  const placed: (Panel | RowPanel)[] = []
  let id = 0
  let y = 0
  for (const { title, panels } of rows) {
    id += 1
    placed.push({ id, type: 'row', title, collapsed: false, gridPos: { x: 0, y, w: COLUMNS, h: 1 }, panels: [] })
    y += 1
    let x = 0
    let bottom = y
    for (const { panel, width, height } of panels) {
      if (x + width > COLUMNS) {
        x = 0
        y = bottom
      }
      id += 1
      placed.push({ ...panel, id, gridPos: { x, y, w: width, h: height } })
      x += width
      bottom = Math.max(bottom, y + height)
    }
    y = bottom
  }
  return placed
}
