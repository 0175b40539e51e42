import type { Dashboard } from '@grafana/schema'
import { dashboard } from '../dashboard.ts'
import { type PanelSpec, timeseries } from '../panels.ts'
import { rate } from '../promql.ts'
import { datasource, labelValues } from '../variables.ts'
import { breakdown, durationHeatmap, durations, requestStats, requestsByClass, responseFlags, withoutResponse } from './parts.ts'

/** What the workload's own proxies say: of calls to it as the server's side, of its own calls as the client's. */
const INBOUND = 'reporter="destination",destination_workload_namespace=~"$namespace",destination_workload="$workload"'
const OUTBOUND = 'reporter=~"source|waypoint",source_workload_namespace=~"$namespace",source_workload="$workload"'

/** One workload: what it is asked, and what it asks of others. */
export function workloadDashboard(): Dashboard {
  const namespace = labelValues({
    name: 'namespace',
    label: 'Namespace',
    description: 'Namespace of the workload.',
    of: 'source_workload_namespace',
    selector: 'istio_requests_total',
    several: true,
  })
  const workload = labelValues({
    name: 'workload',
    label: 'Workload',
    description: 'Name of the Deployment, StatefulSet or its like.',
    of: '__name__',
    selector: 'istio_requests_total',
    several: false,
  })
  const query = `query_result(${['istio_requests_total', 'istio_tcp_connections_opened_total'].flatMap(workloadsOf).join(' or ')})`
  return dashboard({
    name: 'workload',
    title: 'Workload',
    description: 'One workload by the word of its own proxies: the calls it gets (server’s side) and the calls it makes (client’s side).',
    variables: [datasource(), namespace, { ...workload, query: { qryType: 3, query, refId: 'variable-workload' }, regex: '/workload="([^"]+)"/' }],
    related: [
      { name: 'mesh', title: 'Mesh overview' },
      { name: 'service', title: 'Service' },
      { name: 'edge', title: 'Edge' },
      { name: 'tcp', title: 'TCP' },
    ],
    rows: [
      { title: 'Calls that $workload gets', panels: [...requestStats(INBOUND, 'to the workload'), withoutResponse(INBOUND, 'to the workload')] },
      { title: 'In', panels: [requestsByClass(INBOUND), durations(INBOUND), durationHeatmap(INBOUND)] },
      { title: 'In, by caller', panels: breakdown(INBOUND, ['source_workload', 'source_workload_namespace'], 'caller') },
      {
        title: 'Calls that $workload makes',
        panels: [...requestStats(OUTBOUND, 'of the workload to others'), withoutResponse(OUTBOUND, 'of the workload to others')],
      },
      { title: 'Out', panels: [requestsByClass(OUTBOUND), durations(OUTBOUND), responseFlags(OUTBOUND)] },
      { title: 'Out, by service', panels: breakdown(OUTBOUND, ['destination_service'], 'service') },
      { title: 'TCP', panels: tcp() },
    ],
  })
}

/** Those that call and those that are called, by a metric; under one label, so that a variable can offer both. */
function workloadsOf(metric: string): string[] {
  return ['source', 'destination'].map(
    (side) => `group by (workload) (label_replace(${metric}{${side}_workload_namespace=~"$namespace"}, "workload", "$1", "${side}_workload", "(.*)"))`,
  )
}

function tcp(): PanelSpec[] {
  const bytes = (title: string, selector: string, legend: string, label: string): PanelSpec =>
    timeseries({
      title,
      description: 'Bytes a second of TCP connections without HTTP. Sent means from the server to the client, as Istio has it.',
      width: 12,
      unit: 'Bps',
      queries: [
        { expr: rate('istio_tcp_sent_bytes_total', selector, [label]), legend: `sent, ${legend}` },
        { expr: rate('istio_tcp_received_bytes_total', selector, [label]), legend: `received, ${legend}` },
      ],
    })
  return [
    bytes('TCP bytes in', INBOUND, '{{source_workload}}', 'source_workload'),
    bytes('TCP bytes out', OUTBOUND, '{{destination_service}}', 'destination_service'),
  ]
}
