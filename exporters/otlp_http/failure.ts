import type { IncomingHttpHeaders } from 'node:http'
import { PermanentError, RefusedError } from '../../component/consumer.ts'
import { decodeStatus } from '../../model/otlp/responses.ts'

/** Answers after which the same request may succeed: https://opentelemetry.io/docs/specs/otlp/#retryable-response-codes. */
const RETRYABLE: ReadonlySet<number> = new Set([429, 502, 503, 504])

/** Longest part of an unknown answer that is shown. */
const TEXT_MAX = 200

/** What an answer other than success means for the request. `nowMs` is the time, for a `Retry-After` that is a date. */
export function failureOf(
  code: number,
  { headers, body, nowMs }: { readonly headers: IncomingHttpHeaders; readonly body: Buffer; readonly nowMs: number },
): Error {
  const reason = reasonOf(headers['content-type'] ?? '', body)
  const text = `HTTP ${code}${reason === '' ? '' : `: ${reason}`}`
  if (code >= 300 && code < 400)
    return new PermanentError(`${text}; redirects are not followed, set the endpoint to ${headers.location ?? 'where the server points to'}`)
  if (!RETRYABLE.has(code)) return new PermanentError(text)
  const retryAfterMs = retryAfter(headers['retry-after'], nowMs)
  return new RefusedError(text, retryAfterMs === undefined ? {} : { retryAfterMs })
}

/** What a server says in a `google.rpc.Status` of either encoding, or the beginning of another text. */
function reasonOf(contentType: string, body: Buffer): string {
  if (body.length === 0) return ''
  if (contentType.startsWith('application/x-protobuf')) return decodeStatus(body).message
  const text = body.toString('utf8')
  if (contentType.startsWith('application/json')) {
    try {
      const { message } = JSON.parse(text) as { readonly message?: unknown }
      if (typeof message === 'string') return message
    } catch {
      // Shown as it is.
    }
  }
  return text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX)}…` : text.trimEnd()
}

/** Milliseconds that a `Retry-After` header asks for, as seconds or as a date (RFC 9110 section 10.2.3). */
function retryAfter(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined) return undefined
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000
  const date = Date.parse(value)
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs)
}
