import { type Dashboard, type DataSourceRef, FieldColorModeId, LegendDisplayMode, SortOrder, TooltipDisplayMode, VisibilityMode } from '@grafana/schema'
import {
  type CloudWatchMetricsQuery,
  MetricEditorMode,
  MetricQueryType,
} from '@grafana/schema/dist/esm/raw/composable/cloudwatch/dataquery/x/CloudWatchDataQuery_types.gen'
import { dashboard } from '../dashboard.ts'
import type { PanelSpec } from '../panels.ts'
import type { Unit } from '../units.ts'
import { datasource, textbox } from '../variables.ts'

const CLOUDWATCH: DataSourceRef = { type: 'cloudwatch', uid: '${datasource}' }

/** Dimensions of the exporter's presets mesh and envoy_statsd. A query names all of a metric's, or CloudWatch finds nothing. */
const CALLED = ['reporter', 'destination_workload_namespace', 'destination_workload']
const CALLED_BY_CODE = [...CALLED, 'response_code']
const UPSTREAM = ['envoy_cluster_name']
const UPSTREAM_BY_CLASS = ['envoy_cluster_name', 'envoy_response_code_class']
const WORKLOAD = "${PROP('Dim.destination_workload')}.${PROP('Dim.destination_workload_namespace')}"
const CLUSTER = "${PROP('Dim.envoy_cluster_name')}"

/** Service metrics in CloudWatch, for those who have no Prometheus. */
export function cloudwatchDashboard(): Dashboard {
  return dashboard({
    name: 'cloudwatch',
    title: 'CloudWatch (EMF)',
    description:
      'Requests, durations and TCP of the mesh, and Envoy’s own stats, out of CloudWatch, where the exporter awsemf with metric_declaration_preset mesh or envoy_statsd puts them. Values are sums of a period, not per second.',
    variables: [
      datasource('cloudwatch'),
      textbox('region', 'Region', 'AWS region of the metrics; default is that of the data source.', 'default'),
      textbox('metric_namespace', 'Namespace', 'The exporter’s setting namespace.', 'Meshscope'),
      textbox(
        'reporter',
        'Reported by',
        'source: by the proxies of callers; destination: by those of servers. Both together would count every call twice.',
        'destination',
      ),
    ],
    related: [{ name: 'mesh', title: 'Mesh overview', keeps: 'nothing' }],
    rows: [
      { title: 'Requests', panels: [byWorkload(), byCode(), ...durations()] },
      { title: 'TCP', panels: tcp() },
      { title: 'Envoy by statsD', panels: envoy() },
    ],
  })
}

const OF_REPORTER = "reporter = '${reporter}'"

function byWorkload(): PanelSpec {
  return panel({
    title: 'Requests by workload',
    description: 'Requests of each period by the workload that is called, the ten largest.',
    unit: 'short',
    target: insights('istio_requests_total', CALLED_BY_CODE, ['destination_workload', 'destination_workload_namespace'], OF_REPORTER),
  })
}

function byCode(): PanelSpec {
  return panel({
    title: 'Requests by response code',
    description: 'Requests of each period by response code, the ten most frequent; 0 are requests without a response.',
    unit: 'short',
    target: insights('istio_requests_total', CALLED_BY_CODE, ['response_code'], OF_REPORTER),
  })
}

function durations(): PanelSpec[] {
  return ['p50', 'p90', 'p99'].map((statistic) =>
    panel({
      title: `Request duration ${statistic}`,
      description: `${statistic.slice(1)} of 100 requests to a workload took no longer in a period, by the values and counts that the exporter makes of histograms.`,
      unit: 'ms',
      target: search('istio_request_duration_milliseconds', CALLED, statistic, { label: WORKLOAD, filter: 'reporter="${reporter}"' }),
    }),
  )
}

