import type { Dashboard } from '@grafana/schema'
import { dashboard } from '../dashboard.ts'
import { type PanelSpec, stat, timeseries } from '../panels.ts'
import { failures, mean, quantile, rate } from '../promql.ts'
import { datasource, labelValues } from '../variables.ts'
import { durationHeatmap, FAILURE_STEPS, requestsByClass, responseFlags } from './parts.ts'

const EDGE = 'source_workload_namespace=~"$source_namespace",source_workload="$source",destination_service="$service"'
const CLIENT = `reporter=~"source|waypoint",${EDGE}`
const SERVER = `reporter="destination",${EDGE}`
const DURATION = 'istio_request_duration_milliseconds'

/** One caller and one service it calls, by the word of the proxies at both ends, side by side. */
export function edgeDashboard(): Dashboard {
  const source = labelValues({
    name: 'source_namespace',
    label: 'Caller’s namespace',
    description: 'Namespace of the workload that calls.',
    of: 'source_workload_namespace',
    selector: 'istio_requests_total',
    several: true,
  })
  const caller = labelValues({
    name: 'source',
    label: 'Caller',
    description: 'Workload that calls.',
    of: 'source_workload',
    selector: 'istio_requests_total{source_workload_namespace=~"$source_namespace"}',
    several: false,
  })
  const service = labelValues({
    name: 'service',
    label: 'Service',
    description: 'Host of the service that it calls.',
    of: 'destination_service',
    selector: 'istio_requests_total{source_workload_namespace=~"$source_namespace",source_workload="$source"}',
    several: false,
  })
  return dashboard({
    name: 'edge',
    title: 'Edge',
    description: 'One caller and one service: what the proxy of the caller reports, what the proxy of the server does, and what is between the two.',
    variables: [datasource(), source, caller, service],
    related: [
      { name: 'mesh', title: 'Mesh overview' },
      { name: 'service', title: 'Service' },
      { name: 'workload', title: 'Workload' },
    ],
    rows: [
      { title: 'From $source to $service', panels: numbers() },
      { title: 'Between the two proxies', panels: between() },
      { title: 'By the word of the caller’s proxy', panels: side(CLIENT) },
      { title: 'By the word of the server’s proxy', panels: side(SERVER) },
      { title: 'Where the calls went', panels: destinations() },
    ],
  })
}

function numbers(): PanelSpec[] {
  return [
    stat({
      title: 'Requests sent',
      description: 'Requests a second, as the caller’s proxy reports them.',
      unit: 'reqps',
      expr: rate('istio_requests_total', CLIENT),
    }),
    stat({
      title: 'Requests received',
      description: 'Requests a second, as the server’s proxy reports them.',
      unit: 'reqps',
      expr: rate('istio_requests_total', SERVER),
    }),
    stat({
      title: 'Failed for the caller',
      description: 'Share of responses of class 5xx that the caller got, after retries.',
      unit: 'percentunit',
      decimals: 2,
      expr: failures(CLIENT),
      steps: FAILURE_STEPS,
    }),
    stat({
      title: 'Failed at the server',
      description: 'Share of responses of class 5xx that the server gave.',
      unit: 'percentunit',
      decimals: 2,
      expr: failures(SERVER),
      steps: FAILURE_STEPS,
    }),
    stat({ title: 'Mean duration, caller', description: 'Mean time that the caller waited.', unit: 'ms', expr: mean(DURATION, CLIENT) }),
    stat({ title: 'Mean duration, server', description: 'Mean time that the server took, its proxy included.', unit: 'ms', expr: mean(DURATION, SERVER) }),
  ]
}

function between(): PanelSpec[] {
  return [
    timeseries({
      title: 'Requests',
      description: 'Requests a second by the word of each side. More sent than received: calls failed on the way. More received than sent: retries.',
      unit: 'reqps',
      queries: [{ expr: rate('istio_requests_total', EDGE, ['reporter']), legend: '{{reporter}}' }],
    }),
    timeseries({
      title: 'Failed requests',
      description: 'Share of responses of class 5xx by the word of each side.',
      unit: 'percentunit',
      steps: FAILURE_STEPS,
      queries: [{ expr: failures(EDGE, ['reporter']), legend: '{{reporter}}' }],
    }),
    timeseries({
      title: 'Network and proxies',
      description: 'Mean duration at the caller less mean duration at the server: the time for the network, for both proxies, and for retries.',
      unit: 'ms',
      queries: [{ expr: `clamp_min((${mean(DURATION, CLIENT)}) - (${mean(DURATION, SERVER)}), 0)`, legend: 'between the proxies' }],
    }),
  ]
}

function side(selector: string): PanelSpec[] {
  return [
    requestsByClass(selector),
    timeseries({
      title: 'Duration',
      description: 'Quantiles of the request duration by the word of this side.',
      unit: 'ms',
      queries: [0.5, 0.9, 0.99].map((q) => ({ expr: quantile(q, DURATION, selector), legend: `p${q * 100}` })),
    }),
    durationHeatmap(selector),
  ]
}

function destinations(): PanelSpec[] {
  return [
    timeseries({
      title: 'Requests by workload',
      description: 'Requests a second by the workload that answered; unknown: none did.',
      width: 12,
      unit: 'reqps',
      stacked: true,
      queries: [
        {
          expr: rate('istio_requests_total', CLIENT, ['destination_workload', 'destination_version']),
          legend: '{{destination_workload}} {{destination_version}}',
        },
      ],
    }),
    responseFlags(CLIENT, { width: 12 }),
  ]
}
