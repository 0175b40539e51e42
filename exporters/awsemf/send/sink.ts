import type { SendOptions, SendRequest } from '../../../component/kit/queue/delivery.ts'

/** Where documents go to. */
export interface EmfSink {
  /** Opens what is needed; rejects with a sentence for the operator when the settings cannot work. */
  start(): void | Promise<void>
  /**
   * Sends the documents of a queue item, as `Send` does; what becomes of them is told by `settled` alone. A further attempt at
   * the same request goes on where the one before ended.
   */
  send(request: SendRequest, options: SendOptions): Promise<void>
  /** Closes what `start` opened; what is being sent has ended before. Safe twice and without `start`. */
  close(): void | Promise<void>
}
