/**
 * The labels under which Envoy's OpenTelemetry access logger has to log what the analysis reads, with the format string for
 * each. Names are those of Istio's JSON log format where it has one, else the operator's name in lower case. A value of `-`
 * or no value is "not known".
 */
export const OTEL_LABELS = {
  access_log_type: '%ACCESS_LOG_TYPE%',
  authority: '%REQ(:AUTHORITY)%',
  bytes_received: '%BYTES_RECEIVED%',
  bytes_sent: '%BYTES_SENT%',
  connection_termination_details: '%CONNECTION_TERMINATION_DETAILS%',
  downstream_direct_remote_address: '%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%',
  downstream_local_address: '%DOWNSTREAM_LOCAL_ADDRESS%',
  downstream_local_uri_san: '%DOWNSTREAM_LOCAL_URI_SAN%',
  downstream_peer: '%FILTER_STATE(downstream_peer:PLAIN)%',
  downstream_peer_uri_san: '%DOWNSTREAM_PEER_URI_SAN%',
  downstream_remote_address: '%DOWNSTREAM_REMOTE_ADDRESS%',
  downstream_tls_version: '%DOWNSTREAM_TLS_VERSION%',
  downstream_transport_failure_reason: '%DOWNSTREAM_TRANSPORT_FAILURE_REASON%',
  downstream_wire_bytes_received: '%DOWNSTREAM_WIRE_BYTES_RECEIVED%',
  downstream_wire_bytes_sent: '%DOWNSTREAM_WIRE_BYTES_SENT%',
  duration: '%DURATION%',
  grpc_status: '%GRPC_STATUS_NUMBER%',
  local_principal: '%FILTER_STATE(io.istio.local_principal:PLAIN)%',
  method: '%REQ(:METHOD)%',
  path: '%REQ(:PATH)%',
  peer_principal: '%FILTER_STATE(io.istio.peer_principal:PLAIN)%',
  protocol: '%PROTOCOL%',
  request_id: '%REQ(X-REQUEST-ID)%',
  requested_server_name: '%REQUESTED_SERVER_NAME%',
  response_code: '%RESPONSE_CODE%',
  response_code_details: '%RESPONSE_CODE_DETAILS%',
  response_flags: '%RESPONSE_FLAGS%',
  route_name: '%ROUTE_NAME%',
  scheme: '%REQ(:SCHEME)%',
  stream_id: '%STREAM_ID%',
  upstream_cluster: '%UPSTREAM_CLUSTER_RAW%',
  upstream_host: '%UPSTREAM_HOST%',
  upstream_local_address: '%UPSTREAM_LOCAL_ADDRESS%',
  upstream_peer: '%FILTER_STATE(upstream_peer:PLAIN)%',
  upstream_peer_uri_san: '%UPSTREAM_PEER_URI_SAN%',
  upstream_request_attempt_count: '%UPSTREAM_REQUEST_ATTEMPT_COUNT%',
  upstream_transport_failure_reason: '%UPSTREAM_TRANSPORT_FAILURE_REASON%',
  user_agent: '%REQ(USER-AGENT)%',
  x_forwarded_for: '%REQ(X-FORWARDED-FOR)%',
} as const

export type OtelLabel = keyof typeof OTEL_LABELS

/** A record with all of these is an access log. */
export const REQUIRED_LABELS: readonly OtelLabel[] = ['downstream_local_address', 'downstream_remote_address', 'response_flags', 'upstream_cluster']
