import { createHash } from 'node:crypto'
import type { HttpCall } from './http_call_site.ts'
import { ENDPOINTS } from './outcomes.ts'

/**
 * Who traces. `proxies` log the ids of their own spans; with `applications` the proxies pass on what these put into the
 * headers, and both proxies of a call log the span of the caller.
 */
export type Tracing = 'proxies' | 'applications'

/** A span of a proxy, as it must come out of its log entry. Times are microseconds. */
export interface TruthSpan {
  readonly traceId: string
  /** Empty where applications trace: nobody knows it but who makes the span. */
  readonly spanId: string
  /** Empty for the root, and where applications trace and the parent is the span of the caller's proxy. */
  readonly parentSpanId: string
  /** Workload of the proxy. */
  readonly workload: string
  /** A gateway serves what comes from outside. */
  readonly kind: 'server' | 'client'
  readonly startUs: number
  readonly durationUs: number
  /** 0 when no response began. */
  readonly code: number
}

/** Spans that a truth lists; later ones are left out. */
export const SPANS_MAX = 100_000

/** What the workloads that call others serve when they do. */
const SERVED_BY: Readonly<Record<string, string>> = { productpage: ENDPOINTS.productpage.path, reviews: ENDPOINTS.reviews.path }

/**
 * The ids of the spans that proxies would make if they traced, and which is whose parent. They follow from the trace id and the
 * place of the call in its request, so that neither order nor the random stream matters.
 */
export function spanIdsOf(traceId: string, call: HttpCall): { readonly spanId: string; readonly parentSpanId: string } {
  const { reporter, endpoint } = call
  const { app, role } = reporter.workload
  if (call.direction === 'inbound') {
    // Who has no proxy makes no span.
    if (call.peer === undefined) return { spanId: idOf(traceId, 'plain', app, endpoint.path), parentSpanId: '' }
    return { spanId: idOf(traceId, 'in', app, endpoint.path), parentSpanId: idOf(traceId, 'out', call.peer.workload.app, endpoint.path) }
  }
  const parentSpanId = role === 'router' ? '' : idOf(traceId, 'in', app, SERVED_BY[app] ?? '')
  return { spanId: idOf(traceId, 'out', app, endpoint.path), parentSpanId }
}

/** The span of the application that called, which sends its id in the headers; a gateway passes on its client's. */
export function callerSpanOf(traceId: string, { direction, reporter, peer, plainClient, endpoint }: HttpCall): string {
  const proxy = direction === 'inbound' ? peer : reporter
  if (proxy?.workload.role === 'router') return idOf(traceId, 'client')
  return idOf(traceId, 'application', (proxy ?? plainClient)?.workload.app ?? '', endpoint.path)
}

/** The kind of the span that a proxy's entry is. */
export function spanKindOf({ direction, reporter }: HttpCall): 'server' | 'client' {
  return direction === 'inbound' || reporter.workload.role === 'router' ? 'server' : 'client'
}

function idOf(...parts: readonly string[]): string {
  return createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, 16)
}
