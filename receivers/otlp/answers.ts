import type { ServerResponse } from 'node:http'
import { Metadata, status } from '@grpc/grpc-js'
import type { Signal } from '../../component/signal.ts'
import { encodeExportResponse, encodeStatus, type PartialSuccess, type RpcStatus } from '../../model/otlp/responses.ts'
import type { Accepted, Fault, FaultKind, Format } from './messages.ts'

/**
 * How faults are answered (https://opentelemetry.io/docs/specs/otlp/#failures and #failures-1). Senders try again after
 * UNAVAILABLE, 503 and 429, and after RESOURCE_EXHAUSTED when it says when; never after the others.
 */
const CODES: Readonly<Record<FaultKind, { readonly grpc: number; readonly http: number }>> = {
  refused: { grpc: status.UNAVAILABLE, http: 503 },
  throttled: { grpc: status.RESOURCE_EXHAUSTED, http: 429 },
  rejected: { grpc: status.INVALID_ARGUMENT, http: 400 },
  invalid: { grpc: status.INVALID_ARGUMENT, http: 400 },
  no_pipeline: { grpc: status.UNIMPLEMENTED, http: 404 },
  failed: { grpc: status.INTERNAL, http: 500 },
  overload: { grpc: status.RESOURCE_EXHAUSTED, http: 429 },
  too_large: { grpc: status.RESOURCE_EXHAUSTED, http: 413 },
  unauthenticated: { grpc: status.UNAUTHENTICATED, http: 401 },
  encoding: { grpc: status.UNIMPLEMENTED, http: 415 },
  media_type: { grpc: status.INVALID_ARGUMENT, http: 415 },
  shutdown: { grpc: status.UNAVAILABLE, http: 503 },
  cut: { grpc: status.CANCELLED, http: 400 },
}

/** Every reason why a request was not taken. */
export const FAULT_KINDS = Object.keys(CODES) as readonly FaultKind[]

/** Longer messages are cut: they travel in trailers, whose size clients limit. */
const MESSAGE_CHARACTERS_MAX = 1024
/** Where gRPC carries a `google.rpc.Status`. */
const DETAILS_KEY = 'grpc-status-details-bin'

/** What the gRPC library wants to hear of a call that failed. */
export interface GrpcFailure {
  readonly code: number
  readonly details: string
  readonly metadata?: Metadata
}

/** An `Export…ServiceResponse`, which is empty when all was taken. */
export function grpcSuccess(outcome: Accepted): Buffer {
  return Buffer.from(encodeExportResponse(partialOf(outcome)).buffer)
}

export function grpcFailure(fault: Fault): GrpcFailure {
  const message = statusOf(fault)
  const failure = { code: message.code, details: message.message }
  if (message.retryAfterMs === undefined) return failure
  const metadata = new Metadata()
  metadata.set(DETAILS_KEY, Buffer.from(encodeStatus(message)))
  return { ...failure, metadata }
}

/** Answers in the format of the request that all was taken, or all but what could not be read. */
export function httpSuccess(response: ServerResponse, { format, signal, outcome }: { format: Format; signal: Signal; outcome: Accepted }): void {
  const partial = partialOf(outcome)
  const body = format === 'proto' ? encodeExportResponse(partial) : Buffer.from(partial === undefined ? '{}' : partialJson(partial, signal))
  response.writeHead(200, { 'Content-Type': mediaTypeOf(format), 'Content-Length': body.length }).end(body)
}

/** Answers with a `google.rpc.Status` in the format of the request; in text when that is not known. */
export function httpFailure(response: ServerResponse, fault: Fault, format: Format | undefined): void {
  const message = statusOf(fault)
  if (message.retryAfterMs !== undefined) response.setHeader('Retry-After', String(Math.max(1, Math.ceil(message.retryAfterMs / 1000))))
  if (fault.kind === 'unauthenticated') response.setHeader('WWW-Authenticate', fault.challenge ?? 'Bearer')
  const body = format === 'proto' ? encodeStatus(message) : Buffer.from(format === 'json' ? statusJson(message) : `${message.message}\n`)
  const type = format === undefined ? 'text/plain; charset=utf-8' : mediaTypeOf(format)
  response.writeHead(CODES[fault.kind].http, { 'Content-Type': type, 'Content-Length': body.length }).end(body)
}

function statusOf({ kind, message, retryAfterMs }: Fault): RpcStatus {
  // The library cannot send halves of surrogate pairs, which a cut may leave.
  const text = message.slice(0, MESSAGE_CHARACTERS_MAX).toWellFormed()
  return { code: CODES[kind].grpc, message: text, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) }
}

/** As proto3 JSON. */
function statusJson({ code, message, retryAfterMs }: RpcStatus): string {
  const retryInfo = { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: `${(retryAfterMs ?? 0) / 1000}s` }
  return JSON.stringify({ code, message, ...(retryAfterMs === undefined ? {} : { details: [retryInfo] }) })
}

function partialOf(outcome: Accepted): PartialSuccess | undefined {
  if (outcome.kind === 'accepted') return undefined
  const { rejected, errorMessage } = outcome.partial
  return { rejected, errorMessage: errorMessage.slice(0, MESSAGE_CHARACTERS_MAX).toWellFormed() }
}

const REJECTED = { logs: 'rejectedLogRecords', metrics: 'rejectedDataPoints', traces: 'rejectedSpans' } as const

/** As proto3 JSON, where 64-bit numbers are text. */
function partialJson({ rejected, errorMessage }: PartialSuccess, signal: Signal): string {
  return JSON.stringify({ partialSuccess: { [REJECTED[signal]]: String(rejected), errorMessage } })
}

function mediaTypeOf(format: Format): string {
  return format === 'proto' ? 'application/x-protobuf' : 'application/json'
}
