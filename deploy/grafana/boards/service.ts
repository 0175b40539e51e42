import type { Dashboard } from '@grafana/schema'
import { dashboard } from '../dashboard.ts'
import { type PanelSpec, timeseries } from '../panels.ts'
import { failures, quantile, rate } from '../promql.ts'
import { cluster, datasource, labelValues, namespace, reporter } from '../variables.ts'
import {
  breakdown,
  durationHeatmap,
  durations,
  FAILURE_STEPS,
  requestStats,
  requestsByClass,
  responseFlags,
  sizes,
  throughput,
  withoutResponse,
} from './parts.ts'

const SERVICE = 'destination_cluster=~"$cluster",destination_service="$service"'
const CALLS = `reporter=~"$reporter",${SERVICE}`

/** One service: all calls to it, by caller and by the workload that answers. */
export function serviceDashboard(): Dashboard {
  const service = labelValues({
    name: 'service',
    label: 'Service',
    description: 'Host of the service that is called.',
    of: 'destination_service',
    selector: 'istio_requests_total{destination_cluster=~"$cluster",destination_service_namespace=~"$namespace"}',
    several: false,
  })
  return dashboard({
    name: 'service',
    title: 'Service',
    description: 'Everything about the calls to one service: from whom, to which workloads, with which outcome, how long and how large.',
    variables: [datasource(), cluster('istio_requests_total'), namespace('istio_requests_total'), service, reporter()],
    related: [
      { name: 'mesh', title: 'Mesh overview' },
      { name: 'workload', title: 'Workload' },
      { name: 'edge', title: 'Edge' },
      { name: 'tcp', title: 'TCP' },
    ],
    rows: [
      { title: '$service', panels: [...requestStats(CALLS, 'to the service'), withoutResponse(CALLS, 'to the service')] },
      { title: 'Requests', panels: [requestsByClass(CALLS), durations(CALLS), durationHeatmap(CALLS)] },
      { title: 'Both sides', panels: bothSides() },
      { title: 'By caller', panels: breakdown(CALLS, ['source_workload', 'source_workload_namespace'], 'caller') },
      { title: 'By workload that answers', panels: breakdown(CALLS, ['destination_workload', 'destination_version'], 'workload') },
      { title: 'Details', panels: [codes(), responseFlags(CALLS), sizes(CALLS), throughput(CALLS), messages()] },
    ],
  })
}

function bothSides(): PanelSpec[] {
  return [
    timeseries({
      title: 'Requests, both sides',
      description:
        'What the callers’ proxies report and what the servers’ do. A gap between the two are calls that never arrived, callers without a proxy, or lost access logs.',
      unit: 'reqps',
      queries: [{ expr: rate('istio_requests_total', SERVICE, ['reporter']), legend: '{{reporter}}' }],
    }),
    timeseries({
      title: 'Failed requests, both sides',
      description: 'Share of responses of class 5xx by the word of each side. Failures that only the callers see happened on the way.',
      unit: 'percentunit',
      steps: FAILURE_STEPS,
      queries: [{ expr: failures(SERVICE, ['reporter']), legend: '{{reporter}}' }],
    }),
    timeseries({
      title: 'Duration p99, both sides',
      description: '99 of 100 requests took no longer. What the callers wait longer than the servers work is spent on the network, in proxies and in retries.',
      unit: 'ms',
      queries: [{ expr: quantile(0.99, 'istio_request_duration_milliseconds', SERVICE, ['reporter']), legend: '{{reporter}}' }],
    }),
  ]
}

function codes(): PanelSpec {
  return timeseries({
    title: 'Requests by response code',
    description: 'Requests a second by response code and protocol.',
    unit: 'reqps',
    stacked: true,
    queries: [{ expr: rate('istio_requests_total', CALLS, ['request_protocol', 'response_code']), legend: '{{request_protocol}} {{response_code}}' }],
  })
}

function messages(): PanelSpec {
  return timeseries({
    title: 'gRPC messages',
    description: 'gRPC messages a second in streams and single calls; needs the filter state envoy.filters.http.grpc_stats in the access logs.',
    unit: 'cps',
    queries: [
      { expr: rate('istio_request_messages_total', CALLS), legend: 'requests' },
      { expr: rate('istio_response_messages_total', CALLS), legend: 'responses' },
    ],
  })
}
