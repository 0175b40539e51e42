/** Envoy's short codes of `ResponseFlags`; index `n` is field `n + 1` and bit `n` of the `flags` column (spec: als.md §1.3). */
export const RESPONSE_FLAG_CODES = [
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

/** The names of the fields of `ResponseFlags` in the protocol; index `n` is field `n + 1` and bit `n`. */
export const RESPONSE_FLAG_NAMES = [
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
  'unauthorized_details',
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

export type ResponseFlagCode = (typeof RESPONSE_FLAG_CODES)[number]

/** A mask of the `flags` column as Envoy and Istio write it: short codes in the order of the fields, `-` when none is set. */
export function responseFlagsText(mask: number): string {
  const codes = RESPONSE_FLAG_CODES.filter((_, bit) => (mask & (1 << bit)) !== 0)
  return codes.length === 0 ? '-' : codes.join(',')
}

/** The mask of some short codes. */
export function responseFlagsMask(codes: readonly ResponseFlagCode[]): number {
  let mask = 0
  for (const code of codes) mask |= 1 << RESPONSE_FLAG_CODES.indexOf(code)
  return mask >>> 0
}

/** Name of the first flag that is set, as `error.type` has it; empty when none is, `_OTHER` for a bit without a name. */
export function firstResponseFlagName(mask: number): string {
  return mask === 0 ? '' : (RESPONSE_FLAG_NAMES[31 - Math.clz32(mask & -mask)] ?? '_OTHER')
}
