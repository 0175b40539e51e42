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

/** The dimensions of each metric, as `metric_declaration_preset: mesh` of the exporter awsemf has them. */
export const MESH_DIMENSIONS = ['reporter', 'source_workload', 'destination_service_name', 'destination_service_namespace'] as const

/** Service metrics in CloudWatch, for those who have no Prometheus. */
export function cloudwatchDashboard(): Dashboard {
  return dashboard({
    name: 'cloudwatch',
    title: 'CloudWatch (EMF)',
    description:
      'Requests, failures, durations and TCP of the mesh out of CloudWatch, where the exporter awsemf with metric_declaration_preset: mesh puts them. Values are sums of a period, not per second.',
    variables: [
      datasource('cloudwatch'),
      textbox('region', 'Region', 'AWS region of the metrics; default is that of the data source.', 'default'),
      textbox('metric_namespace', 'Namespace', 'The exporter’s setting namespace.', 'Meshscope'),
      textbox(
        'reporter',
        'Reported by',
        'source: by the proxies of callers; destination: by those of servers. Both together would count every call twice.',
        'source',
      ),
    ],
    related: [{ name: 'mesh', title: 'Mesh overview' }],
    rows: [
      { title: 'Requests', panels: [requests(), byCaller(), durations()] },
      { title: 'TCP', panels: [connections(), sent(), received()] },
    ],
  })
}

function requests(): PanelSpec {
  return panel({
    title: 'Requests by service',
    description: 'Requests of each period by the service that is called, the ten largest.',
    unit: 'short',
    targets: [insights('istio_requests_total', ['destination_service_name'])],
  })
}

function byCaller(): PanelSpec {
  return panel({
    title: 'Requests by caller',
    description: 'Requests of each period by the workload that calls, the ten largest.',
    unit: 'short',
    targets: [insights('istio_requests_total', ['source_workload'])],
  })
}

function durations(): PanelSpec {
  return panel({
    title: 'Request duration p99',
    description: '99 of 100 requests of a caller to a service took no longer in a period, by the values that the exporter writes into histograms.',
    unit: 'ms',
    targets: [search('istio_request_duration_milliseconds', 'p99')],
  })
}

function connections(): PanelSpec {
  return panel({
    title: 'TCP connections opened',
    description: 'TCP connections opened in each period by the service that is called, the ten largest.',
    unit: 'short',
    targets: [insights('istio_tcp_connections_opened_total', ['destination_service_name'])],
  })
}

function sent(): PanelSpec {
  return panel({
    title: 'TCP bytes sent',
    description: 'Bytes of TCP connections from servers to clients in each period by service, the ten largest.',
    unit: 'bytes',
    targets: [insights('istio_tcp_sent_bytes_total', ['destination_service_name'])],
  })
}

function received(): PanelSpec {
  return panel({
    title: 'TCP bytes received',
    description: 'Bytes of TCP connections from clients to servers in each period by service, the ten largest.',
    unit: 'bytes',
    targets: [insights('istio_tcp_received_bytes_total', ['destination_service_name'])],
  })
}

/** Metrics Insights: the sum of a metric over all of its dimension values but some, as CloudWatch's SQL writes it. */
function insights(metric: string, by: readonly string[]): CloudWatchMetricsQuery {
  const schema = [...MESH_DIMENSIONS].join(', ')
  const sqlExpression = `SELECT SUM(${metric}) FROM SCHEMA("\${metric_namespace}", ${schema}) WHERE reporter = '\${reporter}' GROUP BY ${by.join(', ')} ORDER BY SUM() DESC LIMIT 10`
  return { ...query(), metricQueryType: MetricQueryType.Insights, sqlExpression, expression: '' }
}

/** A search of all metrics with a name and exactly our dimensions, each with one statistic. Metrics Insights has no percentiles. */
function search(metric: string, statistic: string): CloudWatchMetricsQuery {
  const schema = ['${metric_namespace}', ...MESH_DIMENSIONS].join(',')
  const expression = `SEARCH('{${schema}} MetricName="${metric}" reporter="\${reporter}"', '${statistic}', $__period_auto)`
  const label = "${PROP('Dim.source_workload')} to ${PROP('Dim.destination_service_name')}"
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
  readonly targets: readonly CloudWatchMetricsQuery[]
}

function panel({ title, description, unit, targets }: CloudWatchPanel): PanelSpec {
  const options = {
    legend: { showLegend: true, displayMode: LegendDisplayMode.Table, placement: 'bottom', calcs: ['lastNotNull', 'max'] },
    tooltip: { mode: TooltipDisplayMode.Multi, sort: SortOrder.Descending },
  }
  const custom = { lineWidth: 1, fillOpacity: 8, showPoints: VisibilityMode.Auto, spanNulls: true }
  const fieldConfig = { defaults: { unit, min: 0, color: { mode: FieldColorModeId.PaletteClassicByName }, custom }, overrides: [] }
  return {
    width: 8,
    height: 8,
    panel: { type: 'timeseries', title, description, datasource: CLOUDWATCH, fieldConfig, options, targets: targets.map((target) => ({ ...target })) },
  }
}
