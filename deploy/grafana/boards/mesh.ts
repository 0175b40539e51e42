import type { Dashboard } from '@grafana/schema'
import { dashboard, drillDown } from '../dashboard.ts'
import { nodeGraph, type PanelSpec, stat, table, timeseries } from '../panels.ts'
import { failures, largest, quantile, rate, share } from '../promql.ts'
import { cluster, datasource, namespace, reporter } from '../variables.ts'
import { durationHeatmap, durations, FAILURE_STEPS, requestStats, requestsByClass, responseFlags } from './parts.ts'

/** Calls to the chosen services, by the word of one of the two proxies. */
const CALLS = 'reporter=~"$reporter",destination_cluster=~"$cluster",destination_service_namespace=~"$namespace"'
const SERVICE = ['destination_service', 'destination_service_namespace']
const EDGE = ['source_workload', 'source_workload_namespace', 'destination_service', 'destination_service_namespace']
const REQUESTS = 'traces_service_graph_request_total'
const FAILURES = 'traces_service_graph_request_failed_total'

/** The whole mesh: how well it does, who calls whom, and where to look next. */
export function meshDashboard(): Dashboard {
  return dashboard({
    name: 'mesh',
    title: 'Mesh overview',
    description:
      'Requests, failures and durations of all services, the busiest edges, and the graph of who calls whom. From Envoy access logs, under the names of Istio’s metrics.',
    variables: [datasource(), cluster('istio_requests_total'), namespace('istio_requests_total'), reporter()],
    related: [
      { name: 'service', title: 'Service' },
      { name: 'workload', title: 'Workload' },
      { name: 'edge', title: 'Edge' },
      { name: 'tcp', title: 'TCP' },
      { name: 'health', title: 'Collector health' },
    ],
    rows: [
      { title: 'Mesh', panels: [...requestStats(CALLS, 'in the mesh'), openedConnections()] },
      { title: 'Requests', panels: [requestsByClass(CALLS), durations(CALLS), durationHeatmap(CALLS)] },
      { title: 'Services and edges', panels: [services(), edges()] },
      { title: 'Who calls whom', panels: [graph()] },
      { title: 'What goes wrong, and how', panels: [worstServices(), responseFlags(CALLS, { width: 6 }), mutualTls(), proxies()] },
    ],
  })
}

function openedConnections(): PanelSpec {
  return stat({
    title: 'TCP connections opened',
    description: 'TCP connections of the mesh that were opened a second, without those of HTTP.',
    unit: 'cps',
    expr: rate('istio_tcp_connections_opened_total', CALLS),
  })
}

function services(): PanelSpec {
  return table({
    title: 'Services',
    description: 'Every service that is called, the busiest first. A click on a service opens its dashboard.',
    width: 12,
    labels: { destination_service: 'Service', destination_service_namespace: 'Namespace' },
    values: [
      { name: 'Requests', expr: rate('istio_requests_total', CALLS, SERVICE), unit: 'reqps' },
      { name: 'Failed', expr: failures(CALLS, SERVICE), unit: 'percentunit', steps: FAILURE_STEPS },
      { name: 'p50', expr: quantile(0.5, 'istio_request_duration_milliseconds', CALLS, SERVICE), unit: 'ms' },
      { name: 'p99', expr: quantile(0.99, 'istio_request_duration_milliseconds', CALLS, SERVICE), unit: 'ms' },
    ],
    links: { Service: drillDown('service', 'Service', { service: 'destination_service' }) },
    sortBy: 'Requests',
  })
}

function edges(): PanelSpec {
  const edge = { source_namespace: 'source_workload_namespace', source: 'source_workload', service: 'destination_service' }
  return table({
    title: 'Busiest edges',
    description:
      'The 50 busiest pairs of a caller and the service it calls. A click on a caller opens the dashboard of the edge, with the word of both proxies.',
    width: 12,
    labels: {
      source_workload: 'Caller',
      source_workload_namespace: 'of namespace',
      destination_service: 'Service',
      destination_service_namespace: 'in namespace',
    },
    values: [
      { name: 'Requests', expr: largest(50, rate('istio_requests_total', CALLS, EDGE)), unit: 'reqps' },
      { name: 'Failed', expr: failures(CALLS, EDGE), unit: 'percentunit', steps: FAILURE_STEPS },
      { name: 'p99', expr: quantile(0.99, 'istio_request_duration_milliseconds', CALLS, EDGE), unit: 'ms' },
    ],
    links: { Caller: drillDown('edge', 'Edge', edge) },
    sortBy: 'Requests',
  })
}

/** Nodes are named `namespace/name`. Callers that nobody calls have 0 calls of their own, and none that failed. */
function graph(): PanelSpec {
  const rates = (metric: string): string => `rate(${metric}{server_service_namespace=~"$namespace"}[$__rate_interval])`
  const named = (side: 'client' | 'server', expression: string): string =>
    `label_replace(label_join(${expression}, "id", "/", "${side}_service_namespace", "${side}"), "title", "$1", "${side}", "(.*)")`
  const of = (side: 'client' | 'server', metric: string): string => `sum by (id, title) (${named(side, rates(metric))})`
  const calls = of('server', REQUESTS)
  const callers = `${of('client', REQUESTS)} * 0`
  const pairs = `sum by (client, client_service_namespace, server, server_service_namespace) (${rates(REQUESTS)})`
  const source = `label_join(${pairs}, "source", "/", "client_service_namespace", "client")`
  const target = `label_join(${source}, "target", "/", "server_service_namespace", "server")`
  return nodeGraph({
    title: 'Service graph',
    description:
      'Services and callers with the requests a second that they get; the ring shows the share that failed. Lines are requests a second from caller to service. Needs the recording rules traces_service_graph_* of deploy/prometheus/rules.',
    unit: 'reqps',
    nodes: `${calls} or ${callers}`,
    failed: `sum by (id) ((${of('server', FAILURES)} or ${calls} * 0) / ${calls} or ${callers})`,
    edges: `sum by (id, source, target) (label_join(${target}, "id", " to ", "source", "target"))`,
  })
}

function worstServices(): PanelSpec {
  return timeseries({
    title: 'Failed requests by service',
    width: 6,
    description: 'Share of requests with a response of class 5xx, the ten worst services.',
    unit: 'percentunit',
    steps: FAILURE_STEPS,
    queries: [
      {
        expr: largest(10, failures(CALLS, ['destination_service_name', 'destination_service_namespace'])),
        legend: '{{destination_service_name}}.{{destination_service_namespace}}',
      },
    ],
  })
}

function mutualTls(): PanelSpec {
  const selector = 'reporter="destination",destination_cluster=~"$cluster",destination_service_namespace=~"$namespace"'
  return timeseries({
    title: 'Requests over mutual TLS',
    width: 6,
    description: 'Share of requests that came over mutual TLS, by the word of the proxies of the servers: only they know.',
    unit: 'percentunit',
    max: 1,
    queries: [
      {
        expr: share('istio_requests_total', selector, 'connection_security_policy="mutual_tls"', ['destination_service_namespace']),
        legend: '{{destination_service_namespace}}',
      },
    ],
  })
}

function proxies(): PanelSpec {
  return timeseries({
    title: 'Versions of proxies',
    width: 6,
    description:
      'Daemons that get access logs of proxies of a version, as ISTIO_VERSION of the proxies says. Several versions at a time: an upgrade is under way.',
    unit: 'short',
    queries: [{ expr: 'sum by (component, tag) (istio_build)', legend: '{{component}} {{tag}}' }],
  })
}
