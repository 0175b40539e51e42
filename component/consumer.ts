import type { Logs } from '../model/logs.ts'
import type { Metrics } from '../model/metrics.ts'
import type { Traces } from '../model/traces.ts'

/** The batch type that a pipeline of a given signal carries. */
export interface SignalData {
  readonly logs: Logs
  readonly metrics: Metrics
  readonly traces: Traces
}

/**
 * Takes batches over from the component before it in a pipeline.
 *
 * `consume` returns (or resolves) when the batch has been taken over and throws (or rejects) when it has not: with a
 * `RefusedError` when the same batch may be accepted later, with a `PermanentError` when it never will be. The caller
 * does not touch the batch afterwards. Consumers on the ingest path are synchronous: a promise for every access-log
 * message would cost more than decoding it.
 *
 * Access-log batches are the exception to "taken over": their columns belong to the receiver and are valid only until
 * `consume` returns. A consumer that needs them longer copies what it needs before it returns.
 */
export interface Consumer<T> {
  consume(batch: T): void | Promise<void>
  /** True when `consume` changes the batch. The graph then gives it a copy of its own where the batch is shared. */
  readonly mutatesData?: boolean
}

/** Consumers by signal; a component that handles several signals gets or offers several. */
export type ConsumerSet = { readonly [S in Signal]?: Consumer<SignalData[S]> }

type Signal = keyof SignalData

/** The batch was not taken, but the same batch may be accepted after `retryAfterMs`. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError'
  readonly retryAfterMs: number | undefined

  constructor(message: string, options: { cause?: unknown; retryAfterMs?: number } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.retryAfterMs = options.retryAfterMs
  }
}

/** The batch was not taken and never will be: the data itself is at fault. */
export class PermanentError extends Error {
  override readonly name = 'PermanentError'
}
