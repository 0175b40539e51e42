/** What goes wrong with a call on purpose. */
export type Fault =
  /** The error is answered, and nothing is done. */
  | { readonly kind: 'error'; readonly status: number; readonly type: string; readonly message?: string; readonly headers?: Readonly<Record<string, string>> }
  /** The connection is cut without an answer; with `isDone` what was asked has been done. */
  | { readonly kind: 'reset'; readonly isDone?: boolean }
  /** The answer comes when `until` resolves. */
  | { readonly kind: 'slow'; readonly until: Promise<void> }

/** Faults by the names that tests use, as AWS answers them. */
export const FAULTS = {
  /** What the API does when its quota is used up. */
  throttled400: { kind: 'error', status: 400, type: 'ThrottlingException', message: 'Rate exceeded' },
  throttled429: { kind: 'error', status: 429, type: 'TooManyRequestsException', message: 'Too many requests' },
  unavailable: { kind: 'error', status: 503, type: 'ServiceUnavailableException', message: 'The service cannot complete the request.' },
  internal: { kind: 'error', status: 500, type: 'InternalFailure', message: 'The request processing has failed because of an unknown error.' },
  /** Not JSON: a load balancer's page. */
  badGateway: { kind: 'error', status: 502, type: '', message: '<html><body>502 Bad Gateway</body></html>' },
  aborted: {
    kind: 'error',
    status: 400,
    type: 'OperationAbortedException',
    message: 'Multiple concurrent requests to update the same resource were in conflict.',
  },
  expiredToken: {
    kind: 'error',
    status: 400,
    type: 'com.amazon.coral.service#ExpiredTokenException',
    message: 'The security token included in the request is expired',
  },
  skewed: { kind: 'error', status: 403, type: 'RequestTimeTooSkewed', message: 'The difference between the request time and the current time is too large.' },
  accessDenied: {
    kind: 'error',
    status: 400,
    type: 'com.amazon.coral.service#AccessDeniedException',
    message: 'User: arn:aws:sts::123456789012:assumed-role/node/i-0 is not authorized to perform: logs:PutLogEvents',
  },
  invalid: { kind: 'error', status: 400, type: 'InvalidParameterException', message: 'Log event is malformed.' },
  tooLarge: { kind: 'error', status: 413, type: 'RequestEntityTooLargeException', message: 'Request too large' },
  reset: { kind: 'reset' },
  resetAfter: { kind: 'reset', isDone: true },
} as const satisfies Readonly<Record<string, Fault>>

/** Operations of the API that the fake knows. */
export type Operation = 'PutLogEvents' | 'CreateLogStream' | 'CreateLogGroup' | 'PutRetentionPolicy' | 'TagResource'

interface Planned {
  readonly fault: Fault
  readonly applies: (call: { readonly operation: string; readonly messages: readonly string[] }) => boolean
  left: number
}

/** Faults that are still to come; each call takes the first that applies to it. */
export class FaultPlan {
  readonly #planned: Planned[] = []

  /** The next `times` calls of `operation` go wrong. */
  add(operation: Operation, fault: Fault, times = 1): void {
    this.#planned.push({ fault, applies: (call) => call.operation === operation, left: times })
  }

  /** Every PutLogEvents goes wrong that has an event with `text` in it. */
  addForEvents(text: string, fault: Fault, times = Number.POSITIVE_INFINITY): void {
    this.#planned.push({ fault, applies: ({ messages }) => messages.some((message) => message.includes(text)), left: times })
  }

  /** Nothing goes wrong any more. */
  clear(): void {
    this.#planned.length = 0
  }

  take(operation: string, messages: readonly string[]): Fault | undefined {
    const next = this.#planned.find(({ applies, left }) => left > 0 && applies({ operation, messages }))
    if (next === undefined) return undefined
    next.left--
    return next.fault
  }
}
