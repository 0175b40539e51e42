import { type ResponseFlagCode, responseFlagsMask } from '../../../model/response_flags.ts'

/** How one proxy saw a call end. The combinations are those seen on a live Envoy. */
export interface Outcome {
  /** 0 when no response began. */
  readonly code: number
  readonly flags: readonly ResponseFlagCode[]
  /** `response_code_details`. */
  readonly details: string
  /** `upstream_request_attempt_count`; 0 when the call was never routed. */
  readonly attempts: number
  /** How far it came: no route, no upstream host picked, a host that could not be reached, or the upstream itself. */
  readonly reached: 'nowhere' | 'cluster' | 'host' | 'upstream'
  /** True when the upstream's response (its beginning at least) came back. */
  readonly answered: boolean
  /** `upstream_transport_failure_reason`. */
  readonly failureReason?: string
}

const answered = (code: number, attempts = 1): Outcome => ({ code, flags: [], details: 'via_upstream', attempts, reached: 'upstream', answered: true })

const failed = (code: number, flags: readonly ResponseFlagCode[], details: string, reached: Outcome['reached'], more: Partial<Outcome> = {}): Outcome => ({
  code,
  flags,
  details,
  attempts: reached === 'nowhere' ? 0 : 1,
  reached,
  answered: false,
  ...more,
})

const REFUSED = 'delayed connect error: Connection refused'

export const OUTCOMES = {
  ok: answered(200),
  redirect: answered(302),
  notModified: answered(304),
  notFound: answered(404),
  internalError: answered(500),
  /** The second attempt was answered. */
  okAfterRetry: answered(200, 2),
  noHealthyUpstream: failed(503, ['UH'], 'no_healthy_upstream', 'cluster'),
  overflow: failed(503, ['UO'], 'upstream_reset_before_response_started{overflow}', 'cluster'),
  connectFailureAfterRetries: failed(503, ['UF', 'URX'], `upstream_reset_before_response_started{connection_failure|${REFUSED}}`, 'host', {
    attempts: 3,
    failureReason: REFUSED,
  }),
  timeout: failed(504, ['UT'], 'response_timeout', 'upstream'),
  reset: failed(503, ['UC'], 'upstream_reset_before_response_started{connection_termination}', 'upstream'),
  clientGone: failed(0, ['DC'], 'downstream_remote_disconnect', 'upstream'),
  noRoute: failed(404, ['NR'], 'route_not_found', 'nowhere'),
  rateLimited: failed(429, ['RL'], 'request_rate_limited', 'nowhere'),
  injectedFault: failed(503, ['FI'], 'fault_filter_abort', 'cluster'),
} as const satisfies Readonly<Record<string, Outcome>>

/** Mask of an outcome's flags as in the `flags` column. */
export function flagsMask(outcome: Outcome): number {
  return responseFlagsMask(outcome.flags)
}

/** What a client asks for. Sizes are inclusive ranges of body bytes. */
export interface Endpoint {
  /** `core.RequestMethod`. */
  readonly method: 1 | 3
  readonly path: string
  /** The Host header. */
  readonly authority: string
  readonly requestBody: readonly [number, number]
  readonly responseBody: readonly [number, number]
}

const get = (authority: string, path: string, responseBody: readonly [number, number]): Endpoint => ({
  method: 1,
  path,
  authority,
  requestBody: [0, 0],
  responseBody,
})

/** Host name under which the simulated clients know the gateway. */
const PUBLIC_HOST = 'bookinfo.example.com'

export const ENDPOINTS = {
  productpage: get(PUBLIC_HOST, '/productpage?u=normal', [4_183, 5_293]),
  stylesheet: get(PUBLIC_HOST, '/static/bootstrap/css/bootstrap.min.css', [19_500, 19_500]),
  login: { method: 3, path: '/login', authority: PUBLIC_HOST, requestBody: [24, 40], responseBody: [209, 209] },
  missing: get(PUBLIC_HOST, '/favicon.ico', [207, 207]),
  admin: get('admin.example.com', '/wp-login.php', [0, 0]),
  details: get('details:9080', '/details/0', [178, 178]),
  reviews: get('reviews:9080', '/reviews/0', [295, 379]),
  ratings: get('ratings:9080', '/ratings/0', [48, 48]),
  rates: get('rates.example.net', '/v1/rates?base=EUR', [600, 900]),
} as const satisfies Readonly<Record<string, Endpoint>>
