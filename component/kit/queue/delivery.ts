import type { Clock } from '../../component.ts'
import { PermanentError, RefusedError } from '../../consumer.ts'
import type { Signal } from '../../signal.ts'
import { Backoff } from './backoff.ts'
import type { QueueOptions } from './config.ts'

/** One encoded request on its way out. */
export interface SendRequest {
  readonly signal: Signal
  readonly bytes: Uint8Array
  readonly items: number
}

/** What became of a request that was sent. */
export interface SendResult {
  /** Items that the backend took the request without (partial success); they are counted as dropped with reason `rejected`. */
  readonly rejected?: number
}

/** Items of a request that are done with for good although the request is not: of a further attempt they are no part. */
export interface SettledPart {
  readonly sent: number
  readonly rejected: number
}

export interface SendOptions {
  readonly signal: AbortSignal
  /** For requests of which parts succeed by themselves: tells that one is done with. What `SendResult` says is beside that. */
  readonly settled: (part: SettledPart) => void
}

/**
 * Sends one request once. Rejects with a `RefusedError` when the same request may succeed later (perhaps after
 * `retryAfterMs`) and with a `PermanentError` when it never will; any other error counts as the former. `signal` aborts when
 * the attempt takes too long or the process cannot wait any more; what comes back after that is ignored.
 */
export type Send = (request: SendRequest, options: SendOptions) => Promise<SendResult | void>

/** How the sending of a request ended. */
export type Outcome =
  | { readonly kind: 'sent'; readonly rejected: number; readonly attempts: number }
  | { readonly kind: 'permanent' | 'retries_exhausted' | 'shutdown'; readonly error: Error; readonly settled: SettledPart }

/** What a producer that waits for the outcome is told: that the same data may be taken later, or never. */
export function producerError({ kind, error }: Exclude<Outcome, { readonly kind: 'sent' }>): RefusedError | PermanentError {
  if (error instanceof PermanentError) return error
  if (kind === 'permanent') return new PermanentError(error.message)
  return error instanceof RefusedError ? error : new RefusedError(error.message, { cause: error })
}

/** What is told of every attempt. */
export interface AttemptObserver {
  readonly succeeded: (signal: Signal) => void
  /** `error` is what the exporter threw. */
  readonly failed: (signal: Signal, error: Error) => void
}

export interface DeliveryOptions {
  readonly clock: Clock
  readonly options: QueueOptions
  readonly send: Send
  readonly random: () => number
  readonly observer: AttemptObserver
}

/** Sends requests: attempts, time limits, and waits in between. Any number of them at a time. */
export class Delivery {
  readonly #options: DeliveryOptions
  /** Ends the waits; from then on a request has one attempt. */
  readonly #hurry = new AbortController()
  /** Ends the attempts. */
  readonly #giveUp = new AbortController()

  constructor(options: DeliveryOptions) {
    this.#options = options
  }

  /** No more waiting between attempts: each request has one more. */
  hurry(): void {
    this.#hurry.abort()
  }

  /** Aborts the attempts that are under way and begins no more. */
  giveUp(): void {
    this.hurry()
    this.#giveUp.abort(new RefusedError('the time to stop is over'))
  }

  /** Sends a request until it is sent or given up; never rejects. */
  async deliver(request: SendRequest): Promise<Outcome> {
    const { clock, options, random } = this.#options
    const startedMs = clock.monotonic()
    const backoff = options.retry === undefined ? undefined : new Backoff(options.retry, random)
    const settled = { sent: 0, rejected: 0 }
    const settle = (part: SettledPart): void => {
      settled.sent += part.sent
      settled.rejected += part.rejected
    }
    for (let attempts = 1; ; attempts++) {
      if (this.#giveUp.signal.aborted) return { kind: 'shutdown', error: this.#giveUp.signal.reason as Error, settled }
      const result = await this.#attempt(request, settle)
      if (!(result instanceof Error)) return { kind: 'sent', rejected: settled.rejected + (result.rejected ?? 0), attempts }
      if (result instanceof PermanentError) return { kind: 'permanent', error: result, settled }
      if (this.#hurry.signal.aborted) return { kind: 'shutdown', error: result, settled }
      const retryAfterMs = result instanceof RefusedError ? result.retryAfterMs : undefined
      const waitMs = backoff?.next({ elapsedMs: clock.monotonic() - startedMs, retryAfterMs })
      if (waitMs === undefined) return { kind: 'retries_exhausted', error: result, settled }
      await this.#wait(waitMs)
    }
  }

  async #attempt(request: SendRequest, settled: SendOptions['settled']): Promise<SendResult | Error> {
    const { clock, options, send, observer } = this.#options
    const attempt = new AbortController()
    const abort = (): void => attempt.abort(this.#giveUp.signal.reason)
    this.#giveUp.signal.addEventListener('abort', abort, { once: true })
    const stopTimer =
      options.timeoutMs > 0
        ? clock.after(options.timeoutMs, () =>
            attempt.abort(new RefusedError(`no answer within ${options.timeoutMs} ms; raise timeout if the backend is slow`)),
          )
        : undefined
    try {
      // The race makes sure that an exporter that overlooks the signal does not hold up the queue.
      const result = (await Promise.race([send(request, { signal: attempt.signal, settled }), rejectedBy(attempt.signal)])) ?? {}
      observer.succeeded(request.signal)
      return result
    } catch (thrown) {
      const error = errorOf(attempt.signal.aborted ? attempt.signal.reason : thrown)
      if (!this.#giveUp.signal.aborted) observer.failed(request.signal, error)
      return error
    } finally {
      stopTimer?.()
      this.#giveUp.signal.removeEventListener('abort', abort)
    }
  }

  #wait(ms: number): Promise<void> {
    const { signal } = this.#hurry
    return new Promise((resolve) => {
      const end = (): void => {
        stopTimer()
        signal.removeEventListener('abort', end)
        resolve()
      }
      const stopTimer = this.#options.clock.after(ms, end)
      signal.addEventListener('abort', end, { once: true })
      if (signal.aborted) end()
    })
  }
}

function rejectedBy(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(errorOf(signal.reason)), { once: true })
  })
}

function errorOf(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown))
}
