import type { Dashboard } from '@grafana/schema'
import { dashboard } from '../dashboard.ts'
import { badAbove, goodAbove, heatmap, type PanelSpec, stat, table, timeseries } from '../panels.ts'
import { buckets, quantile, rate } from '../promql.ts'
import { datasource, jobAndInstance, labelValues } from '../variables.ts'

/** Every series by the page it is on. */
const PAGE = 'job=~"$job",instance=~"$instance"'
const CLUSTER = `${PAGE},envoy_cluster_name=~"$envoy_cluster"`
const BY_CLUSTER = ['envoy_cluster_name']
const NAME = '{{envoy_cluster_name}}'

/** Envoy's own stats as the receiver statsd with `profile: envoy` names them, which is as Envoy's own page does. */
export function envoyDashboard(): Dashboard {
  const clusters = labelValues({
    name: 'envoy_cluster',
    label: 'Upstream cluster',
    description: 'Envoy’s name of the upstream cluster.',
    of: 'envoy_cluster_name',
    selector: `envoy_cluster_membership_total{${PAGE}}`,
    several: true,
  })
  return dashboard({
    name: 'envoy',
    title: 'Envoy by statsD',
    description:
      'Stats that Envoys send by statsD or DogStatsD: listeners, upstream clusters, retries, timeouts, ejected hosts, limits. For the receiver statsd with profile envoy; pages scraped from Envoys have the same names.',
    variables: [datasource(), ...jobAndInstance('envoy_server_live'), clusters],
    related: [
      { name: 'mesh', title: 'Mesh overview' },
      // Its job is another one: that of the daemon's own page.
      { name: 'health', title: 'Collector health', keeps: 'datasource' },
    ],
    rows: [
      { title: 'Envoy', panels: numbers() },
      { title: 'Downstream', panels: downstream() },
      { title: 'Upstream clusters', panels: [...upstream(), clusterTable()] },
      { title: 'Failures on the way', panels: failures() },
      { title: 'Hosts and limits', panels: hosts() },
      { title: 'Process', panels: process() },
    ],
  })
}

function numbers(): PanelSpec[] {
  const healthy = `sum (envoy_cluster_membership_healthy{${CLUSTER}}) / sum (envoy_cluster_membership_total{${CLUSTER}})`
  return [
    stat({
      title: 'Requests from clients',
      description: 'Requests a second that came to HTTP listeners.',
      unit: 'reqps',
      expr: rate('envoy_http_downstream_rq_total', PAGE),
    }),
    stat({
      title: 'Requests to clusters',
      description: 'Requests a second that were sent to upstream clusters, retries among them.',
      unit: 'reqps',
      expr: rate('envoy_cluster_upstream_rq_total', CLUSTER),
    }),
    stat({
      title: 'Answers of class 5xx',
      description: 'Share of the answers of upstream clusters, Envoy’s own for them among these, that are of class 5xx.',
      unit: 'percentunit',
      decimals: 2,
      expr: failedShare([]),
      steps: badAbove(0.01, 0.05),
    }),
    stat({
      title: 'Request time p99',
      description: '99 of 100 requests to upstream clusters took no longer.',
      unit: 'ms',
      expr: quantile(0.99, 'envoy_cluster_upstream_rq_time', CLUSTER),
    }),
    stat({
      title: 'Healthy hosts',
      description: 'Share of the hosts of all clusters that take requests.',
      unit: 'percentunit',
      expr: healthy,
      steps: goodAbove(0.5, 0.9),
    }),
    stat({
      title: 'Connections from clients',
      description: 'Open connections of HTTP listeners.',
      unit: 'short',
      expr: `sum (envoy_http_downstream_cx_active{${PAGE}})`,
    }),
  ]
}

function failedShare(by: readonly string[]): string {
  const whole = rate('envoy_cluster_upstream_rq_xx', CLUSTER, by)
  return `(${rate('envoy_cluster_upstream_rq_xx', `${CLUSTER},envoy_response_code_class="5"`, by)} or ${whole} * 0) / ${whole}`
}

