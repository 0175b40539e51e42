import type { IncomingHttpHeaders } from 'node:http'
import { httpFailure } from '../../component/kit/http_sender.ts'
import { decodeStatus } from '../../model/otlp/responses.ts'

/** Answers after which the same request may succeed: https://opentelemetry.io/docs/specs/otlp/#retryable-response-codes. */
const RETRYABLE: ReadonlySet<number> = new Set([429, 502, 503, 504])

/** What an answer other than success means for the request. `nowMs` is the time, for a `Retry-After` that is a date. */
export function failureOf(
  code: number,
  { headers, body, nowMs }: { readonly headers: IncomingHttpHeaders; readonly body: Buffer; readonly nowMs: number },
): Error {
  return httpFailure({ code, headers, body }, { retryable: RETRYABLE, nowMs, reasonOf: () => reasonOf(headers['content-type'] ?? '', body) })
}

/** What a server says in a `google.rpc.Status` of either encoding, or another text. */
function reasonOf(contentType: string, body: Buffer): string {
  if (body.length === 0) return ''
  if (contentType.startsWith('application/x-protobuf')) return decodeStatus(body).message
  const text = body.toString('utf8')
  if (!contentType.startsWith('application/json')) return text.trim()
  try {
    const { message } = JSON.parse(text) as { readonly message?: unknown }
    return typeof message === 'string' ? message : text
  } catch {
    return text
  }
}
