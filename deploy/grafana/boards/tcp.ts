import type { Dashboard } from '@grafana/schema'
import { dashboard } from '../dashboard.ts'
import { type PanelSpec, stat, table, timeseries } from '../panels.ts'
import { largest, rate } from '../promql.ts'
import { cluster, datasource, namespace, reporter } from '../variables.ts'

const CONNECTIONS = 'reporter=~"$reporter",destination_cluster=~"$cluster",destination_service_namespace=~"$namespace"'
const OPENED = 'istio_tcp_connections_opened_total'
const CLOSED = 'istio_tcp_connections_closed_total'
const SENT = 'istio_tcp_sent_bytes_total'
const RECEIVED = 'istio_tcp_received_bytes_total'
const EDGE = ['source_workload', 'source_workload_namespace', 'destination_service', 'destination_service_namespace']
const BY_EDGE = '{{source_workload}} to {{destination_service}}'
const SHORT_EDGE = ['source_workload', 'destination_service']

/** Connections and bytes of everything that is not HTTP. */
export function tcpDashboard(): Dashboard {
  return dashboard({
    name: 'tcp',
    title: 'TCP',
    description:
      'TCP connections of the mesh that carry no HTTP: how many, how many bytes, between whom, and how they ended. Sent means from the server to the client, as Istio has it.',
    variables: [datasource(), cluster(OPENED), namespace(OPENED), reporter()],
    related: [
      { name: 'mesh', title: 'Mesh overview' },
      { name: 'workload', title: 'Workload' },
    ],
    rows: [
      { title: 'TCP', panels: numbers() },
      { title: 'Over time', panels: overTime() },
      { title: 'Edges', panels: [edges()] },
    ],
  })
}

function numbers(): PanelSpec[] {
  const one = (title: string, description: string, metric: string, unit: 'cps' | 'Bps'): PanelSpec =>
    stat({ title, description, unit, width: 6, expr: rate(metric, CONNECTIONS) })
  return [
    one('Opened', 'Connections opened a second.', OPENED, 'cps'),
    one('Closed', 'Connections closed a second.', CLOSED, 'cps'),
    one('Sent', 'Bytes a second from servers to clients.', SENT, 'Bps'),
    one('Received', 'Bytes a second from clients to servers.', RECEIVED, 'Bps'),
  ]
}

function overTime(): PanelSpec[] {
  return [
    timeseries({
      title: 'Connections opened',
      description:
        'Connections opened a second by edge, the ten largest. Where only the ends of connections are logged (Istio’s default) they count when they end.',
      unit: 'cps',
      queries: [{ expr: largest(10, rate(OPENED, CONNECTIONS, SHORT_EDGE)), legend: BY_EDGE }],
    }),
    timeseries({
      title: 'Open connections',
      description: 'Connections that were opened and not yet closed, by edge; 0 all the time where only the ends of connections are logged.',
      unit: 'short',
      queries: [
        {
          expr: `clamp_min(sum by (${SHORT_EDGE.join(', ')}) (${OPENED}{${CONNECTIONS}}) - sum by (${SHORT_EDGE.join(', ')}) (${CLOSED}{${CONNECTIONS}}), 0)`,
          legend: BY_EDGE,
        },
      ],
    }),
    timeseries({
      title: 'Connections by response flag',
      description: 'Closed connections a second by Envoy’s flag; "-" ended as they should, UF could not connect, UH no healthy host, DC the client went away.',
      unit: 'cps',
      queries: [{ expr: rate(CLOSED, CONNECTIONS, ['response_flags']), legend: '{{response_flags}}' }],
    }),
    timeseries({
      title: 'Bytes sent',
      description: 'Bytes a second from servers to clients by edge, the ten largest.',
      width: 12,
      unit: 'Bps',
      queries: [{ expr: largest(10, rate(SENT, CONNECTIONS, SHORT_EDGE)), legend: BY_EDGE }],
    }),
    timeseries({
      title: 'Bytes received',
      description: 'Bytes a second from clients to servers by edge, the ten largest.',
      width: 12,
      unit: 'Bps',
      queries: [{ expr: largest(10, rate(RECEIVED, CONNECTIONS, SHORT_EDGE)), legend: BY_EDGE }],
    }),
  ]
}

function edges(): PanelSpec {
  return table({
    title: 'Edges',
    description: 'The 50 pairs of a caller and a service with the most bytes from the server.',
    labels: {
      source_workload: 'Caller',
      source_workload_namespace: 'of namespace',
      destination_service: 'Service',
      destination_service_namespace: 'in namespace',
    },
    values: [
      { name: 'Sent', expr: largest(50, rate(SENT, CONNECTIONS, EDGE)), unit: 'Bps' },
      { name: 'Received', expr: rate(RECEIVED, CONNECTIONS, EDGE), unit: 'Bps' },
      { name: 'Opened', expr: rate(OPENED, CONNECTIONS, EDGE), unit: 'cps' },
      { name: 'Closed', expr: rate(CLOSED, CONNECTIONS, EDGE), unit: 'cps' },
    ],
    sortBy: 'Sent',
  })
}
