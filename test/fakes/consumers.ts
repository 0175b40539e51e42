import type { Consumer } from '../../component/consumer.ts'

/** Keeps every batch it gets. Access-log columns are reused by their receiver: read them in `onBatch` instead. */
export class CollectingConsumer<T> implements Consumer<T> {
  readonly batches: T[] = []
  readonly #onBatch: ((batch: T) => void) | undefined

  constructor(onBatch?: (batch: T) => void) {
    this.#onBatch = onBatch
  }

  consume(batch: T): void {
    this.batches.push(batch)
    this.#onBatch?.(batch)
  }
}

/** Takes nothing: throws the given error for every batch. */
export class RefusingConsumer<T> implements Consumer<T> {
  readonly #error: Error
  refused = 0

  constructor(error: Error) {
    this.#error = error
  }

  consume(): void {
    this.refused++
    throw this.#error
  }
}