function downstream(): PanelSpec[] {
  const manager = ['envoy_http_conn_manager_prefix']
  return [
    timeseries({
      title: 'Requests by class',
      description: 'Requests a second that HTTP listeners have answered, by the first digit of the code.',
      unit: 'reqps',
      stacked: true,
      queries: [{ expr: rate('envoy_http_downstream_rq_xx', PAGE, ['envoy_response_code_class']), legend: '{{envoy_response_code_class}}xx' }],
      colors: { '^2xx': 'green', '^3xx': 'blue', '^4xx': 'orange', '^5xx': 'red' },
    }),
    timeseries({
      title: 'Connections',
      description: 'Open connections from clients, by HTTP connection manager.',
      unit: 'short',
      queries: [{ expr: `sum by (envoy_http_conn_manager_prefix) (envoy_http_downstream_cx_active{${PAGE}})`, legend: '{{envoy_http_conn_manager_prefix}}' }],
    }),
    timeseries({
      title: 'Bytes',
      description: 'Bytes a second from and to clients, by HTTP connection manager.',
      unit: 'Bps',
      queries: [
        { expr: rate('envoy_http_downstream_cx_rx_bytes_total', PAGE, manager), legend: 'received, {{envoy_http_conn_manager_prefix}}' },
        { expr: rate('envoy_http_downstream_cx_tx_bytes_total', PAGE, manager), legend: 'sent, {{envoy_http_conn_manager_prefix}}' },
      ],
    }),
  ]
}

function upstream(): PanelSpec[] {
  return [
    timeseries({
      title: 'Requests by cluster',
      description: 'Requests a second to each upstream cluster, retries among them.',
      unit: 'reqps',
      queries: [{ expr: rate('envoy_cluster_upstream_rq_total', CLUSTER, BY_CLUSTER), legend: NAME }],
    }),
    timeseries({
      title: 'Request time',
      description: 'Quantiles of the time that upstream clusters took, over all of them.',
      unit: 'ms',
      queries: [0.5, 0.9, 0.99].map((q) => ({ expr: quantile(q, 'envoy_cluster_upstream_rq_time', CLUSTER), legend: `p${q * 100}` })),
    }),
    heatmap({
      title: 'Request time, heat map',
      description: 'How many requests to upstream clusters took how long.',
      unit: 'ms',
      expr: buckets('envoy_cluster_upstream_rq_time', CLUSTER),
    }),
  ]
}

function clusterTable(): PanelSpec {
  return table({
    title: 'Clusters',
    description: 'Every upstream cluster.',
    height: 7,
    labels: { envoy_cluster_name: 'Cluster' },
    values: [
      { name: 'Requests', expr: rate('envoy_cluster_upstream_rq_total', CLUSTER, BY_CLUSTER), unit: 'reqps' },
      { name: '5xx', expr: failedShare(BY_CLUSTER), unit: 'percentunit', steps: badAbove(0.01, 0.05) },
      { name: 'p99', expr: quantile(0.99, 'envoy_cluster_upstream_rq_time', CLUSTER, BY_CLUSTER), unit: 'ms' },
      { name: 'Hosts', expr: `sum by (envoy_cluster_name) (envoy_cluster_membership_total{${CLUSTER}})`, unit: 'none' },
      { name: 'Connections', expr: `sum by (envoy_cluster_name) (envoy_cluster_upstream_cx_active{${CLUSTER}})`, unit: 'none' },
    ],
    sortBy: 'Requests',
  })
}

