import type { Signal } from '../../component/signal.ts'
import type { Client } from '../../model/client.ts'
import type { PartialSuccess } from '../../model/otlp/responses.ts'

export type Transport = 'grpc' | 'http'
export type Format = 'proto' | 'json'

/** What an ingest half tells its main half: a request, uncompressed. `id` is unique in the link. */
export interface ToMain {
  readonly id: number
  readonly signal: Signal
  readonly transport: Transport
  readonly format: Format
  /** Transferred: the whole of its memory. */
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly client: Client
}

/** What the main half answers, once for every request. */
export interface ToIngest {
  readonly id: number
  readonly outcome: Outcome
}

/** What became of a request. `partial`: some of its items are no OTLP; the pipelines took the others. */
export type Outcome = Accepted | Fault

export type Accepted = { readonly kind: 'accepted' } | { readonly kind: 'partial'; readonly partial: PartialSuccess }

export interface Fault {
  readonly kind: FaultKind
  /** For the client. */
  readonly message: string
  /** When the same request may be taken. */
  readonly retryAfterMs?: number
  /** Of `unauthenticated`: the `WWW-Authenticate` header. */
  readonly challenge?: string
}

/** Why a request was not taken; the answers to each are in `answers.ts`. */
export type FaultKind =
  /** The pipeline does not take it now. */
  | 'refused'
  /** The pipeline does not take it now, and says when it will. */
  | 'throttled'
  /** The pipeline will never take it. */
  | 'rejected'
  /** Not an OTLP message. */
  | 'invalid'
  /** No pipeline of this signal has the receiver. */
  | 'no_pipeline'
  /** An error in the daemon. */
  | 'failed'
  /** Too many requests or bytes of requests are under way. */
  | 'overload'
  | 'too_large'
  | 'unauthenticated'
  /** An unknown or switched off compression. */
  | 'encoding'
  /** An unknown content type. */
  | 'media_type'
  /** The receiver was stopped before the pipeline had taken it. */
  | 'shutdown'
  /** The client left before the request was whole; nobody is there to be told. */
  | 'cut'
