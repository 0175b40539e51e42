/**
 * What published dashboards ask Prometheus for: metrics, the labels they filter by and group by. Written down from the dashboards that
 * are named, whose queries it boils down; the dashboards themselves are their authors'.
 */

export interface PublishedQuery {
  readonly metric: string
  /** How the dashboards look at it: as growth, as a quantile of a histogram, or as it is. */
  readonly kind: 'rate' | 'quantile' | 'value'
  readonly matchers?: string
  readonly by: readonly string[]
  /** Labels of `by` that only the scrape of a pod's own page adds. */
  readonly lacks?: readonly string[]
  /** Why there is no data in the test. */
  readonly absent?: string
}

export interface PublishedDashboards {
  /** Where they are. */
  readonly source: string
  readonly queries: readonly PublishedQuery[]
}

const CLIENT = 'reporter=~"source|waypoint"'
const SERVER = 'reporter="destination"'
const WORKLOAD = ['destination_workload', 'destination_workload_namespace']
const SOURCE = ['source_workload', 'source_workload_namespace']
const NEEDS_TLS = 'the Envoy of the test has no TLS, and what has not happened is not sent by statsD'

export const PUBLISHED: Readonly<Record<string, PublishedDashboards>> = {
  'Istio’s mesh, service and workload dashboards': {
    source: 'github.com/istio/istio, manifests/addons/dashboards/istio-{mesh,service,workload}-dashboard*.json',
    queries: [
      { metric: 'istio_requests_total', kind: 'rate', matchers: CLIENT, by: [] },
      { metric: 'istio_requests_total', kind: 'rate', matchers: `${CLIENT},response_code!~"5.."`, by: [] },
      { metric: 'istio_requests_total', kind: 'rate', matchers: `${CLIENT},response_code=~"4.."`, by: [] },
      { metric: 'istio_requests_total', kind: 'rate', matchers: `${CLIENT},response_code=~"5.."`, by: [] },
      { metric: 'istio_requests_total', kind: 'rate', matchers: CLIENT, by: [...WORKLOAD, 'destination_service'] },
      { metric: 'istio_request_duration_milliseconds', kind: 'quantile', matchers: CLIENT, by: WORKLOAD },
      { metric: 'istio_tcp_received_bytes_total', kind: 'rate', matchers: CLIENT, by: [...WORKLOAD, 'destination_service'] },
      { metric: 'istio_tcp_sent_bytes_total', kind: 'rate', matchers: CLIENT, by: [...WORKLOAD, 'destination_service'] },
      { metric: 'istio_build', kind: 'value', by: ['component', 'tag'] },
      { metric: 'istio_requests_total', kind: 'rate', matchers: `${SERVER},connection_security_policy="mutual_tls"`, by: [...SOURCE, 'response_code'] },
      { metric: 'istio_requests_total', kind: 'rate', matchers: `${SERVER},connection_security_policy="mutual_tls"`, by: [...WORKLOAD, 'response_code'] },
      {
        metric: 'istio_requests_total',
        kind: 'rate',
        matchers: 'reporter="source",connection_security_policy!="mutual_tls"',
        by: [...SOURCE, 'response_code'],
      },
      {
        metric: 'istio_requests_total',
        kind: 'rate',
        matchers: 'reporter="source",destination_principal=~"spiffe.*"',
        by: ['destination_service', 'response_code'],
      },
      { metric: 'istio_request_duration_milliseconds', kind: 'quantile', matchers: SERVER, by: SOURCE },
      { metric: 'istio_request_bytes', kind: 'quantile', matchers: SERVER, by: SOURCE },
      { metric: 'istio_response_bytes', kind: 'quantile', matchers: SERVER, by: SOURCE },
      { metric: 'istio_request_bytes', kind: 'quantile', matchers: 'reporter="source"', by: ['destination_service'] },
      { metric: 'istio_response_bytes', kind: 'quantile', matchers: 'reporter="source"', by: ['destination_service'] },
      { metric: 'istio_tcp_received_bytes_total', kind: 'rate', matchers: `${SERVER},connection_security_policy="mutual_tls"`, by: SOURCE },
      { metric: 'istio_tcp_sent_bytes_total', kind: 'rate', matchers: 'reporter="source"', by: ['destination_service'] },
    ],
  },
  'Istio’s performance dashboard': {
    source: 'github.com/istio/istio, manifests/addons/dashboards/istio-performance-dashboard.json; what of it is about traffic',
    queries: [
      { metric: 'istio_requests_total', kind: 'rate', matchers: 'source_workload="istio-ingressgateway",reporter="source"', by: [] },
      { metric: 'istio_response_bytes_sum', kind: 'rate', matchers: 'source_workload="istio-ingressgateway",reporter="source"', by: [] },
      { metric: 'istio_request_bytes_sum', kind: 'rate', matchers: 'source_workload_namespace!="istio-system",reporter="source"', by: [] },
    ],
  },
  'App Mesh’s data-plane and canary dashboards': {
    source: 'github.com/aws/eks-charts, stable/appmesh-grafana/dashboards/{data-plane,canary-releases}.json; without containers’ metrics',
    queries: [
      { metric: 'envoy_server_live', kind: 'value', by: [] },
      { metric: 'envoy_cluster_membership_total', kind: 'value', by: [] },
      { metric: 'envoy_cluster_membership_healthy', kind: 'value', by: [] },
      { metric: 'envoy_http_downstream_cx_active', kind: 'value', by: [] },
      { metric: 'envoy_cluster_upstream_cx_rx_bytes_total', kind: 'rate', by: [] },
      { metric: 'envoy_cluster_upstream_cx_tx_bytes_total', kind: 'rate', by: [] },
      {
        metric: 'envoy_cluster_upstream_rq',
        kind: 'rate',
        matchers: 'envoy_response_code=~"2.*"',
        by: ['kubernetes_namespace'],
        lacks: ['kubernetes_namespace'],
      },
      {
        metric: 'envoy_cluster_upstream_rq',
        kind: 'rate',
        matchers: 'envoy_response_code=~"4.*"',
        by: ['kubernetes_namespace'],
        lacks: ['kubernetes_namespace'],
      },
      {
        metric: 'envoy_cluster_upstream_rq',
        kind: 'rate',
        matchers: 'envoy_response_code=~"5.*"',
        by: ['kubernetes_namespace'],
        lacks: ['kubernetes_namespace'],
      },
      { metric: 'envoy_cluster_upstream_rq_timeout', kind: 'rate', by: ['kubernetes_namespace'], lacks: ['kubernetes_namespace'] },
      {
        metric: 'envoy_cluster_upstream_cx_connect_timeout',
        kind: 'rate',
        by: [],
        absent: 'no connection takes a second on one machine, and what has not happened is not sent by statsD',
      },
      { metric: 'envoy_cluster_outlier_detection_ejections_enforced_total', kind: 'rate', by: [] },
      { metric: 'envoy_cluster_outlier_detection_ejections_active', kind: 'value', by: [] },
      { metric: 'envoy_cluster_outlier_detection_ejections_enforced_consecutive_5xx', kind: 'rate', by: [] },
      { metric: 'envoy_cluster_outlier_detection_ejections_detected_consecutive_5xx', kind: 'rate', by: [] },
      { metric: 'envoy_cluster_circuit_breakers_default_cx_open', kind: 'value', by: [] },
      { metric: 'envoy_cluster_circuit_breakers_default_rq_open', kind: 'value', by: [] },
      { metric: 'envoy_cluster_ssl_handshake', kind: 'rate', by: [], absent: NEEDS_TLS },
      { metric: 'envoy_cluster_ssl_fail_verify_no_cert', kind: 'rate', by: [], absent: NEEDS_TLS },
      { metric: 'envoy_cluster_ssl_fail_verify_san', kind: 'rate', by: [], absent: NEEDS_TLS },
      { metric: 'envoy_cluster_ssl_fail_verify_error', kind: 'rate', by: [], absent: NEEDS_TLS },
      { metric: 'envoy_cluster_ssl_connection_error', kind: 'rate', by: [], absent: NEEDS_TLS },
    ],
  },
  'Lyft’s Envoy dashboards': {
    source: 'github.com/transferwise/prometheus-envoy-dashboards, envoy-{global,service-to-service}.json; they drop envoy_ of label names in the scrape',
    queries: [
      { metric: 'envoy_http_downstream_rq_total', kind: 'rate', by: ['envoy_http_conn_manager_prefix'] },
      { metric: 'envoy_http_rq_total', kind: 'rate', by: ['envoy_http_conn_manager_prefix'] },
      { metric: 'envoy_http_downstream_cx_total', kind: 'rate', by: ['envoy_http_conn_manager_prefix'] },
      { metric: 'envoy_http_downstream_rq_xx', kind: 'rate', matchers: 'envoy_response_code_class="5"', by: [] },
      { metric: 'envoy_http_downstream_rq_xx', kind: 'rate', by: ['envoy_response_code_class'] },
      { metric: 'envoy_cluster_upstream_cx_total', kind: 'rate', by: ['envoy_cluster_name'] },
      { metric: 'envoy_cluster_upstream_rq_total', kind: 'rate', by: ['envoy_cluster_name'] },
      { metric: 'envoy_cluster_upstream_rq_pending_total', kind: 'rate', by: ['envoy_cluster_name'] },
      { metric: 'envoy_cluster_upstream_cx_active', kind: 'value', by: ['envoy_cluster_name'] },
      { metric: 'envoy_cluster_upstream_rq_active', kind: 'value', by: ['envoy_cluster_name'] },
      { metric: 'envoy_cluster_upstream_rq_pending_active', kind: 'value', by: ['envoy_cluster_name'] },
      { metric: 'envoy_cluster_membership_change', kind: 'rate', by: ['envoy_cluster_name'] },
      { metric: 'envoy_cluster_upstream_rq_xx', kind: 'rate', matchers: 'envoy_response_code_class="4"', by: ['envoy_cluster_name'] },
      { metric: 'envoy_cluster_upstream_rq_retry', kind: 'rate', by: ['envoy_cluster_name'] },
      { metric: 'envoy_cluster_upstream_rq_retry_success', kind: 'rate', by: ['envoy_cluster_name'] },
      { metric: 'envoy_cluster_upstream_rq_retry_overflow', kind: 'rate', by: [], absent: 'no limit of retries at a time is reached in the test' },
      { metric: 'envoy_cluster_upstream_rq_time', kind: 'quantile', by: ['envoy_cluster_name'] },
      { metric: 'envoy_server_version', kind: 'value', by: [] },
      { metric: 'envoy_cluster_health_check_attempt', kind: 'rate', by: [], absent: 'the Envoy of the test has no active health checks' },
    ],
  },
}

/** A query as the dashboards would ask it, over twenty seconds. */
export function queryOf({ metric, kind, matchers = '', by }: PublishedQuery): string {
  const sum = (expression: string, labels: readonly string[]): string => `sum${labels.length === 0 ? '' : ` by (${labels.join(', ')})`} (${expression})`
  if (kind === 'quantile') return `histogram_quantile(0.99, ${sum(`rate(${metric}_bucket{${matchers}}[20s])`, [...by, 'le'])})`
  return sum(kind === 'rate' ? `rate(${metric}{${matchers}}[20s])` : `${metric}{${matchers}}`, by)
}
