/** Names of the fields of `ResponseFlags`, for `error.type`; index `n` is field `n + 1` (spec: als.md §1.3). */
const LONG_NAMES = [
  'failed_local_healthcheck',
  'no_healthy_upstream',
  'upstream_request_timeout',
  'local_reset',
  'upstream_remote_reset',
  'upstream_connection_failure',
  'upstream_connection_termination',
  'upstream_overflow',
  'no_route_found',
  'delay_injected',
  'fault_injected',
  'rate_limited',
  'unauthorized',
  'rate_limit_service_error',
  'downstream_connection_termination',
  'upstream_retry_limit_exceeded',
  'stream_idle_timeout',
  'invalid_envoy_request_headers',
  'downstream_protocol_error',
  'upstream_max_stream_duration_reached',
  'response_from_cache_filter',
  'no_filter_config_found',
  'duration_timeout',
  'upstream_protocol_error',
  'no_cluster_found',
  'overload_manager',
  'dns_resolution_failure',
  'downstream_remote_reset',
] as const

/** Name of the first flag that is set; empty when none is. */
export function firstFlagName(mask: number): string {
  return LONG_NAMES.find((_, bit) => (mask & (1 << bit)) !== 0) ?? ''
}
