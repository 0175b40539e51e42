import type { SendOptions, SendRequest } from '../../../component/kit/queue/delivery.ts'
import { itemOf, type WaitingDocument } from './blocks.ts'
import type { EmfSink } from './sink.ts'

/** A document that CloudWatch makes no metric of, of one point; `mark` stands in it. */
export function plainDocument(timestampMs: number, mark: string, points = 1): WaitingDocument {
  return { timestampMs, points, json: Buffer.from(JSON.stringify({ _aws: { Timestamp: timestampMs, CloudWatchMetrics: [] }, mark })) }
}

/** A request of documents of several streams, of the group `/metrics/test`. */
export function requestOf(streams: Readonly<Record<string, readonly WaitingDocument[]>>): SendRequest {
  const items = Object.entries(streams).map(([logStream, documents]) => itemOf({ logGroup: '/metrics/test', logStream, documents }))
  return { signal: 'metrics', bytes: Buffer.concat(items.map(({ bytes }) => bytes)), items: items.reduce((sum, item) => sum + item.items, 0) }
}

/** Attempts to send one request, and what they made of it. */
export class Attempts {
  sent = 0
  rejected = 0
  readonly #sink: EmfSink
  readonly #request: SendRequest

  constructor(sink: EmfSink, request: SendRequest) {
    this.#sink = sink
    this.#request = request
  }

  /** One attempt; what it failed with, or undefined. */
  async next(signal = new AbortController().signal): Promise<(Error & { readonly retryAfterMs?: number }) | undefined> {
    const options: SendOptions = {
      signal,
      settled: ({ sent, rejected }) => {
        this.sent += sent
        this.rejected += rejected
      },
    }
    return await this.#sink.send(this.#request, options).then(
      () => undefined,
      (error: Error) => error,
    )
  }
}
