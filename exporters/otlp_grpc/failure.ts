import { type ServiceError, status } from '@grpc/grpc-js'
import { PermanentError, RefusedError } from '../../component/consumer.ts'
import { decodeStatus } from '../../model/otlp/responses.ts'

/** Codes after which the same request may succeed: https://opentelemetry.io/docs/specs/otlp/#failures. */
const RETRYABLE: ReadonlySet<status> = new Set([
  status.CANCELLED,
  status.DEADLINE_EXCEEDED,
  status.ABORTED,
  status.OUT_OF_RANGE,
  status.UNAVAILABLE,
  status.DATA_LOSS,
])

/** What the library gives beside the status when the stream was reset or cut: the HTTP/2 error code, 0 for none. */
interface Reset {
  readonly rstCode?: number
}

/**
 * What a failed call means for the request. `RESOURCE_EXHAUSTED` may be repeated only when the server says when, by a
 * `RetryInfo`: otherwise it may mean that the request is too large for ever. A stream that ended without a status may be
 * repeated, too: the library calls that INTERNAL or something else, but no server has said so.
 */
export function failureOf(error: ServiceError & Reset): RefusedError | PermanentError {
  const [details] = error.metadata?.get('grpc-status-details-bin') ?? []
  const retryAfterMs = typeof details === 'object' ? decodeStatus(details).retryAfterMs : undefined
  const text = `${status[error.code] ?? error.code}: ${error.details}`
  if (!isReset(error) && !RETRYABLE.has(error.code) && !(error.code === status.RESOURCE_EXHAUSTED && retryAfterMs !== undefined))
    return new PermanentError(text, { cause: error })
  return new RefusedError(text, { cause: error, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) })
}

function isReset({ rstCode, details }: ServiceError & Reset): boolean {
  // An answer in HTTP without gRPC, such as a proxy's 404, ends without a status as well, but says what is wrong.
  return rstCode !== undefined && !details.startsWith('Received HTTP status code')
}
