/** A failure as the API tells it: a `Status` object with an HTTP code. */
export class StatusError extends Error {
  readonly code: number
  readonly reason: string
  /** For the Retry-After header, in seconds; 0 = none. */
  readonly retryAfterSeconds: number
  /** More of the Status, such as `metadata.continue` of an expired list. */
  readonly more: object

  constructor(code: number, reason: string, message: string, options: { readonly retryAfterSeconds?: number; readonly more?: object } = {}) {
    super(message)
    this.code = code
    this.reason = reason
    this.retryAfterSeconds = options.retryAfterSeconds ?? 0
    this.more = options.more ?? {}
  }

  /** The `Status` object. */
  body(): object {
    return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message: this.message, reason: this.reason, code: this.code, ...this.more }
  }
}

const REASONS: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  410: 'Expired',
  422: 'Invalid',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
}

/** The reason that usually goes with a code. */
export function reasonOf(code: number): string {
  return REASONS[code] ?? 'Unknown'
}
