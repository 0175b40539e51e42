import type { IngestHalf } from '../component/link.ts'
import type { LogSource } from '../telemetry/log_source.ts'
import type { Instance } from './instance.ts'

/** Where messages of main halves arrive in a thread with ingest halves. */
export class HalfInbox {
  readonly #find: (key: string) => Instance | undefined
  readonly #logs: LogSource
  /** Messages for halves that are not there yet, by key. */
  readonly #early = new Map<string, unknown[]>()

  /** `find` gives the instance of a key, also while it is only prepared; `logs` gets what ingest halves throw. */
  constructor(find: (key: string) => Instance | undefined, logs: LogSource) {
    this.#find = find
    this.#logs = logs
  }

  /** Hands a message to an ingest half; one that is gone misses it. */
  receive(half: string, message: unknown): void {
    const early = this.#early.get(half)
    if (early !== undefined) early.push(message)
    else if (this.#find(half) !== undefined) this.#deliver(half, message)
    else {
      // On the main thread the answer to what a constructor sends arrives before there is an instance.
      this.#early.set(half, [message])
      queueMicrotask(() => this.#deliverEarly(half))
    }
  }

  #deliverEarly(half: string): void {
    const messages = this.#early.get(half) ?? []
    this.#early.delete(half)
    for (const message of messages) this.#deliver(half, message)
  }

  #deliver(half: string, message: unknown): void {
    const instance = this.#find(half)
    if (instance === undefined) return
    const component: Partial<IngestHalf<unknown>> = instance.component as Partial<IngestHalf<unknown>>
    try {
      component.receive?.(message)
    } catch (error) {
      this.#logs.for(instance.node.spec.address).error({ error }, 'message from main thread not taken')
    }
  }
}
