import { type ApiResource, type ApiVerb, resourceName } from './resource.ts'

/** What to do about a failed request; everything else of an error is for people. */
export type ApiErrorKind =
  /** 401: the credentials are not, or no longer, accepted. */
  | 'unauthorized'
  /** 403: a right is missing. */
  | 'forbidden'
  /** 404: the server does not know the resource. */
  | 'not_found'
  /** 410: the resource version or the continue token is too old. */
  | 'expired'
  /** 400, 405, 406, 415 and 422: the server does not do what was asked for. */
  | 'unsupported'
  /** 429: too many requests. */
  | 'throttled'
  /** The server has not yet seen the resource version that was asked for. */
  | 'version_too_large'
  /** Any other status, mostly 5xx. */
  | 'unavailable'
  /** No connection, or one that broke. */
  | 'connection'
  /** Nothing came for too long. */
  | 'idle'
  /** What came is not what the API promises. */
  | 'malformed'
  /** The credentials cannot be read or made. */
  | 'access'

/** A request that failed. The message is a sentence for the operator and holds no secret. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly kind: ApiErrorKind
  /** How long the server asks to wait; undefined when it does not say. */
  readonly retryAfterMs: number | undefined

  constructor(kind: ApiErrorKind, message: string, options: { readonly retryAfterMs?: number | undefined; readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.kind = kind
    this.retryAfterMs = options.retryAfterMs
  }
}

/** The parts of a `Status` object of the API that say what went wrong. */
interface StatusObject {
  readonly code: number
  readonly reason: string
  readonly message: string
  readonly retryAfterSeconds: number
  readonly isVersionTooLarge: boolean
}

/** Longest part of a server's message that goes into ours. */
const MESSAGE_CHARS_MAX = 400
/** A server that asks for more patience than this is asked again anyway. */
const RETRY_AFTER_MS_MAX = 300_000

/** The error that a response with a status other than 200 stands for. */
export function responseError(
  verb: ApiVerb,
  resource: ApiResource | string,
  response: { readonly status: number; readonly retryAfter: string | undefined; readonly body: string; readonly nowMs: number },
): ApiError {
  const retryAfterMs = parseRetryAfter(response.retryAfter, response.nowMs)
  return statusError(verb, resource, readStatus(parseOrUndefined(response.body), response.status, response.body), retryAfterMs)
}

/** The error that the object of an `ERROR` event of a watch stands for. */
export function eventError(resource: ApiResource, object: unknown): ApiError {
  return statusError('watch', resource, readStatus(object, 0, ''), undefined)
}

function statusError(verb: ApiVerb, resource: ApiResource | string, status: StatusObject, headerRetryAfterMs: number | undefined): ApiError {
  const what = typeof resource === 'string' ? resource : resourceName(resource)
  const kind = kindOf(status)
  const says = status.message === '' ? '' : `: ${status.message}`
  const bodyRetryAfterMs = status.retryAfterSeconds > 0 ? Math.min(status.retryAfterSeconds * 1000, RETRY_AFTER_MS_MAX) : undefined
  const retryAfterMs = headerRetryAfterMs ?? bodyRetryAfterMs
  switch (kind) {
    case 'forbidden':
      return new ApiError(kind, `RBAC: missing ${verb} on ${what}${says}; meshscope rbac prints the rights that the config needs`, { retryAfterMs })
    case 'unauthorized':
      return new ApiError(kind, `the API server does not accept the credentials for ${verb} of ${what}${says}; expected a valid token or client certificate`, {
        retryAfterMs,
      })
    case 'not_found':
      return new ApiError(kind, `the API server does not serve ${what}${says}`, { retryAfterMs })
    default:
      return new ApiError(kind, `${verb} of ${what} failed with status ${status.code}${status.reason === '' ? '' : ` ${status.reason}`}${says}`, {
        retryAfterMs,
      })
  }
}

function kindOf({ code, reason, isVersionTooLarge }: StatusObject): ApiErrorKind {
  if (isVersionTooLarge) return 'version_too_large'
  switch (code) {
    case 401:
      return 'unauthorized'
    case 403:
      return 'forbidden'
    case 404:
      return 'not_found'
    case 410:
      return 'expired'
    case 400:
    case 405:
    case 406:
    case 415:
    case 422:
      return 'unsupported'
    case 429:
      return 'throttled'
    default:
      return reason === 'Expired' || reason === 'Gone' ? 'expired' : 'unavailable'
  }
}

/** https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/ */
function readStatus(object: unknown, fallbackCode: number, fallbackText: string): StatusObject {
  const status = recordOf(object)
  const details = recordOf(status.details)
  const causes = Array.isArray(details.causes) ? details.causes : []
  const message = typeof status.message === 'string' ? status.message : (fallbackText.split('\n', 1)[0] ?? '')
  return {
    code: typeof status.code === 'number' ? status.code : fallbackCode,
    reason: typeof status.reason === 'string' ? status.reason : '',
    message: message.trim().slice(0, MESSAGE_CHARS_MAX),
    retryAfterSeconds: typeof details.retryAfterSeconds === 'number' ? details.retryAfterSeconds : 0,
    // Servers before 1.19 give no cause, only the text.
    isVersionTooLarge: causes.some((cause) => recordOf(cause).reason === 'ResourceVersionTooLarge') || /^too large resource version/i.test(message),
  }
}

/** Seconds or a date (RFC 9110, 10.2.3) as a time to wait. */
function parseRetryAfter(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined || header === '') return undefined
  const waitMs = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - nowMs
  return Number.isNaN(waitMs) ? undefined : Math.min(Math.max(waitMs, 0), RETRY_AFTER_MS_MAX)
}

function parseOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {}
}
