import type { AwsEmfConfig } from '../config.ts'

/** A declaration of metrics, as `metric_declarations` of the config has it. */
export type MetricDeclaration = AwsEmfConfig['metric_declarations'][number]

/** A declaration of metrics with these dimension sets, for series of which the label, where one is given, has a value or has none. */
function declaration(
  metrics: readonly string[],
  dimensions: readonly (readonly string[])[],
  label?: { readonly name: string; readonly isSet: boolean },
): MetricDeclaration {
  const matchers = label === undefined ? [] : [{ label_names: [label.name], separator: ';', regex: label.isSet ? '.' : '^$' }]
  return {
    metric_name_selectors: metrics.map((name) => `${name}$`),
    dimensions: dimensions.map((set) => [...set]),
    label_matchers: matchers,
  }
}

const ISTIO_CALLED = ['reporter', 'destination_workload_namespace', 'destination_workload']
const OTEL_SERVICE = ['service.namespace', 'service.name']

/** For the metrics of the `mesh_metrics` connector, of either naming: by called workload or service, and by status. */
const MESH: readonly MetricDeclaration[] = [
  // The prefix can be another one than `istio_`.
  declaration(['(^|_)requests_total'], [[...ISTIO_CALLED, 'response_code']]),
  declaration(['(^|_)request_duration_milliseconds', '(^|_)tcp_(sent|received)_bytes_total', '(^|_)tcp_connections_(opened|closed)_total'], [ISTIO_CALLED]),
  declaration(['^http.server.request.duration'], [OTEL_SERVICE, [...OTEL_SERVICE, 'http.response.status_code']]),
  declaration(['^rpc.server.call.duration'], [OTEL_SERVICE, [...OTEL_SERVICE, 'rpc.response.status_code']]),
  declaration(['^(http.client.request|rpc.client.call).duration'], [[...OTEL_SERVICE, 'service.peer.namespace', 'service.peer.name']]),
  declaration(['^mesh.tcp.(sent|received|connections.opened|connections.closed)'], [['mesh.reporter', ...OTEL_SERVICE]]),
]

/** Istio's metrics say their units in their names alone; by what they end with. */
const MESH_UNITS: readonly (readonly [RegExp, string])[] = [
  [/(^|_)request_duration_milliseconds$/, 'Milliseconds'],
  [/(^|_)(request_bytes|response_bytes|tcp_sent_bytes_total|tcp_received_bytes_total)$/, 'Bytes'],
  [/(^|_)(requests_total|tcp_connections_opened_total|tcp_connections_closed_total)$/, 'Count'],
]

/** CloudWatch's unit of a metric that comes without one, where a preset knows it. */
export function presetUnit(preset: AwsEmfConfig['metric_declaration_preset'], name: string): string | undefined {
  return preset === 'mesh' ? MESH_UNITS.find(([names]) => names.test(name))?.[1] : undefined
}

/** Envoy's names in two spellings: as DogStatsD sends them, and as `profile: envoy` of the `statsd` receiver has them. */
function envoy(separator: '.' | '_'): MetricDeclaration[] {
  const tag = (name: string): string => name.replace('.', separator)
  const named = (scope: string, ...names: readonly string[]): string[] => names.map((name) => `^envoy[${separator}]${scope}[${separator}]${name}`)
  const mesh = tag('appmesh.mesh')
  const nodes = [
    [mesh, tag('appmesh.virtual_node')],
    [mesh, tag('appmesh.virtual_gateway')],
  ]
  const declared = (metrics: readonly string[], dimensions: readonly string[]): MetricDeclaration[] => [
    // What App Mesh's Envoys said of themselves is a part of their metrics; of any other Envoy there is nothing of the kind.
    declaration(
      metrics,
      nodes.map((node) => [...node, ...dimensions]),
      { name: mesh, isSet: true },
    ),
    declaration(metrics, [dimensions], { name: mesh, isSet: false }),
  ]
  const [cluster, listener, status] = [tag('envoy.cluster_name'), tag('envoy.http_conn_manager_prefix'), tag('envoy.response_code_class')]
  return [
    ...declared(named('cluster', 'upstream_rq_xx'), [cluster, status]),
    ...declared(
      named(
        'cluster',
        'upstream_rq_(time|timeout|retry|pending_overflow)',
        'upstream_cx_(active|connect_fail|tx_bytes_total|rx_bytes_total)',
        'membership_(healthy|total)',
      ),
      [cluster],
    ),
    ...declared(named('http', 'downstream_rq_xx'), [listener, status]),
    ...declared(named('http', 'downstream_rq_(total|time)', 'downstream_cx_active'), [listener]),
  ]
}

/** The declarations that `metric_declaration_preset` names. */
export const DECLARATION_PRESETS: Readonly<Record<AwsEmfConfig['metric_declaration_preset'], readonly MetricDeclaration[]>> = {
  none: [],
  mesh: MESH,
  envoy_statsd: [...envoy('_'), ...envoy('.')],
}