function tcp(): PanelSpec[] {
  const one = (title: string, description: string, metric: string, unit: Unit): PanelSpec =>
    panel({ title, description, unit, target: insights(metric, CALLED, ['destination_workload', 'destination_workload_namespace'], OF_REPORTER) })
  return [
    one(
      'TCP connections opened',
      'TCP connections opened in each period by the workload that is called, the ten largest.',
      'istio_tcp_connections_opened_total',
      'short',
    ),
    one(
      'TCP bytes sent',
      'Bytes of TCP connections from servers to clients in each period by workload, the ten largest.',
      'istio_tcp_sent_bytes_total',
      'bytes',
    ),
    one(
      'TCP bytes received',
      'Bytes of TCP connections from clients to servers in each period by workload, the ten largest.',
      'istio_tcp_received_bytes_total',
      'bytes',
    ),
  ]
}

function envoy(): PanelSpec[] {
  return [
    panel({
      title: 'Answers of upstream clusters by class',
      description: 'Answers of upstream clusters in each period by the first digit of the code: 2, 3, 4 or 5.',
      unit: 'short',
      target: insights('envoy_cluster_upstream_rq_xx', UPSTREAM_BY_CLASS, ['envoy_response_code_class']),
    }),
    panel({
      title: 'Request time of upstream clusters, p99',
      description: '99 of 100 requests to an upstream cluster took no longer in a period.',
      unit: 'ms',
      target: search('envoy_cluster_upstream_rq_time', UPSTREAM, 'p99', { label: CLUSTER }),
    }),
    panel({
      title: 'Timeouts of upstream clusters',
      description: 'Requests to an upstream cluster that took too long, in each period.',
      unit: 'short',
      target: search('envoy_cluster_upstream_rq_timeout', UPSTREAM, 'Sum', { label: CLUSTER }),
    }),
  ]
}

/** Metrics Insights: the sum of a metric over all dimension values but some, as CloudWatch's SQL writes it. */
function insights(metric: string, dimensions: readonly string[], by: readonly string[], where?: string): CloudWatchMetricsQuery {
  const schema = `SCHEMA("\${metric_namespace}", ${dimensions.join(', ')})`
  const condition = where === undefined ? '' : ` WHERE ${where}`
  const sqlExpression = `SELECT SUM(${metric}) FROM ${schema}${condition} GROUP BY ${by.join(', ')} ORDER BY SUM() DESC LIMIT 10`
  return { ...query(), metricQueryType: MetricQueryType.Insights, sqlExpression, expression: '' }
}

/** A search of all metrics with a name and exactly these dimensions, each with one statistic. Metrics Insights has no percentiles. */
function search(
  metric: string,
  dimensions: readonly string[],
  statistic: string,
  { label, filter = '' }: { label: string; filter?: string },
): CloudWatchMetricsQuery {
  const schema = ['${metric_namespace}', ...dimensions].join(',')
  const expression = `SEARCH('{${schema}} MetricName="${metric}" ${filter}', '${statistic}', $__period_auto)`
  return { ...query(), metricQueryType: MetricQueryType.Search, expression, label, statistic }
}

function query(): CloudWatchMetricsQuery {
  return {
    refId: 'A',
    id: 'a',
    datasource: CLOUDWATCH,
    queryMode: 'Metrics',
    metricEditorMode: MetricEditorMode.Code,
    region: '${region}',
    namespace: '${metric_namespace}',
    period: '',
    label: '',
    statistic: 'Sum',
    matchExact: true,
    dimensions: {},
  }
}

interface CloudWatchPanel {
  readonly title: string
  readonly description: string
  readonly unit: Unit
  readonly target: CloudWatchMetricsQuery
}

function panel({ title, description, unit, target }: CloudWatchPanel): PanelSpec {
  const options = {
    legend: { showLegend: true, displayMode: LegendDisplayMode.Table, placement: 'bottom', calcs: ['lastNotNull', 'max'] },
    tooltip: { mode: TooltipDisplayMode.Multi, sort: SortOrder.Descending },
  }
  const custom = { lineWidth: 1, fillOpacity: 8, showPoints: VisibilityMode.Auto, spanNulls: true }
  const fieldConfig = { defaults: { unit, min: 0, color: { mode: FieldColorModeId.PaletteClassicByName }, custom }, overrides: [] }
  return {
    width: 8,
    height: 8,
    panel: { type: 'timeseries', title, description, datasource: CLOUDWATCH, fieldConfig, options, targets: [{ ...target }] },
  }
}