function failures(): PanelSpec[] {
  return [
    timeseries({
      title: 'Retries',
      description: 'Retries a second by cluster, and how many of them succeeded or were not made because of the limit.',
      unit: 'cps',
      queries: [
        { expr: rate('envoy_cluster_upstream_rq_retry', CLUSTER, BY_CLUSTER), legend: `retried, ${NAME}` },
        { expr: rate('envoy_cluster_upstream_rq_retry_success', CLUSTER, BY_CLUSTER), legend: `succeeded, ${NAME}` },
        { expr: rate('envoy_cluster_upstream_rq_retry_limit_exceeded', CLUSTER, BY_CLUSTER), legend: `limit reached, ${NAME}` },
      ],
    }),
    timeseries({
      title: 'Timeouts and resets',
      description: 'Requests a second that took too long, and connections that broke or could not be made.',
      unit: 'cps',
      queries: [
        { expr: rate('envoy_cluster_upstream_rq_timeout', CLUSTER, BY_CLUSTER), legend: `request timeout, ${NAME}` },
        { expr: rate('envoy_cluster_upstream_cx_connect_fail', CLUSTER, BY_CLUSTER), legend: `connect failed, ${NAME}` },
        { expr: rate('envoy_cluster_upstream_cx_destroy_with_active_rq', CLUSTER, BY_CLUSTER), legend: `broken with a request, ${NAME}` },
      ],
    }),
    timeseries({
      title: 'No healthy host',
      description: 'Connections a second that could not be made because a cluster has no healthy host.',
      unit: 'cps',
      queries: [{ expr: rate('envoy_cluster_upstream_cx_none_healthy', CLUSTER, BY_CLUSTER), legend: NAME }],
    }),
  ]
}

function hosts(): PanelSpec[] {
  return [
    timeseries({
      title: 'Hosts that take no requests',
      description: 'Hosts of each cluster that are unhealthy or ejected.',
      unit: 'none',
      queries: [
        {
          expr: `sum by (envoy_cluster_name) (envoy_cluster_membership_total{${CLUSTER}}) - sum by (envoy_cluster_name) (envoy_cluster_membership_healthy{${CLUSTER}})`,
          legend: NAME,
        },
      ],
    }),
    timeseries({
      title: 'Ejections by outlier detection',
      description: 'Hosts that were taken out a second because they failed, and how many are out now.',
      unit: 'short',
      queries: [
        { expr: rate('envoy_cluster_outlier_detection_ejections_enforced_total', CLUSTER, BY_CLUSTER), legend: `ejected a second, ${NAME}` },
        { expr: `sum by (envoy_cluster_name) (envoy_cluster_outlier_detection_ejections_active{${CLUSTER}})`, legend: `out now, ${NAME}` },
      ],
    }),
    timeseries({
      title: 'Circuit breakers',
      description: '1 for each Envoy whose limit of connections, requests or pending requests to a cluster is reached.',
      unit: 'none',
      queries: [
        { expr: `sum by (envoy_cluster_name) (envoy_cluster_circuit_breakers_default_cx_open{${CLUSTER}})`, legend: `connections, ${NAME}` },
        { expr: `sum by (envoy_cluster_name) (envoy_cluster_circuit_breakers_default_rq_open{${CLUSTER}})`, legend: `requests, ${NAME}` },
        { expr: `sum by (envoy_cluster_name) (envoy_cluster_circuit_breakers_default_rq_pending_open{${CLUSTER}})`, legend: `pending, ${NAME}` },
      ],
    }),
  ]
}

function process(): PanelSpec[] {
  return [
    timeseries({
      title: 'Memory',
      description: 'Memory that Envoys have allocated and hold. Envoys that send without tags of their own share these series: the last one that sent counts.',
      width: 12,
      unit: 'bytes',
      queries: [
        { expr: `sum (envoy_server_memory_allocated{${PAGE}})`, legend: 'allocated' },
        { expr: `sum (envoy_server_memory_physical_size{${PAGE}})`, legend: 'physical' },
      ],
    }),
    timeseries({
      title: 'Uptime',
      description: 'Seconds since Envoy’s start; a fall is a restart.',
      width: 12,
      unit: 's',
      queries: [{ expr: `min by (instance) (envoy_server_uptime{${PAGE}})`, legend: '{{instance}}' }],
    }),
  ]
}
