/** Variables of dashboards, in the order in which they stand above the panels. */
import { type VariableModel, VariableRefresh, VariableSort } from '@grafana/schema'
import { PROMETHEUS } from './panels.ts'

/** Which Prometheus: its panels and all other variables ask it. */
export function datasource(type = 'prometheus'): VariableModel {
  const description = type === 'prometheus' ? 'The Prometheus that scrapes Meshscope.' : 'The CloudWatch of the account that takes the metrics.'
  return { name: 'datasource', type: 'datasource', label: 'Data source', description, query: type, refresh: VariableRefresh.onDashboardLoad }
}

export interface LabelVariable {
  readonly name: string
  readonly label: string
  readonly description: string
  /** The label whose values are offered, and of which series. */
  readonly of: string
  readonly selector: string
  /** Several at a time, or all of them; otherwise exactly one. */
  readonly several: boolean
  /** Whether all means those that are offered, and nothing else that has the label. */
  readonly onlyOffered?: boolean
}

/** The values that a label has. */
export function labelValues({ name, label, description, of, selector, several, onlyOffered }: LabelVariable): VariableModel {
  const query = `label_values(${selector}, ${of})`
  return {
    name,
    type: 'query',
    label,
    description,
    datasource: PROMETHEUS,
    query: { qryType: 1, query, refId: `variable-${name}` },
    refresh: VariableRefresh.onTimeRangeChanged,
    sort: VariableSort.alphabeticalCaseInsensitiveAsc,
    ...(several ? { multi: true, includeAll: true, current: { text: 'All', value: '$__all' } } : { multi: false, includeAll: false }),
    // A pattern for all: series that lack the label belong to it as well.
    ...(several && onlyOffered !== true ? { allValue: '.*' } : {}),
  }
}

/** Whose word counts: one of the two proxies that report each call. Both together would count every call twice. */
export function reporter(): VariableModel {
  const options = [
    { text: 'client side', value: 'source|waypoint', selected: true },
    { text: 'server side', value: 'destination', selected: false },
  ]
  return {
    name: 'reporter',
    type: 'custom',
    label: 'Reported by',
    description:
      'Calls are reported by the proxies at both ends; one of them counts. The client side also knows calls that reached no server; the server side, those of callers without a proxy.',
    query: options.map(({ text, value }) => `${text} : ${value}`).join(','),
    current: { text: 'client side', value: 'source|waypoint' },
    options,
    multi: false,
    includeAll: false,
  }
}

/** The cluster that is called. */
export function cluster(metric: string): VariableModel {
  const description = 'Cluster of the called workload (CLUSTER_ID of its proxy); unknown: outside of the mesh.'
  return labelValues({ name: 'cluster', label: 'Cluster', description, of: 'destination_cluster', selector: metric, several: true })
}

/** The namespace that is called. */
export function namespace(metric: string): VariableModel {
  const description = 'Namespace of the called service.'
  const selector = `${metric}{destination_cluster=~"$cluster"}`
  return labelValues({ name: 'namespace', label: 'Namespace', description, of: 'destination_service_namespace', selector, several: true })
}

/** Which scrape jobs, and which daemons of them: for the daemon's own metrics and what statsD brings. */
export function jobAndInstance(metric: string): VariableModel[] {
  // Other programs have metrics of the same names: other jobs must stay out, also when all are chosen.
  const job = { name: 'job', label: 'Job', description: 'Scrape job of the page.', of: 'job', selector: metric, several: true, onlyOffered: true }
  const instance = {
    name: 'instance',
    label: 'Instance',
    description: 'One daemon: its address.',
    of: 'instance',
    selector: `${metric}{job=~"$job"}`,
    several: true,
  }
  return [labelValues(job), labelValues(instance)]
}

/** What a person types; CloudWatch's namespaces are not asked for, since Grafana lists them only per account. */
export function textbox(name: string, label: string, description: string, value: string): VariableModel {
  return { name, type: 'textbox', label, description, query: value, current: { text: value, value }, options: [{ text: value, value, selected: true }] }
}
