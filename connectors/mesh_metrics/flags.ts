/** Envoy's short codes of `ResponseFlags`; index `n` is field `n + 1` (spec: envoy.data.accesslog.v3, Istio's `response_flags`). */
const SHORT_CODES = [
  'LH',
  'UH',
  'UT',
  'LR',
  'UR',
  'UF',
  'UC',
  'UO',
  'NR',
  'DI',
  'FI',
  'RL',
  'UAEX',
  'RLSE',
  'DC',
  'URX',
  'SI',
  'IH',
  'DPE',
  'UMSDR',
  'RFCF',
  'NFCF',
  'DT',
  'UPE',
  'NC',
  'OM',
  'DF',
  'DR',
] as const

/** The names of the same fields, for `error.type`. */
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

/** The `response_flags` label of a mask of the `flags` column: short codes in the order of the fields, `-` when none is set. */
export function flagsText(mask: number): string {
  const codes = SHORT_CODES.filter((_, bit) => (mask & (1 << bit)) !== 0)
  return codes.length === 0 ? '-' : codes.join(',')
}

/** Name of the first flag that is set; empty when none is. */
export function firstFlagName(mask: number): string {
  return LONG_NAMES.find((_, bit) => (mask & (1 << bit)) !== 0) ?? ''
}
